package keyring_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"countersign/crypto/keyring"
	"countersign/crypto/keyring/keyringtest"
)

// cheap is the least that the store accepts, so that tests are quick.
func cheap() keyring.KDF { return keyring.KDF{Time: 1, MemoryKiB: 8 << 10, Threads: 1} }

var passphrase = []byte("correct horse battery staple")

func create(t *testing.T, dir string) *keyring.File {
	t.Helper()
	f, err := keyring.CreateFile(dir, passphrase, cheap())
	if err != nil {
		t.Fatalf("CreateFile: %v", err)
	}
	return f
}

func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	create(t, dir)
	keyringtest.Run(t, func(t *testing.T) keyring.Store {
		f, err := keyring.OpenFile(dir, passphrase)
		if err != nil {
			t.Fatalf("OpenFile: %v", err)
		}
		return f
	})
}

func TestTheDefaultKDFWorks(t *testing.T) {
	dir := t.TempDir()
	f, err := keyring.CreateFile(dir, passphrase, keyring.KDF{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Set(t.Context(), "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.OpenFile(dir, passphrase); err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(filepath.Join(dir, "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(head, []byte(`"memory_kib": 65536`)) {
		t.Errorf("the header does not name 64 MiB of memory:\n%s", head)
	}
}

func TestNothingIsReadableByOthersOrInPlain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	f := create(t, dir)
	secret := []byte("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
	if err := f.Set(t.Context(), "account", secret); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if e.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(data, secret) || bytes.Contains(data, passphrase) {
			t.Errorf("%s holds a secret in plain", path)
		}
		if strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWrongPassphraseIsToldFromADamagedFile(t *testing.T) {
	dir := t.TempDir()
	create(t, dir)
	if _, err := keyring.OpenFile(dir, []byte("incorrect horse")); !errors.Is(err, keyring.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v, want ErrWrongPassphrase", err)
	}
	if _, err := keyring.OpenFile(dir, nil); !errors.Is(err, keyring.ErrWrongPassphrase) {
		t.Errorf("empty passphrase: %v, want ErrWrongPassphrase", err)
	}

	path := filepath.Join(dir, "keyring.json")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sound { // every byte of the header, changed in turn
		damaged := bytes.Clone(sound)
		damaged[i] ^= 0x01
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.OpenFile(dir, passphrase)
		if err == nil && isSpace(sound[i]) {
			continue // one kind of white space for another
		}
		if !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("byte %d (%q) flipped: %v, want ErrDamaged", i, sound[i], err)
		}
	}
	for _, n := range []int{0, 1, len(sound) / 2, len(sound) - 3} {
		if err := os.WriteFile(path, sound[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.OpenFile(dir, passphrase); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("header cut to %d bytes: %v, want ErrDamaged", n, err)
		}
	}
}

func isSpace(b byte) bool { return strings.ContainsRune(" \t\r\n", rune(b)) }

func TestADamagedItemIsNeverMistakenForANewOne(t *testing.T) {
	dir := t.TempDir()
	f := create(t, dir)
	if err := f.Set(t.Context(), "account", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "account.sealed")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string][]byte{
		"empty": {}, "cut": sound[:len(sound)-1], "cut to its mark": sound[:20],
		"longer": append(bytes.Clone(sound), 0), "enormous": make([]byte, 1<<20),
	}
	for i := range sound {
		flipped := bytes.Clone(sound)
		flipped[i] ^= 0x80
		damage["flipped byte "+string(rune('0'+i%10))+" of "+string(rune('0'+i/10))] = flipped
	}
	for name, data := range damage {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Get(t.Context(), "account"); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("%s: Get = %q, %v, want ErrDamaged", name, got, err)
		}
	}
}

// One who can write files, but knows no passphrase, could otherwise make the
// app show one account's codes under another's name.
func TestAnItemDoesNotOpenUnderAnotherName(t *testing.T) {
	dir := t.TempDir()
	f := create(t, dir)
	if err := f.Set(t.Context(), "bank", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "bank.sealed"), filepath.Join(dir, "forum.sealed")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "forum"); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("Get = %v, want ErrDamaged", err)
	}
}

