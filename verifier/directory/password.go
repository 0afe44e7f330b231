package directory

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"countersign/verifier/audit"
	"countersign/verifier/store"
)

// What Authenticate refuses, for errors.Is; BackoffError too.
var (
	// ErrWrongPassword stands for a wrong password, an unknown name, a user
	// without a password and a disabled one alike.
	ErrWrongPassword = errors.New("directory: wrong name or password")
	// ErrPasswordLocked says that the password was wrong too often in a row; an
	// administrator unlocks it, or sets another.
	ErrPasswordLocked = errors.New("directory: the password is locked")
	// ErrBusy says that too many sign-ins wait for their password's check.
	ErrBusy = errors.New("directory: too many sign-ins at once; try again")
)

// BackoffError says that a source guessed wrong too often in a row at a name.
type BackoffError struct {
	RetryAfter time.Duration
}

func (e *BackoffError) Error() string {
	return fmt.Sprintf("directory: too many wrong passwords; try again in %s", e.RetryAfter.Round(time.Second))
}

const (
	minPassword = 8    // characters (NIST SP 800-63B-4 §3.1.1.2, as a second factor follows)
	maxPassword = 1024 // octets
)

// SetPassword gives a user a password of 8 characters or more, and lifts its
// lock.
func (d *Directory) SetPassword(tx store.Tx, userID, password string) error {
	hash, err := d.HashPassword(password)
	if err != nil {
		return err
	}
	return d.SetPasswordHash(tx, userID, hash)
}

// HashPassword hashes a password of 8 characters or more for SetPasswordHash,
// outside any transaction: hashing takes tens of milliseconds, in which a
// transaction that writes would hold up all others.
func (d *Directory) HashPassword(password string) (string, error) {
	if !utf8.ValidString(password) || len(password) > maxPassword {
		return "", invalid("refused.password_long", "most", maxPassword)
	}
	password = norm.NFC.String(password)
	if utf8.RuneCountInString(password) < minPassword {
		return "", invalid("refused.password_short", "least", minPassword)
	}
	return hashPassword(password), nil
}

// SetPasswordHash gives a user the password that HashPassword hashed, and
// lifts its lock.
func (d *Directory) SetPasswordHash(tx store.Tx, userID, hash string) error {
	if _, err := d.UserByID(tx, userID); err != nil {
		return err
	}
	err := errors.Join(d.passwords.Put(tx, userID, hash), d.clearGuesses(tx, guessedUser(userID)))
	if err != nil {
		return fmt.Errorf("directory: setting a password: %w", err)
	}
	return d.record(tx, audit.Event{Kind: audit.KindPasswordChanged, User: userID})
}

// HasPassword reports whether the user has a password.
func (d *Directory) HasPassword(tx store.Tx, userID string) (bool, error) {
	return d.passwords.Has(tx, userID)
}

// Authenticate checks a name and password that came from source (an address,
// or a client's id where none is known). An unknown name gets the same answer
// in the same time as a wrong password, and its guesses are counted alike.
//
// The guess is counted, durably, before the password is checked, and taken back
// when it was right: guesses made at the same time, or cut short by a crash,
// all count.
func (d *Directory) Authenticate(ctx context.Context, name, password, source string) (User, error) {
	if !d.waiting.TryAcquire(1) {
		return User{}, ErrBusy
	}
	defer d.waiting.Release(1)
	if err := d.hashes.Acquire(ctx, 1); err != nil {
		return User{}, err
	}
	defer d.hashes.Release(1)

	var a attempt
	if err := d.store.Update(ctx, func(tx store.Tx) (err error) {
		a, err = d.beginAttempt(tx, name, source)
		return err
	}); err != nil {
		return User{}, fmt.Errorf("directory: counting a sign-in: %w", err)
	}
	if a.refused != nil {
		return User{}, a.refused
	}
	right, err := checkPassword(a.hash, norm.NFC.String(boundPassword(password)))
	if err != nil {
		return User{}, err
	}
	right = right && a.mayEnter
	// Even when the client has gone: a guess that was right must not stay
	// counted as wrong, nor one that was wrong unrecorded.
	ctx = context.WithoutCancel(ctx)
	if err := d.store.Update(ctx, func(tx store.Tx) error { return d.endAttempt(tx, a, right) }); err != nil {
		return User{}, fmt.Errorf("directory: recording a sign-in: %w", err)
	}
	if !right {
		return User{}, ErrWrongPassword
	}
	return a.user, nil
}

// boundPassword keeps the work bounded for what no password can be.
func boundPassword(password string) string {
	if len(password) > maxPassword {
		return ""
	}
	return password
}

// attempt is one call of Authenticate between its transactions.
type attempt struct {
	user     User // zero for an unknown name
	mayEnter bool
	hash     string
	name     string // whose guesses are counted
	source   string
	guess    int // which guess in a row at the name this is, from 1
	refused  error
}

func (d *Directory) beginAttempt(tx store.Tx, name, source string) (attempt, error) {
	a := attempt{hash: dummyHash(), source: source}
	u, err := d.FindUser(tx, name)
	switch {
	case errors.Is(err, ErrUnknownUser):
		if a.name, err = d.guessedName(tx, name); err != nil {
			return a, err
		}
	case err != nil:
		return a, err
	default:
		a.user, a.name = u, guessedUser(u.ID)
		hash, err := d.passwords.Get(tx, u.ID)
		switch {
		case err == nil:
			a.hash, a.mayEnter = hash, !u.Disabled
		case !errors.Is(err, store.ErrNotFound):
			return a, err
		}
	}
	a.guess, a.refused, err = d.countGuess(tx, a.name, source)
	return a, err
}

func (d *Directory) endAttempt(tx store.Tx, a attempt, right bool) error {
	if !right && a.guess == maxGuesses {
		err := d.record(tx, audit.Event{Kind: audit.KindPasswordLocked, Actor: ActorSystem, User: a.user.ID, Source: a.source})
		if err != nil {
			return err
		}
	}
	if !right {
		return d.record(tx, audit.Event{Kind: audit.KindPasswordRefused, Actor: ActorSystem, User: a.user.ID, Source: a.source})
	}
	if err := d.forgiveGuesses(tx, a.name, a.source); err != nil {
		return err
	}
	return d.record(tx, audit.Event{Kind: audit.KindPasswordVerified, Actor: a.user.ID, User: a.user.ID, Source: a.source})
}
