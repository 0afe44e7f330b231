package transfer

import (
	"crypto/sha1" //nolint:gosec // Authenticator Pro derived its keys with PBKDF2-SHA1
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"countersign/crypto/otp"
)

// Stratum was named Authenticator Pro; the first 16 bytes tell the two
// encrypted forms apart by their case.
const (
	stratumMagic       = "AUTHENTICATORPRO"
	stratumLegacyMagic = "AuthenticatorPro"

	stratumSaltSize       = 16
	stratumNonceSize      = 12
	stratumLegacySaltSize = 20
	stratumLegacyIVSize   = 16

	stratumLegacyIterations = 64_000
)

type stratumFile struct {
	Authenticators          []stratumAuthenticator `json:"Authenticators"`
	Categories              []stratumCategory      `json:"Categories"`
	AuthenticatorCategories []stratumBinding       `json:"AuthenticatorCategories"`
}

type stratumAuthenticator struct {
	Type      int            `json:"Type"`
	Icon      *string        `json:"Icon"`
	Issuer    string         `json:"Issuer"`
	Username  *string        `json:"Username"`
	Secret    string         `json:"Secret"`
	PIN       jsontext.Value `json:"Pin"` // absent before Pin existed, else null or text
	Algorithm int            `json:"Algorithm"`
	Digits    *int           `json:"Digits"`
	Period    *int           `json:"Period"`
	Counter   *int64         `json:"Counter"`
}

type stratumCategory struct {
	ID   string `json:"Id"`
	Name string `json:"Name"`
}

// stratumBinding puts the account with a secret into a category.
type stratumBinding struct {
	CategoryID          string `json:"CategoryId"`
	AuthenticatorSecret string `json:"AuthenticatorSecret"`
}

func readStratum(r *run, data []byte) error {
	var file stratumFile
	if err := decode(data, &file); err != nil {
		return err
	}
	names := make(map[string]string, len(file.Categories))
	for _, c := range file.Categories {
		names[c.ID] = c.Name
	}
	groups := make(map[string][]string, len(file.Authenticators))
	for _, b := range file.AuthenticatorCategories {
		groups[b.AuthenticatorSecret] = append(groups[b.AuthenticatorSecret], names[b.CategoryID])
	}
	for _, a := range file.Authenticators {
		entry := Entry{Groups: groups[a.Secret]}
		if a.Icon != nil && !strings.HasPrefix(*a.Icon, "@") { // @ is a picture of the user's
			entry.Icon = *a.Icon
		}
		if err := addStratum(r, a, entry); err != nil {
			return err
		}
	}
	return nil
}

func addStratum(r *run, a stratumAuthenticator, entry Entry) error {
	f := fields{Issuer: a.Issuer, Secret: a.Secret, Digits: a.Digits, Period: a.Period, Counter: a.Counter}
	if a.Username != nil {
		f.Name = *a.Username
	}
	if a.PIN.Kind() == '"' {
		if err := decode(a.PIN, &f.PIN); err != nil {
			return err
		}
	}
	switch a.Type {
	case 1:
		f.Type = otp.HOTP
	case 2:
		f.Type = otp.TOTP
	case 3:
		f.Type = otp.MOTP
		f.Period = nil // the file says 30 for want of a better number
		if a.PIN == nil && len(f.Secret) > stratumPINSize {
			cut := len(f.Secret) - stratumPINSize
			f.Secret, f.PIN = f.Secret[:cut], f.Secret[cut:]
		}
	case 4:
		f.Type = otp.Steam
	case 5:
		f.Type = otp.Yandex
	default:
		return r.leaveOut(title(f.Issuer, f.Name), &otp.FieldError{Field: "type", Reason: fmt.Sprintf("%d is not known", a.Type)})
	}
	algorithms := []otp.Algorithm{otp.SHA1, otp.SHA256, otp.SHA512}
	if a.Algorithm < 0 || a.Algorithm >= len(algorithms) {
		return r.leaveOut(title(f.Issuer, f.Name), &otp.FieldError{Field: "algorithm", Reason: fmt.Sprintf("%d is not known", a.Algorithm)})
	}
	f.Algorithm = string(algorithms[a.Algorithm])
	return r.addFields(f, entry)
}

// stratumPINSize is the length of the PIN that old files append to the secret
// of a Mobile-OTP account.
const stratumPINSize = 4

// readStratumSealed reads magic | salt | nonce | AES-GCM, keyed by Argon2id.
func readStratumSealed(r *run, data []byte) error {
	data = data[len(stratumMagic):]
	if len(data) < stratumSaltSize+stratumNonceSize {
		return fmt.Errorf("%w: it is cut short", ErrDamaged)
	}
	salt, nonce, sealed := data[:stratumSaltSize], data[stratumSaltSize:][:stratumNonceSize], data[stratumSaltSize+stratumNonceSize:]
	params := argon2id{passes: 3, memory: 64 << 20, threads: 4}
	password, err := r.password(params.memory)
	if err != nil {
		return err
	}
	key, err := r.argon2id(params, password, salt)
	if err != nil {
		return err
	}
	plain, ok, err := openGCM(key, nonce, sealed, nil)
	if err != nil {
		return err
	}
	if !ok {
		return errBoxClosed()
	}
	return readStratum(r, plain)
}

// readStratumLegacy reads magic | salt | IV | AES-CBC, keyed by PBKDF2-SHA1.
// Nothing authenticates it: a wrong password shows as wrong padding, or now
// and then as text that is no JSON.
func readStratumLegacy(r *run, data []byte) error {
	data = data[len(stratumLegacyMagic):]
	if len(data) < stratumLegacySaltSize+stratumLegacyIVSize {
		return fmt.Errorf("%w: it is cut short", ErrDamaged)
	}
	salt, iv, sealed := data[:stratumLegacySaltSize], data[stratumLegacySaltSize:][:stratumLegacyIVSize], data[stratumLegacySaltSize+stratumLegacyIVSize:]
	password, err := r.password(0)
	if err != nil {
		return err
	}
	key, err := r.pbkdf2(sha1.New, password, salt, stratumLegacyIterations)
	if err != nil {
		return err
	}
	plain, ok, err := openCBC(key, iv, sealed)
	if err != nil {
		return err
	}
	if !ok || !strings.HasPrefix(strings.TrimSpace(string(plain)), "{") {
		return errBoxClosed()
	}
	return readStratum(r, plain)
}
