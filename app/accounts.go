package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/crypto/otp"
)

// Limits on what the user or an import may write about an account.
const (
	maxNote   = 4096
	maxGroups = 32
	maxGroup  = 64
	maxIcon   = 64
	// MaxPicture bounds an account's own picture, in octets.
	MaxPicture = 256 << 10
	// trashTime is how long the trash keeps an account.
	trashTime = 30 * 24 * time.Hour
)

// OwnPicture is the Icon of an account with a picture of its own.
const OwnPicture = "own"

func slogAccount(id string) slog.Attr { return slog.String("account", id) }

// view makes the Account of an entry. mu is held.
func (a *App) view(e entry) Account {
	out := Account{
		ID: e.ID, Uses: e.Uses, LastUsed: e.LastUsed, Added: e.Added, Deleted: e.Deleted,
		Details: Details{Issuer: e.Issuer, Name: e.Name, Note: e.Note, Groups: slices.Clone(e.Groups), Pinned: e.Pinned, Icon: e.Icon},
	}
	if c := e.Code; c != nil {
		out.Code = &CodeInfo{c.Type, c.Algorithm, c.Digits, c.Period}
	}
	if p := e.Push; p != nil {
		out.Push = &PushInfo{Organisation: p.Organisation, User: p.User, RelayHost: p.RelayHost, Verifier: p.Verifier, Revoked: p.Revoked}
		if l := a.links[e.ID]; l != nil {
			out.Push.Connected, out.Push.Err = l.connected, l.err
		}
	}
	s, ok := a.secrets[e.ID]
	if !ok {
		out.Err = a.whyMissing(e.ID)
	}
	if out.Push != nil {
		out.Push.ChangingKeys = !out.Push.Revoked && s.push != nil && s.push.next != nil
	}
	return out
}

// whyMissing says why an account's secret is not in memory. mu is held.
func (a *App) whyMissing(id string) error {
	switch {
	case a.vault.key == nil && a.vault.header.locks():
		return ErrLocked
	case a.missing[id] != nil:
		return a.missing[id]
	}
	return ErrLoading
}

// List gives the accounts that are not in the trash: the pinned ones first, then
// as the filter's order says.
func (a *App) List(f Filter) []Account {
	words := strings.Fields(strings.ToLower(f.Query))
	a.mu.Lock()
	var out []Account
	for _, e := range a.index.Accounts {
		if e.visible() && e.Deleted.IsZero() && (f.Group == "" || slices.Contains(e.Groups, f.Group)) && e.matches(words) {
			out = append(out, a.view(e))
		}
	}
	order := cmp.Or(f.Order, a.settings.Order)
	a.mu.Unlock()
	slices.SortStableFunc(out, func(x, y Account) int {
		if x.Pinned != y.Pinned {
			if x.Pinned {
				return -1
			}
			return 1
		}
		switch order {
		case OrderName:
			return cmp.Or(cmp.Compare(strings.ToLower(x.Issuer), strings.ToLower(y.Issuer)), cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)))
		case OrderUse:
			return cmp.Compare(y.Uses, x.Uses)
		}
		return 0
	})
	return out
}

func (e entry) matches(words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(strings.Join(append([]string{e.Issuer, e.Name, e.Note}, e.Groups...), "\n"))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// Account gives one account, from the trash too.
func (a *App) Account(id string) (Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.index.find(id)
	if i < 0 || !a.index.Accounts[i].visible() {
		return Account{}, ErrNoAccount
	}
	return a.view(a.index.Accounts[i]), nil
}

// Trash gives the deleted accounts, the latest first.
func (a *App) Trash() []Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Account
	for _, e := range a.index.Accounts {
		if e.visible() && !e.Deleted.IsZero() {
			out = append(out, a.view(e))
		}
	}
	slices.SortStableFunc(out, func(x, y Account) int { return y.Deleted.Compare(x.Deleted) })
	return out
}

// Groups gives the groups in use outside the trash, by name.
func (a *App) Groups() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, e := range a.index.Accounts {
		if e.visible() && e.Deleted.IsZero() {
			out = append(out, e.Groups...)
		}
	}
	slices.SortFunc(out, func(x, y string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x), strings.ToLower(y)), cmp.Compare(x, y))
	})
	return slices.Compact(out)
}

