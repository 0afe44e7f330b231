package page

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	assets "countersign/assets/web"
	"countersign/verifier/words"
)

var usedKey = regexp.MustCompile(`\.T "([a-z_.-]+)"`)

func TestTemplatesUseTextsThatExist(t *testing.T) {
	all, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
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
			if _, ok := all[words.English][found[1]]; !ok {
				t.Errorf("%s uses %s", name, found[1])
			}
		}
	}
}

func TestThePagesHaveEveryTranslationAndNoOther(t *testing.T) {
	all, err := words.Load()
	if err != nil || len(all) != len(Languages()) {
		t.Fatalf("%d translations, %v", len(all), err)
	}
	for _, l := range Languages() {
		if _, ok := all[l.Tag]; !ok {
			t.Errorf("no translation for %s", l.Tag)
		}
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
	if w.Body.Len() == 0 {
		t.Error("its reader is told nothing")
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
