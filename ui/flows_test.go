package ui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/crypto/otp"
	"countersign/ui/kit"
)

// runless is a broker that a test drives.
type runless struct{ *fakeBroker }

func (runless) Run(context.Context, func()) (app.Result, error) { return app.Result{}, nil }

func TestSearchAsYouTypeAndEnterCopies(t *testing.T) {
	b := phone(t)
	b.typeOn("gith")
	if len(b.codes.accounts) != 1 || b.codes.accounts[0].ID != "github" {
		t.Fatalf("found %v", b.codes.accounts)
	}
	b.typeOn("", fyne.KeyReturn)
	if strings.Join(b.core.copied, " ") != "github" {
		t.Errorf("copied %v", b.core.copied)
	}
	b.typeOn("", fyne.KeyEscape)
	if b.codes.query != "" || len(b.codes.accounts) != len(b.core.accounts) {
		t.Errorf("Escape left the search %q", b.codes.query)
	}
}

func TestTapCopiesAndSaysSo(t *testing.T) {
	b := phone(t)
	cell, ok := b.codes.deck.Cell(0)
	if !ok {
		t.Fatal("no first account")
	}
	test.Tap(cell.(*accountCell))
	if strings.Join(b.core.copied, " ") != "contoso" || !strings.Contains(b.toasts.text, "30") {
		t.Errorf("copied %v, said %q", b.core.copied, b.toasts.text)
	}
}

func TestArrowsAndEnterReachEveryAccount(t *testing.T) {
	b := phone(t)
	b.codes.deck.FocusItem(0)
	b.typeOn("", fyne.KeyDown, fyne.KeyReturn)
	if strings.Join(b.core.copied, " ") != "github" {
		t.Errorf("copied %v", b.core.copied)
	}
}

func TestHiddenCodesAreCoveredAndCopiedWithoutShowing(t *testing.T) {
	b := phone(t)
	b.set(func(s *app.Settings) { s.Reveal = app.RevealTap })
	text := func() string { c, _ := b.codes.deck.Cell(0); return c.(*accountCell).code.Text() }
	if strings.ContainsAny(text(), "0123456789") {
		t.Fatalf("shown: %q", text())
	}
	b.copyCode(b.core.accounts[0])
	if len(b.core.copied) != 1 || strings.ContainsAny(text(), "0123456789") {
		t.Errorf("copied %v, shown %q", b.core.copied, text())
	}
	b.reveal("contoso")
	if text() != "730 114" {
		t.Errorf("after revealing: %q", text())
	}
	b.forward(revealTime)
	if strings.ContainsAny(text(), "0123456789") {
		t.Errorf("still shown after %v: %q", revealTime, text())
	}
}

func TestNextCodeIsShownCloseToTheEnd(t *testing.T) {
	b := phone(t)
	next := func() string { c, _ := b.codes.deck.Cell(0); return c.(*accountCell).next.Text() }
	if next() != "" {
		t.Errorf("6 s left: %q", next())
	}
	b.forward(2 * time.Second)
	if next() != "551 928" {
		t.Errorf("4 s left: %q", next())
	}
}

func TestCounterAsksForTheNextCode(t *testing.T) {
	b := phone(t)
	b.copyCode(b.core.accounts[4])
	if b.core.codes["counter"].Text != "755224" {
		t.Error("no next code was asked for")
	}
}

func TestTrashAndUndo(t *testing.T) {
	b := phone(t)
	b.remove(b.core.accounts[1], nil)
	if len(b.core.trash) != 1 || b.toasts.action != b.T("action.undo") {
		t.Fatalf("trash %v, toast offers %q", b.core.trash, b.toasts.action)
	}
	b.toasts.onTap()
	if len(b.core.trash) != 0 || len(b.core.accounts) != 7 {
		t.Error("not undone")
	}
}

// A group goes with its last account, and comes back with it.
func TestGroupsFollowTheirAccounts(t *testing.T) {
	for _, wide := range []bool{false, true} {
		core := populated(t)
		core.groups = []string{"Allotment", "Work"}
		b := newBench(t, core, options{language: "en", phone: !wide})
		b.codes.group = "Allotment"
		b.rebuild()
		core.groups = []string{"Work"}
		b.remove(core.accounts[1], nil)
		if shows(b, "Allotment") || b.codes.group != "" || len(b.codes.accounts) != len(core.accounts) {
			t.Errorf("wide %v: the group is left, with %d accounts of %q", wide, len(b.codes.accounts), b.codes.group)
		}
		core.groups = []string{"Allotment", "Work"}
		b.toasts.onTap()
		if !shows(b, "Allotment") {
			t.Errorf("wide %v: the group does not come back", wide)
		}
	}
}

