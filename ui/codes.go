package ui

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/i18n"
	"countersign/ui/kit"
)

type args = i18n.Args

// codesState is what the list of accounts remembers while other pages stand
// over it.
type codesState struct {
	pictures     map[string]image.Image // own pictures, by account; nil: not read yet, or not readable
	adding       bool                   // accounts are being added
	reading      bool                   // pictures are being read
	query, group string
	accounts     []app.Account
	groups       []string // to choose from
	deck         *kit.Deck
	search       *kit.Search
	refresh      func()               // of the page that shows one account's code
	revealed     map[string]time.Time // until when a hidden code is shown
}

// revealTime is how long a code that is hidden stays shown.
const revealTime = 20 * time.Second

// cellHeight is the height of an account's card at text scale 1.
const cellHeight = 118

// codesPage is the list of accounts.
func (u *UI) codesPage() fyne.CanvasObject {
	if u.codes.revealed == nil {
		u.codes.revealed = map[string]time.Time{}
	}
	u.loadCodes()
	body := u.codesBody()
	search := u.searchEntry()
	if u.phone {
		return u.phoneCodes(search, body)
	}
	add := kit.NewButton(u.style, kit.Primary, u.T("add.title"), "add", u.openAdd)
	bar := kit.NewColumn(0, kit.NewRow(design.S3, 0, search, add)).Padded(design.S4)
	return kit.NewDock(kit.NewColumn(0, bar, u.notices()), nil, nil, body)
}

func (u *UI) phoneCodes(search, body fyne.CanvasObject) fyne.CanvasObject {
	title := kit.NewLine(u.style, kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink}, appName)
	buttons := []fyne.CanvasObject{kit.NewAppIcon(u.style, 34), title}
	if u.core.LockState().Set {
		buttons = append(buttons, kit.NewIconButton(u.style, "lock", u.T("lock.now"), u.lockNow))
	}
	buttons = append(buttons, kit.NewIconButton(u.style, "add", u.T("add.title"), u.openAdd).Filled(u.style.Accent, u.style.OnAccent))
	column := []fyne.CanvasObject{kit.NewRow(design.S3, 1, buttons...), search}
	if len(u.codes.groups) > 0 {
		column = append(column, u.groupChips())
	}
	head := kit.NewColumn(design.S3, column...).Padded(design.S4)
	return kit.NewDock(kit.NewColumn(0, head, u.notices()), nil, nil, body)
}

func (u *UI) groupChips() fyne.CanvasObject {
	chip := func(group, label string) fyne.CanvasObject {
		look := kit.Look{Points: design.Caption + 1, Colour: u.style.Ink}
		ground, outline := u.style.Surface, u.style.Line
		if u.codes.group == group {
			look.Bold, look.Colour = true, u.style.OnAccent
			ground, outline = u.style.Accent, u.style.Accent
		}
		return kit.NewPanel(u.style, label, kit.NewFixedLine(u.style, look, label), func() {
			u.codes.group = group
			u.rebuild()
		}).Inset(design.S2+2).On(ground, outline)
	}
	chips := []fyne.CanvasObject{chip("", u.T("codes.all"))}
	for _, g := range u.codes.groups {
		chips = append(chips, chip(g, g))
	}
	return container.NewHScroll(kit.NewMargin(1, 2, kit.NewRow(design.S2, -1, chips...)))
}

func (u *UI) searchEntry() fyne.CanvasObject {
	e := kit.NewSearch(u.style, u.T("codes.search"), u.codes.query)
	e.OnChanged = func(q string) {
		if q == u.codes.query {
			return
		}
		u.codes.query = q
		u.refreshCodes()
	}
	e.OnSubmitted = func(string) { // Enter copies the first that was found
		if len(u.codes.accounts) > 0 {
			u.copyCode(u.codes.accounts[0])
		}
	}
	u.codes.search = e
	return e
}

// searchFor begins a search with what was typed outside the field.
func (u *UI) searchFor(text string) {
	if u.codes.search == nil || len(u.codes.accounts) == 0 {
		return
	}
	u.codes.search.Type(u.codes.query + text)
}

