package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"countersign/crypto/identity"
	"countersign/crypto/otp"
	"countersign/message"
)

var errSoon = errors.New("app: being written")

type (
	index     struct{}
	vault     struct{}
	secret    struct{}
	link      struct{}
	inbox     struct{}
	drift     struct{}
	clipboard struct{}
)

func slogError(err error) slog.Attr { return slog.String("error", err.Error()) }

func (a *App) wake() {}

// Open reads what is stored, once, before anything else.
func (a *App) Open(ctx context.Context) error { return errSoon }

// Run keeps the connections and the clocks until ctx ends.
func (a *App) Run(ctx context.Context) error { return errSoon }

// Wake resynchronises after the device slept or the app came to the front.
func (a *App) Wake() {}

// List gives the accounts that are not in the trash.
func (a *App) List(f Filter) []Account { return nil }

// Account gives one account, of the trash too.
func (a *App) Account(id string) (Account, error) { return Account{}, errSoon }

// Trash gives the deleted accounts, the latest first.
func (a *App) Trash() []Account { return nil }

// Groups gives the groups in use, by name.
func (a *App) Groups() []string { return nil }

// Add adds accounts, all or none.
func (a *App) Add(ctx context.Context, additions ...Addition) ([]Account, error) { return nil, errSoon }

// Duplicate finds the account that already holds this key.
func (a *App) Duplicate(k otp.Key) (Account, bool) { return Account{}, false }

// Edit changes an account's details.
func (a *App) Edit(ctx context.Context, id string, change func(*Details)) error { return errSoon }

// Move puts an account before another in the manual order; before "" is the end.
func (a *App) Move(ctx context.Context, id, before string) error { return errSoon }

// RenameGroup renames a group everywhere; to "" removes it.
func (a *App) RenameGroup(ctx context.Context, from, to string) error { return errSoon }

// Delete moves an account to the trash; Restore is the undo.
func (a *App) Delete(ctx context.Context, id string) error { return errSoon }

// Restore takes an account out of the trash.
func (a *App) Restore(ctx context.Context, id string) error { return errSoon }

// Purge deletes an account of the trash for good.
func (a *App) Purge(ctx context.Context, id string) error { return errSoon }

// Key gives the account's key with its secret, to show or export.
func (a *App) Key(id string) (otp.Key, error) { return otp.Key{}, errSoon }

// Code gives the code of this moment, never blocking. Of an HOTP account it
// gives the code that NextCode showed last, or ErrNoCode-like refusal before.
func (a *App) Code(id string) (Code, error) { return Code{}, errSoon }

// NextCode advances an HOTP account: the counter is stored before the code is given.
func (a *App) NextCode(ctx context.Context, id string) (Code, error) { return Code{}, errSoon }

// Copy puts the account's code on the clipboard and clears it later.
func (a *App) Copy(ctx context.Context, id string) error { return errSoon }

// Drift tells by how much this device's clock is ahead (or, negative, behind)
// of the verifiers', where that is enough to spoil codes.
func (a *App) Drift() (ahead time.Duration, warn bool) { return 0, false }

// LockState is where the lock stands.
type LockState struct {
	Set       bool      // there is a PIN or passphrase
	Locked    bool      // secrets are sealed
	TriesLeft int       // of MaxTries
	Until     time.Time // no try before; zero: now
}

// Lock errors, for errors.Is.
var (
	ErrWrongPIN  = errors.New("wrong PIN or passphrase")
	ErrWait      = errors.New("too many wrong tries; wait")
	ErrLockedOut = errors.New("too many wrong tries; the accounts stay sealed: erase the app and restore a backup")
	ErrWeakPIN   = errors.New("a PIN has 4 characters or more; 6 are better")
)

// LockState tells where the lock stands.
func (a *App) LockState() LockState { return LockState{} }

// Lock seals the accounts now.
func (a *App) Lock() {}

// Unlock opens the accounts.
func (a *App) Unlock(ctx context.Context, pin string) error { return errSoon }

