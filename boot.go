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
	store, err := keyring.NewSystem(keyringOptions(b.service, b.data))
	if err == nil {
		err = keyring.Probe(ctx, store)
	}
	switch {
	case errors.Is(err, keyring.ErrUnavailable):
		b.log.WarnContext(ctx, "keyring not available", slog.String("error", err.Error()))
		return nil, fmt.Errorf("%w: %w", ui.ErrNoKeyring, err)
	case err != nil:
		return nil, err
	}
	return b.open(ctx, store)
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
	return b.open(ctx, store)
}

// open makes the app and lets it run until ctx ends.
func (b *boot) open(ctx context.Context, store keyring.Store) (ui.Core, error) {
	files, err := filestore.Open(b.data)
	if err != nil {
		return nil, err
	}
	a, err := app.New(app.Config{Store: files, Keyring: store, Device: b.device, Logger: b.log, Desktop: b.desktop, Backups: backups()})
	if err != nil {
		return nil, err
	}
	if err := a.Open(ctx); err != nil {
		return nil, fmt.Errorf("opening the accounts: %w", err)
	}
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
