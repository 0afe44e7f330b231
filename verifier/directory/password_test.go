package directory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

const password = "correct horse"

func (f *fixture) addWithPassword(name string) directory.User {
	f.Helper()
	u := f.addUser(directory.User{Name: name})
	f.update(func(tx store.Tx) error { return f.SetPassword(tx, u.ID, password) })
	return u
}

// guess tries a password and checks the error: nil, a sentinel, or a back-off.
func (f *fixture) guess(name, password, source string, want error) {
	f.Helper()
	u, err := f.Authenticate(f.Context(), name, password, source)
	if !errors.Is(err, want) || (want == nil && u.ID == "") || (want != nil && u.ID != "") {
		f.Fatalf("Authenticate(%s, %s) = %q, %v; want %v", name, source, u.Name, err, want)
	}
}

// backoff tries a password that must not even be looked at.
func (f *fixture) backoff(name, password, source string) time.Duration {
	f.Helper()
	_, err := f.Authenticate(f.Context(), name, password, source)
	var wait *directory.BackoffError
	if !errors.As(err, &wait) || wait.RetryAfter <= 0 {
		f.Fatalf("Authenticate(%s, %s) gives %v; want a back-off", name, source, err)
	}
	return wait.RetryAfter
}

func TestAuthenticate(t *testing.T) {
	f := newFixture(t)
	u := f.addWithPassword("zoe")
	f.addUser(directory.User{Name: "nopassword"})
	off := f.addWithPassword("off")
	off.Disabled = true
	f.update(func(tx store.Tx) error { return f.PutUser(tx, off) })

	f.guess("ZOE@"+domain, password, "192.0.2.1", nil)
	for name, given := range map[string]string{
		"zoe": "correct horsf", "off": password, "nopassword": "", "unknown": password, "": "", "a b": "x",
	} {
		f.guess(name, given, "192.0.2.1", directory.ErrWrongPassword)
	}
	f.guess("zoe", string(make([]byte, 5000)), "192.0.2.1", directory.ErrWrongPassword)
	f.update(func(tx store.Tx) error { return f.SetPassword(tx, u.ID, "Zoë's new pass") })
	f.guess("zoe", password, "192.0.2.1", directory.ErrWrongPassword)
	f.guess("zoe", "Zoe\u0308's new pass", "192.0.2.1", nil) // typed on another keyboard
}

func TestPasswordsAreRefusedWith(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	for name, password := range map[string]string{
		"seven characters": "1234567", "seven characters of more bytes": "ååååååå", "none": "",
		"no text": "\xff\xff\xff\xff\xff\xff\xff\xff", "too much": string(make([]byte, 1025)),
	} {
		f.refused(name, directory.ErrInvalid, func(tx store.Tx) error { return f.SetPassword(tx, u.ID, password) })
	}
	f.refused("an unknown user", directory.ErrUnknownUser, func(tx store.Tx) error { return f.SetPassword(tx, "nobody", password) })
}

// TestTenWrongPasswordsBackOff holds for a user and for a name that nobody has
// alike, or the difference would tell who exists.
func TestTenWrongPasswordsBackOff(t *testing.T) {
	for _, name := range []string{"zoe", "unknown"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.addWithPassword("zoe")
			forms := []string{name, name + "@" + domain} // one person, one count
			for i := range 10 {
				f.guess(forms[i%2], "wrong", "192.0.2.1", directory.ErrWrongPassword)
			}
			if wait := f.backoff(name, password, "192.0.2.1"); wait != time.Minute {
				t.Errorf("the first back-off is %s", wait)
			}
			f.restart() // the count survives
			f.backoff(forms[1], password, "192.0.2.1")
			f.guess(name, "wrong", "192.0.2.2", directory.ErrWrongPassword) // another source

			f.clock.move(time.Minute)
			f.guess(name, "wrong", "192.0.2.1", directory.ErrWrongPassword)
			if wait := f.backoff(name, password, "192.0.2.1"); wait != 2*time.Minute {
				t.Errorf("the second back-off is %s", wait)
			}
			f.clock.move(2 * time.Minute)
			if name == "unknown" {
				return
			}
			f.guess(name, password, "192.0.2.1", nil) // ends the row
			for range 9 {
				f.guess(name, "wrong", "192.0.2.1", directory.ErrWrongPassword)
			}
			f.guess(name, password, "192.0.2.1", nil)
		})
	}
}

