// Package ui is the app's screens, in Fyne: phone first, and the desktop's grow
// from the same pages. It stands on package app, which knows nothing of it.
//
// Three rules keep it honest. Every widget call happens on Fyne's goroutine:
// events and results of background work come through UI.do, the only place
// that calls fyne.Do. Nothing that may block (the keyring, the disk, the
// network) runs on that goroutine: it goes through UI.task. And the clock is
// read only while something that shows time is on the screen, so that an app
// that is hidden does nothing at all.
package ui

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"time"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/crypto/backup"
	"countersign/crypto/otp"
	"countersign/ui/i18n"
)

// Core is the authenticator that the screens show: package app, or in tests a
// fake of it.
type Core interface {
	Listen(f func(app.Event)) (stop func())
	Wake()
	Touch()

	List(f app.Filter) []app.Account
	Account(id string) (app.Account, error)
	Trash() []app.Account
	Groups() []string
	Add(ctx context.Context, additions ...app.Addition) ([]app.Account, error)
	Edit(ctx context.Context, id string, change func(*app.Details)) error
	SetPicture(ctx context.Context, id string, picture []byte) error
	Picture(ctx context.Context, id string) ([]byte, error)
	Move(ctx context.Context, id, before string) error
	Delete(ctx context.Context, id string) error
	Restore(ctx context.Context, id string) error
	Purge(ctx context.Context, id string) error

	Key(id string) (otp.Key, error)
	Code(id string) (app.Code, error)
	NextCode(ctx context.Context, id string) (app.Code, error)
	Copy(ctx context.Context, id string) error
	SetCodePIN(ctx context.Context, id, pin string) error
	Drift() (ahead time.Duration, warn bool)

	LockState() app.LockState
	Lock()
	Unlock(ctx context.Context, pin string) error
	SetPIN(ctx context.Context, old, pin string) error
	Erase(ctx context.Context) error

	Inbox() app.Inbox
	Answer(ctx context.Context, prompt string, d app.Decision) (app.Result, error)
	Dismiss(prompt string)
	Activity() []app.Activity

	Devices(account string) app.DeviceList
	AskDevices(account string)
	ChangeKeys(ctx context.Context, account string) error

	Reader() Reader
	Confirm(ctx context.Context, e *app.Enrolment, name string) (app.Account, error)
	SignIn(ctx context.Context, account, password string) (Broker, error)

	SetBackup(ctx context.Context, folder, passphrase string) error
	BackupState() app.BackupState
	BackupNow(ctx context.Context) error
	BackupVersions(ctx context.Context) ([]backup.Version, error)
	ReadBackup(ctx context.Context, name string) ([]byte, error)

	Settings() app.Settings
	UpdateSettings(ctx context.Context, change func(*app.Settings)) error
}

// Reader reads links, as app.Reader does: it remembers the parts of a migration.
type Reader interface {
	Read(text string) (app.Input, error)
}

// Broker is a same-device sign-in, as app.Broker is.
type Broker interface {
	State() app.BrokerState
	ShowNumberAgain()
	Run(ctx context.Context, changed func()) (app.Result, error)
}

// Real makes a Core of an App.
func Real(a *app.App) Core { return real{a} }

type real struct{ *app.App }

func (r real) Confirm(ctx context.Context, e *app.Enrolment, name string) (app.Account, error) {
	return e.Confirm(ctx, name)
}

func (r real) Reader() Reader { return r.App.Reader() }

func (r real) SignIn(ctx context.Context, account, password string) (Broker, error) {
	b, err := r.App.SignIn(ctx, account, password)
	if err != nil { // not a Broker that holds nil
		return nil, err
	}
	return b, nil
}

// What Boot says, for errors.Is.
var (
	// ErrNoKeyring: this system has no keyring that answers.
	ErrNoKeyring = errors.New("no keyring")
	// ErrPassphrase: the passphrase does not open the sealed file.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrWeakPassphrase: a passphrase is too short to seal anything under.
	ErrWeakPassphrase = errors.New("passphrase too short")
)

// Boot opens the app over the place where its secrets lie. Its methods block.
type Boot interface {
	// Start opens it over the system's keyring, or says ErrNoKeyring.
	Start(ctx context.Context) (Core, error)
	// Sealed reports whether there is a passphrase-encrypted file already: then
	// it is opened, and a keyring that turned up since is left alone.
	Sealed() bool
	// StartSealed opens, or the first time makes, that file.
	StartSealed(ctx context.Context, passphrase string) (Core, error)
}

// Config is what a UI is made from.
type Config struct {
	App        fyne.App         // required
	Catalogue  *i18n.Catalogue  // required
	Boot       Boot             // required
	Logger     *slog.Logger     // required
	Now        func() time.Time // required
	Locale     string           // the system's, for the language before one is chosen
	Layout     string           // app.LayoutPhone or app.LayoutDesktop over the setting; "" is the setting's
	Platform   string           // what the app says it runs on
	Simulated  bool             // Platform is not what it runs on: say so
	Links      []string         // to open once the app has started
	Arrivals   func() []string  // links that the system brought since it was asked last; nil where it brings none
	DeviceName string           // proposed at enrolment
	// Capture takes pictures of the screens, to find QR codes; nil where the
	// platform gives none.
	Capture func() ([]image.Image, error)
	// ClipboardImage reads a picture off the clipboard, for its QR codes; nil
	// where the platform gives none.
	ClipboardImage func(ctx context.Context) (image.Image, error)
	// TrayPresent reports whether this system shows tray icons; nil means no. Only
	// then does closing the window leave the app running: a window that nothing
	// can bring back is worse than none.
	TrayPresent func() bool
	// Minimised tells each time that the window is put away or comes back, until
	// ctx ends. It is given the window as the platform knows it. nil: nothing tells.
	Minimised func(ctx context.Context, window uintptr, told func(minimised bool))
	// Spawn runs background work, and do hands its end back to the screens;
	// tests run both in place. nil: a goroutine, and fyne.Do.
	Spawn func(func())
	// After calls f once, d later, unless it is stopped before; nil is
	// time.AfterFunc. Tests move the clock by hand.
	After func(d time.Duration, f func()) (stop func())
	Do    func(func())
}
