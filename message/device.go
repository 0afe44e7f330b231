package message

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"countersign/crypto/identity"
)

// Platforms, form factors and decisions: the only spellings that pass.
const (
	PlatformIOS     = "ios"
	PlatformAndroid = "android"
	PlatformWindows = "windows"
	PlatformMacOS   = "macos"
	PlatformLinux   = "linux"
	PlatformWatchOS = "watchos"
	PlatformWearOS  = "wearos"

	FormPhone   = "phone"
	FormTablet  = "tablet"
	FormDesktop = "desktop"
	FormWatch   = "watch"

	DecisionApprove = "approve"
	DecisionDeny    = "deny"
	DecisionReport  = "report" // "No, it's not me"
)

// Platforms and FormFactors list what a device may say of itself.
func Platforms() []string {
	return []string{PlatformIOS, PlatformAndroid, PlatformWindows, PlatformMacOS, PlatformLinux, PlatformWatchOS, PlatformWearOS}
}

// FormFactors lists the form factors (design word: watch is what others call a wearable).
func FormFactors() []string { return []string{FormPhone, FormTablet, FormDesktop, FormWatch} }

// About is what a device says of itself. It stands in Enrol and in Sync, so
// that an updated app is known to be updated.
type About struct {
	Platform   string `json:"platform"`
	FormFactor string `json:"form_factor"`
	AppVersion string `json:"app_version"`
}

func (a About) valid() bool {
	return slices.Contains(Platforms(), a.Platform) && slices.Contains(FormFactors(), a.FormFactor) && ValidVersion(a.AppVersion)
}

// Enrol asks to become a user's device. Its signer is the new device's signing
// key; MAC proves knowledge of the link's secret, which the relay never sees.
type Enrol struct {
	Claims
	About
	Enrolment  string             `json:"enrolment"`  // the link's i
	Encryption identity.PublicKey `json:"encryption"` // where messages to the device are sealed to
	Name       string             `json:"name"`       // for people, at most 64 octets
	MAC        string             `json:"mac"`        // EnrolMAC
}

// Type is TypeEnrol.
func (Enrol) Type() string { return TypeEnrol }

func (m Enrol) check() error {
	switch {
	case !validID(m.Enrolment):
		return malformed(m, "enrolment")
	case m.Encryption.IsZero():
		return malformed(m, "encryption")
	case m.Name == "" || !text(m.Name, maxName):
		return malformed(m, "name")
	case !m.valid():
		return malformed(m, "platform, form_factor or app_version")
	case len(m.MAC) != base64.RawURLEncoding.EncodedLen(sha256.Size):
		return malformed(m, "mac")
	}
	return nil
}

// Labels separate what is derived from the link's one secret: without them, a
// MAC made for one use could be presented as another.
const (
	labelEnrolMAC = "countersign v1 enrol mac"
	labelTOTP     = "countersign v1 totp secret"
)

// EnrolMAC binds everything in an Enrol to the link's secret, so that a relay
// cannot put its own keys in the place of the device's.
func EnrolMAC(secret []byte, m Enrol) (string, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, labelEnrolMAC, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{
		m.Enrolment, string(m.Issuer), string(m.Audience), m.ID, string(m.Encryption.Thumbprint()),
		m.Name, m.Platform, m.FormFactor, m.AppVersion,
	} {
		// The length first, or "ab","c" and "a","bc" would have one MAC.
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// VerifyEnrolMAC compares in constant time.
func VerifyEnrolMAC(secret []byte, m Enrol) bool {
	want, err := EnrolMAC(secret, m)
	return err == nil && hmac.Equal([]byte(want), []byte(m.MAC))
}

// TOTPSecret derives the TOTP secret (RFC 4226 §4 R6: 160 bits) that the
// combined registration gives to both ends from the link's secret, so that it
// never travels.
func TOTPSecret(linkSecret []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, linkSecret, nil, labelTOTP, 20)
}

// Sync tells a verifier that the device is there, and which prompts it holds.
// The verifier answers with the challenge that is pending, with an Outcome for
// each prompt that is no longer, and with Devices where they are asked for.
type Sync struct {
	Claims
	About
	Open []string `json:"open"` // challenge ids, at most 8
	// Devices asks for the user's list. It is left out unless it is true, so that
	// a Sync that does not ask is the same as before there was such a list.
	Devices bool `json:"devices,omitzero"`
}

// Type is TypeSync.
func (Sync) Type() string { return TypeSync }

func (m Sync) check() error {
	if !m.valid() {
		return malformed(m, "platform, form_factor or app_version")
	}
	if len(m.Open) > maxOpen || slices.ContainsFunc(m.Open, func(id string) bool { return !validID(id) }) {
		return malformed(m, "open")
	}
	return nil
}

// Answer is the user's decision on one challenge, and the receipt of it.
type Answer struct {
	Claims
	Challenge        string `json:"challenge"`        // the challenge's jti
	Decision         string `json:"decision"`         // approve, deny or report
	Number           string `json:"number,omitempty"` // what the user typed, with decision approve in mode number
	UserVerification bool   `json:"user_verification"`
	FormFactor       string `json:"form_factor"`
	AppVersion       string `json:"app_version"`
}

// Type is TypeAnswer.
func (Answer) Type() string { return TypeAnswer }

func (m Answer) check() error {
	switch {
	case !validID(m.Challenge):
		return malformed(m, "challenge")
	case !slices.Contains([]string{DecisionApprove, DecisionDeny, DecisionReport}, m.Decision):
		return malformed(m, "decision")
	case m.Number != "" && (m.Decision != DecisionApprove || !ValidNumber(m.Number)):
		return malformed(m, "number")
	case !slices.Contains(FormFactors(), m.FormFactor):
		return malformed(m, "form_factor")
	case !ValidVersion(m.AppVersion):
		return malformed(m, "app_version")
	}
	return nil
}

// ValidNumber reports whether s is written as a number to match: two or six digits.
func ValidNumber(s string) bool {
	if len(s) != 2 && len(s) != 6 {
		return false
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// Rekey replaces a device's keys. Its signer is the old signing key; Proof is a
// JWS by the new one over the old thumbprint, so that nobody can claim a key
// that they do not hold.
type Rekey struct {
	Claims
	Signing    identity.PublicKey `json:"signing"`
	Encryption identity.PublicKey `json:"encryption"`
	Proof      string             `json:"proof"`
}

// TypeRekeyProof is the JWS typ of a Rekey's proof; its payload is the old
// signing key's thumbprint.
const TypeRekeyProof = "countersign-rekey-proof+jwt"

// Type is TypeRekey.
func (Rekey) Type() string { return TypeRekey }

func (m Rekey) check() error {
	if m.Signing.IsZero() || m.Encryption.IsZero() {
		return malformed(m, "signing or encryption")
	}
	if m.Proof == "" || len(m.Proof) > 1024 {
		return malformed(m, "proof")
	}
	return nil
}