// SetPIN sets, changes or (with "") removes the PIN or passphrase; old is the present one.
func (a *App) SetPIN(ctx context.Context, old, pin string) error { return errSoon }

// Touch tells that the user is there, for the idle lock.
func (a *App) Touch() {}

// Erase deletes every account, key and setting.
func (a *App) Erase(ctx context.Context) error { return errSoon }

// Inbox is the current prompt.
func (a *App) Inbox() Inbox { return Inbox{} }

// Answer sends the decision and waits for the verifier's outcome.
func (a *App) Answer(ctx context.Context, prompt string, d Decision) (Result, error) {
	return Result{}, errSoon
}

// Dismiss takes a closed prompt off the screen.
func (a *App) Dismiss(prompt string) {}

// Activity gives what happened, the latest first.
func (a *App) Activity() []Activity { return nil }

// Input is what a link, a QR code or pasted text holds.
type Input struct {
	Enrolment *Enrolment // an organisation's invitation; nothing is done before Confirm
	Keys      []otp.Key  // accounts to Add
	Batch     *Batch     // one of several Google migration codes
}

// Batch says which part of a migration of several QR codes this is.
type Batch struct{ ID, Index, Size int }

// Read takes one link as pasted or scanned, and does nothing with it yet.
func (a *App) Read(text string) (Input, error) { return Input{}, errSoon }

// Enrolment is an invitation: what to ask the person, before anything is done.
type Enrolment struct {
	Organisation string // the link's word
	RelayHost    string
	Verifier     string // short form of the thumbprint
}

// Begin reads an enrolment link.
func (a *App) Begin(link string) (*Enrolment, error) { return nil, errSoon }

// Confirm enrols this device under name: the number is asked for by a Prompt in
// the Inbox meanwhile. It ends with the account, or says why there is none.
func (e *Enrolment) Confirm(ctx context.Context, name string) (Account, error) {
	return Account{}, errSoon
}

// Enrolment refusals, for errors.Is. ErrWearable is one too.
var (
	ErrLink           = message.ErrLink
	ErrLinkUsed       = errors.New("the link has been used or has expired; ask for a new one")
	ErrTooManyDevices = errors.New("too many devices; remove one on the account page first")
	ErrWrongNumber    = errors.New("the number was wrong; ask for a new link")
	ErrNoConnection   = errors.New("the organisation cannot be reached")
	ErrRefused        = errors.New("the organisation refused")
)

// Connector makes connections to relays.
type Connector func(Connection) (Carrier, error)

// Connection is what a connection is made from.
type Connection struct {
	Relay    string
	Key      identity.PrivateKey
	Verifier identity.Thumbprint
	Pin      []byte
	Receive  func(ctx context.Context, from identity.Thumbprint, body string)
	State    func(connected bool, err error)
}

// Carrier is one connection.
type Carrier interface {
	Run(ctx context.Context) error
	Send(ctx context.Context, to identity.Thumbprint, body string) (delivered bool, err error)
	Wake()
}

// Websocket is the Connector over the relay protocol.
func Websocket(log *slog.Logger, now func() time.Time) Connector { return nil }

// BrokerState is where the same-device flow stands.
type BrokerState struct {
	Number  string // on the sign-in screen
	Covered bool   // the request stands over the number
	Prompt  *Prompt
	CanShow bool // "Show me the number again" is offered
	Done    bool
	Result  Result
}

// Broker is one same-device sign-in (design word: iOS broker flow).
type Broker struct{}

// SignIn starts a same-device sign-in for the account, on platform ios alone.
func (a *App) SignIn(ctx context.Context, account, password string) (*Broker, error) {
	return nil, errSoon
}

// State is what to draw now.
func (b *Broker) State() BrokerState { return BrokerState{} }

// ShowNumberAgain uncovers the number for two seconds.
func (b *Broker) ShowNumberAgain() {}

// Run follows the sign-in until it has ended; changed is called when State differs.
func (b *Broker) Run(ctx context.Context, changed func()) (Result, error) { return Result{}, errSoon }
