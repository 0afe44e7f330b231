package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// files is a folder as the app's store of what is not secret.
type files string

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Read implements app.Store.
func (f files) Read(_ context.Context, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(f), filepath.Base(name)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// Write implements app.Store: a new file takes the old one's place in one step,
// after it is on the disk, so that a crash leaves the one or the other.
func (f files) Write(_ context.Context, name string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", name, err)
		}
	}()
	temporary, err := os.CreateTemp(string(f), "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // does nothing once it is renamed
	_, err = temporary.Write(data)
	if err == nil {
		err = temporary.Sync()
	}
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), filepath.Join(string(f), filepath.Base(name))); err != nil {
		return err
	}
	return syncFolder(string(f))
}

// Remove implements app.Store.
func (f files) Remove(_ context.Context, name string) error {
	if err := os.Remove(filepath.Join(string(f), filepath.Base(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", name, err)
	}
	return nil
}
