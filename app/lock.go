package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// MaxTries is how many wrong PINs in a row are the end (NIST SP 800-63B-4
// §3.2.10: 10 at most).
const MaxTries = 10

// MinPIN and MaxPIN bound a PIN or passphrase: characters at least (NIST SP
// 800-63B-4 §3.2.10: 4, and 6 are recommended), octets at most.
const (
	MinPIN = 4
	MaxPIN = 1024
)

// What the lock refuses, for errors.Is.
var (
	ErrWrongPIN  = errors.New("wrong PIN or passphrase")
	ErrWait      = errors.New("too many wrong tries; wait")
	ErrLockedOut = errors.New("too many wrong tries; the accounts stay sealed: erase the app and restore a backup")
	ErrWeakPIN   = errors.New("a PIN or passphrase has 4 characters or more; 6 are better")
)

// LockState is where the lock stands.
type LockState struct {
	Set       bool      // there is a PIN or passphrase
	Locked    bool      // the secrets are sealed
	Silent    bool      // and so are the keys that prompts come with: none can before Unlock
	TriesLeft int       // of MaxTries
	Until     time.Time // no try before; zero: now
}

// LockState tells where the lock stands.
func (a *App) LockState() LockState {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.vault.header
	s := LockState{Set: h.locks(), Locked: h.locks() && a.vault.key == nil, TriesLeft: MaxTries - h.Failures}
	if s.Locked {
		// The links that stood before Lock still do; after a restart there are none.
		s.Silent = slices.ContainsFunc(a.index.Accounts, func(e entry) bool { return e.wantsLink() && a.links[e.ID] == nil })
	}
	if wait := h.wait(a.now()); wait > 0 {
		s.Until = a.now().Add(wait)
	}
	return s
}

// wait is how long the next try must wait: nothing for the first three, then
// longer and longer. A clock that was set back wins nothing.
func (h keyHeader) wait(now time.Time) time.Duration {
	delays := [MaxTries]time.Duration{
		3: 5 * time.Second, 4: 15 * time.Second, 5: 30 * time.Second, 6: time.Minute,
		7: 5 * time.Minute, 8: 15 * time.Minute, 9: 30 * time.Minute,
	}
	if h.Failures >= MaxTries {
		return 0 // nothing to wait for
	}
	delay := delays[h.Failures]
	passed := max(0, now.Sub(h.LastTry))
	return max(0, delay-passed)
}

// Lock seals the accounts now: codes are gone from memory. Connections stay, so
// that prompts arrive; approving one asks for Unlock first.
func (a *App) Lock() {
	a.mu.Lock()
	locks := a.vault.header.locks() && a.vault.key != nil
	if locks {
		clear(a.vault.key)
		a.vault.key = nil
		a.secrets, a.shown = map[string]secret{}, map[string]Code{}
	}
	a.mu.Unlock()
	if locks {
		a.emit(LockChanged, "")
		a.emit(AccountsChanged, "")
	}
}

// Unlock opens the accounts.
func (a *App) Unlock(ctx context.Context, pin string) error {
	a.write.Lock()
	defer a.write.Unlock()
	key, err := a.try(ctx, pin)
	if err != nil {
		return err
	}
	a.mu.Lock()
	was := a.vault.key != nil
	a.vault.key, a.lastUse = key, a.now()
	a.mu.Unlock()
	a.emit(LockChanged, "")
	if was {
		return nil
	}
	return a.loadSecrets(ctx)
}

// try tests a PIN and gives the key that it opens. The try is counted, and the
// count stored, before the PIN is looked at: a program killed in between has
// used up a try. write is held.
func (a *App) try(ctx context.Context, pin string) ([]byte, error) {
	a.mu.Lock()
	opened, h := a.opened, a.vault.header
	a.mu.Unlock()
	switch {
	case !opened:
		return nil, ErrNotOpen
	case !h.locks():
		return nil, ErrNoLock
	case h.Failures >= MaxTries:
		return nil, ErrLockedOut
	case h.wait(a.now()) > 0:
		return nil, fmt.Errorf("%w: %s", ErrWait, h.wait(a.now()).Round(time.Second))
	case len(pin) > MaxPIN:
		return nil, ErrWrongPIN
	}
	before := h
	h.Failures++
	h.LastTry = a.now()
	if err := a.storeHeader(ctx, h, false); err != nil {
		return nil, err
	}
	key, err := h.openKey(pin)
	if err != nil {
		a.emit(LockChanged, "")
		if h.Failures >= MaxTries {
			return nil, ErrLockedOut
		}
		return nil, err
	}
	before.Failures, before.LastTry = 0, time.Time{}
	if err := a.storeHeader(ctx, before, false); err != nil {
		return nil, err
	}
	return key, nil
}

