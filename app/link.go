package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/transport"
)

// link is the connection of one account to its verifier. Each has keys of its
// own, so that two organisations cannot tell that they share a user.
type link struct {
	app     *App
	account string // the entry's id, from before there is an entry
	keys    pushSecret
	carrier Carrier
	kick    chan struct{} // asks for a Sync

	// Under App.mu:
	ctx       context.Context
	cancel    context.CancelFunc
	connected bool
	online    chan struct{} // closed while connected
	err       error
	fresh     bool                 // its keys are new, and the verifier has not spoken under them yet
	postponed bool                 // a challenge found no room
	asks      bool                 // the next Sync asks for the list of devices
	enrolment *Enrolment           // while somebody waits in Confirm
	seen      map[string]time.Time // message and challenge ids, until they expire
}

const (
	messageTTL = time.Minute
	// How often an unacknowledged envelope is sent again, and at most.
	retryFirst, retryLast = time.Second, 30 * time.Second
	retryDelivered        = 3 * time.Second
	// maxSeen bounds the ids that are remembered for one account.
	maxSeen = 1024
)

func newLink(a *App, account string, keys pushSecret) *link {
	l := &link{app: a, account: account, keys: keys, kick: make(chan struct{}, 1), online: make(chan struct{}), seen: map[string]time.Time{}}
	carrier, err := a.connect(Connection{
		Relay: keys.relay, Key: keys.signing, Verifier: keys.verifier, Pin: keys.pin,
		Receive: l.receive, State: l.state, Clock: a.hear,
	})
	if err != nil {
		l.err = err
		return l
	}
	l.carrier = carrier
	return l
}

// run keeps the connection, and tells the verifier each time it stands.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() {
		if err := l.carrier.Run(l.ctx); err != nil && l.ctx.Err() == nil {
			l.state(false, err)
		}
	})
	both.Go(func() {
		l.renew()
		l.syncs()
	})
	both.Wait()
}

func (l *link) close() {
	l.app.mu.Lock()
	cancel := l.cancel
	l.app.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// state is told by the carrier.
func (l *link) state(connected bool, reason error) {
	if connected {
		l.resync() // before anybody sees it online: whoever waits for that finds it said
	}
	l.app.mu.Lock()
	switch {
	case connected && !l.connected:
		close(l.online)
	case !connected && l.connected:
		l.online = make(chan struct{})
	}
	l.connected, l.err = connected, reason
	enrolment := l.enrolment
	l.app.mu.Unlock()
	l.app.emit(ConnectionChanged, l.account)
	if errors.Is(reason, transport.ErrPin) || errors.Is(reason, transport.ErrWrongRelay) {
		// An account waits until its relay is back. Who enrols is told at once: the
		// link may be a forged one.
		enrolment.end(fmt.Errorf("%w: %w", ErrOtherRelay, reason))
	}
}

// reason is why there is no connection, as far as it is known.
func (l *link) reason() error {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	return l.err
}

// resync asks for a Sync soon. It never blocks.
func (l *link) resync() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// syncs sends a Sync each time it is asked to, until the verifier took it: the
// relay stores nothing, so what is pending is asked for.
func (l *link) syncs() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.kick:
		}
		asked := false
		l.repeat(l.ctx, func() (string, error) {
			m := l.sync()
			if s, ok := m.(message.Sync); ok {
				asked = s.Devices
			}
			return l.seal(m)
		}, false)
		if asked {
			l.mark(false)
		}
	}
}

// enrolled tells whether the verifier may know this device.
func (l *link) enrolled() bool {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	i := l.app.index.find(l.account)
	return i >= 0 && l.app.index.Accounts[i].Mark != markAdding
}

// sync makes a Sync, or nil where there is nothing to say yet.
func (l *link) sync() message.Message {
	if !l.enrolled() {
		return nil
	}
	open := l.app.openChallenges(l)
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	return message.Sync{Claims: l.claims(), About: l.app.cfg.Device, Open: open, Devices: l.asks}
}

func (l *link) claims() message.Claims {
	return message.NewClaims(l.keys.signing.Thumbprint(), l.keys.verifier, l.app.now(), messageTTL)
}

func (l *link) seal(m message.Message) (string, error) {
	if m == nil {
		return "", nil
	}
	return message.Seal(m, l.keys.signing, l.keys.sealTo)
}

// repeat sends an envelope until ctx ends or, unless forever, until it was
// delivered. Seal is called for each try; what it gives may be the same again,
// and "" ends it.
func (l *link) repeat(ctx context.Context, seal func() (string, error), forever bool) {
	pause, last := retryFirst, retryLast
	if forever {
		last = retryDelivered // a person is waiting
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.whenOnline():
		}
		body, err := seal()
		if err != nil {
			l.app.log.WarnContext(ctx, "message not sealed", slogAccount(l.account), slogError(err))
			return
		}
		if body == "" {
			return
		}
		delivered, _ := l.carrier.Send(ctx, l.keys.verifier, body) // an error is told by state, too
		if delivered && !forever {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, last)
		if delivered {
			pause = retryDelivered // it is there; its answer may have been lost
		}
	}
}

func (l *link) whenOnline() <-chan struct{} {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	return l.online
}

