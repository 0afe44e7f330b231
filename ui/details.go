package ui

import (
	"context"
	"image/color"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/crypto/otp"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// openMenu offers what can be done with an account.
func (u *UI) openMenu(a app.Account) {
	var sheet *kit.Sheet
	row := func(icon, key string, act func()) fyne.CanvasObject {
		return u.item2(icon, u.T(key), func() {
			u.closeSheet(sheet)
			act()
		})
	}
	var rows []fyne.CanvasObject
	if a.Code != nil {
		rows = append(rows, row("copy", "menu.copy", func() { u.copyCode(a) }))
		if u.settings().Reveal == app.RevealTap {
			rows = append(rows, row("eye", "codes.reveal", func() { u.reveal(a.ID) }))
		}
	}
	pin := "menu.pin"
	if a.Pinned {
		pin = "menu.unpin"
	}
	rows = append(rows, row("pin", pin, func() { u.pin(a) }), row("info", "menu.details", func() { u.openDetails(a.ID) }), row("edit", "menu.edit", func() { u.openEdit(a.ID) }), row("image", "edit.icon", func() { u.openIcons(a.ID) }))
	if u.sortable() {
		rows = append(rows, row("up", "menu.up", func() { u.move(a, -1) }), row("down", "menu.down", func() { u.move(a, 1) }))
	}
	rows = append(rows, row("trash", "menu.trash", func() { u.remove(a, nil) }))
	head := kit.NewRow(design.S3, 1, u.sign(a, 38), kit.NewColumn(0,
		kit.NewLine(u.style, kit.Look{Points: design.Title, Bold: true, Colour: u.style.Ink}, title(a)),
		kit.NewLine(u.style, kit.Look{Points: design.Caption + 1, Colour: u.style.Muted}, subtitle(a))))
	objects := append([]fyne.CanvasObject{kit.NewMargin(design.S3, design.S2, head)}, rows...)
	sheet = u.openSheet(kit.NewColumn(0, objects...).Padded(design.S3), 380)
}

// item2 is a row of a menu.
func (u *UI) item2(icon, text string, onTap func()) fyne.CanvasObject {
	row := kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, u.style.Accent, 20), kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Ink}, text))
	return kit.NewPanel(u.style, text, row, onTap)
}

func (u *UI) openDetails(id string) {
	u.pushSecret(func() fyne.CanvasObject { return u.detailsPage(id) })
}

// detailsPage shows one account: its code, where it comes from, its prompts.
func (u *UI) detailsPage(id string) fyne.CanvasObject {
	a, err := u.core.Account(id)
	if err != nil {
		return u.framed(u.T("details.title"), u.note("warn", "warning", u.explain(err)))
	}
	head := kit.NewRow(design.S3, 1, u.sign(a, 56), kit.NewColumn(0,
		kit.NewText(u.style, kit.Look{Points: design.Heading - 2, Bold: true, Colour: u.style.Ink}, title(a)),
		kit.NewText(u.style, kit.Look{Points: design.Body - 1, Colour: u.style.Muted}, subtitle(a))))
	content := []fyne.CanvasObject{head}
	if a.Code != nil {
		content = append(content, u.bigCode(a))
	}
	if a.Push != nil {
		content = append(content, u.pushFacts(a)...)
	}
	if a.Code != nil && (a.Code.Type == otp.MOTP || a.Code.Type == otp.Yandex) {
		content = append(content, u.group(u.item("lock", u.T("code.pin"), u.T("code.pin.hint"), func() { u.openCodePIN(id) })))
	}
	content = append(content, u.group(u.facts(a)...))
	content = append(content, kit.NewGrid(design.S3, 150,
		kit.NewButton(u.style, kit.Secondary, u.T("menu.edit"), "edit", func() { u.openEdit(id) }),
		kit.NewButton(u.style, kit.Secondary, u.T("edit.icon"), "image", func() { u.openIcons(id) }),
		kit.NewButton(u.style, kit.Danger, u.T("menu.trash"), "trash", func() { u.remove(a, u.top()) })))
	return u.framed(u.T("details.title"), content...)
}

