package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// sender is who signed a message, as far as the verifier knows the key.
type sender struct {
	device    identity.Thumbprint // an enrolled device
	candidate enrol.Enrolment     // a device that was asked for its enrolment's number
	revoked   identity.PublicKey
}

var (
	errUnknownKey = errors.New("verifier: the signer's key is not known")
	errProof      = errors.New("verifier: the proof of the new key is for another device")
	errPending    = errors.New("verifier: keys do not change while a challenge is pending; the device asks again")
)

// receive handles one envelope off the relay. What is refused changes nothing:
// it is logged with a reason, without contents, and counted.
func (v *Verifier) receive(ctx context.Context, from identity.Thumbprint, body string) {
	typ, err := v.handle(ctx, body)
	v.taken.WithLabelValues(typ, refusal(err)).Inc()
	if err != nil && ctx.Err() == nil {
		v.logger.WarnContext(ctx, "message refused", "type", typ, "from", from, "reason", refusal(err), "error", err)
	}
}

// handle opens an envelope in the order of the design: size, type and
// algorithms, key known, signature, strict decoding, audience and ids, expiry;
// what needs the challenge's state follows in its own transaction.
func (v *Verifier) handle(ctx context.Context, body string) (string, error) {
	var who sender
	m, signed, err := message.Open(body, v.keys.Encryption, v.keys.Signing.Thumbprint(), v.now(), func(typ string, signer identity.PublicKey) error {
		var err error
		who, err = v.sender(ctx, typ, signer)
		return err
	})
	if err != nil {
		return knownType(signed.Type), err
	}
	switch m := m.(type) {
	case message.Enrol:
		err = v.Enrolments.Handle(ctx, signed.Signer, m)
	case message.Sync:
		err = v.sync(ctx, signed.Signer.Thumbprint(), who, m)
	case message.Answer:
		err = v.Challenges.Answer(ctx, signed.Signer.Thumbprint(), m, signed.Compact)
	case message.Rekey:
		err = v.rekey(ctx, who.device, m)
	default:
		err = envelope.ErrType // a verifier's message, reflected
	}
	return signed.Type, err
}

// sender says whether a message of this type may come from this key. For an
// Enrol any key may: what proves it is the MAC inside.
func (v *Verifier) sender(ctx context.Context, typ string, signer identity.PublicKey) (sender, error) {
	if err := envelope.OneOf(typ, message.TypeEnrol, message.TypeSync, message.TypeAnswer, message.TypeRekey); err != nil {
		return sender{}, err
	}
	var who sender
	if typ == message.TypeEnrol {
		return who, nil
	}
	id := signer.Thumbprint()
	err := v.Store.View(ctx, func(tx store.Tx) error {
		who = sender{}
		_, err := v.Directory.OwnerOf(tx, id)
		if err == nil {
			who.device = id
			return nil
		}
		if !errors.Is(err, directory.ErrUnknownDevice) {
			return err
		}
		if who.candidate, err = v.Enrolments.Candidate(tx, id); err == nil || !errors.Is(err, enrol.ErrUnknown) {
			return err
		}
		if typ == message.TypeSync {
			gone, err := revoked.Get(tx, string(id))
			if !errors.Is(err, store.ErrNotFound) {
				who.revoked = gone.Encryption
				return err
			}
		}
		return errUnknownKey
	})
	return who, err
}

// sync tells a device that came back what it missed.
func (v *Verifier) sync(ctx context.Context, id identity.Thumbprint, who sender, m message.Sync) error {
	switch {
	case !who.revoked.IsZero():
		v.tellRevoked(id, who.revoked)
		return nil
	case who.candidate.ID != "":
		return v.Enrolments.RepeatTo(ctx, id, who.candidate.ID)
	}
	var pending string
	err := v.Store.Update(ctx, func(tx store.Tx) error {
		device, err := v.Directory.DeviceByID(tx, id)
		if err != nil {
			return err
		}
		device.Platform, device.FormFactor, device.AppVersion = policy.Platform(m.Platform), policy.FormFactor(m.FormFactor), m.AppVersion
		device.SeenAt = v.now()
		if err := v.Directory.UpdateDevice(tx, device); err != nil {
			return err
		}
		pending, err = v.Challenges.Pending(tx, device.User)
		return err
	})
	if err != nil {
		return err
	}
	if m.Devices {
		if err := v.tellDevices(ctx, id); err != nil {
			return err
		}
	}
	ids := m.Open
	if pending != "" {
		ids = append([]string{pending}, m.Open...)
	}
	return v.Challenges.Repeat(ctx, id, ids...)
}