func TestEditKeepsGroupsApart(t *testing.T) {
	if got := strings.Join(splitGroups(" Work, บ้าน ,,Work,"), "|"); got != "Work|บ้าน" {
		t.Errorf("groups %q", got)
	}
}

func TestLinkFromTheCommandLineAsksFirst(t *testing.T) {
	core := populated(t)
	core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso", RelayHost: "relay.contoso.example"}}
	confirmed := 0
	core.confirm = func() (app.Account, error) {
		confirmed++
		return core.accounts[0], nil
	}
	b := newBench(t, core, options{language: "en", phone: true, links: []string{"countersign://enrol?v=1"}})
	if confirmed != 0 {
		t.Fatal("a link enrolled by itself")
	}
	b.typeOn("", fyne.KeyReturn) // the focus is on the button
	if confirmed != 1 || len(b.pages) != 0 {
		t.Errorf("confirmed %d times, %d pages left", confirmed, len(b.pages))
	}
}

func TestEnrolmentThatFailsSaysWhatToDo(t *testing.T) {
	core := populated(t)
	core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso"}}
	core.confirm = func() (app.Account, error) { return app.Account{}, app.ErrLinkUsed }
	b := newBench(t, core, options{language: "en", phone: true, links: []string{"countersign://enrol?v=1"}})
	b.typeOn("", fyne.KeyReturn)
	if len(b.pages) != 1 {
		t.Error("the page went away with its error")
	}
	if !shows(b, b.T("error.link_used")) {
		t.Error("no reason on the screen")
	}
}

// What happens meanwhile must not take away what was typed, what went wrong, or
// the keyboard's place: a connection comes and goes while a device enrols.
func TestAFormStaysWhateverHappens(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b *bench)
		moves  bool // the keyboard
	}{
		{"the connection comes", func(b *bench) { b.core.emit(app.ConnectionChanged) }, false},
		{"a backup was made", func(b *bench) { b.core.emit(app.SettingsChanged) }, false},
		{"the phone is turned on its side", func(b *bench) {
			b.cfg.Layout = app.LayoutDesktop
			b.resized(b.root.Size())
		}, false},
		{"another page is over it for a while", func(b *bench) { b.openDevices("contoso"); b.back() }, true},
		{"a request comes and goes", func(b *bench) {
			b.core.show(prompt("p1"), 0)
			b.core.emit(app.ConnectionChanged)
			b.core.inbox = app.Inbox{}
			b.core.emit(app.InboxChanged)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			core := populated(t)
			core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso"}}
			b := newBench(t, core, options{language: "en", phone: true, links: []string{"countersign://enrol?v=1"}})
			core.confirm = func() (app.Account, error) {
				test.change(b)
				return app.Account{}, app.ErrWrongNumber
			}
			field(t, b).SetText("My desk")
			add := button(t, b, b.T("enrol.add"))
			b.typeOn("", fyne.KeyReturn) // the focus is on the button
			test.change(b)
			if !shows(b, b.T("error.wrong_number")) {
				t.Error("nothing says what went wrong")
			}
			if got := field(t, b).Text; got != "My desk" {
				t.Errorf("what was typed is now %q", got)
			}
			if !test.moves && b.win.Canvas().Focused() != fyne.Focusable(add) {
				t.Errorf("the keyboard is at %T", b.win.Canvas().Focused())
			}
		})
	}
}

