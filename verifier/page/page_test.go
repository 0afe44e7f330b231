package page

import (
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	assets "countersign/assets/web"
)

var (
	placeholder = regexp.MustCompile(`\{[a-z]+\}`)
	usedKey     = regexp.MustCompile(`\.T "([a-z_.-]+)"`)
)

func load(t *testing.T) texts {
	t.Helper()
	all, err := loadTexts(assets.Files)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryTextExistsInEveryLanguage(t *testing.T) {
	all := load(t)
	first := all[Languages()[0].Tag]
	if len(first) < 100 {
		t.Fatalf("only %d texts", len(first))
	}
	for _, l := range Languages() {
		for key, text := range first {
			other, ok := all[l.Tag][key]
			switch {
			case !ok:
				t.Errorf("%s lacks %s", l.Tag, key)
			case strings.TrimSpace(other) == "":
				t.Errorf("%s: %s is empty", l.Tag, key)
			case !slices.Equal(placeholders(text), placeholders(other)):
				t.Errorf("%s: %s has other placeholders", l.Tag, key)
			}
		}
		for key := range maps.Keys(all[l.Tag]) {
			if _, ok := first[key]; !ok {
				t.Errorf("%s has %s, which no other language has", l.Tag, key)
			}
		}
	}
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestThaiAndSwedishAreThemselves(t *testing.T) {
	all := load(t)
	for key, text := range all["th"] {
		if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x0e00 && r <= 0x0e7f }) {
			t.Errorf("th: %s is not in Thai: %q", key, text)
		}
	}
	same := 0
	for key, text := range all["sv"] {
		if text == all["en"][key] {
			same++
		}
	}
	if same > 10 {
		t.Errorf("%d Swedish texts are English", same)
	}
}

func TestTemplatesUseTextsThatExist(t *testing.T) {
	all := load(t)
	names, err := fs.Glob(assets.Files, "templates/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		body, err := assets.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range usedKey.FindAllStringSubmatch(string(body), -1) {
			if _, ok := all["en"][found[1]]; !ok {
				t.Errorf("%s uses %s", name, found[1])
			}
		}
	}
}

func TestATextThatIsMissingIsAnError(t *testing.T) {
	if _, err := load(t).text("en", "no.such.text"); err == nil {
		t.Error("no error")
	}
}

func TestPlaceholdersAreFilledOnce(t *testing.T) {
	all := texts{"en": {"k": "{a} and {b}"}}
	// What fills one placeholder is not searched for others.
	if got, _ := all.text("en", "k", "a", "{b}", "b", 2); got != "{b} and 2" {
		t.Error(got)
	}
}

func TestAPageThatCannotBeDrawnIsNotHalfDrawn(t *testing.T) {
	p, err := New(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.Render(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), http.StatusOK, "signin", View{Title: "no.such.title"})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func FuzzLanguageOf(f *testing.F) {
	for _, seed := range []string{"", "sv", "th-TH;q=0.5,en", "*", ";;", "x-klingon,sv;q=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Accept-Language", header)
		if got := LanguageOf(r); !slices.Contains(Languages(), got) {
			t.Errorf("%v", got)
		}
	})
}
