package ui

import (
	"context"
	"errors"
	"fmt"
	"image"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/ui/design"
	"countersign/ui/kit"
	"countersign/ui/qr"
)

// openAdd offers every way to add an account.
func (u *UI) openAdd() {
	u.reader = u.core.Reader() // a migration's codes are collected from here on
	u.pushForm(u.addPage)
}

// read takes a text, together with the parts of a migration read before.
func (u *UI) read(text string) (app.Input, error) {
	if u.reader == nil {
		u.reader = u.core.Reader()
	}
	return u.reader.Read(text)
}

func (u *UI) addPage() fyne.CanvasObject {
	link := kit.NewField(u.style, u.T("add.link"), u.T("add.link.hint"), false)
	link.Entry.SetPlaceHolder("otpauth://…  countersign://…")
	submit := func() {
		link.SetError("")
		if err := u.takeText(link.Entry.Text); err != nil {
			link.SetError(u.explain(err))
			u.rewrapped()
		}
	}
	link.Entry.OnSubmitted = func(string) { submit() }
	next := kit.NewButton(u.style, kit.Primary, u.T("action.continue"), "", submit)
	rows := []fyne.CanvasObject{}
	if u.cfg.Capture != nil {
		rows = append(rows, u.item("screen", u.T("add.screen"), u.T("add.screen.hint"), u.addFromScreen))
	}
	clipboard := u.T("add.clipboard.link")
	if u.cfg.ClipboardImage != nil {
		clipboard = u.T("add.clipboard.hint")
	}
	rows = append(rows,
		u.item("clipboard", u.T("add.clipboard"), clipboard, u.addFromClipboard),
		u.item("image", u.T("add.image"), u.T("add.image.hint"), u.addFromFile),
		u.item("keyboard", u.T("add.manual"), u.T("add.manual.hint"), func() { u.pushForm(u.manualPage) }),
		u.item("import", u.T("add.import"), u.T("add.import.hint"), u.openImport))
	content := []fyne.CanvasObject{kit.NewCard(u.style, kit.NewColumn(design.S3, link, next)), u.group(rows...)}
	if !u.phone {
		content = append(content, kit.NewRow(design.S2, 1, kit.NewIcon(u.style, "drop", u.style.Muted, 20), u.muted(u.T("add.drop"))))
	}
	return u.framed(u.T("add.title"), content...)
}

// rewrapped lays the page out anew after a text in it changed its height.
func (u *UI) rewrapped() { u.root.relay() }

// take opens a link from outside: the command line, another app, a drop.
func (u *UI) take(text string) {
	if err := u.takeText(text); err != nil {
		u.alert("link", u.T("add.refused.title"), u.explain(err))
	}
}

