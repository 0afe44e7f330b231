package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Entry is Fyne's entry of one line, with Escape and a name for screen readers.
type Entry struct {
	widget.Entry
	style *design.Style
	label string
}

// FocusGained implements fyne.Focusable.
func (e *Entry) FocusGained() {
	e.Entry.FocusGained()
	e.style.Focus(e)
}

// NewEntry makes an entry of one line.
func NewEntry(style *design.Style, label string, password bool) *Entry {
	e := &Entry{style: style, label: Plain(label)}
	e.Password = password
	e.Wrapping, e.Scroll = fyne.TextWrapOff, fyne.ScrollHorizontalOnly
	e.ExtendBaseWidget(e)
	return e
}

// TypedKey adds Escape.
func (e *Entry) TypedKey(key *fyne.KeyEvent) {
	e.style.Touch()
	if key.Name == fyne.KeyEscape {
		bubble(e, key)
		return
	}
	e.Entry.TypedKey(key)
}

// AccessibilityLabel implements fyne.Accessible.
func (e *Entry) AccessibilityLabel() string { return e.label }

// Field is an entry under its label, with room for what is wrong with it.
type Field struct {
	Column
	Entry *Entry
	style *design.Style
	error *Text
	hint  *Text
}

// NewField makes a field. hint may be "".
func NewField(style *design.Style, label, hint string, password bool) *Field {
	f := &Field{style: style, Entry: NewEntry(style, label, password)}
	f.error = NewText(style, Look{Points: design.Caption, Colour: style.Danger}, "")
	f.hint = NewText(style, Look{Points: design.Caption, Colour: style.Muted}, hint)
	f.error.Hide()
	if hint == "" {
		f.hint.Hide()
	}
	f.gap = design.S1 + 2
	f.objects = []fyne.CanvasObject{NewText(style, Look{Points: design.Caption + 1, Bold: true, Colour: style.Ink}, label), f.Entry, f.hint, f.error}
	f.ExtendBaseWidget(f)
	return f
}

// SetError says what is wrong, or with "" that nothing is.
func (f *Field) SetError(message string) {
	f.error.SetText(message)
	if message == "" {
		f.error.Hide()
	} else {
		f.error.Show()
	}
	f.Refresh()
}

// NewProblem is a text that says what is wrong, and takes no room while nothing
// is.
func NewProblem(style *design.Style) *Problem {
	p := &Problem{}
	p.style, p.look, p.width = style, Look{Points: design.Body - 1, Colour: style.Danger}, -1
	p.ExtendBaseWidget(p)
	p.Hide()
	return p
}

// Problem is made by NewProblem.
type Problem struct{ wrapped }

// Set says what is wrong, or with "" that nothing is.
func (p *Problem) Set(message string) {
	p.SetText(message)
	if message == "" {
		p.Hide()
	} else {
		p.Show()
	}
}

// Toggle is a switch.
type Toggle struct {
	Tap
	on bool
}

// NewToggle makes a switch; onChange is called with its new state.
func NewToggle(style *design.Style, label string, on bool, onChange func(bool)) *Toggle {
	t := &Toggle{on: on}
	t.label = Plain(label)
	t.onTap = func() {
		t.on = !t.on
		t.Refresh()
		onChange(t.on)
	}
	t.extend(t, style)
	return t
}

// On reports whether it is switched on.
func (t *Toggle) On() bool { return t.on }

// CreateRenderer implements fyne.Widget.
func (t *Toggle) CreateRenderer() fyne.WidgetRenderer {
	track, knob := plate(14), canvas.NewCircle(t.style.Surface)
	v := &renderer{objects: []fyne.CanvasObject{track, knob}}
	v.layout = func(s fyne.Size) {
		h := t.style.Size(26)
		y := (s.Height - h) / 2
		track.Move(fyne.NewPos(0, y))
		track.Resize(fyne.NewSize(s.Width, h))
		track.CornerRadius = h / 2
		d := h - 8
		x := float32(4)
		if t.on {
			x = s.Width - d - 4
		}
		knob.Move(fyne.NewPos(x, y+4))
		knob.Resize(fyne.NewSquareSize(d))
	}
	v.min = func() fyne.Size { return fyne.NewSize(t.style.Size(46), t.style.Size(30)) }
	v.refresh = func() {
		track.FillColor, track.StrokeColor, track.StrokeWidth = t.style.Raised, t.style.Outline, 1.5
		knob.FillColor = t.style.Outline
		if t.on {
			track.FillColor, track.StrokeColor = t.style.Accent, t.style.Accent
			knob.FillColor = t.style.OnAccent
		}
		if t.focused {
			track.StrokeColor, track.StrokeWidth = t.style.Ink, 2.5
		}
		v.layout(t.Size())
		canvas.Refresh(t)
	}
	v.refresh()
	return v
}

// Option is one of a choice.
type Option struct{ Value, Label string }

// NewChoice is a set of chips of which one is chosen.
func NewChoice(style *design.Style, options []Option, chosen string, onChange func(value string)) *Grid {
	chips := make([]fyne.CanvasObject, len(options))
	widest := float32(64)
	for i, o := range options {
		look := Look{Points: design.Body - 1, Colour: style.Ink, Align: fyne.TextAlignCenter}
		ground, outline := style.Surface, style.Outline
		if o.Value == chosen {
			look.Bold, look.Colour = true, style.Accent
			ground, outline = style.AccentSoft, style.Accent
		}
		line := NewLine(style, look, o.Label)
		widest = max(widest, line.measure(line.text).Width+2*design.S3+2)
		panel := NewPanel(style, o.Label, line, func() { onChange(o.Value) }).On(ground, outline)
		chips[i] = panel
	}
	return NewGrid(design.S2, widest, chips...)
}

// NewBadge is a small chip of words, with an icon where one is named.
func NewBadge(style *design.Style, icon, text string, ground, ink color.NRGBA) fyne.CanvasObject {
	line := NewFixedLine(style, Look{Points: design.Caption, Bold: true, Colour: ink}, text)
	content := fyne.CanvasObject(line)
	if icon != "" {
		content = NewRow(design.S1, -1, NewIcon(style, icon, ink, 15), line)
	}
	return NewCard(style, content).Padded(5).Radius(design.RadiusS).On(ground, color.NRGBA{})
}
