//go:build linux && !android

package minimised

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newScreen starts an X server without a window manager, and gives a client of it.
func newScreen(t *testing.T) *xgb.Conn {
	t.Helper()
	told, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	server := exec.CommandContext(t.Context(), "Xvfb", "-displayfd", "3", "-screen", "0", "320x240x24", "-nolisten", "tcp", "-noreset")
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.ExtraFiles = []*os.File{tell}
	err = server.Start()
	_ = tell.Close()
	if err != nil {
		t.Fatalf("%v (on Debian: apt-get install xvfb, or make deps)", err)
	}
	t.Cleanup(func() { _ = server.Wait() }) // it was told to end by the test's context
	number, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	x, err := xgb.NewConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

// desk is a window and what Watch tells of it.
type desk struct {
	t      *testing.T
	x      *xgb.Conn
	window xproto.Window
	told   chan bool
}

func newDesk(t *testing.T) *desk {
	x := newScreen(t)
	screen := xproto.Setup(x).DefaultScreen(x)
	window, err := xproto.NewWindowId(x)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, x: x, window: window, told: make(chan bool)}
	d.check(xproto.CreateWindowChecked(x, screen.RootDepth, window, screen.Root, 0, 0, 100, 100, 0, xproto.WindowClassInputOutput, screen.RootVisual, 0, nil).Check())
	d.check(xproto.MapWindowChecked(x, window).Check())
	return d
}

func (d *desk) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) atom(name string) xproto.Atom {
	d.t.Helper()
	a, err := xproto.InternAtom(d.x, false, uint16(len(name)), name).Reply()
	d.check(err)
	return a.Atom
}

// set writes a property as a window manager does.
func (d *desk) set(name, kind string, values ...uint32) {
	d.t.Helper()
	data := make([]byte, 4*len(values))
	for i, v := range values {
		xgb.Put32(data[4*i:], v)
	}
	d.check(xproto.ChangePropertyChecked(d.x, xproto.PropModeReplace, d.window, d.atom(name), d.atom(kind), 32, uint32(len(values)), data).Check())
}

// watch runs Watch; the function that it gives waits for its end.
func (d *desk) watch(ctx context.Context) (ended func()) {
	var done sync.WaitGroup
	done.Go(func() {
		Watch(ctx, slog.New(slog.DiscardHandler), uintptr(d.window), func(minimised bool) {
			select {
			case d.told <- minimised:
			case <-ctx.Done():
			}
		})
	})
	return done.Wait
}

func TestEveryWayToPutAWindowAwayIsTold(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := d.watch(ctx)
	defer ended()
	defer cancel()
	for _, way := range []struct {
		name       string
		away, back func()
	}{
		{
			"it is unmapped",
			func() { d.check(xproto.UnmapWindowChecked(d.x, d.window).Check()) },
			func() { d.check(xproto.MapWindowChecked(d.x, d.window).Check()) },
		},
		{
			"it is iconic, and mapped for a preview",
			func() { d.set("WM_STATE", "WM_STATE", iconic, 0) },
			func() { d.set("WM_STATE", "WM_STATE", 1, 0) },
		},
		{
			"it is hidden among other states, and mapped for a preview",
			func() {
				d.set("_NET_WM_STATE", "ATOM", uint32(d.atom("_NET_WM_STATE_MAXIMIZED_VERT")), uint32(d.atom("_NET_WM_STATE_HIDDEN")))
			},
			func() { d.set("_NET_WM_STATE", "ATOM", uint32(d.atom("_NET_WM_STATE_MAXIMIZED_VERT"))) },
		},
	} {
		way.away()
		if !<-d.told {
			t.Errorf("%s: told that the window is back", way.name)
		}
		// A change that puts nothing away and brings nothing back is not told: the
		// next that is told would be that one.
		d.set("_NET_WM_NAME", "UTF8_STRING", 1)
		way.back()
		if <-d.told {
			t.Errorf("%s no more: told that the window is put away", way.name)
		}
	}
}

func TestAWindowThatIsAwayFromTheStartIsTold(t *testing.T) {
	d := newDesk(t)
	d.check(xproto.UnmapWindowChecked(d.x, d.window).Check())
	ctx, cancel := context.WithCancel(t.Context())
	ended := d.watch(ctx)
	if !<-d.told {
		t.Error("told that it is seen")
	}
	cancel()
	ended()
}

func TestWatchEndsWithTheWindow(t *testing.T) {
	d := newDesk(t)
	ended := d.watch(t.Context())
	d.check(xproto.DestroyWindowChecked(d.x, d.window).Check())
	ended()
}

func TestWatchEndsWhereNothingIsToBeKnown(t *testing.T) {
	told := func(bool) { t.Error("told of no window") }
	Watch(t.Context(), slog.New(slog.DiscardHandler), 0, told)
	t.Setenv("DISPLAY", ":"+strings.Repeat("9", 5))
	Watch(t.Context(), slog.New(slog.DiscardHandler), 1, told)
	if err := watch(t.Context(), 1, told); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("without a server: %v", err)
	}
}
