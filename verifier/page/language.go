package page

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// Language is one that the pages are written in.
type Language struct {
	Tag  string // BCP 47
	Name string // in itself
}

// Languages are all of them; the first is for readers of none.
func Languages() []Language {
	return []Language{{"en", "English"}, {"sv", "Svenska"}, {"th", "ไทย"}}
}

// LanguageParameter is the query parameter and LanguageCookie the cookie by
// which a reader chooses; before that, Accept-Language does (RFC 9110 §12.5.4).
// The cookie has its prefix (RFC 6265bis §4.1.3.2) wherever the browser takes
// Secure cookies.
const (
	LanguageParameter = "lang"
	LanguageCookie    = "__Host-" + plainCookie
	plainCookie       = "countersign-language"
)

// LanguageOf is the language of a request's reader.
func LanguageOf(r *http.Request) Language {
	chosen := r.URL.Query().Get(LanguageParameter)
	if chosen == "" {
		chosen = chosenBefore(r)
	}
	if l, ok := languageByTag(chosen); ok {
		return l
	}
	all := Languages()
	tags := make([]language.Tag, len(all))
	for i, l := range all {
		tags[i] = language.Make(l.Tag)
	}
	header := r.Header.Get("Accept-Language")
	if len(header) > 512 {
		return all[0]
	}
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return all[0]
	}
	_, index, _ := language.NewMatcher(tags).Match(wanted...)
	return all[index]
}

func chosenBefore(r *http.Request) string {
	for _, name := range []string{LanguageCookie, plainCookie} {
		if cookie, err := r.Cookie(name); err == nil {
			return cookie.Value
		}
	}
	return ""
}

func languageByTag(tag string) (Language, bool) {
	for _, l := range Languages() {
		if l.Tag == tag {
			return l, true
		}
	}
	return Language{}, false
}

// ChooseLanguage keeps the choice of a request with LanguageParameter and sends
// its reader to the same page without it; it reports whether it did.
func ChooseLanguage(w http.ResponseWriter, r *http.Request, secure bool) bool {
	if r.Method != http.MethodGet || !r.URL.Query().Has(LanguageParameter) {
		return false
	}
	name := LanguageCookie
	if !secure {
		name = plainCookie
	}
	if l, ok := languageByTag(r.URL.Query().Get(LanguageParameter)); ok {
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the browser takes it
			Name: name, Value: l.Tag, Path: "/", MaxAge: 365 * 24 * 60 * 60,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure,
		})
	}
	query := r.URL.Query()
	query.Del(LanguageParameter)
	// Rooted and with one slash: a path of two would lead to another host.
	target := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/\\")
	if rest := query.Encode(); rest != "" {
		target += "?" + rest
	}
	http.Redirect(w, r, target, http.StatusSeeOther) //nolint:gosec // rooted above
	return true
}
