// Package i18n speaks to the user in a language that can change while the app
// runs, which Fyne's own translations cannot. A text is found by its key; its
// {placeholders} are filled by name, and a text that counts has a form for each
// of its language's plural categories (CLDR). The catalogues are checked when
// they are loaded: every language has every key, with the same placeholders.
package i18n

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// The languages, by their BCP 47 tags.
const (
	English = "en"
	Swedish = "sv"
	Thai    = "th"
)

// ErrCatalogue is wrapped by every error about a catalogue.
var ErrCatalogue = errors.New("translations")

// Args are the values of a text's placeholders, by name.
type Args map[string]any

// Catalogue is every text in every language. It does not change after Load, so
// that it can be read from anywhere.
type Catalogue struct {
	texts map[string]map[string]text // by language, then key
}

// text is a text's forms: "other" always, "one" where the language has it.
type text struct{ one, other string }

// UnmarshalJSON takes a plain text, or an object of plural forms.
func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.other)
	}
	var forms struct {
		One   string `json:"one"`
		Other string `json:"other"`
	}
	if err := json.Unmarshal(data, &forms, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	t.one, t.other = forms.One, forms.Other
	return nil
}

// Load reads the LANGUAGE.json files of a folder, and refuses catalogues that
// differ in their keys or placeholders.
func Load(folder fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	c := &Catalogue{texts: map[string]map[string]text{}}
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("%w: reading %s: %w", ErrCatalogue, name, err)
		}
		var texts map[string]text
		if err := json.Unmarshal(data, &texts); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrCatalogue, name, err)
		}
		language := strings.TrimSuffix(path.Base(name), ".json")
		if language == Thai {
			markBreaks(texts)
		}
		c.texts[language] = texts
	}
	return c, c.check()
}

// markBreaks turns the bars that th.json has between words into the mark for a
// place where a line may break (U+200B): Thai writes no spaces there, and no
// dictionary is needed for words that a translator has parted.
func markBreaks(texts map[string]text) {
	for key, t := range texts {
		t.other = strings.ReplaceAll(t.other, "|", "\u200b")
		texts[key] = t
	}
}

func (c *Catalogue) check() error {
	reference, ok := c.texts[English]
	if !ok {
		return fmt.Errorf("%w: no %s.json", ErrCatalogue, English)
	}
	var faults []error
	for _, language := range c.Languages() {
		texts := c.texts[language]
		for key, want := range reference {
			got, ok := texts[key]
			switch {
			case !ok:
				faults = append(faults, fmt.Errorf("%w: %s lacks %q", ErrCatalogue, language, key))
			case got.other == "":
				faults = append(faults, fmt.Errorf("%w: %s: %q is empty", ErrCatalogue, language, key))
			case !slices.Equal(placeholders(got.other), placeholders(want.other)):
				faults = append(faults, fmt.Errorf("%w: %s: %q has other placeholders than English", ErrCatalogue, language, key))
			}
		}
		for key := range texts {
			if _, ok := reference[key]; !ok {
				faults = append(faults, fmt.Errorf("%w: %s: %q is not in English", ErrCatalogue, language, key))
			}
		}
	}
	return errors.Join(faults...)
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func placeholders(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Languages lists the languages that there are, sorted by tag.
func (c *Catalogue) Languages() []string {
	return slices.Sorted(maps.Keys(c.texts))
}

// Keys lists every key, sorted.
func (c *Catalogue) Keys() []string {
	return slices.Sorted(maps.Keys(c.texts[English]))
}

// Has reports whether there is a text of that key.
func (c *Catalogue) Has(key string) bool {
	_, ok := c.texts[English][key]
	return ok
}

// Match is the catalogue's language for a BCP 47 tag or POSIX locale such as
// "sv-SE" or "th_TH.UTF-8"; English where there is none.
func (c *Catalogue) Match(locale string) string {
	base := strings.ToLower(locale)
	if i := strings.IndexAny(base, "-_.@"); i >= 0 {
		base = base[:i]
	}
	if _, ok := c.texts[base]; ok {
		return base
	}
	return English
}

// Printer speaks one language.
type Printer struct {
	language  string
	texts     map[string]text
	catalogue *Catalogue
}

// Printer is the speaker of a language, or of English where it is unknown.
func (c *Catalogue) Printer(language string) *Printer {
	language = c.Match(language)
	return &Printer{language: language, texts: c.texts[language], catalogue: c}
}

// Language is the printer's language tag.
func (p *Printer) Language() string { return p.language }

// T is the text of a key. An unknown key is shown as itself, which a test of
// every key in use makes impossible.
func (p *Printer) T(key string) string {
	t, ok := p.texts[key]
	if !ok {
		return key
	}
	return t.other
}

// F is the text of a key with its placeholders filled.
func (p *Printer) F(key string, args Args) string {
	return fill(p.T(key), args)
}

// N is the text of a key in the plural form of n, which fills {n}.
func (p *Printer) N(key string, n int, args Args) string {
	t, ok := p.texts[key]
	if !ok {
		return key
	}
	s := t.other
	if n == 1 && t.one != "" { // Thai has "other" alone (CLDR)
		s = t.one
	}
	filled := Args{"n": n}
	maps.Copy(filled, args)
	return fill(s, filled)
}

func fill(s string, args Args) string {
	return placeholder.ReplaceAllStringFunc(s, func(name string) string {
		switch v := args[name[1:len(name)-1]].(type) {
		case nil:
			return name
		case string:
			return v
		case int:
			return strconv.Itoa(v)
		default:
			return fmt.Sprint(v)
		}
	})
}
