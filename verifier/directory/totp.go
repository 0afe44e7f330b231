package directory

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"countersign/crypto/otp"
	"countersign/verifier/audit"
	"countersign/verifier/store"
)

// totpRecord is a user's TOTP registration.
type totpRecord struct {
	Sealed []byte `json:"sealed"`
	// LastStep is the last time step whose code was used (RFC 6238 §5.2).
	LastStep     uint64    `json:"last_step"`
	RegisteredAt time.Time `json:"registered_at"`
}

const (
	minTOTPSecret = 20 // octets: 160 bits (RFC 4226 §4 R6)
	maxTOTPSecret = 128
	// totpWindow is how many steps of drift are taken on either side (RFC 6238
	// §5.2 recommends one).
	totpWindow = 1
)

func totpLabel(userID string) string { return "totp/" + userID }

// RegisterTOTP registers or replaces a user's TOTP secret: SHA1, 6 digits, 30
// seconds; active at once. A secret has 160 bits or more.
func (d *Directory) RegisterTOTP(tx store.Tx, userID string, secret []byte) error {
	if len(secret) < minTOTPSecret || len(secret) > maxTOTPSecret {
		return invalid("refused.totp_secret", "least", minTOTPSecret*8, "most", maxTOTPSecret*8)
	}
	if _, err := d.UserByID(tx, userID); err != nil {
		return err
	}
	record := totpRecord{RegisteredAt: d.now().UTC()}
	// The same secret again keeps its last step, or a code that was used could
	// be used once more.
	before, old, err := d.openTOTP(tx, userID)
	switch {
	case err == nil && subtle.ConstantTimeCompare(old, secret) == 1:
		record.LastStep = before.LastStep
	case err != nil && !errors.Is(err, ErrNoTOTP):
		return err
	}
	if record.Sealed, err = d.vault.Seal(totpLabel(userID), secret); err != nil {
		return err
	}
	if err := d.totp.Put(tx, userID, record); err != nil {
		return fmt.Errorf("directory: registering TOTP: %w", err)
	}
	return d.record(tx, audit.Event{Kind: audit.KindTOTPRegistered, User: userID})
}

// RemoveTOTP removes a user's TOTP secret, or gives ErrNoTOTP.
func (d *Directory) RemoveTOTP(tx store.Tx, userID string) error {
	has, err := d.HasTOTP(tx, userID)
	if err != nil {
		return err
	}
	if !has {
		return ErrNoTOTP
	}
	if err := d.totp.Delete(tx, userID); err != nil {
		return fmt.Errorf("directory: removing TOTP: %w", err)
	}
	return d.record(tx, audit.Event{Kind: audit.KindTOTPRemoved, User: userID})
}

// HasTOTP reports whether the user has a TOTP secret.
func (d *Directory) HasTOTP(tx store.Tx, userID string) (bool, error) {
	return d.totp.Has(tx, userID)
}

// CheckTOTP tells whether the code is the user's at that time, or one step of
// 30 seconds before or after. A code that fits is used up before it counts
// (RFC 6238 §5.2): its step is written in the caller's transaction, so that a
// code seen over the shoulder, or sent twice at once, works once. Who has no
// secret gets ErrNoTOTP. Counting wrong codes is the caller's.
func (d *Directory) CheckTOTP(tx store.Tx, userID, code string, now time.Time) (bool, error) {
	record, secret, err := d.openTOTP(tx, userID)
	if err != nil {
		return false, err
	}
	key := otp.Defaults(otp.TOTP)
	key.Secret = otp.Secret(secret)
	step, ok := otp.ValidateTOTP(key, code, now, totpWindow, record.LastStep)
	if !ok {
		return false, nil
	}
	record.LastStep = step
	if err := d.totp.Put(tx, userID, record); err != nil {
		return false, fmt.Errorf("directory: using up a code: %w", err)
	}
	return true, nil
}

func (d *Directory) openTOTP(tx store.Tx, userID string) (totpRecord, []byte, error) {
	record, err := d.totp.Get(tx, userID)
	if err := unknown(err, ErrNoTOTP, "reading TOTP"); err != nil {
		return totpRecord{}, nil, err
	}
	secret, err := d.vault.Open(totpLabel(userID), record.Sealed)
	if err != nil {
		return totpRecord{}, nil, fmt.Errorf("directory: opening a TOTP secret: %w", err)
	}
	return record, secret, nil
}
