package ui

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"countersign/app"
	"countersign/message"
	"countersign/ui/kit"
)

func phone(t *testing.T) *bench {
	return newBench(t, populated(t), options{language: "en", phone: true})
}

// typeOn types as the window does: to the widget with the focus, else to the
// canvas.
func (b *bench) typeOn(text string, keys ...fyne.KeyName) {
	c := b.win.Canvas()
	for _, r := range text {
		if f := c.Focused(); f != nil {
			f.TypedRune(r)
		} else {
			c.OnTypedRune()(r)
		}
	}
	for _, k := range keys {
		if f := c.Focused(); f != nil {
			f.TypedKey(&fyne.KeyEvent{Name: k})
		} else {
			c.OnTypedKey()(&fyne.KeyEvent{Name: k})
		}
	}
}

func TestTypingTheNumberAndEnterApproves(t *testing.T) {
	b := phone(t)
	b.core.show(prompt("p1"), 0)
	b.typeOn("4", fyne.KeyReturn)
	if len(b.core.answers) != 0 {
		t.Fatal("approved before the number was complete")
	}
	b.typeOn("2x", fyne.KeyReturn)
	if len(b.core.answers) != 1 || b.core.answers[0] != app.Approve("42") || b.core.answered[0] != "p1" {
		t.Errorf("answered %v with %+v", b.core.answered, b.core.answers)
	}
}

func TestDigitsReachTheNumberAfterTheFocusWasLost(t *testing.T) {
	b := phone(t)
	b.core.show(prompt("p1"), 0)
	b.win.Canvas().Unfocus()
	b.typeOn("42", fyne.KeyReturn)
	if len(b.core.answers) != 1 || b.core.answers[0].Number != "42" {
		t.Errorf("answers %+v", b.core.answers)
	}
}

func TestPromptTakesTheFocusFromASearch(t *testing.T) {
	b := phone(t)
	b.typeOn("con")
	b.core.show(prompt("p1"), 0)
	b.typeOn("42", fyne.KeyReturn)
	if len(b.core.answers) != 1 || b.codes.query != "con" {
		t.Errorf("answers %+v, search %q", b.core.answers, b.codes.query)
	}
}

// TestQueueDoesNotSwap: what is typed for one sign-in never goes to another,
// whatever arrives meanwhile.
func TestQueueDoesNotSwap(t *testing.T) {
	b := phone(t)
	b.core.show(prompt("p1"), 0)
	b.typeOn("4")
	first := b.prompt
	b.core.show(prompt("p1"), 1) // another waits behind it
	if b.prompt != first || b.prompt.number.Number() != "4" {
		t.Fatalf("the view or what was typed changed: %q", b.prompt.number.Number())
	}
	b.typeOn("2")
	b.core.show(prompt("p2"), 0) // the first was settled elsewhere
	if b.prompt == first || b.prompt.number.Number() != "" {
		t.Fatal("the second prompt begins with the first one's digits")
	}
	b.typeOn("", fyne.KeyReturn)
	if len(b.core.answers) != 0 {
		t.Errorf("answered %v with what was typed for another", b.core.answered)
	}
}

func TestPromptWithoutNumberIsNotApprovedByEnter(t *testing.T) {
	b := phone(t)
	p := prompt("p1")
	p.Challenge.Mode, p.Challenge.Digits = message.ModeApproveDeny, 0
	b.core.show(p, 0)
	b.typeOn("", fyne.KeyReturn, fyne.KeyEscape)
	if len(b.core.answers) != 0 {
		t.Fatal("a key alone decided")
	}
	test.Tap(b.prompt.approve)
	if len(b.core.answers) != 1 || b.core.answers[0] != app.Approve("") {
		t.Errorf("answers %+v", b.core.answers)
	}
}

func TestVerificationAsksForThePIN(t *testing.T) {
	b := phone(t)
	p := prompt("p1")
	p.Challenge.UserVerification = true
	b.core.show(p, 0)
	b.typeOn("42", fyne.KeyReturn)
	if len(b.core.answers) != 0 || b.win.Canvas().Focused() != b.prompt.pin.Entry {
		t.Fatal("the PIN was not asked for")
	}
	b.typeOn("9931", fyne.KeyReturn)
	if len(b.core.answers) != 1 || b.core.answers[0].PIN != "9931" || b.core.answers[0].Number != "42" {
		t.Errorf("answers %+v", b.core.answers)
	}
}

