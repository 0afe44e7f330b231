package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign/internal/session"
)

// screen is an X server of the test's own.
type screen struct {
	t       *testing.T
	display string
}

// newScreen starts Xvfb on a display that is free.
func newScreen(t *testing.T) *screen {
	t.Helper()
	told, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{tell}
	start(t, cmd, "xvfb.log")
	_ = tell.Close()
	number := next(t, follow(told), "the display's number")
	return &screen{t: t, display: ":" + number}
}

// app is the real app in a window.
type app struct {
	t      *testing.T
	screen *screen
	cmd    *exec.Cmd
	log    string // the file of what it writes
	window string
}

// home is a folder with what a person's session has: the app's data, and in the
// keyring its secrets.
type home struct {
	t    *testing.T
	dir  string
	env  []string // over the usual
	keys bool     // there is a keyring
}

func newHome(t *testing.T, keys bool) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir(), keys: keys}
	if err := session.Prepare(h.dir); err != nil {
		t.Fatal(err)
	}
	return h
}

// start runs the app until the test ends, and waits for its window.
func (h *home) start(s *screen, args ...string) *app {
	h.t.Helper()
	a := &app{t: h.t, screen: s, log: keep(h.t, fmt.Sprintf("app-%d.log", time.Now().UnixNano()))}
	args = append([]string{"--verbose", "--data", filepath.Join(h.dir, "data")}, args...)
	// The environment is the session's, so that no keyring or setting of the person
	// who runs the tests is reached.
	if program := shared.program("countersign"); h.keys {
		a.cmd = session.Command(context.Background(), h.dir, session.Unlocked, program, args...)
	} else {
		a.cmd = exec.Command(program, args...)
		a.cmd.Env = append(session.Environment(h.dir), "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(h.dir, "no-bus"))
	}
	a.cmd.Env = append(append(a.cmd.Env, "FYNE_THEME=light", "DISPLAY="+s.display), h.env...)
	log, err := os.Create(a.log)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = log.Close() })
	a.cmd.Stdout, a.cmd.Stderr = log, log
	start(h.t, a.cmd, "")
	h.t.Cleanup(func() { // before the end of the app
		if h.t.Failed() {
			_ = a.save(keep(h.t, "window.png"), "root")
		}
	})
	eventually(h.t, time.Minute, "the app has a window", func() error {
		out, err := a.tool("xdotool", "search", "--onlyvisible", "--name", "^Countersign$")
		a.window = strings.TrimSpace(out)
		return err
	})
	a.must("xdotool", "windowfocus", "--sync", a.window)
	return a
}

// tool runs an X program on the app's screen.
func (a *app) tool(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(a.t.Context(), 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+a.screen.display)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %v: %w: %s", program, args, err, said.String())
	}
	return out.String(), nil
}

func (a *app) must(program string, args ...string) string {
	a.t.Helper()
	out, err := a.tool(program, args...)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// look is the window as it is now.
func (a *app) look() image.Image {
	a.t.Helper()
	picture, err := png.Decode(strings.NewReader(a.must("import", "-silent", "-window", a.window, "png:-")))
	if err != nil {
		a.t.Fatal(err)
	}
	return picture
}

// save keeps a picture of a window.
func (a *app) save(path, window string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "import", "-silent", "-window", window, "-define", "png:compression-level=9", path)
	cmd.Env = append(os.Environ(), "DISPLAY="+a.screen.display)
	return cmd.Run()
}

// picture keeps a picture of the app for the README.
func (a *app) picture(path string) {
	a.t.Helper()
	if err := a.save(path, a.window); err != nil {
		a.t.Fatal(err)
	}
}

// keys types keys, by their X names.
func (a *app) keys(keys ...string) {
	a.t.Helper()
	a.must("xdotool", append([]string{"key", "--delay", "30"}, keys...)...)
}

