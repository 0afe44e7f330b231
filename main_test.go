package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"countersign/app"
	"countersign/message"
)

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		rule   string
		args   []string
		status int
		out    string
		errs   string
	}{
		{"version", []string{"--version"}, 0, "countersign " + app.Version, ""},
		{"help", []string{"--help"}, 0, "--layout", ""},
		{"an unknown flag", []string{"--colour"}, 2, "", "countersign: unknown flag --colour"},
		{"an unknown layout", []string{"--layout", "watch"}, 2, "", "--layout must be one of"},
		{"a third answer", []string{"--open-links", "perhaps"}, 2, "", "--open-links must be one of"},
		{"an unknown platform", []string{"--platform", "watchos"}, 2, "", "--platform must be one of"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(c.args, &out, &errs); got != c.status {
				t.Errorf("status %d, want %d: %s", got, c.status, errs.String())
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.errs) {
				t.Errorf("said %q and %q", out.String(), errs.String())
			}
			if c.errs != "" && strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("more than one line: %q", errs.String())
			}
		})
	}
}

func TestWithoutADisplayItSaysWhatToDo(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere there is always one
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	var errs bytes.Buffer
	if got := run([]string{"--data", t.TempDir()}, &errs, &errs); got != 1 || !strings.Contains(errs.String(), "countersign-lab device run") {
		t.Errorf("status %d: %s", got, errs.String())
	}
}

func TestDataFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	if got := run([]string{"--data", filepath.Join(file, "data")}, &errs, &errs); got != 1 || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("status %d: %q", got, errs.String())
	}
}

func TestASecondStartHandsItsLinksOver(t *testing.T) {
	data := t.TempDir()
	first, err := claim(t.Context(), data, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(first.close)
	got := make(chan []string, 1)
	first.serve(func(links []string) { got <- links })
	want := []string{"countersign://enrol?v=1", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}
	if _, err := claim(t.Context(), data, want); !errors.Is(err, errElsewhere) {
		t.Fatalf("a second claim: %v, want errElsewhere", err)
	}
	if links := <-got; !slices.Equal(links, want) {
		t.Errorf("handed over %q", links)
	}
}

func TestAKilledAppDoesNotKeepItsFolder(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(socketPath(data), nil, 0o600); err != nil { // what is left of its socket
		t.Fatal(err)
	}
	only, err := claim(context.Background(), data, nil)
	if err != nil {
		t.Fatal(err)
	}
	only.close()
}

func TestSocketPathFitsWhateverTheDataFolder(t *testing.T) {
	t.Setenv("HOME", "/home/zoe")
	t.Setenv("XDG_CACHE_HOME", "")
	if runtime.GOOS == "linux" {
		if got := socketPath("/" + strings.Repeat("long/", 40)); len(got) > maxSocketPath || !strings.HasPrefix(got, "/home/zoe/.cache/") {
			t.Errorf("%q", got)
		}
	}
	if got := socketPath("/data"); got != filepath.Join("/data", "app.sock") {
		t.Errorf("%q", got)
	}
}

func TestDeviceSaysWhatItIs(t *testing.T) {
	for simulated, want := range map[string]message.About{
		"":    {Platform: platform(), FormFactor: message.FormDesktop, AppVersion: app.Version},
		"ios": {Platform: message.PlatformIOS, FormFactor: message.FormPhone, AppVersion: app.Version},
	} {
		if got := device(simulated); got != want {
			t.Errorf("%q: %+v, want %+v", simulated, got, want)
		}
	}
}

func TestKeyringItemsOfTwoFoldersAreApart(t *testing.T) {
	if service("", "x") != "countersign" {
		t.Error("the usual folder has an unusual name")
	}
	if a, b := service("a", "a"), service("b", "b"); a == b || a == "countersign" {
		t.Errorf("%q and %q", a, b)
	}
}
