package ui

import (
	"testing"

	"countersign/app"
)

// A phone's system brings a link while the app is away: it is asked about when
// the app is back, once, and after the lock.
func TestALinkThatTheSystemBringsIsAskedAbout(t *testing.T) {
	core := populated(t)
	core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso", RelayHost: "relay.contoso.example"}}
	core.confirm = func() (app.Account, error) {
		t.Error("the link enrolled by itself")
		return core.accounts[0], nil
	}
	b := newBench(t, core, options{language: "en", phone: true})
	arrived := []string{"countersign://enrol?v=1"}
	b.cfg.Arrivals = func() []string {
		links := arrived
		arrived = nil
		return links
	}
	core.lock = app.LockState{Set: true, TriesLeft: 10}
	core.Lock()
	b.entered()
	if len(b.pages) != 0 {
		t.Fatal("a link is open over the lock")
	}
	core.lock.Locked = false
	core.emit(app.LockChanged)
	if len(b.pages) != 1 || !shows(b, "relay.contoso.example") {
		t.Fatalf("%d pages, and not the question", len(b.pages))
	}
	b.back()
	b.entered()
	if len(b.pages) != 0 {
		t.Error("the link is asked about twice")
	}
}
