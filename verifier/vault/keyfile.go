package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/chacha20poly1305"
)

// keyPrefix begins a key file, so that another file given by mistake is not
// taken for a key.
const keyPrefix = "countersign-vault-key-1:"

// maxKeyFile bounds how much of a key file is read, in bytes.
const maxKeyFile = 256

// Open reads the key file at path, and makes it where there is none: 32 random
// bytes, readable by its owner alone (0600). Whoever loses it loses every
// sealed field.
func Open(path string) (*Vault, error) {
	key, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			key, err = read(path)
		}
	}
	if err != nil {
		return nil, err
	}
	return New(key)
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	// Windows has no such bits; there the folder's access list protects it.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s can be read by others; run: chmod 600 %s", ErrKeyFile, path, path)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%w: %s is not a key file", ErrKeyFile, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	encoded, found := bytes.CutPrefix(bytes.TrimSpace(text), []byte(keyPrefix))
	key, err := base64.RawURLEncoding.Strict().DecodeString(string(encoded))
	if !found || err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("%w: %s is not a key file", ErrKeyFile, path)
	}
	return key, nil
}

// create writes a new key file whole or not at all. Of two processes that
// start together one wins (a link never replaces), and both read the winner's.
func create(path string) error {
	key := make([]byte, chacha20poly1305.KeySize)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("%w: making a key: %w", ErrKeyFile, err)
	}
	text := keyPrefix + base64.RawURLEncoding.EncodeToString(key) + "\n"
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // 0600
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("%w: writing %s: %w", ErrKeyFile, path, err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the new name survive a power failure: secrets sealed under
// a key whose file is gone are gone too.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // has no such call and needs none
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("%w: flushing folder: %w", ErrKeyFile, err)
	}
	return nil
}
