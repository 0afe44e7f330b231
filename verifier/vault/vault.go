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

// Bind ties the store's data to this vault, the first time, and afterwards
// gives ErrWrongKey where they do not belong together: found at the start, a
// wrong key file harms nothing; found later, half the secrets would be sealed
// under one key and half under another.
func (v *Vault) Bind(ctx context.Context, s store.Store) error {
	bound := false
	err := s.View(ctx, func(tx store.Tx) (err error) {
		bound, err = v.bound(tx)
		return err
	})
	if err != nil || bound {
		return err
	}
	return s.Update(ctx, func(tx store.Tx) error {
		// Again: another process may have been first.
		if bound, err := v.bound(tx); err != nil || bound {
			return err
		}
		sealed, err := v.Seal(checkLabel, nil)
		if err != nil {
			return err
		}
		return tx.Put(checkBucket, checkKey, sealed)
	})
}

func (v *Vault) bound(tx store.Tx) (bool, error) {
	sealed, err := tx.Get(checkBucket, checkKey)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("vault: reading the check: %w", err)
	}
	if _, err := v.Open(checkLabel, sealed); err != nil {
		return false, ErrWrongKey
	}
	return true, nil
}
