// Package envelope signs, seals and opens what the two ends send each other
// through a relay that they need not trust.
//
// A message is a JWS in compact form (RFC 7515, ES256 alone) whose typ names
// the message and whose jwk names the sender, inside a JWE in compact form
// (RFC 7516, ECDH-ES with A256GCM) to the recipient's encryption key. The relay
// sees the envelope alone: it can read nothing and, having neither key, forge
// nothing.
package envelope

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"countersign/crypto/identity"
	"countersign/crypto/strict"
)

const (
	// PlaintextSize is the length in octets to which every signed message is
	// padded before it is encrypted. One size for all: a relay that could tell
	// an approval from a report by its length would drop the reports.
	PlaintextSize = 3072
	// MaxSize bounds a sealed envelope in octets. What is longer is refused
	// before anything in it is decoded.
	MaxSize = 4608
)

// What Open and Verify refuse, for errors.Is. None of them quotes the message.
var (
	ErrTooLarge  = errors.New("envelope: too large")
	ErrMalformed = errors.New("envelope: malformed")
	ErrAlgorithm = errors.New("envelope: algorithm or header not allowed")
	ErrSealed    = errors.New("envelope: not sealed to this key, or changed on the way")
	ErrType      = errors.New("envelope: message type not expected")
	ErrUntrusted = errors.New("envelope: sender not trusted")
	ErrSignature = errors.New("envelope: signature does not verify")
)

// Signed is a message whose signature has been verified.
type Signed struct {
	Type    string             // the JWS typ (RFC 7515 §4.1.9)
	Signer  identity.PublicKey // the JWS jwk (RFC 7515 §4.1.3), accepted by the caller's Trust
	Payload []byte             // the claims, not yet decoded
	Compact string             // the JWS itself, which anyone can verify again
}

// Trust decides whether a message of this type may come from this signer. It is
// asked before the signature is verified, with nothing but the header; it
// returns an error to refuse.
type Trust func(typ string, signer identity.PublicKey) error

// Seal signs a message and encrypts it to the recipient.
func Seal(signer identity.PrivateKey, recipient identity.PublicKey, typ string, payload []byte) (string, error) {
	signed, err := Sign(signer, typ, payload)
	if err != nil {
		return "", err
	}
	if len(signed) > PlaintextSize {
		return "", fmt.Errorf("%w: a signed %s of %d octets", ErrTooLarge, typ, len(signed))
	}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: recipient.ECDSA()}, nil)
	if err != nil {
		return "", fmt.Errorf("envelope: preparing to encrypt: %w", err)
	}
	sealed, err := encrypter.Encrypt(pad(signed))
	if err != nil {
		return "", fmt.Errorf("envelope: encrypting: %w", err)
	}
	compact, err := sealed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("envelope: writing: %w", err)
	}
	return compact, nil
}

// Open decrypts an envelope, asks trust for the sender, and verifies the
// signature, in this order: size, header, decryption, and then as Verify does.
func Open(sealed string, recipient identity.PrivateKey, trust Trust) (Signed, error) {
	if len(sealed) > MaxSize {
		return Signed{}, ErrTooLarge
	}
	if err := checkSealedHeader(sealed); err != nil {
		return Signed{}, err
	}
	parsed, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return Signed{}, ErrMalformed
	}
	plaintext, err := parsed.Decrypt(recipient.ECDSA())
	if err != nil {
		return Signed{}, ErrSealed
	}
	if len(plaintext) != PlaintextSize {
		return Signed{}, fmt.Errorf("%w: not padded to %d octets", ErrMalformed, PlaintextSize)
	}
	return Verify(string(bytes.TrimRight(plaintext, " ")), trust)
}

