package design

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"countersign/assets/fonts"
)

func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Theme gives the design system to Fyne's own widgets. It has one appearance,
// whatever the system's: the app decides, because the user can.
type Theme struct{ style *Style }

// NewTheme makes a style's theme.
func NewTheme(style *Style) *Theme { return &Theme{style: style} }

// The typeface, one resource a weight: Fyne reads a font once for each resource.
var (
	regular = fyne.NewStaticResource("CountersignSans-Regular.ttf", fonts.Regular())
	bold    = fyne.NewStaticResource("CountersignSans-Bold.ttf", fonts.Bold())
)

// Face is the font source for a text: Countersign Sans where that draws all of
// it, and nil, the theme's font with all that stands behind it, where it does
// not. What stands behind (Fyne's own fonts, four megabytes of emoji, the
// system's fonts) Fyne reads whole, once a weight, before the first letter: as
// much work as all the rest of the first frame.
func Face(text string, heavy bool) fyne.Resource {
	switch {
	case !fonts.Covers(text):
		return nil
	case heavy:
		return bold
	}
	return regular
}

// Color is the palette, under Fyne's names.
func (t *Theme) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	p := t.style.Palette
	switch name {
	case theme.ColorNameBackground:
		return p.Ground
	case theme.ColorNameForeground:
		return p.Ink
	case theme.ColorNamePrimary, theme.ColorNameHyperlink, theme.ColorNameSuccess:
		return p.Accent
	case theme.ColorNameForegroundOnPrimary, theme.ColorNameForegroundOnSuccess:
		return p.OnAccent
	case theme.ColorNameFocus:
		return alpha(p.Accent, 0x40)
	case theme.ColorNameSelection:
		return alpha(p.Accent, 0x38)
	case theme.ColorNameError:
		return p.Danger
	case theme.ColorNameForegroundOnError:
		return p.OnDanger
	case theme.ColorNameWarning:
		return p.Amber
	case theme.ColorNameForegroundOnWarning:
		return p.Ground
	case theme.ColorNameInputBackground, theme.ColorNameButton, theme.ColorNameDisabledButton:
		return p.Raised
	case theme.ColorNameInputBorder, theme.ColorNameScrollBar:
		return p.Outline
	case theme.ColorNamePlaceHolder, theme.ColorNameDisabled:
		return p.Muted
	case theme.ColorNameHover, theme.ColorNamePressed:
		return alpha(p.Accent, 0x1A)
	case theme.ColorNameMenuBackground, theme.ColorNameOverlayBackground, theme.ColorNameHeaderBackground:
		return p.Surface
	case theme.ColorNameSeparator:
		return p.Line
	case theme.ColorNameShadow:
		return p.Shadow
	case theme.ColorNameScrollBarBackground:
		return alpha(p.Line, 0x01) // all but nothing
	}
	variant := theme.VariantLight
	if t.style.Dark {
		variant = theme.VariantDark
	}
	return theme.DefaultTheme().Color(name, variant)
}

// Font is Countersign Sans; the monospace and symbol styles stay Fyne's.
func (t *Theme) Font(style fyne.TextStyle) fyne.Resource {
	switch {
	case style.Monospace, style.Symbol:
		return theme.DefaultTheme().Font(style)
	case style.Bold:
		return bold
	}
	return regular
}

// Icon is Fyne's: only its own widgets, such as an entry's eye, ask for one.
func (t *Theme) Icon(name fyne.ThemeIconName) fyne.Resource {
	return theme.DefaultTheme().Icon(name)
}

// Size is the scale, under Fyne's names.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return t.style.Size(Body)
	case theme.SizeNameCaptionText:
		return t.style.Size(Caption)
	case theme.SizeNameSubHeadingText:
		return t.style.Size(Title)
	case theme.SizeNameHeadingText:
		return t.style.Size(Heading)
	case theme.SizeNameInputRadius, theme.SizeNameButtonRadius, theme.SizeNameMenuRadius, theme.SizeNamePopupRadius:
		return RadiusM
	case theme.SizeNameCardRadius, theme.SizeNameDialogRadius:
		return RadiusL
	case theme.SizeNameSelectionRadius:
		return RadiusS
	case theme.SizeNameInnerPadding:
		return S3 - 1
	case theme.SizeNameScrollBar:
		return 10
	case theme.SizeNameScrollBarSmall:
		return 4
	}
	return theme.DefaultTheme().Size(name)
}
