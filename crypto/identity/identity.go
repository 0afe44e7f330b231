// Package identity holds the P-256 keys that name the parties of Countersign.
//
// An identity is a P-256 key pair, named by the RFC 7638 thumbprint of its
// public key. P-256 is used everywhere because it is the one curve that Secure
// Enclave, StrongBox and TPM all hold. Signing and encryption use a key each;
// the type is the same, and what a key is for is said where it is kept.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json"
)

// ErrInvalid is wrapped by every error about a key or a thumbprint that is not
// what this package makes.
var ErrInvalid = errors.New("identity: invalid")

// coordinateSize is the length of a P-256 coordinate in octets (RFC 7518 §6.2.1.2).
const coordinateSize = 32

// Thumbprint is the base64url SHA-256 thumbprint of a public key (RFC 7638),
// 43 characters.
type Thumbprint string

// ParseThumbprint takes the 43 characters of a thumbprint. Only the canonical
// spelling passes: two spellings of one name would let a sender slip past a
// comparison.
func ParseThumbprint(s string) (Thumbprint, error) {
	raw, err := decodeExact(s, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("%w: thumbprint: %w", ErrInvalid, err)
	}
	return Thumbprint(base64.RawURLEncoding.EncodeToString(raw)), nil
}

// PublicKey is a P-256 public key with its thumbprint. The zero value is no key.
type PublicKey struct {
	key        *ecdsa.PublicKey
	thumbprint Thumbprint
}

// NewPublicKey takes a P-256 key; any other curve is refused with ErrInvalid.
func NewPublicKey(key *ecdsa.PublicKey) (PublicKey, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return PublicKey{}, fmt.Errorf("%w: key is not on P-256", ErrInvalid)
	}
	point, err := key.Bytes()
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: key: %w", ErrInvalid, err)
	}
	x, y := coordinates(point)
	// The required members in lexicographic order, without white space (RFC 7638 §3.1).
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return PublicKey{key: key, thumbprint: Thumbprint(base64.RawURLEncoding.EncodeToString(sum[:]))}, nil
}

// ParsePublicKey reads what Text writes.
func ParsePublicKey(text string) (PublicKey, error) {
	raw, err := decodeExact(text, 2*coordinateSize)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: public key: %w", ErrInvalid, err)
	}
	return fromCoordinates(raw)
}

// fromCoordinates takes x, then y.
func fromCoordinates(xy []byte) (PublicKey, error) {
	// The parser checks that the point is on the curve: an invalid one would
	// leak our private key in the key agreement.
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, xy...))
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: public key: %w", ErrInvalid, err)
	}
	return NewPublicKey(key)
}

// Text is the key as 86 base64url characters: x, then y. It stands in links.
func (k PublicKey) Text() string {
	point, err := k.key.Bytes()
	if err != nil {
		return "" // cannot be: every constructor has encoded the point once
	}
	return base64.RawURLEncoding.EncodeToString(point[1:])
}

// Thumbprint names the key (RFC 7638).
func (k PublicKey) Thumbprint() Thumbprint { return k.thumbprint }

// ECDSA gives the key to the libraries that sign, verify and encrypt.
func (k PublicKey) ECDSA() *ecdsa.PublicKey { return k.key }

// IsZero reports whether there is no key.
func (k PublicKey) IsZero() bool { return k.key == nil }

type jwk struct {
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// MarshalJSON writes the JWK with its required members alone (RFC 7517, RFC 7518 §6.2.1).
func (k PublicKey) MarshalJSON() ([]byte, error) {
	if k.IsZero() {
		return nil, fmt.Errorf("%w: no key to write", ErrInvalid)
	}
	point, err := k.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: key: %w", ErrInvalid, err)
	}
	x, y := coordinates(point)
	return json.Marshal(jwk{Crv: "P-256", Kty: "EC", X: x, Y: y})
}

// UnmarshalJSON reads a JWK that has the required members of a P-256 key and no
// other: a member such as "d" or "x5u" has no business in a message.
func (k *PublicKey) UnmarshalJSON(b []byte) error {
	var j jwk
	if err := json.Unmarshal(b, &j, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: jwk: %w", ErrInvalid, err)
	}
	if j.Kty != "EC" || j.Crv != "P-256" {
		return fmt.Errorf("%w: jwk is not a P-256 key", ErrInvalid)
	}
	var xy []byte
	for _, c := range []string{j.X, j.Y} {
		raw, err := decodeExact(c, coordinateSize)
		if err != nil {
			return fmt.Errorf("%w: jwk coordinate: %w", ErrInvalid, err)
		}
		xy = append(xy, raw...)
	}
	key, err := fromCoordinates(xy)
	if err != nil {
		return err
	}
	*k = key
	return nil
}

// PrivateKey is a P-256 key pair. It redacts itself where it is printed or logged.
type PrivateKey struct {
	key    *ecdsa.PrivateKey
	public PublicKey
}

// Generate makes a new key pair.
func Generate() (PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("identity: making a key: %w", err)
	}
	return newPrivateKey(key)
}

// ParsePrivateKey reads what Marshal writes: PKCS #8 (RFC 5958).
func ParsePrivateKey(der []byte) (PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		// x509 may quote the input, and the input is a secret.
		return PrivateKey{}, fmt.Errorf("%w: private key is not PKCS #8", ErrInvalid)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return PrivateKey{}, fmt.Errorf("%w: private key is not an EC key", ErrInvalid)
	}
	return newPrivateKey(key)
}

func newPrivateKey(key *ecdsa.PrivateKey) (PrivateKey, error) {
	public, err := NewPublicKey(&key.PublicKey)
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKey{key: key, public: public}, nil
}

// Marshal writes the private key as PKCS #8 (RFC 5958): a secret, to be sealed
// by whoever keeps it.
func (k PrivateKey) Marshal() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("identity: writing a private key: %w", err)
	}
	return der, nil
}

// Public is the public half.
func (k PrivateKey) Public() PublicKey { return k.public }

// Thumbprint names the key pair (RFC 7638).
func (k PrivateKey) Thumbprint() Thumbprint { return k.public.thumbprint }

// ECDSA gives the key to the libraries that sign and decrypt.
func (k PrivateKey) ECDSA() *ecdsa.PrivateKey { return k.key }

// IsZero reports whether there is no key.
func (k PrivateKey) IsZero() bool { return k.key == nil }

// String names the key without showing it.
func (k PrivateKey) String() string { return "private key " + string(k.public.thumbprint) }

// GoString is String, for %#v.
func (k PrivateKey) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

func coordinates(point []byte) (x, y string) {
	enc := base64.RawURLEncoding
	return enc.EncodeToString(point[1 : 1+coordinateSize]), enc.EncodeToString(point[1+coordinateSize:])
}

// decodeExact reads base64url of exactly size octets in its one canonical spelling.
func decodeExact(s string, size int) ([]byte, error) {
	if len(s) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, fmt.Errorf("%d characters, not %d", len(s), base64.RawURLEncoding.EncodedLen(size))
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("not base64url: %w", err)
	}
	return raw, nil
}
