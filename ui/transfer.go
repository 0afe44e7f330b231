package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// What becomes of an entry that is there already.
const (
	duplicatesSkip    = "skip"
	duplicatesMerge   = "merge"
	duplicatesReplace = "replace"
)

// openImport asks for the export of another app.
func (u *UI) openImport() {
	d := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		if err != nil {
			u.fail("import.failed", err)
			return
		}
		if f == nil {
			return
		}
		path := f.URI().Path()
		_ = f.Close() // nothing has been read: the file is opened anew in the background
		u.importFile(path)
	}, u.win)
	u.openDialog(d)
}

// importSource is an export that can be read: a file, or one of the backups.
type importSource struct {
	name string
	read func(ctx context.Context) ([]byte, error)
}

// importFile reads an export, and asks for its password where it needs one.
func (u *UI) importFile(path string) {
	u.importFrom(importSource{name: filepath.Base(path), read: func(context.Context) ([]byte, error) { return readBounded(path) }})
}

func (u *UI) importFrom(src importSource) { u.importWith(src, "", nil) }

// importWith reads an export under a password. wrong, where it is given, tells on
// the password's page what is wrong.
func (u *UI) importWith(src importSource, password string, wrong func(error)) {
	page := u.top()
	ctx, cancel := context.WithCancel(u.ctx)
	view := u.openImportSheet(src.name, cancel)
	var result transfer.Result
	var asked transfer.Challenge
	u.task(func(context.Context) error {
		defer cancel()
		data, err := src.read(ctx)
		if err != nil {
			return err
		}
		result, err = u.importer.Read(ctx, data, src.name, transfer.Options{
			Password: func(_ context.Context, c transfer.Challenge) (string, error) {
				asked = c
				return password, nil
			},
			Progress: func(p transfer.Progress) { u.do(func() { view.stage(p) }) },
		})
		return err
	}, func(err error) {
		view.close()
		switch {
		case errors.Is(err, context.Canceled):
			u.toasts.say(u.T("import.cancelled"))
		case errors.Is(err, transfer.ErrPasswordNeeded):
			u.askImportPassword(src, asked)
		case err != nil && wrong != nil:
			wrong(err)
		case err != nil:
			u.alert("import", u.T("import.failed"), u.explain(err))
		default:
			if wrong != nil {
				u.close(page) // the password's
			}
			u.previewImport(result)
		}
	})
}

// importSheet stands over the page while an export is read. Deriving a key can
// take a gigabyte and many seconds: it says so, counts them, and can be left.
type importSheet struct {
	u      *UI
	sheet  *kit.Sheet
	text   *kit.Text
	began  time.Time
	memory int64
	stop   func()
}

func (u *UI) openImportSheet(name string, cancel func()) *importSheet {
	v := &importSheet{u: u, text: u.body(u.F("import.working", args{"file": name})), stop: func() {}}
	v.sheet = u.openSheet(kit.NewColumn(design.S4,
		kit.NewRow(design.S3, 1, kit.NewIcon(u.style, "import", u.style.Accent, 26), v.text),
		kit.NewButton(u.style, kit.Secondary, u.T("action.cancel"), "", cancel)).Padded(design.S5), 400)
	return v
}

// stage shows what the import does now.
func (v *importSheet) stage(p transfer.Progress) {
	if p.Stage != transfer.StageDeriving {
		return
	}
	v.began, v.memory = v.u.cfg.Now(), p.Memory
	v.tick()
}

// tick counts the seconds of a derivation: nothing else of it can be measured.
func (v *importSheet) tick() {
	u := v.u
	seconds := int(u.cfg.Now().Sub(v.began).Round(time.Second).Seconds())
	v.text.SetText(u.F("import.deriving", args{"memory": mebibytes(v.memory), "seconds": seconds}))
	v.sheet.Refresh()
	v.stop = u.cfg.After(time.Second, func() { u.do(v.tick) })
}

func (v *importSheet) close() {
	v.stop()
	v.u.closeSheet(v.sheet)
}

