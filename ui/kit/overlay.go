package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Sheet is a card over everything else: from the bottom of a phone, in the
// middle of a desktop. As an overlay of the canvas it keeps the keyboard's
// focus inside. A tap beside it, or Escape, closes it where onAway is given.
type Sheet struct {
	widget.BaseWidget
	style  *design.Style
	body   fyne.CanvasObject
	phone  bool
	full   bool // covers all of a phone's screen
	limit  float32
	onAway func()
	ground *canvas.Rectangle
}

// Tapped closes the sheet: the card itself catches what is meant for it.
func (s *Sheet) Tapped(*fyne.PointEvent) {
	if s.onAway != nil {
		s.onAway()
	}
}

// NewSheet makes a sheet; full covers all of a phone's screen.
func NewSheet(style *design.Style, body fyne.CanvasObject, phone, full bool, limit float32, onAway func()) *Sheet {
	s := &Sheet{style: style, body: body, phone: phone, full: full, limit: limit, onAway: onAway}
	s.ExtendBaseWidget(s)
	return s
}

// catcher keeps taps on the card from closing the sheet.
type catcher struct{ widget.BaseWidget }

func (c *catcher) Tapped(*fyne.PointEvent) {}
func (c *catcher) CreateRenderer() fyne.WidgetRenderer {
	return &renderer{layout: func(fyne.Size) {}, min: func() fyne.Size { return fyne.Size{} }}
}

// CreateRenderer implements fyne.Widget.
func (s *Sheet) CreateRenderer() fyne.WidgetRenderer {
	scrim := canvas.NewRectangle(s.style.Scrim)
	s.ground = plate(design.RadiusL + 4)
	s.ground.FillColor = s.style.Surface
	s.ground.Shadow = canvas.Shadow{Color: s.style.Shadow, BlurRadius: 24, Offset: fyne.NewPos(0, 10)}
	catch := &catcher{}
	catch.ExtendBaseWidget(catch)
	v := &renderer{objects: []fyne.CanvasObject{scrim, s.ground, catch, s.body}}
	v.layout = func(size fyne.Size) {
		scrim.Resize(size)
		at, area := s.place(size)
		s.ground.Move(at)
		s.ground.Resize(area)
		catch.Move(at)
		catch.Resize(area)
		s.body.Move(at)
		s.body.Resize(area)
	}
	v.min = func() fyne.Size { return fyne.NewSize(100, 100) }
	v.refresh = func() {
		v.layout(s.Size())
		s.body.Refresh()
		canvas.Refresh(s)
	}
	return v
}

func (s *Sheet) place(size fyne.Size) (fyne.Position, fyne.Size) {
	s.ground.CornerRadius = design.RadiusL + 4
	if s.phone && s.full {
		s.ground.CornerRadius = 0
		return fyne.NewPos(0, 0), size
	}
	width := min(size.Width-2*design.S4, s.limit)
	if s.phone {
		width = size.Width
	}
	height := min(HeightFor(s.body, width), size.Height-2*design.S4)
	at := fyne.NewPos((size.Width-width)/2, (size.Height-height)/2)
	if s.phone {
		at.Y = size.Height - height
	}
	return at, fyne.NewSize(width, height)
}
