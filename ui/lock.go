package ui

import (
	"context"
	"errors"
	"math"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// lockScreen asks for the PIN or passphrase. While it stands, the secrets are
// sealed, and not merely out of sight.
func (u *UI) lockScreen() fyne.CanvasObject {
	state := u.core.LockState()
	pin := kit.NewField(u.style, u.T("lock.pin"), "", true)
	var open *kit.Button
	submit := func() {
		if open.Disabled() {
			return
		}
		open.Disable()
		text := pin.Entry.Text
		u.task(func(ctx context.Context) error { return u.core.Unlock(ctx, text) }, func(err error) {
			if err == nil {
				return // the core's event opens the screens
			}
			pin.Entry.SetText("")
			u.lockError = u.wrongPIN(err)
			u.rebuild()
		})
	}
	open = kit.NewButton(u.style, kit.Primary, u.T("lock.open"), "", submit)
	pin.Entry.OnSubmitted = func(string) { submit() }
	pin.Entry.OnChanged = func(string) {
		if u.lockError != "" {
			u.lockError = ""
			pin.SetError("")
		}
	}
	content := []fyne.CanvasObject{
		kit.NewAppIcon(u.style, 76),
		kit.NewText(u.style, kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, u.T("lock.title")),
		kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Muted, Align: fyne.TextAlignCenter}, u.T("lock.text")),
	}
	if state.Silent {
		content = append(content, u.note("warn", "shield-alert", u.T("lock.silent")))
	}
	waits := u.lockWaits()
	u.lockWaiting = waits != nil && state.TriesLeft > 0
	switch {
	case state.TriesLeft <= 0:
		content = append(content, waits, kit.NewButton(u.style, kit.Danger, u.T("lock.erase"), "trash", u.confirmErase))
	case waits != nil:
		content = append(content, waits)
	default:
		pin.SetError(u.lockError)
		content = append(content, pin, open)
		u.focusLater(pin.Entry)
	}
	return kit.NewPage(kit.NewMiddle(380, kit.NewColumn(design.S4, content...).Padded(design.S5)))
}

// wrongPIN says what is wrong with a PIN, and how many tries are left.
func (u *UI) wrongPIN(err error) string {
	text := u.explain(err)
	if left := u.core.LockState().TriesLeft; errors.Is(err, app.ErrWrongPIN) && left > 0 {
		text += " " + u.p.N("lock.tries", left, nil)
	}
	return text
}

// lockWaits says why no PIN can be tried now, or is nil.
func (u *UI) lockWaits() fyne.CanvasObject {
	state := u.core.LockState()
	wait := state.Until.Sub(u.cfg.Now())
	switch {
	case state.TriesLeft <= 0:
		return u.note("danger", "lock", u.T("error.locked_out"))
	case wait > 0:
		return u.note("warn", "clock", u.p.N("lock.wait", int(math.Ceil(wait.Seconds())), nil))
	}
	return nil
}

func (u *UI) lockNow() {
	core := u.core
	u.lockError = ""
	u.task(func(context.Context) error { core.Lock(); return nil }, func(error) {})
}

func (u *UI) confirmErase() {
	u.ask("trash", u.T("lock.erase.title"), u.T("lock.erase.text"), u.T("lock.erase"), func() {
		u.task(u.core.Erase, func(err error) {
			if err != nil {
				u.fail("lock.erase.failed", err)
				return
			}
			u.rebuild()
		})
	})
}

func (u *UI) openSetPIN() { u.pushForm(u.setPINPage) }

// setPINPage sets or changes the PIN.
func (u *UI) setPINPage() fyne.CanvasObject {
	set := u.core.LockState().Set
	old := kit.NewField(u.style, u.T("pin.old"), "", true)
	first := kit.NewField(u.style, u.T("pin.new"), u.T("pin.hint"), true)
	again := kit.NewField(u.style, u.T("pin.again"), "", true)
	fields := []fyne.CanvasObject{first, again}
	u.focusLater(first.Entry)
	if set {
		fields = append([]fyne.CanvasObject{old}, fields...)
		u.focusLater(old.Entry)
	}
	var save *kit.Button
	submit := func() {
		again.SetError("")
		if first.Entry.Text != again.Entry.Text {
			again.SetError(u.T("pin.differ"))
			u.rewrapped()
			return
		}
		if first.Entry.Text == "" {
			again.SetError(u.T("error.weak_pin"))
			u.rewrapped()
			return
		}
		u.changePIN(old.Entry.Text, first.Entry.Text, "pin.saved", save, again)
	}
	again.Entry.OnSubmitted = func(string) { submit() }
	save = kit.NewButton(u.style, kit.Primary, u.T("action.save"), "check", submit)
	return u.framed(u.T("pin.title"), u.muted(u.T("pin.text")), kit.NewCard(u.style, kit.NewColumn(design.S4, fields...)), save)
}

