package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Tap is what everything that can be pressed has in common: by finger, mouse,
// keyboard (Space or Enter) and screen reader.
type Tap struct {
	widget.BaseWidget
	self             fyne.CanvasObject
	style            *design.Style
	label            string // for screen readers
	onTap            func()
	onMenu           func(fyne.Position) // right click, or a long press
	hovered, focused bool
	disabled         bool
}

// extend makes self the widget that Fyne sees.
func (t *Tap) extend(self fyne.Widget, style *design.Style) {
	t.self, t.style = self, style
	t.ExtendBaseWidget(self)
}

// Extend is for widgets outside this package that are made of a Tap.
func (t *Tap) Extend(self fyne.Widget, style *design.Style, onTap func()) {
	t.onTap = onTap
	t.extend(self, style)
}

// Hovered reports whether the mouse is over it.
func (t *Tap) Hovered() bool { return t.hovered }

// Focused reports whether the keyboard is on it.
func (t *Tap) Focused() bool { return t.focused }

// Tapped implements fyne.Tappable.
func (t *Tap) Tapped(*fyne.PointEvent) { t.act() }

func (t *Tap) act() {
	t.style.Touch()
	if t.onTap != nil && !t.disabled {
		t.onTap()
	}
}

// bubble gives a key that a widget has no use for to the canvas: Escape goes
// back wherever the focus is.
func bubble(from fyne.CanvasObject, e *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(from); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(e)
	}
}

func (t *Tap) TappedSecondary(e *fyne.PointEvent) {
	if t.onMenu != nil && !t.disabled {
		t.onMenu(e.AbsolutePosition)
	}
}

func (t *Tap) MouseIn(*desktop.MouseEvent)    { t.hovered = true; t.Refresh() }
func (t *Tap) MouseMoved(*desktop.MouseEvent) {}
func (t *Tap) MouseOut()                      { t.hovered = false; t.Refresh() }
func (t *Tap) FocusGained()                   { t.focused = true; t.Refresh(); t.style.Focus(t.self) }
func (t *Tap) FocusLost()                     { t.focused = false; t.Refresh() }
func (t *Tap) TypedRune(rune)                 {}

func (t *Tap) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		t.act()
	default:
		bubble(t.self, e)
	}
}

