package scenario

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// begin is what the failing scenarios below share: seven lines.
const begin = `scenario: It fails
given:
  users: {zoe: {totp: true, password: correct horse}}
  devices: {phone: {platform: ios}, tablet: {platform: android}}
  limits: {starts_5m: 1}
when:
  - start: sign_in
`

func runText(t *testing.T, text string) Result {
	t.Helper()
	scenarios, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Run(t.Context(), scenarios, Options{}, func(Result) {})[0]
}

// TestWhatIsNotMetFailsAtOnce: each expectation, unmet, tells its line, what was
// expected and what came, and no time-out is waited for.
func TestWhatIsNotMetFailsAtOnce(t *testing.T) {
	for name, test := range map[string]struct{ rest, want string }{
		"state": {
			"  - {answer: sign_in, device: phone, with: wrong_number}\nthen:\n  - {sign_in: sign_in, state: approved}\n",
			`f.yaml:10: sign-in "sign_in": expected state approved, got denied (number_mismatch)`,
		},
		"an approval that nobody gives": {"then:\n  - {sign_in: sign_in, state: approved}\n", `f.yaml:9: sign-in "sign_in": expected state approved, got pending`},
		"experience":                    {"    expect: {experience: totp}\n", "f.yaml:7: expected experience totp, got number_match"},
		"reason":                        {"    expect: {reason: default_method}\n", "f.yaml:7: expected reason default_method, got number_matching_required"},
		"number":                        {"    expect: {number: hidden}\n", "f.yaml:7: expected the number hidden, got shown"},
		"digits":                        {"    expect: {digits: 6}\n", "f.yaml:7: expected digits 6, got 2"},
		"a refusal that does not come":  {"    expect: {refused: push_locked}\n", "f.yaml:7: expected refusal push_locked, got none"},
		"a refusal that comes": {
			"  - cancel: sign_in\n  - start: second\n    expect: {state: pending}\n",
			`f.yaml:9: expected the sign-in to go ahead, but it was refused with too_many_requests (429)`,
		},
		"a wait": {
			"  - cancel: sign_in\n  - {start: second, expect: {refused: too_many_requests, retry_after: 1h}}\n",
			"f.yaml:9: expected a wait of 1h0m0s, got 5m0s",
		},
		"the deciding device": {
			"  - {answer: sign_in, device: phone, with: right_number}\nthen:\n  - {sign_in: sign_in, device: tablet}\n",
			`f.yaml:10: sign-in "sign_in": expected the deciding device tablet, got phone`,
		},
		"what the device is told": {
			"  - {answer: sign_in, device: phone, with: deny, expect: {state: approved}}\n",
			"f.yaml:8: expected the device to be told approved, got denied",
		},
		"a request that is there":       {"then:\n  - {device: phone, for: sign_in, prompt: hidden}\n", "f.yaml:9: device phone: expected the request hidden, got shown"},
		"a request that is not there":   {"  - cancel: sign_in\nthen:\n  - {device: phone, for: sign_in, prompt: shown}\n", "f.yaml:10: device phone: expected the request shown, got hidden"},
		"what the prompt tells":         {"then:\n  - {device: phone, for: sign_in, app: Payroll}\n", `f.yaml:9: device phone: expected app "Payroll", got ""`},
		"what the prompt asks":          {"then:\n  - {device: phone, for: sign_in, mode: approve_deny}\n", "f.yaml:9: device phone: expected mode approve_deny, got number"},
		"a notice":                      {"then:\n  - {device: phone, notice: locked}\n", "f.yaml:9: device phone: expected the notice locked, got device_added"},
		"refused messages":              {"then:\n  - {device: phone, refusals: replay}\n", "f.yaml:9: device phone: expected refused messages replay, got none"},
		"a lock":                        {"then:\n  - {user: zoe, push_locked: true}\n", "f.yaml:9: user zoe: expected push locked true, got false"},
		"a count":                       {"then:\n  - {count: 0, of: sign_in, state: pending}\n", "f.yaml:9: expected 0 of the sign-ins to be pending, got 1: sign_in pending"},
		"an answer to a settled one":    {"  - cancel: sign_in\n  - {answer: sign_in, device: phone, with: deny}\nthen:\n  - {sign_in: sign_in, state: denied}\n", `f.yaml:9: the sign-in "sign_in" is cancelled: the device phone has no request to answer`},
		"an answer to a code":           {"  - {start: code, method: totp}\n  - {answer: code, device: phone, with: deny}\nthen:\n  - {sign_in: code, state: denied}\n", `f.yaml:9: the sign-in "code" asks for totp: no device is asked`},
		"a prompt that has not arrived": {"  - away: phone\n  - {answer: sign_in, device: phone, with: deny, expect: {state: denied}}\n", "f.yaml:9: the device phone is away: it is told nothing before it is back"},
		"a code":                        {"  - {start: code, method: totp}\n  - {code: code, with: wrong_code}\nthen:\n  - {sign_in: code, state: approved}\n", "f.yaml:9: the code was refused with wrong_code"},
		"a code that was never taken":   {"  - {start: code, method: totp}\n  - {code: code, with: replayed_code}\nthen:\n  - {sign_in: code, state: approved}\n", "f.yaml:9: no code of zoe was taken before"},
		"the what-if":                   {"  - evaluate: {client: {kind: web}}\n    expect: {experience: totp}\n", "f.yaml:8: expected experience totp, got none"},
		"a what-if that cannot be read": {"  - evaluate: {client: {kind: wap}}\n    expect: {experience: totp}\n", "f.yaml:8: the what-if was refused: "},
		"a policy that is refused":      {"  - policy: {state: perhaps}\nthen:\n  - {sign_in: sign_in, state: pending}\n", "f.yaml:8: the policy was refused with 400: "},
		"a policy's status":             {"  - policy: {state: enabled}\n    expect: {status: 400}\n", "f.yaml:8: expected status 400, got 204"},
		"the control that is not there": {"  - cancel: sign_in\n  - wait: 10m\n  - {sign_in_here: here, device: phone}\n  - show_number_again: here\nthen:\n  - {sign_in: here, state: pending}\n", `f.yaml:11: "Show me the number again" is not offered`},
		"inside a together":             {"  - together:\n      - {answer: sign_in, device: phone, with: approve}\n      - evaluate: {client: {kind: web}}\n        expect: {experience: none}\n", "f.yaml:9: the answer of phone: "},
		"inside a repeat":               {"  - repeat: 3\n    steps:\n      - evaluate: {client: {kind: web}}\n        expect: {experience: totp}\n", "f.yaml:10: expected experience totp, got none (time 1 of 3)"},
		"one of several": {
			"then:\n  - {sign_in: sign_in, state: pending}\n  - {sign_in: sign_in, state: [approved, denied], digits: 2}\n",
			`f.yaml:10: sign-in "sign_in": expected state approved or denied, got pending`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			r := runText(t, begin+test.rest)
			if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0].Error(), test.want) {
				t.Errorf("got  %v\nwant %s", r.Failures, test.want)
			}
			// The challenge lives for a minute: a time-out would show.
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestAGivenThatCannotBeIsAFailureWithItsLine: the server refuses it.
func TestAGivenThatCannotBeIsAFailureWithItsLine(t *testing.T) {
	r := runText(t, "scenario: x\ngiven:\n  policy: {state: perhaps}\n  users: {zoe: }\nwhen:\n  - start: a\n    expect: {state: denied}\n")
	if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0].Error(), "f.yaml:3: the policy was refused with 400") {
		t.Errorf("got %v", r.Failures)
	}
}

