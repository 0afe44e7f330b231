package challenge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/rules"
	"countersign/verifier/store"
)

// Post takes messages to devices. It must not block: what it cannot take, the
// device asks for with its next Sync.
type Post interface {
	Post(to identity.PublicKey, device identity.Thumbprint, m message.Message)
}

// Enrolment is told, in the settling transaction, how the challenge of an
// enrolment ended. The account goes to the new device with the outcome; a
// refusal is the reason why an approval enrols nothing all the same.
type Enrolment interface {
	Settled(tx store.Tx, id string, state State, reason string) (account *message.Account, refusal string, err error)
}

// Config is what a Service is made of.
type Config struct {
	Store     store.Store
	Directory *directory.Directory
	Rules     *rules.Rules
	Audit     *audit.Log
	Post      Post
	Enrolment Enrolment
	Issuer    identity.Thumbprint // the verifier's signing key
	Limits    Limits
	Now       func() time.Time
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
}

// Service starts, settles and watches challenges.
type Service struct {
	Config
	settled *prometheus.CounterVec
	started *prometheus.CounterVec
	refused *prometheus.CounterVec

	mu      sync.Mutex
	waiters map[string]*waiter
}

// waiter is closed when its challenge is settled.
type waiter struct {
	done    chan struct{}
	settled record // from when done is closed
	count   int
}

// New makes a Service. Run must run as long as it is used.
func New(cfg Config) *Service {
	s := &Service{
		Config:  cfg,
		waiters: map[string]*waiter{},
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_challenges_started_total", Help: "Challenges started, by experience.",
		}, []string{"experience"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_challenges_refused_total", Help: "Starts that limits, locks and blocks refused, by which.",
		}, []string{"code"}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_challenges_settled_total", Help: "Challenges settled, by state and reason.",
		}, []string{"state", "reason"}),
	}
	cfg.Metrics.MustRegister(s.started, s.refused, s.settled)
	return s
}

const (
	sweepEvery = 5 * time.Second
	sweepBatch = 200
)

// Run expires what nobody asks about any more, and forgets what is old, until
// ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	forgetting := s.forgetting()
	for {
		if err := errors.Join(s.sweep(ctx), forgetting.run(ctx, s.Store)); err != nil && ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "expiring and forgetting challenges", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sweep expires all that is due, a batch at a time. One that cannot be expired
// holds up none of the others.
func (s *Service) sweep(ctx context.Context) error {
	var failed []error
	after := ""
	for {
		due, err := s.due(ctx, after)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, id := range due {
			_, err := s.load(ctx, id)
			if errors.Is(err, ErrUnknown) {
				err = s.Store.Update(ctx, func(tx store.Tx) error { return pendings.Delete(tx, id) })
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("challenge %s: %w", id, err))
			}
		}
		if len(due) < sweepBatch || ctx.Err() != nil {
			return errors.Join(failed...)
		}
		after = due[len(due)-1]
	}
}

// due gives the ids of a batch of pending challenges whose time is over.
func (s *Service) due(ctx context.Context, after string) ([]string, error) {
	var due []string
	now := s.Now()
	err := s.Store.View(ctx, func(tx store.Tx) error {
		due = due[:0]
		return pendings.Scan(tx, store.Range{After: after}, func(id string, expires time.Time) error {
			if expires.After(now) {
				return nil
			}
			if due = append(due, id); len(due) == sweepBatch {
				return store.Stop
			}
			return nil
		})
	})
	return due, err
}