// openCodePIN asks for the PIN that an account's codes are made with.
func (u *UI) openCodePIN(id string) {
	u.pushForm(func() fyne.CanvasObject {
		pin := kit.NewField(u.style, u.T("code.pin"), u.T("code.pin.hint"), true)
		submit := func() {
			text, page := pin.Entry.Text, u.top()
			u.task(func(ctx context.Context) error { return u.core.SetCodePIN(ctx, id, text) }, func(err error) {
				if err != nil {
					u.fail("code.pin.failed", err)
					return
				}
				u.close(page)
				u.toasts.say(u.T("edit.saved"))
			})
		}
		pin.Entry.OnSubmitted = func(string) { submit() }
		u.focusLater(pin.Entry)
		return u.framed(u.T("code.pin"), kit.NewCard(u.style, pin), kit.NewButton(u.style, kit.Primary, u.T("action.save"), "check", submit))
	})
}

// bigCode is the code of a details page, with its clock.
func (u *UI) bigCode(a app.Account) fyne.CanvasObject {
	code := kit.NewLine(u.style, kit.Look{Points: design.Display - 4, Bold: true, Colour: u.style.Accent}, "000 000")
	next := kit.NewLine(u.style, kit.Look{Points: design.Body, Colour: u.style.Muted}, " ")
	ring := kit.NewRing(u.style, 52)
	draw := func() {
		c, err := u.core.Code(a.ID)
		switch {
		case err != nil:
			code.Set(dots(a.Code.Digits), u.style.Muted)
		case u.hiddenCode(a.ID):
			code.Set(dots(len(c.Text)), u.style.Muted)
			next.Set(" ", u.style.Muted)
		default:
			code.Set(spaced(c.Text), u.style.Accent)
			if c.Next != "" {
				next.Set(u.F("details.next", args{"code": spaced(c.Next)}), u.style.Muted)
			}
		}
		show(ring, c.Period > 0)
		ring.Set(c.Remaining, c.Period)
	}
	draw()
	u.codes.refresh = draw
	buttons := []fyne.CanvasObject{kit.NewButton(u.style, kit.Primary, u.T("menu.copy"), "copy", func() { u.copyCode(a) })}
	if u.settings().Reveal == app.RevealTap {
		buttons = append(buttons, kit.NewButton(u.style, kit.Secondary, u.T("codes.reveal"), "eye", func() { u.reveal(a.ID) }))
	}
	if a.Code.Period == 0 {
		buttons = append(buttons, kit.NewButton(u.style, kit.Secondary, u.T("codes.next"), "refresh", func() { u.nextCode(a) }))
	}
	return kit.NewCard(u.style, kit.NewColumn(design.S3,
		kit.NewRow(design.S3, 0, kit.NewColumn(0, code, next), ring), kit.NewGrid(design.S3, 140, buttons...)))
}

// pushFacts tells of an account's prompts.
func (u *UI) pushFacts(a app.Account) []fyne.CanvasObject {
	p := a.Push
	state, icon := u.T("push.offline"), "warning"
	switch {
	case p.Revoked:
		state, icon = u.F("notice.revoked", args{"organisation": p.Organisation}), "shield-alert"
	case p.Connected:
		state, icon = u.T("push.ready"), "shield"
	}
	objects := []fyne.CanvasObject{u.label(u.T("details.push")), u.group(
		u.fact(icon, u.T("details.state"), state),
		u.fact("building", u.T("enrol.organisation"), p.Organisation),
		u.fact("user", u.T("details.user"), p.User),
		u.fact("globe", u.T("enrol.relay"), p.RelayHost),
		u.fact("key", u.T("enrol.verifier"), p.Verifier))}
	if !p.Revoked {
		devices := ""
		if n := len(u.core.Devices(a.ID).Devices); n > 0 {
			devices = u.p.N("devices.count", n, nil)
		}
		keys := u.item("key", u.T("keys.change"), u.T("keys.change.hint"), func() { u.askChangeKeys(a) })
		if p.ChangingKeys {
			keys = u.item("clock", u.T("keys.changing"), u.F("keys.waiting", args{"organisation": p.Organisation}), nil)
		}
		objects = append(objects, u.group(u.item("device", u.T("devices.title"), devices, func() { u.openDevices(a.ID) }), keys))
	}
	if u.cfg.Platform == platformIOS && !p.Revoked {
		objects = append(objects, kit.NewButton(u.style, kit.Secondary, u.T("broker.start"), "device", func() { u.openBroker(a) }))
	}
	return objects
}

