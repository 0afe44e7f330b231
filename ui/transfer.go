package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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

// importFile reads an export, and asks for its password where it needs one.
func (u *UI) importFile(path string) { u.importWith(path, "", nil) }

func (u *UI) importWith(path, password string, wrong func(error)) {
	ctx, cancel := context.WithCancel(u.ctx)
	working := u.openSheet(kit.NewColumn(design.S4,
		kit.NewRow(design.S3, 1, kit.NewIcon(u.style, "import", u.style.Accent, 26), u.body(u.F("import.working", args{"file": filepath.Base(path)}))),
		kit.NewButton(u.style, kit.Secondary, u.T("action.cancel"), "", cancel)).Padded(design.S5), 400)
	var result transfer.Result
	u.task(func(context.Context) error {
		defer cancel()
		data, err := readBounded(path)
		if err != nil {
			return err
		}
		importer := transfer.NewImporter()
		result, err = importer.Read(ctx, data, filepath.Base(path), transfer.Options{
			Password: func(context.Context, transfer.Challenge) (string, error) { return password, nil },
		})
		return err
	}, func(err error) {
		u.closeSheet(working)
		switch {
		case errors.Is(err, context.Canceled):
		case errors.Is(err, transfer.ErrPasswordNeeded):
			u.askImportPassword(path)
		case err != nil && wrong != nil:
			wrong(err)
		case err != nil:
			u.alert("import", u.T("import.failed"), u.explain(err))
		default:
			if wrong != nil {
				u.back() // from the password's page
			}
			u.previewImport(result)
		}
	})
}

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

func (u *UI) askImportPassword(path string) {
	u.pushSecret(func() fyne.CanvasObject {
		password := kit.NewField(u.style, u.T("import.password"), u.T("import.password.hint"), true)
		submit := func() {
			password.SetError("")
			if password.Entry.Text == "" {
				password.SetError(u.T("error.import_password_needed"))
				u.rewrapped()
				return
			}
			u.importWith(path, password.Entry.Text, func(err error) {
				password.SetError(u.explain(err))
				u.rewrapped()
			})
		}
		password.Entry.OnSubmitted = func(string) { submit() }
		u.focusLater(password.Entry)
		return u.framed(u.T("import.title"), u.muted(u.F("import.encrypted", args{"file": filepath.Base(path)})),
			kit.NewCard(u.style, password), kit.NewButton(u.style, kit.Primary, u.T("action.continue"), "", submit))
	})
}

// entries are the accounts that are there, with their secrets, to compare with.
func (u *UI) entries() (entries []transfer.Entry, ids []string, err error) {
	for _, a := range u.core.List(app.Filter{}) {
		if a.Code == nil {
			continue // push keys never leave
		}
		key, err := u.core.Key(a.ID)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", title(a), err)
		}
		entries = append(entries, transfer.Entry{Key: key, Groups: a.Groups, Note: a.Note, Icon: a.Icon, Pinned: a.Pinned})
		ids = append(ids, a.ID)
	}
	return entries, ids, nil
}

// previewImport shows what would be imported, before anything is.
func (u *UI) previewImport(result transfer.Result) {
	existing, ids, err := u.entries()
	if err != nil {
		u.fail("import.failed", err)
		return
	}
	matches := transfer.FindDuplicates(result.Entries, existing)
	choice := duplicatesSkip
	u.pushSecret(func() fyne.CanvasObject {
		var rows []fyne.CanvasObject
		known := 0
		for i, e := range result.Entries {
			name, detail := e.Key.Issuer, e.Key.Name
			if name == "" {
				name, detail = e.Key.Name, ""
			}
			icon := "key"
			if matches[i].Kind != transfer.NoMatch {
				icon = "copy"
				known++
				detail = detail + " · " + u.T("import.duplicate")
			}
			rows = append(rows, u.item(icon, name, detail, nil))
		}
		for _, n := range result.Unsupported {
			rows = append(rows, u.item("warning", n.Name, n.Reason, nil))
		}
		content := []fyne.CanvasObject{u.body(u.p.N("import.preview", len(result.Entries), args{"format": string(result.Format)}))}
		if known > 0 {
			content = append(content, kit.NewCard(u.style, kit.NewColumn(design.S2, u.body(u.p.N("import.duplicates", known, nil)),
				kit.NewChoice(u.style, u.options("import.duplicates.", duplicatesSkip, duplicatesMerge, duplicatesReplace), choice, func(v string) {
					choice = v
					u.rebuild()
				}))))
		}
		if len(result.Unsupported) > 0 {
			content = append(content, u.note("warn", "warning", u.p.N("import.unsupported", len(result.Unsupported), nil)))
		}
		additions := plan(result.Entries, matches, existing, ids, choice)
		add := kit.NewButton(u.style, kit.Primary, u.p.N("add.confirm", len(additions), nil), "import", func() { u.add(additions) })
		if len(additions) == 0 {
			add.Disable()
		}
		return u.framed(u.T("import.title"), append(content, add, u.group(rows...))...)
	})
}

// plan says what to add, by what is to become of duplicates. A copy within the
// file is left out always.
func plan(entries []transfer.Entry, matches []transfer.Match, existing []transfer.Entry, ids []string, choice string) []app.Addition {
	var additions []app.Addition
	for i, e := range entries {
		m := matches[i]
		addition := app.Addition{Key: e.Key, Details: app.Details{Issuer: e.Key.Issuer, Name: e.Key.Name, Note: e.Note, Groups: e.Groups, Pinned: e.Pinned}}
		switch {
		case m.Kind == transfer.NoMatch:
		case m.InFile || choice == duplicatesSkip:
			continue
		case choice == duplicatesMerge:
			merged := transfer.Merge(existing[m.Index], e)
			addition.Key, addition.Replace = merged.Key, ids[m.Index]
			addition.Details = app.Details{Issuer: merged.Key.Issuer, Name: merged.Key.Name, Note: merged.Note, Groups: merged.Groups, Icon: merged.Icon, Pinned: merged.Pinned}
		default:
			addition.Replace = ids[m.Index]
		}
		additions = append(additions, addition)
	}
	return additions
}

// openExport offers the ways out. Push keys never leave: a new phone enrols.
func (u *UI) openExport() { u.pushSecret(u.exportPage) }

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
	return u.framed(u.T("export.title"),
		u.note("info", "shield", u.T("export.push")),
		u.label(u.T("export.encrypted")),
		kit.NewCard(u.style, kit.NewColumn(design.S4, first, again, kit.NewButton(u.style, kit.Primary, u.T("export.encrypted.save"), "export", submit))),
		u.label(u.T("export.other")),
		u.group(plain("copy", "export.aegis", "countersign-aegis.json", transfer.MarshalAegis), plain("link", "export.links", "countersign-links.txt", transfer.MarshalURIs)))
}

// export writes all accounts to a file that the user names. The content is ready
// before the file is touched.
func (u *UI) export(name string, marshal func(context.Context, []transfer.Entry) ([]byte, error)) {
	entries, _, err := u.entries()
	if err != nil {
		u.fail("export.failed", err)
		return
	}
	var content []byte
	u.task(func(ctx context.Context) (err error) {
		content, err = marshal(ctx, entries)
		return err
	}, func(err error) {
		if err != nil {
			u.fail("export.failed", err)
			return
		}
		u.saveAs(name, content, len(entries))
	})
}

func (u *UI) saveAs(name string, content []byte, count int) {
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
			u.back()
			u.toasts.say(u.p.N("export.done", count, nil))
		})
	}, u.win)
	d.SetFileName(name)
	u.openDialog(d)
}
