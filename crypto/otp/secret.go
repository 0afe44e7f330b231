package otp

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// base32NoPadding is RFC 4648 §6 without padding, as authenticators write it.
var base32NoPadding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Secret is the raw shared secret, not its base32 text. A string, so that keys
// compare with ==; use [Secret.Base32] to show it to its owner.
type Secret string

// NewTOTPSecret returns 160 random bits, the length that RFC 4226 §4 (R6)
// recommends.
func NewTOTPSecret() Secret {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails: the program stops instead
	return Secret(b)
}

// ParseSecret reads base32 as people and apps write it: any case, with or
// without padding, spaces and dashes. The error is a [*FieldError] and does
// not quote the text.
func ParseSecret(text string) (Secret, error) {
	clean := strings.ToUpper(strings.TrimRight(stripSeparators(text), "="))
	if clean == "" {
		return "", fieldError("secret", "is missing; copy the whole link or code again")
	}
	if len(clean) > base32NoPadding.EncodedLen(MaxSecretBytes) {
		return "", fieldError("secret", "is longer than %d bytes", MaxSecretBytes)
	}
	raw, err := base32NoPadding.DecodeString(clean)
	if err != nil || len(raw) == 0 {
		return "", fieldError("secret", "is not base32 (letters A to Z, digits 2 to 7); copy it again")
	}
	return Secret(raw), nil
}

// ParseHexSecret reads hexadecimal text, the form that Mobile-OTP uses.
func ParseHexSecret(text string) (Secret, error) {
	clean := stripSeparators(text)
	if clean == "" {
		return "", fieldError("secret", "is missing; copy the whole link or code again")
	}
	if len(clean) > hex.EncodedLen(MaxSecretBytes) {
		return "", fieldError("secret", "is longer than %d bytes", MaxSecretBytes)
	}
	raw, err := hex.DecodeString(clean)
	if err != nil {
		return "", fieldError("secret", "is not hexadecimal (digits 0 to 9, letters a to f, an even number of them); copy it again")
	}
	return Secret(raw), nil
}

// stripSeparators removes what people put between groups of characters.
func stripSeparators(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '-', '\u00a0':
			return -1
		default:
			return r
		}
	}, s)
}

// Base32 is the secret in upper-case base32 without padding.
func (s Secret) Base32() string { return base32NoPadding.EncodeToString([]byte(s)) }

// Hex is the secret in lower-case hexadecimal.
func (s Secret) Hex() string { return hex.EncodeToString([]byte(s)) }

// MarshalText writes base32. It exists for storage that is sealed, and for
// exports that their owner asked for.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Base32()), nil }

// UnmarshalText reads base32.
func (s *Secret) UnmarshalText(text []byte) error {
	parsed, err := ParseSecret(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// String hides the secret.
func (s Secret) String() string { return redacted }

// GoString hides the secret.
func (s Secret) GoString() string { return redacted }

// Format hides the secret from every verb; %d and %x would pass String by.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// PIN is what Mobile-OTP and Yandex mix into the secret. Convert it with
// string(p) to show it to its owner.
type PIN string

// String hides the PIN.
func (p PIN) String() string { return redacted }

// GoString hides the PIN.
func (p PIN) GoString() string { return redacted }

// Format hides the PIN from every verb.
func (p PIN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the PIN from slog.
func (p PIN) LogValue() slog.Value { return slog.StringValue(redacted) }
