package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/crypto/keyring"
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

func withBackups(t *testing.T) (*device, *shelf) {
	t.Helper()
	folder := &shelf{files: map[string][]byte{}}
	d := newDevice(t, phone, func(c *Config) { c.Backups = func(string) backup.Folder { return folder } })
	return d, folder
}

func TestABackupRestoresEveryKey(t *testing.T) {
	d, folder := withBackups(t)
	d.open(t)
	mustAdd(t, d, totpKey("GitHub", "alex"), hotpKey(7))
	if err := d.SetBackup(t.Context(), "/media/stick", "correct horse"); err != nil {
		t.Fatal(err)
	}
	names, _ := folder.Names(t.Context())
	if len(names) != 1 {
		t.Fatal(names)
	}
	importer := transfer.NewImporter()
	result, err := importer.Read(t.Context(), folder.files[names[0]], "", transfer.Options{
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
	if err := d.SetBackup(t.Context(), "/media/stick", "short"); !errors.Is(err, backup.ErrWeakPassphrase) {
		t.Errorf("a weak passphrase: %v", err)
	}
}

func TestBackupsFollowChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, folder := withBackups(t)
		// What the key's derivation costs is tested above; here, when.
		d.encrypt = func(_ context.Context, dst io.Writer, entries []transfer.Entry, passphrase string, _ time.Time) error {
			_, err := fmt.Fprintln(dst, len(entries), passphrase)
			return err
		}
		defer d.start(t)()
		count := func() int {
			names, _ := folder.Names(t.Context())
			return len(names)
		}
		mustAdd(t, d, totpKey("GitHub", "alex"))
		gone := errors.New("the stick is not there")
		folder.setFail(gone)
		if err := d.SetBackup(t.Context(), "/media/stick", "correct horse"); !errors.Is(err, gone) || d.BackupState().Folder != "" {
			t.Fatalf("begun on a folder that is not there: %v", err)
		}
		folder.setFail(nil)
		if err := d.SetBackup(t.Context(), "/media/stick", "correct horse"); err != nil {
			t.Fatal(err)
		}
		added := mustAdd(t, d, hotpKey(7))
		if pass(30 * time.Minute); count() != 1 {
			t.Errorf("%d backups within the hour", count())
		}
		if pass(backupEvery); count() != 2 || d.BackupState().Err != nil {
			t.Fatalf("%d backups, %+v", count(), d.BackupState())
		}
		if pass(24 * time.Hour); count() != 2 {
			t.Errorf("%d backups of nothing new", count())
		}
		// A failure is told, and tried again.
		folder.setFail(gone)
		if _, err := d.NextCode(t.Context(), added[0].ID); err != nil {
			t.Fatal(err)
		}
		if pass(2 * backupQuiet); !errors.Is(d.BackupState().Err, gone) {
			t.Errorf("a failed backup is not told: %+v", d.BackupState())
		}
		folder.setFail(nil)
		if pass(2 * backupEvery); count() != 3 || d.BackupState().Err != nil {
			t.Errorf("%d backups, %+v", count(), d.BackupState())
		}
		if err := d.SetBackup(t.Context(), "", ""); err != nil {
			t.Fatal(err)
		}
		mustAdd(t, d, totpKey("Zulip", "alex"))
		if pass(24 * time.Hour); count() != 3 {
			t.Error("a backup after their end")
		}
		if _, err := d.ring.Get(t.Context(), backupItem); !errors.Is(err, keyring.ErrNotFound) {
			t.Errorf("the passphrase is left: %v", err)
		}
	})
}

func TestBackupsAreListedAndReadByNameOnly(t *testing.T) {
	d, folder := withBackups(t)
	d.encrypt = func(_ context.Context, dst io.Writer, entries []transfer.Entry, _ string, _ time.Time) error {
		_, err := fmt.Fprintln(dst, len(entries))
		return err
	}
	d.open(t)
	if err := d.BackupNow(t.Context()); !errors.Is(err, ErrNoBackupFolder) {
		t.Errorf("a backup without a folder: %v", err)
	}
	if err := d.SetBackup(t.Context(), "/media/stick", "correct horse"); err != nil {
		t.Fatal(err)
	}
	began := d.now()
	d.now = func() time.Time { return began.Add(time.Hour) }
	mustAdd(t, d, totpKey("GitHub", "alex"))
	if err := d.BackupNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	folder.files["diary.txt"] = []byte("not for this app")
	versions, err := d.BackupVersions(t.Context())
	if err != nil || len(versions) != 2 || !versions[0].Time.After(versions[1].Time) {
		t.Fatalf("%v, %v", versions, err)
	}
	for i, want := range []string{"1\n", "0\n"} {
		if got, err := d.ReadBackup(t.Context(), versions[i].Name); err != nil || string(got) != want {
			t.Errorf("version %d: %q, %v", i, got, err)
		}
	}
	if _, err := d.ReadBackup(t.Context(), "diary.txt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is no backup was read: %v", err)
	}
}
