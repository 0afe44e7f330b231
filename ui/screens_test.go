package ui

import (
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/crypto/otp"
	"countersign/message"
)

var update = flag.Bool("update", false, "write the masters anew; look at every one of them before committing")

// TestMain lets the garbage wait: most of what the tests draw is pictures that
// are thrown away at once, and collecting them took a seventh of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// screens are the screens that have masters, each by what leads to it.
func screens() map[string]func(*bench) {
	return map[string]func(*bench){
		"codes":   func(*bench) {},
		"empty":   func(b *bench) { b.core.accounts, b.core.groups = nil, nil; b.core.emit(app.AccountsChanged) },
		"search":  func(b *bench) { b.codes.query = "alex"; b.rebuild() },
		"hidden":  func(b *bench) { b.core.settings.Reveal = app.RevealTap; b.core.emit(app.SettingsChanged) },
		"drift":   func(b *bench) { b.core.drift = 42 * time.Second; b.rebuild() },
		"menu":    func(b *bench) { b.openMenu(b.core.accounts[0]) },
		"toast":   func(b *bench) { b.copyCode(b.core.accounts[0]) },
		"details": func(b *bench) { b.openDetails("contoso") },
		"devices": func(b *bench) { b.listed(); b.openDevices("contoso") },
		"devices-offline": func(b *bench) {
			b.listed()
			b.core.now = b.core.now.Add(26 * time.Hour)
			b.core.accounts[0].Push.Connected = false
			b.openDevices("contoso")
		},
		"devices-unknown": func(b *bench) { b.openDevices("push") },
		"keys":            func(b *bench) { b.openDetails("contoso"); b.askChangeKeys(b.core.accounts[0]) },
		"details-keys": func(b *bench) {
			b.listed()
			b.core.accounts[0].Push.ChangingKeys = true
			b.openDetails("push")
			b.back()
			b.openDetails("contoso")
		},
		"edit":  func(b *bench) { b.openEdit("contoso") },
		"trash": func(b *bench) { b.core.trash = b.core.accounts[1:3]; b.push(b.trashPage) },
		"purge": func(b *bench) {
			b.core.trash = b.core.accounts[1:3]
			b.push(b.trashPage)
			b.confirmPurge(b.core.accounts[1])
		},
		"add":    func(b *bench) { b.openAdd() },
		"manual": func(b *bench) { b.pushSecret(b.manualPage) },
		"enrol": func(b *bench) {
			b.core.input = app.Input{Enrolment: &app.Enrolment{Organisation: "Contoso", RelayHost: "relay.contoso.example", Verifier: "q4Jx…9TzA"}}
			b.take("countersign://enrol")
		},
		"prompt": func(b *bench) { b.core.show(prompt("p1"), 1) },
		"prompt-six": func(b *bench) {
			p := prompt("p1")
			p.Challenge.Digits, p.Challenge.UserVerification, p.Challenge.NewLocation = 6, true, true
			b.core.show(p, 0)
		},
		"prompt-plain": func(b *bench) {
			p := prompt("p1")
			p.Challenge.Mode, p.Challenge.Digits = message.ModeApproveDeny, 0
			p.Challenge.App, p.Challenge.Location, p.Challenge.Origin = "", "", ""
			b.core.show(p, 0)
		},
		"prompt-upgrade": func(b *bench) { p := prompt("p1"); p.Refusal = app.ErrUpgrade; b.core.show(p, 0) },
		"approved":       func(b *bench) { b.end("approved", "") },
		"wrong":          func(b *bench) { b.end("denied", "number_mismatch") },
		"reported":       func(b *bench) { b.end("denied", "reported") },
		"expired":        func(b *bench) { b.end("expired", "") },
		"activity":       func(b *bench) { b.goTo(sectionActivity) },
		"settings":       func(b *bench) { b.goTo(sectionSettings) },
		"lock":           func(b *bench) { b.core.lock = app.LockState{Set: true, TriesLeft: 10}; b.core.Lock() },
		"lock-silent":    func(b *bench) { b.core.lock = app.LockState{Set: true, TriesLeft: 10, Silent: true}; b.core.Lock() },
		"prompt-locked": func(b *bench) {
			b.core.lock = app.LockState{Set: true, TriesLeft: 10}
			b.core.Lock()
			b.core.show(prompt("p1"), 0)
		},
		"lock-wait": func(b *bench) {
			b.core.lock = app.LockState{Set: true, TriesLeft: 5, Until: b.core.now.Add(30 * time.Second)}
			b.core.Lock()
		},
		"pin":        func(b *bench) { b.openSetPIN() },
		"export":     func(b *bench) { b.openExport() },
		"backup-new": func(b *bench) { b.openBackups() },
		"backup":     func(b *bench) { b.backedUp(); b.openBackups() },
		"icons":      func(b *bench) { b.openIcons("bank") },
		"pictures": func(b *bench) {
			for i, kind := range kinds()[:3] {
				b.core.accounts[i+1].Icon = kind
			}
			b.setPicture("contoso", filepath.Join("..", "Icon.png"), b.top())
			b.home()
		},
		"dragged": func(b *bench) {
			cell, _ := b.codes.deck.Cell(1)
			cell.(*accountCell).grip.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(18, 150)})
		},
		"broker-sign-in": func(b *bench) { b.openBroker(b.core.accounts[0]) },
		"broker-number":  func(b *bench) { b.follow(runless{&fakeBroker{state: app.BrokerState{Number: "57"}}}, "Contoso") },
		"broker-prompt": func(b *bench) {
			broker := &fakeBroker{state: app.BrokerState{Number: "57"}}
			b.follow(runless{broker}, "Contoso")
			p := prompt("p1")
			p.Challenge.Scenario = message.ScenarioBroker
			broker.state.Prompt, broker.state.Covered, broker.state.CanShowNumber = &p, true, true
			b.broker.changed()
		},
		"broker-locked": func(b *bench) {
			b.follow(runless{&fakeBroker{state: app.BrokerState{Done: true, Result: app.Result{State: "denied", Reason: "locked"}}}}, "Contoso")
		},
		"sealed-open": func(b *bench) { b.UI.core = nil; b.show(b.sealedScreen(false)) },
		"starting":    func(b *bench) { b.UI.core = nil; b.show(b.startingScreen) },
		"failure":     func(b *bench) { b.UI.core = nil; b.show(b.failureScreen(app.ErrKeyLost)) },
		"code-pin":    func(b *bench) { b.openCodePIN("github") },
		"pin-remove":  func(b *bench) { b.openRemovePIN() },
		"import-password": func(b *bench) {
			b.askImportPassword(importSource{name: "ente-auth-codes.txt"}, transfer.Challenge{Format: transfer.FormatEnteEncrypted, Memory: 1 << 30})
		},
		"import-working": func(b *bench) {
			b.openImport()
			b.back()
			b.goTo(sectionSettings)
			b.openImportSheet("ente-auth-codes.txt", func() {}).stage(transfer.Progress{Stage: transfer.StageDeriving, Memory: 1 << 30})
		},
		"import": func(b *bench) { b.previewImport(foreign(b)) },
		"export-codes": func(b *bench) { // an export's own links differ from time to time
			link := "otpauth-migration://offline?data=" + strings.Repeat("CiEKFEhlbGxvIQ", 30)
			b.showCodes([]string{link, link}, []transfer.Unsupported{{Name: "Sparbanken (Alex Åkesson)", Field: "period"}})
		},
		"no-keyring": func(b *bench) { b.UI.core = nil; b.show(b.noKeyringScreen) },
		"sealed-new": func(b *bench) { b.UI.core = nil; b.show(b.sealedScreen(true)) },
		"large-text": func(b *bench) { b.core.settings.TextScale = 1.5; b.core.emit(app.SettingsChanged) },
	}
}