// Sign makes a JWS in compact form, ES256 with the signer's public key in its
// header. It is not encrypted.
func Sign(signer identity.PrivateKey, typ string, payload []byte) (string, error) {
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType(jose.ContentType(typ))
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: signer.ECDSA()}, options)
	if err != nil {
		return "", fmt.Errorf("envelope: preparing to sign: %w", err)
	}
	signature, err := s.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("envelope: signing: %w", err)
	}
	compact, err := signature.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("envelope: writing a signature: %w", err)
	}
	return compact, nil
}

// Verify checks a JWS in compact form: header, trust, signature.
//
// An ES256 signature is malleable (for (r, s) there is (r, n−s)), so nothing
// may be recognised as seen before by its signature, only by the ids in it.
func Verify(compact string, trust Trust) (Signed, error) {
	if len(compact) > PlaintextSize {
		return Signed{}, ErrTooLarge
	}
	header, err := readSignedHeader(compact)
	if err != nil {
		return Signed{}, err
	}
	if err := trust(header.Typ, header.JWK); err != nil {
		if errors.Is(err, ErrType) {
			return Signed{}, err
		}
		return Signed{}, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	parsed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return Signed{}, ErrMalformed
	}
	// The key is the one that trust saw, not one that the library picks.
	payload, err := parsed.Verify(header.JWK.ECDSA())
	if err != nil {
		return Signed{}, ErrSignature
	}
	return Signed{Type: header.Typ, Signer: header.JWK, Payload: payload, Compact: compact}, nil
}

// signedHeader is the whole of what a JWS header may hold. A member such as
// crit, kid, jku or b64 would change what the signature means.
type signedHeader struct {
	Alg string             `json:"alg"`
	Typ string             `json:"typ"`
	JWK identity.PublicKey `json:"jwk"`
}

func readSignedHeader(compact string) (signedHeader, error) {
	var header signedHeader
	if err := decodeHeader(compact, 3, &header); err != nil {
		return signedHeader{}, err
	}
	if header.Alg != string(jose.ES256) || header.Typ == "" || header.JWK.IsZero() {
		return signedHeader{}, ErrAlgorithm
	}
	return header, nil
}

// sealedHeader is the whole of what a JWE header may hold. Without zip, a small
// envelope cannot inflate into a large message.
type sealedHeader struct {
	Alg string             `json:"alg"`
	Enc string             `json:"enc"`
	EPK identity.PublicKey `json:"epk"`
}

func checkSealedHeader(sealed string) error {
	var header sealedHeader
	if err := decodeHeader(sealed, 5, &header); err != nil {
		return err
	}
	if header.Alg != string(jose.ECDH_ES) || header.Enc != string(jose.A256GCM) || header.EPK.IsZero() {
		return ErrAlgorithm
	}
	return nil
}

// decodeHeader reads the first of the parts of a compact serialization, strictly.
func decodeHeader(compact string, parts int, header any) error {
	if strings.Count(compact, ".") != parts-1 {
		return fmt.Errorf("%w: not a compact serialization", ErrMalformed)
	}
	first, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return fmt.Errorf("%w: header is not base64url", ErrMalformed)
	}
	if err := strict.Unmarshal(raw, header); err != nil {
		return ErrAlgorithm
	}
	return nil
}

// pad fills up with spaces, which no compact serialization holds.
func pad(signed string) []byte {
	plaintext := make([]byte, PlaintextSize)
	for i := copy(plaintext, signed); i < len(plaintext); i++ {
		plaintext[i] = ' '
	}
	return plaintext
}

// Thumbprint is the trust in one pinned key and a set of message types.
func Thumbprint(pinned identity.Thumbprint, types ...string) Trust {
	return func(typ string, signer identity.PublicKey) error {
		if err := OneOf(typ, types...); err != nil {
			return err
		}
		if signer.Thumbprint() != pinned {
			return errors.New("not the pinned key")
		}
		return nil
	}
}

// OneOf returns ErrType unless typ is one of types.
func OneOf(typ string, types ...string) error {
	for _, t := range types {
		if t == typ {
			return nil
		}
	}
	return ErrType
}
