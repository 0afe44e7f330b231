// Package fonts holds the app's typeface, Countersign Sans: Inter and Noto Sans
// Thai in one file a weight, so that a line has one height in every language and
// codes do not dance (merge.py makes it, OFL.txt is its licence).
package fonts

import (
	_ "embed"
	"unicode"
)

//go:embed CountersignSans-Regular.ttf
var regular []byte

//go:embed CountersignSans-Bold.ttf
var bold []byte

// Regular is the weight for reading, as TrueType.
func Regular() []byte { return regular }

// Bold is the weight for headings and codes, as TrueType.
func Bold() []byte { return bold }

// covered is what both weights surely draw: Latin, Greek, Cyrillic, Thai,
// punctuation and the signs of currencies.
var covered = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0020, Hi: 0x007e, Stride: 1},
		{Lo: 0x00a0, Hi: 0x0148, Stride: 1},
		{Lo: 0x014a, Hi: 0x01c3, Stride: 1},
		{Lo: 0x01c5, Hi: 0x024f, Stride: 1},
		{Lo: 0x038e, Hi: 0x03a1, Stride: 1},
		{Lo: 0x03a3, Hi: 0x03e1, Stride: 1},
		{Lo: 0x03f0, Hi: 0x049d, Stride: 1},
		{Lo: 0x0e01, Hi: 0x0e3a, Stride: 1},
		{Lo: 0x0e3f, Hi: 0x0e5b, Stride: 1},
		{Lo: 0x1e00, Hi: 0x1eff, Stride: 1},
		{Lo: 0x2010, Hi: 0x2027, Stride: 1},
		{Lo: 0x20a0, Hi: 0x20bf, Stride: 1},
	},
	LatinOffset: 1,
}

// Covers reports whether the typeface draws a whole text by itself, so that no
// other font is asked. Some texts that it does draw may get a no.
func Covers(text string) bool {
	for _, r := range text {
		if !unicode.Is(covered, r) {
			return false
		}
	}
	return true
}