// What ends in the background closes the page that it was for: neither a link's
// question that came over it, nor the page that the user has gone back to.
func TestWorkThatEndsClosesItsOwnPage(t *testing.T) {
	for _, test := range []struct {
		name      string
		begin     func(t *testing.T, b *bench)
		meanwhile func(b *bench)
		left      []string // the titles of the pages, from the bottom
	}{
		{"nothing comes between", beginPIN, func(*bench) {}, nil},
		{"a link comes", beginPIN, func(b *bench) { b.take("countersign://enrol?v=1") }, []string{"enrol.title"}},
		{"the user goes back", beginEdit, func(b *bench) { b.back() }, []string{"details.title"}},
		{"the user stays", beginEdit, func(*bench) {}, []string{"details.title"}},
		{"a link comes while one is added", beginAdd, func(b *bench) { b.take("countersign://enrol?v=1") }, []string{"enrol.title"}},
		{"the user goes back from what is added", beginAdd, func(b *bench) { b.back() }, []string{"add.title"}},
		{"the user stays while one is added", beginAdd, func(*bench) {}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := phone(t)
			b.core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso"}}
			var waiting []func()
			b.cfg.Spawn = func(f func()) { waiting = append(waiting, f) }
			test.begin(t, b)
			if len(waiting) != 1 {
				t.Fatalf("%d works have begun", len(waiting))
			}
			test.meanwhile(b)
			waiting[0]()
			for i := len(test.left); i > 0; i-- {
				if len(b.pages) != i || !shows(b, b.T(test.left[i-1])) {
					t.Fatalf("of %d pages, the one on top is not %s", len(b.pages), test.left[i-1])
				}
				b.back()
			}
			if len(b.pages) != 0 {
				t.Errorf("%d pages are left", len(b.pages))
			}
		})
	}
}

func beginPIN(t *testing.T, b *bench) {
	t.Helper()
	b.openSetPIN()
	b.typeOn("2468")
	b.win.Canvas().FocusNext()
	b.typeOn("2468", fyne.KeyReturn)
}

func beginEdit(t *testing.T, b *bench) {
	t.Helper()
	b.openDetails("contoso")
	b.openEdit("contoso")
	test.Tap(button(t, b, b.T("action.save")))
}

func beginAdd(t *testing.T, b *bench) {
	t.Helper()
	b.openAdd()
	b.core.input = app.Input{Keys: []otp.Key{otp.NewTOTP("Shop", "me")}}
	b.take("otpauth://totp/x")
	b.core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso"}}
	b.typeOn("", fyne.KeyReturn) // the focus is on the button
}

// Every page with fields keeps what was typed, wherever the keyboard is by then.
func TestWhatWasTypedStays(t *testing.T) {
	for name, open := range map[string]func(b *bench){
		"a link":                 func(b *bench) { b.openAdd() },
		"an account by hand":     func(b *bench) { b.pushForm(b.manualPage) },
		"a name":                 func(b *bench) { b.openEdit("contoso") },
		"a PIN":                  func(b *bench) { b.openSetPIN() },
		"a code's PIN":           func(b *bench) { b.openCodePIN("contoso") },
		"a password":             func(b *bench) { b.openBroker(b.core.accounts[0]) },
		"an export's passphrase": func(b *bench) { b.openExport() },
		"a backup's folder":      func(b *bench) { b.openBackups() },
	} {
		b := phone(t)
		open(b)
		field(t, b).SetText("typed")
		b.win.Canvas().Unfocus()
		for _, kind := range []app.EventKind{app.ConnectionChanged, app.AccountsChanged, app.SettingsChanged, app.ActivityChanged} {
			b.core.emit(kind)
		}
		if got := field(t, b).Text; got != "typed" {
			t.Errorf("%s: what was typed is now %q", name, got)
		}
		b.core.lock = app.LockState{Set: true, TriesLeft: 10}
		b.core.Lock()
		if len(b.pages) != 0 {
			t.Errorf("%s: what was typed outlives the lock", name)
		}
	}
}

// field is the first field on the page.
func field(t *testing.T, b *bench) *kit.Entry {
	t.Helper()
	for _, o := range test.LaidOutObjects(b.win.Content()) {
		if entry, ok := o.(*kit.Entry); ok {
			return entry
		}
	}
	t.Fatal("no field")
	return nil
}

// shows reports whether a text is on the screen.
func shows(b *bench, text string) bool {
	root := b.win.Content()
	if top := b.win.Canvas().Overlays().Top(); top != nil {
		root = top
	}
	for _, o := range test.LaidOutObjects(root) {
		if said, ok := o.(interface{ Text() string }); ok && o.Visible() && said.Text() == text {
			return true
		}
	}
	return false
}

func TestLinkWaitsForTheUnlock(t *testing.T) {
	core := populated(t)
	core.lock = app.LockState{Set: true, Locked: true, TriesLeft: 10}
	core.input = app.Input{Keys: []otp.Key{otp.NewTOTP("Shop", "me")}}
	b := newBench(t, core, options{language: "en", phone: true, links: []string{"otpauth://totp/x"}})
	if len(core.read) != 0 {
		t.Fatal("read while locked")
	}
	if err := core.Unlock(t.Context(), "1234"); err != nil {
		t.Fatal(err)
	}
	if len(core.read) != 1 || len(b.pages) != 1 {
		t.Errorf("read %v, %d pages", core.read, len(b.pages))
	}
}