func (t *Tap) Cursor() desktop.Cursor {
	if t.disabled || t.onTap == nil {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

func (t *Tap) AccessibilityLabel() string             { return t.label }
func (t *Tap) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }
func (t *Tap) Disabled() bool                         { return t.disabled }
func (t *Tap) Enable()                                { t.disabled = false; t.Refresh() }
func (t *Tap) Disable()                               { t.disabled = true; t.Refresh() }
func (t *Tap) SetLabel(label string)                  { t.label = label }
func (t *Tap) SetOnMenu(menu func(at fyne.Position))  { t.onMenu = menu }

// plate is a rounded ground with an outline that shows the focus.
func plate(radius float32) *canvas.Rectangle {
	r := canvas.NewRectangle(color.Transparent)
	r.CornerRadius = radius
	return r
}

// dye gives a plate its ground and its outline. What can be seen of neither is not
// drawn: to Fyne a transparent colour is one like others, and a rounded plate is
// its costliest shape.
func dye(plate *canvas.Rectangle, ground, outline color.NRGBA, width float32) {
	plate.FillColor, plate.StrokeColor, plate.StrokeWidth = ground, outline, width
	if ground.A == 0 {
		plate.FillColor = color.Transparent
	}
	if outline.A == 0 { // a width of nothing would darken the edge
		plate.StrokeColor, plate.StrokeWidth = color.Transparent, 0
	}
}

// Kind is how much a button asks to be pressed.
type Kind int

// The kinds of button.
const (
	Primary Kind = iota // the one thing to do here
	Secondary
	Quiet // only words
	Danger
)

// Button is words, and an icon before them.
type Button struct {
	Tap
	kind Kind
	text string
	icon string
}

// NewButton makes a button; icon may be "".
func NewButton(style *design.Style, kind Kind, text, icon string, onTap func()) *Button {
	b := &Button{kind: kind, text: Plain(text), icon: icon}
	b.label, b.onTap = b.text, onTap
	b.extend(b, style)
	return b
}

// SetText changes the words.
func (b *Button) SetText(text string) {
	b.text, b.label = Plain(text), Plain(text)
	b.Refresh()
}

// Text is what stands on the button.
func (b *Button) Text() string { return b.text }

func (b *Button) colours() (ground, ink, outline color.NRGBA) {
	p := b.style.Palette
	switch b.kind {
	case Primary:
		ground, ink = p.Accent, p.OnAccent
	case Danger:
		ground, ink, outline = p.Surface, p.Danger, p.Danger
	case Secondary:
		ground, ink, outline = p.Surface, p.Ink, p.Outline
	default:
		ink = p.Accent
	}
	switch {
	case b.disabled:
		ground, ink, outline = p.Raised, p.Muted, color.NRGBA{}
		if b.kind == Quiet {
			ground = color.NRGBA{}
		}
	case b.hovered && b.kind == Primary:
		ground = mix(ground, p.Ink, 0.12)
	case b.hovered:
		ground = p.Hover
	}
	return ground, ink, outline
}

// mix blends a share of b into a.
func mix(a, b color.NRGBA, share float32) color.NRGBA {
	blend := func(x, y uint8) uint8 { return uint8(float32(x)*(1-share) + float32(y)*share) }
	return color.NRGBA{R: blend(a.R, b.R), G: blend(a.G, b.G), B: blend(a.B, b.B), A: a.A}
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	ground, ring := plate(design.RadiusM), plate(design.RadiusM+3)
	text := canvas.NewText("", color.Black)
	icon := canvas.NewImageFromResource(nil)
	icon.FillMode = canvas.ImageFillContain
	v := &renderer{objects: []fyne.CanvasObject{ring, ground, icon, text}}
	size := b.style.Size(design.Body)
	side := b.style.Size(design.IconSize - 3)
	measure := func() (fyne.Size, float32) {
		t := measure(b.text, size, true)
		extra := float32(0)
		if b.icon != "" {
			extra = side
			if b.text != "" {
				extra += design.S2
			}
		}
		return t, extra
	}
	v.layout = func(s fyne.Size) {
		ground.Resize(s)
		ring.Move(fyne.NewPos(-3, -3))
		ring.Resize(s.AddWidthHeight(6, 6))
		t, extra := measure()
		x := (s.Width - t.Width - extra) / 2
		icon.Resize(fyne.NewSquareSize(side))
		icon.Move(fyne.NewPos(x, (s.Height-side)/2))
		text.Move(fyne.NewPos(x+extra, (s.Height-t.Height)/2))
		text.Resize(t)
	}
	v.min = func() fyne.Size {
		t, extra := measure()
		pad := float32(design.S5)
		if b.kind == Quiet {
			pad = design.S3
		}
		return fyne.NewSize(t.Width+extra+2*pad, max(b.style.Size(design.Touch), t.Height+2*design.S3))
	}
	v.refresh = func() {
		fill, ink, outline := b.colours()
		dye(ground, fill, outline, 0)
		if outline.A > 0 {
			ground.StrokeWidth = design.Hairline
		}
		ring.StrokeColor, ring.StrokeWidth = color.Transparent, 0
		if b.focused {
			ring.StrokeColor, ring.StrokeWidth = b.style.Accent, 2
		}
		letter(text, b.text, size, true)
		text.Color = ink
		icon.Hidden = b.icon == ""
		if b.icon != "" {
			icon.Resource = design.Icon(b.icon, ink)
		}
		v.layout(b.Size())
		canvas.Refresh(b)
	}
	v.refresh()
	return v
}

// IconButton is an icon alone; its label is for screen readers.
type IconButton struct {
	Tap
	icon   string
	colour color.NRGBA
	ground color.NRGBA
}

// NewIconButton makes an icon button.
func NewIconButton(style *design.Style, icon, label string, onTap func()) *IconButton {
	b := &IconButton{icon: icon, colour: style.Muted}
	b.label, b.onTap = Plain(label), onTap
	b.extend(b, style)
	return b
}

// Filled gives the button a ground, and returns it.
func (b *IconButton) Filled(ground, ink color.NRGBA) *IconButton {
	b.ground, b.colour = ground, ink
	b.Refresh()
	return b
}

// CreateRenderer implements fyne.Widget.
func (b *IconButton) CreateRenderer() fyne.WidgetRenderer {
	ground := plate(design.RadiusM)
	icon := canvas.NewImageFromResource(design.Icon(b.icon, b.colour))
	icon.FillMode = canvas.ImageFillContain
	v := &renderer{objects: []fyne.CanvasObject{ground, icon}}
	side := b.style.Size(design.IconSize)
	v.layout = func(s fyne.Size) {
		ground.Resize(s)
		icon.Resize(fyne.NewSquareSize(side))
		icon.Move(fyne.NewPos((s.Width-side)/2, (s.Height-side)/2))
	}
	v.min = func() fyne.Size { return fyne.NewSquareSize(b.style.Size(design.Touch - 4)) }
	v.refresh = func() {
		fill := b.ground
		if b.hovered {
			fill = b.style.Raised
			if b.ground.A > 0 {
				fill = mix(b.ground, b.style.Ink, 0.12)
			}
		}
		dye(ground, fill, color.NRGBA{}, 0)
		if b.focused {
			ground.StrokeWidth, ground.StrokeColor = 2, b.style.Accent
		}
		icon.Resource = design.Icon(b.icon, b.colour)
		canvas.Refresh(b)
	}
	v.refresh()
	return v
}

// Panel is a content on a rounded ground that can be pressed, if onTap is given.
type Panel struct {
	Tap
	content fyne.CanvasObject
	pad     float32
	ground  color.NRGBA
	outline color.NRGBA
	radius  float32
}

// NewCard is a panel that is only looked at.
func NewCard(style *design.Style, content fyne.CanvasObject) *Card {
	c := &Card{style: style, content: content, pad: design.S4, ground: style.Surface, outline: style.Line, radius: design.RadiusL}
	c.ExtendBaseWidget(c)
	return c
}

// NewPanel makes a panel that can be pressed.
func NewPanel(style *design.Style, label string, content fyne.CanvasObject, onTap func()) *Panel {
	p := &Panel{content: content, pad: design.S3, radius: design.RadiusM}
	p.label, p.onTap = Plain(label), onTap
	p.extend(p, style)
	return p
}

// Inset sets the inner margin, and returns the panel.
func (p *Panel) Inset(pad float32) *Panel {
	p.pad = pad
	return p
}

// On gives the panel a ground and an outline, and returns it.
func (p *Panel) On(ground, outline color.NRGBA) *Panel {
	p.ground, p.outline = ground, outline
	p.Refresh()
	return p
}

// HeightFor implements Flowing.
func (p *Panel) HeightFor(width float32) float32 {
	return max(HeightFor(p.content, width-2*p.pad)+2*p.pad, p.style.Size(design.Touch))
}

// CreateRenderer implements fyne.Widget.
func (p *Panel) CreateRenderer() fyne.WidgetRenderer {
	ground := plate(p.radius)
	v := &renderer{objects: []fyne.CanvasObject{ground, p.content}}
	v.layout = func(s fyne.Size) {
		ground.Resize(s)
		height := HeightFor(p.content, s.Width-2*p.pad)
		p.content.Move(fyne.NewPos(p.pad, (s.Height-height)/2))
		p.content.Resize(fyne.NewSize(s.Width-2*p.pad, height))
	}
	v.min = func() fyne.Size {
		least := p.content.MinSize()
		return fyne.NewSize(least.Width+2*p.pad, p.HeightFor(max(p.Size().Width, least.Width+2*p.pad)))
	}
	v.refresh = func() {
		fill := p.ground
		if p.hovered && p.onTap != nil {
			fill = p.style.Hover
		}
		dye(ground, fill, p.outline, design.Hairline)
		if p.focused {
			ground.StrokeColor, ground.StrokeWidth = p.style.Accent, 2
		}
		canvas.Refresh(ground)
	}
	v.refresh()
	return v
}

// Card is a content on a rounded ground.
type Card struct {
	widget.BaseWidget
	style           *design.Style
	content         fyne.CanvasObject
	pad, radius     float32
	ground, outline color.NRGBA
	lifted          bool
}

// Padded sets the inner margin, and returns the card.
func (c *Card) Padded(pad float32) *Card {
	c.pad = pad
	return c
}

// On sets the ground and the outline, and returns the card.
func (c *Card) On(ground, outline color.NRGBA) *Card {
	c.ground, c.outline = ground, outline
	return c
}

// Lifted gives the card a shadow, and returns it.
func (c *Card) Lifted() *Card {
	c.lifted = true
	return c
}

// Radius sets how round the corners are, and returns the card.
func (c *Card) Radius(radius float32) *Card {
	c.radius = radius
	return c
}

// HeightFor implements Flowing.
func (c *Card) HeightFor(width float32) float32 {
	return HeightFor(c.content, width-2*c.pad) + 2*c.pad
}

// CreateRenderer implements fyne.Widget.
func (c *Card) CreateRenderer() fyne.WidgetRenderer {
	ground := plate(c.radius)
	dye(ground, c.ground, c.outline, 0)
	if c.outline.A > 0 {
		ground.StrokeWidth = design.Hairline
	}
	if c.lifted {
		ground.Shadow = canvas.Shadow{Color: c.style.Shadow, BlurRadius: 24, Offset: fyne.NewPos(0, 6)}
	}
	v := &renderer{objects: []fyne.CanvasObject{ground, c.content}}
	v.layout = func(s fyne.Size) {
		ground.Resize(s)
		c.content.Move(fyne.NewPos(c.pad, c.pad))
		c.content.Resize(fyne.NewSize(s.Width-2*c.pad, s.Height-2*c.pad))
	}
	v.min = func() fyne.Size {
		least := c.content.MinSize()
		return fyne.NewSize(least.Width+2*c.pad, c.HeightFor(max(c.Size().Width, least.Width+2*c.pad)))
	}
	v.refresh = c.content.Refresh
	return v
}
