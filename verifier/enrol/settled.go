package enrol

import (
	"errors"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// Settled implements challenge.Enrolment: in the transaction that settles the
// number's challenge, the device becomes the user's or nothing does.
func (s *Service) Settled(tx store.Tx, id string, state challenge.State, reason string) (*message.Account, string, error) {
	r, err := get(tx, id)
	if err != nil {
		return nil, "", err
	}
	switch {
	case r.view().Final() && state == challenge.Approved: // cancelled since the device was asked
		return nil, message.ReasonEnrolmentUnknown, nil
	case r.view().Final():
		return nil, "", nil
	}
	r.Number = ""
	if state != challenge.Approved {
		r.State, r.Reason = Refused, reason
		if state == challenge.Expired {
			r.State = Expired
		}
		return nil, "", s.end(tx, r)
	}
	account, err := s.enrol(tx, &r)
	switch {
	case errors.Is(err, directory.ErrTooManyDevices):
		r.State, r.Reason = Refused, message.ReasonTooManyDevices
		return nil, r.Reason, s.end(tx, r)
	case errors.Is(err, errNotFirst):
		r.State, r.Reason = Refused, message.ReasonEnrolmentUnknown
		return nil, r.Reason, s.end(tx, r)
	}
	if err != nil {
		return nil, "", err
	}
	r.State = Enrolled
	return account, "", s.end(tx, r)
}

func (s *Service) enrol(tx store.Tx, r *record) (*message.Account, error) {
	user, err := s.Directory.UserByID(tx, r.User)
	if err != nil {
		return nil, err
	}
	settings, err := s.Rules.Tenant.Load(tx)
	if err != nil {
		return nil, err
	}
	if r.First {
		if err := s.stillFirst(tx, user.ID); err != nil {
			return nil, err
		}
	}
	if err := s.Directory.AddDevice(tx, r.Device); err != nil {
		return nil, err
	}
	account := &message.Account{Organisation: settings.Name, User: user.Name}
	// One that was registered since the link was made stays: to put another in
	// its place would end the codes of whoever holds it, unasked.
	has, err := s.Directory.HasTOTP(tx, user.ID)
	if err != nil || has || !r.TOTP {
		return account, err
	}
	link, err := s.Vault.Open(secretLabel(r.ID), r.Secret)
	if err != nil {
		return nil, err
	}
	secret, err := message.TOTPSecret(link)
	if err != nil {
		return nil, err
	}
	account.TOTP = true
	return account, s.Directory.RegisterTOTP(tx, user.ID, secret)
}

var errNotFirst = errors.New("enrol: the user has a method already")

func (s *Service) stillFirst(tx store.Tx, user string) error {
	devices, err := s.Directory.Devices(tx, user)
	if err != nil {
		return err
	}
	has, err := s.Directory.HasTOTP(tx, user)
	if err == nil && (has || len(devices) > 0) {
		err = errNotFirst
	}
	return err
}

// end writes a final state. The link's secret is forgotten with it.
func (s *Service) end(tx store.Tx, r record) error {
	r.Secret = nil
	if r.own() {
		if err := ownLinks.Delete(tx, ownKey(r)); err != nil {
			return err
		}
	}
	if r.Device.ID != "" {
		if err := candidates.Delete(tx, string(r.Device.ID)); err != nil {
			return err
		}
	}
	if err := enrolments.Put(tx, r.ID, r); err != nil {
		return err
	}
	return s.Audit.Append(tx, audit.Event{
		Kind: audit.KindEnrolmentEnded, Actor: r.Actor, User: r.User, Device: string(r.Device.ID),
		Challenge: r.Challenge, State: string(r.State), Reason: r.Reason,
	})
}
