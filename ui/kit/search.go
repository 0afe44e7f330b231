package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Search is an entry to search with. Until somebody uses it only its likeness is
// drawn: Fyne's own entry reads every font of Fyne's and of the system's, which
// takes longer and holds more memory than the rest of the app's first page.
type Search struct {
	widget.BaseWidget
	style  *design.Style
	label  string
	likely *likeness
	entry  *Entry // nil until used

	// OnChanged is told of every change that the user makes, OnSubmitted of
	// Enter.
	OnChanged, OnSubmitted func(string)
}

// NewSearch makes a search with what was typed before.
func NewSearch(style *design.Style, label, text string) *Search {
	s := &Search{style: style, label: Plain(label)}
	s.likely = &likeness{search: s}
	s.likely.ExtendBaseWidget(s.likely)
	s.ExtendBaseWidget(s)
	if text != "" {
		s.use().SetText(text)
	}
	return s
}

// use gives the entry, and makes it if need be.
func (s *Search) use() *Entry {
	if s.entry != nil {
		return s.entry
	}
	e := NewEntry(s.style, s.label, false)
	e.SetPlaceHolder(s.label)
	e.OnChanged = func(text string) {
		if s.OnChanged != nil {
			s.OnChanged(text)
		}
	}
	e.OnSubmitted = func(text string) {
		if s.OnSubmitted != nil {
			s.OnSubmitted(text)
		}
	}
	s.entry = e
	s.Refresh()
	return e
}

// Type puts the keyboard on the search, with a text in it and the cursor behind
// that.
func (s *Search) Type(text string) {
	e := s.use()
	s.focus()
	e.SetText(text)
	e.CursorColumn = len([]rune(e.Text))
	e.Refresh()
}

func (s *Search) focus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(s); c != nil {
		c.Focus(s.use())
	}
}

// CreateRenderer implements fyne.Widget.
func (s *Search) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{}
	v.layout = func(size fyne.Size) { v.objects[0].Resize(size) }
	v.min = s.likely.MinSize
	v.refresh = func() {
		v.objects = []fyne.CanvasObject{s.likely}
		if s.entry != nil {
			v.objects[0] = s.entry
		}
		v.layout(s.Size())
		canvas.Refresh(s)
	}
	v.refresh()
	return v
}

// likeness looks like an entry that is empty, and gives its place to one when it
// is used.
type likeness struct {
	widget.BaseWidget
	search *Search
}

func (l *likeness) FocusGained()                           { l.search.focus() }
func (l *likeness) FocusLost()                             {}
func (l *likeness) TypedRune(rune)                         {}
func (l *likeness) TypedKey(*fyne.KeyEvent)                {}
func (l *likeness) Tapped(*fyne.PointEvent)                { l.search.focus() }
func (l *likeness) TappedSecondary(e *fyne.PointEvent)     { l.search.use().TappedSecondary(e) }
func (l *likeness) MouseDown(*desktop.MouseEvent)          { l.search.focus() }
func (l *likeness) MouseUp(*desktop.MouseEvent)            {}
func (l *likeness) Cursor() desktop.Cursor                 { return desktop.TextCursor }
func (l *likeness) AccessibilityLabel() string             { return l.search.label }
func (l *likeness) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// CreateRenderer implements fyne.Widget. The measures are those of Fyne's entry.
func (l *likeness) CreateRenderer() fyne.WidgetRenderer {
	style := l.search.style
	points := style.Size(design.Body)
	border, pad := theme.Size(theme.SizeNameInputBorder), theme.Size(theme.SizeNameInnerPadding)
	box, outline := plate(design.RadiusM), plate(design.RadiusM)
	box.FillColor = style.Raised
	outline.StrokeColor, outline.StrokeWidth = style.Outline, border
	text := canvas.NewText("", color.Black)
	text.Color = style.Muted
	letter(text, l.search.label, points, false)
	v := &renderer{objects: []fyne.CanvasObject{box, outline, text}}
	v.layout = func(s fyne.Size) {
		box.Move(fyne.NewSquareOffsetPos(border))
		box.Resize(s.Subtract(fyne.NewSquareSize(2 * border)))
		outline.Move(fyne.NewSquareOffsetPos(border / 2))
		outline.Resize(s.Subtract(fyne.NewSquareSize(border + 0.5)))
		height := measure("M", points, false).Height
		text.Move(fyne.NewPos(pad, pad))
		text.Resize(fyne.NewSize(s.Width-2*pad, height))
	}
	v.min = func() fyne.Size { return measure("M", points, false).AddWidthHeight(3*pad, 2*pad) }
	v.refresh = func() { canvas.Refresh(l) }
	return v
}
