package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"countersign/verifier/store"
)

// TestAFullDiskFailsWhatDoesNotFitAlone fills a database up to a bound of
// SQLite's own (max_page_count), which gives the same error as a full disk, in
// the middle of a statement or at the commit.
func TestAFullDiskFailsWhatDoesNotFitAlone(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = s.Update(t.Context(), func(x store.Tx) error {
		return x.(*tx).conn.exec("PRAGMA max_page_count = 40")
	})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	results := make([]error, 64)
	for i := range results {
		wait.Go(func() {
			size := 10
			if i%4 == 0 {
				size = 300_000 // more than there is room for
			}
			results[i] = s.Update(context.Background(), func(tx store.Tx) error {
				return errors.Join(
					tx.Put("beside", fmt.Sprintf("%02d", i), []byte{1}), // small enough to be remembered
					tx.Put("b", fmt.Sprintf("%02d", i), bytes.Repeat([]byte{1}, size)))
			})
		})
	}
	wait.Wait()
	// Views read the file, updates what the writer remembers: neither may hold
	// what was never committed.
	for reader, read := range map[string]func(context.Context, func(store.Tx) error) error{"a view": s.View, "an update": s.Update} {
		err := read(t.Context(), func(tx store.Tx) error {
			for i, result := range results {
				for _, bucket := range []string{"b", "beside"} {
					_, err := tx.Get(bucket, fmt.Sprintf("%02d", i))
					switch {
					case i%4 == 0 && (!errors.Is(result, store.ErrFull) || !errors.Is(err, store.ErrNotFound)):
						t.Errorf("update %d, which does not fit: %v; %s reads %s: %v", i, result, reader, bucket, err)
					case i%4 != 0 && (result != nil || err != nil):
						t.Errorf("update %d, which fits: %v; %s reads %s: %v", i, result, reader, bucket, err)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherProgramsDatabaseIsRefused(t *testing.T) {
	for pragma, want := range map[string]string{
		"application_id = 1":                              "another program's database",
		fmt.Sprintf("user_version = %d", schemaVersion+1): "a newer version",
	} {
		path := filepath.Join(t.TempDir(), "db")
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Update(t.Context(), func(x store.Tx) error {
			return errors.Join(x.(*tx).conn.exec("PRAGMA "+pragma), x.Put("b", "k", nil))
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%s: %v", pragma, err)
		}
	}
}
