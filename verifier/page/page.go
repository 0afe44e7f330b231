// Package page draws the verifier's pages: templates over one layout, in the
// reader's language, with style sheet, script and typeface served from the
// binary. No page asks anything of another host, and none holds a script or a
// style of its own, so that the content security policy can forbid them.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"countersign/assets/fonts"
	assets "countersign/assets/web"
	"countersign/verifier/policy"
	"countersign/verifier/words"
)

// ContentSecurityPolicy of every page: its own files, and forms to itself.
// Nothing inline, nothing from elsewhere, no frame around it.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Pages draws pages. It is safe for use by several goroutines.
type Pages struct {
	templates map[string]*template.Template
	texts     words.Catalogue
	static    map[string]file
	logger    *slog.Logger
}

type file struct {
	body  []byte
	media string
	tag   string
}

// New reads templates and translations. An error means that the binary was
// built from broken files.
func New(logger *slog.Logger) (*Pages, error) {
	p := &Pages{templates: map[string]*template.Template{}, static: map[string]file{}, logger: logger}
	var err error
	if p.texts, err = words.Load(); err != nil {
		return nil, err
	}
	if err := p.loadStatic(); err != nil {
		return nil, err
	}
	return p, p.loadTemplates()
}

func (p *Pages) loadStatic() error {
	entries, err := fs.ReadDir(assets.Files, "static")
	if err != nil {
		return fmt.Errorf("page: listing the static files: %w", err)
	}
	for _, entry := range entries {
		body, err := assets.Files.ReadFile("static/" + entry.Name())
		if err != nil {
			return fmt.Errorf("page: reading a static file: %w", err)
		}
		p.static[entry.Name()] = newFile(entry.Name(), body)
	}
	p.static["regular.ttf"] = newFile("regular.ttf", fonts.Regular())
	p.static["bold.ttf"] = newFile("bold.ttf", fonts.Bold())
	return nil
}

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	media := mime.TypeByExtension(path.Ext(name))
	if path.Ext(name) == ".ttf" {
		media = "font/ttf" // not in every system's table
	}
	return file{body: body, media: media, tag: hex.EncodeToString(sum[:8])}
}

func (p *Pages) loadTemplates() error {
	base, err := template.New("layout.html").Funcs(template.FuncMap{"static": p.staticURL, "field": field, "platform": platform}).
		ParseFS(assets.Files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return fmt.Errorf("page: reading the layout: %w", err)
	}
	names, err := fs.Glob(assets.Files, "templates/*.html")
	if err != nil {
		return fmt.Errorf("page: listing the templates: %w", err)
	}
	for _, name := range names {
		one, err := base.Clone()
		if err == nil {
			one, err = one.ParseFS(assets.Files, name)
		}
		if err != nil {
			return fmt.Errorf("page: reading %s: %w", name, err)
		}
		p.templates[strings.TrimSuffix(path.Base(name), ".html")] = one
	}
	return nil
}

// staticURL names a file with its hash, so that it can be cached for ever.
func (p *Pages) staticURL(name string) (string, error) {
	f, ok := p.static[name]
	if !ok {
		return "", fmt.Errorf("page: no static file %s", name)
	}
	return "/static/" + name + "?v=" + f.tag, nil
}

// choice is what a part that draws a field is given: the view, for its texts,
// the field's name and value, and what can be chosen.
type choice struct {
	View    View
	Name    string
	Value   string
	Choices []string
}

func field(v View, name string, value any, choices ...string) choice {
	return choice{View: v, Name: name, Value: fmt.Sprint(value), Choices: choices}
}

// platform is a platform's name as its maker writes it.
func platform(p policy.Platform) string {
	switch p {
	case policy.IOS:
		return "iOS"
	case policy.Android:
		return "Android"
	case policy.Windows:
		return "Windows"
	case policy.MacOS:
		return "macOS"
	case policy.Linux:
		return "Linux"
	default: // a wearable's, as it says it
		return string(p)
	}
}

// Static serves /static/.
func (p *Pages) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := p.static[strings.TrimPrefix(r.URL.Path, "/static/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.media)
		h.Set("ETag", `"`+f.tag+`"`)
		if h.Set("Cache-Control", "no-cache"); r.URL.Query().Get("v") == f.tag {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if r.Header.Get("If-None-Match") == `"`+f.tag+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(f.body)
	})
}

// View is what a template is drawn of.
type View struct {
	Title     string // a key of the translations
	TitleArgs []any  // its placeholders, as Text takes them
	Org       string // the organisation's name
	User      string // the signed-in user's name, or empty
	Admin     bool   // the signed-in user may open the portal
	Wide      bool   // lists need more width than a form
	Refresh   int    // without scripts, draw again after so many seconds; 0 for never
	Nav       []Item // of the portal; empty elsewhere
	Data      any    // the template's own

	Lang Language
	Path string // the page's path
	text func(key string, args ...any) (string, error)

	query url.Values
}

// Item is an entry of a navigation.
type Item struct {
	Href, Text string // Text is a key
	Here       bool
}

// T is a text in the reader's language; args are pairs of placeholder and value.
func (v View) T(key string, args ...any) (string, error) { return v.text(key, args...) }

// Heading is the title in the reader's language.
func (v View) Heading() (string, error) { return v.text(v.Title, v.TitleArgs...) }

// Languages are what the switch offers.
func (v View) Languages() []Language { return Languages() }

// InLanguage is the page's address in another language: what it asks for stays.
func (v View) InLanguage(tag string) string {
	query := url.Values{}
	for name, values := range v.query {
		query[name] = values
	}
	query.Set(LanguageParameter, tag)
	return v.Path + "?" + query.Encode()
}

// Render draws a page. A template that fails sends no half a page.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, name string, v View) {
	v.Lang = LanguageOf(r)
	v.Path, v.query = r.URL.Path, r.URL.Query()
	v.text = func(key string, args ...any) (string, error) { return p.texts.Text(v.Lang.Tag, key, args...) }
	var b bytes.Buffer
	t, ok := p.templates[name]
	err := fmt.Errorf("page: no template %s", name)
	if ok {
		err = t.ExecuteTemplate(&b, "layout.html", v)
	}
	h := w.Header()
	if err != nil {
		p.logger.ErrorContext(r.Context(), "drawing a page", "page", name, "error", err)
		http.Error(w, p.Text(r, "outcome.failed.text"), http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang.Tag)
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// Text is a text in the language of the request.
func (p *Pages) Text(r *http.Request, key string, args ...any) string {
	s, err := p.texts.Text(LanguageOf(r).Tag, key, args...)
	if err != nil {
		p.logger.ErrorContext(r.Context(), "looking up a text", "error", err)
	}
	return s
}

// Say is what something has to say, in the language of the request.
func (p *Pages) Say(r *http.Request, t words.Text) string { return p.Text(r, t.Key, t.Args...) }
