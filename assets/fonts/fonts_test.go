package fonts

import (
	"testing"
	"unicode"

	"golang.org/x/image/font/sfnt"
)

// TestCoversOnlyWhatIsThere holds the table to the files: a rune too many would
// be drawn as a box.
func TestCoversOnlyWhatIsThere(t *testing.T) {
	for name, content := range map[string][]byte{"regular": Regular(), "bold": Bold()} {
		f, err := sfnt.Parse(content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var buffer sfnt.Buffer
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if !unicode.Is(covered, r) {
				continue
			}
			if glyph, err := f.GlyphIndex(&buffer, r); err != nil || glyph == 0 {
				t.Errorf("%s has no %U (%v)", name, r, err)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	for text, want := range map[string]bool{
		"":           true,
		"123 456":    true,
		"Räksmörgås": true,
		"•••… – €":   true,
		"น้ำ":        true,
		"🔑":          false,
		"Bank ✓":     false, // there, but not in the table
		"銀行":         false,
		"a\tb":       false,
	} {
		if got := Covers(text); got != want {
			t.Errorf("Covers(%q) = %v, want %v", text, got, want)
		}
	}
}
