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
)

// The test below runs itself again inside D-Bus sessions of its own; this
// variable tells the inner runs which part is theirs.
const partVar = "COUNTERSIGN_TEST_KEYRING_PART"

// TestSecretService runs the suite on a real gnome-keyring, then locks it, then
// unlocks it again: a locked keyring must never look like an empty one.
func TestSecretService(t *testing.T) {
	if part := os.Getenv(partVar); part != "" {
		t.Fatalf("part %q has its own test", part)
	}
	for _, tool := range []string{"dbus-run-session", "dbus-send", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v (on Debian: apt-get install dbus gnome-keyring, or make deps)", err)
		}
	}
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "password"), []byte("a login password"), 0o600); err != nil {
		t.Fatal(err)
	}
	session(t, home, "--unlock", "unlocked")
	session(t, home, "--start", "locked")
	session(t, home, "--unlock", "unlocked-again")
}

// busConfig is a session bus that starts no services by itself: else it may
// start a second keyring, before the unlocked one is known to it, that outlives
// the session.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// script starts the keyring, waits until the bus knows it, runs this test
// program again, and ends the keyring. Its arguments are the program and how to
// start the keyring.
const script = `
gnome-keyring-daemon --foreground "$1" --components=secrets <"$HOME/password" >"$HOME/daemon.log" 2>&1 &
daemon=$!
trap 'kill $daemon 2>/dev/null; wait' EXIT
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
	org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q true
do
	kill -0 $daemon 2>/dev/null || { cat "$HOME/daemon.log"; exit 1; }
	sleep 0.05
done
"$0" -test.run='^TestSecretServicePart$' -test.v
`

// session runs one part of the test in a new D-Bus session. Its environment is
// made here, so that it can reach no keyring of the person who runs the tests.
func session(t *testing.T, home, start, part string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runtimeDir := filepath.Join(home, "run-"+part)
	if err := os.Mkdir(runtimeDir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home, "bus.conf")
	if err := os.WriteFile(config, []byte(busConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dbus-run-session", "--config-file="+config, "--", "sh", "-c", script, self, start)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + runtimeDir, partVar + "=" + part}
	cmd.WaitDelay = 10 * time.Second // a daemon that was left behind is an error, not a hang
	out, err := cmd.CombinedOutput()
	t.Logf("part %s:\n%s", part, out)
	if err != nil {
		t.Fatalf("part %s: %v", part, err)
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
	switch part := os.Getenv(partVar); part {
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
		t.Fatalf("unknown part %q", part)
	}
}

// wantUnavailable asks for an item that is there, or may be, and tries to
// overwrite and delete it.
func wantUnavailable(t *testing.T, s keyring.Store) {
	t.Helper()
	_, getErr := s.Get(t.Context(), "survivor")
	for name, err := range map[string]error{
		"Get":    getErr,
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