// mebibytes is a size as a person reads it: 1 at least.
func mebibytes(n int64) int64 { return max((n+1<<19)>>20, 1) }

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, transfer.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if len(data) > transfer.MaxFileBytes {
		return nil, transfer.ErrTooLarge
	}
	return data, nil
}

// muchMemory is from what size on a person should know what opening a file takes.
const muchMemory = 128 << 20

func (u *UI) askImportPassword(src importSource, asked transfer.Challenge) {
	u.pushForm(func() fyne.CanvasObject {
		password := kit.NewField(u.style, u.T("import.password"), u.T("import.password.hint"), true)
		submit := func() {
			password.SetError("")
			if password.Entry.Text == "" {
				password.SetError(u.T("error.import_password_needed"))
				u.rewrapped()
				return
			}
			u.importWith(src, password.Entry.Text, func(err error) {
				password.SetError(u.explain(err))
				u.rewrapped()
			})
		}
		password.Entry.OnSubmitted = func(string) { submit() }
		u.focusLater(password.Entry)
		content := []fyne.CanvasObject{
			u.muted(u.F("import.encrypted", args{"file": src.name, "format": u.formatName(asked.Format)})),
			kit.NewCard(u.style, password), kit.NewButton(u.style, kit.Primary, u.T("action.continue"), "", submit),
		}
		if asked.Memory >= muchMemory {
			content = append(content, u.note("info", "info", u.F("import.memory", args{"memory": mebibytes(asked.Memory)})))
		}
		return u.framed(u.T("import.title"), content...)
	})
}

// entries are the accounts that are there, with their secrets. Those whose secrets
// cannot be read are left out, and err is why for the first of them: an export
// fails then, and what is only compared with goes on with the others.
func (u *UI) entries() (entries []transfer.Entry, here []app.Account, err error) {
	for _, a := range u.core.List(app.Filter{}) {
		if a.Code == nil {
			continue // push keys never leave
		}
		key, keyErr := u.core.Key(a.ID)
		if keyErr != nil {
			if err == nil {
				err = fmt.Errorf("%s: %w", title(a), keyErr)
			}
			continue
		}
		entries = append(entries, transfer.Entry{Key: key, Groups: a.Groups, Note: a.Note, Icon: a.Icon, Pinned: a.Pinned})
		here = append(here, a)
	}
	return entries, here, err
}

// previewImport shows what would be imported, before anything is.
func (u *UI) previewImport(result transfer.Result) {
	existing, here, err := u.entries()
	if errors.Is(err, app.ErrLocked) || errors.Is(err, app.ErrLoading) { // soon all of them can be
		u.fail("import.failed", err)
		return
	}
	matches := transfer.FindDuplicates(result.Entries, existing)
	choice, shown := duplicatesSkip, false
	u.pushSecret(func() fyne.CanvasObject {
		rows, known := u.previewRows(result.Entries, matches, result.Unsupported)
		head := []fyne.CanvasObject{u.body(u.p.N("import.preview", len(result.Entries), args{"format": u.formatName(result.Format)}))}
		if known > 0 {
			head = append(head, kit.NewCard(u.style, kit.NewColumn(design.S2, u.body(u.p.N("import.duplicates", known, nil)),
				kit.NewChoice(u.style, u.options("import.duplicates.", duplicatesSkip, duplicatesMerge, duplicatesReplace), choice, func(v string) {
					choice = v
					u.rebuild()
				}))))
		}
		if len(result.Unsupported) > 0 {
			head = append(head, u.note("warn", "warning", u.p.N("import.unsupported", len(result.Unsupported), nil)))
		}
		additions := plan(result.Entries, matches, existing, here, choice)
		add := kit.NewButton(u.style, kit.Primary, u.p.N("add.confirm", len(additions), nil), "import", func() { u.add(additions) })
		switch {
		case len(additions) == 0:
			add.Disable()
		case !shown: // and not when a choice is made
			u.focusLater(add)
		}
		shown = true
		return u.preview(u.T("import.title"), append(head, add), rows)
	})
}

// openExport offers the ways out. Push keys never leave: a new phone enrols.
func (u *UI) openExport() { u.pushForm(u.exportPage) }

