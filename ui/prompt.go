package ui

import (
	"context"
	"errors"
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// promptView is the request on the screen: who asks, and the number to type. It
// belongs to one prompt for all its life; another prompt gets another view, so
// that nothing typed for one sign-in can go to another.
type promptView struct {
	u      *UI
	prompt app.Prompt
	sheet  *kit.Sheet
	number *kit.NumberField // nil where none is asked for
	pin    *kit.Field       // nil where none is asked for
	ring   *kit.Ring
	whole  time.Duration
	// built is what the view was built for: it is built anew when this changes.
	built    app.PromptState
	waiting  int
	err      string
	approve  *kit.Button
	closesAt time.Time // when an approval goes by itself
	// broker is set in a same-device sign-in alone, and with it the control that
	// shows the number again.
	broker *brokerView
	typed  string // what the field begins with
	// locked is set where the app was locked when the view was built: it asks for
	// the PIN before anything else.
	locked bool
}

// syncPrompt shows what the inbox holds. The prompt on the screen stays until it
// is no longer the current one.
func (u *UI) syncPrompt() {
	if u.core == nil {
		return
	}
	inbox := u.core.Inbox()
	switch {
	case inbox.Current == nil && u.broker != nil:
		if u.prompt != nil && u.prompt.broker == nil {
			u.closePrompt() // it was the inbox's
		}
		u.broker.sync()
	case inbox.Current == nil:
		u.closePrompt()
	case u.prompt == nil || u.prompt.prompt.ID != inbox.Current.ID:
		u.closePrompt()
		u.openPrompt(*inbox.Current, inbox.Waiting)
	default:
		u.prompt.update(*inbox.Current, inbox.Waiting)
	}
	u.ticking.adjust()
}

func (u *UI) openPrompt(p app.Prompt, waiting int) {
	v := &promptView{u: u, prompt: p, waiting: waiting, whole: p.Expires.Sub(p.Received)}
	u.prompt = v
	v.build()
	if u.hidden && u.settings().Raise {
		u.Raise()
	}
}

func (u *UI) closePrompt() {
	if u.prompt == nil {
		return
	}
	u.win.Canvas().Overlays().Remove(u.prompt.sheet)
	u.prompt = nil
	u.overlayGone()
}

// overlayGone gives the keyboard back to what was covered.
func (u *UI) overlayGone() {
	if u.win.Canvas().Overlays().Top() != nil {
		return
	}
	if n := len(u.sheets); n > 0 {
		u.overlay(u.sheets[n-1])
		return
	}
	if u.focusGone {
		u.focusGone = false
		u.win.Canvas().Unfocus()
	}
}

// restorePrompt puts the prompt back on top after a sheet under it closed.
func (u *UI) restorePrompt() {
	v := u.prompt
	for _, o := range u.win.Canvas().Overlays().List() {
		if o == v.sheet {
			return
		}
	}
	u.overlay(v.sheet)
	v.focus()
}

// update shows a new state of the same prompt, and keeps what has been typed.
func (v *promptView) update(p app.Prompt, waiting int) {
	v.prompt = p
	locked := v.u.core.LockState().Locked
	if p.State == v.built && waiting == v.waiting && locked == v.locked {
		return
	}
	if locked != v.locked {
		v.err = ""
	}
	if p.State == app.PromptClosed && v.built != app.PromptClosed && p.Result.State == stateApproved {
		v.closesAt = v.u.cfg.Now().Add(design.OutcomeTime)
	}
	v.waiting = waiting
	v.build()
}

// build draws the view for the prompt's state.
func (v *promptView) build() {
	u := v.u
	typed := v.typed
	v.typed = ""
	if v.number != nil {
		typed = v.number.Number()
	}
	if v.sheet != nil {
		u.win.Canvas().Overlays().Remove(v.sheet)
	}
	v.built, v.number, v.pin, v.approve = v.prompt.State, nil, nil, nil
	v.locked = u.core.LockState().Locked
	var body kit.Flowing
	if v.prompt.State == app.PromptClosed {
		body = v.outcome()
	} else {
		body = v.question(typed)
	}
	v.sheet = kit.NewSheet(u.style, kit.NewPage(body), u.phone, true, design.PromptWidth, nil)
	u.overlay(v.sheet)
	v.focus()
	v.tick()
}

func (v *promptView) focus() {
	c := v.u.win.Canvas()
	switch {
	case v.pin != nil && v.pin.Entry.Text == "" && (v.number == nil || v.number.Complete()):
		c.Focus(v.pin.Entry)
	case v.number != nil && !v.number.Disabled():
		c.Focus(v.number)
	}
}

// question is the open prompt.
func (v *promptView) question(typed string) kit.Flowing {
	u, p := v.u, v.prompt
	sending := p.State == app.PromptSending
	v.ring = kit.NewRing(u.style, 42)
	key := "prompt.title"
	if p.Enrolling {
		key = "prompt.enrol.title"
	} else if t := "prompt.title." + p.Challenge.Scenario; u.cfg.Catalogue.Has(t) {
		key = t
	}
	who := kit.NewColumn(0,
		kit.NewLine(u.style, kit.Look{Points: design.Title, Bold: true, Colour: u.style.Ink}, p.Organisation),
		kit.NewLine(u.style, kit.Look{Points: design.Body - 1, Colour: u.style.Muted}, p.User))
	objects := []fyne.CanvasObject{
		kit.NewRow(design.S3, 1, kit.NewMonogram(u.style, p.Organisation, 46), who, v.ring),
		kit.NewText(u.style, kit.Look{Points: design.Heading - 1, Bold: true, Colour: u.style.Ink}, u.F(key, args{"organisation": p.Organisation})),
	}
	if v.waiting > 0 {
		objects = append(objects, kit.NewRow(0, -1, kit.NewBadge(u.style, "shield", u.p.N("prompt.waiting", v.waiting, nil), u.style.AccentSoft, u.style.Accent)))
	}
	objects = append(objects, v.facts()...)
	switch {
	case p.Refusal != nil:
		objects = append(objects, u.note("danger", "warning", u.explain(p.Refusal)))
	case v.unlocks():
		v.typed = typed // for after the PIN
		objects = append(objects, v.lockInputs()...)
	default:
		objects = append(objects, v.inputs(typed, sending)...)
	}
	objects = append(objects, v.buttons(sending)...)
	return kit.NewColumn(design.S3+1, objects...).Padded(design.S5)
}

// facts are what the challenge tells of the sign-in; what policy keeps back is
// not there.
func (v *promptView) facts() []fyne.CanvasObject {
	u, ch := v.u, v.prompt.Challenge
	var rows []kit.Fact
	add := func(icon, key, value string) {
		if value != "" {
			rows = append(rows, kit.Fact{Icon: icon, Name: u.T(key), Value: value})
		}
	}
	if ch.App != v.prompt.Organisation {
		add("app-window", "prompt.app", ch.App)
	}
	add("link", "prompt.origin", strings.TrimPrefix(ch.Origin, "https://")) // any other scheme is to be seen
	add("place", "prompt.location", ch.Location)
	add("globe", "prompt.ip", ch.IP)
	if !v.prompt.Enrolling {
		add("clock", "prompt.time", u.when(time.Unix(ch.IssuedAt, 0)))
	}
	var objects []fyne.CanvasObject
	if len(rows) > 0 {
		objects = append(objects, kit.NewCard(u.style, kit.NewFacts(u.style, rows)).Padded(design.S3).Radius(design.RadiusM).On(u.style.Raised, color.NRGBA{}))
	}
	if ch.NewLocation {
		objects = append(objects, u.note("warn", "place", u.T("prompt.new_location")))
	}
	return objects
}

// unlocks tells whether the PIN is asked for before the number: the app is locked,
// and an approval needs it open. To refuse needs no PIN. Where the organisation
// asks for the PIN with each approval, that one opens the app as well.
func (v *promptView) unlocks() bool {
	return v.locked && v.prompt.State == app.PromptOpen && !v.prompt.Challenge.UserVerification
}

// lockInputs ask for the app's PIN.
func (v *promptView) lockInputs() []fyne.CanvasObject {
	u := v.u
	if waits := u.lockWaits(); waits != nil {
		return []fyne.CanvasObject{waits}
	}
	v.pin = kit.NewField(u.style, u.T("lock.pin"), "", true)
	v.pin.Entry.OnSubmitted = func(string) { v.submit() }
	v.pin.Entry.OnChanged = func(string) { v.ready() }
	v.pin.SetError(v.err)
	return []fyne.CanvasObject{u.note("info", "lock", u.T("prompt.locked")), v.pin}
}

// unlock opens the app with the PIN typed here. The core's event brings the
// number in its place.
func (v *promptView) unlock() {
	u, pin := v.u, v.pin.Entry.Text
	v.approve.Disable()
	u.task(func(ctx context.Context) error { return u.core.Unlock(ctx, pin) }, func(err error) {
		if err == nil || u.prompt != v {
			return
		}
		v.err = u.wrongPIN(err)
		v.build()
	})
}

func (v *promptView) inputs(typed string, sending bool) []fyne.CanvasObject {
	u, p := v.u, v.prompt
	var objects []fyne.CanvasObject
	if p.NeedsNumber() {
		key := "prompt.number"
		if p.Enrolling {
			key = "prompt.enrol.number"
		}
		v.number = kit.NewNumberField(u.style, p.Challenge.Digits, u.T(key), func(bool) { v.ready() }, func(string) { v.submit() })
		for _, r := range typed {
			v.number.TypedRune(r)
		}
		if sending {
			v.number.Disable()
		}
		text := kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, u.T(key))
		objects = append(objects, kit.NewColumn(design.S3, text, v.number))
	}
	if p.Challenge.UserVerification {
		v.pin = kit.NewField(u.style, u.T("prompt.pin"), u.T("prompt.pin.hint"), true)
		v.pin.Entry.OnSubmitted = func(string) { v.submit() }
		v.pin.Entry.OnChanged = func(string) { v.ready() }
		if sending {
			v.pin.Entry.Disable()
		}
		objects = append(objects, v.pin)
	}
	if v.err != "" {
		objects = append(objects, u.note("danger", "warning", v.err))
	}
	return objects
}

