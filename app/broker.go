package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"countersign/message"
)

// RequestDelay is how long the sign-in screen with its number stands alone
// before the request appears over it, and how long "Show me the number again"
// uncovers it.
const RequestDelay = 2 * time.Second

// What the same-device flow refuses, for errors.Is.
var (
	ErrNotIOS     = errors.New("signing in on this device exists on iOS alone")
	ErrBrokerBusy = errors.New("a sign-in on this device is under way")
)

// BrokerSession is a sign-in as its own HTTPS response tells it. The number
// comes here and never over the relay.
type BrokerSession struct {
	ID      string
	Number  string // to show; empty once it is of no use
	State   string // message's State words
	Reason  string
	Expires time.Time
}

// BrokerService starts and follows same-device sign-ins at the verifier.
type BrokerService interface {
	// Start signs in with the first factor.
	Start(ctx context.Context, user, password string) (BrokerSession, error)
	// Wait returns when the session is no longer pending, or after wait.
	Wait(ctx context.Context, id string, wait time.Duration) (BrokerSession, error)
}

// BrokerDialler gives the service of the verifier behind a relay: the same host,
// with the same pinned TLS key.
type BrokerDialler func(relay string, pin []byte) (BrokerService, error)

// BrokerState is what to draw.
type BrokerState struct {
	Number string // on the sign-in screen; drawn always, seen while not Covered
	// Prompt is the request, from RequestDelay after the number was shown; nil
	// before.
	Prompt *Prompt
	// Covered says that the request stands over the number.
	Covered bool
	// CanShowNumber offers "Show me the number again".
	CanShowNumber bool
	Expires       time.Time
	Done          bool
	Result        Result // once Done
}

// Broker is one sign-in on this device: the app itself shows the number, and the
// request would cover it (design: the iOS broker flow).
type Broker struct {
	app     *App
	account string
	service BrokerService
	changed chan struct{}

	// Under App.mu:
	session   BrokerSession // ID is "" until the sign-in was answered
	shown     time.Time     // when the number came on the screen
	uncovered time.Time     // until when it is shown again
	prompt    *prompt
	done      bool
	result    Result
}

// SignIn starts a same-device sign-in for a push account, on platform ios alone.
// Show what State gives at once: the two seconds run from SignIn's return.
func (a *App) SignIn(ctx context.Context, account, password string) (*Broker, error) {
	if a.cfg.Device.Platform != message.PlatformIOS {
		return nil, ErrNotIOS
	}
	view, err := a.Account(account)
	if err != nil {
		return nil, err
	}
	if view.Push == nil || view.Push.Revoked || !view.Deleted.IsZero() {
		return nil, ErrNoAccount
	}
	a.mu.Lock()
	keys := a.secrets[account].push
	missing := a.whyMissing(account)
	a.mu.Unlock()
	if keys == nil {
		return nil, missing
	}
	service, err := a.cfg.Broker(keys.relay, keys.pin)
	if err != nil {
		return nil, err
	}
	b := &Broker{app: a, account: account, service: service, changed: make(chan struct{}, 1)}
	a.mu.Lock()
	busy := a.broker != nil
	if !busy {
		a.broker = b // the challenge may overtake the sign-in's response
	}
	a.mu.Unlock()
	if busy {
		return nil, ErrBrokerBusy
	}
	session, err := service.Start(ctx, view.Push.User, password)
	if err != nil {
		b.leave()
		return nil, err
	}
	b.begin(session)
	return b, nil
}

// begin shows the number, and lets go of requests that turn out to be others'.
func (b *Broker) begin(session BrokerSession) {
	a := b.app
	a.mu.Lock()
	b.session, b.shown = session, a.now()
	for _, p := range a.prompts {
		if p.held == b && p.Challenge.BrokerSession != session.ID {
			p.held = nil
		}
		if p.held == b {
			b.prompt = p
		}
	}
	a.mu.Unlock()
	a.emit(InboxChanged, b.account)
}

// claim says whether a new prompt belongs to the sign-in under way. Only the
// sealed challenge's broker_session can bring a prompt here, and with it the
// control that shows the number: an ordinary push never can. A nil Broker claims
// nothing. mu is held.
func (b *Broker) claim(p *prompt) *Broker {
	c := p.Challenge
	if b == nil || b.done || p.Account != b.account || c.Scenario != message.ScenarioBroker || c.BrokerSession == "" {
		return nil
	}
	if b.session.ID == "" {
		return b // until begin knows better
	}
	if c.BrokerSession != b.session.ID || b.prompt != nil {
		return nil
	}
	b.prompt = p
	return b
}