// What is wrong with a link is said in the user's language, with its line.
func TestFieldsAreExplainedInEveryLanguage(t *testing.T) {
	for _, language := range []string{"en", "sv", "th"} {
		b := newBench(t, populated(t), options{language: language, phone: true})
		seen := map[string]bool{}
		for _, link := range []string{
			"otpauth://xotp/a?secret=JBSWY3DPEHPK3PXP", "otpauth://totp/a?secret=1", "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&algorithm=MD4",
			"otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=99", "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&period=0",
			"otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP&counter=x", "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&encoder=x", "otpauth:x",
		} {
			_, err := otp.ParseURI(link)
			got := b.explain(err)
			if err == nil || seen[got] || strings.Contains(got, err.Error()) || strings.Contains(got, "field.") {
				t.Errorf("%s: %s reads %q", language, link, got)
			}
			seen[got] = true
			if line := b.explain(&app.LineError{Line: 7, Err: err}); !strings.Contains(line, "7") || !strings.Contains(line, got) {
				t.Errorf("%s: with its line it reads %q", language, line)
			}
		}
		for _, n := range []transfer.Unsupported{{Name: "A", Field: "timer"}, {Name: "A", Field: "otpGenerator"}, {Name: "A", Field: "codeDisplay"}, {Name: "line 3", Line: 3, Field: "link"}} {
			name, reason := b.unsupported("field.", n)
			if reason == "" || strings.Contains(reason, "field.") || (n.Line == 3) != (name == b.F("import.line", args{"n": 3})) {
				t.Errorf("%s: %+v reads %q, %q", language, n, name, reason)
			}
		}
	}
}

func TestRefusedLinkIsExplained(t *testing.T) {
	core := populated(t)
	core.inputErr = app.ErrUnreadable
	b := newBench(t, core, options{language: "sv", phone: true, links: []string{"http://nonsense"}})
	if len(b.sheets) != 1 || !shows(b, b.T("error.unreadable")) {
		t.Error("the refusal is not on the screen")
	}
}

func TestLockCoversSecretsAndUnlocks(t *testing.T) {
	b := phone(t)
	b.core.lock = app.LockState{Set: true, TriesLeft: 10}
	b.openDetails("contoso")
	b.openMenu(b.core.accounts[0])
	b.core.Lock()
	if len(b.pages) != 0 || len(b.sheets) != 0 || b.codes.deck != nil {
		t.Fatal("something secret is left on the screen")
	}
	b.core.unlockErr = app.ErrWrongPIN
	b.typeOn("9999", fyne.KeyReturn)
	if !strings.Contains(b.lockError, "10") {
		t.Errorf("said %q", b.lockError)
	}
	b.core.unlockErr = nil
	b.typeOn("1234", fyne.KeyReturn)
	if b.codes.deck == nil || strings.Join(b.core.unlocked, " ") != "9999 1234" {
		t.Errorf("tried %v; open %v", b.core.unlocked, b.codes.deck != nil)
	}
}

func TestNoKeyringOffersTheSealedFileAndNothingElse(t *testing.T) {
	boot := &fakeBoot{core: populated(t), err: ErrNoKeyring, passphrase: "correct horse"}
	b := newBenchOver(t, boot, options{language: "en", phone: true})
	test.Tap(button(t, b, b.T("keyring.file")))
	b.typeOn("correct horse", fyne.KeyReturn)
	b.typeOn("correct house", fyne.KeyReturn)
	if b.UI.core != nil {
		t.Fatal("two passphrases that differ were taken")
	}
}

func TestSealedFileIsOpenedWithItsPassphrase(t *testing.T) {
	boot := &fakeBoot{core: populated(t), sealed: true, passphrase: "correct horse"}
	b := newBenchOver(t, boot, options{language: "en", phone: true})
	b.typeOn("wrong horse", fyne.KeyReturn)
	if b.UI.core != nil || !shows(b, b.T("error.passphrase")) {
		t.Fatal("a wrong passphrase opened it, or nothing was said")
	}
	b.typeOn("", fyne.KeyBackspace)
	for range "wrong horse" {
		b.typeOn("", fyne.KeyBackspace)
	}
	b.typeOn("correct horse", fyne.KeyReturn)
	if b.UI.core == nil {
		t.Error("the right passphrase did not open it")
	}
}

