package policy_test

import (
	"errors"
	"strings"
	"testing"

	"countersign/verifier/policy"
)

func TestParseInputRefuses(t *testing.T) {
	for name, test := range map[string]struct{ input, want string }{
		"empty":                       {``, "must be a JSON object"},
		"null":                        {`null`, "must be a JSON object"},
		"a list":                      {`[]`, "must be a JSON object"},
		"cut short":                   {`{"method":"push"`, "ends too early"},
		"an enum cut short":           {`{"scenario":[}`, "not JSON from byte 14 on"},
		"a boolean for a string":      {`{"client":{"version":false}}`, `member "client.version": must be a string, not a boolean`},
		"an object for a boolean":     {`{"user":{"admin":{}}}`, `member "user.admin": must be true or false, not an object`},
		"something after":             {`{} {}`, "not JSON from byte 4 on"},
		"an unknown member":           {`{"number":"42"}`, `unknown member "number"`},
		"an unknown nested member":    {`{"client":{"name":"vpn"}}`, `unknown member "client.name"`},
		"a member in another case":    {`{"Method":"push"}`, `unknown member "Method"`},
		"a duplicate member":          {`{"method":"push","method":"totp"}`, `member "method" is given twice`},
		"an unknown kind":             {`{"client":{"kind":"ftp"}}`, `member "client.kind": "ftp" is not one of "web", "radius", "nps", "adfs", "mfa_server"`},
		"a kind that is a number":     {`{"client":{"kind":5}}`, `member "client.kind": "5" is not one of "web"`},
		"an unknown scenario":         {`{"scenario":"vpn"}`, `member "scenario": "vpn" is not one of "mfa", "sspr", "combined_registration", "broker", "phone_sign_in"`},
		"an unknown method":           {`{"method":"sms"}`, `member "method": "sms" is not one of "push", "totp"`},
		"an unknown rollout":          {`{"rollout":"beta"}`, `member "rollout": "beta" is not one of "enforced", "preview"`},
		"an unknown mode":             {`{"policy":{"authentication_mode":"devicebasedpush"}}`, `is not one of "any", "push", "deviceBasedPush"`},
		"an unknown state":            {`{"policy":{"state":"default"}}`, `member "policy.state": "default" is not one of "enabled", "disabled"`},
		"an unknown feature state":    {`{"policy":{"number_matching_required_state":"on"}}`, `is not one of "default", "enabled", "disabled"`},
		"an unknown protocol":         {`{"client":{"radius_auth":"ntlm"}}`, `is not one of "pap", "chap", "mschapv2", "eap"`},
		"an unknown override":         {`{"client":{"override":"yes"}}`, `member "client.override": "yes" is not one of "TRUE", "FALSE"`},
		"an override that is no text": {`{"client":{"override":true}}`, `member "client.override": must be a string`},
		"an unknown form factor":      {`{"device":{"form_factor":"wearable"}}`, `is not one of "phone", "tablet", "desktop", "watch"`},
		"an unknown platform in a list": {
			`{"devices":[{"platform":"ios"},{"platform":"symbian"}]}`, `member "devices.1.platform": "symbian" is not one of`,
		},
		"a build that is a number":   {`{"client":{"os_build":20348.350}}`, `member "client.os_build": must be a string, not a number`},
		"a boolean that is a string": {`{"user":{"push":"yes"}}`, `member "user.push": must be true or false, not a string`},
		"a user that is a list":      {`{"user":[]}`, `member "user": must be an object, not a list`},
		"devices that are an object": {`{"devices":{}}`, `member "devices": must be a list, not an object`},
		"a device that is nothing":   {`{"devices":[null]}`, `member "devices.0": must not be null`},
		"a device beside devices":    {`{"device":{},"devices":[]}`, "either device or devices, not both"},
		"more than the limit":        {`{"client":{"version":"` + strings.Repeat("1", policy.MaxInputBytes) + `"}}`, "longer than 16384 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.ParseInput([]byte(test.input))
			if !errors.Is(err, policy.ErrInput) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a policy input error with %q", err, test.want)
			}
		})
	}
}

func TestTenantFillsWhatAnInputLeavesOut(t *testing.T) {
	hardened := policy.Tenant{Rollout: policy.Preview, AllowApproveDeny: false}
	for name, test := range map[string]struct {
		input string
		want  policy.Reason
	}{
		"both absent":          {`{"user":{"push":true}}`, policy.ReasonNumberMatchingUnavailable},
		"the input's rollout":  {`{"rollout":"enforced","user":{"push":true}}`, policy.ReasonNumberMatchingRequired},
		"the input's settings": {`{"policy":{"allow_approve_deny":true},"user":{"push":true}}`, policy.ReasonNumberMatchingNotRequired},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := hardened.ParseInput([]byte(test.input))
			if err != nil {
				t.Fatal(err)
			}
			if got := policy.Decide(in).Reason; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func FuzzParseInput(f *testing.F) {
	for _, path := range []string{"testdata/experience.jsonl", "testdata/decisions.jsonl"} {
		for _, r := range readRows(f, path) {
			f.Add([]byte(r.Input))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := policy.ParseInput(body)
		if err != nil {
			if !errors.Is(err, policy.ErrInput) {
				t.Fatalf("not a policy input error: %v", err)
			}
			return
		}
		checkDecision(t, in, policy.Decide(in))
	})
}