// takeText reads a link or several, and asks for what it needs before anything
// is done.
func (u *UI) takeText(text string) error {
	in, err := u.read(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	u.takeInput(in)
	return nil
}

func (u *UI) takeInput(in app.Input) {
	switch {
	case in.Enrolment != nil:
		u.pushForm(func() fyne.CanvasObject { return u.enrolPage(in.Enrolment) })
	case len(in.Missing) > 0:
		u.alert("qr", u.F("add.batch.title", args{"read": in.Parts - len(in.Missing), "parts": in.Parts}), u.F("add.batch.text", args{"missing": numbers(in.Missing)}))
	case len(in.Keys) > 0 || len(in.Unsupported) > 0:
		u.confirmKeys(in)
	}
}

func numbers(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}

// confirmKeys shows what will be added, and marks what is there already.
func (u *UI) confirmKeys(in app.Input) {
	existing, _, _ := u.entries() // of those that cannot be read nothing can be said
	entries := make([]transfer.Entry, len(in.Keys))
	for i, k := range in.Keys {
		entries[i] = transfer.Entry{Key: k}
	}
	matches := transfer.FindDuplicates(entries, existing)
	var additions []app.Addition
	for i, m := range matches {
		if m.Kind == transfer.SameSecret {
			continue
		}
		matches[i] = transfer.Match{} // a secret that is new under an old name is added
		additions = append(additions, app.Addition{Key: in.Keys[i]})
	}
	u.pushSecret(func() fyne.CanvasObject {
		rows, _ := u.previewRows(entries, matches, in.Unsupported)
		add := kit.NewButton(u.style, kit.Primary, u.p.N("add.confirm", len(additions), nil), "add", func() { u.add(additions) })
		if len(additions) == 0 {
			add.Disable()
		} else {
			u.focusLater(add)
		}
		return u.preview(u.T("add.confirm.title"), []fyne.CanvasObject{u.body(u.p.N("add.confirm.text", len(additions), nil)), add}, rows)
	})
}

// manyAccounts is from how many on adding takes a keyring seconds, and says so.
const manyAccounts = 50

// add adds accounts. A second press while that is under way adds them no second
// time.
func (u *UI) add(additions []app.Addition) {
	if u.codes.adding {
		return
	}
	u.codes.adding = true
	page := u.top()
	var wait *kit.Sheet
	if len(additions) > manyAccounts {
		wait = u.openSheet(kit.NewColumn(0, kit.NewRow(design.S3, 1, kit.NewIcon(u.style, "import", u.style.Accent, 26),
			u.body(u.F("add.working", args{"n": len(additions)})))).Padded(design.S5), 400)
	}
	u.task(func(ctx context.Context) error {
		_, err := u.core.Add(ctx, additions...)
		return err
	}, func(err error) {
		u.codes.adding = false
		if wait != nil {
			u.closeSheet(wait)
		}
		if err != nil {
			u.fail("add.failed", err)
			return
		}
		u.finish(page)
		u.toasts.say(u.p.N("add.done", len(additions), nil))
	})
}

// takePictures reads every QR code of some pictures. A second press while that is
// under way takes no second ones.
func (u *UI) takePictures(get func(ctx context.Context) ([]image.Image, error)) {
	if u.codes.reading {
		return
	}
	u.codes.reading = true
	var texts []string
	u.task(func(ctx context.Context) error {
		pictures, err := get(ctx)
		if err != nil {
			return err
		}
		for _, p := range pictures {
			found, err := qr.Find(p)
			if err != nil && !errors.Is(err, qr.ErrNoCode) {
				return err
			}
			texts = append(texts, found...)
		}
		if len(texts) == 0 {
			return qr.ErrNoCode
		}
		return nil
	}, func(err error) {
		u.codes.reading = false
		u.tookCodes(texts, err)
	})
}

// tookCodes opens what QR codes said. Several codes are taken together; one that
// is no account does not spoil the others.
func (u *UI) tookCodes(texts []string, err error) {
	if err != nil {
		u.alert("qr", u.T("add.qr.none.title"), u.explain(err))
		return
	}
	var all app.Input
	var refused error
	for _, t := range texts {
		in, err := u.read(t)
		if err != nil {
			refused = err
			continue
		}
		if in.Enrolment != nil {
			u.takeInput(in)
			return
		}
		all.Keys = append(all.Keys, in.Keys...)
		all.Unsupported = append(all.Unsupported, in.Unsupported...)
		all.Missing, all.Parts = in.Missing, in.Parts
	}
	if len(all.Keys) == 0 && len(all.Missing) == 0 && len(all.Unsupported) == 0 {
		u.alert("qr", u.T("add.refused.title"), u.explain(refused))
		return
	}
	u.takeInput(all)
}

func (u *UI) addFromScreen() {
	if u.codes.reading {
		return // and nothing would bring the window back
	}
	u.win.Hide() // it may cover the code
	u.takePictures(func(context.Context) ([]image.Image, error) {
		pictures, err := u.cfg.Capture()
		u.do(u.Raise)
		return pictures, err
	})
}

func (u *UI) addFromClipboard() {
	if text := strings.TrimSpace(u.cfg.App.Clipboard().Content()); strings.Contains(text, "://") {
		u.take(text)
		return
	}
	if u.cfg.ClipboardImage == nil {
		u.alert("clipboard", u.T("add.clipboard.none.title"), u.T("add.clipboard.none"))
		return
	}
	u.takePictures(func(ctx context.Context) ([]image.Image, error) {
		p, err := u.cfg.ClipboardImage(ctx)
		if err != nil {
			return nil, qr.ErrNoCode
		}
		return []image.Image{p}, nil
	})
}

func (u *UI) addFromFile() {
	d := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		if err != nil {
			u.fail("add.image.failed", err)
			return
		}
		if f == nil {
			return
		}
		path := f.URI().Path()
		_ = f.Close() // nothing has been read: the file is opened anew in the background
		u.addFiles(path)
	}, u.win)
	d.SetFilter(storage.NewExtensionFileFilter(pictureEndings()))
	u.openDialog(d)
}