func (l *link) isConnected() bool {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	return l.connected
}

// errReplay and the others are why a message that was signed by the verifier is
// refused all the same.
var (
	errReplay      = errors.New("seen before")
	errStranger    = errors.New("sent by somebody else than its signer")
	errOutOfPlace  = errors.New("not expected now")
	errTooManyOpen = errors.New("too many prompts are open")
)

// receive takes an envelope from the relay, which may have invented, kept,
// repeated or swapped it. Nothing but what the pinned verifier signed to this
// very device, current and new, goes further.
func (l *link) receive(ctx context.Context, from identity.Thumbprint, body string) {
	if err := l.take(ctx, from, body); err != nil {
		l.app.refused(ctx, l.account, err)
	}
}

func (l *link) take(ctx context.Context, from identity.Thumbprint, body string) error {
	if from != l.keys.verifier {
		return errStranger
	}
	now := l.app.now()
	trust := envelope.Thumbprint(l.keys.verifier, message.TypeChallenge, message.TypeOutcome, message.TypeNotice, message.TypeDevices, message.TypeRevoked)
	m, signed, err := message.Open(body, l.keys.encryption, l.keys.signing.Thumbprint(), now, trust)
	if errors.Is(err, message.ErrNotYet) {
		// Signed in this clock's future: it is behind, and by too much to go on.
		if early, decoded := message.Decode(signed.Type, signed.Payload); decoded == nil {
			l.app.observe(time.Unix(early.Head().IssuedAt, 0))
		}
	}
	if err != nil {
		return err
	}
	if l.isFresh() {
		if err := l.app.confirmed(ctx, l); err != nil && !errors.Is(err, ErrLocked) {
			return err
		}
	}
	head := m.Head()
	switch m := m.(type) {
	case message.Challenge:
		// A pending challenge is told again after each Sync. That is no attack:
		// while its prompt is here it changes nothing.
		if l.app.holds(l, m.ID) {
			return nil
		}
		if !l.first(m.ID, head.Expires) {
			return errReplay
		}
		l.app.observe(time.Unix(m.IssuedAt, 0))
		err := l.app.challenged(l, m)
		if errors.Is(err, errTooManyOpen) {
			l.postpone(m.ID)
		}
		return err
	case message.Outcome:
		if l.first(m.ID, head.Expires) {
			l.app.observe(time.Unix(m.IssuedAt, 0))
		}
		return l.app.settled(ctx, l, m)
	case message.Notice:
		if !l.first(m.ID, head.Expires) {
			return errReplay
		}
		l.app.observe(time.Unix(m.IssuedAt, 0))
		return l.app.noticed(ctx, l, m)
	case message.Devices:
		if !l.first(m.ID, head.Expires) {
			return errReplay
		}
		l.app.observe(time.Unix(m.IssuedAt, 0))
		return l.app.listed(ctx, l, m)
	case message.Revoked:
		return l.app.revoked(ctx, l)
	default:
		return errOutOfPlace
	}
}

// first tells whether an id is new, and remembers it until no message with it
// can pass for current.
func (l *link) first(id string, expires int64) bool {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	now := l.app.now()
	for old, until := range l.seen {
		if now.After(until) {
			delete(l.seen, old)
		}
	}
	if _, ok := l.seen[id]; ok || len(l.seen) >= maxSeen {
		return false // a verifier that floods is not heard: doubt denies
	}
	l.seen[id] = time.Unix(expires, 0).Add(message.Leeway + time.Second)
	return true
}

// postpone forgets a challenge for which there is no room now, so that it is no
// replay when it comes again: it is asked for when a prompt has gone.
func (l *link) postpone(id string) {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	delete(l.seen, id)
	l.postponed = true
}

// refused logs and counts a message that changed nothing.
func (a *App) refused(ctx context.Context, account string, err error) {
	reason := refusalReason(err)
	a.mu.Lock()
	a.refusals[reason]++
	a.mu.Unlock()
	a.log.WarnContext(ctx, "message refused", slogAccount(account), slogReason(reason))
}

// Refusals counts the messages refused since New, by reason.
func (a *App) Refusals() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[string]int, len(a.refusals))
	for reason, n := range a.refusals {
		out[reason] = n
	}
	return out
}

func refusalReason(err error) string {
	for _, r := range []struct {
		err  error
		word string
	}{
		{envelope.ErrTooLarge, "too_large"},
		{envelope.ErrSealed, "not_sealed_to_us"},
		{envelope.ErrAlgorithm, "algorithm"},
		{envelope.ErrType, "type"},
		{envelope.ErrUntrusted, "untrusted"},
		{envelope.ErrSignature, "signature"},
		{envelope.ErrMalformed, "malformed"},
		{message.ErrMalformed, "malformed"},
		{message.ErrVersion, "version"},
		{message.ErrIssuer, "issuer"},
		{message.ErrAudience, "audience"},
		{message.ErrExpired, "expired"},
		{message.ErrNotYet, "not_yet"},
		{errReplay, "replay"},
		{errStranger, "stranger"},
		{errOutOfPlace, "out_of_place"},
		{errTooManyOpen, "too_many_open"},
	} {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	return "storage"
}