func TestReportAndCancel(t *testing.T) {
	for key, want := range map[string]app.Decision{"prompt.report": app.Report(), "prompt.deny": app.Deny()} {
		b := phone(t)
		b.core.show(prompt("p1"), 0)
		test.Tap(button(t, b, b.T(key)))
		if len(b.core.answers) != 1 || b.core.answers[0] != want {
			t.Errorf("%s: %+v", key, b.core.answers)
		}
	}
}

// button finds a button on the topmost overlay, or else in the window.
func button(t *testing.T, b *bench, text string) *kit.Button {
	t.Helper()
	root := b.win.Content()
	if top := b.win.Canvas().Overlays().Top(); top != nil {
		root = top
	}
	for _, o := range test.LaidOutObjects(root) {
		if found, ok := o.(*kit.Button); ok && found.Text() == kit.Plain(text) {
			return found
		}
	}
	t.Fatalf("no button %q", text)
	return nil
}

func TestRefusalOffersNoApproval(t *testing.T) {
	for _, refusal := range []error{app.ErrUpgrade, app.ErrWearable} {
		b := phone(t)
		p := prompt("p1")
		p.Refusal = refusal
		b.core.show(p, 0)
		b.typeOn("42", fyne.KeyReturn)
		if b.prompt.approve != nil || b.prompt.number != nil || len(b.core.answers) != 0 {
			t.Errorf("%v: can be approved", refusal)
		}
	}
}

func TestCountdownIsTheClocks(t *testing.T) {
	b := phone(t)
	b.core.show(prompt("p1"), 0)
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 60}, {15 * time.Second, 45}, {44 * time.Second, 1}, {5 * time.Second, 0}} {
		b.forward(step.after)
		if got := b.prompt.ring.Seconds(); got != step.want {
			t.Errorf("%d s shown, want %d", got, step.want)
		}
	}
}

func TestAnAnswerThatFailsIsExplainedAndCanBeGivenAgain(t *testing.T) {
	b := phone(t)
	b.core.answerErr = app.ErrWrongPIN
	b.core.show(prompt("p1"), 0)
	b.typeOn("42", fyne.KeyReturn)
	if b.prompt.err != b.T("error.wrong_pin") {
		t.Errorf("said %q", b.prompt.err)
	}
	b.core.answerErr = nil
	b.typeOn("", fyne.KeyReturn)
	if len(b.core.answers) != 2 || b.core.answers[1].Number != "42" {
		t.Errorf("answers %+v", b.core.answers)
	}
}

func TestApprovalGoesByItselfAndADenialStays(t *testing.T) {
	for state, stays := range map[string]bool{"approved": false, "denied": true, "expired": true, app.StateUnknown: true} {
		b := phone(t)
		b.end(state, "")
		b.forward(10 * time.Second)
		if got := b.prompt != nil; got != stays {
			t.Errorf("%s: on the screen %v, want %v", state, got, stays)
		}
		if stays {
			b.typeOn("", fyne.KeyReturn)
			if b.prompt != nil {
				t.Errorf("%s: Enter does not close it", state)
			}
		}
	}
}

func TestEveryOutcomeHasItsWords(t *testing.T) {
	b := phone(t)
	for _, r := range []app.Result{
		{State: "approved"},
		{State: "denied"},
		{State: "denied", Reason: "user"},
		{State: "denied", Reason: "number_mismatch"},
		{State: "denied", Reason: "reported"},
		{State: "denied", Reason: "wearable"},
		{State: "denied", Reason: "upgrade_required"},
		{State: "denied", Reason: "user_verification_missing"},
		{State: "denied", Reason: "locked"},
		{State: "expired"},
		{State: "cancelled"},
		{State: "approved", Elsewhere: true},
		{State: "denied", Elsewhere: true},
	} {
		if key := b.outcomeKey(r, false); key == "outcome.unknown" || b.unknownReason(r, false) != "" {
			t.Errorf("%+v has no words", r)
		}
	}
	if word := b.unknownReason(app.Result{State: "denied", Reason: "moon_phase"}, false); word != " (moon_phase)" {
		t.Errorf("of a reason without words the prompt says %q", word)
	}
	if key := b.outcomeKey(app.Result{State: "something new"}, false); key != "outcome.unknown" {
		t.Errorf("an unknown state reads %q", key)
	}
	if key := b.outcomeKey(app.Result{State: "denied", Reason: "enrolment_unknown"}, true); key != "outcome.enrol.denied" {
		t.Errorf("a refused enrolment reads %q", key)
	}
}

