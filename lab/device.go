// Package lab is for quality assurance: virtual devices, which are the app
// without its screen, in a folder each.
//
// A virtual device speaks the real protocol with real keys, so a verifier cannot
// tell it from a phone. It can also lie about what it is (Options.Claims), which
// the app never does: that is how a verifier's own checks are tested.
package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/app"
	"countersign/app/filestore"
	"countersign/crypto/keyring"
	"countersign/message"
)

// What a device refuses, for errors.Is.
var (
	ErrUnsealed   = errors.New("the keys of this device are not sealed; unset COUNTERSIGN_LAB_PASSPHRASE, or use another folder")
	ErrSealed     = errors.New("the keys of this device are sealed; set COUNTERSIGN_LAB_PASSPHRASE")
	ErrNoAccounts = errors.New("this device belongs to no account; enrol it first")
	ErrRevoked    = errors.New("the organisation has removed this device; enrol it again")
	ErrNothing    = errors.New("no request came")
)

// Options say which device to open, and what it is.
type Options struct {
	Dir        string // the state folder
	Passphrase string // seals the keys; "" keeps them as plain files
	// About changes what the device is from now on, member by member; ""
	// leaves what was stored, or at first what this computer is.
	About message.About
	// Claims changes, member by member, what this run's answers say of the
	// device; "" is the truth.
	Claims app.Claims
	Logger *slog.Logger
}

// Device is a virtual device that runs.
type Device struct {
	App  *app.App
	stop func()
	done chan error
	keys func() // closes the sealed keys
}

const (
	aboutFile  = "device.json"
	noticeFile = "FOR-TESTING-ONLY.txt"
	notice     = `This folder is a virtual authenticator of countersign-lab, for testing.
Unless COUNTERSIGN_LAB_PASSPHRASE was set when it was made, its keys lie in
"keys" as plain files: whoever can read them can approve sign-ins in its name.
Never enrol it with an account that matters.
`
)

// Open opens the device in a folder, makes it if need be, and runs it until
// Close.
func Open(ctx context.Context, o Options) (*Device, error) {
	store, err := filestore.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(o.Dir, 0o700); err != nil { //nolint:gosec // a folder needs its execute bit
		return nil, fmt.Errorf("closing the state folder to others: %w", err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, noticeFile), []byte(notice), 0o600); err != nil {
		return nil, fmt.Errorf("saying what the state folder is for: %w", err)
	}
	about, err := loadAbout(ctx, store, o.About)
	if err != nil {
		return nil, err
	}
	keys, closeKeys, err := openKeys(filepath.Join(o.Dir, "keys"), o.Passphrase)
	if err != nil {
		return nil, err
	}
	claims := o.Claims
	claims.FormFactor = cmp.Or(claims.FormFactor, about.FormFactor)
	claims.AppVersion = cmp.Or(claims.AppVersion, about.AppVersion)
	a, err := app.New(app.Config{Store: store, Keyring: keys, Device: about, Claims: &claims, Logger: o.Logger})
	if err != nil {
		closeKeys()
		return nil, err
	}
	if err := a.Open(ctx); err != nil {
		closeKeys()
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	d := &Device{App: a, stop: stop, done: make(chan error, 1), keys: closeKeys}
	go func() { d.done <- a.Run(running) }()
	return d, nil
}

// Close ends the device's connections and forgets its keys.
func (d *Device) Close() error {
	d.stop()
	err := <-d.done
	d.keys()
	return err
}

// loadAbout reads what the device is, and stores what change changes of it.
func loadAbout(ctx context.Context, store app.Store, change message.About) (message.About, error) {
	var about message.About
	data, err := store.Read(ctx, aboutFile)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &about, json.RejectUnknownMembers(true)); err != nil {
			return about, fmt.Errorf("%s is damaged: %w", aboutFile, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return about, fmt.Errorf("reading what the device is: %w", err)
	}
	old := about
	about.Platform = cmp.Or(change.Platform, about.Platform, hostPlatform())
	about.FormFactor = cmp.Or(change.FormFactor, about.FormFactor, formFactorOf(about.Platform))
	about.AppVersion = cmp.Or(change.AppVersion, about.AppVersion, app.Version)
	if about == old {
		return about, nil
	}
	if data, err = json.Marshal(about); err != nil {
		return about, fmt.Errorf("writing what the device is: %w", err)
	}
	if err := store.Write(ctx, aboutFile, data); err != nil {
		return about, fmt.Errorf("storing what the device is: %w", err)
	}
	return about, nil
}

func hostPlatform() string {
	switch runtime.GOOS {
	case "windows":
		return message.PlatformWindows
	case "darwin":
		return message.PlatformMacOS
	}
	return message.PlatformLinux
}

func formFactorOf(platform string) string {
	switch platform {
	case message.PlatformIOS, message.PlatformAndroid:
		return message.FormPhone
	case message.PlatformWatchOS, message.PlatformWearOS:
		return message.FormWatch
	}
	return message.FormDesktop
}

// openKeys opens the keys as they were made: sealed stays sealed.
func openKeys(dir, passphrase string) (keyring.Store, func(), error) {
	plain, err := hasPlainKeys(dir)
	if err != nil {
		return nil, nil, err
	}
	_, err = os.Stat(dir)
	made := err == nil
	switch {
	case passphrase == "" && made && !plain:
		return nil, nil, ErrSealed
	case passphrase != "" && plain:
		return nil, nil, ErrUnsealed
	case passphrase == "":
		keys, err := openPlainKeys(dir)
		return keys, func() {}, err
	}
	var keys *keyring.File
	if made {
		keys, err = keyring.OpenFile(dir, []byte(passphrase))
	} else {
		keys, err = keyring.CreateFile(dir, []byte(passphrase), keyring.KDF{})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("opening the sealed keys: %w", err)
	}
	return keys, keys.Close, nil
}

// Number gives the number that the sign-in screen shows for a prompt.
type Number func(ctx context.Context, p app.Prompt) (string, error)

// Enrol makes the device one of the account that a link is for.
func (d *Device) Enrol(ctx context.Context, e *app.Enrolment, name string, number Number) (app.Account, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch, stop := d.watch()
	defer stop()
	finished := make(chan struct{})
	defer func() { <-finished }()
	go func() {
		defer close(finished)
		p, err := d.waitFor(ctx, watch, func(p app.Prompt) bool { return p.Enrolling })
		if err != nil {
			return // Confirm says what went wrong
		}
		decision := app.Approve("")
		if p.NeedsNumber() {
			typed, err := number(ctx, p)
			if err != nil {
				cancel(err)
				return
			}
			decision = app.Approve(typed)
		}
		if _, err := d.App.Answer(ctx, p.ID, decision); err != nil {
			cancel(err)
		}
	}()
	account, err := e.Confirm(ctx, name)
	cause := context.Cause(ctx)
	cancel(nil) // the watcher has nothing to wait for any more
	if err != nil && cause != nil {
		return account, cause
	}
	return account, err
}

// Answered is one challenge, what was decided, and how it ended.
type Answered struct {
	Challenge    message.Challenge `json:"challenge"` // the claims as received
	Organisation string            `json:"organisation"`
	User         string            `json:"user"`
	Decision     string            `json:"decision"`
	State        string            `json:"state"`
	Reason       string            `json:"reason,omitempty"`
}

// As says whether the outcome is the one that was asked for.
func (a Answered) As() bool {
	switch a.Decision {
	case message.DecisionApprove:
		return a.State == message.StateApproved
	case message.DecisionReport:
		return a.State == message.StateDenied && a.Reason == message.ReasonReported
	default:
		return a.State == message.StateDenied && a.Reason == message.ReasonUser
	}
}

// Decide decides a prompt.
type Decide func(ctx context.Context, p app.Prompt) (app.Decision, error)

// Always decides every prompt alike.
func Always(d app.Decision) Decide {
	return func(context.Context, app.Prompt) (app.Decision, error) { return d, nil }
}

// Answer waits for one challenge, for at most wait, and decides it.
func (d *Device) Answer(ctx context.Context, wait time.Duration, decide Decide) (Answered, error) {
	p, err := d.Next(ctx, wait)
	if err != nil {
		return Answered{}, err
	}
	out := Answered{Challenge: p.Challenge, Organisation: p.Organisation, User: p.User, State: message.StatePending}
	decision, err := decide(ctx, p)
	if err != nil {
		return out, err
	}
	out.Decision = decision.Kind
	result, err := d.App.Answer(ctx, p.ID, decision)
	if result.State != "" {
		out.State, out.Reason = result.State, result.Reason
	}
	return out, err
}

// Next waits for a challenge to one of the device's accounts, for at most wait.
func (d *Device) Next(ctx context.Context, wait time.Duration) (app.Prompt, error) {
	if err := d.usable(); err != nil {
		return app.Prompt{}, err
	}
	watch, stop := d.watch()
	defer stop()
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	p, err := d.waitFor(limited, watch, func(p app.Prompt) bool { return !p.Enrolling })
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return app.Prompt{}, ctx.Err()
	}
	if reason := d.disconnected(); reason != nil {
		return app.Prompt{}, fmt.Errorf("%w within %s: %w", ErrNothing, wait, reason)
	}
	return app.Prompt{}, fmt.Errorf("%w within %s", ErrNothing, wait)
}

