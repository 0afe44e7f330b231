// Package filestore keeps what is not secret of the authenticator (the list of
// accounts, settings, activity) as files in one folder.
//
// A name is a file. Files are replaced whole or not at all, and readable by
// their owner alone: the names of a person's accounts are nobody else's
// business, though they open nothing.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"countersign/crypto/atomicfile"
)

// MaxSize bounds a file in octets, against one that grew by mistake.
const MaxSize = 64 << 20

// ErrName says that a name is none that can be a file everywhere.
var ErrName = errors.New("filestore: a name has 1 to 64 lower-case letters, digits, '-' and '.', and no '.' in front")

// Dir is an app.Store in a folder.
type Dir struct{ path string }

// Open makes the folder if need be (0700).
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the app: %w", err)
	}
	return &Dir{path: path}, nil
}

func (d *Dir) file(name string) (string, error) {
	if name == "" || len(name) > 64 || name[0] == '.' || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return "", ErrName
	}
	return filepath.Join(d.path, name), nil
}

// Read implements app.Store.
func (d *Dir) Read(ctx context.Context, name string) ([]byte, error) {
	path, err := d.file(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("reading %s: larger than %d octets", path, MaxSize)
	}
	return data, nil
}

// Write implements app.Store.
func (d *Dir) Write(ctx context.Context, name string, data []byte) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return atomicfile.Write(path, data)
}

// Remove implements app.Store.
func (d *Dir) Remove(ctx context.Context, name string) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return atomicfile.Remove(path)
}