// addFiles reads the QR codes of picture files, taken together: an export of
// several codes is often several pictures.
func (u *UI) addFiles(paths ...string) {
	var texts []string
	u.task(func(context.Context) error {
		var unread error
		for _, path := range paths {
			found, err := codesOf(path)
			if err != nil {
				unread = err
			}
			texts = append(texts, found...)
		}
		if len(texts) == 0 {
			return unread
		}
		return nil
	}, func(err error) { u.tookCodes(texts, err) })
}

func codesOf(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the picture: %w", err)
	}
	defer f.Close()
	return qr.Decode(f)
}

// dropped takes files that were dropped on the window: pictures are read for
// codes, all of them; anything else is an export of another app.
func (u *UI) dropped(_ fyne.Position, files []fyne.URI) {
	if u.core == nil || u.core.LockState().Locked || len(files) == 0 {
		return
	}
	var pictures []string
	for _, f := range files {
		if slices.Contains(pictureEndings(), strings.ToLower(filepath.Ext(f.Path()))) {
			pictures = append(pictures, f.Path())
		}
	}
	if len(pictures) == 0 {
		u.importFile(files[0].Path())
		return
	}
	u.addFiles(pictures...)
}

// pictureEndings are the names of the pictures that package qr reads.
func pictureEndings() []string { return []string{".png", ".jpg", ".jpeg", ".gif"} }

// manualPage adds an account by hand.
func (u *UI) manualPage() fyne.CanvasObject {
	issuer := kit.NewField(u.style, u.T("manual.issuer"), "", false)
	name := kit.NewField(u.style, u.T("manual.name"), "", false)
	secret := kit.NewField(u.style, u.T("manual.secret"), u.T("manual.secret.hint"), true)
	form := manual{kind: "totp", algorithm: "SHA1", digits: "6", period: "30", counter: "0"}
	period := kit.NewField(u.style, u.T("manual.period"), "", false)
	period.Entry.SetText(form.period)
	counter := kit.NewField(u.style, u.T("manual.counter"), "", false)
	counter.Entry.SetText(form.counter)
	advanced := kit.NewColumn(design.S3)
	var fill func()
	fill = func() {
		choose := func(key string, value *string, options ...string) fyne.CanvasObject {
			var list []kit.Option
			for _, o := range options {
				label := o
				if k := "manual." + key + "." + o; u.cfg.Catalogue.Has(k) {
					label = u.T(k)
				}
				list = append(list, kit.Option{Value: o, Label: label})
			}
			return kit.NewColumn(design.S2, u.label(u.T("manual."+key)), kit.NewChoice(u.style, list, *value, func(v string) {
				*value = v
				fill()
				u.rewrapped()
			}))
		}
		objects := []fyne.CanvasObject{choose("kind", &form.kind, "totp", "hotp", "steam")}
		if form.kind != "steam" {
			objects = append(objects, choose("algorithm", &form.algorithm, "SHA1", "SHA256", "SHA512"), choose("digits", &form.digits, "5", "6", "7", "8", "9", "10"))
		}
		switch form.kind {
		case "totp":
			objects = append(objects, period)
		case "hotp":
			objects = append(objects, counter)
		}
		advanced.SetObjects(objects...)
	}
	fill()
	problem := kit.NewProblem(u.style)
	save := kit.NewButton(u.style, kit.Primary, u.T("manual.save"), "check", func() {
		form.issuer, form.name, form.secret = issuer.Entry.Text, name.Entry.Text, secret.Entry.Text
		form.period, form.counter = period.Entry.Text, counter.Entry.Text
		in, err := u.read(form.link())
		if err != nil {
			problem.Set(u.explain(err))
			u.rewrapped()
			return
		}
		var additions []app.Addition
		for _, k := range in.Keys {
			additions = append(additions, app.Addition{Key: k})
		}
		u.add(additions)
	})
	return u.framed(u.T("add.manual"),
		kit.NewCard(u.style, kit.NewColumn(design.S4, issuer, name, secret)),
		kit.NewCard(u.style, advanced), problem, save)
}