func TestAnErrorAtStartNeverBeginsAnew(t *testing.T) {
	boot := &fakeBoot{core: populated(t), err: errFake}
	b := newBenchOver(t, boot, options{language: "en", phone: true})
	if b.UI.core != nil || !shows(b, b.F("error.other", args{"error": errFake.Error()})) {
		t.Fatal("the error is not on the screen")
	}
	boot.err = nil
	test.Tap(button(t, b, b.T("action.retry")))
	if b.UI.core == nil {
		t.Error("could not try again")
	}
}

func TestLanguageAndThemeChangeWhileRunning(t *testing.T) {
	b := phone(t)
	b.goTo(sectionSettings)
	b.set(func(s *app.Settings) { s.Language, s.Theme = "th", app.ThemeDark })
	if b.T("nav.settings") != "การตั้งค่า" || !b.style.Dark {
		t.Errorf("settings reads %q, dark %v", b.T("nav.settings"), b.style.Dark)
	}
}

func TestFileDialogsOpen(t *testing.T) {
	for name, open := range map[string]func(*bench){
		"picture": func(b *bench) { b.addFromFile() },
		"import":  func(b *bench) { b.openImport() },
		"export":  func(b *bench) { b.saveAs("backup.age", []byte("x"), 1, nil) },
	} {
		b := phone(t)
		open(b)
		if b.win.Canvas().Overlays().Top() == nil {
			t.Errorf("%s: no dialog", name)
		}
		b.win.Canvas().Unfocus() // Fyne's own field for a file's name keeps Escape
		b.typeOn("", fyne.KeyEscape)
		if b.win.Canvas().Overlays().Top() != nil {
			t.Errorf("%s: Escape does not close it", name)
		}
	}
}

func TestAPageStaysWhereItIsScrolled(t *testing.T) {
	b := phone(t)
	b.goTo(sectionSettings)
	b.scroll.page.ScrollTo(300)
	b.set(func(s *app.Settings) { s.ShowNext = true })
	if got := b.scroll.page.Offset(); got != 300 {
		t.Errorf("scrolled to %v after a choice, want 300", got)
	}
	b.push(b.trashPage)
	if got := b.scroll.page.Offset(); got != 0 {
		t.Errorf("another page begins at %v", got)
	}
}

func TestTheKeyboardIsNeverOutOfView(t *testing.T) {
	b := newBench(t, populated(t), options{language: "en"})
	b.goTo(sectionSettings)
	c := b.win.Canvas()
	for _, next := range []func(){c.FocusPrevious, c.FocusNext} {
		next() // from nothing to the last, and from there to the first
		o, ok := c.Focused().(fyne.CanvasObject)
		if !ok {
			t.Fatal("nothing has the focus")
		}
		top := fyne.CurrentApp().Driver().AbsolutePositionForObject(o).Y
		if top < 0 || top+o.Size().Height > c.Size().Height {
			t.Errorf("%T has the focus from %v to %v of %v", o, top, top+o.Size().Height, c.Size().Height)
		}
	}
	c.FocusPrevious()
	if b.scroll.page.Offset() == 0 {
		t.Error("the last of the settings is in view without scrolling: this tests nothing")
	}
}

func TestClockStopsWhenNothingShowsTime(t *testing.T) {
	b := phone(t)
	if !b.ticking.running {
		t.Fatal("codes do not tick")
	}
	b.goTo(sectionSettings)
	if b.ticking.running {
		t.Error("ticks behind the settings")
	}
	b.goTo(sectionCodes)
	b.hidden = true
	b.ticking.adjust()
	if b.ticking.running {
		t.Error("ticks while hidden")
	}
	b.core.show(prompt("p1"), 0)
	if !b.ticking.running || b.hidden {
		t.Error("a prompt does not tick, or did not raise the window")
	}
}

func TestNarrowWindowHasThePhonesLayout(t *testing.T) {
	b := newBench(t, populated(t), options{language: "en"})
	b.cfg.Layout = app.LayoutAuto
	b.win.Resize(fyne.NewSize(420, 740))
	if !b.phone {
		t.Error("a narrow window has the desktop's layout")
	}
	b.win.Resize(fyne.NewSize(1000, 740))
	if b.phone {
		t.Error("a wide window has the phone's layout")
	}
}

