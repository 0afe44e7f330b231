//go:build unix

// Package session starts programs in a desktop session of their own, for tests
// and measurements: a D-Bus session bus that nobody else is on, and on it a real
// gnome-keyring with a home of its own. Nothing of the person who runs them is
// within reach.
package session

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Keyring is how the session's keyring is found by its programs.
type Keyring string

// The states of a keyring; the values are the daemon's own flags.
const (
	Unlocked Keyring = "--unlock" // as after a login with the password
	Locked   Keyring = "--start"  // as after a login without one
)

// Tools are the programs that a session is made of, each with its Debian
// package.
func Tools() [][2]string {
	return [][2]string{{"dbus-run-session", "dbus"}, {"dbus-send", "dbus"}, {"gnome-keyring-daemon", "gnome-keyring"}}
}

// busConfig is a bus that starts no services by itself: else it may start a
// second keyring, before the unlocked one is known to it, that outlives the
// session.
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

// script starts the keyring as its first argument says, waits until the bus
// knows it, and becomes the program that the others name. The keyring ends with
// the bus, and the bus with the program.
const script = `
start=$1
shift
gnome-keyring-daemon --foreground "$start" --components=secrets <"$HOME/password" >"$HOME/keyring.log" 2>&1 &
keyring=$!
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
	org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q true
do
	kill -0 $keyring 2>/dev/null || { cat "$HOME/keyring.log" >&2; exit 1; }
	sleep 0.05
done
exec "$@"
`

// Prepare makes a home folder that sessions can be started in.
func Prepare(home string) error {
	for name, content := range map[string]string{"bus.conf": busConfig, "password": "a login password"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("preparing a session's home: %w", err)
		}
	}
	if err := os.MkdirAll(runtimeDir(home), 0o700); err != nil {
		return fmt.Errorf("preparing a session's home: %w", err)
	}
	return nil
}

func runtimeDir(home string) string { return filepath.Join(home, "run") }

// Environment is what programs of the session see of the world, and no more.
func Environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + runtimeDir(home), "LANG=C.UTF-8"}
}

// Command runs a program in a session whose home was prepared. The process is
// that of dbus-run-session; the program's own is a child.
func Command(ctx context.Context, home string, keyring Keyring, program string, args ...string) *exec.Cmd {
	words := []string{"--config-file=" + filepath.Join(home, "bus.conf"), "--", "sh", "-c", script, "sh", string(keyring), program}
	cmd := exec.CommandContext(ctx, "dbus-run-session", append(words, args...)...)
	cmd.Env = Environment(home)
	return cmd
}

// Bus starts a bus without a session around it, and gives its address. stop ends
// it.
func Bus(ctx context.Context, dir string) (address string, stop func(), err error) {
	config := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, []byte(busConfig), 0o600); err != nil {
		return "", nil, fmt.Errorf("preparing a bus: %w", err)
	}
	cmd := exec.CommandContext(ctx, "dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting a bus (on Debian: apt-get install dbus): %w", err)
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // what it says of the signal is known
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("waiting for a bus: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}
