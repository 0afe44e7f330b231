// Package vault seals single fields before they are stored: TOTP secrets,
// RADIUS secrets, private keys. A copy of the database, or a backup of the disk
// without the key file, then gives none of them away.
//
// A field is sealed with XChaCha20-Poly1305 under the 256-bit key of one file,
// and its label (what it is, and whose) is authenticated with it. So a sealed
// field cannot be moved: a TOTP secret that somebody with write access to the
// database copies from their own account into an administrator's does not open
// there.
package vault

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/crypto/chacha20poly1305"

	"countersign/verifier/store"
)

// What a vault refuses, for errors.Is.
var (
	// ErrSealed says that a field does not open: it was damaged, moved, or
	// sealed under another key file.
	ErrSealed = errors.New("vault: the field does not open under this key and label")
	// ErrKeyFile says that the key file is not one, or is not protected.
	ErrKeyFile = errors.New("vault: key file")
	// ErrWrongKey says that the data was sealed under another key file.
	ErrWrongKey = errors.New("vault: this key file does not belong to this data")
)

// version begins every sealed field, so that a later format can be told apart.
const version = 1

// Vault seals and opens fields. It is safe for use by several goroutines.
type Vault struct{ aead cipher.AEAD }

// New makes a vault of a key of 32 bytes.
func New(key []byte) (*Vault, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	return &Vault{aead: aead}, nil
}

// Seal encrypts a field under a fresh random nonce. The label names what the
// field is and whose it is, such as "totp/USERID"; Open wants the same.
func (v *Vault) Seal(label string, plaintext []byte) ([]byte, error) {
	sealed := make([]byte, 1+chacha20poly1305.NonceSizeX, 1+chacha20poly1305.NonceSizeX+len(plaintext)+chacha20poly1305.Overhead)
	sealed[0] = version
	if _, err := rand.Read(sealed[1:]); err != nil {
		return nil, fmt.Errorf("vault: making a nonce: %w", err)
	}
	return v.aead.Seal(sealed, sealed[1:], plaintext, []byte(label)), nil
}

// Open decrypts what Seal made under the same label, or gives ErrSealed.
func (v *Vault) Open(label string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+chacha20poly1305.NonceSizeX || sealed[0] != version {
		return nil, ErrSealed
	}
	nonce, box := sealed[1:1+chacha20poly1305.NonceSizeX], sealed[1+chacha20poly1305.NonceSizeX:]
	plaintext, err := v.aead.Open(nil, nonce, box, []byte(label))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// String shows nothing of the key.
func (v *Vault) String() string { return "vault" }

// GoString is String, for %#v.
func (v *Vault) GoString() string { return v.String() }

// LogValue is String, for slog.
func (v *Vault) LogValue() slog.Value { return slog.StringValue(v.String()) }

const (
	checkBucket = "vault"
	checkKey    = "check"
	checkLabel  = "vault/check"
)

// OpenFor opens the key file of a store's data. Where the data is new, the key
// file may be new too, and the two are tied together; afterwards a key file that
// is missing is an error, and one of other data is ErrWrongKey: found at the
// start it harms nothing; found later, half the secrets would be sealed under
// one key and half under another.
func OpenFor(ctx context.Context, path string, s store.Store) (*Vault, error) {
	var check []byte
	err := s.View(ctx, func(tx store.Tx) (err error) {
		check, err = readCheck(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if check == nil {
		return openNew(ctx, path, s)
	}
	key, err := read(path)
	if err != nil {
		return nil, err
	}
	v, err := New(key)
	if err != nil {
		return nil, err
	}
	if err := v.verify(check); err != nil {
		return nil, err
	}
	return v, nil
}

func openNew(ctx context.Context, path string, s store.Store) (*Vault, error) {
	v, err := Open(path)
	if err != nil {
		return nil, err
	}
	err = s.Update(ctx, func(tx store.Tx) error {
		check, err := readCheck(tx)
		if err != nil {
			return err
		}
		if check != nil { // another process was first
			return v.verify(check)
		}
		if check, err = v.Seal(checkLabel, nil); err != nil {
			return err
		}
		return tx.Put(checkBucket, checkKey, check)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// readCheck gives what ties data and key together; nil where nothing does yet.
func readCheck(tx store.Tx) ([]byte, error) {
	check, err := tx.Get(checkBucket, checkKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: reading the check: %w", err)
	}
	return check, nil
}

func (v *Vault) verify(check []byte) error {
	if _, err := v.Open(checkLabel, check); err != nil {
		return ErrWrongKey
	}
	return nil
}