func results() []Result {
	one := &Scenario{Path: "a.yaml", Line: 1, Name: "holds", Rules: []rule{1, 9}}
	two := &Scenario{Path: "a.yaml", Line: 20, Name: `is <not> met`, Rules: []rule{2}}
	three := &Scenario{Path: "b.yaml", Line: 1, Name: "elsewhere"}
	return []Result{
		{Scenario: one, Elapsed: 12 * time.Millisecond},
		{Scenario: two, Elapsed: time.Second, Failures: []error{&FileError{"a.yaml", 23, "expected state approved, got denied"}, errors.New("and that")}},
		{Scenario: three, NotRun: errors.New("it wants a clock")},
	}
}

func TestTheReportForPeople(t *testing.T) {
	var out bytes.Buffer
	for _, r := range results() {
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(&out, Summary(results(), 1500*time.Millisecond))
	want := `✓ holds (rules 1, 9, 12 ms)
✗ is <not> met (rule 2, 1000 ms)
    a.yaml:23: expected state approved, got denied
    and that
– elsewhere (no rule, 0 ms)
    not run here: it wants a clock
1 passed, 1 failed, 1 not run here (1.5 s)
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestTheReportForCI(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJUnit(&out, results()); err != nil {
		t.Fatal(err)
	}
	var doc junitSuites
	if err := xml.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Tests != 3 || doc.Failures != 1 || doc.Skipped != 1 || len(doc.Suites) != 2 {
		t.Errorf("got %+v", doc)
	}
	a, b := doc.Suites[0], doc.Suites[1]
	if a.Name != "a.yaml" || a.Tests != 2 || a.Failures != 1 || a.Time != "1.012" || b.Skipped != 1 || b.Cases[0].Skipped.Message != "it wants a clock" {
		t.Errorf("got %+v, %+v", a, b)
	}
	failed := a.Cases[1]
	if failed.Name != "is <not> met" || failed.Class != "rule 2" || failed.Line != 20 || failed.Failure == nil ||
		failed.Failure.Message != "a.yaml:23: expected state approved, got denied" || !strings.Contains(failed.Failure.Text, "and that") {
		t.Errorf("got %+v", failed)
	}
}