// write types a text.
func (a *app) write(text string) {
	a.t.Helper()
	a.must("xdotool", "type", "--delay", "30", text)
}

// changed tells what share of the window differs from an earlier look at it.
func changed(before, now image.Image) float64 {
	bounds := before.Bounds()
	if bounds != now.Bounds() {
		return 1
	}
	differ := 0
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if before.At(x, y) != now.At(x, y) {
				differ++
			}
		}
	}
	return float64(differ) / float64(bounds.Dx()*bounds.Dy())
}

// What a change of the window amounts to: a countdown or a caret moves less
// than another screen does.
const (
	still   = 0.005
	another = 0.02
)

// settle waits until the window shows something and does not move any more.
func (a *app) settle() image.Image {
	a.t.Helper()
	now := a.look()
	eventually(a.t, time.Minute, "the window is still", func() error {
		before := now
		now = a.look()
		if share := changed(before, now); share > still {
			return fmt.Errorf("%.3f of it changes", share)
		}
		return nil
	})
	return now
}

// leads types keys, and waits until they have led to another screen.
func (a *app) leads(what string, keys ...string) {
	a.t.Helper()
	before := a.settle()
	a.keys(keys...)
	eventually(a.t, 30*time.Second, what, func() error {
		if share := changed(before, a.look()); share < another {
			return fmt.Errorf("%.3f of the window has changed", share)
		}
		return nil
	})
	a.settle()
}

// logs waits until the app has written a text.
func (a *app) logs(text string) {
	a.t.Helper()
	eventually(a.t, time.Minute, "the app writes "+text, func() error {
		log, err := os.ReadFile(a.log)
		if err == nil && !bytes.Contains(log, []byte(text)) {
			err = io.EOF
		}
		return err
	})
}

// corner is the colour of the window where no screen draws.
func (a *app) corner() color.Color {
	a.t.Helper()
	return a.look().At(3, 3)
}

// covered tells whether a prompt covers the window: it darkens all around it.
// The tests that ask have the light look.
func (a *app) covered() bool {
	a.t.Helper()
	return color.GrayModel.Convert(a.corner()).(color.Gray).Y < 160
}

// prompted waits for a prompt on the screen.
func (a *app) prompted() {
	a.t.Helper()
	eventually(a.t, time.Minute, "a prompt is on the screen", func() error {
		if !a.covered() {
			return errors.New("nothing covers the window")
		}
		return nil
	})
}

// unprompted waits until no prompt is on the screen.
func (a *app) unprompted() {
	a.t.Helper()
	eventually(a.t, time.Minute, "the prompt is gone", func() error {
		if a.covered() {
			return errors.New("the window is covered")
		}
		return nil
	})
}

// unsaid waits until no message stands at the window's foot.
func (a *app) unsaid() {
	a.t.Helper()
	eventually(a.t, 30*time.Second, "the message at the foot is gone", func() error {
		now := a.look()
		foot := now.Bounds().Max.Sub(image.Pt(now.Bounds().Dx()/2, 46))
		if c, ground := now.At(foot.X, foot.Y), now.At(now.Bounds().Max.X-12, foot.Y); c != ground {
			return fmt.Errorf("%v is not %v", c, ground)
		}
		return nil
	})
}

// answer types a number into the prompt.
func (a *app) answer(number string) {
	a.t.Helper()
	a.prompted()
	a.keys(append(strings.Split(number, ""), "Return")...)
}

// clipboard waits for a code in the clipboard.
func (a *app) clipboard() string {
	a.t.Helper()
	var text string
	eventually(a.t, 30*time.Second, "a code is in the clipboard", func() (err error) {
		text, err = a.tool("xclip", "-selection", "clipboard", "-out")
		if err == nil && len(text) != 6 {
			err = fmt.Errorf("%q is no code", text)
		}
		return err
	})
	return text
}

// end ends the app; SIGKILL is as a crash does.
func (a *app) end(signal syscall.Signal) { end(a.cmd, signal) }
