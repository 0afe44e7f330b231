package ui

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/ui/design"
	"countersign/ui/i18n"
	"countersign/ui/kit"
)

// section is one of the places that the navigation leads to.
type section string

const (
	sectionCodes    section = "codes"
	sectionActivity section = "activity"
	sectionSettings section = "settings"
)

// UI is the app's one window. All its fields belong to Fyne's goroutine.
type UI struct {
	cfg   Config
	ctx   context.Context
	log   *slog.Logger
	win   fyne.Window
	p     *i18n.Printer
	style *design.Style
	phone bool

	core    Core // nil until it has started
	stop    func()
	section section
	pages   []*page      // over the section, the last on top
	sheets  []*kit.Sheet // over the pages
	prompt  *promptView  // over everything
	broker  *brokerView  // the sign-in on this device that is under way
	root    *frame
	toasts  *toasts
	ticking ticker
	hidden  bool                     // in the tray
	away    bool                     // minimised
	starter func() fyne.CanvasObject // the screen before the core is there
	links   []string

	codes       codesState
	importer    *transfer.Importer
	reader      Reader        // of links, for as long as the user is adding
	filter      string        // of the activity
	dialog      dialog.Dialog // Fyne's, where one is open
	scroll      scrolled
	focusNext   fyne.Focusable  // gets the focus when the page is on the screen
	focusGone   bool            // under a sheet or prompt, the focus is on a page that is no more
	lockError   string          // what was wrong with the last PIN
	changing    map[string]bool // accounts whose keys the user is having changed
	lockWaiting bool            // the lock screen counts down to the next try
	tray        *tray
}

// page builds a screen over the section. It is kept as a function, so that it
// can be built anew in another language or appearance.
type page struct {
	build func() fyne.CanvasObject
	// secret says that the page must go when the app locks.
	secret bool
	// form says that the page is the user's: once drawn it stays as it is, with
	// what was typed, what it waits for and what it says went wrong.
	form  bool
	drawn drawn
}

// drawn is a form as it is on the screen, and the looks that it was drawn in.
type drawn struct {
	content fyne.CanvasObject
	scroll  *kit.Page
	looks   looks
}

// looks is what makes even a form be drawn anew. Not the layout: a phone that is
// turned on its side must not empty the fields.
type looks struct {
	style    *design.Style
	language string
}

// New makes the window; Run shows it. The UI ends with ctx.
func New(ctx context.Context, cfg Config) *UI {
	if cfg.Spawn == nil {
		cfg.Spawn = func(f func()) { go f() }
	}
	if cfg.After == nil {
		cfg.After = func(d time.Duration, f func()) func() {
			timer := time.AfterFunc(d, f)
			return func() { timer.Stop() }
		}
	}
	if cfg.Do == nil {
		cfg.Do = fyne.Do
	}
	u := &UI{cfg: cfg, ctx: ctx, log: cfg.Logger, section: sectionCodes, links: cfg.Links, importer: transfer.NewImporter(), changing: map[string]bool{}}
	u.win = cfg.App.NewWindow(appName)
	u.win.SetMaster()
	u.win.SetPadded(false)
	u.toasts = &toasts{u: u}
	u.ticking.u = u
	u.restyle()
	u.phone = u.wantsPhone(0)
	if u.phone {
		u.win.Resize(fyne.NewSize(400, 800))
	} else {
		u.win.Resize(fyne.NewSize(1060, 740))
	}
	u.root = newFrame(u.resized)
	u.win.SetContent(u.root)
	u.win.SetOnDropped(u.dropped)
	u.keys()
	cfg.App.Settings().AddListener(func(fyne.Settings) { u.systemLook() })
	return u
}

// appName is the product's name, the same in every language.
const appName = "Countersign"

// Window is the one window.
func (u *UI) Window() fyne.Window { return u.win }

// Start opens the app in the background, and shows how that goes meanwhile.
func (u *UI) Start() {
	u.win.SetCloseIntercept(u.closed)
	life := u.cfg.App.Lifecycle()
	life.SetOnEnteredForeground(u.entered)
	u.arrivals()
	u.begin()
}

