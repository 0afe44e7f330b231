//go:build unix

package window

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Start is how a program starts: medians of several starts.
type Start struct {
	First    time.Duration // from exec to the first frame
	Resident float64       // octets, after a few seconds
}

// Figures are what was measured.
type Figures struct {
	Rounds                int
	Empty, App, Many      Start         // an empty window, the app without accounts, the app with Accounts
	Accounts              int           // of Many
	Idle                  time.Duration // processor time while its codes are on the screen, of While
	Covered, CoveredLimit time.Duration // processor time while its window is unmapped, and the empty window's
	While                 time.Duration
}

const (
	rounds   = 5
	accounts = 1000
	while    = 10 * time.Second
	settling = 3 * time.Second
)

// Measure measures all of it.
func (b *Bench) Measure(ctx context.Context) (f Figures, err error) {
	f = Figures{Rounds: rounds, Accounts: accounts, While: while}
	home := func(name string) string { return filepath.Join(b.dir, name) }
	data := func(name string) string { return "--data=" + filepath.Join(b.dir, name, "data") }
	if err := b.fill(ctx, home("many"), data("many")); err != nil {
		return f, fmt.Errorf("adding %d accounts: %w", accounts, err)
	}
	var empty, app, many []Start
	for range rounds { // in turns, so that a busy moment falls on all
		for _, p := range []struct {
			to            *[]Start
			home, program string
			args          []string
		}{{&empty, "none", "empty", nil}, {&app, "few", "app", []string{data("few")}}, {&many, "many", "app", []string{data("many")}}} {
			s, err := b.startOnce(ctx, home(p.home), p.program, p.args...)
			if err != nil {
				return f, err
			}
			*p.to = append(*p.to, s)
		}
	}
	f.Empty, f.App, f.Many = median(empty), median(app), median(many)
	if f.Idle, f.Covered, err = b.idle(ctx, home("many"), "app", data("many")); err != nil {
		return f, err
	}
	_, f.CoveredLimit, err = b.idle(ctx, home("none"), "empty")
	return f, err
}

// fill adds the accounts as a person does: links, and the button.
func (b *Bench) fill(ctx context.Context, home, data string) error {
	links := make([]string, accounts)
	for i := range links {
		links[i] = fmt.Sprintf("otpauth://totp/Service%d:alex?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Service%d", i, i)
	}
	r, err := b.start(ctx, home, "app", data, strings.Join(links, "\n"))
	if err != nil {
		return err
	}
	defer r.stop()
	if _, err := b.xdotool(ctx, "windowfocus", "--sync", r.window); err != nil {
		return err
	}
	index := filepath.Join(home, "data", "accounts.json")
	return poll(ctx, func() (bool, error) {
		if _, err := b.xdotool(ctx, "key", "Return"); err != nil {
			return false, err
		}
		text, err := os.ReadFile(index)
		if err != nil && !os.IsNotExist(err) {
			return false, err
		}
		return strings.Count(string(text), `"id":`) >= accounts && !strings.Contains(string(text), `"mark"`), nil
	})
}

func (b *Bench) startOnce(ctx context.Context, home, program string, args ...string) (Start, error) {
	r, err := b.start(ctx, home, program, args...)
	if err != nil {
		return Start{}, err
	}
	defer r.stop()
	if err := wait(ctx, settling); err != nil {
		return Start{}, err
	}
	resident, err := r.resident()
	return Start{First: r.first, Resident: resident}, err
}

// idle measures what a program costs that nobody touches: on the screen, and
// with its window unmapped as a window manager does when it minimises.
func (b *Bench) idle(ctx context.Context, home, program string, args ...string) (shown, unmapped time.Duration, err error) {
	r, err := b.start(ctx, home, program, args...)
	if err != nil {
		return 0, 0, err
	}
	defer r.stop()
	if err := wait(ctx, settling); err != nil {
		return 0, 0, err
	}
	if shown, err = r.spends(ctx, while); err != nil {
		return 0, 0, err
	}
	if _, err := b.xdotool(ctx, "windowunmap", "--sync", r.window); err != nil {
		return 0, 0, err
	}
	if err := wait(ctx, settling); err != nil {
		return 0, 0, err
	}
	unmapped, err = r.spends(ctx, while)
	return shown, unmapped, err
}

func median(starts []Start) Start {
	first, resident := make([]time.Duration, len(starts)), make([]float64, len(starts))
	for i, s := range starts {
		first[i], resident[i] = s.First, s.Resident
	}
	slices.Sort(first)
	slices.Sort(resident)
	return Start{First: first[len(first)/2], Resident: resident[len(resident)/2]}
}
