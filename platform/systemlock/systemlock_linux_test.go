//go:build linux && !android

package systemlock_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"countersign/internal/session"
	"countersign/platform/systemlock"
)

// bus starts a bus of the test's own, and a connection to it.
func bus(t *testing.T, variable string) *dbus.Conn {
	t.Helper()
	address, stop, err := session.Bus(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	t.Setenv(variable, address)
	c, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually looks until it sees what it looks for.
func eventually(t *testing.T, what string, look func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for !look() {
		select {
		case <-ticks.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// listening waits until that many rules for signals stand on a bus.
func listening(t *testing.T, c *dbus.Conn, want int) {
	t.Helper()
	eventually(t, "the watcher listens", func() bool {
		var rules map[string][]string
		if err := c.BusObject().Call("org.freedesktop.DBus.Debug.Stats.GetAllMatchRules", 0).Store(&rules); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range rules {
			n += len(r)
		}
		return n >= want
	})
}

// logind answers as the system's own does.
type logind struct{}

// GetSessionByPID names our session.
func (logind) GetSessionByPID(uint32) (dbus.ObjectPath, *dbus.Error) { return ours, nil }

const ours, theirs = dbus.ObjectPath("/org/freedesktop/login1/session/_31"), dbus.ObjectPath("/org/freedesktop/login1/session/_32")

// emission is a signal, and whether it must lock.
type emission struct {
	rule   string
	path   dbus.ObjectPath
	signal string
	body   []any
	locks  bool
}

// hears watches, emits, and tells whether each signal locked exactly when it had
// to. A signal that must not is followed by one that must: they come in order.
func hears(t *testing.T, c *dbus.Conn, rules int, emissions []emission) {
	t.Helper()
	locks := make(chan struct{}, 64)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		systemlock.Watch(ctx, slog.New(slog.DiscardHandler), func() { locks <- struct{}{} })
	}()
	listening(t, c, rules)
	want := 0
	for _, e := range emissions {
		if err := c.Emit(e.path, e.signal, e.body...); err != nil {
			t.Fatal(err)
		}
		if e.locks {
			want++
			select {
			case <-locks:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: does not lock", e.rule)
			}
		}
		if len(locks) > 0 {
			t.Fatalf("%s: or what came before it locks", e.rule)
		}
	}
	cancel()
	<-done
}

func TestTheScreenSaverLocks(t *testing.T) {
	c := bus(t, "DBUS_SESSION_BUS_ADDRESS")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "no-bus"))
	var emissions []emission
	for _, desktop := range []string{"org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.cinnamon.ScreenSaver", "org.mate.ScreenSaver", "org.xfce.ScreenSaver"} {
		emissions = append(emissions,
			emission{desktop + " ends", "/ScreenSaver", desktop + ".ActiveChanged", []any{false}, false},
			emission{desktop + " says nothing", "/ScreenSaver", desktop + ".ActiveChanged", nil, false},
			emission{desktop + " begins", "/ScreenSaver", desktop + ".ActiveChanged", []any{true}, true})
	}
	hears(t, c, 5, emissions)
}

func TestLogindLocks(t *testing.T) {
	c := bus(t, "DBUS_SYSTEM_BUS_ADDRESS")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "no-bus"))
	hears(t, c, 2, []emission{
		{"without knowing our session, any session's lock", theirs, "org.freedesktop.login1.Session.Lock", nil, true},
	})
	if err := c.Export(logind{}, "/org/freedesktop/login1", "org.freedesktop.login1.Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	hears(t, c, 2, []emission{
		{"another session's lock", theirs, "org.freedesktop.login1.Session.Lock", nil, false},
		{"our session's unlock", ours, "org.freedesktop.login1.Session.Unlock", nil, false},
		{"our session's lock", ours, "org.freedesktop.login1.Session.Lock", nil, true},
		{"waking up", "/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", []any{false}, false},
		{"falling asleep", "/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", []any{true}, true},
	})
}

func TestWithoutABusWatchEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, variable := range []string{"DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"} {
		t.Setenv(variable, "unix:path="+filepath.Join(t.TempDir(), "no-bus"))
	}
	systemlock.Watch(t.Context(), slog.New(slog.DiscardHandler), func() { t.Error("locked") })
}
