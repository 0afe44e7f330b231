package directory

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/store"
)

// Limits on guessing passwords.
const (
	// freeGuesses wrong ones in a row, per user and source, cost no wait; each
	// further one costs twice the wait of the one before.
	freeGuesses  = 10
	firstBackoff = time.Minute
	maxBackoff   = time.Hour
	// maxGuesses wrong ones in a row, per user from all sources, lock the
	// password (NIST SP 800-63B-4 §3.2.2: 100 at most).
	maxGuesses = 100

	// Counts that nobody added to for so long are forgotten, and locks after
	// longer: names that do not exist must not fill the disk for ever. Those of
	// users that exist are forgotten alike, or the difference would tell.
	forgetGuesses = 7 * 24 * time.Hour
	forgetLocks   = 90 * 24 * time.Hour
	// sweepEach is how many counts each new guess looks at, to forget.
	sweepEach = 4
)

// guesses counts the wrong passwords in a row at one name, in all (key NAME) or
// from one source (key NAME/SOURCE).
type guesses struct {
	Wrong int       `json:"wrong"`
	Last  time.Time `json:"last"`
}

func (g guesses) forgotten(now time.Time) bool {
	idle := now.Sub(g.Last)
	return idle > forgetLocks || (g.Wrong < maxGuesses && idle > forgetGuesses)
}

// wait is how long after the last guess the next is refused.
func (g guesses) wait() time.Duration {
	if g.Wrong < freeGuesses {
		return 0
	}
	return min(firstBackoff<<min(g.Wrong-freeGuesses, 16), maxBackoff)
}

// guessedUser and guessedName give the key under which guesses at a user, or
// at a name that nobody has, are counted. Both are hashes: a name that is none
// may well be a password typed into the wrong field.
func guessedUser(id string) string { return digest("user\x00" + id) }

// The forms of a name that would be one user are one name here, or guesses
// spread over them would tell who exists.
func (d *Directory) guessedName(tx store.Tx, name string) (string, error) {
	forms, err := d.nameForms(tx, name)
	if errors.Is(err, ErrInvalid) {
		return digest("name\x00" + name), nil
	}
	if err != nil {
		return "", err
	}
	slices.Sort(forms)
	return digest("name\x00" + forms[0]), nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func guessKey(name, source string) string { return name + "/" + digest(Network(source)) }

// countGuess counts a guess before it is made, and says which in a row at the
// name it is; or refuses it. The refusal is not the error: the transaction
// stands either way.
func (d *Directory) countGuess(tx store.Tx, name, source string) (guess int, refused, err error) {
	now := d.now()
	if err := d.sweepGuesses(tx, now); err != nil {
		return 0, nil, err
	}
	total, err := d.loadGuesses(tx, name, now)
	if err != nil {
		return 0, nil, err
	}
	if total.Wrong >= maxGuesses {
		return 0, ErrPasswordLocked, nil
	}
	here, err := d.loadGuesses(tx, guessKey(name, source), now)
	if err != nil {
		return 0, nil, err
	}
	if left := here.Last.Add(here.wait()).Sub(now); here.wait() > 0 && left > 0 {
		return 0, &BackoffError{RetryAfter: left}, nil
	}
	total = guesses{Wrong: total.Wrong + 1, Last: now}
	here = guesses{Wrong: here.Wrong + 1, Last: now}
	err = errors.Join(d.guesses.Put(tx, name, total), d.guesses.Put(tx, guessKey(name, source), here))
	return total.Wrong, nil, err
}

func (d *Directory) loadGuesses(tx store.Tx, key string, now time.Time) (guesses, error) {
	g, err := d.guesses.Get(tx, key)
	if errors.Is(err, store.ErrNotFound) || (err == nil && g.forgotten(now)) {
		return guesses{}, nil
	}
	return g, err
}

// forgiveGuesses ends a row of wrong guesses: the user's, and that of this
// source.
func (d *Directory) forgiveGuesses(tx store.Tx, name, source string) error {
	return errors.Join(d.guesses.Delete(tx, name), d.guesses.Delete(tx, guessKey(name, source)))
}

// clearGuesses forgets all guesses at a name, from every source.
func (d *Directory) clearGuesses(tx store.Tx, name string) error {
	keys := []string{name}
	err := d.guesses.Scan(tx, store.Range{Prefix: name + "/"}, func(key string, _ guesses) error {
		keys = append(keys, key)
		return nil
	})
	for _, key := range keys {
		err = errors.Join(err, d.guesses.Delete(tx, key))
	}
	return err
}

// sweepGuesses looks at a few counts after a random place and drops those that
// are forgotten. Keys are hashes, so over many guesses all are looked at.
func (d *Directory) sweepGuesses(tx store.Tx, now time.Time) error {
	var place [8]byte
	_, _ = rand.Read(place[:]) // never fails: crypto/rand ends the program first
	r := store.Range{After: base64.RawURLEncoding.EncodeToString(place[:]), Limit: sweepEach}
	var stale []string
	err := d.guesses.Scan(tx, r, func(key string, g guesses) error {
		if g.forgotten(now) {
			stale = append(stale, key)
		}
		return nil
	})
	for _, key := range stale {
		err = errors.Join(err, d.guesses.Delete(tx, key))
	}
	return err
}

// PasswordLocked reports whether the user's password is locked.
func (d *Directory) PasswordLocked(tx store.Tx, userID string) (bool, error) {
	g, err := d.loadGuesses(tx, guessedUser(userID), d.now())
	return g.Wrong >= maxGuesses, err
}

// UnlockPassword lifts the lock of a user's password and every wait for it.
func (d *Directory) UnlockPassword(tx store.Tx, userID string) error {
	if _, err := d.UserByID(tx, userID); err != nil {
		return err
	}
	if err := d.clearGuesses(tx, guessedUser(userID)); err != nil {
		return err
	}
	return d.record(tx, audit.Event{Kind: audit.KindPasswordUnlocked, User: userID})
}
