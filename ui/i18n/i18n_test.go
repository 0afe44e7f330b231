package i18n_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"countersign/assets/translations"
	"countersign/ui/i18n"
)

func TestEveryKeyExistsInEveryLanguage(t *testing.T) {
	c, err := i18n.Load(translations.Files())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Languages(), " "); got != "en sv th" {
		t.Errorf("languages %q", got)
	}
	if len(c.Keys()) < 200 {
		t.Errorf("%d keys only", len(c.Keys()))
	}
}

func TestSwedishAndEnglishHaveNoBreakMarks(t *testing.T) {
	c, err := i18n.Load(translations.Files())
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range c.Languages() {
		p := c.Printer(language)
		for _, key := range c.Keys() {
			s := p.T(key)
			if strings.Contains(s, "|") || (language != i18n.Thai && strings.ContainsRune(s, '\u200b')) {
				t.Errorf("%s: %q has a break mark: %q", language, key, s)
			}
			if s != strings.TrimSpace(s) {
				t.Errorf("%s: %q begins or ends with a space", language, key)
			}
		}
	}
}

func files(en, sv string) fstest.MapFS {
	return fstest.MapFS{"en.json": {Data: []byte(en)}, "sv.json": {Data: []byte(sv)}}
}

func TestLoadRefuses(t *testing.T) {
	for rule, f := range map[string]fstest.MapFS{
		"a missing key":         files(`{"a":"A","b":"B"}`, `{"a":"A"}`),
		"a key of no other":     files(`{"a":"A"}`, `{"a":"A","b":"B"}`),
		"another placeholder":   files(`{"a":"{x}"}`, `{"a":"{y}"}`),
		"an empty text":         files(`{"a":"A"}`, `{"a":""}`),
		"a key twice":           files(`{"a":"A","a":"B"}`, `{"a":"A"}`),
		"an unknown form":       files(`{"a":{"two":"A","other":"B"}}`, `{"a":"A"}`),
		"no English":            {"sv.json": {Data: []byte(`{}`)}},
		"something that is not": files(`[]`, `{}`),
	} {
		t.Run(rule, func(t *testing.T) {
			if _, err := i18n.Load(f); !errors.Is(err, i18n.ErrCatalogue) {
				t.Errorf("error %v, want ErrCatalogue", err)
			}
		})
	}
}

func TestPrinter(t *testing.T) {
	c, err := i18n.Load(fstest.MapFS{
		"en.json": {Data: []byte(`{"n":{"one":"{n} day of {who}","other":"{n} days of {who}"},"f":"Hello {who}"}`)},
		"sv.json": {Data: []byte(`{"n":{"one":"{n} dag av {who}","other":"{n} dagar av {who}"},"f":"Hej {who}"}`)},
		"th.json": {Data: []byte(`{"n":"{n} วัน|ของ {who}","f":"สวัสดี {who}"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	who := i18n.Args{"who": "{n}"} // a value is not filled again
	for _, s := range []struct{ language, got, want string }{
		{"en", c.Printer("en").N("n", 1, who), "1 day of {n}"},
		{"en", c.Printer("en").N("n", 0, who), "0 days of {n}"},
		{"sv", c.Printer("sv_SE.UTF-8").N("n", 2, who), "2 dagar av {n}"},
		{"th", c.Printer("th-TH").N("n", 1, who), "1 วัน\u200bของ {n}"},
		{"unknown language", c.Printer("xx").F("f", who), "Hello {n}"},
		{"unknown key", c.Printer("en").T("none"), "none"},
		{"missing value", c.Printer("en").F("f", nil), "Hello {who}"},
	} {
		if s.got != s.want {
			t.Errorf("%s: %q, want %q", s.language, s.got, s.want)
		}
	}
}
