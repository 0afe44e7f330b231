package app

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
)

// loaders is how many secrets are read at once: a keyring answers in some
// milliseconds, and a thousand accounts should not take as many waits.
const loaders = 8

// Open reads what is stored, once, before anything else. The list is there when
// AccountsChanged is told; the secrets follow, and Open returns when all of
// them are read or the app turned out to be locked. It finishes what a crash
// cut short.
func (a *App) Open(ctx context.Context) error {
	a.write.Lock()
	defer a.write.Unlock()
	a.mu.Lock()
	opened := a.opened
	a.mu.Unlock()
	if opened {
		return nil
	}
	if err := a.loadSettings(ctx); err != nil {
		return err
	}
	if err := a.loadActivity(ctx); err != nil {
		return err
	}
	if err := a.loadDevices(ctx); err != nil {
		return err
	}
	x, exists, err := a.readIndex(ctx)
	if err != nil {
		return err
	}
	if err := a.loadVault(ctx, !exists || len(x.Accounts) == 0); err != nil {
		return err
	}
	a.mu.Lock()
	a.index, a.opened, a.lastUse = x, true, a.now()
	locked := a.vault.key == nil
	a.mu.Unlock()
	a.emit(SettingsChanged, "")
	a.emit(AccountsChanged, "")
	a.emit(ActivityChanged, "")
	a.emit(LockChanged, "")
	if locked {
		return nil
	}
	return a.loadSecrets(ctx)
}

// loadSecrets reads what the list names and settles what a crash left. The
// vault is open and write is held.
func (a *App) loadSecrets(ctx context.Context) error {
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	a.mu.Lock()
	x := a.index.clone()
	a.mu.Unlock()
	found, failed := map[string]secret{}, map[string]error{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(loaders)
	get := a.getter(ctx, len(x.Accounts))
	for _, e := range x.Accounts {
		group.Go(func() error {
			s, err := readSecret(get, key, e.ID)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[e.ID] = err
			} else {
				found[e.ID] = s
			}
			return nil
		})
	}
	_ = group.Wait() // failures are an account's, not the app's
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.Lock()
	a.secrets, a.missing = found, failed
	a.mu.Unlock()
	for id, err := range failed {
		a.log.WarnContext(ctx, "account's secret not readable", slogAccount(id), slogError(err))
	}
	if err := a.resolve(ctx, x, found, failed); err != nil {
		return err
	}
	a.mu.Lock()
	for _, l := range a.renewals {
		l.resync()
	}
	a.mu.Unlock()
	a.wake()
	a.emit(AccountsChanged, "")
	return nil
}

// resolve finishes what a crash cut short, by the marks. Only a keyring that
// says "no such item" proves that a secret was never written; any other error
// leaves the mark for the next time.
func (a *App) resolve(ctx context.Context, x index, found map[string]secret, failed map[string]error) error {
	var drop []string
	changed := false
	for i := range x.Accounts {
		e := &x.Accounts[i]
		_, there := found[e.ID]
		gone := errors.Is(failed[e.ID], ErrNoSecret)
		switch {
		case e.Mark == markRemoving:
			if err := a.cfg.Keyring.Delete(ctx, accountPrefix+e.ID); err != nil {
				a.log.WarnContext(ctx, "secret of a removed account not deleted yet", slogAccount(e.ID), slogError(err))
				continue
			}
			drop = append(drop, e.ID)
		case e.Mark == markAdding && there && e.Push == nil:
			e.Mark, changed = markNone, true
		case e.Mark == markAdding && there:
			// Keys were made, and nothing was answered with them.
			e.Mark, changed = markRemoving, true
		case e.Mark == markAdding && gone, e.Mark == markEnrolling && gone:
			drop = append(drop, e.ID)
		case e.Mark == markEnrolling && there && a.now().After(e.Push.Until):
			e.Mark, changed = markRemoving, true
		}
	}
	for _, id := range drop {
		x.remove(id)
	}
	if !changed && len(drop) == 0 {
		return nil
	}
	return a.storeIndex(ctx, x)
}