func TestCreateNeverOverwritesAStore(t *testing.T) {
	dir := t.TempDir()
	f := create(t, dir)
	if err := f.Set(t.Context(), "account", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.CreateFile(dir, passphrase, cheap()); !errors.Is(err, keyring.ErrExists) {
		t.Errorf("over a store: %v, want ErrExists", err)
	}
	if err := os.Remove(filepath.Join(dir, "keyring.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.CreateFile(dir, passphrase, cheap()); !errors.Is(err, keyring.ErrExists) {
		t.Errorf("over orphaned items: %v, want ErrExists", err)
	}
	if _, err := keyring.OpenFile(dir, passphrase); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("open without the header: %v, want ErrDamaged", err)
	}
}

func TestOpenWithoutAStoreIsNotFound(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		if _, err := keyring.OpenFile(dir, passphrase); !errors.Is(err, keyring.ErrNotFound) {
			t.Errorf("OpenFile = %v, want ErrNotFound", err)
		}
	}
}

func TestAFolderThatIsGoneIsUnavailable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	f := create(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "account"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("Get = %v, want ErrUnavailable", err)
	}
	if err := f.Set(t.Context(), "account", []byte("x")); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("Set = %v, want ErrUnavailable", err)
	}
}

func TestChangePassphraseKeepsTheItems(t *testing.T) {
	dir := t.TempDir()
	f := create(t, dir)
	if err := f.Set(t.Context(), "account", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := f.ChangePassphrase([]byte("short"), cheap()); !errors.Is(err, keyring.ErrWeakPassphrase) {
		t.Errorf("short passphrase: %v, want ErrWeakPassphrase", err)
	}
	if err := f.ChangePassphrase([]byte("another passphrase"), cheap()); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.OpenFile(dir, passphrase); !errors.Is(err, keyring.ErrWrongPassphrase) {
		t.Errorf("old passphrase: %v, want ErrWrongPassphrase", err)
	}
	again, err := keyring.OpenFile(dir, []byte("another passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Get(t.Context(), "account"); err != nil || string(got) != "secret" {
		t.Errorf("Get = %q, %v", got, err)
	}
}

func TestAClosedStoreAnswersNothing(t *testing.T) {
	f := create(t, t.TempDir())
	if err := f.Set(t.Context(), "account", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	f.Close()
	_, getErr := f.Get(t.Context(), "account")
	for name, err := range map[string]error{
		"Get":              getErr,
		"Set":              f.Set(t.Context(), "account", nil),
		"Delete":           f.Delete(t.Context(), "account"),
		"ChangePassphrase": f.ChangePassphrase(passphrase, cheap()),
	} {
		if !errors.Is(err, keyring.ErrClosed) {
			t.Errorf("%s = %v, want ErrClosed", name, err)
		}
	}
}

func TestCreateRefusesWeakSettings(t *testing.T) {
	if _, err := keyring.CreateFile(t.TempDir(), []byte("1234567"), cheap()); !errors.Is(err, keyring.ErrWeakPassphrase) {
		t.Errorf("7 bytes: %v, want ErrWeakPassphrase", err)
	}
	for _, kdf := range []keyring.KDF{
		{Time: 0, MemoryKiB: 64 << 10, Threads: 4},
		{Time: 3, MemoryKiB: 1 << 10, Threads: 4},
		{Time: 3, MemoryKiB: 64 << 10, Threads: 0},
		{Time: 100, MemoryKiB: 64 << 10, Threads: 4},
		{Time: 3, MemoryKiB: 1 << 31, Threads: 4},
	} {
		if _, err := keyring.CreateFile(t.TempDir(), passphrase, kdf); err == nil {
			t.Errorf("%+v was accepted", kdf)
		}
	}
}