// backedUp gives the fake backups that run.
func (b *bench) backedUp() {
	b.core.backups.Folder = "/media/alex/stick/Countersign"
	b.core.settings.BackupKeep = 3
	for i := range 3 {
		at := b.core.now.Add(-time.Duration(i*i*11+1) * time.Hour)
		b.core.versions = append(b.core.versions, backup.Version{Name: "countersign-accounts-" + at.Format("20060102T150405.000Z") + ".age", Time: at})
	}
}

// listed gives the fake a list of devices.
func (b *bench) listed() {
	b.core.devices = map[string]app.DeviceList{"contoso": {At: noon.Add(-time.Minute), Devices: []app.ListedDevice{
		{Name: "Alex's laptop", Platform: "linux", FormFactor: "desktop", EnrolledAt: noon.Add(-50 * time.Hour), SeenAt: noon.Add(-time.Minute), This: true},
		{Name: "Alex's phone", Platform: "ios", FormFactor: "phone", EnrolledAt: noon.Add(-2000 * time.Hour), SeenAt: noon.Add(-26 * time.Hour)},
		{Name: "Surfplattan hemma", Platform: "android", FormFactor: "tablet", EnrolledAt: noon.Add(-3000 * time.Hour)},
	}}}
}

// foreign is an import with a new account, one that is here, and one that cannot
// be used.
func foreign(b *bench) transfer.Result {
	known := keyOf(b.core.accounts[1], 1)
	b.core.keys[b.core.accounts[1].ID] = known
	fresh := otp.NewTOTP("Nordbanken", "alex")
	fresh.Secret = otp.Secret("another secret, twenty")
	return transfer.Result{
		Format: transfer.FormatAegis, Entries: []transfer.Entry{{Key: fresh, Groups: []string{"Arbete"}}, {Key: known}},
		Unsupported: []transfer.Unsupported{{Name: "Old VPN (zoe)", Field: "algorithm"}},
	}
}

