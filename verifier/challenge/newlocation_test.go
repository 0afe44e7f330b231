package challenge_test

import (
	"testing"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/verifiertest"
)

// A warning that everybody sees on the first day is not read on the second, and
// a source that an attacker tried from must not count as known.
func TestALocationIsNewUntilASignInFromItIsApproved(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	for i, step := range []struct {
		ip      string
		approve bool
		isNew   bool
	}{
		{"192.0.2.1", true, false},    // the first of all: there is nothing to compare with
		{"192.0.2.1", true, false},    // known
		{"198.51.100.7", false, true}, // never seen
		{"198.51.100.7", true, true},  // still: what was denied teaches nothing
		{"198.51.100.7", true, false}, // known now
	} {
		c := f.MustStart("zoe", func(r *challenge.Request) { r.Context.IP = step.ip })
		asked, _ := verifiertest.Last[message.Challenge](device)
		if asked.ID != c.ID || asked.NewLocation != step.isNew {
			t.Errorf("step %d, %s: new_location %v, want %v", i, step.ip, asked.NewLocation, step.isNew)
		}
		answer := device.Answer(c.ID, c.Number)
		if !step.approve {
			answer = device.Answer(c.ID, "", func(a *message.Answer) { a.Decision = message.DecisionDeny })
		}
		if err := device.Send(answer); err != nil {
			t.Fatal(err)
		}
		f.Clock.Move(6 * time.Minute) // past the limit of starts
	}
}