// tellDevices lists the user's devices to one of them: an enrolled one, and of
// its own user alone.
func (v *Verifier) tellDevices(ctx context.Context, id identity.Thumbprint) error {
	var own directory.Device
	var devices []directory.Device
	err := v.Store.View(ctx, func(tx store.Tx) (err error) {
		if own, err = v.Directory.DeviceByID(tx, id); err != nil {
			return err
		}
		devices, err = v.Directory.Devices(tx, own.User)
		return err
	})
	if err != nil {
		return err
	}
	// The latest enrolled first: the directory's order is that of random keys.
	slices.SortStableFunc(devices, func(a, b directory.Device) int { return b.EnrolledAt.Compare(a.EnrolledAt) })
	list := make([]message.ListedDevice, len(devices))
	for i, d := range devices {
		list[i] = message.ListedDevice{
			Name: d.Name, Platform: string(d.Platform), FormFactor: string(d.FormFactor), EnrolledAt: d.EnrolledAt.Unix(), This: d.ID == id,
		}
		if !d.SeenAt.IsZero() {
			list[i].SeenAt = d.SeenAt.Unix()
		}
		list[i].FitName()
	}
	v.Post.Post(own.Encryption, id, message.Devices{
		Claims: message.NewClaims(v.keys.Signing.Thumbprint(), id, v.now(), message.EnrolmentLifetime), List: list,
	})
	return nil
}

// rekey replaces a device's keys. The old key signed the message, and the new
// one proves itself. Whoever stole a device's keys could do it too, so all of
// the user's devices are told; under the new keys that is also the device's own
// confirmation. A repeated Rekey comes from a key that is known no longer.
func (v *Verifier) rekey(ctx context.Context, device identity.Thumbprint, m message.Rekey) error {
	if device == "" {
		return errUnknownKey
	}
	proof, err := envelope.Verify(m.Proof, envelope.Thumbprint(m.Signing.Thumbprint(), message.TypeRekeyProof))
	if err != nil {
		return fmt.Errorf("verifier: proof of the new key: %w", err)
	}
	if string(proof.Payload) != string(device) {
		return errProof
	}
	var current directory.Device
	err = v.Store.Update(ctx, func(tx store.Tx) (err error) {
		if current, err = v.Directory.DeviceByID(tx, device); err != nil {
			return err
		}
		// What is pending was asked of the old key, and is sealed to it.
		switch pending, err := v.Challenges.Pending(tx, current.User); {
		case err != nil:
			return err
		case pending != "":
			return errPending
		}
		if err := v.Directory.RemoveDevice(tx, current.ID); err != nil {
			return err
		}
		current.ID, current.Signing, current.Encryption = m.Signing.Thumbprint(), m.Signing, m.Encryption
		return v.Directory.AddDevice(tx, current)
	})
	if err != nil {
		return err
	}
	v.Challenges.Notify(ctx, current.User, message.NoticeDeviceRekeyed, current.Name)
	return nil
}

// knownType keeps what a stranger wrote out of labels and logs.
func knownType(typ string) string {
	if envelope.OneOf(typ, message.TypeEnrol, message.TypeSync, message.TypeAnswer, message.TypeRekey) != nil {
		return "unknown"
	}
	return typ
}

// refusal is the stable word for why a message was refused, empty if it was not.
func refusal(err error) string {
	if err == nil {
		return ""
	}
	for _, known := range []struct {
		err  error
		word string
	}{
		{envelope.ErrTooLarge, "too_large"},
		{envelope.ErrMalformed, "malformed"},
		{envelope.ErrAlgorithm, "algorithm"},
		{envelope.ErrSealed, "not_for_us"},
		{envelope.ErrType, "type"},
		{envelope.ErrUntrusted, "unknown_key"},
		{envelope.ErrSignature, "signature"},
		{message.ErrMalformed, "malformed"},
		{message.ErrVersion, "version"},
		{message.ErrIssuer, "issuer"},
		{message.ErrAudience, "audience"},
		{message.ErrExpired, "expired"},
		{message.ErrNotYet, "from_the_future"},
		{challenge.ErrUnknown, "unknown_challenge"},
		{challenge.ErrStranger, "not_asked"},
		{enrol.ErrRefused, "enrolment"},
		{errProof, "proof"},
		{errPending, "challenge_pending"},
		{errUnknownKey, "unknown_key"},
		{directory.ErrUnknownDevice, "unknown_key"},
	} {
		if errors.Is(err, known.err) {
			return known.word
		}
	}
	return "internal"
}