// arrivals opens the links that the system brought, where it brings them so.
func (u *UI) arrivals() {
	if u.cfg.Arrivals == nil {
		return
	}
	var links []string
	u.task(func(context.Context) error { links = u.cfg.Arrivals(); return nil }, func(error) {
		u.links = append(u.links, links...)
		u.openLinks()
	})
}

// running takes over the core that has started.
func (u *UI) running(core Core) {
	u.core, u.starter = core, nil
	u.stop = core.Listen(func(e app.Event) { u.do(func() { u.event(e) }) })
	u.restyle()
	u.phone = u.wantsPhone(u.root.Size().Width)
	u.rebuild()
	u.tray.update()
	u.openLinks()
	u.syncPrompt()
}

// show puts up a screen that stands before the core has started.
func (u *UI) show(screen func() fyne.CanvasObject) {
	u.starter = screen
	u.rebuild()
}

// do runs f on Fyne's goroutine. Nothing else calls fyne.Do.
func (u *UI) do(f func()) { u.cfg.Do(f) }

// task runs work in the background, and then on Fyne's goroutine done with its
// error. done is not called once the app has ended.
func (u *UI) task(work func(ctx context.Context) error, done func(error)) {
	u.cfg.Spawn(func() {
		err := work(u.ctx)
		if u.ctx.Err() == nil {
			u.do(func() { done(err) })
		}
	})
}

// event looks again at what changed.
func (u *UI) event(e app.Event) {
	switch e.Kind {
	case app.InboxChanged:
		u.syncPrompt()
	case app.LockChanged:
		if u.core.LockState().Locked {
			u.dropSecrets()
		}
		u.rebuild()
		u.openLinks()
		u.syncPrompt()
	case app.SettingsChanged:
		u.restyle()
		u.phone = u.wantsPhone(u.root.Size().Width)
		u.rebuild()
	case app.AccountsChanged, app.ConnectionChanged, app.ClockChanged:
		u.refreshCodes()
		u.refreshPages()
		u.tray.update()
		u.keysChanged()
	case app.ActivityChanged:
		u.refreshPages()
	}
}

// refreshPages builds the visible page anew where it shows what changed, but
// never one in which the user is typing.
func (u *UI) refreshPages() {
	if _, typing := u.win.Canvas().Focused().(*kit.Entry); typing {
		return
	}
	if len(u.pages) > 0 || u.section != sectionCodes {
		u.rebuild()
	}
}

// settings are the core's, or before it is there the defaults.
func (u *UI) settings() app.Settings {
	if u.core == nil {
		return app.DefaultSettings()
	}
	return u.core.Settings()
}

// restyle makes the style, theme and language that the settings ask for.
func (u *UI) restyle() {
	s := u.settings()
	dark := s.Theme == app.ThemeDark || (s.Theme == app.ThemeSystem && u.cfg.App.Settings().ThemeVariant() == theme.VariantDark)
	if style := design.NewStyle(dark, float32(s.TextScale)); u.style == nil || style.Dark != u.style.Dark || style.Scale != u.style.Scale {
		// Each theme makes Fyne read the fonts anew: only where it is another.
		u.style = style
		u.style.Acted = u.touched
		u.style.Focused = u.focused
		u.cfg.App.Settings().SetTheme(design.NewTheme(u.style))
	}
	language := s.Language
	if language == "" {
		language = u.cfg.Locale
	}
	u.p = u.cfg.Catalogue.Printer(language)
}

// systemLook follows the system between light and dark.
func (u *UI) systemLook() {
	dark := u.cfg.App.Settings().ThemeVariant() == theme.VariantDark
	if u.settings().Theme == app.ThemeSystem && dark != u.style.Dark {
		u.restyle()
		u.rebuild()
	}
}

func (u *UI) touched() {
	if u.core != nil {
		u.core.Touch()
	}
}

// focused keeps what the keyboard comes to in view, on a page that scrolls.
func (u *UI) focused(o fyne.CanvasObject) {
	if u.scroll.page != nil && u.prompt == nil && len(u.sheets) == 0 {
		u.scroll.page.Reveal(o)
	}
}

// T is a text in the user's language.
func (u *UI) T(key string) string { return u.p.T(key) }

// F is a text with its placeholders filled.
func (u *UI) F(key string, args i18n.Args) string { return u.p.F(key, args) }

