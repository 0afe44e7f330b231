package verifier

import (
	"context"
	"errors"
	"fmt"

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
	device    directory.Device // an enrolled device
	candidate enrol.Enrolment  // a device that was asked for its enrolment's number
	revoked   identity.PublicKey
}

var errUnknownKey = errors.New("verifier: the signer's key is not known")

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
		var err error
		if who.device, err = v.Directory.DeviceByID(tx, id); err == nil {
			return nil
		}
		if !errors.Is(err, directory.ErrUnknownDevice) {
			return err
		}
		who.device = directory.Device{}
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
	ids := m.Open
	if pending != "" {
		ids = append([]string{pending}, m.Open...)
	}
	return v.Challenges.Repeat(ctx, id, ids...)
}

// rekey replaces a device's keys. The old key signed the message, and the new
// one proves itself.
func (v *Verifier) rekey(ctx context.Context, device directory.Device, m message.Rekey) error {
	if device.ID == "" {
		return errUnknownKey
	}
	proof, err := envelope.Verify(m.Proof, envelope.Thumbprint(m.Signing.Thumbprint(), message.TypeRekeyProof))
	if err != nil {
		return fmt.Errorf("verifier: proof of the new key: %w", err)
	}
	if string(proof.Payload) != string(device.ID) {
		return errors.New("verifier: the proof of the new key is for another device")
	}
	return v.Store.Update(ctx, func(tx store.Tx) error {
		current, err := v.Directory.DeviceByID(tx, device.ID)
		if err != nil {
			return err
		}
		if err := v.Directory.RemoveDevice(tx, current.ID); err != nil {
			return err
		}
		current.ID, current.Signing, current.Encryption = m.Signing.Thumbprint(), m.Signing, m.Encryption
		return v.Directory.AddDevice(tx, current)
	})
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
		{directory.ErrUnknownDevice, "unknown_key"},
	} {
		if errors.Is(err, known.err) {
			return known.word
		}
	}
	return "internal"
}
