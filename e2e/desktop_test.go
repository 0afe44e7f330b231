package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/godbus/dbus/v5"

	"countersign/internal/session"
)

// desktop is what a desktop gives an app over the session's bus: it shows
// notifications and tray icons, and tells when the screen is locked.
type desktop struct {
	t     *testing.T
	bus   *dbus.Conn
	notes chan note
	items chan dbus.BusObject // tray icons
}

// note is a notification, as the app sent it.
type note struct {
	summary, body string
	actions       []string
}

// Notify takes a notification (Desktop Notifications Specification 1.2).
func (d *desktop) Notify(_ string, _ uint32, _, summary, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	d.notes <- note{summary, body, actions}
	return 1, nil
}

// RegisterStatusNotifierItem takes a tray icon.
func (d *desktop) RegisterStatusNotifierItem(path string, sender dbus.Sender) *dbus.Error {
	d.items <- d.bus.Object(string(sender), dbus.ObjectPath(path))
	return nil
}

// hold tells where the session's bus is, and waits until a desktop is on it
// before it becomes the app.
const hold = `
echo "$DBUS_SESSION_BUS_ADDRESS" >"$HOME/bus.new"
mv "$HOME/bus.new" "$HOME/bus"
until [ -e "$HOME/desktop" ]; do sleep 0.05; done
exec "$@"
`

// desktop puts a desktop on the bus of the app that is about to start.
func (h *home) desktop() *desktop {
	h.t.Helper()
	var address string
	eventually(h.t, time.Minute, "the session has a bus", func() error {
		text, err := os.ReadFile(filepath.Join(h.dir, "bus"))
		address = strings.TrimSpace(string(text))
		return err
	})
	bus, err := dbus.Connect(address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = bus.Close() })
	d := &desktop{t: h.t, bus: bus, notes: make(chan note, 64), items: make(chan dbus.BusObject, 8)}
	for name, path := range map[string]dbus.ObjectPath{
		"org.freedesktop.Notifications": "/org/freedesktop/Notifications", "org.kde.StatusNotifierWatcher": "/StatusNotifierWatcher",
	} {
		if err := bus.Export(d, path, name); err != nil {
			h.t.Fatal(err)
		}
		if _, err := bus.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.dir, "desktop"), nil, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return d
}

// lockScreen tells that the person has locked the screen.
func (d *desktop) lockScreen() {
	d.t.Helper()
	if err := d.bus.Emit("/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver.ActiveChanged", true); err != nil {
		d.t.Fatal(err)
	}
}

// note waits for the next notification.
func (d *desktop) note() note {
	d.t.Helper()
	select {
	case n := <-d.notes:
		return n
	case <-time.After(time.Minute):
		d.t.Fatal("no notification has come")
	}
	return note{}
}

// tray is the icon of the app, with its menu (com.canonical.dbusmenu).
type tray struct {
	t    *testing.T
	menu dbus.BusObject
}

func (d *desktop) tray() *tray {
	d.t.Helper()
	select {
	case item := <-d.items:
		var menu dbus.ObjectPath
		if err := item.StoreProperty("org.kde.StatusNotifierItem.Menu", &menu); err != nil {
			d.t.Fatal(err)
		}
		return &tray{t: d.t, menu: d.bus.Object(item.Destination(), menu)}
	case <-time.After(time.Minute):
		d.t.Fatal("no tray icon has come")
	}
	return nil
}

// entries are the menu's, by their labels.
func (y *tray) entries() map[string]int32 {
	y.t.Helper()
	type layout struct {
		ID         int32
		Properties map[string]dbus.Variant
		Children   []dbus.Variant
	}
	var revision uint32
	var root layout
	if err := y.menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
		y.t.Fatal(err)
	}
	entries := map[string]int32{}
	for _, child := range root.Children {
		var entry layout
		if err := dbus.Store([]any{child.Value()}, &entry); err != nil {
			y.t.Fatal(err)
		}
		if label, ok := entry.Properties["label"].Value().(string); ok && label != "" {
			entries[label] = entry.ID
		}
	}
	return entries
}

// click waits for an entry, and clicks it.
func (y *tray) click(label string) {
	y.t.Helper()
	eventually(y.t, 30*time.Second, "the tray's menu has "+label, func() error {
		entries := y.entries()
		id, ok := entries[label]
		if !ok {
			return fmt.Errorf("it has %v", entries)
		}
		return y.menu.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0)).Err
	})
}

