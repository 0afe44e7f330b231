package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"countersign/internal/session"
	"countersign/ui/design"
)

// screen is an X server of the test's own.
type screen struct {
	t       *testing.T
	display string
	x       *xgb.Conn
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
	xgb.Logger = log.New(io.Discard, "", 0) // it misses an authority file, for which Xvfb does not ask
	x, err := xgb.NewConnDisplay(":" + number)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return &screen{t: t, display: ":" + number, x: x}
}

// picture is what a window shows now.
func (s *screen) picture(window xproto.Window) (*image.RGBA, error) {
	size, err := xproto.GetGeometry(s.x, xproto.Drawable(window)).Reply()
	if err != nil {
		return nil, fmt.Errorf("measuring the window: %w", err)
	}
	reply, err := xproto.GetImage(s.x, xproto.ImageFormatZPixmap, xproto.Drawable(window), 0, 0, size.Width, size.Height, 1<<32-1).Reply()
	if err != nil {
		return nil, fmt.Errorf("looking at the window: %w", err)
	}
	picture := image.NewRGBA(image.Rect(0, 0, int(size.Width), int(size.Height)))
	for i := 0; i+3 < min(len(reply.Data), len(picture.Pix)); i += 4 { // blue, green, red, unused
		picture.Pix[i], picture.Pix[i+1], picture.Pix[i+2], picture.Pix[i+3] = reply.Data[i+2], reply.Data[i+1], reply.Data[i], 0xff
	}
	return picture, nil
}

// xWindow is the app's window, by its number.
func (a *app) xWindow() (xproto.Window, error) {
	id, err := strconv.ParseUint(a.window, 10, 32)
	return xproto.Window(id), err
}

// app is the real app in a window.
type app struct {
	t      *testing.T
	screen *screen
	cmd    *exec.Cmd
	log    string // the file of what it writes
	window string
	light  color.Color // of the window's corner, where nothing stands over a page
	style  *design.Style
}

// home is a folder with what a person's session has: the app's data, and in the
// keyring its secrets.
type home struct {
	t    *testing.T
	dir  string
	env  []string // over the usual
	keys bool     // there is a keyring
	hold bool     // the app waits for a desktop around it

	around *desktop
}

func newHome(t *testing.T, keys bool) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir(), keys: keys}
	if err := session.Prepare(h.dir); err != nil {
		t.Fatal(err)
	}
	return h
}

// data is the folder of what is not secret.
func (h *home) data() string { return filepath.Join(h.dir, ".config", "countersign") }