func (u *UI) loadCodes() {
	u.codes.groups = u.core.Groups()
	if !slices.Contains(u.codes.groups, u.codes.group) {
		u.codes.group = "" // its last account is gone
	}
	u.codes.accounts = u.core.List(app.Filter{Query: u.codes.query, Group: u.codes.group})
}

// refreshCodes shows the list anew after it changed, without losing the place.
func (u *UI) refreshCodes() {
	if u.core == nil || u.codes.deck == nil {
		return
	}
	before, groups := len(u.codes.accounts), u.codes.groups
	u.loadCodes()
	if (before == 0) != (len(u.codes.accounts) == 0) && u.codes.query == "" || !slices.Equal(groups, u.codes.groups) {
		u.rebuild()
		return
	}
	u.codes.deck.SetCount(len(u.codes.accounts))
}

// codesBody is the accounts, or what to do where there are none.
func (u *UI) codesBody() fyne.CanvasObject {
	if len(u.codes.accounts) == 0 && u.codes.query == "" && u.codes.group == "" {
		return u.emptyCodes()
	}
	least := float32(330)
	if u.phone {
		least = 4000 // one column
	}
	u.codes.deck = kit.NewDeck(u.style.Size(cellHeight), u.style.Size(least), design.S3, design.S4, func() kit.Cell { return newAccountCell(u) })
	u.codes.deck.SetCount(len(u.codes.accounts))
	return u.codes.deck
}

func (u *UI) emptyCodes() fyne.CanvasObject {
	center := func(points float32, bold bool, key string) fyne.CanvasObject {
		colour := u.style.Ink
		if !bold {
			colour = u.style.Muted
		}
		return kit.NewText(u.style, kit.Look{Points: points, Bold: bold, Colour: colour, Align: fyne.TextAlignCenter}, u.T(key))
	}
	column := kit.NewColumn(design.S4,
		kit.NewAppIcon(u.style, 88),
		center(design.Heading, true, "codes.empty.title"),
		center(design.Body, false, "codes.empty.text"),
		kit.Space(1, design.S1),
		kit.NewButton(u.style, kit.Primary, u.T("add.title"), "add", u.openAdd),
		kit.NewButton(u.style, kit.Quiet, u.T("codes.empty.import"), "import", u.openImport),
	).Padded(design.S5)
	return kit.NewPage(kit.NewMiddle(420, column))
}

// notices are what the user must know before trusting a code.
func (u *UI) notices() fyne.CanvasObject {
	var notes []fyne.CanvasObject
	if ahead, warn := u.core.Drift(); warn {
		key := "notice.drift.behind"
		if ahead > 0 {
			key = "notice.drift.ahead"
		}
		notes = append(notes, u.note("warn", "clock", u.p.N(key, int(ahead.Abs().Round(time.Second).Seconds()), nil)))
	}
	if u.cfg.Simulated && u.phone {
		notes = append(notes, u.simulatedNote())
	}
	for _, a := range u.codes.accounts {
		if a.Push != nil && a.Push.Revoked {
			notes = append(notes, u.note("warn", "shield-alert", u.F("notice.revoked", args{"organisation": a.Push.Organisation})))
		}
	}
	if len(notes) == 0 {
		return kit.Space(1, 0)
	}
	return kit.NewMargin(design.S4, 0, kit.NewColumn(design.S2, notes...))
}

// tickCodes draws the codes of this second.
func (u *UI) tickCodes() {
	now := u.cfg.Now()
	for id, until := range u.codes.revealed {
		if !now.Before(until) {
			delete(u.codes.revealed, id)
		}
	}
	if u.codes.deck != nil && len(u.pages) == 0 {
		u.codes.deck.Each(func(c kit.Cell) { c.(*accountCell).draw() })
	}
	if u.codes.refresh != nil {
		u.codes.refresh()
	}
	if u.lockWaiting && u.core.LockState().Locked {
		u.rebuild()
	}
}

// hiddenCode reports whether an account's code is covered now.
func (u *UI) hiddenCode(id string) bool {
	_, shown := u.codes.revealed[id]
	return u.settings().Reveal == app.RevealTap && !shown
}

// reveal shows a covered code for a while.
func (u *UI) reveal(id string) {
	u.codes.revealed[id] = u.cfg.Now().Add(revealTime)
	u.tickCodes()
}

