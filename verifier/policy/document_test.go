package policy_test

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"countersign/verifier/policy"
)

const (
	groupA = "aede0efe-c1b4-40dc-8ae7-2c402f23e312"
	groupB = "aede0efe-c1b4-40dc-8ae7-2c402f23e317"
	groupC = "1ca44590-e896-4dbe-98ed-b140b1e7a53a"
	typed  = `"@odata.type":"#microsoft.graph.microsoftAuthenticatorAuthenticationMethodConfiguration"`
)

// multipleTargets is the error for a feature and two targets.
//
//nolint:misspell // the misspelling is the interface
const multipleTargets = "Persistance of policy failed with error: You cannot enable multiple targets for feature '%s'. " +
	"Choose only one of the following includeTargets to enable: %s,%s."

// patched applies bodies one after the other to the default policy. Each is
// given without its braces and @odata.type.
func patched(t *testing.T, bodies ...string) policy.Document {
	t.Helper()
	d := policy.Default()
	for _, body := range bodies {
		var err error
		if d, err = d.Patch(policy.Beta, []byte("{"+typed+","+body+"}")); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// at reads a value of the document as a version shows it, by JSON pointer.
func at(t *testing.T, d policy.Document, version policy.Version, pointer string) string {
	t.Helper()
	body, err := d.JSON(version, "https://verifier.example")
	if err != nil {
		t.Fatal(err)
	}
	value := jsontext.Value(body)
	for token := range jsontext.Pointer(pointer).Tokens() {
		var object map[string]jsontext.Value
		var list []jsontext.Value
		if index, err := strconv.Atoi(token); err == nil {
			if err := json.Unmarshal(value, &list); err != nil || index >= len(list) {
				t.Fatalf("%s: %v in %s", pointer, err, value)
			}
			value = list[index]
			continue
		}
		if err := json.Unmarshal(value, &object); err != nil {
			t.Fatalf("%s: %v in %s", pointer, err, value)
		}
		value = object[token]
	}
	return string(value)
}

func target(id, more string) string {
	return fmt.Sprintf(`{"targetType":"group","id":%q%s}`, id, more)
}

func includes(targets ...string) string {
	return `"includeTargets":[` + strings.Join(targets, ",") + `]`
}

const (
	numberOn   = `,"numberMatchingRequiredState":"enabled"`
	numberOff  = `,"numberMatchingRequiredState":"disabled"`
	numberAuto = `,"numberMatchingRequiredState":"default"`
	appOff     = `,"displayAppInformationRequiredState":"disabled"`
)

func TestPatchedInOneShapeReadsRightInTheOther(t *testing.T) {
	all := policy.AllUsers
	for name, test := range map[string]struct {
		bodies []string
		want   map[string]string
	}{
		"legacy: enabled for all users": {
			[]string{includes(target(all, numberOn))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state":            `"enabled"`,
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"all_users"`,
				"/includeTargets/0/numberMatchingRequiredState":                 `"enabled"`,
			},
		},
		"legacy: enabled for one of two groups": {
			[]string{includes(target(groupA, numberOn), target(groupB, numberAuto))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"` + groupA + `"`,
				"/includeTargets/0/numberMatchingRequiredState":                 `"enabled"`,
				"/includeTargets/1/numberMatchingRequiredState":                 `"default"`,
			},
		},
		"legacy: enabled for one, disabled for another": {
			[]string{includes(target(groupA, numberOff), target(groupB, numberOn))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state":            `"enabled"`,
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"` + groupB + `"`,
				"/featureSettings/numberMatchingRequiredState/excludeTarget/id": `"` + groupA + `"`,
				"/includeTargets/0/numberMatchingRequiredState":                 `"disabled"`,
				"/includeTargets/1/numberMatchingRequiredState":                 `"enabled"`,
			},
		},
		"legacy: disabled for one": {
			[]string{includes(target(groupA, appOff), target(groupB, ""))},
			map[string]string{
				"/featureSettings/displayAppInformationRequiredState/state":            `"disabled"`,
				"/featureSettings/displayAppInformationRequiredState/includeTarget/id": `"` + groupA + `"`,
				"/includeTargets/0/displayAppInformationRequiredState":                 `"disabled"`,
				"/includeTargets/1/displayAppInformationRequiredState":                 `"default"`,
				"/featureSettings/numberMatchingRequiredState/state":                   `"default"`,
			},
		},
		"legacy: disabled for all of them": {
			[]string{includes(target(groupA, numberOff), target(groupB, numberOff))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state":            `"disabled"`,
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"all_users"`,
				"/includeTargets/1/numberMatchingRequiredState":                 `"disabled"`,
			},
		},
		"legacy: turned off again": {
			[]string{includes(target(all, numberOn)), includes(target(all, numberAuto))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state": `"default"`,
				"/includeTargets/0/numberMatchingRequiredState":      `"default"`,
			},
		},
		"legacy: a user": {
			[]string{includes(`{"targetType":"user","id":"` + groupC + `"` + numberOn + `}`)},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/includeTarget": `{"targetType":"user","id":"` + groupC + `"}`,
				"/includeTargets/0/numberMatchingRequiredState":              `"enabled"`,
			},
		},
		"current: enabled for all users, targets are two groups": {
			[]string{includes(target(groupA, ""), target(groupB, "")), `"featureSettings":{"numberMatchingRequiredState":{"state":"enabled"}}`},
			map[string]string{
				"/includeTargets/0/numberMatchingRequiredState": `"enabled"`,
				"/includeTargets/1/numberMatchingRequiredState": `"enabled"`,
			},
		},
		"current: enabled for a group of its own": {
			[]string{`"featureSettings":{"numberMatchingRequiredState":{"state":"enabled","includeTarget":` + target(groupC, "") + `}}`},
			map[string]string{"/includeTargets/0/numberMatchingRequiredState": `"default"`},
		},
		"current: disabled, with an exception": {
			[]string{
				includes(target(groupA, ""), target(groupB, "")),
				`"featureSettings":{"displayAppInformationRequiredState":{"state":"disabled","excludeTarget":` + target(groupB, "") + `}}`,
			},
			map[string]string{
				"/includeTargets/0/displayAppInformationRequiredState": `"disabled"`,
				"/includeTargets/1/displayAppInformationRequiredState": `"default"`,
			},
		},
		"targets replaced without strings keep the feature": {
			[]string{includes(target(groupA, numberOn)), includes(target(groupA, `,"authenticationMode":"push"`), target(groupB, ""))},
			map[string]string{
				"/includeTargets/0/numberMatchingRequiredState": `"enabled"`,
				"/includeTargets/0/authenticationMode":          `"push"`,
				"/includeTargets/1/authenticationMode":          `"any"`,
			},
		},
		"both shapes sent back, one string changed": {
			[]string{
				includes(target(groupA, numberAuto)),
				includes(target(groupA, numberOn)) + `,"featureSettings":{"numberMatchingRequiredState":{"state":"default",` +
					`"includeTarget":{"targetType":"group","id":"all_users"}}}`,
			},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state":            `"enabled"`,
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"` + groupA + `"`,
			},
		},
		"both shapes sent back, the setting changed": {
			[]string{
				includes(target(groupA, numberOn)),
				includes(target(groupA, numberOn)) + `,"featureSettings":{"numberMatchingRequiredState":{"state":"disabled"}}`,
			},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state": `"disabled"`,
				"/includeTargets/0/numberMatchingRequiredState":      `"disabled"`,
			},
		},
		"legacy: from all users to one group": {
			[]string{includes(target(all, numberOn)), includes(target(groupC, numberOn))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state":            `"enabled"`,
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"` + groupC + `"`,
			},
		},
		"legacy: turned off for all users after one group": {
			[]string{includes(target(groupC, numberOn)), includes(target(all, numberAuto))},
			map[string]string{
				"/featureSettings/numberMatchingRequiredState/state":            `"default"`,
				"/featureSettings/numberMatchingRequiredState/includeTarget/id": `"all_users"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := patched(t, test.bodies...)
			for pointer, want := range test.want {
				if got := at(t, d, policy.Beta, pointer); got != want {
					t.Errorf("%s: got %s, want %s", pointer, got, want)
				}
			}
		})
	}
}

func TestPatchKeepsWhatIsOmittedAndReplacesTheRestWhole(t *testing.T) {
	d := patched(t,
		`"state":"disabled","isSoftwareOathEnabled":false,"excludeTargets":[`+target(groupB, "")+`]`,
		`"featureSettings":{"companionAppAllowedState":{"state":"disabled"},"displayLocationInformationRequiredState":{"state":"disabled"}}`,
		`"featureSettings":{"displayAppInformationRequiredState":{"state":"enabled","includeTarget":{"targetType":"administrativeUnit","id":"`+groupC+`"},"excludeTarget":null}}`,
	)
	for pointer, want := range map[string]string{
		"/state":                 `"disabled"`,
		"/isSoftwareOathEnabled": `false`,
		"/excludeTargets/0/id":   `"` + groupB + `"`,
		"/featureSettings/companionAppAllowedState/state":                              `"default"`,
		"/featureSettings/displayLocationInformationRequiredState/state":               `"default"`,
		"/featureSettings/displayAppInformationRequiredState/includeTarget/targetType": `"administrativeUnit"`,
		"/featureSettings/displayAppInformationRequiredState/excludeTarget/id":         `"00000000-0000-0000-0000-000000000000"`,
		"/includeTargets": `[{"targetType":"group","id":"all_users","isRegistrationRequired":false,"authenticationMode":"any",` +
			`"displayAppInformationRequiredState":"default","numberMatchingRequiredState":"default"}]`,
	} {
		if got := at(t, d, policy.Beta, pointer); got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
}

func TestV1ShowsAndTakesItsPart(t *testing.T) {
	d := patched(t, includes(target(groupA, numberOn)))
	if got, want := at(t, d, policy.V1, "/includeTargets/0"),
		`{"targetType":"group","id":"`+groupA+`","isRegistrationRequired":false,"authenticationMode":"any"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := at(t, d, policy.V1, "/featureSettings"); strings.Contains(got, "numberMatching") || strings.Contains(got, "companionApp") {
		t.Errorf("v1.0 shows %s", got)
	}
	d, err := d.Patch(policy.V1, []byte(`{`+typed+`,"featureSettings":{"displayAppInformationRequiredState":{"state":"disabled"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"/featureSettings/displayAppInformationRequiredState/state": `"disabled"`,
		"/featureSettings/numberMatchingRequiredState/state":        `"enabled"`, // out of its sight, out of its reach
	} {
		if got := at(t, d, policy.Beta, pointer); got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
}

func TestPatchRefuses(t *testing.T) {
	feature := func(setting string) string {
		return `{` + typed + `,"featureSettings":{"numberMatchingRequiredState":` + setting + `}}`
	}
	many := make([]string, policy.MaxTargets+1)
	for i := range many {
		many[i] = target(fmt.Sprintf("group-%d", i), "")
	}
	for name, test := range map[string]struct {
		version    policy.Version
		body, want string
	}{
		"rule: one target for number matching": {
			policy.Beta, `{` + typed + `,` + includes(target(groupA, numberOn), target(groupB, numberOn)) + `}`,
			fmt.Sprintf(multipleTargets, "Require Number Matching", groupA, groupB),
		},
		"rule: one target for the app's name": {
			policy.Beta,
			`{` + typed + `,` + includes(target(groupB, `,"displayAppInformationRequiredState":"enabled"`),
				target(groupC, appOff), target(groupA, `,"displayAppInformationRequiredState":"enabled"`)) + `}`,
			fmt.Sprintf(multipleTargets, "Require Display App Information", groupB, groupA),
		},
		"disabled for two of three": {
			policy.Beta, `{` + typed + `,` + includes(target(groupA, numberOff), target(groupB, numberOff), target(groupC, numberAuto)) + `}`,
			"Feature 'Require Number Matching' can be disabled for one of several includeTargets, or for all of them.",
		},
		"two shapes that contradict": {
			policy.Beta,
			`{` + typed + `,` + includes(target(groupA, numberOn)) + `,"featureSettings":{"numberMatchingRequiredState":{"state":"disabled"}}}`,
			"Feature 'Require Number Matching' is set to different values in 'includeTargets' and in 'featureSettings'. Set it in one of them.",
		},
		"no @odata.type":               {policy.Beta, `{"state":"enabled"}`, "Property '@odata.type' is required"},
		"another @odata.type":          {policy.Beta, `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration"}`, "Property '@odata.type' is required"},
		"an @odata.type of wrong type": {policy.Beta, `{"@odata.type":5}`, "Property '@odata.type' is required"},
		"an @odata.type deeper down":   {policy.Beta, `{"featureSettings":{` + typed + `}}`, "Property '@odata.type' is required"},
		"another id":                   {policy.Beta, `{` + typed + `,"id":"Fido2"}`, "Property 'id' must be 'MicrosoftAuthenticator'."},
		"no object":                    {policy.Beta, `[]`, "must be a JSON object"},
		"nothing":                      {policy.Beta, ``, "must be a JSON object"},
		"broken JSON":                  {policy.Beta, `{` + typed, "not valid JSON"},
		"two objects":                  {policy.Beta, `{` + typed + `}{}`, "not JSON from byte 4 on"},
		"a duplicate property":         {policy.Beta, `{` + typed + `,"state":"enabled","state":"disabled"}`, `member "state" is given twice`},
		"a duplicate annotation":       {policy.Beta, `{` + typed + `,` + typed + `}`, `member "@odata.type" is given twice`},
		"an unknown property":          {policy.Beta, `{` + typed + `,"numberMatching":"off"}`, `unknown member "numberMatching"`},
		"an unknown annotation":        {policy.Beta, `{` + typed + `,"@evil":1}`, `unknown member "@evil"`},
		"an unknown nested property":   {policy.Beta, feature(`{"status":"enabled"}`), `unknown member "featureSettings.numberMatchingRequiredState.status"`},
		"an unknown state":             {policy.Beta, `{` + typed + `,"state":"on"}`, `member "state": "on" is not one of "enabled", "disabled"`},
		"an unknown feature state":     {policy.Beta, feature(`{"state":"on"}`), `"on" is not one of "default", "enabled", "disabled"`},
		"an unknown mode":              {policy.Beta, `{` + typed + `,` + includes(target(groupA, `,"authenticationMode":"none"`)) + `}`, `member "includeTargets.0.authenticationMode": "none" is not one of "any", "push", "deviceBasedPush"`},
		"an unknown target type":       {policy.Beta, `{` + typed + `,"includeTargets":[{"targetType":"device","id":"x"}]}`, `member "includeTargets.0.targetType": "device" is not one of`},
		"a role as include target":     {policy.Beta, `{` + typed + `,"includeTargets":[{"targetType":"role","id":"x"}]}`, `Property 'includeTargets[0].targetType': "role" is not one of "user", "group".`},
		"a user as a feature's target": {policy.Beta, feature(`{"includeTarget":{"targetType":"user","id":"x"}}`), `Property 'featureSettings.numberMatchingRequiredState.includeTarget.targetType': "user" is not one of`},
		"a target without type":        {policy.Beta, `{` + typed + `,"excludeTargets":[{"id":"x"}]}`, "Property 'excludeTargets[0].targetType' is required."},
		"a target without id":          {policy.Beta, `{` + typed + `,"excludeTargets":[{"targetType":"group"}]}`, "Property 'excludeTargets[0].id' is required."},
		"an id that is none":           {policy.Beta, `{` + typed + `,"excludeTargets":[{"targetType":"group","id":"a\nb"}]}`, "Property 'excludeTargets[0].id': not an object's id"},
		"a target given twice":         {policy.Beta, `{` + typed + `,` + includes(target(groupA, ""), target(strings.ToUpper(groupA), "")) + `}`, "is given twice"},
		"too many targets":             {policy.Beta, `{` + typed + `,` + includes(many...) + `}`, "at most 100 targets"},
		"a wrong type":                 {policy.Beta, `{` + typed + `,"isSoftwareOathEnabled":"true"}`, `member "isSoftwareOathEnabled": must be true or false, not a string`},
		"a list for an object":         {policy.Beta, `{` + typed + `,"featureSettings":[]}`, `member "featureSettings": must be an object, not a list`},
		"an object for a list":         {policy.Beta, `{` + typed + `,"includeTargets":{}}`, `member "includeTargets": must be a list, not an object`},
		"null for a state":             {policy.Beta, `{` + typed + `,"state":null}`, `member "state": must not be null`},
		"null for a target":            {policy.Beta, `{` + typed + `,"includeTargets":[null]}`, `member "includeTargets.0": must not be null`},
		"v1.0: number matching":        {policy.V1, feature(`{"state":"enabled"}`), "Unknown property 'featureSettings.numberMatchingRequiredState' in version v1.0"},
		"v1.0: companion app":          {policy.V1, `{` + typed + `,"featureSettings":{"companionAppAllowedState":{}}}`, "Unknown property 'featureSettings.companionAppAllowedState' in version v1.0"},
		"v1.0: a target's string":      {policy.V1, `{` + typed + `,` + includes(target(groupA, numberOn)) + `}`, "Unknown property 'includeTargets[0].numberMatchingRequiredState' in version v1.0"},
		"v1.0: a target's other one":   {policy.V1, `{` + typed + `,` + includes(target(groupA, appOff)) + `}`, "Unknown property 'includeTargets[0].displayAppInformationRequiredState' in version v1.0"},
		"more than the limit":          {policy.Beta, `{` + typed + `,"id":"` + strings.Repeat("x", policy.MaxDocumentBytes) + `"}`, "longer than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Default().Patch(test.version, []byte(test.body))
			if !errors.Is(err, policy.ErrDocument) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if strings.HasPrefix(name, "rule: ") && err.Error() != test.want {
				t.Errorf("got exactly %q, want %q", err.Error(), test.want)
			}
			if !reflect.DeepEqual(got, policy.Document{}) {
				t.Errorf("a refused patch gave %+v", got)
			}
		})
	}
}

func TestSelectShowsOnlyWhatIsNamed(t *testing.T) {
	body, err := policy.Default().JSON(policy.V1, "https://verifier.example", "state", "id")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"@odata.context":"https://verifier.example/v1.0/$metadata#authenticationMethodConfigurations/$entity",` + typed +
		`,"id":"MicrosoftAuthenticator","state":"enabled"}`
	if string(body) != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
	_, err = policy.Default().JSON(policy.V1, "https://verifier.example", "password")
	if !errors.Is(err, policy.ErrDocument) || !strings.Contains(err.Error(), "'password'") {
		t.Errorf("got %v", err)
	}
}

// drawPatch draws a body of either shape or both, mostly valid.
func drawPatch(t *rapid.T) string {
	id := rapid.SampledFrom([]string{policy.AllUsers, groupA, groupB, groupC})
	state := rapid.SampledFrom([]string{"default", "enabled", "disabled"})
	var members []string
	if rapid.Bool().Draw(t, "targets") {
		var targets []string
		for _, id := range rapid.SliceOfNDistinct(id, 0, 3, rapid.ID).Draw(t, "ids") {
			var more string
			for _, feature := range []string{"numberMatchingRequiredState", "displayAppInformationRequiredState"} {
				if rapid.Bool().Draw(t, "string") {
					more += fmt.Sprintf(`,%q:%q`, feature, state.Draw(t, feature))
				}
			}
			targets = append(targets, target(id, more))
		}
		members = append(members, includes(targets...))
	}
	if rapid.Bool().Draw(t, "features") {
		var features []string
		for _, feature := range []string{"numberMatchingRequiredState", "displayAppInformationRequiredState", "companionAppAllowedState"} {
			if rapid.Bool().Draw(t, "feature") {
				features = append(features, fmt.Sprintf(`%q:{"state":%q,"includeTarget":%s,"excludeTarget":%s}`, feature,
					state.Draw(t, "state"), target(id.Draw(t, "include"), ""), target(id.Draw(t, "exclude"), "")))
			}
		}
		members = append(members, `"featureSettings":{`+strings.Join(features, ",")+`}`)
	}
	return "{" + strings.Join(append([]string{typed}, members...), ",") + "}"
}

// A client that reads the policy and patches back what it read changes nothing,
// whatever was patched before, and the stored form survives its own JSON.
func TestPatchingBackWhatWasReadChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := policy.Default()
		for range rapid.IntRange(1, 4).Draw(t, "patches") {
			if next, err := d.Patch(policy.Beta, []byte(drawPatch(t))); err == nil {
				d = next
			}
		}
		for _, version := range []policy.Version{policy.Beta, policy.V1} {
			body, err := d.JSON(version, "https://verifier.example")
			if err != nil {
				t.Fatal(err)
			}
			again, err := d.Patch(version, body)
			if err != nil || !reflect.DeepEqual(again, d) {
				t.Fatalf("%s: patching back %s\n gave %+v, %v\n want %+v", version, body, again, err, d)
			}
		}
		stored, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var loaded policy.Document
		if err := json.Unmarshal(stored, &loaded, json.RejectUnknownMembers(true)); err != nil || !reflect.DeepEqual(loaded, d) {
			t.Fatalf("stored as %s, loaded as %+v, %v", stored, loaded, err)
		}
	})
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{` + typed + `,"@odata.context":"x","id":"MicrosoftAuthenticator","state":"enabled","includeTargets@odata.context":"y",` +
		includes(target("all_users", `,"authenticationMode":"any","displayAppInformationRequiredState":"enabled"`+numberOn)) + `}`))
	f.Add([]byte(`{` + typed + `,` + includes(target(groupA, numberOn), target(groupB, numberOn)) + `}`))
	f.Add([]byte(`{` + typed + `,"isSoftwareOathEnabled":true,"excludeTargets":[` + target(groupA, "") + `],"featureSettings":{` +
		`"@odata.type":"x","numberMatchingRequiredState":{"state":"enabled","includeTarget":{"targetType":"role","id":"` + groupC + `"},"excludeTarget":null}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := policy.Default().Patch(policy.Beta, body)
		if err != nil {
			if !errors.Is(err, policy.ErrDocument) {
				t.Fatalf("not an ErrDocument: %v", err)
			}
			return
		}
		shown, err := d.JSON(policy.Beta, "https://verifier.example")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := d.Patch(policy.Beta, shown); err != nil || !reflect.DeepEqual(again, d) {
			t.Fatalf("patching back %s\n gave %+v, %v\n want %+v", shown, again, err, d)
		}
	})
}

func TestResolve(t *testing.T) {
	zoe := policy.Member{ID: groupC, Groups: []string{groupA}, Roles: []string{"role-1"}, AdministrativeUnits: []string{"unit-1"}}
	base := policy.Resolution{
		State: policy.Enabled, Targeted: true, AuthenticationMode: policy.ModeAny,
		NumberMatchingRequiredState: policy.FeatureDefault, NumberMatchingTargeted: true,
		DisplayApp: true, DisplayLocation: true, SoftwareOATH: true,
	}
	number := func(include, exclude string) string {
		return `"featureSettings":{"numberMatchingRequiredState":{"includeTarget":` + include + `,"excludeTarget":` + exclude + `}}`
	}
	app := func(state, include, exclude string) string {
		return `"featureSettings":{"displayAppInformationRequiredState":{"state":"` + state + `","includeTarget":` + include + `,"excludeTarget":` + exclude + `}}`
	}
	ours, others, none := target(groupA, ""), target(groupB, ""), "null"
	for name, test := range map[string]struct {
		body string
		want func(*policy.Resolution)
	}{
		"the default":                 {`"state":"enabled"`, func(*policy.Resolution) {}},
		"the policy is off":           {`"state":"disabled"`, func(r *policy.Resolution) { r.State = policy.Disabled }},
		"by group, without case":      {includes(target(strings.ToUpper(groupA), `,"authenticationMode":"push"`)), func(r *policy.Resolution) { r.AuthenticationMode = policy.ModePush }},
		"by user":                     {includes(`{"targetType":"user","id":"` + groupC + `","isRegistrationRequired":true}`), func(r *policy.Resolution) { r.RegistrationRequired = true }},
		"a user's id is no group's":   {includes(target(groupC, "")), func(r *policy.Resolution) { r.Targeted, r.AuthenticationMode = false, "" }},
		"two targets allow both":      {includes(target(groupA, `,"authenticationMode":"push"`), target("all_users", `,"authenticationMode":"deviceBasedPush"`)), func(*policy.Resolution) {}},
		"excluded":                    {`"excludeTargets":[` + ours + `]`, func(r *policy.Resolution) { r.Targeted, r.AuthenticationMode = false, "" }},
		"somebody else is excluded":   {`"excludeTargets":[` + others + `]`, func(*policy.Resolution) {}},
		"no software OATH":            {`"isSoftwareOathEnabled":false`, func(r *policy.Resolution) { r.SoftwareOATH = false }},
		"number matching by role":     {number(`{"targetType":"role","id":"role-1"}`, none), func(*policy.Resolution) {}},
		"by administrative unit":      {number(`{"targetType":"administrativeUnit","id":"unit-1"}`, none), func(*policy.Resolution) {}},
		"of another group":            {number(others, none), func(r *policy.Resolution) { r.NumberMatchingTargeted = false }},
		"excluded from it":            {number(none, ours), func(r *policy.Resolution) { r.NumberMatchingTargeted = false }},
		"app name off":                {app("disabled", none, none), func(r *policy.Resolution) { r.DisplayApp = false }},
		"app name off for us":         {app("disabled", ours, none), func(r *policy.Resolution) { r.DisplayApp = false }},
		"app name off for others":     {app("disabled", others, none), func(*policy.Resolution) {}},
		"app name off, but not ours":  {app("disabled", none, ours), func(*policy.Resolution) {}},
		"app name on":                 {app("enabled", none, none), func(*policy.Resolution) {}},
		"app name on, but not ours":   {app("enabled", none, ours), func(r *policy.Resolution) { r.DisplayApp = false }},
		"app name on for others only": {app("enabled", others, none), func(*policy.Resolution) {}},
		"location off": {
			`"featureSettings":{"displayLocationInformationRequiredState":{"state":"disabled"}}`,
			func(r *policy.Resolution) { r.DisplayLocation = false },
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := base
			test.want(&want)
			if got := patched(t, test.body).Resolve(zoe); got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestResolutionFillsThePolicyPartOfAnInput(t *testing.T) {
	in := policy.Input{
		Client:  policy.Client{Kind: policy.KindWeb},
		Devices: []policy.Device{{NumberMatching: true}},
		Policy:  policy.Settings{AllowApproveDeny: true},
		User:    policy.User{Push: true},
	}
	for body, want := range map[string]policy.Reason{
		`"state":"enabled"`:  policy.ReasonNumberMatchingRequired,
		`"state":"disabled"`: policy.ReasonMethodNotAllowed,
		includes(target("all_users", `,"authenticationMode":"deviceBasedPush"`)): policy.ReasonMethodNotAllowed,
		includes(): policy.ReasonMethodNotAllowed,
	} {
		filled := in
		patched(t, body).Resolve(policy.Member{ID: groupC}).Fill(&filled)
		if got := policy.Decide(filled).Reason; got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
		if !filled.Policy.AllowApproveDeny {
			t.Errorf("%s: the tenant's own setting was lost", body)
		}
	}
}
