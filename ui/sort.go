package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/app"
	"countersign/ui/kit"
)

// grip is what a card is dragged by, to sort the list by hand. With a mouse it is
// the whole card; on a touch screen, where dragging the card scrolls the list, it
// is the round sign alone.
type grip struct {
	widget.BaseWidget
	cell *accountCell
	by   fyne.Position
}

// area is the grip's size on a card of that size.
func (g *grip) area(card, sign fyne.Size) fyne.Size {
	if fyne.CurrentDevice().IsMobile() {
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
	before := u.codes.deck.Under()
	g.by = g.by.AddXY(e.Dragged.DX, e.Dragged.DY)
	u.codes.deck.Lift(g.cell.index, g.by)
	for _, i := range []int{before, u.codes.deck.Under()} {
		if c, ok := u.codes.deck.Cell(i); ok {
			c.Refresh()
		}
	}
}

// DragEnd implements fyne.Draggable.
func (g *grip) DragEnd() {
	u, from := g.cell.u, g.cell.index
	g.by = fyne.Position{}
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

// sortable reports whether the list on the screen is the user's own order.
func (u *UI) sortable() bool {
	return u.codes.deck != nil && u.settings().Order == app.OrderManual && u.codes.query == "" && u.codes.group == ""
}