// installed puts the app's package into the home, as a person does.
func (h *home) installed() {
	h.t.Helper()
	folder := filepath.Join(h.dir, "package")
	output(h.t, "", "../tools/package.sh", "linux-folder", shared.program("countersign"), folder)
	h.run("./package/install.sh")
	h.run("desktop-file-validate", filepath.Join(".local", "share", "applications", "org.countersign.app.desktop"))
}

// run runs a program as one of the home's session, on a screen where it is given.
func (h *home) run(program string, args ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = h.dir
	cmd.Env = append(session.Environment(h.dir), h.env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%s %v: %v\n%s", program, args, err, text)
	}
}

// digits tells whether a text could bear a number or a code.
func digits(text string) bool { return strings.ContainsFunc(text, unicode.IsDigit) }

// pin is what the app is locked under.
const pin = "2468"

// setPIN sets the lock in the settings. It does not wait until that is done: what
// comes meanwhile must not suffer.
func (a *app) setPIN() {
	a.t.Helper()
	a.begun()
	a.settings()
	a.leads("the page of the lock", append(slices.Repeat([]string{"shift+Tab"}, 7), "Return")...)
	a.write(pin)
	a.keys("Tab")
	a.write(pin)
	a.leads("the PIN is being set", "Return")
}

// TestTheDesktopAroundTheApp: a link that is opened elsewhere comes to the app
// that runs, and waits to be confirmed; the tray copies codes and shows none; a
// prompt brings the window up and notifies without a number and without an
// action; and when the screen is locked, so are the accounts.
func TestTheDesktopAroundTheApp(t *testing.T) {
	s := serve(t, "")
	e := s.enrolment(demoUser)
	h, x := newHome(t, true), newScreen(t)
	h.env = []string{"DISPLAY=" + x.display}
	h.installed()
	h.hold = true
	a := h.start(x)
	d := h.around
	y := d.tray()
	a.setPIN()

	// Links.
	before := a.settle()
	h.run("xdg-open", e.link)
	a.shows("the enrolment is asked for", before, another)
	select {
	case line := <-e.lines:
		t.Fatalf("the link has enrolled by itself: %s", line)
	default:
	}
	enrol(t, e, a)
	a.unsaid()
	before = a.settle()
	h.run("xdg-open", links[0])
	a.shows("the account is asked for", before, another)
	if n, err := h.stored(); err != nil || n != 1 {
		t.Fatalf("the link was added by itself: %d accounts, %v", n, err)
	}
	h.add(a, 2)
	if clients := strings.Count(a.must("xdotool", "search", "--name", "^Countersign$"), "\n"); clients != 1 {
		t.Errorf("%d windows", clients)
	}

	// The tray.
	for label := range y.entries() {
		if digits(label) {
			t.Errorf("the tray's menu shows %q", label)
		}
	}
	y.click("Copy code: GitHub")
	isCode(t, a.clipboard())

	// A prompt over a hidden window.
	a.close()
	p := open(t, s.url, look{}).signIn(demoUser, s.password)
	number := p.number()
	a.raised()
	n := d.note()
	if n.summary != "Countersign" || n.body == "" || digits(n.body) || len(n.actions) != 0 {
		t.Errorf("the notification says %q, %q, with the actions %q", n.summary, n.body, n.actions)
	}
	a.answer(number)
	p.shows("account")
	a.keys("Return")
	a.unprompted()

	// The lock.
	d.lockScreen()
	eventually(t, 30*time.Second, "the app is locked with the screen", func() error {
		if !a.bare() {
			return errors.New("it is open")
		}
		return nil
	})
	eventually(t, 30*time.Second, "the tray's menu offers no codes", func() error {
		if entries := y.entries(); entries["Copy code: GitHub"] != 0 {
			return fmt.Errorf("it has %v", entries)
		}
		return nil
	})
	for range 3 { // after the third there is a wait
		a.fills("a PIN can be typed", a.style.Accent)
		a.settle()
		a.write("1357")
		before = a.settle()
		a.keys("Return")
		a.shows("the PIN is tried", before, still)
	}
	a.fills("the third wrong PIN is followed by a wait", a.style.AmberSoft)
	a.write(pin)
	a.keys("Return")
	a.fills("a PIN can be typed again", a.style.Accent)
	if !a.bare() {
		t.Error("a PIN has opened the app in the wait")
	}
	a.settle()
	a.write(pin)
	a.keys("Return")
	eventually(t, time.Minute, "the PIN opens the app", func() error {
		if a.bare() {
			return errors.New("it is locked")
		}
		return nil
	})
}