// phoneWidth is the width under which a window has the phone's layout.
const phoneWidth = 700

func (u *UI) wantsPhone(width float32) bool {
	layout := u.cfg.Layout
	if layout == "" {
		layout = u.settings().Layout
	}
	switch layout {
	case app.LayoutPhone:
		return true
	case app.LayoutDesktop:
		return false
	}
	return fyne.CurrentDevice().IsMobile() || (width > 0 && width < phoneWidth)
}

// resized changes the layout where the window became narrow or wide.
func (u *UI) resized(size fyne.Size) {
	if phone := u.wantsPhone(size.Width); phone != u.phone {
		u.phone = phone
		u.rebuild()
	}
	for _, o := range u.win.Canvas().Overlays().List() {
		o.Resize(size)
	}
}

// scrolled remembers how far the present page is scrolled, so that it stays there
// when it is built anew.
type scrolled struct {
	page    *kit.Page // nil where the screen is none
	section section
	depth   int
}

// rebuild draws the present screen anew.
func (u *UI) rebuild() {
	before := u.scroll
	u.scroll = scrolled{section: u.section, depth: len(u.pages)}
	u.codes.deck = nil
	u.codes.refresh = nil
	var content fyne.CanvasObject
	switch {
	case u.core == nil && u.starter == nil:
		return
	case u.core == nil:
		content = u.starter()
	case u.core.LockState().Locked:
		content = u.lockScreen()
	default:
		content = u.shell()
	}
	// No ground under it: Fyne clears the window to the theme's background, which
	// is the same but for its rounding (1 in 128 lighter). A rectangle of it would
	// be a third of every frame's work where there is no graphics card.
	u.root.set(content, u.toasts.layer())
	if same := before.section == u.scroll.section && before.depth == u.scroll.depth; same && before.page != nil && u.scroll.page != nil {
		u.scroll.page.ScrollTo(before.page.Offset())
	}
	switch {
	case before.page != nil && before.page == u.scroll.page: // a form that stays, with its focus
	case u.prompt != nil || len(u.sheets) > 0:
		u.focusGone = true
	case u.focusNext != nil:
		u.win.Canvas().Focus(u.focusNext)
	default:
		u.win.Canvas().Unfocus() // of what was on the page before: it would swallow keys
	}
	u.focusNext = nil
	u.ticking.adjust()
}

// push opens a page over the present one.
func (u *UI) push(build func() fyne.CanvasObject) {
	u.pages = append(u.pages, &page{build: build})
	u.rebuild()
}

// pushForm opens a page that the user fills in. It goes when the app locks.
func (u *UI) pushForm(build func() fyne.CanvasObject) {
	u.pages = append(u.pages, &page{build: build, secret: true, form: true})
	u.rebuild()
}

// pushSecret opens a page that goes when the app locks.
func (u *UI) pushSecret(build func() fyne.CanvasObject) {
	u.pages = append(u.pages, &page{build: build, secret: true})
	u.rebuild()
}

// openDialog shows one of Fyne's own dialogs over all of the window.
func (u *UI) openDialog(d dialog.Dialog) {
	u.dialog = d
	d.SetOnClosed(func() { u.dialog = nil })
	d.Show()
	d.Resize(u.win.Canvas().Size()) // it has no size before it is shown
}

// back closes the topmost sheet or page, or ends a search.
func (u *UI) back() {
	if u.dialog != nil {
		u.dialog.Hide()
		return
	}
	if n := len(u.sheets); n > 0 {
		u.closeSheet(u.sheets[n-1])
		return
	}
	if u.broker != nil {
		u.broker.leave()
		return
	}
	if n := len(u.pages); n > 0 {
		u.pages = u.pages[:n-1]
		u.rebuild()
		return
	}
	if u.codes.query != "" {
		u.codes.query = ""
		u.rebuild()
		return
	}
}

// top is the page that the user looks at, or nil where that is the section. Who
// works for a page in the background asks before for it, and closes it after: what
// is on top by then may be a link's question, or where the user has gone meanwhile.
func (u *UI) top() *page {
	if n := len(u.pages); n > 0 {
		return u.pages[n-1]
	}
	return nil
}

