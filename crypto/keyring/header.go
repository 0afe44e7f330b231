package keyring

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// KDF is the cost of turning a passphrase into a key (argon2id, RFC 9106). It
// is stored beside the salt, so that it can be raised later.
type KDF struct {
	Time      uint32 `json:"time"`       // passes over the memory
	MemoryKiB uint32 `json:"memory_kib"` // memory, in KiB
	Threads   uint8  `json:"threads"`    // lanes
}

// DefaultKDF returns the second recommended option of RFC 9106, section 4: 3
// passes over 64 MiB in 4 lanes.
func DefaultKDF() KDF { return KDF{Time: 3, MemoryKiB: 64 << 10, Threads: 4} }

// Bounds of what is accepted from a file. Below, one who swaps the header
// could make the user's passphrase cheap to guess at its next change; above, a
// header could eat all memory before the passphrase is even looked at.
const (
	minKDFTime, maxKDFTime           = 1, 16
	minKDFMemoryKiB, maxKDFMemoryKiB = 8 << 10, 1 << 20
	minKDFThreads, maxKDFThreads     = 1, 16
)

const (
	saltSize      = 16
	maxHeaderSize = 4 << 10
	// MinPassphraseSize is the shortest passphrase in bytes that is taken: an
	// activation secret for offline use must withstand guessing by itself.
	MinPassphraseSize = 8
	// MaxPassphraseSize bounds the work of a wrong paste.
	MaxPassphraseSize = 1 << 10
)

// ErrWeakPassphrase: a new passphrase is shorter than MinPassphraseSize or
// longer than MaxPassphraseSize.
var ErrWeakPassphrase = errors.New("keyring: passphrase must have 8 to 1024 bytes")

// headerMark labels the sealing of the store's key: a box made for another use
// never opens as this one.
const headerMark = "countersign keyring 1\n"

// header is the content of keyring.json. Sum is a plain hash of the rest: it
// guards against decay, not against people, and tells a damaged file from a
// wrong passphrase, which no AEAD can.
type header struct {
	V      int      `json:"v"`
	KDF    string   `json:"kdf"`
	Params KDF      `json:"params"`
	Salt   hexBytes `json:"salt"`
	Key    hexBytes `json:"key"`
	Sum    hexBytes `json:"sum"`
}

// hexBytes travels as hexadecimal digits: in base64 the last character has bits
// that mean nothing, so a flipped one would go unseen.
type hexBytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

func (h header) sum() []byte {
	// The lengths are fixed by check, so the parts cannot run into each other.
	s := sha256.Sum256(fmt.Appendf(nil, "%d %s %d %d %d %x %x", h.V, h.KDF, h.Params.Time, h.Params.MemoryKiB, h.Params.Threads, []byte(h.Salt), []byte(h.Key)))
	return s[:]
}

func (k KDF) check() error {
	if k.Time < minKDFTime || k.Time > maxKDFTime ||
		k.MemoryKiB < minKDFMemoryKiB || k.MemoryKiB > maxKDFMemoryKiB ||
		k.Threads < minKDFThreads || k.Threads > maxKDFThreads {
		return fmt.Errorf("argon2id parameters out of bounds: time %d, memory %d KiB, threads %d", k.Time, k.MemoryKiB, k.Threads)
	}
	return nil
}

// derive turns the passphrase into the key that seals the store's key.
func (k KDF) derive(passphrase, salt []byte) []byte {
	return argon2.IDKey(passphrase, salt, k.Time, k.MemoryKiB, k.Threads, chacha20poly1305.KeySize)
}

// sealHeader makes keyring.json for the store's key.
func sealHeader(key, passphrase []byte, kdf KDF) ([]byte, error) {
	if len(passphrase) < MinPassphraseSize || len(passphrase) > MaxPassphraseSize {
		return nil, ErrWeakPassphrase
	}
	if kdf == (KDF{}) {
		kdf = DefaultKDF()
	}
	if err := kdf.check(); err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails (Go 1.24)
	sealed, err := sealUnder(kdf.derive(passphrase, salt), headerMark, "", key)
	if err != nil {
		return nil, err
	}
	h := header{V: 1, KDF: "argon2id", Params: kdf, Salt: salt, Key: sealed}
	h.Sum = h.sum()
	data, err := json.Marshal(h, jsontext.Multiline(true))
	if err != nil {
		return nil, fmt.Errorf("encode the keyring's header: %w", err)
	}
	return append(data, '\n'), nil
}

// openHeader gives back the store's key: ErrDamaged where the file is not as
// it was written, ErrWrongPassphrase where it is and does not open.
func openHeader(data, passphrase []byte) ([]byte, error) {
	h, err := parseHeader(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(passphrase) > MaxPassphraseSize {
		return nil, ErrWrongPassphrase
	}
	key, err := openUnder(h.Params.derive(passphrase, h.Salt), headerMark, "", h.Key)
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	return key, nil
}

func parseHeader(data []byte) (header, error) {
	var h header
	if err := json.Unmarshal(data, &h, json.RejectUnknownMembers(true)); err != nil {
		return header{}, fmt.Errorf("decode the keyring's header: %w", err)
	}
	if h.V != 1 || h.KDF != "argon2id" {
		return header{}, fmt.Errorf("version %d with %q is not known to this program", h.V, h.KDF)
	}
	if len(h.Salt) != saltSize || len(h.Key) != len(headerMark)+chacha20poly1305.NonceSizeX+chacha20poly1305.KeySize+chacha20poly1305.Overhead {
		return header{}, errors.New("salt or key has the wrong length")
	}
	if subtle.ConstantTimeCompare(h.Sum, h.sum()) != 1 {
		return header{}, errors.New("the checksum does not fit")
	}
	if err := h.Params.check(); err != nil {
		return header{}, err
	}
	return h, nil
}

// sealUnder seals value under key: mark, nonce, then the XChaCha20-Poly1305
// box, in which mark and name are authenticated. Its nonce of 24 random bytes
// needs no counter that a restored backup would set back.
func sealUnder(key []byte, mark, name string, value []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	out := append([]byte(mark), make([]byte, chacha20poly1305.NonceSizeX)...)
	nonce := out[len(mark):]
	rand.Read(nonce) // never fails (Go 1.24)
	return aead.Seal(out, nonce, value, []byte(mark+name)), nil
}

// openUnder undoes sealUnder; every failure is ErrDamaged.
func openUnder(key []byte, mark, name string, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	box, ok := bytes.CutPrefix(sealed, []byte(mark))
	if !ok || len(box) < chacha20poly1305.NonceSizeX {
		return nil, fmt.Errorf("%w: not a sealed box of this kind", ErrDamaged)
	}
	nonce, box := box[:chacha20poly1305.NonceSizeX], box[chacha20poly1305.NonceSizeX:]
	value, err := aead.Open(nil, nonce, box, []byte(mark+name))
	if err != nil {
		return nil, fmt.Errorf("%w: the seal is broken", ErrDamaged)
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}