// Add adds accounts, all of them or none. What it returns is stored.
func (a *App) Add(ctx context.Context, additions ...Addition) ([]Account, error) {
	a.write.Lock()
	defer a.write.Unlock()
	key, err := a.vaultKey()
	if err != nil {
		return nil, err
	}
	entries, secrets, err := a.prepare(additions)
	if err != nil {
		return nil, err
	}
	if err := a.announce(ctx, entries); err != nil {
		return nil, err
	}
	for i, e := range entries {
		if err := a.storeSecret(ctx, key, e.ID, secrets[i]); err != nil {
			// The marks stay for what cannot be taken back now; Open settles them.
			return nil, errors.Join(err, a.takeBack(context.WithoutCancel(ctx), entries))
		}
	}
	var ids, replaced []string
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	for _, add := range additions {
		if add.Replace != "" {
			replaced = append(replaced, add.Replace)
		}
	}
	a.mu.Lock()
	for i, e := range entries {
		a.secrets[e.ID] = secrets[i]
	}
	a.mu.Unlock()
	err = a.changeHeld(ctx, func(x *index) error {
		for i := range x.Accounts {
			e := &x.Accounts[i]
			if slices.Contains(ids, e.ID) {
				e.Mark = markNone
			}
			if slices.Contains(replaced, e.ID) && e.Deleted.IsZero() {
				e.Deleted = a.now() // the trash keeps what an import replaced
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Account, 0, len(ids))
	for _, id := range ids {
		account, err := a.Account(id)
		if err != nil {
			return nil, err
		}
		out = append(out, account)
	}
	return out, nil
}

// prepare checks every addition before anything is written.
func (a *App) prepare(additions []Addition) ([]entry, []secret, error) {
	var entries []entry
	var secrets []secret
	for _, add := range additions {
		k := add.Key
		if err := k.Validate(); err != nil {
			return nil, nil, err
		}
		d := add.Details
		d.Issuer, d.Name = cmp.Or(d.Issuer, k.Issuer), cmp.Or(d.Name, k.Name)
		if err := d.check(); err != nil {
			return nil, nil, err
		}
		if add.Replace != "" {
			if _, err := a.Account(add.Replace); err != nil {
				return nil, nil, err
			}
		}
		k.Issuer, k.Name = "", ""
		e := entry{ID: newAccountID(), Mark: markAdding, Added: a.now(), Code: &codeEntry{k.Type, k.Algorithm, k.Digits, k.Period}}
		e.set(d)
		entries, secrets = append(entries, e), append(secrets, secret{code: &k})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.index.Accounts)+len(entries) > MaxAccounts {
		return nil, nil, fmt.Errorf("%w: %d at most", ErrTooMany, MaxAccounts)
	}
	return entries, secrets, nil
}

func (a *App) announce(ctx context.Context, entries []entry) error {
	return a.changeHeld(ctx, func(x *index) error {
		x.Accounts = append(x.Accounts, entries...)
		return nil
	})
}

// takeBack undoes what an addition has written so far.
func (a *App) takeBack(ctx context.Context, entries []entry) error {
	for _, e := range entries {
		if err := a.cfg.Keyring.Delete(ctx, accountPrefix+e.ID); err != nil {
			return fmt.Errorf("taking back what was added: %w", err)
		}
	}
	return a.changeHeld(ctx, func(x *index) error {
		for _, e := range entries {
			x.remove(e.ID)
		}
		return nil
	})
}

// Duplicate finds the account, outside the trash, that already holds this key,
// whatever its name.
func (a *App) Duplicate(k otp.Key) (Account, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.index.Accounts {
		s := a.secrets[e.ID]
		if e.visible() && e.Deleted.IsZero() && s.code != nil && s.code.Type == k.Type && s.code.Secret == k.Secret {
			return a.view(e), true
		}
	}
	return Account{}, false
}

func (e *entry) set(d Details) {
	e.Issuer, e.Name, e.Note, e.Pinned, e.Icon = d.Issuer, d.Name, d.Note, d.Pinned, d.Icon
	e.Groups = slices.Clone(d.Groups)
}

func (d *Details) check() error {
	if len(d.Issuer) > otp.MaxTextBytes || len(d.Name) > otp.MaxTextBytes || !showable(d.Issuer) || !showable(d.Name) {
		return ErrName
	}
	if len(d.Note) > maxNote || !utf8.ValidString(d.Note) {
		return fmt.Errorf("%w: the note", ErrName)
	}
	if len(d.Icon) > maxIcon || !showable(d.Icon) {
		return fmt.Errorf("%w: the icon", ErrName)
	}
	groups := make([]string, 0, len(d.Groups))
	for _, g := range d.Groups {
		g = strings.TrimSpace(g)
		if len(g) > maxGroup || !showable(g) {
			return fmt.Errorf("%w: a group", ErrName)
		}
		if g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	if len(groups) > maxGroups {
		return fmt.Errorf("%w: %d groups at most", ErrName, maxGroups)
	}
	d.Groups = groups
	return nil
}

func showable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Edit changes an account's details. A refused change changes nothing.
func (a *App) Edit(ctx context.Context, id string, change func(*Details)) error {
	return a.changeEntry(ctx, id, func(e *entry) error {
		d := Details{Issuer: e.Issuer, Name: e.Name, Note: e.Note, Groups: slices.Clone(e.Groups), Pinned: e.Pinned, Icon: e.Icon}
		change(&d)
		if err := d.check(); err != nil {
			return err
		}
		e.set(d)
		return nil
	})
}

// SetPicture gives an account a picture of its own, an image file's content; nil
// takes it away.
func (a *App) SetPicture(ctx context.Context, id string, picture []byte) error {
	if len(picture) > MaxPicture {
		return fmt.Errorf("%w: %d KiB at most", ErrPicture, MaxPicture>>10)
	}
	return a.changeEntry(ctx, id, func(e *entry) error {
		if len(picture) == 0 {
			if e.Icon == OwnPicture {
				e.Icon = ""
			}
			return a.cfg.Store.Remove(ctx, pictureFile(id))
		}
		e.Icon = OwnPicture
		return a.cfg.Store.Write(ctx, pictureFile(id), picture)
	})
}

// Picture gives what SetPicture took.
func (a *App) Picture(ctx context.Context, id string) ([]byte, error) {
	if _, err := a.Account(id); err != nil {
		return nil, err
	}
	return a.cfg.Store.Read(ctx, pictureFile(id))
}

func pictureFile(id string) string { return "picture." + id }

// Move puts an account before another in the manual order; before "" is the end.
func (a *App) Move(ctx context.Context, id, before string) error {
	if id == before {
		return nil
	}
	return a.change(ctx, func(x *index) error {
		from := x.find(id)
		if from < 0 || !x.Accounts[from].visible() || before != "" && x.find(before) < 0 {
			return ErrNoAccount
		}
		moved := x.Accounts[from]
		x.Accounts = slices.Delete(x.Accounts, from, from+1)
		to := len(x.Accounts)
		if before != "" {
			to = x.find(before)
		}
		x.Accounts = slices.Insert(x.Accounts, to, moved)
		return nil
	})
}

// RenameGroup renames a group everywhere; to "" takes it away.
func (a *App) RenameGroup(ctx context.Context, from, to string) error {
	return a.change(ctx, func(x *index) error {
		for i := range x.Accounts {
			e := &x.Accounts[i]
			at := slices.Index(e.Groups, from)
			if at < 0 {
				continue
			}
			d := Details{Groups: slices.Clone(e.Groups)}
			d.Groups[at] = to
			if err := d.check(); err != nil {
				return err
			}
			e.Groups = d.Groups
		}
		return nil
	})
}

// Delete moves an account to the trash, where it gives no codes and gets no
// prompts. Restore is the undo.
func (a *App) Delete(ctx context.Context, id string) error {
	err := a.changeEntry(ctx, id, func(e *entry) error {
		if e.Deleted.IsZero() {
			e.Deleted = a.now()
		}
		return nil
	})
	if err == nil {
		a.dropPrompts(id)
	}
	return err
}

// Restore takes an account out of the trash.
func (a *App) Restore(ctx context.Context, id string) error {
	return a.changeEntry(ctx, id, func(e *entry) error {
		e.Deleted = time.Time{}
		return nil
	})
}

// Purge deletes an account of the trash for good.
func (a *App) Purge(ctx context.Context, id string) error {
	a.write.Lock()
	defer a.write.Unlock()
	return a.purgeHeld(ctx, id)
}

func (a *App) purgeHeld(ctx context.Context, id string) error {
	err := a.changeHeld(ctx, func(x *index) error {
		i := x.find(id)
		if i < 0 || !x.Accounts[i].visible() || x.Accounts[i].Deleted.IsZero() {
			return ErrNoAccount
		}
		x.Accounts[i].Mark = markRemoving
		return nil
	})
	if err != nil {
		return err
	}
	return a.strike(ctx, id)
}

// strike deletes the secret of an entry that is marked, and then the entry.
func (a *App) strike(ctx context.Context, id string) error {
	if err := a.cfg.Keyring.Delete(ctx, accountPrefix+id); err != nil {
		return fmt.Errorf("deleting the account's secret: %w", err)
	}
	if err := a.cfg.Store.Remove(ctx, pictureFile(id)); err != nil {
		return fmt.Errorf("deleting the account's picture: %w", err)
	}
	a.mu.Lock()
	delete(a.secrets, id)
	a.mu.Unlock()
	a.keepDevices(ctx, id, nil)
	return a.changeHeld(ctx, func(x *index) error {
		x.remove(id)
		return nil
	})
}

// purgeOld empties the trash of what has lain there long enough.
func (a *App) purgeOld(ctx context.Context) {
	for _, account := range a.Trash() {
		if a.now().Sub(account.Deleted) < trashTime {
			continue
		}
		if err := a.Purge(ctx, account.ID); err != nil {
			a.log.WarnContext(ctx, "old account of the trash not deleted", slogAccount(account.ID), slogError(err))
		}
	}
}

// used counts a use of an account, for the order by use.
func (a *App) used(ctx context.Context, id string) {
	a.write.Lock()
	defer a.write.Unlock()
	a.mu.Lock()
	x := a.index.clone()
	a.mu.Unlock()
	i := x.find(id)
	if i < 0 {
		return
	}
	x.Accounts[i].Uses++
	x.Accounts[i].LastUsed = a.now()
	if err := a.storeIndex(ctx, x); err != nil {
		a.log.WarnContext(ctx, "use of an account not counted", slogAccount(id), slogError(err))
		return
	}
	a.emit(AccountsChanged, id)
}
