package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"countersign/app"
	"countersign/app/filestore"
	"countersign/crypto/keyring"
	"countersign/message"
	"countersign/platform/systemlock"
	"countersign/ui"
)

// boot opens the app over the system's keyring or the sealed folder. It is a
// ui.Boot.
type boot struct {
	data    string
	service string // the keyring's name for this data folder's items
	log     *slog.Logger
	desktop *ui.Desktop
	device  message.About

	running sync.WaitGroup
	early   chan opening // what ahead began, until Start takes it
}

// opening is an app that was opened, or why it was not.
type opening struct {
	app *app.App
	err error
}

// ahead begins what Start will be asked for, while the window library does its
// own part.
func (b *boot) ahead(ctx context.Context) {
	if b.Sealed() {
		return
	}
	early := make(chan opening, 1)
	b.early = early
	b.running.Go(func() { early <- b.openSystem(ctx) })
}

func (b *boot) sealedFolder() string { return filepath.Join(b.data, "sealed") }

// Sealed implements ui.Boot. Anything but a clear "no" counts as yes: a folder
// that cannot be read must not be taken for none, or the app would begin anew
// beside the accounts that are in it.
func (b *boot) Sealed() bool {
	_, err := os.Stat(b.sealedFolder())
	return !errors.Is(err, fs.ErrNotExist)
}

// Start implements ui.Boot.
func (b *boot) Start(ctx context.Context) (ui.Core, error) {
	if early := b.early; early != nil {
		b.early = nil
		return b.run(ctx, <-early)
	}
	return b.run(ctx, b.openSystem(ctx))
}

// openSystem opens the app over the system's keyring. Where nothing has been
// entrusted to that yet, it is tried first.
func (b *boot) openSystem(ctx context.Context) opening {
	store, err := keyring.NewSystem(keyringOptions(b.service, b.data))
	if err != nil {
		return opening{err: err}
	}
	o := b.open(ctx, store)
	if o.err == nil && len(o.app.List(app.Filter{})) == 0 {
		o.err = keyring.Probe(ctx, store)
	}
	if errors.Is(o.err, keyring.ErrUnavailable) {
		b.log.WarnContext(ctx, "keyring not available", slog.String("error", o.err.Error()))
		o.err = fmt.Errorf("%w: %w", ui.ErrNoKeyring, o.err)
	}
	return o
}

// StartSealed implements ui.Boot.
func (b *boot) StartSealed(ctx context.Context, passphrase string) (ui.Core, error) {
	var store *keyring.File
	var err error
	if b.Sealed() {
		store, err = keyring.OpenFile(b.sealedFolder(), []byte(passphrase))
	} else {
		store, err = keyring.CreateFile(b.sealedFolder(), []byte(passphrase), keyring.DefaultKDF())
	}
	switch {
	case errors.Is(err, keyring.ErrWrongPassphrase):
		return nil, fmt.Errorf("%w: %w", ui.ErrPassphrase, err)
	case errors.Is(err, keyring.ErrWeakPassphrase):
		return nil, fmt.Errorf("%w: %w", ui.ErrWeakPassphrase, err)
	case err != nil:
		return nil, err
	}
	return b.run(ctx, b.open(ctx, store))
}

// open makes the app over a store, and reads what is in it.
func (b *boot) open(ctx context.Context, store keyring.Store) opening {
	files, err := filestore.Open(b.data)
	if err != nil {
		return opening{err: err}
	}
	a, err := app.New(app.Config{Store: files, Keyring: store, Device: b.device, Logger: b.log, Desktop: b.desktop, Backups: backups()})
	if err != nil {
		return opening{err: err}
	}
	if err := a.Open(ctx); err != nil {
		return opening{err: fmt.Errorf("opening the accounts: %w", err)}
	}
	return opening{app: a}
}

// run lets the app that was opened run until ctx ends.
func (b *boot) run(ctx context.Context, o opening) (ui.Core, error) {
	if o.err != nil {
		return nil, o.err
	}
	a := o.app
	b.running.Go(func() {
		if err := a.Run(ctx); err != nil {
			b.log.ErrorContext(ctx, "app ended", slog.String("error", err.Error()))
		}
	})
	b.running.Go(func() { systemlock.Watch(ctx, b.log, a.Lock) })
	return ui.Real(a), nil
}

// wait returns when the app's own work has ended.
func (b *boot) wait() { b.running.Wait() }