func TestAHundredWrongPasswordsLock(t *testing.T) {
	for _, name := range []string{"zoe", "unknown"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			u := f.addWithPassword("zoe")
			for i := range 100 {
				f.guess(name, "wrong", fmt.Sprintf("192.0.2.%d", i/9), directory.ErrWrongPassword)
			}
			f.guess(name, password, "198.51.100.1", directory.ErrPasswordLocked)
			f.clock.move(30 * 24 * time.Hour) // no waiting ends it
			f.guess(name, password, "198.51.100.1", directory.ErrPasswordLocked)
			if name == "unknown" {
				return
			}
			if kinds := f.kinds(u.ID); kinds[len(kinds)-2] != audit.KindPasswordLocked {
				t.Errorf("the audit log ends in %q", kinds[len(kinds)-2:])
			}
			f.view(func(tx store.Tx) error {
				locked, err := f.PasswordLocked(tx, u.ID)
				if !locked {
					t.Error("PasswordLocked says no")
				}
				return err
			})
			f.update(func(tx store.Tx) error { return f.UnlockPassword(tx, u.ID) })
			f.guess(name, password, "192.0.2.0", nil)
		})
	}
}

// TestGuessesAtOnceAllCount: as many at once as the machine takes give no more
// than ten looks at the password.
func TestGuessesAtOnceAllCount(t *testing.T) {
	f := newFixture(t)
	f.addWithPassword("zoe")
	var wait sync.WaitGroup
	var mu sync.Mutex
	looked := 0
	for range 40 {
		wait.Go(func() {
			_, err := f.Authenticate(t.Context(), "zoe", "wrong", "192.0.2.1")
			if errors.Is(err, directory.ErrWrongPassword) {
				mu.Lock()
				looked++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if looked != 10 {
		t.Errorf("the password was looked at %d times, want 10", looked)
	}
	f.backoff("zoe", password, "192.0.2.1")
}

func TestTooManyAtOnceAreTurnedAway(t *testing.T) {
	f := newFixture(t)
	d := directory.New(directory.Config{
		Store: f.store, Audit: f.audit, Tenant: f.tenant, Now: f.clock.Now, Hashes: 1, Waiting: 1,
	})
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 3)
	go func() {
		done <- f.store.Update(context.Background(), func(store.Tx) error { close(held); <-release; return nil })
	}()
	<-held // the store's writer is held: the first call waits inside, the second for it
	for range 2 {
		go func() {
			err := directory.ErrBusy
			for errors.Is(err, directory.ErrBusy) { // the look below takes a place for a moment
				_, err = d.Authenticate(context.Background(), "zoe", "wrong", "192.0.2.1")
			}
			done <- err
		}()
	}
	for !errors.Is(tryOnce(d), directory.ErrBusy) {
		// until both are inside
	}
	close(release)
	for range 3 {
		if err := <-done; err != nil && !errors.Is(err, directory.ErrWrongPassword) {
			t.Error(err)
		}
	}
}

// tryOnce calls with a context that has ended, so that it never waits.
func tryOnce(d *directory.Directory) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := d.Authenticate(ctx, "other", "wrong", "192.0.2.9")
	return err
}

// TestForgottenGuessesAreSwept: names that nobody has must not fill the disk.
func TestForgottenGuessesAreSwept(t *testing.T) {
	f := newFixture(t)
	for i := range 20 {
		f.guess(fmt.Sprintf("unknown%d", i), "x", "192.0.2.1", directory.ErrWrongPassword)
	}
	count := func() (n int) {
		f.view(func(tx store.Tx) error {
			return tx.Scan("password_guesses", store.Range{}, func(string, []byte) error { n++; return nil })
		})
		return n
	}
	if n := count(); n != 40 {
		t.Fatalf("%d counts are kept, want 40", n)
	}
	f.clock.move(8 * 24 * time.Hour)
	for i := range 60 {
		f.guess("zoe", "x", fmt.Sprintf("192.0.2.%d", i), directory.ErrWrongPassword)
	}
	if n := count(); n >= 61+40 {
		t.Errorf("%d counts are kept: none was swept", n)
	}
}