func (u *UI) exportPage() fyne.CanvasObject {
	first := kit.NewField(u.style, u.T("sealed.passphrase"), u.T("sealed.hint"), true)
	again := kit.NewField(u.style, u.T("sealed.again"), "", true)
	submit := func() {
		first.SetError("")
		again.SetError("")
		if first.Entry.Text != again.Entry.Text {
			again.SetError(u.T("pin.differ"))
			u.rewrapped()
			return
		}
		passphrase := first.Entry.Text
		u.export("countersign-"+u.cfg.Now().Format("2006-01-02")+".age", func(ctx context.Context, entries []transfer.Entry) ([]byte, error) {
			var out bytes.Buffer
			err := transfer.WriteEncrypted(ctx, &out, entries, passphrase, u.cfg.Now())
			return out.Bytes(), err
		})
	}
	again.Entry.OnSubmitted = func(string) { submit() }
	plain := func(icon, key, name string, marshal func([]transfer.Entry) ([]byte, error)) fyne.CanvasObject {
		return u.item(icon, u.T(key), u.T(key+".hint"), func() {
			u.ask("warning", u.T("export.plain.title"), u.T("export.plain.text"), u.T("export.plain.yes"), func() {
				u.export(name, func(_ context.Context, entries []transfer.Entry) ([]byte, error) { return marshal(entries) })
			})
		})
	}
	content := []fyne.CanvasObject{u.note("info", "shield", u.T("export.push"))}
	if again := u.toEnrolAgain(); len(again) > 0 {
		content = append(content, u.label(u.T("export.push.list")), u.group(again...))
	}
	return u.framed(u.T("export.title"), append(content,
		u.label(u.T("export.encrypted")),
		kit.NewCard(u.style, kit.NewColumn(design.S4, first, again, kit.NewButton(u.style, kit.Primary, u.T("export.encrypted.save"), "export", submit))),
		u.label(u.T("export.other")),
		u.group(plain("copy", "export.aegis", "countersign-aegis.json", transfer.MarshalAegis), plain("link", "export.links", "countersign-links.txt", transfer.MarshalURIs),
			u.item("qr", u.T("export.google"), u.T("export.google.hint"), func() {
				u.ask("warning", u.T("export.google.title"), u.T("export.google.text"), u.T("export.google.yes"), u.exportCodes)
			})))...)
}

// toEnrolAgain lists the sign-in accounts: what a new phone has to enrol, and this
// one can approve.
func (u *UI) toEnrolAgain() []fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, a := range u.core.List(app.Filter{}) {
		if a.Push != nil && !a.Push.Revoked {
			rows = append(rows, u.item("building", a.Push.Organisation, a.Push.User, func() { u.openDevices(a.ID) }))
		}
	}
	return rows
}

// export writes all accounts to a file that the user names. The content is ready
// before the file is touched.
func (u *UI) export(name string, marshal func(context.Context, []transfer.Entry) ([]byte, error)) {
	entries, _, err := u.entries()
	if err != nil {
		u.fail("export.failed", err)
		return
	}
	for i := range entries {
		entries[i].Icon = knownKind(entries[i].Icon) // a picture of one's own stays here
	}
	var content []byte
	page := u.top()
	u.task(func(ctx context.Context) (err error) {
		content, err = marshal(ctx, entries)
		return err
	}, func(err error) {
		if err != nil {
			u.fail("export.failed", err)
			return
		}
		u.saveAs(name, content, len(entries), page)
	})
}

func (u *UI) saveAs(name string, content []byte, count int, page *page) {
	d := dialog.NewFileSave(func(f fyne.URIWriteCloser, err error) {
		if err != nil {
			u.fail("export.failed", err)
			return
		}
		if f == nil {
			return
		}
		u.task(func(context.Context) error {
			_, err := f.Write(content)
			if closed := f.Close(); err == nil {
				err = closed
			}
			return err
		}, func(err error) {
			if err != nil {
				u.fail("export.failed", err)
				return
			}
			u.close(page)
			u.toasts.say(u.p.N("export.done", count, nil))
		})
	}, u.win)
	d.SetFileName(name)
	u.openDialog(d)
}
