package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"
)

// The password of the other app's encrypted export, and the one of ours.
const (
	enteFile       = "../app/transfer/testdata/ente_encrypted.json"
	entePassword   = "correct horse"
	exportPassword = "four words are good"
)

// choose takes a file in the toolkit's dialog: the one at that place of the
// folder that it shows, the folder above being the first.
func (a *app) choose(place int) {
	a.t.Helper()
	a.keys("Tab", "Tab") // past the places, to the files
	a.keys(slices.Repeat([]string{"Right"}, place)...)
	a.opens("the file is open", "space", "shift+Tab", "shift+Tab", "space") // back, to Open
}

// read gives what countersign-lab reads, as lines that can be compared.
func read(t *testing.T, args ...string) []string {
	t.Helper()
	var entries []map[string]any
	text := output(t, "", shared.program("countersign-lab"), append([]string{"import", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, fmt.Sprint(e)) // in the order of the names
	}
	slices.Sort(lines)
	return lines
}

// same is sure that two lists of accounts are.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s holds\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// exported waits for a file that the app has written, and gives its path.
func (h *home) exported(pattern string) string {
	h.t.Helper()
	var path string
	eventually(h.t, time.Minute, "the app has written "+pattern, func() error {
		found, err := filepath.Glob(filepath.Join(h.dir, pattern))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("there are %q: %w", found, err)
		}
		path = found[0]
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return err
		case info.Size() == 0:
			return io.ErrUnexpectedEOF
		case info.Mode().Perm() != 0o600:
			h.t.Fatalf("others may read it: %v", info.Mode())
		}
		return nil
	})
	return path
}

// has waits for that many accounts.
func (h *home) has(want int) {
	h.t.Helper()
	eventually(h.t, time.Minute, fmt.Sprintf("%d accounts are stored", want), func() error {
		n, err := h.stored()
		if err == nil && n != want {
			err = fmt.Errorf("there are %d", n)
		}
		return err
	})
}

