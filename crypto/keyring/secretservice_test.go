//go:build linux && !android

package keyring_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/keyring/keyringtest"
	"countersign/internal/session"
)

// The test below runs itself again inside D-Bus sessions of its own; this
// variable tells the inner runs which part is theirs.
const partVar = "COUNTERSIGN_TEST_KEYRING_PART"

// TestSecretService runs the suite on a real gnome-keyring, then locks it, then
// unlocks it again: a locked keyring must never look like an empty one.
func TestSecretService(t *testing.T) {
	if name := os.Getenv(partVar); name != "" {
		t.Fatalf("part %q has its own test", name)
	}
	for _, tool := range session.Tools() {
		if _, err := exec.LookPath(tool[0]); err != nil {
			t.Fatalf("%v (on Debian: apt-get install %s, or make deps)", err, tool[1])
		}
	}
	home := t.TempDir()
	if err := session.Prepare(home); err != nil {
		t.Fatal(err)
	}
	part(t, home, session.Unlocked, "unlocked")
	part(t, home, session.Locked, "locked")
	part(t, home, session.Unlocked, "unlocked-again")
}

// part runs one part of the test in a new D-Bus session, with a keyring that is
// locked or unlocked.
func part(t *testing.T, home string, state session.Keyring, name string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := session.Command(ctx, home, state, self, "-test.run=^TestSecretServicePart$", "-test.v")
	cmd.Env = append(cmd.Env, partVar+"="+name)
	cmd.WaitDelay = 10 * time.Second // a daemon that was left behind is an error, not a hang
	out, err := cmd.CombinedOutput()
	t.Logf("part %s:\n%s", name, out)
	if err != nil {
		t.Fatalf("part %s: %v", name, err)
	}
}

// TestSecretServicePart is the inside of TestSecretService; outside of a
// session there is nothing for it to do but to see that a missing D-Bus is
// told as such.
func TestSecretServicePart(t *testing.T) {
	if os.Getenv(partVar) == "" {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "no-bus"))
	}
	open := func(t *testing.T) keyring.Store {
		t.Helper()
		s, err := keyring.NewSystem(keyring.SystemOptions{Service: "org.countersign.test", Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	switch name := os.Getenv(partVar); name {
	case "":
		wantUnavailable(t, open(t))
	case "unlocked":
		keyringtest.Run(t, open)
		if err := open(t).Set(t.Context(), "survivor", []byte("first")); err != nil {
			t.Fatal(err)
		}
	case "locked":
		wantUnavailable(t, open(t))
	case "unlocked-again":
		got, err := open(t).Get(t.Context(), "survivor")
		if err != nil || string(got) != "first" {
			t.Errorf("after the keyring was locked: Get = %q, %v, want the first value", got, err)
		}
	default:
		t.Fatalf("unknown part %q", name)
	}
}

// wantUnavailable asks for an item that is there, or may be, and tries to
// overwrite and delete it.
func wantUnavailable(t *testing.T, s keyring.Store) {
	t.Helper()
	_, getErr := s.Get(t.Context(), "survivor")
	_, allErr := s.(keyring.Bulk).GetAll(t.Context())
	for name, err := range map[string]error{
		"Get":    getErr,
		"GetAll": allErr,
		"Set":    s.Set(t.Context(), "survivor", []byte("second")),
		"Delete": s.Delete(t.Context(), "survivor"),
		"Probe":  keyring.Probe(t.Context(), s),
	} {
		if !errors.Is(err, keyring.ErrUnavailable) {
			t.Errorf("%s = %v, want ErrUnavailable", name, err)
		}
	}
}

func TestAnAppsNameIsChecked(t *testing.T) {
	for _, name := range []string{"", "a b", "a/b", "a\nb"} {
		if _, err := keyring.NewSystem(keyring.SystemOptions{Service: name}); !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("service %q: %v, want ErrInvalidKey", name, err)
		}
	}
}
