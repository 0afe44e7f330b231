// Package message is what a device and a verifier say to each other inside
// envelopes: the types, their limits and their checks. It does no I/O and knows
// nobody's state.
//
//	device   → verifier   Enrol, Sync, Answer, Rekey
//	verifier → device     Challenge, Outcome, Notice, Devices, Revoked
//
// Every message is decoded strictly, because "DECISION" read as "decision", or
// the second of two equal members, once turned a denial into an approval.
package message

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/crypto/strict"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// The JWS typ of each message (RFC 7515 §4.1.9).
const (
	TypeEnrol     = "countersign-enrol+jwt"
	TypeSync      = "countersign-sync+jwt"
	TypeAnswer    = "countersign-answer+jwt"
	TypeRekey     = "countersign-rekey+jwt"
	TypeChallenge = "countersign-challenge+jwt"
	TypeOutcome   = "countersign-outcome+jwt"
	TypeNotice    = "countersign-notice+jwt"
	TypeDevices   = "countersign-devices+jwt"
	TypeRevoked   = "countersign-revoked+jwt"
)

// What Decode and Check refuse, for errors.Is. None of them quotes a value.
var (
	ErrMalformed = errors.New("message: malformed")
	ErrVersion   = errors.New("message: protocol version not supported")
	ErrIssuer    = errors.New("message: issuer is not the signer")
	ErrAudience  = errors.New("message: meant for somebody else")
	ErrExpired   = errors.New("message: expired")
	ErrNotYet    = errors.New("message: from the future; check the clocks")
)

// Claims stand in every message.
type Claims struct {
	Version  int                 `json:"v"`
	Issuer   identity.Thumbprint `json:"iss"` // the signer's key
	Audience identity.Thumbprint `json:"aud"` // the recipient's signing key
	ID       string              `json:"jti"` // 128 random bits, base64url
	IssuedAt int64               `json:"iat"` // seconds since 1970 (RFC 7519 §4.1.6)
	Expires  int64               `json:"exp"` // seconds since 1970 (RFC 7519 §4.1.4)
}

// NewClaims begins a message that is valid from now for ttl.
func NewClaims(from, to identity.Thumbprint, now time.Time, ttl time.Duration) Claims {
	return Claims{Version: Version, Issuer: from, Audience: to, ID: NewID(), IssuedAt: now.Unix(), Expires: now.Add(ttl).Unix()}
}

// NewID makes an id of 128 random bits, 22 base64url characters.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// NewIDAt makes an id like NewID's, whose first 48 bits are the time in
// milliseconds and of which 80 are random, as in a UUID of version 7 (RFC 9562
// §5.7): nobody can guess it, and records that are made and changed together
// stand together in a store that keeps them by id.
func NewIDAt(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails: crypto/rand ends the program first
	ms := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Message is one of the types of this package.
type Message interface {
	// Type is the JWS typ.
	Type() string
	// Head is the message's claims.
	Head() Claims
	check() error
}

// Head gives the claims to whoever holds a Message of unknown type.
func (c Claims) Head() Claims { return c }

// Seal signs a message and seals it to the recipient's encryption key.
func Seal(m Message, signer identity.PrivateKey, encryption identity.PublicKey) (string, error) {
	payload, err := encode(m)
	if err != nil {
		return "", err
	}
	return envelope.Seal(signer, encryption, m.Type(), payload)
}

func encode(m Message) ([]byte, error) {
	if err := checkAll(m); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("message: writing a %s: %w", m.Type(), err)
	}
	return payload, nil
}

// Open opens an envelope and checks all of the message that can be checked
// without state: that trust accepts the signer, that the signature verifies,
// that the claims decode strictly, that the signer issued it to audience, and
// that it is current at now.
func Open(sealed string, encryption identity.PrivateKey, audience identity.Thumbprint, now time.Time, trust envelope.Trust) (Message, envelope.Signed, error) {
	signed, err := envelope.Open(sealed, encryption, trust)
	if err != nil {
		return nil, envelope.Signed{}, err
	}
	m, err := Decode(signed.Type, signed.Payload)
	if err != nil {
		return nil, signed, err
	}
	if err := Check(m, signed.Signer.Thumbprint(), audience, now); err != nil {
		return nil, signed, err
	}
	return m, signed, nil
}

// Decode reads the payload of a message of the given type, strictly.
func Decode(typ string, payload []byte) (Message, error) {
	switch typ {
	case TypeEnrol:
		return decode[Enrol](payload)
	case TypeSync:
		return decode[Sync](payload)
	case TypeAnswer:
		return decode[Answer](payload)
	case TypeRekey:
		return decode[Rekey](payload)
	case TypeChallenge:
		return decode[Challenge](payload)
	case TypeOutcome:
		return decode[Outcome](payload)
	case TypeNotice:
		return decode[Notice](payload)
	case TypeDevices:
		return decode[Devices](payload)
	case TypeRevoked:
		return decode[Revoked](payload)
	default:
		return nil, fmt.Errorf("%w: unknown type", ErrMalformed)
	}
}

func decode[T Message](payload []byte) (Message, error) {
	var m T
	if err := strict.Unmarshal(payload, &m); err != nil {
		// The decoder's words may quote a value, and a value may be a number.
		return nil, fmt.Errorf("%w: a %s that does not decode", ErrMalformed, m.Type())
	}
	if err := checkAll(m); err != nil {
		return nil, err
	}
	return m, nil
}

func checkAll(m Message) error {
	c := m.Head()
	switch {
	case c.Version != Version:
		return ErrVersion
	case !validID(c.ID):
		return malformed(m, "jti")
	case c.IssuedAt <= 0 || c.Expires <= c.IssuedAt:
		return malformed(m, "exp")
	}
	return m.check()
}

// Check tells whether a message is from signer to audience, and current.
func Check(m Message, signer, audience identity.Thumbprint, now time.Time) error {
	c := m.Head()
	switch {
	case c.Issuer != signer:
		return ErrIssuer
	case c.Audience != audience:
		return ErrAudience
	case now.After(time.Unix(c.Expires, 0).Add(Leeway)):
		return ErrExpired
	case now.Before(time.Unix(c.IssuedAt, 0).Add(-Leeway)):
		return ErrNotYet
	}
	return nil
}

func malformed(m Message, member string) error {
	return fmt.Errorf("%w: %s of a %s", ErrMalformed, member, m.Type())
}

func validID(s string) bool {
	if len(s) < 16 || len(s) > maxID {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

// text reports whether s may be shown to a person: valid UTF-8 within the
// limit, without control and format characters, which could reverse or hide
// part of an address (U+202E, U+200B) on the prompt that a person decides by.
func text(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

func validIP(s string) bool {
	if s == "" {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil && len(s) <= maxIP
}

// Clean makes s fit to stand in a message as text of at most limit octets:
// characters that Seal would refuse are dropped, and the rest is cut at a
// character's end.
func Clean(s string, limit int) string {
	out := make([]rune, 0, len(s))
	size := 0
	for _, r := range s {
		if r == utf8.RuneError || !text(string(r), utf8.UTFMax) {
			continue
		}
		if size += utf8.RuneLen(r); size > limit {
			break
		}
		out = append(out, r)
	}
	return string(out)
}