func TestCodesAreSpaced(t *testing.T) {
	for code, want := range map[string]string{"12345": "12345", "123456": "123 456", "1234567": "123 4567", "12345678": "1234 5678", "123456789": "123 456 789", "1234567890": "123 456 7890", "R7K2P": "R7K2P"} {
		if got := spaced(code); got != want {
			t.Errorf("spaced(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestManualEntryMakesAStrictLink(t *testing.T) {
	for rule, c := range map[string]struct {
		form manual
		want otp.Key
	}{
		"by time": {
			manual{issuer: "Kaffe & Té", name: "zoë@x.example", secret: "jbsw y3dp-ehpk 3pxp", kind: "totp", algorithm: "SHA256", digits: "8", period: "60"},
			otp.Key{Type: otp.TOTP, Issuer: "Kaffe & Té", Name: "zoë@x.example", Algorithm: "SHA256", Digits: 8, Period: 60},
		},
		"by counter": {
			manual{name: "zoe", secret: "JBSWY3DPEHPK3PXP", kind: "hotp", algorithm: "SHA1", digits: "6", counter: " 41 "},
			otp.Key{Type: otp.HOTP, Name: "zoe", Algorithm: "SHA1", Digits: 6, Counter: 41},
		},
	} {
		t.Run(rule, func(t *testing.T) {
			got, err := otp.ParseURI(c.form.link())
			if err != nil {
				t.Fatal(err)
			}
			if got.Type != c.want.Type || got.Issuer != c.want.Issuer || got.Name != c.want.Name || got.Algorithm != c.want.Algorithm || got.Digits != c.want.Digits || got.Period != c.want.Period || got.Counter != c.want.Counter {
				t.Errorf("%+v", got)
			}
		})
	}
	if _, err := otp.ParseURI(manual{name: "x", secret: "not base32!", kind: "totp", algorithm: "SHA1", digits: "6", period: "30"}.link()); err == nil {
		t.Error("a wrong secret was taken")
	}
	if k, err := otp.ParseURI(manual{issuer: "Steam", name: "zoe", secret: "JBSWY3DPEHPK3PXP", kind: "steam"}.link()); err != nil || k.Type != otp.Steam {
		t.Errorf("Steam: %v, %v", k.Type, err)
	}
}

func TestImportPlan(t *testing.T) {
	here := transfer.Entry{Key: otp.NewTOTP("A", "a"), Note: "mine"}
	push := transfer.Entry{Key: otp.NewTOTP("Contoso", "alex")}
	entries := []transfer.Entry{
		{Key: otp.NewTOTP("New", "n")},
		{Key: otp.NewTOTP("A", "a"), Groups: []string{"g"}},
		{Key: otp.NewTOTP("New", "n")},
		{Key: otp.NewTOTP("New", "n")},
		{Key: otp.NewTOTP("Gone", "g"), Trashed: true},
		{Key: push.Key},
	}
	matches := []transfer.Match{
		{},
		{Kind: transfer.SameSecret},
		{Kind: transfer.SameSecret, InFile: true},
		{Kind: transfer.SameName, InFile: true}, // another account of the same name
		{},
		{Kind: transfer.SameSecret, Index: 1},
	}
	accounts := []app.Account{{ID: "id"}, {ID: "push", Push: &app.PushInfo{}}}
	for choice, want := range map[string]int{duplicatesSkip: 2, duplicatesMerge: 3, duplicatesReplace: 3} {
		got := plan(entries, matches, []transfer.Entry{here, push}, accounts, choice)
		if len(got) != want {
			t.Fatalf("%s: %d additions, want %d", choice, len(got), want)
		}
		if want == 3 && got[1].Replace != "id" {
			t.Errorf("%s: replaces %q", choice, got[1].Replace)
		}
		if last := got[want-1]; last.Key != entries[3].Key || last.Replace != "" {
			t.Errorf("%s: the second of one name became %+v", choice, last)
		}
		if choice == duplicatesMerge && got[1].Details.Note != "mine" {
			t.Error("merging lost the note")
		}
	}
}

func TestExplainHasWordsForEveryReason(t *testing.T) {
	b := phone(t)
	for _, r := range reasons() {
		if got := b.explain(errors.Join(r.err)); got != b.T(r.key) || got == r.key {
			t.Errorf("%v reads %q", r.err, got)
		}
	}
	if got := b.explain(errFake); got == errFake.Error() || !strings.Contains(got, errFake.Error()) {
		t.Errorf("another error reads %q", got)
	}
}
