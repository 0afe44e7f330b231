package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
)

// cheapLock takes 2^10 of scrypt instead of 2^18.
func cheapLock(t testing.TB, passphrase string) Lock {
	t.Helper()
	lock, err := passphraseLock(passphrase, 10)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func key(t testing.TB, passphrase string) Key {
	t.Helper()
	k, err := PassphraseKey(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(t testing.TB, kind string, lock Lock, content []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	err := Write(context.Background(), &file, kind, lock, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

const secret = "a good passphrase"

func TestABackupComesBackWhole(t *testing.T) {
	for _, size := range []int{0, 1, 64<<10 - 20, 64 << 10, 64<<10 + 1, 300_000} {
		content := bytes.Repeat([]byte("account "), size/8+1)[:size]
		file := sealed(t, "accounts", cheapLock(t, secret), content)
		if !IsBackup(file) {
			t.Errorf("%d bytes: IsBackup is false", size)
		}
		if size > 16 && bytes.Contains(file, []byte("account account")) {
			t.Errorf("%d bytes: the content stands in plain", size)
		}
		got, err := ReadAll(iotest.OneByteReader(bytes.NewReader(file)), "accounts", key(t, secret), 1<<20)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: got %d bytes back, %v", size, len(got), err)
		}
	}
}

func TestTheDefaultWorkOpensAgain(t *testing.T) {
	lock, err := PassphraseLock(secret)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadAll(bytes.NewReader(sealed(t, "accounts", lock, []byte("x"))), "accounts", key(t, secret), 10)
	if err != nil || string(got) != "x" {
		t.Errorf("ReadAll = %q, %v", got, err)
	}
}

// The format is age's own: its library, knowing nothing of ours, reads it.
func TestAnyAgeProgramReadsIt(t *testing.T) {
	file := sealed(t, "accounts", cheapLock(t, secret), []byte("content"))
	id, err := age.NewScryptIdentity(secret)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(file), id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "countersign backup 1 accounts\ncontent" {
		t.Errorf("age reads %q, %v", got, err)
	}
}

func TestRecipientsOpenWithTheirIdentities(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := RecipientLock("# the vault's key\n" + id.Recipient().String() + "\n")
	if err != nil {
		t.Fatal(err)
	}
	file := sealed(t, "server", lock, []byte("data"))

	right, err := IdentityKey(other.String() + "\n" + id.String())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadAll(bytes.NewReader(file), "server", right, 100); err != nil || string(got) != "data" {
		t.Errorf("with the identity: %q, %v", got, err)
	}
	wrong, err := IdentityKey(other.String())
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]Key{"another identity": wrong, "a passphrase": key(t, secret)} {
		if _, err := ReadAll(bytes.NewReader(file), "server", k, 100); !errors.Is(err, ErrWrongKey) {
			t.Errorf("with %s: %v, want ErrWrongKey", name, err)
		}
	}
	for _, bad := range []string{"", "age1nonsense", "AGE-SECRET-KEY-1"} {
		if _, err := RecipientLock(bad); err == nil {
			t.Errorf("RecipientLock(%q) was accepted", bad)
		}
		if _, err := IdentityKey(bad); err == nil {
			t.Errorf("IdentityKey(%q) was accepted", bad)
		}
	}
}

func TestAWrongPassphraseIsToldFromADamagedFile(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 70_000) // two chunks of age's stream
	file := sealed(t, "accounts", cheapLock(t, secret), content)
	read := func(data []byte, passphrase string) error {
		got, err := ReadAll(bytes.NewReader(data), "accounts", key(t, passphrase), 1<<20)
		if err == nil && !bytes.Equal(got, content) {
			t.Error("a changed file was read without an error")
		}
		return err
	}
	if err := read(file, "another passphrase"); !errors.Is(err, ErrWrongKey) {
		t.Errorf("wrong passphrase: %v, want ErrWrongKey", err)
	}
	header := bytes.Index(file, []byte("\n---")) + 1
	body := header + bytes.IndexByte(file[header:], '\n') + 1
	for _, at := range []int{body, body + 15, body + 16, body + 1000, body + 64<<10 + 100, len(file) - 1} {
		flipped := bytes.Clone(file)
		flipped[at] ^= 1
		if err := read(flipped, secret); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d of %d flipped: %v, want ErrDamaged", at, len(file), err)
		}
	}
	for _, n := range []int{len(magic), header, body, body + 16, body + 17, body + 16 + 64<<10 + 16, len(file) - 1} {
		if err := read(file[:n], secret); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: %v, want ErrDamaged", n, len(file), err)
		}
	}
	if err := read(append(bytes.Clone(file), 'x'), secret); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte longer: %v, want ErrDamaged", err)
	}
	for at := range body { // anywhere in the header
		flipped := bytes.Clone(file)
		flipped[at] ^= 1
		err := read(flipped, secret)
		if !errors.Is(err, ErrNotBackup) && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d of the header flipped: %v", at, err)
		}
	}
}

