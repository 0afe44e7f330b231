package keyring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"countersign/crypto/atomicfile"
)

// itemSuffix ends the name of every sealed item's file.
const itemSuffix = ".sealed"

// maxSealedSize bounds what is read of an item's file: a value, and room for
// any sealer's nonce, tag and marks.
const maxSealedSize = MaxValueSize + 256

// Sealer turns values into bytes that may lie on a disk. The item's name is
// authenticated with them, or one who can write files could put the secret of
// one account under the name of another.
type Sealer interface {
	// Seal seals value under the name key. create tells that no item has
	// been sealed yet, so that the sealer may make its own key; without it a
	// key that is missing is an error, since a new one would take the place
	// of that of the items that are there.
	Seal(key string, value []byte, create bool) ([]byte, error)
	// Open undoes Seal: ErrDamaged where the bytes are not what Seal made for
	// this name, or their key is gone; ErrUnavailable where it cannot tell.
	Open(key string, sealed []byte) ([]byte, error)
}

// items keeps each value, sealed, in a file of its own, so that a write costs
// the same with one account and with a thousand.
type items struct {
	dir    string
	sealer Sealer
}

func (d items) path(key string) string { return filepath.Join(d.dir, key+itemSuffix) }

func (d items) get(key string) ([]byte, error) {
	sealed, err := readBounded(d.path(key), maxSealedSize)
	if errors.Is(err, os.ErrNotExist) {
		// A folder that is gone (an unmounted disk) is doubt, not news.
		if _, err := os.Stat(d.dir); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return d.sealer.Open(key, sealed)
}

func (d items) set(key string, value []byte) error {
	create, err := d.empty()
	if err != nil {
		return err
	}
	sealed, err := d.sealer.Seal(key, value, create)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(d.path(key), sealed); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func (d items) delete(key string) error {
	if err := atomicfile.Remove(d.path(key)); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// empty tells whether the folder holds no item. It reads no further than the
// first one, so that a write costs the same among a thousand.
func (d items) empty() (bool, error) {
	dir, err := os.Open(d.dir)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(16)
		for _, name := range names {
			if strings.HasSuffix(name, itemSuffix) {
				return false, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

// readBounded reads a whole file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrDamaged, path, limit)
	}
	return data, nil
}
