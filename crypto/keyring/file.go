package keyring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"countersign/crypto/atomicfile"
)

// headerName is the file that holds the store's own key, sealed.
const headerName = "keyring.json"

// itemMark begins every sealed item, so that a later format can be told apart.
const itemMark = "countersign item 1\n"

// File is a Store in a folder, sealed under a passphrase: for systems without
// a keyring. A random key seals the items (XChaCha20-Poly1305), and the
// passphrase seals that key (argon2id, RFC 9106), so changing the passphrase
// rewrites one small file. One process may use a folder at a time.
type File struct {
	mu    sync.RWMutex
	items items
	key   []byte // nil once closed
}

// CreateFile makes a new store in dir, which is created if need be (0700). It
// refuses a folder in which a store, or an item of a lost one, lies:
// ErrExists. A zero KDF means DefaultKDF.
func CreateFile(dir string, passphrase []byte, kdf KDF) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create a keyring's folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, headerName)); !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrExists, dir)
	}
	empty, err := items{dir: dir}.empty()
	if err != nil {
		return nil, err
	}
	if !empty {
		return nil, fmt.Errorf("%w: %s holds items, but their %s is missing; restore it from a backup or choose another folder", ErrExists, dir, headerName)
	}
	key := make([]byte, chacha20poly1305.KeySize)
	rand.Read(key) // never fails (Go 1.24)
	f := newFile(dir, key)
	if err := f.writeHeader(passphrase, kdf); err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile opens the store in dir. Its errors: ErrNotFound (no store there),
// ErrWrongPassphrase, ErrDamaged, ErrUnavailable (the folder cannot be read).
// It takes the time and the memory of the KDF it was made with, about half a
// second and 64 MiB.
func OpenFile(dir string, passphrase []byte) (*File, error) {
	data, err := readBounded(filepath.Join(dir, headerName), maxHeaderSize)
	if errors.Is(err, os.ErrNotExist) {
		if empty, err := (items{dir: dir}).empty(); err == nil && !empty {
			return nil, fmt.Errorf("%w: %s holds items, but their %s is missing", ErrDamaged, dir, headerName)
		}
		return nil, fmt.Errorf("%w: no store in %s", ErrNotFound, dir)
	}
	if err != nil {
		return nil, err
	}
	key, err := openHeader(data, passphrase)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(dir, headerName), err)
	}
	return newFile(dir, key), nil
}

func newFile(dir string, key []byte) *File {
	f := &File{key: key}
	f.items = items{dir: dir, sealer: fileSealer{f}}
	return f
}

// ChangePassphrase seals the store's key under a new passphrase. The items
// stay as they are; after a crash either the old or the new passphrase opens
// the store. Copies of the folder made before still open with the old one.
func (f *File) ChangePassphrase(passphrase []byte, kdf KDF) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.key == nil {
		return ErrClosed
	}
	return f.writeHeader(passphrase, kdf)
}

func (f *File) writeHeader(passphrase []byte, kdf KDF) error {
	data, err := sealHeader(f.key, passphrase, kdf)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(f.items.dir, headerName), data); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Close forgets the key. Later calls return ErrClosed.
func (f *File) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.key)
	f.key = nil
}

// Get implements Store.
func (f *File) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ready(ctx, key); err != nil {
		return nil, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.key == nil {
		return nil, ErrClosed
	}
	return f.items.get(key)
}

// Set implements Store.
func (f *File) Set(ctx context.Context, key string, value []byte) error {
	if err := checkItem(key, value); err != nil {
		return err
	}
	if err := ready(ctx, key); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key == nil {
		return ErrClosed
	}
	return f.items.set(key, value)
}

// Delete implements Store.
func (f *File) Delete(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key == nil {
		return ErrClosed
	}
	return f.items.delete(key)
}

// fileSealer seals items under the store's key. Its caller holds the lock.
type fileSealer struct{ f *File }

// Seal returns mark, nonce and ciphertext. The key is always there.
func (s fileSealer) Seal(key string, value []byte, _ bool) ([]byte, error) {
	return sealUnder(s.f.key, itemMark, key, value)
}

// Open undoes Seal.
func (s fileSealer) Open(key string, sealed []byte) ([]byte, error) {
	value, err := openUnder(s.f.key, itemMark, key, sealed)
	if err != nil {
		return nil, fmt.Errorf("item %q: %w", key, err)
	}
	return value, nil
}