func TestAnotherFileIsNotABackup(t *testing.T) {
	for _, data := range []string{"", "age", `{"db":{"version":3}}`, "PK\x03\x04", strings.Repeat("z", 1000), "age-encryption.org/v2\n"} {
		if _, err := ReadAll(strings.NewReader(data), "accounts", key(t, secret), 100); !errors.Is(err, ErrNotBackup) {
			t.Errorf("%.10q: %v, want ErrNotBackup", data, err)
		}
	}
}

func TestABackupOfAnotherKindIsRefused(t *testing.T) {
	file := sealed(t, "server", cheapLock(t, secret), []byte("rows"))
	for _, kind := range []string{"accounts", "serve", "server-2"} {
		if _, err := ReadAll(bytes.NewReader(file), kind, key(t, secret), 100); !errors.Is(err, ErrWrongKind) {
			t.Errorf("as %q: %v, want ErrWrongKind", kind, err)
		}
	}
	for _, kind := range []string{"", "Server", "a b", "a\nb", strings.Repeat("k", 33)} {
		if _, err := NewWriter(io.Discard, kind, cheapLock(t, secret)); err == nil {
			t.Errorf("kind %q was accepted", kind)
		}
	}
}

// A file may demand any work of its reader; 2^30 of scrypt would take 1 TiB.
func TestAFileThatDemandsTooMuchWorkIsRefused(t *testing.T) {
	file := sealed(t, "accounts", cheapLock(t, secret), nil)
	greedy := bytes.Replace(file, []byte(" 10\n"), []byte(" 30\n"), 1)
	if bytes.Equal(file, greedy) {
		t.Fatal("the header does not hold the work factor where it was looked for")
	}
	if _, err := NewReader(bytes.NewReader(greedy), "accounts", key(t, secret)); !errors.Is(err, ErrDamaged) {
		t.Errorf("error = %v, want ErrDamaged", err)
	}
}

func TestReadAllStopsAtItsLimit(t *testing.T) {
	file := sealed(t, "accounts", cheapLock(t, secret), make([]byte, 101))
	if _, err := ReadAll(bytes.NewReader(file), "accounts", key(t, secret), 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error = %v, want ErrTooLarge", err)
	}
}

func TestAFailingDiskIsNotADamagedFile(t *testing.T) {
	file := sealed(t, "accounts", cheapLock(t, secret), make([]byte, 200_000))
	broken := errors.New("input/output error")
	for _, n := range []int{0, 5, 100, 1000, 150_000} {
		src := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken))
		_, err := ReadAll(src, "accounts", key(t, secret), 1<<20)
		if !errors.Is(err, broken) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotBackup) {
			t.Errorf("failing after %d bytes: %v, want the disk's error alone", n, err)
		}
	}
}

func TestWeakPassphrasesAreRefused(t *testing.T) {
	if _, err := PassphraseLock("1234567"); !errors.Is(err, ErrWeakPassphrase) {
		t.Errorf("error = %v, want ErrWeakPassphrase", err)
	}
	if _, err := PassphraseKey(""); !errors.Is(err, ErrWrongKey) {
		t.Errorf("error = %v, want ErrWrongKey", err)
	}
}

func FuzzReader(f *testing.F) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	lock, err := RecipientLock(id.Recipient().String())
	if err != nil {
		f.Fatal(err)
	}
	k, err := IdentityKey(id.String())
	if err != nil {
		f.Fatal(err)
	}
	content := []byte("some accounts")
	file := sealed(f, "accounts", lock, content)
	f.Add(file)
	f.Add(file[:len(file)-1])
	f.Add([]byte(magic))
	f.Add([]byte(magic + "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\nAAAA\n--- AAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ReadAll(bytes.NewReader(data), "accounts", k, 1<<16)
		if err == nil && !bytes.Equal(got, content) {
			t.Errorf("read %q from a file that was never written", got)
		}
	})
}
