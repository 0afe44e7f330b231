package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"countersign/app"
	"countersign/ui/kit"
)

// grip is what a card is dragged by, to sort the list by hand. On a desktop it is
// the whole card; on a phone, where dragging the card scrolls the list, it is the
// round sign alone. By keyboard, Alt and an arrow do the same.
type grip struct {
	widget.BaseWidget
	cell     *accountCell
	dragging bool
	start    fyne.Position // of the finger, on the grip
	offset   float32       // of the list, then
}

// area is the grip's size on a card of that size.
func (g *grip) area(card, sign fyne.Size) fyne.Size {
	if g.cell.u.phone || fyne.CurrentDevice().IsMobile() {
		return sign
	}
	return card
}

// Dragged implements fyne.Draggable.
func (g *grip) Dragged(e *fyne.DragEvent) {
	u := g.cell.u
	if !u.sortable() {
		return
	}
	deck := u.codes.deck
	if !g.dragging {
		g.dragging, g.offset = true, deck.Offset()
		g.start = e.Position.SubtractXY(e.Dragged.DX, e.Dragged.DY)
	}
	// By where the finger is, and not by the sum of its moves: after the finger has
	// gone, a phone's driver goes on with moves that slow down, as for a list that
	// was flung, and the card would fly past its place.
	by := e.Position.Subtract(g.start).AddXY(0, deck.Offset()-g.offset)
	before := deck.Under()
	deck.Lift(g.cell.index, by)
	for _, i := range []int{before, deck.Under()} {
		if c, ok := deck.Cell(i); ok {
			c.Refresh()
		}
	}
}

// DragEnd implements fyne.Draggable.
func (g *grip) DragEnd() {
	u, from := g.cell.u, g.cell.index
	g.dragging = false
	deck := u.codes.deck
	if deck == nil || deck.Lifted() != from {
		return // the list changed meanwhile
	}
	to := deck.Under()
	deck.Lower()
	deck.Each(func(c kit.Cell) { c.Refresh() })
	u.place(from, to)
}

// over reports whether a dragged card would come to this one's place.
func (g *grip) over() bool {
	deck := g.cell.u.codes.deck
	return deck != nil && deck.Lifted() >= 0 && deck.Under() == g.cell.index
}

// CreateRenderer implements fyne.Widget.
func (g *grip) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(canvas.NewRectangle(color.Transparent))
}

// TypedShortcut moves the card by keyboard.
func (c *accountCell) TypedShortcut(s fyne.Shortcut) {
	keys, ok := s.(*desktop.CustomShortcut)
	if !ok || keys.Modifier != fyne.KeyModifierAlt || !c.u.sortable() {
		return
	}
	if to := c.u.codes.deck.Neighbour(c.index, keys.KeyName); to >= 0 {
		c.u.place(c.index, to)
	}
}

// sortable reports whether the list on the screen is the user's own order.
func (u *UI) sortable() bool {
	return u.codes.deck != nil && u.settings().Order == app.OrderManual && u.codes.query == "" && u.codes.group == ""
}