// nudge makes Run look again. A nil Broker has none to tell.
func (b *Broker) nudge() {
	if b == nil {
		return
	}
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// State tells what to draw at this moment.
func (b *Broker) State() BrokerState {
	b.app.mu.Lock()
	defer b.app.mu.Unlock()
	return b.state(b.app.now())
}

// state needs App.mu.
func (b *Broker) state(now time.Time) BrokerState {
	s := BrokerState{Number: b.session.Number, Expires: b.session.Expires, Done: b.done, Result: b.result}
	if b.prompt == nil || b.done || now.Before(b.shown.Add(RequestDelay)) {
		return s
	}
	request := b.prompt.Prompt
	s.Prompt = &request
	s.Covered = !now.Before(b.uncovered)
	s.CanShowNumber = s.Covered && request.State == PromptOpen
	return s
}

// ShowNumberAgain uncovers the number for RequestDelay; then it is covered
// again. It does nothing while the control is not offered.
func (b *Broker) ShowNumberAgain() {
	b.app.mu.Lock()
	now := b.app.now()
	offered := b.state(now).CanShowNumber
	if offered {
		b.uncovered = now.Add(RequestDelay)
	}
	b.app.mu.Unlock()
	if offered {
		b.nudge()
	}
}

// Run follows the sign-in until it has ended or ctx has, and calls changed each
// time that State differs. It is to be called once.
func (b *Broker) Run(ctx context.Context, changed func()) (Result, error) {
	defer b.leave()
	polling, stop := context.WithCancel(ctx)
	var poll sync.WaitGroup
	defer poll.Wait()
	defer stop()
	outcome := make(chan BrokerSession, 1)
	poll.Go(func() { b.poll(polling, outcome) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return Result{State: StateUnknown}, ctx.Err()
		case session := <-outcome:
			result := Result{State: session.State, Reason: session.Reason}
			b.finish(result)
			changed()
			return result, nil
		case <-b.changed:
		case <-timer.C:
		}
		b.app.mu.Lock()
		now := b.app.now()
		next := b.next(now)
		b.app.mu.Unlock()
		if !next.IsZero() {
			timer.Reset(next.Sub(now))
		}
		changed()
	}
}

// next is when State changes by the clock alone. App.mu is held.
func (b *Broker) next(now time.Time) time.Time {
	for _, at := range []time.Time{b.shown.Add(RequestDelay), b.uncovered} {
		if now.Before(at) {
			return at
		}
	}
	return time.Time{}
}

// poll asks the verifier until the session has ended. What it cannot learn until
// the session's end stays unknown.
func (b *Broker) poll(ctx context.Context, outcome chan<- BrokerSession) {
	const wait = 25 * time.Second
	b.app.mu.Lock()
	session := b.session
	b.app.mu.Unlock()
	for ctx.Err() == nil {
		s, err := b.service.Wait(ctx, session.ID, wait)
		if err == nil && s.State != message.StatePending {
			outcome <- s
			return
		}
		if b.app.now().After(session.Expires.Add(answerGrace)) {
			outcome <- BrokerSession{State: StateUnknown}
			return
		}
		if err == nil {
			continue
		}
		timer := time.NewTimer(retryFirst)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

func (b *Broker) finish(result Result) {
	b.app.mu.Lock()
	defer b.app.mu.Unlock()
	b.done, b.result = true, result
}

// leave ends the sign-in. A request of it that is still open goes with its
// screen: nobody can see its number any more.
func (b *Broker) leave() {
	a := b.app
	a.mu.Lock()
	b.done = true
	if a.broker == b {
		a.broker = nil
	}
	a.prompts = slices.DeleteFunc(a.prompts, func(p *prompt) bool {
		if p.held != b {
			return false
		}
		if b.session.ID == "" {
			p.held = nil // the sign-in failed: the prompt was somebody else's
			return false
		}
		return p.State != PromptSending
	})
	for _, p := range a.prompts {
		if p.held == b {
			p.held = nil // its answer is on the way; its result shows in the inbox
		}
	}
	a.mu.Unlock()
	a.wake()
	a.emit(InboxChanged, b.account)
}
