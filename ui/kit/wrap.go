package kit

import (
	"strings"
	"unicode"
)

// zwsp marks where a line may break between two words of a script without
// spaces (UAX #14, class ZW).
const zwsp = '\u200b'

// Plain is a text without its break marks, for where nothing wraps.
func Plain(s string) string {
	return strings.ReplaceAll(s, string(zwsp), "")
}

// Wrap breaks a text into lines that measure at most width. It breaks at
// spaces and break marks; where a word alone is too long, between clusters, so
// that no Thai vowel is parted from its consonant and no mark from its letter:
// Fyne's own labels break at spaces only, which Thai does not write.
func Wrap(s string, width float32, measure func(string) float32) []string {
	var lines []string
	for _, paragraph := range strings.Split(s, "\n") {
		lines = append(lines, wrapParagraph(paragraph, width, measure)...)
	}
	return lines
}

func wrapParagraph(s string, width float32, measure func(string) float32) []string {
	var lines []string
	line := ""
	for _, word := range words(s) {
		candidate := line + word
		if measure(visible(candidate)) <= width {
			line = candidate
			continue
		}
		if visible(line) != "" {
			lines = append(lines, visible(line))
			line = ""
		}
		word = strings.TrimLeft(word, " ")
		for _, cluster := range clusters(word) {
			if line != "" && measure(visible(line+cluster)) > width {
				lines = append(lines, visible(line))
				line = ""
			}
			line += cluster
		}
	}
	return append(lines, visible(line))
}

func visible(s string) string {
	return strings.TrimRight(Plain(s), " ")
}

// words cuts a text behind each place where a line may break.
func words(s string) []string {
	var found []string
	start := 0
	runes := []rune(s)
	for i, r := range runes {
		breaks := r == zwsp || (r == ' ' && (i+1 == len(runes) || runes[i+1] != ' '))
		// Behind a slash or @ inside an address or account name.
		breaks = breaks || (i > start && strings.ContainsRune("/@", r))
		if breaks {
			found = append(found, string(runes[start:i+1]))
			start = i + 1
		}
	}
	return append(found, string(runes[start:]))
}

// clusters cuts a text into what belongs together: a letter with its marks, and
// in Thai a consonant with the vowels before, over, under and behind it.
func clusters(s string) []string {
	var found []string
	var current []rune
	for _, r := range s {
		if len(current) > 0 && !joinsLeft(r) && !joinsRight(current[len(current)-1]) {
			found = append(found, string(current))
			current = nil
		}
		current = append(current, r)
	}
	if len(current) > 0 {
		found = append(found, string(current))
	}
	return found
}

// joinsLeft reports whether r cannot begin a line: marks, and Thai's following
// vowels and signs (sara a to phinthu, lakkhangyao, mai yamok, paiyannoi).
func joinsLeft(r rune) bool {
	return unicode.Is(unicode.M, r) || r == '\u200d' ||
		(r >= 0x0E2F && r <= 0x0E3A) || (r >= 0x0E45 && r <= 0x0E4E)
}

// joinsRight reports whether r cannot end a line: Thai's leading vowels.
func joinsRight(r rune) bool {
	return (r >= 0x0E40 && r <= 0x0E44) || r == '\u200d'
}
