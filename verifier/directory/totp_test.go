package directory_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign/crypto/otp"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// secret is that of RFC 6238 appendix B.
const secret = "12345678901234567890"

func code(t *testing.T, at time.Time) string {
	t.Helper()
	key := otp.Defaults(otp.TOTP)
	key.Secret = secret
	c, err := key.Code(at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *fixture) check(user, code string, want bool) {
	f.Helper()
	var ok bool
	f.update(func(tx store.Tx) (err error) {
		ok, err = f.CheckTOTP(tx, user, code, f.clock.Now())
		return err
	})
	if ok != want {
		f.Errorf("CheckTOTP = %v, want %v", ok, want)
	}
}

func TestACodeCountsOnce(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	f.update(func(tx store.Tx) error { return f.RegisterTOTP(tx, u.ID, []byte(secret)) })
	f.check(u.ID, "000000", false)
	f.check(u.ID, "", false)
	now := code(t, f.clock.Now())
	f.check(u.ID, now, true)
	f.check(u.ID, now, false)
	f.restart()
	f.check(u.ID, now, false)
	f.check(u.ID, code(t, f.clock.Now().Add(-30*time.Second)), false)

	f.update(func(tx store.Tx) error { return f.RegisterTOTP(tx, u.ID, []byte(secret)) })
	f.check(u.ID, now, false) // the same secret again gives no second use

	f.clock.move(30 * time.Second)
	f.check(u.ID, code(t, f.clock.Now()), true)
}

func TestACodeMayBeAStepOff(t *testing.T) {
	for _, test := range []struct {
		off  time.Duration
		want bool
	}{{-60 * time.Second, false}, {-30 * time.Second, true}, {0, true}, {30 * time.Second, true}, {60 * time.Second, false}} {
		f := newFixture(t)
		u := f.addUser(directory.User{Name: "zoe"})
		f.update(func(tx store.Tx) error { return f.RegisterTOTP(tx, u.ID, []byte(secret)) })
		f.check(u.ID, code(t, f.clock.Now().Add(test.off)), test.want)
	}
}

// TestACodeSentTwiceAtOnceCountsOnce: the guard is inside the transaction.
func TestACodeSentTwiceAtOnceCountsOnce(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	f.update(func(tx store.Tx) error { return f.RegisterTOTP(tx, u.ID, []byte(secret)) })
	now := code(t, f.clock.Now())
	const tries = 32
	results := make(chan bool, tries)
	for range tries {
		go func() {
			var ok bool
			err := f.store.Update(t.Context(), func(tx store.Tx) (err error) {
				ok, err = f.CheckTOTP(tx, u.ID, now, f.clock.Now())
				return err
			})
			results <- ok && err == nil
		}()
	}
	right := 0
	for range tries {
		if <-results {
			right++
		}
	}
	if right != 1 {
		t.Errorf("the code counted %d times", right)
	}
}

func TestTOTPIsRefusedWith(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	f.refused("a secret under 160 bits", directory.ErrInvalid, func(tx store.Tx) error { return f.RegisterTOTP(tx, u.ID, make([]byte, 19)) })
	f.refused("a secret that is too long", directory.ErrInvalid, func(tx store.Tx) error { return f.RegisterTOTP(tx, u.ID, make([]byte, 129)) })
	f.refused("an unknown user", directory.ErrUnknownUser, func(tx store.Tx) error { return f.RegisterTOTP(tx, "nobody", make([]byte, 20)) })
	f.refused("a code without a secret", directory.ErrNoTOTP, func(tx store.Tx) error {
		ok, err := f.CheckTOTP(tx, u.ID, "123456", f.clock.Now())
		if ok {
			t.Error("a code counts without a secret")
		}
		return err
	})
	f.refused("removing none", directory.ErrNoTOTP, func(tx store.Tx) error { return f.RemoveTOTP(tx, u.ID) })
}

// TestSecretsAreSealed looks for secrets in every byte that is on the disk.
func TestSecretsAreSealed(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	const password, shared = "correct horse battery", "a radius shared secret"
	n := radiusClient("192.0.2.1")
	n.RADIUSSecret = []byte(shared)
	var key, token string
	f.update(func(tx store.Tx) (err error) {
		err = errors.Join(f.RegisterTOTP(tx, u.ID, []byte(secret)), f.SetPassword(tx, u.ID, password))
		if err == nil {
			_, key, err = f.AddClient(tx, n)
		}
		if err == nil {
			token, _, err = f.AddAdminToken(tx)
		}
		return err
	})
	files, err := filepath.Glob(filepath.Join(f.path, "db*"))
	f.must(err)
	found := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		f.must(err)
		found = found || bytes.Contains(content, []byte(u.ID)) // the search itself works
		for _, text := range []string{secret, otp.Secret(secret).Base32(), password, shared, key, token} {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("a secret stands in %s", filepath.Base(file))
			}
		}
	}
	if !found {
		t.Error("the user's id is not found either: the search is wrong")
	}
}
