package kit

import (
	"fyne.io/fyne/v2"

	"countersign/ui/design"
)

// Fact is one line of what is known.
type Fact struct{ Icon, Name, Value string }

// NewFacts sets facts under each other, their values in one line.
func NewFacts(style *design.Style, facts []Fact) *Column {
	name := Look{Points: design.Body - 2, Colour: style.Muted}
	var widest float32
	lines := make([]*Line, len(facts))
	for i, f := range facts {
		lines[i] = NewLine(style, name, f.Name)
		widest = max(widest, lines[i].measure(lines[i].text).Width)
	}
	rows := make([]fyne.CanvasObject, len(facts))
	for i, f := range facts {
		rows[i] = NewRow(design.S2, 2, NewIcon(style, f.Icon, style.Muted, 17), NewWidth(widest+design.S1, lines[i]),
			NewText(style, Look{Points: design.Body - 1, Bold: true, Colour: style.Ink}, f.Value))
	}
	return NewColumn(design.S2, rows...)
}
