package ui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// openDevices shows the user's devices at an organisation, and asks it for the
// list as it is now.
func (u *UI) openDevices(id string) {
	u.core.AskDevices(id)
	u.push(func() fyne.CanvasObject { return u.devicesPage(id) })
}

// devicesPage lists the devices of an account, as the organisation last told
// them: without a connection too, because a phone that is gone is when they are
// looked for.
func (u *UI) devicesPage(id string) fyne.CanvasObject {
	a, err := u.core.Account(id)
	if err != nil || a.Push == nil {
		return u.framed(u.T("devices.title"), u.note("warn", "warning", u.explain(app.ErrNoAccount)))
	}
	names := args{"organisation": a.Push.Organisation, "user": a.Push.User}
	content := []fyne.CanvasObject{u.muted(u.F("devices.text", names))}
	list := u.core.Devices(id)
	switch known := !list.At.IsZero(); {
	case a.Push.Revoked:
		content = append(content, u.note("danger", "shield-alert", u.F("notice.revoked", names)))
	case !known && a.Push.Connected:
		content = append(content, u.note("info", "clock", u.F("devices.asking", names)))
	case !known:
		content = append(content, u.note("warn", "warning", u.F("devices.unknown", names)))
	case !a.Push.Connected:
		content = append(content, u.note("warn", "warning", u.F("devices.offline", args{"time": u.when(list.At)})))
	}
	var rows []fyne.CanvasObject
	for _, d := range list.Devices {
		rows = append(rows, u.deviceRow(d))
	}
	if len(rows) > 0 {
		content = append(content, u.group(rows...))
		if a.Push.Connected {
			content = append(content, u.muted(u.F("devices.at", args{"time": u.when(list.At)})))
		}
		content = append(content, u.note("info", "info", u.F("devices.help", names)))
	}
	return u.framed(u.T("devices.title"), content...)
}

func (u *UI) deviceRow(d app.ListedDevice) fyne.CanvasObject {
	icon := "device"
	if d.FormFactor == "desktop" {
		icon = "screen"
	}
	what := strings.Join([]string{u.word("devices.platform.", d.Platform), u.word("devices.form.", d.FormFactor)}, " · ")
	lines := []string{what, u.F("devices.added", args{"time": u.when(d.EnrolledAt)})}
	if !d.SeenAt.IsZero() {
		lines = append(lines, u.F("devices.seen", args{"time": u.when(d.SeenAt)}))
	}
	texts := []fyne.CanvasObject{kit.NewText(u.style, kit.Look{Points: design.Body, Bold: true, Colour: u.style.Ink}, d.Name)}
	for _, l := range lines {
		texts = append(texts, kit.NewText(u.style, kit.Look{Points: design.Caption + 0.5, Colour: u.style.Muted}, l))
	}
	if d.This {
		texts = append(texts, kit.NewRow(0, -1, kit.NewBadge(u.style, "check", u.T("devices.this"), u.style.AccentSoft, u.style.Accent)))
	}
	return kit.NewColumn(0, kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, u.style.Accent, 26), kit.NewColumn(1, texts...))).Padded(design.S3)
}

// word is a protocol's word in the user's language, as far as there is one.
func (u *UI) word(prefix, word string) string {
	if u.cfg.Catalogue.Has(prefix + word) {
		return u.T(prefix + word)
	}
	return word
}

// askChangeKeys asks before the keys of an account change.
func (u *UI) askChangeKeys(a app.Account) {
	u.ask("key", u.T("keys.question.title"), u.F("keys.question.text", args{"organisation": a.Push.Organisation}), u.T("keys.change"), func() {
		u.task(func(ctx context.Context) error { return u.core.ChangeKeys(ctx, a.ID) }, func(err error) {
			if err != nil {
				u.fail("keys.failed", err)
				return
			}
			u.changing[a.ID] = true
			u.refreshPages()
			u.keysChanged()
		})
	})
}

// keysChanged tells that an organisation took the new keys, where the user asked
// for them and the app has run on since.
func (u *UI) keysChanged() {
	for id := range u.changing {
		a, err := u.core.Account(id)
		if err == nil && a.Push != nil && a.Push.ChangingKeys {
			continue
		}
		delete(u.changing, id)
		if err == nil && a.Push != nil && !a.Push.Revoked {
			u.toasts.say(u.F("keys.done", args{"organisation": a.Push.Organisation}))
		}
	}
}
