package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/app/transfer"
	"countersign/crypto/backup"
)

// shelf is a folder in memory.
type shelf struct {
	mu    sync.Mutex
	files map[string][]byte
	fail  error
}

func (s *shelf) Put(_ context.Context, name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.files[name] = b.Bytes()
	return nil
}

func (s *shelf) Names(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name := range s.files {
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil
}

func (s *shelf) Open(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *shelf) Remove(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
	return nil
}

func (s *shelf) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func TestAutomaticBackupsRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := &shelf{files: map[string][]byte{}}
		d := newDevice(t, phone, func(c *Config) { c.Backups = func(string) backup.Folder { return folder } })
		defer d.start(t)()
		mustAdd(t, d, totpKey("GitHub", "alex"))
		folder.setFail(errors.New("the stick is not there"))
		if err := d.SetBackup(t.Context(), "/media/stick", "correct horse"); err == nil || d.BackupState().Folder != "" {
			t.Fatalf("begun on a folder that is not there: %v", err)
		}
		folder.setFail(nil)
		if err := d.SetBackup(t.Context(), "/media/stick", "correct horse"); err != nil {
			t.Fatal(err)
		}
		added := mustAdd(t, d, hotpKey(7))
		pass(30 * time.Minute)
		if names, _ := folder.Names(t.Context()); len(names) != 1 {
			t.Errorf("two backups within the hour: %v", names)
		}
		pass(backupEvery)
		names, _ := folder.Names(t.Context())
		if len(names) != 2 || d.BackupState().Err != nil {
			t.Fatalf("%v, %+v", names, d.BackupState())
		}
		pass(24 * time.Hour)
		if again, _ := folder.Names(t.Context()); len(again) != 2 {
			t.Errorf("a backup of nothing new: %v", again)
		}
		// A failure is told, and tried again.
		folder.setFail(errors.New("the stick is not there"))
		if _, err := d.NextCode(t.Context(), added[0].ID); err != nil {
			t.Fatal(err)
		}
		pass(2 * backupQuiet)
		if d.BackupState().Err == nil {
			t.Error("a failed backup is not told")
		}
		folder.setFail(nil)
		pass(2 * backupEvery)
		names, _ = folder.Names(t.Context())
		if len(names) != 3 || d.BackupState().Err != nil {
			t.Fatalf("%v, %+v", names, d.BackupState())
		}

		importer := transfer.NewImporter()
		result, err := importer.Read(t.Context(), folder.files[names[2]], "", transfer.Options{
			Password: func(context.Context, transfer.Challenge) (string, error) { return "correct horse", nil },
		})
		if err != nil || len(result.Entries) != 2 {
			t.Fatalf("%d entries, %v", len(result.Entries), err)
		}
		want, _ := d.Export()
		for i, e := range result.Entries {
			if e.Key != want[i].Key {
				t.Errorf("entry %d is another key", i)
			}
		}
	})
}