func (u *UI) openRemovePIN() {
	u.pushForm(func() fyne.CanvasObject {
		old := kit.NewField(u.style, u.T("pin.old"), "", true)
		var remove *kit.Button
		submit := func() { u.changePIN(old.Entry.Text, "", "pin.removed", remove, old) }
		old.Entry.OnSubmitted = func(string) { submit() }
		u.focusLater(old.Entry)
		remove = kit.NewButton(u.style, kit.Danger, u.T("settings.lock.remove"), "", submit)
		return u.framed(u.T("settings.lock.remove"), u.muted(u.T("pin.remove.text")), kit.NewCard(u.style, old), remove)
	})
}

func (u *UI) changePIN(old, pin, done string, button *kit.Button, field *kit.Field) {
	button.Disable()
	page := u.top()
	u.task(func(ctx context.Context) error { return u.core.SetPIN(ctx, old, pin) }, func(err error) {
		button.Enable()
		if err != nil {
			field.SetError(u.explain(err))
			u.rewrapped()
			return
		}
		u.close(page)
		u.toasts.say(u.T(done))
	})
}

// startingScreen stands while the keyring is asked, which may itself ask the
// user for a password.
func (u *UI) startingScreen() fyne.CanvasObject {
	return kit.NewPage(kit.NewMiddle(420, kit.NewColumn(design.S4,
		kit.NewAppIcon(u.style, 88),
		kit.NewText(u.style, kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, appName),
		kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Muted, Align: fyne.TextAlignCenter}, u.T("start.text")),
	).Padded(design.S5)))
}

// noKeyringScreen says that there is no keyring, and offers the one other place
// for secrets: a file that a passphrase seals. There is no third.
func (u *UI) noKeyringScreen() fyne.CanvasObject {
	return kit.NewPage(kit.NewMiddle(440, kit.NewColumn(design.S4,
		kit.NewAppIcon(u.style, 72),
		kit.NewText(u.style, kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, u.T("keyring.none.title")),
		u.body(u.T("keyring.none.text")),
		kit.NewButton(u.style, kit.Primary, u.T("keyring.file"), "lock", func() { u.show(u.sealedScreen(true)) }),
		kit.NewButton(u.style, kit.Secondary, u.T("action.retry"), "refresh", u.begin),
	).Padded(design.S5)))
}

// sealedScreen asks for the passphrase of the sealed file, or for a new one.
func (u *UI) sealedScreen(fresh bool) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		key := "sealed.open"
		if fresh {
			key = "sealed.new"
		}
		hint := ""
		if fresh {
			hint = u.T("sealed.hint")
		}
		first := kit.NewField(u.style, u.T("sealed.passphrase"), hint, true)
		again := kit.NewField(u.style, u.T("sealed.again"), "", true)
		var open *kit.Button
		submit := func() {
			first.SetError("")
			again.SetError("")
			if fresh && first.Entry.Text != again.Entry.Text {
				again.SetError(u.T("pin.differ"))
				u.rewrapped()
				return
			}
			open.Disable()
			open.SetText(u.T("sealed.working"))
			u.openSealed(first, open, key)
		}
		open = kit.NewButton(u.style, kit.Primary, u.T(key+".button"), "", submit)
		fields := []fyne.CanvasObject{first}
		if fresh {
			fields = append(fields, again)
			first.Entry.OnSubmitted = func(string) { u.win.Canvas().Focus(again.Entry) }
			again.Entry.OnSubmitted = func(string) { submit() }
		} else {
			first.Entry.OnSubmitted = func(string) { submit() }
		}
		content := []fyne.CanvasObject{
			kit.NewAppIcon(u.style, 72),
			kit.NewText(u.style, kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, u.T(key+".title")),
			kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Muted, Align: fyne.TextAlignCenter}, u.T(key+".text")),
			kit.NewColumn(design.S4, fields...), open,
		}
		u.focusLater(first.Entry)
		return kit.NewPage(kit.NewMiddle(420, kit.NewColumn(design.S4, content...).Padded(design.S5)))
	}
}

func (u *UI) openSealed(field *kit.Field, open *kit.Button, key string) {
	passphrase := field.Entry.Text
	var core Core
	u.task(func(ctx context.Context) (err error) {
		core, err = u.cfg.Boot.StartSealed(ctx, passphrase)
		return err
	}, func(err error) {
		if err == nil {
			u.running(core)
			return
		}
		open.Enable()
		open.SetText(u.T(key + ".button"))
		field.SetError(u.explain(err))
		u.rewrapped()
	})
}

// failureScreen says why the app cannot start. It offers to try again, and never
// to begin anew over what is there.
func (u *UI) failureScreen(err error) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		return kit.NewPage(kit.NewMiddle(440, kit.NewColumn(design.S4,
			kit.NewAppIcon(u.style, 72),
			kit.NewText(u.style, kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, u.T("start.failed")),
			u.body(u.explain(err)),
			kit.NewButton(u.style, kit.Primary, u.T("action.retry"), "refresh", u.begin),
		).Padded(design.S5)))
	}
}