// close takes a page away, wherever it lies.
func (u *UI) close(p *page) {
	if i := slices.Index(u.pages, p); i >= 0 {
		u.pages = slices.Delete(u.pages, i, i+1)
		u.rebuild()
	}
}

// finish takes a page away with those that led to it, and shows the codes, unless
// the user has left the page.
func (u *UI) finish(p *page) {
	if i := slices.Index(u.pages, p); i >= 0 {
		u.section, u.pages = sectionCodes, u.pages[i+1:]
		u.rebuild()
	}
}

// home closes every page.
func (u *UI) home() {
	u.pages = nil
	u.rebuild()
}

// goTo leads to a section.
func (u *UI) goTo(s section) {
	u.section, u.pages = s, nil
	u.rebuild()
}

// dropSecrets closes what may show a secret, when the app locks.
func (u *UI) dropSecrets() {
	for len(u.sheets) > 0 {
		u.closeSheet(u.sheets[len(u.sheets)-1])
	}
	var kept []*page
	for _, p := range u.pages {
		if !p.secret {
			kept = append(kept, p)
		}
	}
	u.pages = kept
	u.codes.revealed = map[string]time.Time{}
}

// openSheet puts a card over the page.
func (u *UI) openSheet(body fyne.CanvasObject, limit float32) *kit.Sheet {
	var s *kit.Sheet
	s = kit.NewSheet(u.style, body, u.phone, false, limit, func() { u.closeSheet(s) })
	u.sheets = append(u.sheets, s)
	u.overlay(s)
	return s
}

func (u *UI) overlay(o fyne.CanvasObject) {
	c := u.win.Canvas()
	o.Resize(c.Size())
	c.Overlays().Add(o)
	u.keys() // an overlay's keys are the canvas's
}

func (u *UI) closeSheet(s *kit.Sheet) {
	for i, open := range u.sheets {
		if open == s {
			u.sheets = append(u.sheets[:i], u.sheets[i+1:]...)
			u.win.Canvas().Overlays().Remove(s)
			// Fyne's stack removes what lies above too: the prompt stays.
			if u.prompt != nil && u.prompt.sheet != nil {
				u.restorePrompt()
			}
			u.overlayGone()
			return
		}
	}
}

// keys sets what the keyboard does where no widget wants it.
func (u *UI) keys() {
	c := u.win.Canvas()
	c.SetOnTypedKey(u.typedKey)
	c.SetOnTypedRune(u.typedRune)
}

// typedKey is every key that no widget took.
func (u *UI) typedKey(e *fyne.KeyEvent) {
	switch {
	case u.prompt != nil:
		u.prompt.typedKey(e)
	case e.Name == fyne.KeyEscape:
		u.back()
	}
}

// typedRune is what is typed outside every field: the prompt's number, or a
// search.
func (u *UI) typedRune(r rune) {
	switch {
	case u.prompt != nil:
		u.prompt.typedRune(r)
	case u.core != nil && len(u.pages) == 0 && len(u.sheets) == 0 && u.section == sectionCodes && !u.core.LockState().Locked:
		u.searchFor(string(r))
	}
}

// closed hides the window where the tray can bring it back, and ends the app
// where it cannot.
func (u *UI) closed() {
	if u.tray != nil && u.tray.present {
		u.hidden = true
		u.win.Hide()
		u.ticking.adjust()
		return
	}
	u.cfg.App.Quit()
}

// Raise brings the window over the others.
func (u *UI) Raise() {
	u.hidden = false
	u.win.Show()
	u.win.RequestFocus()
	u.ticking.adjust()
}

// entered looks for what arrived while the app was in the background.
func (u *UI) entered() {
	u.arrivals()
	if u.core == nil {
		return
	}
	core := u.core
	u.task(func(context.Context) error { core.Wake(); return nil }, func(error) {})
	u.tick()
}

// Open takes links from the command line of a second start.
func (u *UI) Open(links []string) {
	u.links = append(u.links, links...)
	u.Raise()
	u.openLinks()
}

// openLinks opens what waits to be opened, once the app is there and unlocked.
func (u *UI) openLinks() {
	if u.core == nil || u.core.LockState().Locked {
		return
	}
	links := u.links
	u.links = nil
	for _, l := range links {
		u.take(strings.TrimSpace(l))
	}
}
