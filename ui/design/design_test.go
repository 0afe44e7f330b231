package design

import (
	"image/color"
	"testing"

	"fyne.io/fyne/v2/test"

	"countersign/assets/icons"
)

// TestContrast holds every pair of a text and its ground to WCAG 2.2 AA.
func TestContrast(t *testing.T) {
	for name, p := range map[string]Palette{"light": Light(), "dark": Dark()} {
		type pair struct {
			what   string
			text   color.NRGBA
			ground color.NRGBA
			least  float64
		}
		pairs := []pair{
			{"ink on ground", p.Ink, p.Ground, 7},
			{"ink on surface", p.Ink, p.Surface, 7},
			{"ink on raised", p.Ink, p.Raised, 7},
			{"ink on hover", p.Ink, p.Hover, 7},
			{"muted on ground", p.Muted, p.Ground, 4.5},
			{"muted on surface", p.Muted, p.Surface, 4.5},
			{"muted on raised", p.Muted, p.Raised, 4.5},
			{"accent on ground", p.Accent, p.Ground, 4.5},
			{"accent on surface", p.Accent, p.Surface, 4.5},
			{"accent on soft", p.Accent, p.AccentSoft, 4.5},
			{"words on accent", p.OnAccent, p.Accent, 4.5},
			{"amber on surface", p.Amber, p.Surface, 4.5},
			{"amber on soft", p.Amber, p.AmberSoft, 4.5},
			{"ink on amber soft", p.Ink, p.AmberSoft, 4.5},
			{"danger on surface", p.Danger, p.Surface, 4.5},
			{"danger on ground", p.Danger, p.Ground, 4.5},
			{"danger on soft", p.Danger, p.DangerSoft, 4.5},
			{"words on danger", p.OnDanger, p.Danger, 4.5},
			{"ink on danger soft", p.Ink, p.DangerSoft, 4.5},
			{"outline on surface", p.Outline, p.Surface, 3},
			{"outline on ground", p.Outline, p.Ground, 3},
		}
		for _, m := range p.Monograms {
			pairs = append(pairs, pair{"letter on monogram", p.OnMonograms, m, 4.5})
		}
		for _, c := range pairs {
			if got := Contrast(c.text, c.ground); got < c.least {
				t.Errorf("%s: %s has %.2f:1, wants %.1f:1", name, c.what, got, c.least)
			}
		}
	}
}

func TestContrastOfKnownPairs(t *testing.T) {
	black, white := color.NRGBA{A: 0xff}, color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff}
	if got := Contrast(black, white); got < 20.99 || got > 21.01 {
		t.Errorf("black on white %v, want 21 (WCAG 2.2)", got)
	}
	if got := Contrast(white, white); got != 1 {
		t.Errorf("white on white %v, want 1", got)
	}
}

func TestThemeDefinesEveryColour(t *testing.T) {
	test.NewTempApp(t)
	test.AssertAllColorNamesDefined(t, NewTheme(NewStyle(false, 1)), "light")
	test.AssertAllColorNamesDefined(t, NewTheme(NewStyle(true, 1)), "dark")
}

func TestScaleIsBounded(t *testing.T) {
	for given, want := range map[float32]float32{0: 0.8, 1: 1, 9: 2} {
		if got := NewStyle(false, given).Scale; got != want {
			t.Errorf("scale %v became %v, want %v", given, got, want)
		}
	}
}

func TestIconsTakeTheirColour(t *testing.T) {
	for _, name := range icons.Names() {
		if Icon(name, Light().Ink) == nil {
			t.Errorf("no icon %q", name)
		}
	}
	if Icon("none", Light().Ink) != nil {
		t.Error("an icon that is not there")
	}
	if string(Icon("check", Light().Ink).Content()) == string(Icon("check", Light().Danger).Content()) {
		t.Error("two colours give the same picture")
	}
}