// TestAccountsComeAndGo: accounts come in by files of other apps, plain and
// encrypted, and go out encrypted, as Aegis's file and as Google's QR codes: the
// same as they came.
func TestAccountsComeAndGo(t *testing.T) {
	h, x := newHome(t, true), newScreen(t)
	ente, err := os.ReadFile(enteFile)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(h.dir, "01-links.txt")
	for path, content := range map[string][]byte{
		plain: []byte(strings.Join(links, "\n")), filepath.Join(h.dir, "02-ente.json"): ente,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What lies in the other app's trash is left there.
	want := slices.DeleteFunc(append(read(t, plain), read(t, enteFile, "--password", entePassword)...), func(entry string) bool {
		return strings.Contains(entry, "Big Co")
	})
	slices.Sort(want)

	// In, from a plain file.
	a := h.start(x)
	a.begun()
	a.adding()
	a.leads("the dialog for files", "shift+Tab", "shift+Tab", "Return")
	a.choose(1)
	a.opens("the accounts are added", "Return")
	h.has(len(links))

	// In, from an encrypted one; a wrong password loses nothing.
	a.unsaid()
	a.adding()
	a.leads("the dialog for files", "shift+Tab", "shift+Tab", "Return")
	a.choose(2)
	a.write("wrong")
	a.uncovered("the password is wrong", still, "Return")
	a.keys("ctrl+a")
	a.write(entePassword)
	a.opens("the file is open", "Return")
	a.opens("the accounts are added", "Return")
	h.has(len(want))

	// Out, as Aegis's file and encrypted.
	a.unsaid()
	a.settings()
	a.export("Aegis's file", "shift+Tab", "shift+Tab", "shift+Tab", "shift+Tab", "Return")
	a.leads("the dialog for files", "Tab", "Return")
	a.leads("the file is saved", "Return")
	same(t, "Aegis's file", read(t, h.exported("countersign-aegis.json")), want)
	a.export("the passphrase's field", slices.Repeat([]string{"shift+Tab"}, 7)...)
	a.write(exportPassword)
	a.keys("Tab")
	a.write(exportPassword)
	a.leads("the dialog for files", "Return")
	a.leads("the file is saved", "Return")
	same(t, "the encrypted file", read(t, h.exported("countersign-2*.age"), "--password", exportPassword), want)

	// Out, as Google's QR codes.
	a.export("Google's codes", "shift+Tab", "shift+Tab", "Return")
	a.leads("the QR code", "Tab", "Return")
	if err := a.save(keep(t, "google.png"), a.window); err != nil {
		t.Fatal(err)
	}
	code := strings.TrimSpace(output(t, "", "zbarimg", "--quiet", "--raw", keep(t, "google.png")))
	same(t, "the QR code", read(t, "--uri", code), want)
}

// export opens the page of exports from the settings, and goes on by those keys.
func (a *app) export(what string, keys ...string) {
	a.t.Helper()
	a.leads("the exports", "shift+Tab", "shift+Tab", "Return")
	before := a.settle()
	a.keys(keys...)
	a.shows(what, before, still/50) // a field that has the focus changes little
	a.settle()
}

// TestAQRCodeOnTheScreen: the window steps aside and reads what is on the screen;
// an app that is killed right after has the account; and a code that is copied
// leaves the clipboard by itself, where something else does not.
func TestAQRCodeOnTheScreen(t *testing.T) {
	h, x := newHome(t, true), newScreen(t)
	if err := os.MkdirAll(h.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	// As long as a test can wait for.
	if err := os.WriteFile(filepath.Join(h.data(), "settings.json"), []byte(`{"clipboard_seconds":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(t.TempDir(), "code.png")
	if err := qrcode.WriteFile(links[0], qrcode.Low, 200, picture); err != nil {
		t.Fatal(err)
	}
	a := h.start(x)
	a.begun()
	shown := exec.Command("display", "-geometry", "+1070+20", picture) // beside the app
	shown.Env = append(os.Environ(), "DISPLAY="+x.display)
	start(t, shown, "display.log")
	eventually(t, 30*time.Second, "the QR code is on the screen", func() error {
		_, err := a.tool("xdotool", "search", "--onlyvisible", "--name", "code.png")
		return err
	})
	a.raised()
	a.adding()
	before := a.settle()
	a.keys("Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Return", "Return") // an impatient press too many
	eventually(t, 30*time.Second, "the account is asked for", func() error {
		if _, err := a.visible(); err != nil {
			return err
		}
		now, err := a.glance()
		switch {
		case err != nil:
			return err
		case now.At(3, 3) != before.At(3, 3):
			return errors.New("the window is aside")
		case changed(before, now) < another:
			return errors.New("the window is as before")
		}
		return nil
	})
	a.raised()
	h.add(a, 1)
	a.end(syscall.SIGKILL)

	a = h.start(x)
	a.opened()
	a.write("git")
	a.settle()
	a.keys("Return")
	isCode(t, a.clipboard())
	eventually(t, 30*time.Second, "the clipboard is cleared", func() error {
		if text, err := a.tool("xclip", "-selection", "clipboard", "-out"); err == nil && text != "" {
			return errors.New("it holds the code")
		}
		return nil
	})

	// Something else that was copied since stays.
	a.keys("Return")
	isCode(t, a.clipboard())
	other := exec.Command("xclip", "-selection", "clipboard", "-in", "-quiet")
	other.Env = append(os.Environ(), "DISPLAY="+x.display)
	other.Stdin = strings.NewReader("something else")
	start(t, other, "xclip.log")
	eventually(t, 30*time.Second, "something else is in the clipboard", func() error { return a.holds("something else") })
	<-time.After(3 * time.Second) // longer than a code stays: that nothing happens takes time
	if err := a.holds("something else"); err != nil {
		t.Errorf("the clipboard was cleared of something else: %v", err)
	}
}

// holds tells whether the clipboard holds a text.
func (a *app) holds(want string) error {
	a.t.Helper()
	text, err := a.tool("xclip", "-selection", "clipboard", "-out")
	if err == nil && text != want {
		err = fmt.Errorf("it holds %d other characters", len(text))
	}
	return err
}
