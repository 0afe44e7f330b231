package challenge

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// change is one transaction's work on one challenge: the record and the
// account as they were read, changed in place and written at the end.
type change struct {
	record  record
	account account
	settled bool // this change made the transition
	locked  bool // this change locked push
	opened  bool // this change lifted push's lock

	advanced bool // this change took it from the push to the code
}

// change loads a challenge with its account, lets f change them, writes them,
// and only when that is on disk tells waiters and devices.
func (s *Service) change(ctx context.Context, id string, f func(store.Tx, *change) error) (record, error) {
	var c change
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		c = change{}
		var err error
		if c.record, err = get(tx, id); err != nil {
			return err
		}
		if c.account, err = accountOf(tx, c.record.User); err != nil {
			return err
		}
		if c.record.State == Pending && !s.Now().Before(c.record.ExpiresAt) {
			// Whatever was asked comes too late: this is the transition.
			if err := s.expire(tx, &c); err != nil {
				return err
			}
		}
		if err := f(tx, &c); err != nil {
			return err
		}
		return c.write(tx)
	})
	if err != nil {
		return record{}, err
	}
	s.tell(ctx, c)
	return c.record, nil
}

func (c *change) write(tx store.Tx) error {
	if err := challenges.Put(tx, c.record.ID, c.record); err != nil {
		return err
	}
	if c.record.User == "" {
		return nil // a decoy counts for nobody
	}
	return accounts.Put(tx, c.record.User, c.account)
}

// settle makes the one transition. A challenge that is final already stays as
// it is: no second decision, however it comes.
func (s *Service) settle(tx store.Tx, c *change, state State, reason string) error {
	r := &c.record
	if r.State != Pending {
		return nil
	}
	r.State, r.Reason, r.DecidedAt, r.Number = state, reason, s.Now(), ""
	c.settled = true
	if err := pendings.Delete(tx, r.ID); err != nil {
		return err
	}
	if c.account.Pending == r.ID {
		c.account.Pending = ""
	}
	if r.Enrolment != "" {
		return s.settleEnrolment(tx, c)
	}
	before := c.account
	s.count(c)
	if err := s.auditLocks(tx, before, c); err != nil {
		return err
	}
	return s.Audit.Append(tx, audit.Event{
		Kind: audit.KindChallengeSettled, User: r.User, Client: r.Client, Device: string(r.Device), Challenge: r.ID,
		Source: r.Source, Scenario: string(r.Scenario), Experience: string(r.Experience), State: string(state), Reason: reason,
	})
}

// auditLocks records what a transition locked, lifted and blocked.
func (s *Service) auditLocks(tx store.Tx, before account, c *change) error {
	r, after := c.record, c.account
	c.locked = before.PushLocked.IsZero() && !after.PushLocked.IsZero()
	c.opened = !before.PushLocked.IsZero() && after.PushLocked.IsZero()
	for _, event := range []struct {
		happened bool
		kind     string
	}{
		{c.locked, audit.KindPushLocked},
		{c.opened, audit.KindPushUnlocked},
		{!before.TOTPLocked.IsZero() && after.TOTPLocked.IsZero(), audit.KindCodeUnlocked},
		{r.Reason == message.ReasonReported, audit.KindSourceBlocked},
	} {
		if !event.happened {
			continue
		}
		err := s.Audit.Append(tx, audit.Event{Kind: event.kind, User: r.User, Challenge: r.ID, Source: r.Source})
		if err != nil {
			return err
		}
	}
	return nil
}

// count applies a transition to the user's counters.
func (s *Service) count(c *change) {
	r, a, now := c.record, &c.account, s.Now()
	approved := r.State == Approved
	if r.Experience == experienceTOTP && r.Reason != message.ReasonReported {
		if approved {
			// A sign-in by code proves the user: it ends push's lock, too.
			a.WrongCodes, a.TOTPLocked, a.WrongNumbers, a.PushLocked = 0, time.Time{}, 0, time.Time{}
			a.learn(r.Source)
		}
		return
	}
	if r.Open {
		a.Open.settled(approved, now)
	} else {
		a.Push.settled(approved, now)
	}
	switch {
	case approved:
		a.WrongNumbers, a.WrongCodes, a.TOTPLocked = 0, 0, time.Time{}
		a.learn(r.Source)
	case r.Reason == message.ReasonNumberMismatch:
		if a.WrongNumbers++; a.WrongNumbers >= s.Limits.WrongNumbers && a.PushLocked.IsZero() {
			a.PushLocked = now
		}
	case r.Reason == message.ReasonReported:
		a.block(r.Source, now.Add(s.Limits.ReportBlock), now)
	}
}

func (s *Service) settleEnrolment(tx store.Tx, c *change) error {
	account, refusal, err := s.Enrolment.Settled(tx, c.record.Enrolment, c.record.State, c.record.Reason)
	if err != nil {
		return fmt.Errorf("challenge: settling an enrolment: %w", err)
	}
	if refusal != "" {
		// The right number came, and the device is still not the user's: it must
		// not be told that it is.
		c.record.State, c.record.Reason = Denied, refusal
	}
	c.record.Account = account
	return nil
}

func (s *Service) expire(tx store.Tx, c *change) error { return s.settle(tx, c, Expired, "") }

