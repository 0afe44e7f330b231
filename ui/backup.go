package ui

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"countersign/app"
	"countersign/crypto/backup"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// errFolder: a folder was named by less than its whole path, which would mean
// another folder at the next start.
var errFolder = errors.New("give the whole path of the folder")

// backupView is the page of the automatic backups: a form to begin or change them,
// or what there is to tell of those that run.
type backupView struct {
	u        *UI
	page     *page
	versions []backup.Version // newest first; nil: not read yet
	err      error            // of reading them
}

func (u *UI) openBackups() { newBackupView(u).open() }

func newBackupView(u *UI) *backupView { return &backupView{u: u, page: &page{secret: true}} }

func (v *backupView) open() {
	u := v.u
	u.pages = append(u.pages, v.page)
	if u.core.BackupState().Folder == "" {
		v.turn(v.form, true)
		return
	}
	v.turn(v.state, false)
	v.load()
}

// turn makes the page the one or the other.
func (v *backupView) turn(build func() fyne.CanvasObject, form bool) {
	v.page.build, v.page.form, v.page.drawn = build, form, drawn{}
	v.u.rebuild()
}

// backupItem leads to the backups, and says in a word how they are.
func (u *UI) backupItem() fyne.CanvasObject {
	state := u.core.BackupState()
	icon, detail := "folder", u.T("backup.off")
	switch {
	case state.Err != nil:
		icon, detail = "warning", u.T("backup.failed")
	case state.Folder != "":
		detail = u.F("backup.on", args{"folder": filepath.Base(state.Folder)})
	}
	return u.item(icon, u.T("backup.title"), detail, u.openBackups)
}

// backupRows is backupItem where backups can be had.
func (u *UI) backupRows() []fyne.CanvasObject {
	if !u.core.BackupState().Possible {
		return nil
	}
	return []fyne.CanvasObject{u.backupItem()}
}

// load reads which backups there are.
func (v *backupView) load() {
	u := v.u
	var versions []backup.Version
	u.task(func(ctx context.Context) (err error) {
		versions, err = u.core.BackupVersions(ctx)
		return err
	}, func(err error) {
		v.versions, v.err = versions, err
		u.refreshPages()
	})
}

// form asks for the folder and the passphrase.
func (v *backupView) form() fyne.CanvasObject {
	u := v.u
	folder := kit.NewField(u.style, u.T("backup.folder"), u.T("backup.folder.hint"), false)
	folder.Entry.SetText(u.core.BackupState().Folder)
	first := kit.NewField(u.style, u.T("sealed.passphrase"), u.T("sealed.hint"), true)
	again := kit.NewField(u.style, u.T("sealed.again"), "", true)
	problem := kit.NewProblem(u.style)
	var start *kit.Button
	submit := func() {
		folder.SetError("")
		again.SetError("")
		problem.Set("")
		path := strings.TrimSpace(folder.Entry.Text)
		switch {
		case !filepath.IsAbs(path):
			folder.SetError(u.explain(errFolder))
		case first.Entry.Text != again.Entry.Text:
			again.SetError(u.T("pin.differ"))
		default:
			start.Disable()
			start.SetText(u.T("backup.working"))
			v.begin(filepath.Clean(path), first.Entry.Text, func(err error) {
				start.Enable()
				start.SetText(u.T("backup.start"))
				problem.Set(u.explain(err))
				u.rewrapped()
			})
		}
		u.rewrapped()
	}
	again.Entry.OnSubmitted = func(string) { submit() }
	start = kit.NewButton(u.style, kit.Primary, u.T("backup.start"), "check", submit)
	choose := kit.NewButton(u.style, kit.Secondary, u.T("backup.choose"), "folder", func() { u.chooseFolder(folder) })
	return u.framed(u.T("backup.title"),
		u.body(u.T("backup.text")),
		kit.NewCard(u.style, kit.NewColumn(design.S4, folder, choose, first, again, problem, start)),
		u.note("warn", "key", u.T("backup.passphrase.lost")))
}

