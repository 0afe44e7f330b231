// Package atomicfile replaces files whole or not at all.
//
// What is written here are secrets and backups: a crash, a full disk or a
// pulled plug in the middle of a write must leave the old file as it was. So a
// new file is written beside the old one, flushed to the disk, and only then
// renamed over it; the folder is flushed too, or the rename itself may be lost.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// File is a file in the making. It becomes visible under its name on Commit.
// A caller defers Discard, which does nothing after a Commit.
type File struct {
	tmp  *os.File
	path string
}

// Create begins a replacement of path, readable and writable by its owner
// alone (0600). The folder must exist.
func Create(path string) (*File, error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	return &File{tmp: tmp, path: path}, nil
}

// Write appends to the new content.
func (f *File) Write(p []byte) (int, error) { return f.tmp.Write(p) }

// Commit flushes the new content to the disk and puts it in the place of the
// old. After an error the old file is still there, unchanged.
func (f *File) Commit() error {
	if f.tmp == nil {
		return fmt.Errorf("commit %s: %w", f.path, os.ErrClosed)
	}
	if err := f.tmp.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", f.path, err)
	}
	if err := f.tmp.Close(); err != nil {
		return fmt.Errorf("close %s: %w", f.path, err)
	}
	if err := os.Rename(f.tmp.Name(), f.path); err != nil {
		return err
	}
	f.tmp = nil
	return SyncDir(filepath.Dir(f.path))
}

// Discard drops the new content and leaves the old file alone.
func (f *File) Discard() {
	if f.tmp == nil {
		return
	}
	name := f.tmp.Name()
	_ = f.tmp.Close() // a second close, after a Commit that failed, is harmless
	_ = os.Remove(name)
	f.tmp = nil
}

// Write replaces path by data, with mode 0600.
func Write(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Commit()
}

// Remove deletes path so that it stays deleted after a crash. A file that is
// not there is no error.
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir flushes a folder's entries to the disk. Windows has no such call and
// needs none: NTFS logs its renames.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("flush folder %s: %w", dir, err)
	}
	return nil
}
