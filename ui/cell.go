package ui

import (
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"countersign/app"
	"countersign/crypto/otp"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// accountCell is one account's card in the list. A tap copies; it is the whole
// card, because that is what people want nine times in ten.
type accountCell struct {
	kit.Tap
	u       *UI
	index   int
	account app.Account

	grip   *grip
	sign   *kit.Monogram
	title  *kit.Line
	name   *kit.Line
	code   *kit.Line
	next   *kit.Line
	ring   *kit.Ring
	eye    *kit.IconButton
	step   *kit.IconButton
	more   *kit.IconButton
	pinned fyne.CanvasObject
	plate  *canvas.Rectangle
}

func newAccountCell(u *UI) *accountCell {
	s := u.style
	c := &accountCell{
		u:      u,
		sign:   kit.NewMonogram(s, "", 44),
		title:  kit.NewLine(s, kit.Look{Points: design.Title - 1, Bold: true, Colour: s.Ink}, ""),
		name:   kit.NewLine(s, kit.Look{Points: design.Caption + 1, Colour: s.Muted}, ""),
		code:   kit.NewLine(s, kit.Look{Points: design.Code, Bold: true, Colour: s.Accent}, ""),
		next:   kit.NewLine(s, kit.Look{Points: design.Body - 1, Colour: s.Muted}, ""),
		ring:   kit.NewRing(s, 38),
		pinned: kit.NewIcon(s, "pin", s.Muted, 15),
	}
	c.eye = kit.NewIconButton(s, "eye", u.T("codes.reveal"), func() { u.reveal(c.account.ID) })
	c.step = kit.NewIconButton(s, "refresh", u.T("codes.next"), func() { u.nextCode(c.account) }).Filled(s.AccentSoft, s.Accent)
	c.more = kit.NewIconButton(s, "more", u.T("action.more"), func() { u.openMenu(c.account) })
	c.grip = &grip{cell: c}
	c.grip.ExtendBaseWidget(c.grip)
	c.Extend(c, s, func() { u.copyCode(c.account) })
	c.SetOnMenu(func(fyne.Position) { u.openMenu(c.account) })
	return c
}

// Bind implements kit.Cell.
func (c *accountCell) Bind(index int) {
	c.index, c.account = index, c.u.codes.accounts[index]
	c.draw()
}

// TypedKey adds the arrows to what a card does by keyboard.
func (c *accountCell) TypedKey(e *fyne.KeyEvent) {
	if to := c.u.codes.deck.Neighbour(c.index, e.Name); to >= 0 {
		c.u.codes.deck.FocusItem(to)
		return
	}
	switch e.Name {
	case fyne.KeyDelete:
		c.u.remove(c.account, nil)
	case fyne.KeyF2:
		c.u.openEdit(c.account.ID)
	default:
		c.Tap.TypedKey(e)
	}
}

// TypedRune begins a search.
func (c *accountCell) TypedRune(r rune) { c.u.searchFor(string(r)) }

// draw shows the account as it is at this moment.
func (c *accountCell) draw() {
	a, s := c.account, c.u.style
	c.sign.Set(title(a))
	c.sign.SetSign(c.u.signOf(a))
	c.title.Set(title(a), s.Ink)
	c.name.Set(subtitle(a), s.Muted)
	c.SetLabel(title(a) + " " + subtitle(a))
	show(c.pinned, a.Pinned)
	show(c.ring, false)
	show(c.eye, false)
	show(c.step, false)
	c.next.Set("", s.Muted)
	switch {
	case a.Code == nil:
		c.code.Set("", s.Accent)
		c.drawPush()
	case a.Err != nil:
		c.code.Set("– – –", s.Muted)
		c.next.Set(c.u.T("codes.unreadable"), s.Amber)
	default:
		c.drawCode()
	}
	c.Refresh()
}

func (c *accountCell) drawCode() {
	a, s, u := c.account, c.u.style, c.u
	code, err := u.core.Code(a.ID)
	counter := a.Code.Period == 0
	show(c.step, counter)
	covered := u.hiddenCode(a.ID)
	switch {
	case err != nil && counter:
		c.code.Set(dots(a.Code.Digits), s.Muted)
		c.next.Set(u.T("codes.counter.hint"), s.Muted)
		return
	case err != nil:
		c.code.Set("– – –", s.Muted)
		if errors.Is(err, otp.ErrPINNeeded) {
			c.next.Set(u.T("code.pin"), s.Amber)
		}
		return
	}
	ending := !counter && kit.Low(code.Remaining, code.Period)
	colour := s.Accent
	if ending {
		colour = s.Amber
	}
	if covered {
		c.code.Set(dots(len(code.Text)), s.Muted)
	} else {
		c.code.Set(spaced(code.Text), colour)
		if ending || u.settings().ShowNext {
			c.next.Set(spaced(code.Next), s.Muted)
		}
	}
	if counter {
		return
	}
	show(c.eye, covered)
	show(c.ring, true)
	c.ring.Set(code.Remaining, code.Period)
}

// drawPush tells how an account without codes stands.
func (c *accountCell) drawPush() {
	s, p := c.u.style, c.account.Push
	switch {
	case p == nil:
	case p.Revoked:
		c.next.Set(c.u.T("push.revoked"), s.Danger)
	case p.Connected:
		c.next.Set(c.u.T("push.ready"), s.Accent)
	default:
		c.next.Set(c.u.T("push.offline"), s.Amber)
	}
}

func show(o fyne.CanvasObject, visible bool) {
	switch {
	case visible && !o.Visible():
		o.Show()
	case !visible && o.Visible():
		o.Hide()
	}
}

// dots stand for a covered code.
func dots(n int) string {
	const many = "••••••••••••"
	r := []rune(many)[:min(max(n, 5), 10)]
	half := (len(r) + 1) / 2
	return string(r[:half]) + " " + string(r[half:])
}

// subtitle is the account at the service.
func subtitle(a app.Account) string {
	name := a.Name
	if name == "" && a.Push != nil {
		name = a.Push.User
	}
	if name == title(a) {
		return a.Note
	}
	return name
}

// CreateRenderer implements fyne.Widget.
func (c *accountCell) CreateRenderer() fyne.WidgetRenderer {
	c.plate = canvas.NewRectangle(c.u.style.Surface)
	c.plate.CornerRadius = design.RadiusL
	return &cellRenderer{c: c, objects: []fyne.CanvasObject{c.plate, c.grip, c.sign, c.title, c.name, c.code, c.next, c.ring, c.pinned, c.eye, c.step, c.more}}
}

type cellRenderer struct {
	c       *accountCell
	objects []fyne.CanvasObject
}

func (r *cellRenderer) Destroy()                     {}
func (r *cellRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *cellRenderer) MinSize() fyne.Size           { return fyne.NewSize(240, r.c.u.style.Size(cellHeight)) }

func (r *cellRenderer) Refresh() {
	c, s := r.c, r.c.u.style
	c.plate.FillColor, c.plate.StrokeColor, c.plate.StrokeWidth = s.Surface, s.Line, design.Hairline
	if c.Hovered() {
		c.plate.FillColor = s.Hover
	}
	if c.Focused() || c.grip.over() {
		c.plate.StrokeColor, c.plate.StrokeWidth = s.Accent, 2
	}
	r.Layout(c.Size())
	canvas.Refresh(c.plate)
}

// Layout sets the card as: sign; title, name and code; and at the right the
// menu over the clock.
func (r *cellRenderer) Layout(size fyne.Size) {
	c, s := r.c, r.c.u.style
	const pad = design.S4
	c.plate.Resize(size)
	side := s.Size(44)
	c.grip.Resize(c.grip.area(size, fyne.NewSquareSize(side+2*pad)))
	c.sign.Move(fyne.NewPos(pad, pad))
	c.sign.Resize(fyne.NewSquareSize(side))
	tool := c.more.MinSize().Width
	left, right := float32(pad+design.S3)+side, size.Width-design.S2-tool
	place := func(o fyne.CanvasObject, x, y, width, height float32) {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(max(width, 0), height))
	}
	place(c.more, right, design.S2, tool, tool)
	edge := right
	if c.pinned.Visible() {
		edge -= 20
		place(c.pinned, edge, design.S2+(tool-16)/2, 16, 16)
	}
	place(c.title, left, s.Size(13), edge-left, s.Size(24))
	place(c.name, left, s.Size(37), right-left, s.Size(20))
	ring := c.ring.MinSize().Width
	place(c.ring, right+(tool-ring)/2, size.Height-ring-design.S3, ring, ring)
	place(c.step, right, size.Height-tool-design.S3+2, tool, tool)
	place(c.eye, right-tool-design.S1, size.Height-tool-design.S3+2, tool, tool)
	y, height := s.Size(64), s.Size(42)
	width := c.code.MinSizeOf(c.code.Text()).Width
	if c.code.Text() == "" {
		width = -design.S3
	}
	place(c.code, left, y, min(width, right-left), height)
	nextLeft := left + width + design.S3
	nextRight := right - design.S2
	if c.account.Code == nil || c.account.Err != nil {
		nextRight = size.Width - pad
	}
	place(c.next, nextLeft, y+s.Size(5), nextRight-nextLeft, s.Size(36))
}