func TestPromptStaysOverASheetThatCloses(t *testing.T) {
	b := phone(t)
	b.openMenu(b.core.accounts[0])
	b.core.show(prompt("p1"), 0)
	b.closeSheet(b.sheets[0])
	b.typeOn("42", fyne.KeyReturn)
	if len(b.core.answers) != 1 {
		t.Error("the prompt went with the sheet under it")
	}
}

// fakeBroker is a same-device sign-in whose state the test sets.
type fakeBroker struct {
	state app.BrokerState
	again int
}

func (f *fakeBroker) State() app.BrokerState { return f.state }
func (f *fakeBroker) ShowNumberAgain()       { f.again++ }

func TestBrokerRequestCoversTheNumberAndShowsItAgain(t *testing.T) {
	core := populated(t)
	b := newBench(t, core, options{language: "sv", phone: true, platform: "ios"})
	broker := &fakeBroker{state: app.BrokerState{Number: "57"}}
	b.broker = &brokerView{u: b.UI, broker: runless{broker}, stop: func() {}}
	b.pages = []*page{{build: b.broker.screen}}
	b.rebuild()
	b.syncPrompt()
	if b.prompt != nil {
		t.Fatal("the request is there before its time")
	}
	p := prompt("p1")
	broker.state.Prompt, broker.state.Covered, broker.state.CanShowNumber = &p, true, true
	b.broker.changed()
	if b.prompt == nil {
		t.Fatal("the request is not over the number")
	}
	b.typeOn("5")
	if b.T("broker.again") != "Visa numret igen" {
		t.Errorf("the control reads %q", b.T("broker.again"))
	}
	test.Tap(button(t, b, b.T("broker.again")))
	if broker.again != 1 {
		t.Fatal("the control does nothing")
	}
	broker.state.Covered, broker.state.CanShowNumber = false, false
	b.broker.changed()
	if b.prompt != nil {
		t.Fatal("the request still covers the number")
	}
	broker.state.Covered, broker.state.CanShowNumber = true, true
	b.broker.changed()
	b.typeOn("7", fyne.KeyReturn)
	if len(core.answers) != 1 || core.answers[0].Number != "57" {
		t.Errorf("answers %+v: what was typed before the number was shown again is lost", core.answers)
	}
}

func TestAnOrdinaryPushNeverShowsTheNumberAgain(t *testing.T) {
	b := newBench(t, populated(t), options{language: "en", phone: true, platform: "ios"})
	b.core.show(prompt("p1"), 0)
	for _, o := range test.LaidOutObjects(b.win.Canvas().Overlays().Top()) {
		if found, ok := o.(*kit.Button); ok && found.Text() == b.T("broker.again") {
			t.Fatal("an ordinary push has the control")
		}
	}
}

// When the sign-in's own answer is faster than the relay's, its request ends in the
// inbox, over the sign-in's screen, and goes from there.
func TestARequestThatEndsAfterItsSignInGoes(t *testing.T) {
	b := phone(t)
	broker := &fakeBroker{state: app.BrokerState{Number: "57"}}
	b.follow(runless{broker}, "Contoso")
	p := prompt("p1")
	broker.state.Prompt, broker.state.Covered = &p, true
	b.broker.changed()
	broker.state = app.BrokerState{Done: true, Result: app.Result{State: "approved"}}
	b.broker.changed()
	if b.prompt != nil {
		t.Fatal("the request stands over the end of its sign-in")
	}
	p.State = app.PromptSending
	b.core.show(p, 0)
	p.State, p.Result = app.PromptClosed, app.Result{State: "approved"}
	b.core.show(p, 0)
	if b.prompt == nil {
		t.Fatal("the outcome is not shown")
	}
	b.forward(10 * time.Second)
	if b.prompt != nil {
		t.Error("the outcome never goes")
	}
	if !shows(b, b.T("outcome.approved.title")) {
		t.Error("the sign-in's screen does not say how it ended")
	}
}
