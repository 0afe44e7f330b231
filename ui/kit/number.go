package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/driver/mobile"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// NumberField takes the number of a sign-in screen: digits only, a cell each,
// exactly as many as asked for. Enter submits once all are there. It never
// fills itself in, and it takes no paste: the number goes through a person's
// eyes and fingers, or the match proves nothing.
type NumberField struct {
	widget.BaseWidget
	style    *design.Style
	digits   int
	value    string
	label    string
	onSubmit func(number string)
	onChange func(complete bool)
	focused  bool
	disabled bool
}

// NewNumberField makes a field for that many digits.
func NewNumberField(style *design.Style, digits int, label string, onChange func(complete bool), onSubmit func(string)) *NumberField {
	n := &NumberField{style: style, digits: digits, label: Plain(label), onChange: onChange, onSubmit: onSubmit}
	n.ExtendBaseWidget(n)
	return n
}

// Number is what has been typed so far.
func (n *NumberField) Number() string { return n.value }

// Complete reports whether all digits are there.
func (n *NumberField) Complete() bool { return len(n.value) == n.digits }

func (n *NumberField) set(value string) {
	n.value = value
	if n.onChange != nil {
		n.onChange(n.Complete())
	}
	n.Refresh()
}

// TypedRune implements fyne.Focusable. Thai digits count as what they are.
func (n *NumberField) TypedRune(r rune) {
	if r >= '๐' && r <= '๙' {
		r = '0' + (r - '๐')
	}
	if n.disabled || r < '0' || r > '9' || n.Complete() {
		return
	}
	n.style.Touch()
	n.set(n.value + string(r))
}

// TypedKey implements fyne.Focusable.
func (n *NumberField) TypedKey(e *fyne.KeyEvent) {
	if n.disabled {
		return
	}
	switch e.Name {
	case fyne.KeyBackspace, fyne.KeyDelete:
		if n.value != "" {
			n.set(n.value[:len(n.value)-1])
		}
	case fyne.KeyReturn, fyne.KeyEnter:
		if n.Complete() && n.onSubmit != nil {
			n.onSubmit(n.value)
		}
	default:
		bubble(n, e)
	}
}

// FocusGained implements fyne.Focusable.
func (n *NumberField) FocusGained() { n.focused = true; n.Refresh() }

// FocusLost implements fyne.Focusable.
func (n *NumberField) FocusLost() { n.focused = false; n.Refresh() }

// Tapped takes the focus, and on a phone brings the keyboard.
func (n *NumberField) Tapped(*fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(n); c != nil && !n.disabled {
		c.Focus(n)
	}
}

// Keyboard asks a phone for its number keyboard.
func (n *NumberField) Keyboard() mobile.KeyboardType { return mobile.NumberKeyboard }

// Cursor implements desktop.Cursorable.
func (n *NumberField) Cursor() desktop.Cursor { return desktop.TextCursor }

// AccessibilityLabel implements fyne.Accessible.
func (n *NumberField) AccessibilityLabel() string { return n.label }

// AccessibilityRole implements fyne.Accessible.
func (n *NumberField) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// Disable stops the field from taking digits.
func (n *NumberField) Disable() { n.disabled = true; n.Refresh() }

// Enable lets it take them again.
func (n *NumberField) Enable() { n.disabled = false; n.Refresh() }

// Disabled implements fyne.Disableable.
func (n *NumberField) Disabled() bool { return n.disabled }

// CreateRenderer implements fyne.Widget.
func (n *NumberField) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{}
	cells := make([]*canvas.Rectangle, n.digits)
	texts := make([]*canvas.Text, n.digits)
	for i := range cells {
		cells[i] = plate(design.RadiusM)
		texts[i] = canvas.NewText("", color.Black)
		texts[i].Alignment = fyne.TextAlignCenter
		v.objects = append(v.objects, cells[i], texts[i])
	}
	caret := canvas.NewRectangle(n.style.Accent)
	v.objects = append(v.objects, caret)
	gap := float32(design.S3)
	if n.digits > 2 {
		gap = design.S2
	}
	height := n.style.Size(84)
	if n.digits > 2 {
		height = n.style.Size(68)
	}
	cellWidth := func(total float32) float32 {
		return min((total-gap*float32(n.digits-1))/float32(n.digits), n.style.Size(72))
	}
	v.layout = func(s fyne.Size) {
		w := cellWidth(s.Width)
		x := (s.Width - w*float32(n.digits) - gap*float32(n.digits-1)) / 2
		points := min(n.style.Size(design.Display), w*0.8)
		line := measure("0", points, true).Height
		for i := range cells {
			cells[i].Move(fyne.NewPos(x, 0))
			cells[i].Resize(fyne.NewSize(w, s.Height))
			letter(texts[i], texts[i].Text, points, true)
			texts[i].Move(fyne.NewPos(x, (s.Height-line)/2))
			texts[i].Resize(fyne.NewSize(w, line))
			if i == len(n.value) {
				caret.Move(fyne.NewPos(x+w/2-1, s.Height*0.28))
				caret.Resize(fyne.NewSize(2, s.Height*0.44))
			}
			x += w + gap
		}
	}
	v.min = func() fyne.Size {
		return fyne.NewSize(float32(n.digits)*34+gap*float32(n.digits-1), height)
	}
	v.refresh = func() {
		for i := range cells {
			cells[i].FillColor, cells[i].StrokeColor, cells[i].StrokeWidth = n.style.Raised, n.style.Outline, 1.5
			if n.focused && !n.disabled && (i == len(n.value) || (n.Complete() && i == n.digits-1)) {
				cells[i].StrokeColor, cells[i].StrokeWidth = n.style.Accent, 2.5
			}
			texts[i].Color, texts[i].Text = n.style.Ink, ""
			if i < len(n.value) {
				texts[i].Text = n.value[i : i+1]
			}
		}
		caret.Hidden = !n.focused || n.disabled || n.Complete()
		v.layout(n.Size())
		canvas.Refresh(n)
	}
	v.refresh()
	return v
}
