// Package session keeps browsers' sessions on the verifier's pages. A session
// lives in the store, so that it survives a restart and can be ended from
// elsewhere, and the store knows it by the hash of its cookie alone: who reads
// the database cannot sign in with what they read.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/store"
)

// How long sessions live (NIST SP 800-63B-4 §2.2.3 asks AAL2 for an hour idle
// and a day in all, at most).
const (
	Idle     = 30 * time.Minute
	Lifetime = 12 * time.Hour
	// touchEvery is how old the time of the last request may be: writing it at
	// every request would make each page wait for the disk.
	touchEvery = time.Minute
	// sweepEach is how many others each new session looks at, to forget them.
	sweepEach = 8
)

// ErrNone says that a request has no session, or one that has ended.
var ErrNone = errors.New("session: none")

// Stage is how far a browser's user has proven who they are.
type Stage string

// The stages.
const (
	Named    Stage = "named"    // a name was given, nothing is proven
	Password Stage = "password" // the first factor is proven
	Reset    Stage = "reset"    // may set a new password, and nothing else
	SignedIn Stage = "signed_in"
)

// Session is one browser's.
type Session struct {
	User  string `json:"user,omitempty"` // the user's id; empty where a name alone was given
	Name  string `json:"name,omitempty"` // the name as it was typed, to show again
	Stage Stage  `json:"stage"`
	// Flow says what the pending challenge is for.
	Flow      string `json:"flow,omitempty"`
	Challenge string `json:"challenge,omitempty"`
	Next      string `json:"next,omitempty"`   // where to go after it
	Second    bool   `json:"second,omitempty"` // the first of two methods is proven
	// Enrolment belongs to an authenticator that is being added, with its link;
	// Secret is that of a code generator that is being added. Both are sealed.
	Enrolment string `json:"enrolment,omitempty"`
	Link      []byte `json:"link,omitempty"`
	Secret    []byte `json:"secret,omitempty"`
	Notice    string `json:"notice,omitempty"` // to show once, on the next page

	CreatedAt  time.Time `json:"created_at"`
	SeenAt     time.Time `json:"seen_at"`
	PasswordAt time.Time `json:"password_at,omitzero"` // when the first factor was proven
	ApprovedAt time.Time `json:"approved_at,omitzero"` // when one of the user's methods last approved

	key string // the hash of the cookie
}

// Approved reports whether one of the user's methods approved within the last
// so long. An approval that lies further ahead than that is none: a clock that
// was set back would else keep it fresh for as long.
func (s Session) Approved(now time.Time, within time.Duration) bool {
	return !s.ApprovedAt.IsZero() && now.Sub(s.ApprovedAt).Abs() <= within
}

func (s Session) ended(now time.Time) bool {
	return now.Sub(s.SeenAt) > Idle || now.Sub(s.CreatedAt) > Lifetime
}

// Config is what New needs.
type Config struct {
	Store store.Store
	Audit *audit.Log
	Now   func() time.Time
	// HTTPS says that browsers reach the server over TLS, its own or a proxy's.
	HTTPS bool
}

// Sessions are all of a server's.
type Sessions struct {
	Config
	sessions store.Bucket[Session]
	byUser   store.Bucket[string] // user's id, NUL, key → key
}

// New makes Sessions.
func New(cfg Config) *Sessions {
	return &Sessions{
		Config:   cfg,
		sessions: store.NewBucket[Session]("web_session"),
		byUser:   store.NewBucket[string]("web_session_by_user"),
	}
}

// Current is the request's session, or ErrNone.
func (s *Sessions) Current(r *http.Request) (Session, error) {
	key, ok := s.key(r)
	if !ok {
		return Session{}, ErrNone
	}
	var current Session
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		current, err = s.sessions.Get(tx, key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: reading: %w", err)
	}
	now := s.Now()
	if current.ended(now) {
		return Session{}, ErrNone
	}
	current.key = key
	if now.Sub(current.SeenAt) < touchEvery {
		return current, nil
	}
	return s.Change(r.Context(), current, func(*Session) {})
}

// Change stores a change to a session that exists. One that was ended meanwhile
// stays ended, with ErrNone.
func (s *Sessions) Change(ctx context.Context, current Session, f func(*Session)) (Session, error) {
	changed := current
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if changed, err = s.sessions.Get(tx, current.key); err != nil {
			return err
		}
		f(&changed)
		changed.SeenAt = s.Now()
		return s.sessions.Put(tx, current.key, changed)
	})
	if errors.Is(err, store.ErrNotFound) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: writing: %w", err)
	}
	changed.key = current.key
	return changed, nil
}

// Begin gives the browser a new session and ends the one that it had. It comes
// after every factor: who planted or saw the id of before has nothing of what
// was proven since (session fixation).
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, next Session) (Session, error) {
	old, _ := s.key(r)
	return s.replace(w, r, Session{key: old}, false, next)
}