// Get returns a client's challenge. With a wait it returns as soon as the
// challenge is settled, or when the wait or ctx ends. A challenge of another
// client is as unknown as one that never was.
func (s *Service) Get(ctx context.Context, client, id string, wait time.Duration) (Challenge, error) {
	w := s.watch(id)
	defer s.unwatch(id, w)
	r, err := s.load(ctx, id)
	if err != nil {
		return Challenge{}, err
	}
	if r.Client != client {
		return Challenge{}, ErrUnknown
	}
	if r.State != Pending || wait <= 0 {
		return r.view(), nil
	}
	if r.halfway() {
		// A client that asks again in between missed the change that it waits for.
		wait = min(wait, halfwayWait)
	}
	timer := time.NewTimer(min(wait, r.ExpiresAt.Sub(s.Now())))
	defer timer.Stop()
	select {
	case <-w.done:
		return w.settled.view(), nil
	case <-timer.C:
	case <-ctx.Done():
		return r.view(), nil
	}
	if r, err = s.load(ctx, id); err != nil {
		return Challenge{}, err
	}
	return r.view(), nil
}

// load reads a challenge, and expires it first if its time is over.
func (s *Service) load(ctx context.Context, id string) (record, error) {
	var r record
	err := s.Store.View(ctx, func(tx store.Tx) (err error) {
		r, err = get(tx, id)
		return err
	})
	if err != nil || r.State != Pending || s.Now().Before(r.ExpiresAt) {
		return r, err
	}
	return s.change(ctx, id, func(tx store.Tx, c *change) error {
		return s.expire(tx, c)
	})
}

func get(tx store.Tx, id string) (record, error) {
	r, err := challenges.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return record{}, ErrUnknown
	}
	return r, err
}

// Cancel ends a client's pending challenge. One that is settled stays as it is.
func (s *Service) Cancel(ctx context.Context, client, id string) (Challenge, error) {
	r, err := s.change(ctx, id, func(tx store.Tx, c *change) error {
		if c.record.Client != client {
			return ErrUnknown
		}
		return s.settle(tx, c, Cancelled, "")
	})
	return r.view(), err
}

// Code takes a TOTP code for a challenge that asks for one. It returns
// ErrWrongCode while more tries are left; the last one denies as locked.
func (s *Service) Code(ctx context.Context, client, id, code string) (Challenge, error) {
	wrong := false
	r, err := s.change(ctx, id, func(tx store.Tx, c *change) error {
		wrong = false
		switch {
		case c.record.Client != client:
			return ErrUnknown
		case c.record.Experience != experienceTOTP:
			return ErrNotTOTP
		case c.record.State != Pending:
			return ErrSettled
		case !c.account.TOTPLocked.IsZero():
			return s.settle(tx, c, Denied, message.ReasonLocked)
		}
		right, err := s.checkCode(tx, c, code)
		switch {
		case errors.Is(err, directory.ErrNoTOTP), errors.Is(err, directory.ErrUnknownUser):
			return s.settle(tx, c, Cancelled, "") // the method or its user went since the start
		case err != nil:
			return err
		case right:
			return s.settle(tx, c, Approved, "")
		}
		wrong = true
		return s.wrongCode(tx, c)
	})
	if err == nil && wrong && r.State == Pending {
		err = ErrWrongCode
	}
	return r.view(), err
}

// checkCode checks a code of a user who may still sign in; of one who may not,
// it gives directory.ErrUnknownUser.
func (s *Service) checkCode(tx store.Tx, c *change, code string) (bool, error) {
	gone, err := s.userGone(tx, c)
	if err != nil {
		return false, err
	}
	if gone {
		return false, directory.ErrUnknownUser
	}
	return s.Directory.CheckTOTP(tx, c.record.User, code, s.Now())
}

func (s *Service) wrongCode(tx store.Tx, c *change) error {
	event := audit.Event{
		Kind: audit.KindCodeRefused, User: c.record.User, Client: c.record.Client, Challenge: c.record.ID, Source: c.record.Source,
	}
	if err := s.Audit.Append(tx, event); err != nil {
		return err
	}
	c.account.WrongCodes++
	if c.account.WrongCodes < s.Limits.WrongCodes {
		return nil
	}
	c.account.TOTPLocked = s.Now()
	event.Kind = audit.KindCodeLocked
	if err := s.Audit.Append(tx, event); err != nil {
		return err
	}
	return s.settle(tx, c, Denied, message.ReasonLocked)
}

