package transport

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/crypto/strict"
)

// TypeAuth is the JWS typ of an auth token (RFC 7515 §4.1.9). No message has
// it: a signature made for the one is never taken for the other.
const TypeAuth = "countersign-auth+jwt"

// ErrToken is wrapped by every error about an auth token.
var ErrToken = errors.New("transport: auth token refused")

// Role is what an identity is to a relay.
type Role string

// The roles. Devices and verifiers hear each other, never their own kind.
const (
	RoleDevice   Role = "device"
	RoleVerifier Role = "verifier"
)

// Token is what an auth token claims.
type Token struct {
	// Nonce is the Hello's: a token serves one connection, once.
	Nonce string `json:"nonce"`
	// Relay is the URL that the client dialled. A relay that passes another's
	// Hello on to borrow the login gets a token that names itself.
	Relay string `json:"relay"`
	Role  Role   `json:"role"`
	// Verifiers are those that a device will hear, and may write to.
	Verifiers []identity.Thumbprint `json:"verifiers,omitempty"`
}

// SignToken makes the token of an Auth.
func SignToken(key identity.PrivateKey, t Token) (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("transport: writing the auth token: %w", err)
	}
	signed, err := envelope.Sign(key, TypeAuth, payload)
	if err != nil {
		return "", fmt.Errorf("transport: signing the auth token: %w", err)
	}
	if len(signed) > MaxToken {
		return "", fmt.Errorf("%w: %d octets", ErrToken, len(signed))
	}
	return signed, nil
}

// VerifyToken checks a token against the hello that it must answer, and tells
// who signed it.
func VerifyToken(compact string, hello Hello) (identity.Thumbprint, Token, error) {
	if len(compact) > MaxToken {
		return "", Token{}, fmt.Errorf("%w: too long", ErrToken)
	}
	// Any signer may come: whoever holds a key is an identity. What it may do
	// is decided by role and name, after this.
	anyone := func(typ string, _ identity.PublicKey) error { return envelope.OneOf(typ, TypeAuth) }
	signed, err := envelope.Verify(compact, anyone)
	if err != nil {
		return "", Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	var t Token
	if err := strict.Unmarshal(signed.Payload, &t); err != nil {
		return "", Token{}, fmt.Errorf("%w: claims are malformed", ErrToken)
	}
	if err := t.check(); err != nil {
		return "", Token{}, err
	}
	if t.Nonce != hello.Nonce {
		return "", Token{}, fmt.Errorf("%w: for another connection", ErrToken)
	}
	if t.Relay != hello.Relay {
		return "", Token{}, fmt.Errorf("%w: for another relay", ErrToken)
	}
	return signed.Signer.Thumbprint(), t, nil
}

// check refuses claims that make no sense, whoever signed them.
func (t Token) check() error {
	switch t.Role {
	case RoleVerifier:
		if len(t.Verifiers) > 0 {
			return fmt.Errorf("%w: a verifier that names verifiers", ErrToken)
		}
	case RoleDevice:
		if len(t.Verifiers) == 0 || len(t.Verifiers) > MaxVerifiers {
			return fmt.Errorf("%w: a device must name 1 to %d verifiers", ErrToken, MaxVerifiers)
		}
	default:
		return fmt.Errorf("%w: no known role", ErrToken)
	}
	for _, v := range t.Verifiers {
		if _, err := identity.ParseThumbprint(string(v)); err != nil {
			return fmt.Errorf("%w: a verifier's name is no thumbprint", ErrToken)
		}
	}
	return nil
}
