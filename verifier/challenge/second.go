package challenge

import (
	"time"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// An administrator who resets a forgotten password proves two methods, whoever
// asks for it, a page or a program: the account opens all the others, and one
// phone that was left unlocked must not be worth that much. The push comes
// first. Its approval approves nothing yet, but turns the challenge into one
// that asks for a code, and lives on for as long as a challenge can. Without a
// code registered it is denied.

// halfwayWait is how long at most a client waits that may not know yet that it is
// to ask for a code: long enough that one that never will does no harm.
const halfwayWait = 2 * time.Second

// needsSecond tells a start that ends with a code after the push.
func (st *starting) needsSecond() bool {
	return st.record.Scenario == policy.ScenarioSSPR && st.facts.Input.User.Admin
}

// halfway reports whether the push is approved and the code still to come: for
// the devices it is over.
func (r record) halfway() bool { return r.State == Pending && r.Answer != "" }

// advance goes from an approved push to the code.
func (s *Service) advance(tx store.Tx, c *change) error {
	r := &c.record
	has, err := s.Directory.HasTOTP(tx, r.User)
	if err != nil {
		return err
	}
	if !has {
		return s.settle(tx, c, Denied, string(policy.ReasonSecondMethodRequired))
	}
	// The user did approve: what an approved push lifts and counts is done now.
	before := c.account
	r.State = Approved
	s.count(c)
	r.State = Pending
	if err := s.auditLocks(tx, before, c); err != nil {
		return err
	}
	r.Experience, r.Reason, r.Number = policy.TOTP, string(policy.ReasonSecondMethodRequired), ""
	r.ExpiresAt = r.CreatedAt.Add(message.Lifetime)
	c.account.Pending, c.advanced = "", true // a code keeps no push waiting
	if err := pendings.Put(tx, r.ID, r.ExpiresAt); err != nil {
		return err
	}
	return s.Audit.Append(tx, audit.Event{
		Kind: audit.KindChallengeAdvanced, User: r.User, Client: r.Client, Device: string(r.Device), Challenge: r.ID,
		Source: r.Source, Scenario: string(r.Scenario), Experience: string(r.Experience), State: string(r.State), Reason: r.Reason,
	})
}
