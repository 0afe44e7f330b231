package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/crypto/otp"
)

const (
	indexFile    = "accounts.json"
	indexVersion = 1
)

// An entry's mark says that a change of it was begun. It is written before the
// keyring is touched, and Open finishes what a crash cut short.
const (
	markNone      = ""
	markAdding    = "adding"    // the secret is being written
	markEnrolling = "enrolling" // the secret is written; the verifier has not said yes yet
	markRemoving  = "removing"  // the secret is being deleted
)

// index is what is known of the accounts without a secret, in manual order.
type index struct {
	Version  int     `json:"version"`
	Accounts []entry `json:"accounts"`
}

type entry struct {
	ID       string     `json:"id"`
	Mark     string     `json:"mark,omitempty"`
	Issuer   string     `json:"issuer,omitempty"`
	Name     string     `json:"name,omitempty"`
	Note     string     `json:"note,omitempty"`
	Groups   []string   `json:"groups,omitempty"`
	Pinned   bool       `json:"pinned,omitempty"`
	Icon     string     `json:"icon,omitempty"`
	Code     *codeEntry `json:"code,omitempty"`
	Push     *pushEntry `json:"push,omitempty"`
	Uses     int        `json:"uses,omitempty"`
	LastUsed time.Time  `json:"last_used,omitzero"`
	Added    time.Time  `json:"added,omitzero"`
	Deleted  time.Time  `json:"deleted,omitzero"`
}

type codeEntry struct {
	Type      otp.Type      `json:"type"`
	Algorithm otp.Algorithm `json:"algorithm"`
	Digits    int           `json:"digits"`
	Period    int           `json:"period,omitempty"`
}

type pushEntry struct {
	Organisation string `json:"organisation"`
	User         string `json:"user,omitempty"`
	RelayHost    string `json:"relay_host"`
	Verifier     string `json:"verifier"` // short, to show; the pin lies with the keys
	Revoked      bool   `json:"revoked,omitempty"`
	// The challenge that enrolled it, which never comes again; and while its
	// outcome is not there, until when it can come.
	Challenge string    `json:"challenge,omitempty"`
	Until     time.Time `json:"until,omitzero"`
}

// visible tells whether the user sees the entry.
func (e entry) visible() bool { return e.Mark == markNone }

func (x index) find(id string) int {
	for i, e := range x.Accounts {
		if e.ID == id {
			return i
		}
	}
	return -1
}

// clone makes a copy whose entries can be changed, so that readers keep theirs.
func (x index) clone() index {
	x.Accounts = append([]entry(nil), x.Accounts...)
	return x
}

// remove takes an entry out.
func (x *index) remove(id string) {
	kept := x.Accounts[:0]
	for _, e := range x.Accounts {
		if e.ID != id {
			kept = append(kept, e)
		}
	}
	x.Accounts = kept
}

// readIndex reads the list. Only a file that is not there is an empty list: one
// that cannot be read must stop the app, which would otherwise write an empty
// list over it.
func (a *App) readIndex(ctx context.Context) (x index, exists bool, err error) {
	data, err := a.cfg.Store.Read(ctx, indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return index{Version: indexVersion}, false, nil
	}
	if err != nil {
		return index{}, false, fmt.Errorf("reading the list of accounts: %w", err)
	}
	if err := json.Unmarshal(data, &x, json.RejectUnknownMembers(true)); err != nil {
		return index{}, true, fmt.Errorf("%w (%s): %w", ErrList, indexFile, err)
	}
	if x.Version != indexVersion {
		return index{}, true, fmt.Errorf("%w (%s): version %d", ErrList, indexFile, x.Version)
	}
	return x, true, nil
}

// storeIndex writes the list and makes it the present one. write is held.
func (a *App) storeIndex(ctx context.Context, x index) error {
	data, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("writing the list of accounts: %w", err)
	}
	if err := a.cfg.Store.Write(ctx, indexFile, data); err != nil {
		return fmt.Errorf("storing the list of accounts: %w", err)
	}
	a.mu.Lock()
	a.index = x
	a.mu.Unlock()
	return nil
}

// change changes the list: change gets a copy, and what it made of it is stored
// before anyone sees it.
func (a *App) change(ctx context.Context, change func(*index) error) error {
	a.write.Lock()
	defer a.write.Unlock()
	return a.changeHeld(ctx, change)
}

// changeHeld is change for those who hold write already.
func (a *App) changeHeld(ctx context.Context, change func(*index) error) error {
	a.mu.Lock()
	opened, x := a.opened, a.index.clone()
	a.mu.Unlock()
	if !opened {
		return ErrNotOpen
	}
	if err := change(&x); err != nil {
		return err
	}
	if err := a.storeIndex(ctx, x); err != nil {
		return err
	}
	a.backupSoon()
	a.emit(AccountsChanged, "")
	return nil
}

// changeEntry changes one entry of the list.
func (a *App) changeEntry(ctx context.Context, id string, change func(*entry) error) error {
	return a.change(ctx, func(x *index) error {
		i := x.find(id)
		if i < 0 || !x.Accounts[i].visible() {
			return ErrNoAccount
		}
		return change(&x.Accounts[i])
	})
}

func slogError(err error) slog.Attr      { return slog.String("error", err.Error()) }
func slogReason(reason string) slog.Attr { return slog.String("reason", reason) }