// spaced sets a code in groups that an eye can hold: 123 456, 1234 5678.
func spaced(code string) string {
	n := len(code)
	if n < 6 {
		return code
	}
	size := 3
	if n%3 != 0 && n%4 == 0 {
		size = 4
	}
	var parts []string
	for i := 0; i < n; i += size {
		parts = append(parts, code[i:min(i+size, n)])
	}
	if last := len(parts) - 1; last > 0 && len(parts[last]) == 1 { // 7 and 10 digits
		parts[last-1] += parts[last]
		parts = parts[:last]
	}
	return strings.Join(parts, " ")
}

// title is what an account is called in a list.
func title(a app.Account) string {
	switch {
	case a.Issuer != "":
		return a.Issuer
	case a.Push != nil && a.Push.Organisation != "":
		return a.Push.Organisation
	}
	return a.Name
}

// copyCode copies without revealing.
func (u *UI) copyCode(a app.Account) {
	if a.Code == nil {
		u.openDetails(a.ID)
		return
	}
	u.task(func(ctx context.Context) error { return u.core.Copy(ctx, a.ID) }, func(err error) {
		switch {
		case errors.Is(err, app.ErrPressNext):
			u.nextCode(a)
		case err != nil:
			u.fail("codes.copy.failed", err)
		case u.settings().ClipboardSeconds > 0:
			u.toasts.say(u.p.N("codes.copied.clears", u.settings().ClipboardSeconds, nil))
		default:
			u.toasts.say(u.T("codes.copied"))
		}
	})
}

// nextCode moves a counter on.
func (u *UI) nextCode(a app.Account) {
	u.task(func(ctx context.Context) error {
		_, err := u.core.NextCode(ctx, a.ID)
		return err
	}, func(err error) {
		if err != nil {
			u.fail("codes.next.failed", err)
			return
		}
		u.reveal(a.ID)
	})
}

// remove moves an account to the trash, and offers to undo that. The page, where
// there is one, is about the account.
func (u *UI) remove(a app.Account, page *page) {
	u.task(func(ctx context.Context) error { return u.core.Delete(ctx, a.ID) }, func(err error) {
		if err != nil {
			u.fail("trash.failed", err)
			return
		}
		u.finish(page)
		u.toasts.offer(u.F("trash.moved", args{"account": title(a)}), u.T("action.undo"), func() { u.restore(a.ID) })
	})
}

func (u *UI) restore(id string) {
	u.task(func(ctx context.Context) error { return u.core.Restore(ctx, id) }, func(err error) {
		if err != nil {
			u.fail("trash.restore.failed", err)
			return
		}
		u.refreshCodes()
		u.refreshPages()
	})
}

// pin sets or takes away an account's pin.
func (u *UI) pin(a app.Account) {
	u.edit(a.ID, func(d *app.Details) { d.Pinned = !d.Pinned }, func() { u.refreshCodes() })
}

// edit changes an account's details, and then does done.
func (u *UI) edit(id string, change func(*app.Details), done func()) {
	u.task(func(ctx context.Context) error { return u.core.Edit(ctx, id, change) }, func(err error) {
		if err != nil {
			u.fail("edit.failed", err)
			return
		}
		done()
	})
}

// move puts an account a place up or down in the manual order.
func (u *UI) move(a app.Account, by int) {
	list := u.codes.accounts
	at := -1
	for i := range list {
		if list[i].ID == a.ID {
			at = i
		}
	}
	u.place(at, at+by)
}

// place moves the account at one place of the manual order to another. Pinned
// ones stay among themselves.
func (u *UI) place(at, target int) {
	list := u.codes.accounts
	if at < 0 || at == target || target < 0 || target >= len(list) || list[target].Pinned != list[at].Pinned {
		return
	}
	before := list[target].ID
	if target > at {
		before = ""
		if target+1 < len(list) {
			before = list[target+1].ID
		}
	}
	u.task(func(ctx context.Context) error { return u.core.Move(ctx, list[at].ID, before) }, func(err error) {
		if err != nil {
			u.fail("edit.failed", err)
			return
		}
		u.refreshCodes()
		u.codes.deck.FocusItem(target)
	})
}