func (v *promptView) buttons(sending bool) []fyne.CanvasObject {
	u, p := v.u, v.prompt
	var objects []fyne.CanvasObject
	if p.Refusal == nil && (!v.unlocks() || v.pin != nil) {
		key := "prompt.approve"
		switch {
		case v.unlocks():
			key = "lock.open"
		case sending:
			key = "prompt.sending"
		case p.Enrolling:
			key = "prompt.enrol.approve"
		}
		v.approve = kit.NewButton(u.style, kit.Primary, u.T(key), "", v.submit)
		objects = append(objects, v.approve)
		v.ready()
	}
	if v.broker != nil {
		objects = append(objects, kit.NewButton(u.style, kit.Secondary, u.T("broker.again"), "eye", v.broker.broker.ShowNumberAgain))
	}
	var no []fyne.CanvasObject
	if p.Enrolling {
		no = append(no, kit.NewButton(u.style, kit.Quiet, u.T("action.cancel"), "", func() { v.answer(app.Deny()) }))
	} else {
		no = append(no,
			kit.NewButton(u.style, kit.Danger, u.T("prompt.report"), "shield-alert", func() { v.answer(app.Report()) }),
			kit.NewButton(u.style, kit.Quiet, u.T("prompt.deny"), "", func() { v.answer(app.Deny()) }))
	}
	for _, o := range no {
		if sending {
			o.(*kit.Button).Disable()
		}
	}
	return append(objects, kit.NewColumn(design.S1, no...))
}

