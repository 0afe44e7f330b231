package scenario

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/lab"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/policy"
)

// elsewhere is a server that the runner does not rule: its clock is the true
// one, and its device a state folder.
func elsewhere(t *testing.T) *Remote {
	t.Helper()
	limits := challenge.DefaultLimits()
	limits.Starts5m, limits.Backoff = 100, nil
	o, err := newOwn(t.Context(), t.TempDir(), limits, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.close(); err != nil {
			t.Error(err)
		}
	})
	o.clock.add(time.Since(o.clock.Now()))
	users := map[string]givenUser{"zoe": {TOTPSecret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}
	people, err := newPeople(users)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.addUsers(t.Context(), users, people); err != nil {
		t.Fatal(err)
	}
	keys, err := o.addClients(t.Context(), map[string]givenClient{"web": {Kind: policy.KindWeb}, "old": {Kind: policy.KindMFAServer}})
	if err != nil {
		t.Fatal(err)
	}
	r := &Remote{URL: o.url + "/", ClientKeys: map[string]string{"": keys["web"], "old": keys["old"]}, AdminToken: o.admin, Devices: t.TempDir()}
	enrolState(t, o, filepath.Join(r.Devices, "phone"))
	return r
}

// enrolState makes the state folder of a device of zoe's.
func enrolState(t *testing.T, o *own, dir string) {
	t.Helper()
	virtual, err := lab.Open(t.Context(), lab.Options{
		Dir: dir, About: message.About{Platform: message.PlatformIOS}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &device{name: "phone", App: virtual.App}
	if _, err := o.enrol(t.Context(), d, "zoe", false, func(right string) string { return right }); err != nil {
		t.Fatal(err)
	}
	if err := virtual.Close(); err != nil {
		t.Fatal(err)
	}
}

const remoteFile = `scenario: passes
given:
  clients: {web: {kind: web}, old: {kind: mfa_server}}
  users: {zoe: {totp_secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}}
  devices: {phone: {platform: ios}}
when:
  - {start: push, client: web, expect: {experience: number_match, number: shown}}
  - {start: more, client: web, expect: {refused: challenge_pending}}
  - {answer: push, with: right_number, expect: {state: approved}}
  - {start: server, client: old, expect: {experience: approve_deny}}
  - {answer: server, with: deny}
  - {start: code, client: web, method: totp}
  - {code: code, with: right_code}
  - policy: {state: enabled}
  - wait: 1ms
then:
  - {count: 2, of: [push, code], state: approved}
  - {sign_in: server, state: denied, reason: user}
  - {device: phone, for: push, prompt: hidden, told: approved}
---
scenario: fails
given:
  users: {zoe: }
  devices: {phone: }
when:
  - start: push
  - {answer: push, with: wrong_number}
then:
  - {sign_in: push, state: approved}
---
scenario: wants a clock
given:
  users: {zoe: }
  devices: {phone: }
when:
  - start: push
  - wait: 1h
then:
  - {sign_in: push, state: expired}
---
scenario: is given another device
given:
  users: {zoe: }
  devices: {phone: {platform: android}}
when:
  - start: push
    expect: {state: pending}
`

func TestAServerElsewhereIsDriven(t *testing.T) {
	remote := elsewhere(t)
	scenarios, err := Parse("f.yaml", []byte(remoteFile))
	if err != nil {
		t.Fatal(err)
	}
	got := Run(t.Context(), scenarios, Options{Remote: remote}, func(r Result) { _ = r.WriteText(io.Discard) })
	if !got[0].Passed() {
		t.Errorf("got %v, %v", got[0].Failures, got[0].NotRun)
	}
	want := `f.yaml:29: sign-in "push": expected state approved, got denied (number_mismatch)`
	if len(got[1].Failures) != 1 || got[1].Failures[0].Error() != want {
		t.Errorf("got %v, want %s", got[1].Failures, want)
	}
	if got[2].NotRun == nil || got[2].NotRun.Error() != "f.yaml:37: waiting for 1h0m0s needs the runner's own server" {
		t.Errorf("got %v", got[2].NotRun)
	}
	want = "f.yaml:44: given is platform android, but the device of --devices has ios"
	if len(got[3].Failures) != 1 || got[3].Failures[0].Error() != want {
		t.Errorf("got %v, want %s", got[3].Failures, want)
	}
}

// TestWhatAServerElsewhereCannotDoIsTold: with everything at hand, and never by
// a failure or a silent pass.
func TestWhatAServerElsewhereCannotDoIsTold(t *testing.T) {
	full := &Remote{ClientKeys: map[string]string{"": "key", "vpn": "key"}, AdminToken: "token"}
	const head = "scenario: x\ngiven:\n  users: {zoe: {password: correct horse}}\n  devices: {phone: {platform: ios}}\n"
	for name, test := range map[string]struct {
		remote *Remote
		text   string
		want   string
	}{
		"tenant":   {full, "scenario: x\ngiven:\n  tenant: {number_digits: 6}\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n", "f.yaml:3: tenant settings"},
		"limits":   {full, "scenario: x\ngiven:\n  limits: {starts_5m: 6}\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n", "f.yaml:3: limits"},
		"groups":   {full, "scenario: x\ngiven:\n  groups: {g: {members: zoe}}\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n", "f.yaml:3: groups"},
		"a policy": {&Remote{ClientKeys: full.ClientKeys}, "scenario: x\ngiven:\n  policy: {state: enabled}\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n", "f.yaml:3: a policy needs --admin-token"},
		"a key":    {&Remote{}, "scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n", `f.yaml:3: the client "web" of kind web needs --client-key web=KEY`},
		"a key of a kind": {
			full, "scenario: x\ngiven:\n  clients: {ssh: {kind: radius}}\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n",
			`f.yaml:3: the client "ssh" of kind radius needs --client-key ssh=KEY`,
		},
		"codes":        {full, "scenario: x\ngiven:\n  users: {zoe: {totp: true}}\nwhen:\n  - {start: a, expect: {state: denied}}\n", `f.yaml:3: the codes of "zoe" need totp_secret`},
		"a default":    {full, "scenario: x\ngiven:\n  users: {zoe: {default: totp}}\nwhen:\n  - {start: a, expect: {state: denied}}\n", "f.yaml:3: a user with a default method"},
		"a device":     {full, head + "when:\n  - {start: a, expect: {state: denied}}\n", `f.yaml:4: the device "phone" needs --devices DIR`},
		"enrolling":    {full, "scenario: x\ngiven:\n  users: {zoe: }\n  devices: {phone: {enrolled: false}}\nwhen:\n  - enrol: phone\nthen:\n  - {device: phone, enrolled: true}\n", "f.yaml:4: enrolling"},
		"RADIUS":       {full, "scenario: x\ngiven:\n  clients: {vpn: {kind: nps}}\n  users: {zoe: }\nwhen:\n  - {start: a, radius_auth: pap, expect: {state: denied}}\n", "f.yaml:6: a sign-in of the pages or over RADIUS"},
		"a release":    {full, "scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n  - release: zoe\n", "f.yaml:6: release needs"},
		"in a repeat":  {full, "scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n  - repeat: 2\n    steps:\n      - relay: down\n", "f.yaml:8: relay needs"},
		"at once":      {full, "scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n  - together:\n      - release: zoe\n      - {start: b}\n", "f.yaml:7: release needs"},
		"a user":       {full, "scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a}\nthen:\n  - {user: zoe, devices: 1}\n", "f.yaml:7: looking at a user"},
		"a user, soon": {full, "scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a}\n  - expect: {user: zoe, devices: 1}\n", "f.yaml:6: looking at a user"},
	} {
		t.Run(name, func(t *testing.T) {
			scenarios, err := Parse("f.yaml", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			r := Run(t.Context(), scenarios, Options{Remote: test.remote}, func(Result) {})[0]
			if r.Passed() || len(r.Failures) > 0 || !strings.HasPrefix(r.NotRun.Error(), test.want) {
				t.Errorf("got %v, want %s", r.NotRun, test.want)
			}
		})
	}
}

func TestWhatIsNoServerIsTold(t *testing.T) {
	scenarios, err := Parse("f.yaml", []byte("scenario: x\ngiven:\n  users: {zoe: }\nwhen:\n  - {start: a, expect: {state: denied}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := Run(t.Context(), scenarios, Options{Remote: &Remote{URL: "http://127.0.0.1:1", ClientKeys: map[string]string{"": "key"}}}, func(Result) {})[0]
	if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0].Error(), "f.yaml:5: reaching the server: ") {
		t.Errorf("got %v", r.Failures)
	}
}