// SetPIN sets, changes or, with pin "", removes the PIN or passphrase. old is
// the present one, "" where there is none. It seals every secret, not the screen
// alone; one item of the keyring is rewritten, so there is no half way.
func (a *App) SetPIN(ctx context.Context, old, pin string) error {
	if pin != "" && (utf8.RuneCountInString(pin) < MinPIN || len(pin) > MaxPIN) {
		return ErrWeakPIN
	}
	a.write.Lock()
	defer a.write.Unlock()
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	a.mu.Lock()
	locks := a.vault.header.locks()
	a.mu.Unlock()
	if locks {
		proven, err := a.try(ctx, old)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(proven, key) != 1 {
			return errItem
		}
	}
	h := keyHeader{Version: itemVersion, Key: key}
	if pin != "" {
		h = sealKey(key, pin, a.cfg.KDF)
	}
	if err := a.storeHeader(ctx, h, pin == ""); err != nil {
		return err
	}
	a.wake()
	a.emit(LockChanged, "")
	return nil
}

// verifyUser tests a PIN for one approval.
func (a *App) verifyUser(ctx context.Context, pin string) error {
	a.write.Lock()
	defer a.write.Unlock()
	_, err := a.try(ctx, pin)
	return err
}

// Touch tells that the user is there, for the idle lock.
func (a *App) Touch() {
	a.mu.Lock()
	a.lastUse = a.now()
	a.mu.Unlock()
}

// lockIdle locks when the user has been away for long enough, and says when to
// look again.
func (a *App) lockIdle(now time.Time) (next time.Time) {
	a.mu.Lock()
	limit := a.settings.idleLimit()
	at := a.lastUse.Add(limit)
	active := limit > 0 && a.vault.header.locks() && a.vault.key != nil
	a.mu.Unlock()
	switch {
	case !active:
		return time.Time{}
	case now.Before(at):
		return at
	}
	a.Lock()
	return time.Time{}
}

// Erase deletes every account, key and setting: the way out of ErrLockedOut, and
// what a user does before giving the device away.
func (a *App) Erase(ctx context.Context) error {
	a.write.Lock()
	defer a.write.Unlock()
	x, err := a.everything(ctx)
	if err != nil {
		return err
	}
	// Marked first: what a crash leaves is deleted by the next Open.
	for i := range x.Accounts {
		x.Accounts[i].Mark = markRemoving
	}
	if err := a.storeIndex(ctx, x); err != nil {
		return err
	}
	if err := a.cfg.Keyring.Delete(ctx, backupItem); err != nil {
		return fmt.Errorf("deleting the backups' passphrase: %w", err)
	}
	for _, e := range x.Accounts {
		if err := a.cfg.Keyring.Delete(ctx, accountPrefix+e.ID); err != nil {
			return fmt.Errorf("deleting an account's secret: %w", err)
		}
		if err := a.cfg.Store.Remove(ctx, pictureFile(e.ID)); err != nil {
			return fmt.Errorf("deleting an account's picture: %w", err)
		}
	}
	if err := a.storeIndex(ctx, index{Version: indexVersion}); err != nil {
		return err
	}
	for _, name := range []string{activityFile, settingsFile, devicesFile} {
		if err := a.cfg.Store.Remove(ctx, name); err != nil {
			return fmt.Errorf("deleting %s: %w", name, err)
		}
	}
	a.mu.Lock()
	a.activity, a.settings, a.opened = nil, DefaultSettings(), true
	a.devices = map[string]DeviceList{}
	a.secrets, a.missing, a.shown = map[string]secret{}, map[string]error{}, map[string]Code{}
	a.mu.Unlock()
	if err := a.newVault(ctx); err != nil {
		return err
	}
	a.wake()
	for _, kind := range []EventKind{AccountsChanged, LockChanged, ActivityChanged, SettingsChanged} {
		a.emit(kind, "")
	}
	return nil
}

// everything is the list to erase. An app that could not be opened, its key being
// lost for instance, can still be erased.
func (a *App) everything(ctx context.Context) (index, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.opened {
		return a.index.clone(), nil
	}
	x, _, err := a.readIndex(ctx)
	return x, err
}
