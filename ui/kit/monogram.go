package kit

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// monogram is the first letter or digit of a name. A Thai leading vowel is not
// one: the consonant behind it is.
func monogram(name string) string {
	for _, r := range name {
		if joinsRight(r) || joinsLeft(r) {
			continue
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return strings.ToUpper(string(r))
		}
	}
	return "#"
}

// CreateRenderer implements fyne.Widget.
func (m *Monogram) CreateRenderer() fyne.WidgetRenderer {
	ground := canvas.NewCircle(m.ground)
	text := canvas.NewText(m.letter, m.style.OnMonograms)
	text.Alignment, text.TextStyle = fyne.TextAlignCenter, fyne.TextStyle{Bold: true}
	v := &renderer{objects: []fyne.CanvasObject{ground, text}}
	v.layout = func(s fyne.Size) {
		ground.Resize(s)
		text.TextSize = s.Height * 0.44
		height := fyne.MeasureText("M", text.TextSize, text.TextStyle).Height
		text.Move(fyne.NewPos(0, (s.Height-height)/2))
		text.Resize(fyne.NewSize(s.Width, height))
	}
	v.min = func() fyne.Size { return fyne.NewSquareSize(m.style.Size(m.side)) }
	v.refresh = func() {
		ground.FillColor, text.Text = m.ground, m.letter
		canvas.Refresh(m)
	}
	return v
}