// usable tells whether any prompt can come.
func (d *Device) usable() error {
	err := ErrNoAccounts
	for _, account := range d.App.List(app.Filter{}) {
		switch {
		case account.Push == nil:
		case account.Push.Revoked:
			err = ErrRevoked
		default:
			return account.Err
		}
	}
	return err
}

// disconnected says why an account's relay is not reached, if so.
func (d *Device) disconnected() error {
	if err := d.usable(); err != nil {
		return err
	}
	for _, account := range d.App.List(app.Filter{}) {
		if account.Push != nil && !account.Push.Connected {
			return account.Push.Err
		}
	}
	return nil
}

// watch gives a channel that has something in it after each change.
func (d *Device) watch() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	return c, d.App.Listen(func(app.Event) {
		select {
		case c <- struct{}{}:
		default:
		}
	})
}

// waitFor gives the first open prompt that is wanted.
func (d *Device) waitFor(ctx context.Context, changed <-chan struct{}, wanted func(app.Prompt) bool) (app.Prompt, error) {
	for {
		for _, p := range d.App.Prompts() {
			if p.State == app.PromptOpen && wanted(p) {
				return p, nil
			}
		}
		if err := d.usable(); errors.Is(err, ErrRevoked) {
			return app.Prompt{}, err
		}
		select {
		case <-ctx.Done():
			return app.Prompt{}, ctx.Err()
		case <-changed:
		}
	}
}

// Account finds the push account of a user, by full or bare name; "" is that of
// whoever has one, the first of them.
func (d *Device) Account(user string) (app.Account, error) {
	for _, account := range d.App.List(app.Filter{}) {
		if account.Push == nil || account.Push.Revoked {
			continue
		}
		bare, _, _ := strings.Cut(account.Push.User, "@")
		if user == "" || strings.EqualFold(user, account.Push.User) || strings.EqualFold(user, bare) {
			return account, nil
		}
	}
	return app.Account{}, fmt.Errorf("%w: no account of %s", ErrNoAccounts, user)
}