// keyOf makes a key for an account, another for each number.
func keyOf(a app.Account, n int) otp.Key {
	k := otp.NewTOTP(a.Issuer, a.Name)
	k.Secret = otp.Secret(fmt.Sprintf("twenty octets no. %02d", n))
	return k
}

// end shows a prompt that has ended.
func (b *bench) end(state, reason string) {
	p := prompt("p1")
	b.core.show(p, 0)
	p.State, p.Result = app.PromptClosed, app.Result{State: state, Reason: reason}
	b.core.show(p, 0)
}

// TestScreens compares every screen, in three languages, light and dark, phone
// and desktop, with its master.
func TestScreens(t *testing.T) {
	for name, lead := range screens() {
		for _, language := range []string{"en", "sv", "th"} {
			for _, look := range []string{"light-phone", "dark-phone", "light-desktop", "dark-desktop"} {
				if !wantsMaster(name, language, look) {
					continue
				}
				id := fmt.Sprintf("%s-%s-%s", name, language, look)
				t.Run(id, func(t *testing.T) {
					b := newBench(t, populated(t), options{language: language, dark: look[:4] == "dark", phone: look[len(look)-5:] == "phone"})
					lead(b)
					compare(t, id, b.win.Canvas().Capture())
				})
			}
		}
	}
}

// wantsMaster keeps the main screens in every look, and the others in each
// language once, and in each look once.
func wantsMaster(name, language, look string) bool {
	switch name {
	case "codes", "prompt", "settings":
		return true
	}
	switch language {
	case "en":
		return look == "light-phone" || look == "dark-desktop"
	case "sv":
		return look == "dark-phone"
	}
	return look == "light-phone"
}

// compare holds a picture against its master, pixel by pixel; a difference is
// written to testdata/failed.
func compare(t *testing.T, name string, got image.Image) {
	t.Helper()
	path := filepath.Join("testdata", "screens", name+".png")
	if *update {
		write(t, path, got)
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("no master: %v (write it with -update, and look at it)", err)
	}
	defer f.Close()
	want, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if n := differing(got, want); n > 0 {
		failed := filepath.Join("testdata", "failed", name+".png")
		write(t, failed, got)
		t.Errorf("%d pixels differ from the master; see %s", n, failed)
	}
}

// differing counts the pixels that differ by more than a step of the float
// arithmetic between processors.
func differing(a, b image.Image) int {
	if a.Bounds() != b.Bounds() {
		return a.Bounds().Dx() * a.Bounds().Dy()
	}
	p, q := pixels(a), pixels(b)
	n := 0
	for i := 0; i < len(p); i += 4 {
		if far(p[i], q[i]) || far(p[i+1], q[i+1]) || far(p[i+2], q[i+2]) {
			n++
		}
	}
	return n
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > 3 }

func pixels(picture image.Image) []uint8 {
	if n, ok := picture.(*image.NRGBA); ok {
		return n.Pix
	}
	n := image.NewNRGBA(picture.Bounds())
	draw.Draw(n, n.Bounds(), picture, picture.Bounds().Min, draw.Src)
	return n.Pix
}

func write(t *testing.T, path string, picture image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, picture); err != nil {
		t.Fatal(err)
	}
}