func (u *UI) chooseFolder(into *kit.Field) {
	u.openDialog(dialog.NewFolderOpen(func(f fyne.ListableURI, err error) {
		switch {
		case err != nil:
			u.fail("backup.begin.failed", err)
		case f != nil:
			into.Entry.SetText(f.Path())
		}
	}, u.win))
}

// begin makes the first backup; only one that could be written begins them.
func (v *backupView) begin(folder, passphrase string, refused func(error)) {
	u := v.u
	u.task(func(ctx context.Context) error { return u.core.SetBackup(ctx, folder, passphrase) }, func(err error) {
		if err != nil {
			refused(err)
			return
		}
		v.turn(v.state, false)
		u.toasts.say(u.T("backup.started"))
		v.load()
	})
}

// state tells how the backups are, and offers each of them.
func (v *backupView) state() fyne.CanvasObject {
	u, state := v.u, v.u.core.BackupState()
	last := state.Last
	if last.IsZero() && len(v.versions) > 0 {
		last = v.versions[0].Time
	}
	when := u.when(last)
	if when == "" {
		when = u.T("backup.none")
	}
	var content []fyne.CanvasObject
	for _, err := range []error{state.Err, v.err} {
		if err != nil {
			content = append(content, u.note("warn", "warning", u.F("backup.error", args{"error": u.explain(err)})))
			break
		}
	}
	content = append(content,
		u.group(u.fact("folder", u.T("backup.folder"), state.Folder), u.fact("clock", u.T("backup.last"), when)),
		kit.NewCard(u.style, u.choose("codes", "backup.keep", strconv.Itoa(u.settings().BackupKeep), keeps(), func(s *app.Settings, value string) { s.BackupKeep = number(value) })),
		kit.NewButton(u.style, kit.Primary, u.T("backup.now"), "refresh", v.now),
		kit.NewGrid(design.S3, 150,
			kit.NewButton(u.style, kit.Secondary, u.T("backup.change"), "edit", func() { v.turn(v.form, true) }),
			kit.NewButton(u.style, kit.Danger, u.T("backup.stop"), "", v.stop)))
	if len(v.versions) > 0 {
		content = append(content, u.label(u.T("backup.restore")), u.group(v.rows()...))
	}
	return u.framed(u.T("backup.title"), content...)
}

// rows are the backups that can be restored.
func (v *backupView) rows() []fyne.CanvasObject {
	u := v.u
	rows := make([]fyne.CanvasObject, len(v.versions))
	for i, version := range v.versions {
		rows[i] = u.item("import", u.when(version.Time), version.Name, func() {
			u.importFrom(importSource{name: version.Name, read: func(ctx context.Context) ([]byte, error) { return u.core.ReadBackup(ctx, version.Name) }})
		})
	}
	return rows
}

func (v *backupView) now() {
	u := v.u
	u.toasts.say(u.T("backup.working"))
	u.task(u.core.BackupNow, func(err error) {
		if err != nil {
			u.fail("backup.failed", err)
			return
		}
		u.toasts.say(u.T("backup.done"))
		v.load()
	})
}

// stop ends the backups. Those that are there stay.
func (v *backupView) stop() {
	u := v.u
	u.ask("warning", u.T("backup.stop.title"), u.T("backup.stop.text"), u.T("backup.stop"), func() {
		u.task(func(ctx context.Context) error { return u.core.SetBackup(ctx, "", "") }, func(err error) {
			if err != nil {
				u.fail("backup.stop.failed", err)
				return
			}
			u.close(v.page)
		})
	})
}

// keeps are how many backups are worth choosing between.
func keeps() []kit.Option {
	var options []kit.Option
	for _, n := range []string{"3", "10", "30", "100"} {
		options = append(options, kit.Option{Value: n, Label: n})
	}
	return options
}