func (u *UI) facts(a app.Account) []fyne.CanvasObject {
	var rows []fyne.CanvasObject
	add := func(icon, key, value string) {
		if value != "" {
			rows = append(rows, u.fact(icon, u.T(key), value))
		}
	}
	if c := a.Code; c != nil {
		add("key", "details.kind", strings.ToUpper(string(c.Type))+" · "+string(c.Algorithm)+" · "+strconv.Itoa(c.Digits))
		if c.Period > 0 {
			add("clock", "details.period", u.p.N("details.seconds", c.Period, nil))
		}
	}
	add("edit", "edit.note", a.Note)
	add("tag", "edit.groups", strings.Join(a.Groups, ", "))
	add("activity", "details.added", u.when(a.Added))
	if a.Uses > 0 {
		add("refresh", "details.used", u.p.N("details.uses", a.Uses, nil))
	}
	return rows
}

func (u *UI) openEdit(id string) {
	u.pushForm(func() fyne.CanvasObject { return u.editPage(id) })
}

// editPage changes what an account is called, and where it stands.
func (u *UI) editPage(id string) fyne.CanvasObject {
	a, err := u.core.Account(id)
	if err != nil {
		return u.framed(u.T("menu.edit"), u.note("warn", "warning", u.explain(err)))
	}
	field := func(key, hint, value string) *kit.Field {
		if hint != "" {
			hint = u.T(hint)
		}
		f := kit.NewField(u.style, u.T(key), hint, false)
		f.Entry.SetText(value)
		return f
	}
	issuer, name := field("manual.issuer", "", a.Issuer), field("manual.name", "", a.Name)
	note, groups := field("edit.note", "", a.Note), field("edit.groups", "edit.groups.hint", strings.Join(a.Groups, ", "))
	pinned := a.Pinned
	save := kit.NewButton(u.style, kit.Primary, u.T("action.save"), "check", func() {
		page := u.top()
		u.edit(id, func(d *app.Details) {
			d.Issuer, d.Name, d.Note = strings.TrimSpace(issuer.Entry.Text), strings.TrimSpace(name.Entry.Text), strings.TrimSpace(note.Entry.Text)
			d.Groups, d.Pinned = splitGroups(groups.Entry.Text), pinned
		}, func() {
			u.close(page)
			u.toasts.say(u.T("edit.saved"))
		})
	})
	return u.framed(u.T("menu.edit"),
		kit.NewCard(u.style, kit.NewColumn(design.S4, issuer, name, note, groups)),
		u.group(u.toggle("pin", "menu.pin", "", pinned, func(on bool) { pinned = on })), save)
}

// splitGroups reads a list with commas.
func splitGroups(s string) []string {
	var groups []string
	for _, g := range strings.Split(s, ",") {
		if g = strings.TrimSpace(g); g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}

// toggle is a row with a switch. hint may be "".
func (u *UI) toggle(icon, key, hint string, on bool, onChange func(bool)) fyne.CanvasObject {
	texts := []fyne.CanvasObject{kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Ink}, u.T(key))}
	if hint != "" {
		texts = append(texts, kit.NewText(u.style, kit.Look{Points: design.Caption + 0.5, Colour: u.style.Muted}, u.T(hint)))
	}
	row := kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, u.style.Accent, 21), kit.NewColumn(1, texts...), kit.NewToggle(u.style, u.T(key), on, onChange))
	return kit.NewColumn(0, row).Padded(design.S3)
}

