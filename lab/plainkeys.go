package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"countersign/crypto/atomicfile"
	"countersign/crypto/keyring"
)

// plainKeys is a keyring.Store of plain files, for testing alone: a virtual
// device in a script has nobody to type a passphrase.
type plainKeys struct{ dir string }

const plainSuffix = ".plain"

func openPlainKeys(dir string) (*plainKeys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the keys: %w", err)
	}
	return &plainKeys{dir: dir}, nil
}

// hasPlainKeys tells whether the folder was made without a passphrase.
func hasPlainKeys(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the folder of the keys: %w", err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == plainSuffix {
			return true, nil
		}
	}
	return len(entries) == 0, nil
}

func (k *plainKeys) file(key string) (string, error) {
	if err := keyring.CheckKey(key); err != nil {
		return "", err
	}
	return filepath.Join(k.dir, key+plainSuffix), nil
}

// Get implements keyring.Store.
func (k *plainKeys) Get(_ context.Context, key string) ([]byte, error) {
	path, err := k.file(key)
	if err != nil {
		return nil, err
	}
	value, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, keyring.ErrNotFound
	}
	return value, err
}

// Set implements keyring.Store.
func (k *plainKeys) Set(_ context.Context, key string, value []byte) error {
	path, err := k.file(key)
	if err != nil {
		return err
	}
	if len(value) > keyring.MaxValueSize {
		return keyring.ErrTooLarge
	}
	return atomicfile.Write(path, value)
}

// Delete implements keyring.Store.
func (k *plainKeys) Delete(_ context.Context, key string) error {
	path, err := k.file(key)
	if err != nil {
		return err
	}
	return atomicfile.Remove(path)
}
