package otp

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"unicode"
	"unicode/utf8"
)

// Type is the kind of one-time password that a key gives.
type Type string

// The kinds of one-time password, by the names that imports and exports use.
const (
	TOTP   Type = "totp"   // RFC 6238: changes with time
	HOTP   Type = "hotp"   // RFC 4226: changes with each use
	Steam  Type = "steam"  // Steam Guard: TOTP written in 26 letters and digits
	MOTP   Type = "motp"   // Mobile-OTP (motp.sourceforge.net): MD5 of time, secret and PIN
	Yandex Type = "yandex" // Yandex.Key: TOTP over SHA-256 of PIN and secret, in letters
)

// TimeBased tells whether the code follows the clock; otherwise it follows a
// counter.
func (t Type) TimeBased() bool { return t != HOTP }

// Algorithm is the hash that a key's codes are made with.
type Algorithm string

// The hashes. MD5 belongs to Mobile-OTP alone: HMAC-MD5 is too short for the
// truncation of RFC 4226 §5.3, which reads up to byte 19 of the MAC, so that
// three in sixteen such codes would not exist.
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
	MD5    Algorithm = "MD5"
)

// What a key may be at most. A hostile link or file sets these.
const (
	MinDigits      = 5
	MaxDigits      = 10 // a truncated MAC has 31 bits, which ten digits hold
	MaxPeriod      = math.MaxInt32
	MaxCounter     = math.MaxInt64 // other apps keep a signed number
	MaxSecretBytes = 512
	MaxTextBytes   = 1024 // issuer and name, each
	MaxPINBytes    = 64
	SteamDigits    = 5 // no Steam code has another length
)

// Key is all that codes are computed from. It is comparable with ==.
type Key struct {
	Type      Type
	Issuer    string // the service; may be empty
	Name      string // the account at the service; may be empty
	Secret    Secret
	Algorithm Algorithm
	Digits    int    // characters in a code
	Period    int    // seconds that a code lasts; 0 for HOTP
	Counter   uint64 // the next counter to use; HOTP only
	PIN       PIN    // Mobile-OTP and Yandex; empty means that the user is to be asked
}

// Defaults returns the key of the given kind without secret and names, with
// the parameters that the kind has when a link leaves them out. An unknown
// kind is given back bare, and [Key.Validate] refuses it.
func Defaults(t Type) Key {
	switch t {
	case TOTP:
		return Key{Type: t, Algorithm: SHA1, Digits: 6, Period: 30}
	case HOTP:
		return Key{Type: t, Algorithm: SHA1, Digits: 6}
	case Steam:
		return Key{Type: t, Algorithm: SHA1, Digits: SteamDigits, Period: 30}
	case MOTP:
		return Key{Type: t, Algorithm: MD5, Digits: 6, Period: 10}
	case Yandex:
		return Key{Type: t, Algorithm: SHA256, Digits: 8, Period: 30}
	default:
		return Key{Type: t}
	}
}

// NewTOTP returns a fresh TOTP key with the parameters that every app
// understands: SHA-1, six digits, 30 seconds, a secret of 160 bits.
func NewTOTP(issuer, name string) Key {
	k := Defaults(TOTP)
	k.Issuer, k.Name, k.Secret = issuer, name, NewTOTPSecret()
	return k
}

// Validate reports the first field that no code can be computed from, as a
// [*FieldError].
func (k Key) Validate() error {
	if err := k.validateType(); err != nil {
		return err
	}
	if err := k.validateSecret(); err != nil {
		return err
	}
	switch {
	case k.Digits < MinDigits || k.Digits > MaxDigits:
		return fieldError("digits", "%d is outside %d to %d", k.Digits, MinDigits, MaxDigits)
	case k.Type == Steam && k.Digits != SteamDigits:
		return fieldError("digits", "%d does not go with steam, whose codes have %d characters", k.Digits, SteamDigits)
	case k.Type.TimeBased() && (k.Period < 1 || k.Period > MaxPeriod):
		return fieldError("period", "%d is not a number of seconds from 1 to %d", k.Period, MaxPeriod)
	case k.Type == HOTP && k.Period != 0:
		return fieldError("period", "a counter-based key has none")
	case k.Type == HOTP && k.Counter > MaxCounter:
		return fieldError("counter", "is above %d", uint64(MaxCounter))
	case k.Type != HOTP && k.Counter != 0:
		return fieldError("counter", "a time-based key has none")
	}
	if err := k.validatePIN(); err != nil {
		return err
	}
	if err := validateText("issuer", k.Issuer); err != nil {
		return err
	}
	return validateText("name", k.Name)
}

func (k Key) validateType() error {
	var fits bool
	switch k.Type {
	case TOTP, HOTP, Steam:
		fits = k.Algorithm == SHA1 || k.Algorithm == SHA256 || k.Algorithm == SHA512
	case MOTP:
		fits = k.Algorithm == MD5
	case Yandex:
		fits = k.Algorithm == SHA256
	default:
		return fieldError("type", "%s is not known; use totp, hotp, steam, motp or yandex", quote(string(k.Type)))
	}
	if !fits {
		return fieldError("algorithm", "%s does not go with %s", quote(string(k.Algorithm)), k.Type)
	}
	return nil
}

func (k Key) validateSecret() error {
	switch {
	case len(k.Secret) == 0:
		return fieldError("secret", "is missing; copy the whole link or code again")
	case len(k.Secret) > MaxSecretBytes:
		return fieldError("secret", "is longer than %d bytes", MaxSecretBytes)
	case k.Type == Yandex:
		return validateYandexSecret([]byte(k.Secret))
	}
	return nil
}

func (k Key) validatePIN() error {
	if k.PIN != "" && k.Type != MOTP && k.Type != Yandex {
		return fieldError("pin", "does not go with %s", k.Type)
	}
	if len(k.PIN) > MaxPINBytes {
		return fieldError("pin", "is longer than %d bytes", MaxPINBytes)
	}
	for _, c := range []byte(k.PIN) {
		if c <= ' ' || c > '~' {
			return fieldError("pin", "has characters other than ASCII letters, digits and signs")
		}
	}
	return nil
}

// validateText refuses names that could not be shown or stored faithfully:
// control characters let a name rewrite a terminal or a list of lines.
func validateText(field, s string) error {
	switch {
	case len(s) > MaxTextBytes:
		return fieldError(field, "is longer than %d bytes", MaxTextBytes)
	case !utf8.ValidString(s):
		return fieldError(field, "is not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fieldError(field, "has a control character")
		}
	}
	return nil
}

// Format implements [fmt.Formatter]: whatever the verb, it writes the kind
// alone.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(k.Type)+" "+redacted) }

// LogValue implements [slog.LogValuer]: the kind alone is logged.
func (k Key) LogValue() slog.Value { return slog.GroupValue(slog.String("type", string(k.Type))) }

// FieldError tells which field of a key, link or import entry is refused, and
// why. It never quotes a secret.
type FieldError struct {
	Field  string // type, secret, algorithm, digits, period, counter, pin, issuer, name, encoder, link
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func fieldError(field, format string, args ...any) *FieldError {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// quote shows an outside value in an error, cut to a length that fits a line.
func quote(s string) string {
	const most = 32
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
