package ui

import (
	"context"
	"strconv"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// settingsPage is the user's choices. Each takes effect at once.
func (u *UI) settingsPage() fyne.CanvasObject {
	s := u.core.Settings()
	content := []fyne.CanvasObject{
		u.label(u.T("settings.look")),
		kit.NewCard(u.style, kit.NewColumn(design.S4,
			u.choose("language", "settings.language", s.Language, u.languages(), func(s *app.Settings, v string) { s.Language = v }),
			u.choose("moon", "settings.theme", s.Theme, u.options("settings.theme.", app.ThemeSystem, app.ThemeLight, app.ThemeDark), func(s *app.Settings, v string) { s.Theme = v }),
			u.choose("edit", "settings.scale", strconv.FormatFloat(s.TextScale, 'g', -1, 64), scales(), func(s *app.Settings, v string) {
				if f, err := strconv.ParseFloat(v, 64); err == nil {
					s.TextScale = f
				}
			}))),
		u.label(u.T("settings.codes")),
		u.group(
			u.toggle("eye-off", "settings.hide", "settings.hide.hint", s.Reveal == app.RevealTap, func(on bool) {
				u.set(func(s *app.Settings) {
					s.Reveal = app.RevealAlways
					if on {
						s.Reveal = app.RevealTap
					}
				})
			}),
			u.toggle("clock", "settings.next", "", s.ShowNext, func(on bool) { u.set(func(s *app.Settings) { s.ShowNext = on }) })),
		kit.NewCard(u.style, kit.NewColumn(design.S4,
			u.choose("codes", "settings.order", s.Order, u.options("settings.order.", app.OrderManual, app.OrderName, app.OrderUse), func(s *app.Settings, v string) { s.Order = v }),
			kit.NewText(u.style, kit.Look{Points: design.Caption + 0.5, Colour: u.style.Muted}, u.T("settings.order.hint")),
			u.choose("clipboard", "settings.clipboard", strconv.Itoa(s.ClipboardSeconds), u.seconds(15, 30, 60, 120), func(s *app.Settings, v string) { s.ClipboardSeconds = number(v) }))),
		u.label(u.T("settings.security")),
		u.lockGroup(s),
		u.label(u.T("settings.prompts")),
		u.group(
			u.toggle("app-window", "settings.raise", "settings.raise.hint", s.Raise, func(on bool) { u.set(func(s *app.Settings) { s.Raise = on }) }),
			u.toggle("info", "settings.notify", "settings.notify.hint", s.Notify, func(on bool) { u.set(func(s *app.Settings) { s.Notify = on }) })),
		u.label(u.T("settings.data")),
		u.group(append(u.backupRows(),
			u.item("import", u.T("import.title"), u.T("settings.import.hint"), u.openImport),
			u.item("export", u.T("export.title"), u.T("settings.export.hint"), u.openExport),
			u.item("trash", u.T("trash.title"), u.p.N("settings.trash", len(u.core.Trash()), nil), func() { u.push(u.trashPage) }))...),
		kit.NewText(u.style, kit.Look{Points: design.Caption, Colour: u.style.Muted, Align: fyne.TextAlignCenter}, u.F("settings.version", args{"version": app.Version})),
	}
	return u.framed(u.T("nav.settings"), content...)
}

func (u *UI) lockGroup(s app.Settings) fyne.CanvasObject {
	if !u.core.LockState().Set {
		return u.group(u.item("lock", u.T("settings.lock.set"), u.T("settings.lock.set.hint"), u.openSetPIN))
	}
	var options []kit.Option
	for _, m := range []int{1, 5, 15, 60} {
		options = append(options, kit.Option{Value: strconv.Itoa(m), Label: u.p.N("settings.minutes", m, nil)})
	}
	options = append(options, kit.Option{Value: "0", Label: u.T("settings.never")})
	return u.group(
		u.item("lock", u.T("settings.lock.change"), "", u.openSetPIN),
		u.item("key", u.T("settings.lock.remove"), "", u.openRemovePIN),
		kit.NewColumn(0, u.choose("clock", "settings.lock.idle", strconv.Itoa(s.LockMinutes), options, func(s *app.Settings, v string) { s.LockMinutes = number(v) })).Padded(design.S3))
}

// set changes the settings; the screens follow by the core's event.
func (u *UI) set(change func(*app.Settings)) {
	u.task(func(ctx context.Context) error { return u.core.UpdateSettings(ctx, change) }, func(err error) {
		if err != nil {
			u.fail("settings.failed", err)
		}
	})
}

func (u *UI) choose(icon, key, value string, options []kit.Option, change func(*app.Settings, string)) fyne.CanvasObject {
	head := kit.NewRow(design.S2, 1, kit.NewIcon(u.style, icon, u.style.Accent, 19), kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Ink}, u.T(key)))
	return kit.NewColumn(design.S2, head, kit.NewChoice(u.style, options, value, func(v string) {
		u.set(func(s *app.Settings) { change(s, v) })
	}))
}

func (u *UI) options(prefix string, values ...string) []kit.Option {
	var options []kit.Option
	for _, v := range values {
		options = append(options, kit.Option{Value: v, Label: u.T(prefix + v)})
	}
	return options
}

// languages name themselves: who cannot read the present one finds their own.
func (u *UI) languages() []kit.Option {
	options := []kit.Option{{Value: "", Label: u.T("settings.language.system")}}
	for _, l := range u.cfg.Catalogue.Languages() {
		options = append(options, kit.Option{Value: l, Label: u.cfg.Catalogue.Printer(l).T("language.name")})
	}
	return options
}

func scales() []kit.Option {
	return []kit.Option{{Value: "0.9", Label: "90 %"}, {Value: "1", Label: "100 %"}, {Value: "1.2", Label: "120 %"}, {Value: "1.5", Label: "150 %"}, {Value: "2", Label: "200 %"}}
}

func (u *UI) seconds(values ...int) []kit.Option {
	var options []kit.Option
	for _, v := range values {
		options = append(options, kit.Option{Value: strconv.Itoa(v), Label: u.F("settings.seconds", args{"n": v})})
	}
	return append(options, kit.Option{Value: "0", Label: u.T("settings.never")})
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