// History returns a user's latest challenges, newest first. What the audit log
// says was started is looked up: a list of its own would cost every sign-in a
// page of the database.
func (s *Service) History(ctx context.Context, user string, limit int) ([]Challenge, error) {
	var list []Challenge
	err := s.Store.View(ctx, func(tx store.Tx) error {
		list = list[:0]
		started, err := s.Audit.Query(tx, audit.Filter{
			User: user, Kinds: []string{audit.KindChallengeStarted}, State: string(Pending), From: s.Now().Add(-keepHistory),
		}, audit.Page{Limit: limit})
		if err != nil {
			return err
		}
		for _, event := range started.Records {
			r, err := get(tx, event.Challenge)
			if errors.Is(err, ErrUnknown) { // forgotten
				continue
			}
			if err != nil {
				return err
			}
			list = append(list, r.view())
		}
		return nil
	})
	return list, err
}

// Locks says what is locked for a user, and since when; zero times if not.
func (s *Service) Locks(ctx context.Context, user string) (push, totp time.Time, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) error {
		a, err := accountOf(tx, user)
		push, totp = a.PushLocked, a.TOTPLocked
		return err
	})
	return push, totp, err
}

// Release lifts a user's locks, blocks and start limits: an administrator's
// decision, audited with the actor.
func (s *Service) Release(ctx context.Context, actor, user string) error {
	err := s.Store.Update(ctx, func(tx store.Tx) error { return Release(tx, s.Audit, actor, user) })
	if err == nil {
		s.notifyUser(ctx, user, message.NoticeUnlocked, "", "")
	}
	return err
}

// Release lifts them inside a transaction, without telling the devices: for the
// command line, which has no connection to them.
func Release(tx store.Tx, log *audit.Log, actor, user string) error {
	a, err := accountOf(tx, user)
	if err != nil {
		return err
	}
	// The pending challenge stays: it is not a lock, and ends by itself.
	if err := accounts.Put(tx, user, account{Pending: a.Pending, Known: a.Known}); err != nil {
		return err
	}
	return log.Append(tx, audit.Event{Kind: audit.KindPushUnlocked, Actor: actor, User: user})
}

// nobody is read in the place of a user who does not exist, so that the reads
// are the same. Nothing is ever written there.
const nobody = "-"

func accountOf(tx store.Tx, user string) (account, error) {
	a, err := accounts.Get(tx, cmp.Or(user, nobody))
	if errors.Is(err, store.ErrNotFound) {
		return account{}, nil
	}
	return a, err
}

func (s *Service) watch(id string) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiters[id]
	if w == nil {
		w = &waiter{done: make(chan struct{})}
		s.waiters[id] = w
	}
	w.count++
	return w
}

func (s *Service) unwatch(id string, w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.count--; w.count == 0 && s.waiters[id] == w {
		delete(s.waiters, id)
	}
}

// wake gives who waits the settled challenge. It is on disk.
func (s *Service) wake(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.waiters[r.ID]; w != nil {
		w.settled = r
		close(w.done)
		delete(s.waiters, r.ID)
	}
}

// notifyUser sends a Notice to the user's devices but the one that made the
// change itself, if it was one. What fails is only logged: the change that it
// tells of has happened.
func (s *Service) notifyUser(ctx context.Context, user, kind, detail string, but identity.Thumbprint) {
	var devices []directory.Device
	err := s.Store.View(ctx, func(tx store.Tx) (err error) {
		devices, err = s.Directory.Devices(tx, user)
		return err
	})
	if err != nil {
		s.Logger.ErrorContext(ctx, "reading the devices to notify", "error", err)
		return
	}
	for _, d := range devices {
		if d.ID == but {
			continue
		}
		s.Post.Post(d.Encryption, d.ID, message.Notice{
			Claims: message.NewClaims(s.Issuer, d.ID, s.Now(), message.EnrolmentLifetime), Kind: kind, Detail: detail,
		})
	}
}

// Notify tells all of a user's devices of a change to the account.
func (s *Service) Notify(ctx context.Context, user, kind, detail string) {
	s.notifyUser(ctx, user, kind, detail, "")
}
