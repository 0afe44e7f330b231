package kit

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// count measures in letters: marks have no width, as in Thai.
func count(s string) float32 {
	n := 0
	for _, r := range s {
		if !unicode.Is(unicode.M, r) {
			n++
		}
	}
	return float32(n)
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		width      float32
		want       []string
	}{
		{"fits", "one two", 10, []string{"one two"}},
		{"breaks at spaces", "one two three", 8, []string{"one two", "three"}},
		{"keeps line ends", "one\ntwo", 10, []string{"one", "two"}},
		{"empty is one line", "", 10, []string{""}},
		{"cuts what is too long", "abcdefgh", 3, []string{"abc", "def", "gh"}},
		{"breaks at marks, which are not drawn", "รหัส\u200bผ่าน", 5, []string{"รหัส", "ผ่าน"}},
		{"does not break a Thai word with a mark further on", "กด\u200bเพื่อ", 4, []string{"กด", "เพื่อ"}},
		{"never strands a leading vowel", "กกเก", 3, []string{"กก", "เก"}},
		{"never parts a following vowel", "กกกา", 3, []string{"กก", "กา"}},
		{"never parts a tone mark", "กกก่", 2, []string{"กก", "ก่"}},
		{"breaks a long address behind @", "alex@contoso.example", 15, []string{"alex@", "contoso.example"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := Wrap(c.text, c.width, count); !slices.Equal(got, c.want) {
				t.Errorf("Wrap(%q, %v) = %q, want %q", c.text, c.width, got, c.want)
			}
		})
	}
}

func FuzzWrap(f *testing.F) {
	for _, s := range []string{"hello world", "คุณ\u200bกำลัง\u200bลงชื่อ", "เเเเ", "่่่", "a  b   c", "\u200b\u200b", "https://portal.contoso.example/a@b"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		if !utf8.ValidString(s) || width < 1 || width > 200 || len(s) > 500 {
			return // not a text of a screen
		}
		lines := Wrap(s, float32(width), count)
		strip := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(Plain(s), " ", ""), "\n", "") }
		if got := strip(strings.Join(lines, "")); got != strip(s) {
			t.Fatalf("Wrap(%q) lost or made text: %q", s, lines)
		}
		for i, l := range lines {
			r, _ := utf8.DecodeRuneInString(l)
			if i > 0 && l != "" && joinsLeft(r) && !strings.ContainsAny(s, " \n\u200b/@") {
				t.Fatalf("line %d of %q begins with a mark: %q", i, s, lines)
			}
		}
	})
}

func TestMonogram(t *testing.T) {
	for name, want := range map[string]string{"github": "G", "เชียงใหม่": "ช", "": "#", "·· 7 days": "7", "Åsa": "Å"} {
		if got := monogram(name); got != want {
			t.Errorf("monogram(%q) = %q, want %q", name, got, want)
		}
	}
}
