// Package app is the authenticator without a screen: the accounts with their
// codes, the prompts and their answers, enrolment, the lock and the settings.
//
// A screen (package ui) or a terminal (package lab) stands on top of it. It
// draws what the methods of App give it and is told by Listen when to look
// again. The app itself touches no file and no window: it reaches them through
// the interfaces in Config.
//
// What is secret lies in the keyring, one item an account, sealed under a key
// that the user's PIN or passphrase can lock. What is not (names, order,
// groups, settings, activity) lies in the Store. The two cannot be written in
// one stroke, so an account is announced in the index before its secret is
// written, and struck off it after its secret is deleted: a crash in between
// leaves a mark that Open resolves, and no account is lost.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign/app/transfer"
	"countersign/crypto/keyring"
	"countersign/message"
)

// Version is the app's version, which challenges are checked against.
const Version = "0.1.0"

// Store keeps what is not secret, by name. Names are lower-case letters, digits
// and dots.
type Store interface {
	// Read returns the content, or an error that is fs.ErrNotExist where there
	// is none. Only that error means "new".
	Read(ctx context.Context, name string) ([]byte, error)
	// Write replaces the content whole, or leaves what was there.
	Write(ctx context.Context, name string, data []byte) error
	// Remove deletes the content. One that is not there is no error.
	Remove(ctx context.Context, name string) error
}

// Desktop is the platform around the app. Its methods may be called from any
// goroutine and must not block.
type Desktop interface {
	// Notify shows a notification of the operating system. It must carry no
	// action: one that approves would be mirrored to a watch.
	Notify(Notification)
	// Raise brings the app's window over the others.
	Raise()
	// SetClipboard and Clipboard write and read the text clipboard.
	SetClipboard(text string)
	Clipboard() string
}

// Notification is a message that the operating system shows. It holds no number
// and no code.
type Notification struct {
	Kind    NotificationKind
	Account string // the account's id
	Name    string // organisation or issuer, for the text
	Detail  string // the device's name, where it is about one
}

// NotificationKind tells what a notification is about; the text is the screen's.
type NotificationKind string

// The kinds of notification. The others are message's Notice kinds.
const (
	NotifyPrompt  NotificationKind = "prompt"
	NotifyRevoked NotificationKind = "revoked"
)

// Config is all that an App is made from.
type Config struct {
	Store   Store         // required
	Keyring keyring.Store // required
	Device  message.About // required: platform, form factor and app version
	Logger  *slog.Logger  // required
	Desktop Desktop       // nil: no notifications and no clipboard
	Connect Connector     // nil: Websocket
	Broker  BrokerDialler // nil: BrokerHTTP
	Backups BackupPlace   // nil: no automatic backups
	Now     func() time.Time
	KDF     keyring.KDF // cost of the lock's PIN; zero means keyring.DefaultKDF
	// Claims changes what answers say of this device, past the app's own
	// refusals. It exists to test verifiers with, and only the lab sets it.
	Claims *Claims
}

// Claims is what a test device says of itself in its answers.
type Claims struct {
	FormFactor       string
	AppVersion       string
	UserVerification bool
}

// ErrConfig says that an App cannot be made so.
var ErrConfig = errors.New("app: configuration")

// App is one authenticator. Its methods may be called from any goroutine.
// Those that take a context may block, on a keyring that asks for its password
// for instance, and are not for the goroutine that draws.
type App struct {
	cfg     Config
	now     func() time.Time
	log     *slog.Logger
	connect Connector

	// write is held through every change of what is stored, so that changes
	// follow each other; mu only while memory is read or changed.
	// diary is held while the activity is stored.
	write sync.Mutex
	diary sync.Mutex
	mu    sync.Mutex

	opened   bool
	index    index
	settings Settings
	activity []Activity
	vault    vault
	secrets  map[string]secret // by account id; what is in memory now
	missing  map[string]error  // why an account's secret could not be read
	shown    map[string]Code   // the HOTP code that was shown last, by account id
	lastUse  time.Time         // by the user, for the idle lock

	links     map[string]*link // connections, by account id
	renewals  map[string]*link // those under keys that the verifier may not know yet
	devices   map[string]DeviceList
	prompts   []*prompt      // the inbox, in order of arrival
	broker    *Broker        // the same-device sign-in under way, if any
	refusals  map[string]int // messages refused, by reason
	drift     drift
	clipboard clipboard
	backups   backups
	encrypt   func(ctx context.Context, dst io.Writer, entries []transfer.Entry, passphrase string, now time.Time) error

	running atomic.Bool
	poke    chan struct{} // tells Run to look again: a deadline or an account changed

	listeners listeners
}

// New makes an App. It reads nothing yet: that is Open's.
func New(cfg Config) (*App, error) {
	if cfg.Store == nil || cfg.Keyring == nil || cfg.Logger == nil {
		return nil, fmt.Errorf("%w: store, keyring and logger are required", ErrConfig)
	}
	d := cfg.Device
	if !slices.Contains(message.Platforms(), d.Platform) || !slices.Contains(message.FormFactors(), d.FormFactor) || !message.ValidVersion(d.AppVersion) {
		return nil, fmt.Errorf("%w: platform, form factor or app version is none that the protocol knows", ErrConfig)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Connect == nil {
		cfg.Connect = Websocket(cfg.Logger, cfg.Now)
	}
	if cfg.Broker == nil {
		cfg.Broker = BrokerHTTP
	}
	if cfg.KDF == (keyring.KDF{}) {
		cfg.KDF = keyring.DefaultKDF()
	}
	return &App{
		cfg: cfg, now: cfg.Now, log: cfg.Logger, connect: cfg.Connect,
		settings: DefaultSettings(),
		secrets:  map[string]secret{}, missing: map[string]error{}, shown: map[string]Code{},
		links: map[string]*link{}, renewals: map[string]*link{}, devices: map[string]DeviceList{}, refusals: map[string]int{},
		poke: make(chan struct{}, 1), encrypt: transfer.WriteEncrypted,
	}, nil
}

// Device is what the app says of itself.
func (a *App) Device() message.About { return a.cfg.Device }
