//go:build unix

// Package window measures the app in a real window: on an X server and a session
// bus of its own, with an unlocked keyring, as at a person's desk but without a
// graphics card. An empty window of the same toolkit, in the same run, is the
// limit.
package window

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"countersign/internal/session"
)

// Bench holds the programs and the screen. Make one with New.
type Bench struct {
	dir     string // of one run: programs, homes
	display string
	screen  *exec.Cmd
	x       *xgb.Conn
	root    xproto.Drawable
}

// New builds the app and the empty window, and starts an X server.
func New(ctx context.Context) (b *Bench, err error) {
	for _, tool := range append(session.Tools(), [2]string{"Xvfb"}, [2]string{"xdotool"}) {
		if _, err := exec.LookPath(tool[0]); err != nil {
			return nil, fmt.Errorf("%w (make deps installs it)", err)
		}
	}
	b = &Bench{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "countersign-bench-"); err != nil {
		return b, err
	}
	for name, pkg := range map[string]string{"app": "countersign", "empty": "countersign/tools/bench/window/empty", "list": "countersign/tools/bench/window/list"} {
		build := exec.CommandContext(ctx, "go", "build", "-tags", "migrated_fynedo", "-o", filepath.Join(b.dir, name), pkg)
		build.Env = append(os.Environ(), "CC=clang")
		if text, err := build.CombinedOutput(); err != nil {
			return b, fmt.Errorf("building %s: %w\n%s", pkg, err, text)
		}
	}
	return b, b.startScreen(ctx)
}

func (b *Bench) startScreen(ctx context.Context) error {
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer told.Close()
	b.screen = exec.CommandContext(ctx, "Xvfb", "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset")
	b.screen.ExtraFiles = []*os.File{tell}
	err = b.screen.Start()
	_ = tell.Close()
	if err != nil {
		b.screen = nil
		return fmt.Errorf("starting Xvfb: %w", err)
	}
	number, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		return fmt.Errorf("waiting for Xvfb: %w", err)
	}
	b.display = ":" + strings.TrimSpace(number)
	xgb.Logger = log.New(io.Discard, "", 0) // it misses an authority file, for which Xvfb does not ask
	if b.x, err = xgb.NewConnDisplay(b.display); err != nil {
		return fmt.Errorf("connecting to Xvfb: %w", err)
	}
	if err := xtest.Init(b.x); err != nil {
		return fmt.Errorf("the X server takes no keys of ours: %w", err)
	}
	b.root = xproto.Drawable(xproto.Setup(b.x).DefaultScreen(b.x).Root)
	return nil
}

// Close ends the X server and removes what was built.
func (b *Bench) Close() error {
	if b.x != nil {
		b.x.Close()
	}
	if b.screen != nil {
		_ = b.screen.Process.Signal(syscall.SIGTERM)
		_ = b.screen.Wait() // what it says of the signal is known
	}
	return os.RemoveAll(b.dir)
}

// begin writes down when the program starts and as which process, and becomes it.
const begin = `
echo "$$ $(date +%s%N)" >"$HOME/started.new"
mv "$HOME/started.new" "$HOME/started"
exec "$@"
`

// running is a program in a window.
type running struct {
	bench  *Bench
	cmd    *exec.Cmd
	pid    int
	begun  time.Time
	first  time.Duration // from its start until something was drawn
	window string
}

// start runs a program in a home folder and waits until it has drawn.
func (b *Bench) start(ctx context.Context, home, program string, args ...string) (*running, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	if err := session.Prepare(home); err != nil {
		return nil, err
	}
	started := filepath.Join(home, "started")
	_ = os.Remove(started) // of the run before
	words := append([]string{"-c", begin, "sh", filepath.Join(b.dir, program)}, args...)
	r := &running{bench: b, cmd: session.Command(ctx, home, session.Unlocked, "sh", words...)}
	r.cmd.Env = append(r.cmd.Env, "DISPLAY="+b.display, "FYNE_THEME=light")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	if err := r.draws(ctx, started); err != nil {
		r.stop()
		return nil, fmt.Errorf("xdotool: %w", err)
	}
	return r, nil
}

// draws waits for the first frame: until then the X server's ground is black.
func (r *running) draws(ctx context.Context, started string) error {
	var begun int64
	err := poll(ctx, func() (bool, error) {
		text, err := os.ReadFile(started)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err == nil {
			_, err = fmt.Sscan(string(text), &r.pid, &begun)
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	r.begun = time.Unix(0, begun)
	err = poll(ctx, func() (bool, error) {
		// The corner is drawn by the app and by the empty window alike.
		corner, err := r.bench.look(image.Rect(8, 8, 9, 9))
		return err == nil && slices.Max(corner) > 0, err
	})
	r.first = time.Since(r.begun)
	if err != nil {
		return err
	}
	out, err := r.bench.xdotool(ctx, "search", "--onlyvisible", "--name", "^Countersign$")
	r.window = strings.TrimSpace(string(out))
	return err
}

// shows waits until there is ink in a place, and tells how long after the
// program's start that was.
func (r *running) shows(ctx context.Context, place image.Rectangle) (time.Duration, error) {
	err := poll(ctx, func() (bool, error) { return r.bench.inked(place) })
	return time.Since(r.begun), err
}

// look gives the dots of a place on the screen: blue, green and red of each.
func (b *Bench) look(place image.Rectangle) ([]byte, error) {
	picture, err := xproto.GetImage(b.x, xproto.ImageFormatZPixmap, b.root, int16(place.Min.X), int16(place.Min.Y), uint16(place.Dx()), uint16(place.Dy()), 1<<32-1).Reply()
	if err != nil {
		return nil, fmt.Errorf("looking at the screen: %w", err)
	}
	var dots []byte
	for d := picture.Data; len(d) >= 4; d = d[4:] {
		dots = append(dots, d[:3]...) // the fourth is unused
	}
	return dots, nil
}

// inked reports whether anything dark or coloured is in a place: the grounds of
// the programs here are all but white.
func (b *Bench) inked(place image.Rectangle) (bool, error) {
	const ink = 0x90
	dots, err := b.look(place)
	return err == nil && slices.Min(dots) < ink, err
}

// patience is how long anything here may take.
const patience = 2 * time.Minute

// poll looks again every millisecond.
func poll(ctx context.Context, look func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// xdotool runs xdotool on the bench's screen.
func (b *Bench) xdotool(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+b.display)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("xdotool: %w", err)
	}
	return out, nil
}

// resident is the process's resident set, in octets (proc(5), VmRSS).
func (r *running) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

// ticksPerSecond is the unit of proc(5)'s utime and stime: USER_HZ, which is 100
// on Linux.
const ticksPerSecond = 100

// processor is the processor time that the process has used (proc(5), fields 14
// and 15 of stat).
func (r *running) processor() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticksPerSecond, err
}

// spends measures the processor time of a while.
func (r *running) spends(ctx context.Context, d time.Duration) (time.Duration, error) {
	before, err := r.processor()
	if err != nil {
		return 0, err
	}
	if err := wait(ctx, d); err != nil {
		return 0, err
	}
	after, err := r.processor()
	return after - before, err
}

// stop ends the program and its session.
func (r *running) stop() {
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	_ = r.cmd.Wait() // what it says of the signal is known
	limit, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_ = poll(limit, func() (bool, error) { return syscall.Kill(-r.cmd.Process.Pid, 0) != nil, nil })
}
