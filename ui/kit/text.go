package kit

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Look is how a text is set.
type Look struct {
	Points float32 // design.Caption, design.Body, ...
	Bold   bool
	Colour color.NRGBA
	Align  fyne.TextAlign
}

// measure is the size that a text takes in the app's typeface. Its height is
// the same for every text of a size.
func measure(text string, points float32, bold bool) fyne.Size {
	size, _ := fyne.CurrentApp().Driver().RenderedTextSize(text, points, fyne.TextStyle{Bold: bold}, design.Face(text, bold))
	return size
}

// letter sets what a canvas's text says in the app's typeface.
func letter(t *canvas.Text, text string, points float32, bold bool) {
	t.Text, t.TextSize, t.TextStyle, t.FontSource = text, points, fyne.TextStyle{Bold: bold}, design.Face(text, bold)
}

// Text is text that wraps.
type Text struct{ wrapped }

// wrapped is what Text and Problem have in common.
type wrapped struct {
	widget.BaseWidget
	style *design.Style
	look  Look
	text  string
	// wrapped lines of the last width
	lines []string
	width float32
}

// NewText makes a text.
func NewText(style *design.Style, look Look, text string) *Text {
	t := &Text{}
	t.style, t.look, t.text, t.width = style, look, text, -1
	t.ExtendBaseWidget(t)
	return t
}

// SetText replaces the text.
func (t *wrapped) SetText(text string) {
	if t.text == text {
		return
	}
	t.text, t.width = text, -1
	t.Refresh()
}

// Text is what it says, without break marks.
func (t *wrapped) Text() string { return Plain(t.text) }

func (t *wrapped) measure(text string) fyne.Size {
	return measure(text, t.style.Size(t.look.Points), t.look.Bold)
}

func (t *wrapped) wrap(width float32) []string {
	if t.width != width {
		t.lines = Wrap(t.text, width, func(s string) float32 { return t.measure(s).Width })
		t.width = width
	}
	return t.lines
}

func (t *wrapped) lineHeight() float32 { return t.measure("M").Height }

// HeightFor implements Flowing.
func (t *wrapped) HeightFor(width float32) float32 {
	n := float32(len(t.wrap(width)))
	return n*t.lineHeight() + (n-1)*design.LineGap
}

// CreateRenderer implements fyne.Widget.
func (t *wrapped) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{}
	v.layout = func(size fyne.Size) {
		lines := t.wrap(size.Width)
		height := t.lineHeight()
		if len(v.objects) != len(lines) {
			v.objects = make([]fyne.CanvasObject, len(lines))
			for i := range v.objects {
				v.objects[i] = canvas.NewText("", t.look.Colour)
			}
		}
		for i, line := range lines {
			o := v.objects[i].(*canvas.Text)
			letter(o, line, t.style.Size(t.look.Points), t.look.Bold)
			o.Color, o.Alignment = t.look.Colour, t.look.Align
			o.Move(fyne.NewPos(0, float32(i)*(height+design.LineGap)))
			o.Resize(fyne.NewSize(size.Width, height))
			o.Refresh()
		}
	}
	v.min = func() fyne.Size {
		width := t.Size().Width
		if width <= 0 {
			width = t.measure(Plain(t.text)).Width
		}
		return fyne.NewSize(min(width, 40), t.HeightFor(width))
	}
	v.refresh = func() {
		v.layout(t.Size())
		for _, o := range v.objects {
			o.Refresh()
		}
	}
	return v
}

// Line is one line of text, cut with an ellipsis where it is too long.
type Line struct {
	widget.BaseWidget
	style *design.Style
	look  Look
	text  string
	least float32 // width below which it never shrinks; 0: may be cut
}

// NewLine makes a line that is cut where it does not fit.
func NewLine(style *design.Style, look Look, text string) *Line {
	l := &Line{style: style, look: look, text: Plain(text)}
	l.ExtendBaseWidget(l)
	return l
}

// NewFixedLine makes a line that is never cut: its width is its minimum.
func NewFixedLine(style *design.Style, look Look, text string) *Line {
	l := NewLine(style, look, text)
	l.least = -1
	return l
}

// Set replaces the text and the colour.
func (l *Line) Set(text string, colour color.NRGBA) {
	text = Plain(text)
	if l.text == text && l.look.Colour == colour {
		return
	}
	l.text, l.look.Colour = text, colour
	l.Refresh()
}

// Text is the whole text.
func (l *Line) Text() string { return l.text }

func (l *Line) measure(s string) fyne.Size {
	return measure(s, l.style.Size(l.look.Points), l.look.Bold)
}

// MinSizeOf is the size that a text needs in this line's look.
func (l *Line) MinSizeOf(text string) fyne.Size { return l.measure(text) }

func (l *Line) cut(width float32) string {
	if l.least != 0 || l.measure(l.text).Width <= width {
		return l.text
	}
	parts := clusters(l.text)
	for n := len(parts) - 1; n > 0; n-- {
		if s := strings.Join(parts[:n], "") + "…"; l.measure(s).Width <= width {
			return s
		}
	}
	return "…"
}

// CreateRenderer implements fyne.Widget.
func (l *Line) CreateRenderer() fyne.WidgetRenderer {
	text := canvas.NewText("", l.look.Colour)
	v := &renderer{objects: []fyne.CanvasObject{text}}
	v.layout = func(size fyne.Size) {
		letter(text, l.cut(size.Width), l.style.Size(l.look.Points), l.look.Bold)
		text.Color, text.Alignment = l.look.Colour, l.look.Align
		height := l.measure("M").Height
		text.Move(fyne.NewPos(0, (size.Height-height)/2))
		text.Resize(fyne.NewSize(size.Width, height))
		text.Refresh()
	}
	v.min = func() fyne.Size {
		size := l.measure(l.text)
		if l.least == 0 {
			size.Width = min(size.Width, 30)
		}
		return size
	}
	v.refresh = func() { v.layout(l.Size()) }
	return v
}

// NewIcon is a line icon at the normal size, or another.
func NewIcon(style *design.Style, name string, colour color.NRGBA, size float32) fyne.CanvasObject {
	image := canvas.NewImageFromResource(design.Icon(name, colour))
	image.FillMode = canvas.ImageFillContain
	image.SetMinSize(fyne.NewSquareSize(style.Size(size)))
	return image
}

// NewAppIcon is the app's own icon.
func NewAppIcon(style *design.Style, size float32) fyne.CanvasObject {
	image := canvas.NewImageFromResource(design.AppIcon())
	image.FillMode = canvas.ImageFillContain
	image.SetMinSize(fyne.NewSquareSize(style.Size(size)))
	return image
}