// Advance is Begin for what follows from a session: of two requests that would
// take the same proof up, one gets ErrNone.
func (s *Sessions) Advance(w http.ResponseWriter, r *http.Request, from, next Session) (Session, error) {
	return s.replace(w, r, from, true, next)
}

// Renew ends all of a session's user's others, in the transaction of what made
// them void, and gives this one another id. The function that it returns sends
// that to the browser, once the transaction is on disk. It gives ErrNone for a
// session that was ended meanwhile.
func (s *Sessions) Renew(tx store.Tx, current Session) (send func(http.ResponseWriter, *http.Request), err error) {
	if err := s.leave(tx, current.key, true); err != nil {
		return nil, err
	}
	if err := s.EndAll(tx, current.User); err != nil {
		return nil, err
	}
	cookie := newCookie()
	next := current
	next.SeenAt, next.key = s.Now(), digest(cookie)
	return func(w http.ResponseWriter, r *http.Request) { s.setCookie(w, r, cookie) }, s.begin(tx, next)
}

func newCookie() string {
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails: crypto/rand ends the program first
	return base64.RawURLEncoding.EncodeToString(token)
}

func (s *Sessions) replace(w http.ResponseWriter, r *http.Request, from Session, must bool, next Session) (Session, error) {
	cookie := newCookie()
	now := s.Now()
	if next.CreatedAt.IsZero() {
		next.CreatedAt = now
	}
	next.SeenAt, next.key = now, digest(cookie)
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := s.sweep(tx, next.key); err != nil {
			return err
		}
		if err := s.leave(tx, from.key, must); err != nil {
			return err
		}
		return s.begin(tx, next)
	})
	if errors.Is(err, ErrNone) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: beginning: %w", err)
	}
	s.setCookie(w, r, cookie)
	return next, nil
}

// leave ends the session that a new one follows. If there must be one and is
// none any more, somebody else was faster.
func (s *Sessions) leave(tx store.Tx, key string, must bool) error {
	if key == "" {
		return nil
	}
	has, err := s.sessions.Has(tx, key)
	switch {
	case err != nil:
		return err
	case must && !has:
		return ErrNone
	}
	return s.end(tx, key)
}

// Spend ends a session in the transaction of what it was good for once. Of two
// requests that would do that, one gets ErrNone.
func (s *Sessions) Spend(tx store.Tx, current Session) error { return s.leave(tx, current.key, true) }

func (s *Sessions) begin(tx store.Tx, next Session) error {
	if err := s.sessions.Put(tx, next.key, next); err != nil {
		return err
	}
	if next.User == "" {
		return nil
	}
	if err := s.byUser.Put(tx, userKey(next.User, next.key), next.key); err != nil {
		return err
	}
	if next.Stage != SignedIn {
		return nil
	}
	return s.Audit.Append(tx, audit.Event{Kind: audit.KindSessionStarted, Actor: next.User, User: next.User})
}

// End ends the request's session.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) error {
	s.dropCookies(w, r)
	key, ok := s.key(r)
	if !ok {
		return nil
	}
	err := s.Store.Update(r.Context(), func(tx store.Tx) error { return s.end(tx, key) })
	if err != nil {
		return fmt.Errorf("session: ending: %w", err)
	}
	return nil
}

// EndAll ends all of a user's sessions, in the transaction of what made them
// void: a new password, a lost device.
func (s *Sessions) EndAll(tx store.Tx, user string) error {
	keys, err := s.byUser.All(tx, store.Range{Prefix: user + "\x00"})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.end(tx, key); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sessions) end(tx store.Tx, key string) error {
	old, err := s.sessions.Get(tx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.sessions.Delete(tx, key); err != nil {
		return err
	}
	if old.User == "" {
		return nil
	}
	if err := s.byUser.Delete(tx, userKey(old.User, key)); err != nil {
		return err
	}
	if old.Stage != SignedIn {
		return nil
	}
	return s.Audit.Append(tx, audit.Event{Kind: audit.KindSessionEnded, Actor: old.User, User: old.User})
}

// sweep ends sessions whose time is over. Keys are hashes, so those that follow
// a new one are a fair sample, and every one gets its turn.
func (s *Sessions) sweep(tx store.Tx, key string) error {
	var over []string
	now := s.Now()
	err := s.sessions.Scan(tx, store.Range{After: key, Limit: sweepEach}, func(key string, old Session) error {
		if old.ended(now) {
			over = append(over, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range over {
		if err := s.end(tx, key); err != nil {
			return err
		}
	}
	return nil
}

func userKey(user, key string) string { return user + "\x00" + key }

func digest(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
