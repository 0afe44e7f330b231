package filestore_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"countersign/app/filestore"
)

func TestFilesAreReplacedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d, err := filestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(t.Context(), "accounts.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a file that is not there: %v", err)
	}
	for _, content := range []string{"one", "two and more", ""} {
		if err := d.Write(t.Context(), "accounts.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Read(t.Context(), "accounts.json"); err != nil || string(got) != content {
			t.Fatalf("%q, %v", got, err)
		}
	}
	info, err := os.Stat(filepath.Join(path, "accounts.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for range 2 { // what is not there can be removed
		if err := d.Remove(t.Context(), "accounts.json"); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := os.ReadDir(path); len(entries) != 0 {
		t.Errorf("left over: %v", entries)
	}
}

func TestNamesStayInTheFolder(t *testing.T) {
	d, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, ".hidden", "Upper", "a b", "nul\x00"} {
		if err := d.Write(t.Context(), name, nil); !errors.Is(err, filestore.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := d.Read(t.Context(), name); !errors.Is(err, filestore.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAnUnreadableFileIsNoNewOne(t *testing.T) {
	path := t.TempDir()
	d, err := filestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(path, "accounts.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(t.Context(), "accounts.json"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAContextThatHasEndedWritesNothing(t *testing.T) {
	d, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Write(ctx, "x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