// trashPage lists what was thrown away.
func (u *UI) trashPage() fyne.CanvasObject {
	trash := u.core.Trash()
	if len(trash) == 0 {
		return u.framed(u.T("trash.title"), u.empty("trash", "trash.empty"))
	}
	var cards []fyne.CanvasObject
	for _, a := range trash {
		texts := kit.NewColumn(0,
			kit.NewLine(u.style, kit.Look{Points: design.Body, Bold: true, Colour: u.style.Ink}, title(a)),
			kit.NewLine(u.style, kit.Look{Points: design.Caption + 1, Colour: u.style.Muted}, subtitle(a)))
		cards = append(cards, kit.NewRow(design.S2, 1, u.sign(a, 38), texts,
			kit.NewIconButton(u.style, "restore", u.T("trash.restore"), func() { u.restore(a.ID) }),
			kit.NewIconButton(u.style, "trash", u.T("trash.purge"), func() { u.confirmPurge(a) })))
	}
	rows := make([]fyne.CanvasObject, len(cards))
	for i, c := range cards {
		rows[i] = kit.NewMargin(design.S3, design.S2, c)
	}
	return u.framed(u.T("trash.title"), u.muted(u.T("trash.text")), u.group(rows...))
}

func (u *UI) confirmPurge(a app.Account) {
	u.ask("trash", u.T("trash.purge.title"), u.F("trash.purge.text", args{"account": title(a)}), u.T("trash.purge"), func() {
		u.task(func(ctx context.Context) error { return u.core.Purge(ctx, a.ID) }, func(err error) {
			if err != nil {
				u.fail("trash.failed", err)
				return
			}
			u.rebuild()
		})
	})
}

// empty is a page's content where there is nothing.
func (u *UI) empty(icon, key string) fyne.CanvasObject {
	return kit.NewColumn(design.S3, kit.Space(1, design.S6),
		kit.NewNarrow(u.style.Size(48), kit.NewIcon(u.style, icon, u.style.Muted, 48)),
		kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Muted, Align: fyne.TextAlignCenter}, u.T(key)))
}

// ask asks before something that cannot be undone.
func (u *UI) ask(icon, title, text, act string, onYes func()) {
	var sheet *kit.Sheet
	yes := kit.NewButton(u.style, kit.Danger, act, "", func() {
		u.closeSheet(sheet)
		onYes()
	})
	no := kit.NewButton(u.style, kit.Primary, u.T("action.cancel"), "", func() { u.closeSheet(sheet) })
	sheet = u.openSheet(u.message(icon, u.style.Danger, title, text, no, yes), 400)
	u.win.Canvas().Focus(no)
}

// alert tells something that needs to be read.
func (u *UI) alert(icon, title, text string) {
	var sheet *kit.Sheet
	ok := kit.NewButton(u.style, kit.Primary, u.T("action.ok"), "", func() { u.closeSheet(sheet) })
	sheet = u.openSheet(u.message(icon, u.style.Amber, title, text, ok), 400)
	u.win.Canvas().Focus(ok)
}

func (u *UI) message(icon string, colour color.NRGBA, title, text string, buttons ...fyne.CanvasObject) kit.Flowing {
	objects := []fyne.CanvasObject{
		kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, colour, 26), kit.NewText(u.style, kit.Look{Points: design.Title, Bold: true, Colour: u.style.Ink}, title)),
		u.body(text),
	}
	return kit.NewColumn(design.S4, append(objects, buttons...)...).Padded(design.S5)
}

// when is a moment in the words of the user's language: today's by the hour.
func (u *UI) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	now := u.cfg.Now()
	t = t.In(now.Location())
	clock := args{"time": t.Format("15:04"), "date": t.Format("2006-01-02")}
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return u.F("when.today", clock)
	case t.Format(time.DateOnly) == now.AddDate(0, 0, -1).Format(time.DateOnly):
		return u.F("when.yesterday", clock)
	}
	return u.F("when.date", clock)
}
