package ui

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
)

// starting gives a bench that is about to start, and what runs its background
// work.
func starting(t *testing.T) (b *bench, run func()) {
	b = newBenchOver(t, &fakeBoot{core: populated(t), err: ErrNoKeyring}, options{language: "en"})
	b.boot.err = nil
	var waiting []func()
	b.cfg.Spawn = func(f func()) { waiting = append(waiting, f) }
	b.begin()
	return b, func() {
		for _, f := range waiting {
			f()
		}
		waiting = nil
	}
}

func TestASlowKeyringIsWaitedForOnTheScreen(t *testing.T) {
	b, run := starting(t)
	b.root.MinSize() // as Fyne does before it draws
	if b.UI.core != nil || !shows(b, b.T("start.text")) {
		t.Fatal("nothing says that the keyring is waited for")
	}
	run()
	if b.UI.core == nil || b.codes.deck == nil || shows(b, b.T("start.text")) {
		t.Error("the codes are not shown once the keyring has answered")
	}
}

func TestAKeyringThatAnswersBeforeTheFirstFrameIsNotSeen(t *testing.T) {
	b, run := starting(t)
	run()
	b.root.MinSize()
	if b.UI.core == nil || b.codes.deck == nil {
		t.Error("the codes are not there from the first frame on")
	}
}

func TestAMinimisedWindowDrawsNothing(t *testing.T) {
	b := phone(t)
	drawn := 0
	b.codes.refresh = func() { drawn++ } // is called whenever codes are drawn
	b.putAway(true)
	if b.ticking.running {
		t.Error("the clock runs while nobody can see it")
	}
	b.forward(time.Minute)
	if drawn != 0 {
		t.Errorf("codes were drawn %d times that nobody can see", drawn)
	}
	b.putAway(false)
	if !b.ticking.running || drawn != 1 {
		t.Errorf("back on the screen: clock runs %v, codes drawn %d times, want true and 1", b.ticking.running, drawn)
	}
}

func TestAPromptExpiresWhileTheWindowIsMinimised(t *testing.T) {
	b := phone(t)
	b.putAway(true)
	b.core.show(prompt("1"), 0)
	if !b.ticking.running {
		t.Error("nothing would tell that the request expires")
	}
}

// looping is an app whose loop ends at once.
type looping struct {
	fyne.App
	run func()
}

func (l looping) Run() { l.run() }

// TestTheTrayIsMadeBeforeTheLoop: Fyne starts the tray that it finds when its loop
// begins, and none later. Then closing the window hid it for good.
func TestTheTrayIsMadeBeforeTheLoop(t *testing.T) {
	b := phone(t)
	var order []string
	b.cfg.App = looping{b.cfg.App, func() { order = append(order, "loop") }}
	b.cfg.TrayPresent = func() bool { order = append(order, "tray"); return false }
	b.Run()
	if got := strings.Join(order, " "); got != "tray loop" {
		t.Errorf("%s, want tray loop", got)
	}
}
