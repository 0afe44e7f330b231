package vault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"countersign/verifier/store/sqlite"
	"countersign/verifier/vault"
)

func open(t *testing.T, path string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAFieldOpensUnderItsLabelAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	v := open(t, path)
	for _, plaintext := range []string{"", "secret", strings.Repeat("x", 10_000)} {
		sealed, err := v.Seal("totp/zoe", []byte(plaintext))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, path).Open("totp/zoe", sealed); string(got) != plaintext || err != nil {
			t.Errorf("it opens to %q, %v", got, err)
		}
		if strings.Contains(string(sealed), "secret") {
			t.Error("the plaintext shows")
		}
		for _, label := range []string{"", "totp/zo", "totp/alex", "totp/zoe\x00"} {
			if _, err := v.Open(label, sealed); !errors.Is(err, vault.ErrSealed) {
				t.Errorf("under %q it gives %v", label, err)
			}
		}
		other := open(t, filepath.Join(t.TempDir(), "key"))
		if _, err := other.Open("totp/zoe", sealed); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("under another key it gives %v", err)
		}
		again, err := v.Seal("totp/zoe", []byte(plaintext))
		if err != nil || string(again) == string(sealed) {
			t.Errorf("sealed twice it is the same: %v", err)
		}
	}
}

func TestEveryByteOfASealedFieldCounts(t *testing.T) {
	v := open(t, filepath.Join(t.TempDir(), "key"))
	sealed, err := v.Seal("l", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := []byte(string(sealed))
		bad[i] ^= 1
		if _, err := v.Open("l", bad); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("with byte %d flipped it gives %v", i, err)
		}
		if _, err := v.Open("l", sealed[:i]); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("cut to %d bytes it gives %v", i, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	v, err := vault.New(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := v.Seal("l", []byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:20])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := v.Open("l", b); err == nil && string(got) != "secret" {
			t.Fatalf("what was never sealed opens to %q", got)
		}
	})
}

func TestTheKeyFileIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such bits; the folder's access list protects the file")
		return
	}
	path := filepath.Join(t.TempDir(), "key")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key file has the mode %v, %v", info.Mode(), err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(path); !errors.Is(err, vault.ErrKeyFile) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v gives %v", mode, err)
		}
	}
}

func TestWhatIsNoKeyFileIsRefusedAndKept(t *testing.T) {
	good := filepath.Join(t.TempDir(), "key")
	open(t, good)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "another file": "hello\n", "a short key": string(text[:len(text)-3]),
		"two keys": string(text) + string(text), "a long file": strings.Repeat("x", 10_000),
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(path); !errors.Is(err, vault.ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
		if kept, err := os.ReadFile(path); string(kept) != content || err != nil {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := vault.Open(t.TempDir()); !errors.Is(err, vault.ErrKeyFile) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := vault.Open(filepath.Join(t.TempDir(), "no", "key")); !errors.Is(err, vault.ErrKeyFile) {
		t.Errorf("no folder: %v", err)
	}
}

func TestTwoFirstStartsAgreeOnOneKey(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "key")
	vaults := make([]*vault.Vault, 16)
	var wait sync.WaitGroup
	for i := range vaults {
		wait.Go(func() {
			v, err := vault.Open(path)
			if err != nil {
				t.Error(err)
			}
			vaults[i] = v
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	sealed, err := vaults[0].Seal("l", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vaults {
		if _, err := v.Open("l", sealed); err != nil {
			t.Errorf("vault %d has another key", i)
		}
	}
	if files, err := os.ReadDir(folder); len(files) != 1 || err != nil {
		t.Errorf("%d files are left, want the key alone", len(files))
	}
}

func TestDataAndKeyFileBelongTogether(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	s, err := sqlite.Open(ctx, filepath.Join(folder, "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	key, other := filepath.Join(folder, "key"), filepath.Join(folder, "other")
	for range 2 {
		if _, err := vault.OpenFor(ctx, key, s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := vault.OpenFor(ctx, other, s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing key file gives %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a new key file hides that the old one is missing")
	}
	open(t, other)
	if _, err := vault.OpenFor(ctx, other, s); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("another key file gives %v", err)
	}
}

func TestAVaultShowsNothing(t *testing.T) {
	v, err := vault.New([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, v); text != "vault" {
			t.Errorf("%s prints %q", verb, text)
		}
	}
	if _, err := vault.New(make([]byte, 16)); !errors.Is(err, vault.ErrKeyFile) {
		t.Errorf("a key of 16 bytes gives %v", err)
	}
}