// ready lets the user approve once everything has been typed.
func (v *promptView) ready() {
	if v.approve == nil {
		return
	}
	complete := (v.number == nil || v.number.Complete()) && (v.pin == nil || v.pin.Entry.Text != "")
	if complete && v.prompt.State == app.PromptOpen {
		v.approve.Enable()
	} else {
		v.approve.Disable()
	}
}

// submit approves with what has been typed.
func (v *promptView) submit() {
	if v.prompt.State != app.PromptOpen || (v.number != nil && !v.number.Complete()) {
		return
	}
	if v.unlocks() {
		if v.pin != nil && v.pin.Entry.Text != "" {
			v.unlock()
		}
		return
	}
	d := app.Approve("")
	if v.number != nil {
		d.Number = v.number.Number()
	}
	if v.pin != nil {
		if d.PIN = v.pin.Entry.Text; d.PIN == "" {
			v.u.win.Canvas().Focus(v.pin.Entry)
			return
		}
	}
	v.answer(d)
}

// answer sends a decision. What becomes of it comes as a change of the inbox.
func (v *promptView) answer(d app.Decision) {
	u, id := v.u, v.prompt.ID
	v.err = ""
	if v.approve != nil {
		v.approve.Disable()
	}
	u.task(func(ctx context.Context) error {
		_, err := u.core.Answer(ctx, id, d)
		return err
	}, func(err error) {
		if err == nil || u.prompt != v || errors.Is(err, app.ErrAnswered) {
			return
		}
		v.err = u.explain(err)
		if v.prompt.State != app.PromptClosed {
			v.build()
		}
	})
}

