package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/session"
)

// tools are the programs that the tests drive beside those of a session, each
// with its Debian package.
var tools = [][2]string{
	{"node", "nodejs"},
	{"chromium", "chromium"},
	{"Xvfb", "xvfb"},
	{"xdotool", "xdotool"},
	{"import", "imagemagick"},
	{"xclip", "xclip"},
	{"xdg-open", "xdg-utils"},
	{"desktop-file-validate", "desktop-file-utils"},
	{"zbarimg", "zbar-tools"},
	{"oathtool", "oathtool"},
}

// house is what all tests share: the programs that were built, and the browser.
type house struct {
	bin     string // folder of the programs
	out     string // folder for what failed tests saw
	browser *browser
}

var shared house

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if shared, err = build(ctx); err != nil {
		return 1, err
	}
	if shared.browser, err = startBrowser(ctx); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.browser.stop()) }()
	return m.Run(), nil
}

// build makes the programs as the Makefile does, with its flags: others would
// compile the OpenGL binding once more.
func build(ctx context.Context) (house, error) {
	for _, t := range append(session.Tools(), tools...) {
		if _, err := exec.LookPath(t[0]); err != nil {
			return house{}, fmt.Errorf("%s is missing: apt-get install %s, or make deps", t[0], t[1])
		}
	}
	out, err := filepath.Abs("../build/e2e")
	if err != nil {
		return house{}, err
	}
	h := house{bin: filepath.Join(out, "bin"), out: out}
	if err := os.MkdirAll(h.bin, 0o755); err != nil {
		return house{}, err
	}
	for _, b := range []struct {
		env  string
		args []string
	}{
		{"CGO_ENABLED=0", []string{"build", "-o", h.bin + "/", "countersign/cmd/countersignd", "countersign/cmd/countersign-lab"}},
		{"CC=clang", []string{"build", "-tags", "migrated_fynedo", "-o", filepath.Join(h.bin, "countersign"), "countersign"}},
	} {
		cmd := exec.CommandContext(ctx, "go", b.args...)
		cmd.Env = append(os.Environ(), b.env)
		if text, err := cmd.CombinedOutput(); err != nil {
			return house{}, fmt.Errorf("go %s: %w\n%s", strings.Join(b.args, " "), err, text)
		}
	}
	return h, nil
}

func (h house) program(name string) string { return filepath.Join(h.bin, name) }

// keep gives the path of a file that tells of a test.
func keep(t *testing.T, name string) string {
	t.Helper()
	folder := filepath.Join(shared.out, strings.ReplaceAll(t.Name(), "/", "_"))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, name)
}

// logFile is a new file for what a program writes.
func logFile(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(keep(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// picturesVar names the folder to which the README's pictures go; without it
// they are made all the same, and left in build.
const picturesVar = "COUNTERSIGN_PICTURES"

// picture gives the path of one of the README's pictures.
func picture(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv(picturesVar)
	if folder == "" {
		folder = filepath.Join(shared.out, "pictures")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, name)
}

// pause is how long a look waits before the next one.
const pause = 100 * time.Millisecond

// eventually looks until it sees what it looks for, and fails the test at the
// deadline, with the last thing that was in the way.
func eventually(t *testing.T, within time.Duration, what string, look func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	for {
		err := look()
		if err == nil {
			return
		}
		select {
		case <-ticks.C:
		case <-deadline.C:
			t.Fatalf("waited %s until %s: %v", within, what, err)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