// start runs the app until the test ends, and waits for its window.
func (h *home) start(s *screen, args ...string) *app {
	h.t.Helper()
	a := &app{t: h.t, screen: s, style: design.NewStyle(false, 1), log: keep(h.t, fmt.Sprintf("app-%d.log", time.Now().UnixNano()))}
	args = append([]string{"--verbose"}, args...)
	// The environment is the session's, so that no keyring or setting of the person
	// who runs the tests is reached.
	program := shared.program("countersign")
	if h.hold {
		program, args = "sh", append([]string{"-c", hold, "sh", program}, args...)
	}
	if h.keys {
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
	if h.hold {
		h.around = h.desktop()
	}
	h.t.Cleanup(func() { // before the end of the app
		if h.t.Failed() {
			_ = a.save(keep(h.t, "window.png"), "root")
		}
	})
	a.raised()
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
func (a *app) look() *image.RGBA {
	a.t.Helper()
	picture, err := a.glance()
	if err != nil {
		a.t.Fatal(err)
	}
	return picture
}

// glance is a look at a window that may not be there.
func (a *app) glance() (*image.RGBA, error) {
	window, err := a.xWindow()
	if err != nil {
		return nil, err
	}
	return a.screen.picture(window)
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
func changed(before, now *image.RGBA) float64 {
	if before.Rect != now.Rect {
		return 1
	}
	differ := 0
	for i := 0; i < len(now.Pix); i += 4 {
		if [4]byte(before.Pix[i:]) != [4]byte(now.Pix[i:]) {
			differ++
		}
	}
	return float64(differ) / float64(len(now.Pix)/4)
}

// What a change of the window amounts to: a countdown or a caret moves less
// than another screen does.
const (
	still   = 0.005
	another = 0.02
)

// settle waits until the window shows something and does not move any more.
func (a *app) settle() *image.RGBA {
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
	a.shows(what, before, another)
	a.settle()
}

// opens types keys, and waits until they have led to another page with nothing
// over it.
func (a *app) opens(what string, keys ...string) {
	a.t.Helper()
	a.uncovered(what, another, keys...)
}

// uncovered types keys, and waits until that share of the window has changed and
// nothing stands over it: a sheet or a dialog would darken all of it.
func (a *app) uncovered(what string, share float64, keys ...string) {
	a.t.Helper()
	before := a.settle()
	a.keys(keys...)
	eventually(a.t, time.Minute, what, func() error {
		now := a.look()
		switch {
		case changed(before, now) < share:
			return errors.New("the window is as before")
		case now.At(3, 3) != a.light:
			return errors.New("something stands over the page")
		}
		return nil
	})
	a.settle()
}

// bare tells whether no navigation stands at the side, as while the app starts and
// while it is locked.
func (a *app) bare() bool {
	a.t.Helper()
	now := a.look()
	return now.At(3, 3) == now.At(now.Bounds().Max.X-3, 3)
}

// begun waits until the app has started.
func (a *app) begun() {
	a.t.Helper()
	eventually(a.t, time.Minute, "the app has started", func() error {
		if a.bare() {
			return errors.New("there is no navigation")
		}
		return nil
	})
	a.light = a.settle().At(3, 3)
}

// adding clicks on the button that adds accounts, at the top.
func (a *app) adding() { a.t.Helper(); a.clicks("the ways to add", "960", "39") }

// settings clicks on the settings, in the navigation at the side.
func (a *app) settings() { a.t.Helper(); a.clicks("the settings", "90", "193") }

// clicks clicks at a place in the window, and waits until that has led to another page.
func (a *app) clicks(what, x, y string) {
	a.t.Helper()
	before := a.settle()
	a.must("xdotool", "mousemove", "--window", a.window, x, y, "click", "1")
	a.shows(what, before, another)
	a.settle()
}

// shows waits until that share of the window differs from an earlier look at it.
func (a *app) shows(what string, before *image.RGBA, share float64) {
	a.t.Helper()
	eventually(a.t, 30*time.Second, what, func() error {
		if now := changed(before, a.look()); now < share {
			return fmt.Errorf("%.3f of the window has changed", now)
		}
		return nil
	})
}

// visible gives the app's window, if it is to be seen.
func (a *app) visible() (string, error) {
	out, err := a.tool("xdotool", "search", "--onlyvisible", "--name", "^Countersign$")
	return strings.TrimSpace(out), err
}

// close asks the window to close, as a click on its cross does, and waits until
// it is gone.
func (a *app) close() {
	a.t.Helper()
	x := a.screen.x
	var atoms [2]xproto.Atom
	for i, name := range []string{"WM_PROTOCOLS", "WM_DELETE_WINDOW"} {
		reply, err := xproto.InternAtom(x, false, uint16(len(name)), name).Reply()
		if err != nil {
			a.t.Fatal(err)
		}
		atoms[i] = reply.Atom
	}
	window, err := a.xWindow()
	if err != nil {
		a.t.Fatal(err)
	}
	event := xproto.ClientMessageEvent{
		Format: 32, Window: window, Type: atoms[0], // Inter-Client Communication Conventions Manual 4.2.8
		Data: xproto.ClientMessageDataUnionData32New([]uint32{uint32(atoms[1]), 0, 0, 0, 0}),
	}
	if err := xproto.SendEventChecked(x, false, window, 0, string(event.Bytes())).Check(); err != nil {
		a.t.Fatal(err)
	}
	eventually(a.t, 30*time.Second, "the window is gone", func() error {
		if window, err := a.visible(); err == nil {
			return fmt.Errorf("%s is there", window)
		}
		return nil
	})
}

// raised waits until the window is there again.
func (a *app) raised() {
	a.t.Helper()
	eventually(a.t, time.Minute, "the app has a window", func() (err error) {
		a.window, err = a.visible()
		return err
	})
	a.must("xdotool", "windowfocus", "--sync", a.window)
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

// What a colour fills of the window at least where it is the ground of a button or
// a note, in pixels: more than the app's icon has of any.
const ground = 10_000

// fills waits until a colour of the light look fills a ground of the window.
func (a *app) fills(what string, c color.NRGBA) {
	a.t.Helper()
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) <= 2 } // graphics round
	eventually(a.t, time.Minute, what, func() error {
		now, n := a.look(), 0
		for i := 0; i < len(now.Pix); i += 4 {
			if near(now.Pix[i], c.R) && near(now.Pix[i+1], c.G) && near(now.Pix[i+2], c.B) {
				n++
			}
		}
		if n < ground {
			return fmt.Errorf("%d pixels have its colour", n)
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