// manual is what a person typed. It becomes a link, so that there is one strict
// reader for all that comes in.
type manual struct{ issuer, name, secret, kind, algorithm, digits, period, counter string }

func (m manual) link() string {
	q := url.Values{}
	q.Set("secret", strings.ToUpper(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1 // as services print it, in groups
		}
		return r
	}, m.secret)))
	if m.issuer != "" {
		q.Set("issuer", m.issuer)
	}
	kind := m.kind
	if kind != "steam" {
		q.Set("algorithm", m.algorithm)
		q.Set("digits", m.digits)
	}
	switch kind {
	case "totp":
		q.Set("period", strings.TrimSpace(m.period))
	case "hotp":
		q.Set("counter", strings.TrimSpace(m.counter))
	}
	label := url.PathEscape(m.name)
	if m.name == "" {
		label = url.PathEscape(m.issuer)
	}
	if m.issuer != "" && m.name != "" {
		label = url.PathEscape(m.issuer) + ":" + label
	}
	return "otpauth://" + kind + "/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// enrolPage asks before an organisation may ask: a link never enrols by itself.
func (u *UI) enrolPage(e *app.Enrolment) fyne.CanvasObject {
	name := kit.NewField(u.style, u.T("enrol.device"), u.T("enrol.device.hint"), false)
	name.Entry.SetText(u.cfg.DeviceName)
	var add *kit.Button
	problem := kit.NewProblem(u.style)
	submit := func() {
		if add.Disabled() {
			return
		}
		problem.Set("")
		add.Disable()
		add.SetText(u.T("enrol.working"))
		text, page := name.Entry.Text, u.top()
		var account app.Account
		u.task(func(ctx context.Context) (err error) {
			account, err = u.core.Confirm(ctx, e, text)
			return err
		}, func(err error) {
			if err != nil {
				add.Enable()
				add.SetText(u.T("enrol.add"))
				problem.Set(u.explain(err))
				u.rewrapped()
				return
			}
			u.finish(page)
			u.toasts.say(u.F("enrol.done", args{"account": title(account)}))
		})
	}
	add = kit.NewButton(u.style, kit.Primary, u.T("enrol.add"), "shield", submit)
	name.Entry.OnSubmitted = func(string) { submit() }
	organisation := e.Organisation
	if organisation == "" {
		organisation = u.T("enrol.unnamed")
	}
	page := u.framed(u.T("enrol.title"),
		kit.NewRow(design.S3, 1, kit.NewMonogram(u.style, organisation, 52),
			kit.NewText(u.style, kit.Look{Points: design.Title + 1, Bold: true, Colour: u.style.Ink}, u.F("enrol.question", args{"organisation": organisation}))),
		u.group(
			u.fact("building", u.T("enrol.organisation"), organisation),
			u.fact("globe", u.T("enrol.relay"), e.RelayHost),
			u.fact("key", u.T("enrol.verifier"), e.Verifier)),
		u.muted(u.T("enrol.explain")),
		kit.NewCard(u.style, name), problem, add,
		kit.NewButton(u.style, kit.Quiet, u.T("action.cancel"), "", func() { u.back() }))
	u.focusLater(add)
	return page
}

// focusLater gives a widget the focus once the page that is being built is on
// the screen.
func (u *UI) focusLater(w fyne.Focusable) { u.focusNext = w }