// typedKey is a key that no widget of the prompt took.
func (v *promptView) typedKey(e *fyne.KeyEvent) {
	switch {
	case v.prompt.State == app.PromptClosed:
		if e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter || e.Name == fyne.KeyEscape {
			v.dismiss()
		}
	case v.number != nil && v.u.win.Canvas().Focused() == nil:
		v.focus()
		v.number.TypedKey(e)
	case v.number == nil && v.pin == nil && e.Name == fyne.KeyEscape:
		// Escape decides nothing: it is too easily pressed.
	}
}

// typedRune brings a digit to its field where the focus was lost.
func (v *promptView) typedRune(r rune) {
	if v.number != nil {
		v.focus()
		v.number.TypedRune(r)
	}
}

func (v *promptView) dismiss() {
	id := v.prompt.ID
	core := v.u.core
	v.u.task(func(context.Context) error { core.Dismiss(id); return nil }, func(error) { v.u.syncPrompt() })
}

// recount shows how much is left of the wait after wrong tries, and its end.
func (v *promptView) recount() {
	if v.unlocks() && v.pin == nil && v.prompt.Refusal == nil {
		v.build()
	}
}

// tick draws the countdown, and takes an approval away after a moment.
func (v *promptView) tick() {
	now := v.u.cfg.Now()
	if v.prompt.State != app.PromptClosed && v.ring != nil {
		v.ring.Set(v.prompt.Expires.Sub(now), v.whole)
	}
	if !v.closesAt.IsZero() && !now.Before(v.closesAt) {
		v.closesAt = time.Time{}
		v.dismiss()
	}
}

// stateApproved is the one state that a person need not read about.
const stateApproved = "approved"

// outcome is the closed prompt: how it ended, and what to do now.
func (v *promptView) outcome() kit.Flowing {
	u, r := v.u, v.prompt.Result
	icon, ink, ground := "cross-circle", u.style.Danger, u.style.DangerSoft
	switch {
	case r.State == stateApproved:
		icon, ink, ground = "check-circle", u.style.Accent, u.style.AccentSoft
	case r.Reason == "reported": // the user did well
		icon, ink, ground = "shield", u.style.Accent, u.style.AccentSoft
	case r.State != "denied":
		icon, ink, ground = "clock", u.style.Amber, u.style.AmberSoft
	}
	key := u.outcomeKey(r, v.prompt.Enrolling)
	disc := kit.NewCard(u.style, kit.NewIcon(u.style, icon, ink, 52)).Padded(design.S4).Radius(44).On(ground, color.NRGBA{})
	centred := func(points float32, bold bool, colour color.NRGBA, text string) fyne.CanvasObject {
		return kit.NewText(u.style, kit.Look{Points: points, Bold: bold, Colour: colour, Align: fyne.TextAlignCenter}, text)
	}
	names := args{"organisation": v.prompt.Organisation}
	text := u.F(key+".text", names) + u.unknownReason(r, v.prompt.Enrolling)
	done := kit.NewButton(u.style, kit.Primary, u.T("action.done"), "", v.dismiss)
	return kit.NewMiddle(design.PromptWidth, kit.NewColumn(design.S4,
		kit.NewNarrow(u.style.Size(52)+2*design.S4, disc),
		centred(design.Heading, true, u.style.Ink, u.F(key+".title", names)),
		centred(design.Body, false, u.style.Muted, text),
		done,
	).Padded(design.S5))
}

// unknownReason is the reason itself where there are no words for it: a newer
// verifier's, which whoever helps the user may know.
func (u *UI) unknownReason(r app.Result, enrolling bool) string {
	known := u.cfg.Catalogue.Has("outcome." + r.State + "." + r.Reason + ".title")
	if enrolling {
		known = known || u.cfg.Catalogue.Has("outcome.enrol."+r.State+"."+r.Reason+".title")
	}
	if known || r.Reason == "" {
		return ""
	}
	return " (" + r.Reason + ")"
}

// outcomeKey finds the words for a result: of its reason, else of its state.
func (u *UI) outcomeKey(r app.Result, enrolling bool) string {
	keys := []string{"outcome." + r.State + "." + r.Reason, "outcome." + r.State, "outcome.unknown"}
	if enrolling {
		keys = append([]string{"outcome.enrol." + r.State + "." + r.Reason, "outcome.enrol." + r.State}, keys...)
	}
	if r.Elsewhere {
		keys = append([]string{"outcome.elsewhere." + r.State}, keys...)
	}
	for _, k := range keys {
		if u.cfg.Catalogue.Has(k + ".title") {
			return k
		}
	}
	return "outcome.unknown"
}
