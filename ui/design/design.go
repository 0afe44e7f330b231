// Package design is the app's design system, in one place: colours, type, space,
// radii and motion. It is calm on purpose: a person who is asked to approve
// something must see at once what is asked, and by whom. Pine is for what is
// ours and safe, amber for time running out, red for refusing and for danger,
// and nothing else is coloured.
//
// Every pair of a text and its ground has a contrast of 4.5:1 at least (WCAG 2.2
// AA, 1.4.3); a test holds that.
package design

import (
	"image/color"
	"time"

	"fyne.io/fyne/v2"
)

// Palette is the colours of one appearance.
type Palette struct {
	Ground      color.NRGBA // behind everything
	Surface     color.NRGBA // cards and sheets
	Raised      color.NRGBA // on a card: fields, chips
	Hover       color.NRGBA // over a surface
	Line        color.NRGBA // hairlines and outlines of cards
	Outline     color.NRGBA // outlines of controls: 3:1 on the surface (WCAG 1.4.11)
	Ink         color.NRGBA // text
	Muted       color.NRGBA // secondary text
	Accent      color.NRGBA // buttons, links, codes
	OnAccent    color.NRGBA
	AccentSoft  color.NRGBA // ground of accented chips
	Amber       color.NRGBA // time running out, warnings
	AmberSoft   color.NRGBA
	Danger      color.NRGBA
	OnDanger    color.NRGBA
	DangerSoft  color.NRGBA
	Scrim       color.NRGBA // over what a sheet covers
	Shadow      color.NRGBA
	Monograms   [6]color.NRGBA // grounds of monograms
	OnMonograms color.NRGBA
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func alpha(c color.NRGBA, a uint8) color.NRGBA {
	c.A = a
	return c
}

// Light is the palette for a bright room: warm paper, white cards, pine.
func Light() Palette {
	return Palette{
		Ground: rgb(0xF5F4EF), Surface: rgb(0xFFFFFF), Raised: rgb(0xF3F2EC), Hover: rgb(0xFAF9F5),
		Line: rgb(0xE5E2D9), Outline: rgb(0x808884), Ink: rgb(0x14211E), Muted: rgb(0x596560),
		Accent: rgb(0x0B6B5D), OnAccent: rgb(0xFFFFFF), AccentSoft: rgb(0xE1F1EC),
		Amber: rgb(0x9A4B06), AmberSoft: rgb(0xFCEFD7),
		Danger: rgb(0xB3261E), OnDanger: rgb(0xFFFFFF), DangerSoft: rgb(0xFCE9E6),
		Scrim: alpha(rgb(0x0C1513), 0x73), Shadow: alpha(rgb(0x14211E), 0x1F),
		Monograms:   [6]color.NRGBA{rgb(0x0B6B5D), rgb(0x3A5A9B), rgb(0x7A4A91), rgb(0x9A4B06), rgb(0xA33B4F), rgb(0x4E6520)},
		OnMonograms: rgb(0xFFFFFF),
	}
}

// Dark is the palette for a dark room: night green, not black.
func Dark() Palette {
	return Palette{
		Ground: rgb(0x0E1514), Surface: rgb(0x17201E), Raised: rgb(0x202B28), Hover: rgb(0x1C2724),
		Line: rgb(0x2A3633), Outline: rgb(0x74827D), Ink: rgb(0xECF1EE), Muted: rgb(0xA3B1AB),
		Accent: rgb(0x63D2BB), OnAccent: rgb(0x04221D), AccentSoft: rgb(0x17362F),
		Amber: rgb(0xF6B84A), AmberSoft: rgb(0x38290F),
		Danger: rgb(0xFF9A8F), OnDanger: rgb(0x3B0906), DangerSoft: rgb(0x3D1B18),
		Scrim: alpha(rgb(0x000000), 0x99), Shadow: alpha(rgb(0x000000), 0x66),
		Monograms:   [6]color.NRGBA{rgb(0x1F7A6B), rgb(0x47659F), rgb(0x7F5596), rgb(0x96571D), rgb(0xA34A5A), rgb(0x5A7030)},
		OnMonograms: rgb(0xFFFFFF),
	}
}

// The type scale, space, radii and touch sizes, in density-independent pixels at
// text scale 1.
const (
	Caption  = 12.5
	Body     = 15
	Title    = 17
	Heading  = 24
	Code     = 28
	Display  = 44
	LineGap  = 2 // between the lines of a paragraph, beside the font's own
	S1       = 4
	S2       = 8
	S3       = 12
	S4       = 16
	S5       = 24
	S6       = 32
	RadiusS  = 8
	RadiusM  = 12
	RadiusL  = 18
	Touch    = 46 // height of what a thumb must hit (WCAG 2.5.8 asks 24)
	IconSize = 22
	Hairline = 1
	// ReadingWidth is how wide a column of text and controls grows at most.
	ReadingWidth = 520
	// PromptWidth is how wide the push prompt grows at most.
	PromptWidth = 440
)

// Motion: short, and only where something changes place.
const (
	ToastTime   = 2600 * time.Millisecond
	OutcomeTime = 2200 * time.Millisecond // an approval closes itself after this
)

// Style is a palette at a text scale: what every widget is made with.
type Style struct {
	Palette
	Scale float32 // 1 is normal; 0.8 to 2
	Dark  bool
	// Acted, if set, is told of every sign of a person, for the idle lock.
	Acted func()
	// Focused, if set, is told which object the keyboard came to, so that it can
	// be brought into view.
	Focused func(fyne.CanvasObject)
}

// Touch passes on a sign of a person.
func (s *Style) Touch() {
	if s.Acted != nil {
		s.Acted()
	}
}

// Focus passes on which object the keyboard came to.
func (s *Style) Focus(o fyne.CanvasObject) {
	if s.Focused != nil {
		s.Focused(o)
	}
}

// NewStyle makes a style. The scale is kept within 0.8 to 2.
func NewStyle(dark bool, scale float32) *Style {
	s := &Style{Palette: Light(), Scale: min(max(scale, 0.8), 2), Dark: dark}
	if dark {
		s.Palette = Dark()
	}
	return s
}

// Size is a type size at the user's text scale.
func (s *Style) Size(points float32) float32 { return points * s.Scale }

// Contrast is the contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2,
// relative luminance).
func Contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	if la < lb {
		la, lb = lb, la
	}
	return (la + 0.05) / (lb + 0.05)
}
