//go:build unix

package window

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Start is how a program starts: medians of several starts.
type Start struct {
	First    time.Duration // from exec to the first frame
	Shown    time.Duration // from exec until what the user came for is on the screen
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
	Touch, TouchLimit     Touch         // of Many, and of a list of plain labels
	Wheel                 time.Duration // how long the wheel turned for Touch
}

// Places on the screen, of the app's desktop layout at the size that it has here.
func addButton() image.Rectangle { return image.Rect(882, 30, 892, 46) }
func firstCode() image.Rectangle { return image.Rect(322, 166, 438, 194) }
func ofApp() scene {
	return scene{over: image.Pt(640, 400), tenth: image.Rect(680, 640, 700, 664)} // the account's sign
}

// ofList is the list of plain labels.
func ofList() scene {
	return scene{over: image.Pt(640, 400), tenth: image.Rect(8, 402, 60, 424)}
}

const (
	rounds   = 9
	accounts = 1000
	while    = 10 * time.Second
	settling = 3 * time.Second
)

// Measure measures all of it.
func (b *Bench) Measure(ctx context.Context) (f Figures, err error) {
	f = Figures{Rounds: rounds, Accounts: accounts, While: while, Wheel: wheel}
	home := func(name string) string { return filepath.Join(b.dir, name) }
	data := func(name string) string { return "--data=" + filepath.Join(b.dir, name, "data") }
	if err := b.fill(ctx, home("many"), data("many")); err != nil {
		return f, fmt.Errorf("adding %d accounts: %w", accounts, err)
	}
	var empty, app, many []Start
	for range rounds { // in turns, so that a busy moment falls on all
		for _, p := range []struct {
			to            *[]Start
			shows         image.Rectangle
			home, program string
			args          []string
		}{
			{&empty, image.Rectangle{}, "none", "empty", nil},
			{&app, addButton(), "few", "app", []string{data("few")}},
			{&many, firstCode(), "many", "app", []string{data("many")}},
		} {
			s, err := b.startOnce(ctx, p.shows, home(p.home), p.program, p.args...)
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
	if _, f.CoveredLimit, err = b.idle(ctx, home("none"), "empty"); err != nil {
		return f, err
	}
	if f.TouchLimit, err = b.touch(ctx, ofList(), home("none"), "list"); err != nil {
		return f, err
	}
	f.Touch, err = b.touch(ctx, ofApp(), home("many"), "app", data("many"))
	return f, err
}

// fill adds the accounts as a person does: links, and the button.
func (b *Bench) fill(ctx context.Context, home, data string) error {
	links := make([]string, accounts)
	for i := range links {
		secret := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))) // of one secret twice the app takes one
		links[i] = fmt.Sprintf("otpauth://totp/Service%d:alex?secret=%s&issuer=Service%d", i, base32.StdEncoding.EncodeToString(secret[:20]), i)
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

func (b *Bench) startOnce(ctx context.Context, shows image.Rectangle, home, program string, args ...string) (Start, error) {
	r, err := b.start(ctx, home, program, args...)
	if err != nil {
		return Start{}, err
	}
	defer r.stop()
	shown := r.first
	if !shows.Empty() {
		if shown, err = r.shows(ctx, shows); err != nil {
			return Start{}, fmt.Errorf("waiting for what is to be shown: %w", err)
		}
	}
	if err := wait(ctx, settling); err != nil {
		return Start{}, err
	}
	resident, err := r.resident()
	return Start{First: r.first, Shown: shown, Resident: resident}, err
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
	middle := func(less func(a, b Start) int) Start {
		slices.SortFunc(starts, less)
		return starts[len(starts)/2]
	}
	return Start{
		First:    middle(func(a, b Start) int { return cmp.Compare(a.First, b.First) }).First,
		Shown:    middle(func(a, b Start) int { return cmp.Compare(a.Shown, b.Shown) }).Shown,
		Resident: middle(func(a, b Start) int { return cmp.Compare(a.Resident, b.Resident) }).Resident,
	}
}
