package enrol

import (
	"context"
	"errors"
	"fmt"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/rules"
	"countersign/verifier/store"
)

// Handle takes a device that came with a link. The caller has verified the
// signature, which proves the device's key and nothing else; the MAC proves the
// link. It returns an error wrapping ErrRefused where nothing was changed.
func (s *Service) Handle(ctx context.Context, signer identity.PublicKey, m message.Enrol) error {
	var ask func()
	var refusal, again string
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		ask, refusal, again = nil, "", ""
		r, err := get(tx, m.Enrolment)
		if errors.Is(err, ErrUnknown) {
			refusal = message.ReasonEnrolmentUnknown
			return nil
		}
		if err != nil {
			return err
		}
		if r.view().Final() {
			refusal = message.ReasonEnrolmentUnknown
			return nil
		}
		secret, err := s.Vault.Open(secretLabel(r.ID), r.Secret)
		if err != nil {
			return err
		}
		switch {
		case !message.VerifyEnrolMAC(secret, m):
			// Somebody who saw the id but not the secret, such as a relay that
			// puts its own keys in: it must not even use the link up.
			return fmt.Errorf("%w: its MAC does not verify", ErrRefused)
		case r.State == Asked && r.Device.ID == m.Issuer:
			again = r.Challenge // a resend: the question got lost
			return nil
		case r.State != Waiting || s.Now().After(r.ExpiresAt):
			refusal = message.ReasonEnrolmentUnknown
			return nil
		}
		ask, refusal, err = s.accept(tx, r, signer, m)
		return err
	})
	switch {
	case err != nil:
		return err
	case refusal != "":
		s.Post.Post(m.Encryption, m.Issuer, message.Outcome{
			Claims:    message.NewClaims(m.Audience, m.Issuer, s.Now(), message.Lifetime),
			Challenge: m.Enrolment, State: message.StateDenied, Reason: refusal,
		})
		return fmt.Errorf("%w: %s", ErrRefused, refusal)
	case again != "":
		return s.Challenges.Repeat(ctx, m.Issuer, again)
	}
	ask()
	return nil
}

// accept makes the device the link's one candidate and asks it for the number,
// or gives the reason why it is turned away; then the link still stands.
func (s *Service) accept(tx store.Tx, r record, signer identity.PublicKey, m message.Enrol) (func(), string, error) {
	user, err := s.Directory.UserByID(tx, r.User)
	if err != nil {
		return nil, "", err
	}
	if user.Disabled {
		return nil, message.ReasonEnrolmentUnknown, nil
	}
	facts, err := s.Rules.Of(tx, user)
	if err != nil {
		return nil, "", err
	}
	device := directory.Device{
		ID: signer.Thumbprint(), User: r.User, Name: m.Name, Signing: signer, Encryption: m.Encryption,
		Platform: policy.Platform(m.Platform), FormFactor: policy.FormFactor(m.FormFactor), AppVersion: m.AppVersion,
		EnrolledAt: s.Now(), SeenAt: s.Now(),
	}
	decision := decide(facts, device)
	if reason := turnedAway(decision); reason != "" {
		r.Notice = reason
		return nil, reason, enrolments.Put(tx, r.ID, r)
	}
	if taken, err := s.Directory.DeviceByID(tx, m.Issuer); err == nil && taken.ID != "" {
		// Two organisations, or two users, never share a key.
		return nil, message.ReasonEnrolmentUnknown, nil
	}
	r.Device = device
	c, ask, err := s.Challenges.StartEnrolment(tx, challenge.EnrolmentRequest{
		Enrolment: r.ID, Device: r.Device, App: facts.Settings.Name,
		Number: decision.Experience == policy.NumberMatch, Digits: facts.Settings.NumberDigits, ExpiresAt: r.ExpiresAt,
	})
	if err != nil {
		return nil, "", err
	}
	r.State, r.Challenge, r.Number, r.Notice = Asked, c.ID, c.Number, ""
	if err := candidates.Put(tx, string(m.Issuer), r.ID); err != nil {
		return nil, "", err
	}
	return ask, "", enrolments.Put(tx, r.ID, r)
}

// decide asks policy what the notification that adds the account must be.
func decide(facts rules.Facts, device directory.Device) policy.Decision {
	in := facts.Input
	in.Scenario, in.Client = policy.ScenarioCombinedRegistration, policy.Client{Kind: policy.KindWeb}
	in.User.Push = true // the device that is being added
	in.Devices = []policy.Device{device.Policy()}
	return policy.Decide(in)
}

// turnedAway is the outcome's reason for a device that policy refuses, or empty.
func turnedAway(d policy.Decision) string {
	switch {
	case d.Experience != policy.None:
		return ""
	case d.Reason == policy.ReasonWearableNotSupported:
		return message.ReasonWearable
	default:
		return string(d.Reason)
	}
}

// Candidate reports the enrolment for which a key has been asked for the number
// and not yet answered, or ErrUnknown.
func (s *Service) Candidate(tx store.Tx, device identity.Thumbprint) (Enrolment, error) {
	id, err := candidates.Get(tx, string(device))
	if errors.Is(err, store.ErrNotFound) {
		return Enrolment{}, ErrUnknown
	}
	if err != nil {
		return Enrolment{}, err
	}
	r, err := get(tx, id)
	return r.view(), err
}

// RepeatTo asks a candidate again that came back with a Sync.
func (s *Service) RepeatTo(ctx context.Context, device identity.Thumbprint, enrolment string) error {
	var id string
	err := s.Store.View(ctx, func(tx store.Tx) error {
		r, err := get(tx, enrolment)
		id = r.Challenge
		return err
	})
	if err != nil {
		return err
	}
	return s.Challenges.Repeat(ctx, device, id)
}