// tell wakes waiters and informs devices. It comes after the transaction.
func (s *Service) tell(ctx context.Context, c change) {
	if !c.settled && !c.advanced {
		return
	}
	r := c.record
	if c.settled {
		s.settled.WithLabelValues(string(r.State), outcomeReason(r)).Inc()
	}
	s.wake(r)
	for _, to := range r.Asked {
		s.Post.Post(to.Encryption, to.Signing, r.outcome(s.Issuer, to.Signing, s.Now()))
	}
	if c.locked {
		s.Logger.WarnContext(ctx, "push locked after wrong numbers", "user", r.User)
		s.notifyUser(ctx, r.User, message.NoticeLocked, "", "")
	}
	if c.opened {
		s.notifyUser(ctx, r.User, message.NoticeUnlocked, "", "")
	}
	if r.Enrolment != "" && r.State == Approved {
		s.notifyUser(ctx, r.User, message.NoticeDeviceAdded, r.DeviceName, r.Device) // it knows of itself
	}
	if r.Enrolment == "" && r.Reason == message.ReasonReported {
		s.Logger.WarnContext(ctx, "sign-in reported by its user", "user", r.User, "challenge", r.ID, "source", r.Source)
		s.notifyUser(ctx, r.User, message.NoticeReported, "", "")
	}
}

// Answer settles a challenge by a device's signed answer. The caller has
// verified the signature and the claims; receipt is the answer's JWS. The
// device is told the outcome in every case, and an identical resend is told the
// stored one again.
func (s *Service) Answer(ctx context.Context, device identity.Thumbprint, answer message.Answer, receipt string) error {
	again := false
	r, err := s.change(ctx, answer.Challenge, func(tx store.Tx, c *change) error {
		if _, asked := c.record.asked(device); !asked {
			// A device of another user, or one enrolled after the challenge.
			return ErrStranger
		}
		// Of what is halfway, a late approval changes nothing; a denial still denies.
		late := c.record.halfway() && answer.Decision == message.DecisionApprove
		if again = (c.record.State != Pending || late) && !c.settled; again {
			return nil
		}
		if err := s.stillEnrolled(tx, c, device); err != nil {
			return err
		}
		switch gone, err := s.userGone(tx, c); {
		case err != nil:
			return err
		case gone:
			return s.settle(tx, c, Cancelled, "")
		}
		state, reason := s.judge(c, answer)
		c.record.Device, c.record.Answer, c.record.Receipt = device, answer.ID, receipt
		if c.settled {
			// It expired on arrival: no receipt of a decision that did not count.
			c.record.Device, c.record.Answer, c.record.Receipt = "", "", ""
		}
		if state == Approved && c.record.Second && !c.settled {
			return s.advance(tx, c)
		}
		return s.settle(tx, c, state, reason)
	})
	if err != nil {
		return err
	}
	if again {
		to, _ := r.asked(device)
		s.Post.Post(to.Encryption, to.Signing, r.outcome(s.Issuer, device, s.Now()))
	}
	return nil
}

// stillEnrolled looks at the device once more where the answer counts: its
// signature was checked in an earlier transaction, and a revocation that came
// between would else be overtaken by an answer that waited in a queue.
func (s *Service) stillEnrolled(tx store.Tx, c *change, device identity.Thumbprint) error {
	if c.record.Enrolment != "" {
		return nil // it becomes the user's by this answer
	}
	owner, err := s.Directory.OwnerOf(tx, device)
	if errors.Is(err, directory.ErrUnknownDevice) || err == nil && owner != c.record.User {
		return ErrStranger
	}
	return err
}

// userGone reports whether the user was removed or disabled since the start:
// what is pending for them then ends without an approval, whatever is answered.
func (s *Service) userGone(tx store.Tx, c *change) (bool, error) {
	user, err := s.Directory.UserByID(tx, c.record.User)
	if errors.Is(err, directory.ErrUnknownUser) {
		return true, nil
	}
	return user.Disabled, err
}

// judge turns an answer into a transition. Everything that is not a right
// approval denies. A denial or a report is honoured whatever the device is: it
// can do no harm.
func (s *Service) judge(c *change, answer message.Answer) (State, string) {
	r := c.record
	switch {
	case answer.Decision == message.DecisionReport:
		return Denied, message.ReasonReported
	case answer.Decision != message.DecisionApprove:
		return Denied, message.ReasonUser
	case answer.FormFactor == message.FormWatch:
		return Denied, message.ReasonWearable
	case message.VersionBefore(answer.AppVersion, r.MinVersion):
		return Denied, message.ReasonUpgradeRequired
	case r.Verify && !answer.UserVerification:
		return Denied, message.ReasonUserVerificationMissing
	case r.Enrolment == "" && !c.account.PushLocked.IsZero():
		return Denied, message.ReasonLocked
	case r.Mode == message.ModeApproveDeny && answer.Number == "":
		return Approved, ""
	case r.Mode == message.ModeNumber && r.Number != "" && subtle.ConstantTimeCompare([]byte(r.Number), []byte(answer.Number)) == 1:
		return Approved, ""
	}
	return Denied, message.ReasonNumberMismatch
}

// Pending is the id of the user's pending push, or empty.
func (s *Service) Pending(tx store.Tx, user string) (string, error) {
	a, err := accountOf(tx, user)
	return a.Pending, err
}

// Repeat tells a device that came back where challenges stand: the pending ones
// are asked again, and of the others it learns the outcome. Of an id that is
// unknown, or was never asked of this device, it learns nothing.
func (s *Service) Repeat(ctx context.Context, device identity.Thumbprint, ids ...string) error {
	for _, id := range ids {
		r, err := s.load(ctx, id)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil {
			return err
		}
		to, asked := r.asked(device)
		switch {
		case !asked:
		case r.State == Pending && !r.halfway():
			s.Post.Post(to.Encryption, device, r.message(s.Issuer, device))
		default:
			s.Post.Post(to.Encryption, device, r.outcome(s.Issuer, device, s.Now()))
		}
	}
	return nil
}
