package kit

import (
	"image"
	"image/color"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Monogram is a round sign with the first letter of a name, coloured by the
// name, so that an account is found by its colour too; or with an icon or a
// picture instead of the letter.
type Monogram struct {
	widget.BaseWidget
	style   *design.Style
	letter  string
	icon    string
	picture image.Image
	ground  color.NRGBA
	side    float32
}

// NewMonogram makes the sign of a name.
func NewMonogram(style *design.Style, name string, side float32) *Monogram {
	m := &Monogram{style: style, side: side}
	m.Set(name)
	m.ExtendBaseWidget(m)
	return m
}

// Set changes the name.
func (m *Monogram) Set(name string) {
	sum := uint32(2166136261) // FNV-1a: the same colour on every device
	for _, b := range []byte(name) {
		sum = (sum ^ uint32(b)) * 16777619
	}
	sum ^= sum >> 15 // FNV's low bits alone are nearly the last letter
	sum ^= sum >> 7
	m.ground = m.style.Monograms[sum%uint32(len(m.style.Monograms))]
	m.letter = monogram(name)
	m.Refresh()
}

// SetSign puts an icon of that name, or a round picture, in the letter's place;
// "" and nil bring it back.
func (m *Monogram) SetSign(icon string, picture image.Image) {
	if m.icon == icon && m.picture == picture {
		return
	}
	m.icon, m.picture = icon, picture
	m.Refresh()
}

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
	text.Alignment = fyne.TextAlignCenter
	icon, picture := canvas.NewImageFromResource(nil), &canvas.Image{FillMode: canvas.ImageFillContain}
	icon.FillMode = canvas.ImageFillContain
	v := &renderer{objects: []fyne.CanvasObject{ground, text, icon, picture}}
	v.layout = func(s fyne.Size) {
		ground.Resize(s)
		picture.Resize(s)
		side := s.Height * 0.56
		icon.Resize(fyne.NewSquareSize(side))
		icon.Move(fyne.NewPos((s.Width-side)/2, (s.Height-side)/2))
		letter(text, text.Text, s.Height*0.44, true)
		height := measure("M", text.TextSize, true).Height
		text.Move(fyne.NewPos(0, (s.Height-height)/2))
		text.Resize(fyne.NewSize(s.Width, height))
	}
	v.min = func() fyne.Size { return fyne.NewSquareSize(m.style.Size(m.side)) }
	v.refresh = func() {
		ground.FillColor = m.ground
		letter(text, m.letter, text.TextSize, true)
		ground.Hidden = m.picture != nil
		text.Hidden = m.picture != nil || m.icon != ""
		icon.Hidden = m.picture != nil || m.icon == ""
		picture.Hidden = m.picture == nil
		if !icon.Hidden {
			icon.Resource = design.Icon(m.icon, m.style.OnMonograms)
			icon.Refresh()
		}
		if !picture.Hidden && picture.Image != m.picture {
			picture.Image = m.picture
			picture.Refresh()
		}
		canvas.Refresh(m)
	}
	v.refresh()
	return v
}
