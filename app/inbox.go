package app

import (
	"context"
	"slices"
	"time"

	"countersign/message"
)

const (
	// maxOpenPrompts and maxAllPrompts bound the queue, for one account and for
	// all. A verifier has one challenge pending for a user; more is a flood.
	maxOpenPrompts = 4
	maxAllPrompts  = 32
	// resultTime is how long a prompt that has ended stays to show its result,
	// before the next takes its place.
	resultTime = 4 * time.Second
	// answerGrace is how long after a prompt's expiry its outcome may come.
	answerGrace = 5 * time.Second
)

// prompt is a Prompt with what the app knows beside.
type prompt struct {
	Prompt
	link   *link
	held   *Broker // stands in a same-device sign-in, not in the inbox
	closed time.Time
	sealed string        // the answer, the same for every resend
	done   chan struct{} // closed with the prompt
}

// Inbox gives the current prompt, a copy, and how many wait.
func (a *App) Inbox() Inbox {
	a.mu.Lock()
	defer a.mu.Unlock()
	var in Inbox
	for _, p := range a.prompts {
		switch {
		case p.held != nil:
		case in.Current == nil:
			current := p.Prompt
			in.Current = &current
		case p.State != PromptClosed:
			in.Waiting++
		}
	}
	return in
}

// Prompt gives one prompt by its id, wherever it stands in the queue.
func (a *App) Prompt(id string) (Prompt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.findPrompt(id); p != nil {
		return p.Prompt, nil
	}
	return Prompt{}, ErrNoPrompt
}

// Prompts gives every prompt in the order of arrival.
func (a *App) Prompts() []Prompt {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Prompt, len(a.prompts))
	for i, p := range a.prompts {
		out[i] = p.Prompt
	}
	return out
}

// findPrompt needs mu.
func (a *App) findPrompt(id string) *prompt {
	for _, p := range a.prompts {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// promptOf finds an account's prompt by its challenge. The account matters: one
// organisation must not close or answer another's by naming its challenge. (While
// its keys change an account has two links, to the same verifier.) mu is held.
func (a *App) promptOf(l *link, challenge string) *prompt {
	for _, p := range a.prompts {
		if p.link.account == l.account && p.Challenge.ID == challenge {
			return p
		}
	}
	return nil
}

func (a *App) holds(l *link, challenge string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.promptOf(l, challenge) != nil
}

// openChallenges lists the challenges of an account's prompts, and the one that
// an enrolment waits for, for its Sync.
func (a *App) openChallenges(l *link) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	open := []string{}
	for _, p := range a.prompts {
		if p.link.account == l.account && p.State != PromptClosed {
			open = append(open, p.Challenge.ID)
		}
	}
	if i := a.index.find(l.account); i >= 0 && a.index.Accounts[i].Mark == markEnrolling {
		if c := a.index.Accounts[i].Push.Challenge; !slices.Contains(open, c) {
			open = append(open, c)
		}
	}
	return open
}

// challenged puts a new challenge at the end of the queue.
func (a *App) challenged(l *link, m message.Challenge) error {
	now := a.now()
	p := &prompt{
		Prompt: Prompt{
			ID: l.account + "." + m.ID, Challenge: m, State: PromptOpen,
			Received: now, Expires: expiry(m, now), Refusal: a.refusal(m),
		},
		link: l, done: make(chan struct{}),
	}
	a.mu.Lock()
	if err := a.admit(p); err != nil {
		a.mu.Unlock()
		return err
	}
	first := a.currentPrompt() == nil
	p.held = a.broker.claim(p)
	a.prompts = append(a.prompts, p)
	held, settings, broker := p.held != nil, a.settings, a.broker
	a.mu.Unlock()
	a.wake()
	if held {
		broker.nudge()
		return nil
	}
	a.emit(InboxChanged, p.Account)
	if d := a.cfg.Desktop; d != nil && settings.Notify {
		d.Notify(Notification{Kind: NotifyPrompt, Account: p.Account, Name: p.Organisation})
	}
	if d := a.cfg.Desktop; d != nil && settings.Raise && first {
		d.Raise()
	}
	return nil
}

// currentPrompt needs mu.
func (a *App) currentPrompt() *prompt {
	for _, p := range a.prompts {
		if p.held == nil {
			return p
		}
	}
	return nil
}

// admit fills in whom a prompt is for, and refuses what has no place. mu is held.
func (a *App) admit(p *prompt) error {
	l := p.link
	i := a.index.find(l.account)
	known := i >= 0 && a.index.Accounts[i].wantsLink()
	registration := p.Challenge.Scenario == message.ScenarioCombinedRegistration
	switch {
	case l.enrolment != nil && !known && registration && l.enrolment.challenge == "":
		// The one challenge of an enrolment that its user has confirmed.
		l.enrolment.challenge = p.Challenge.ID
		close(l.enrolment.asked)
		p.Enrolling, p.Organisation = true, l.enrolment.Organisation
	case known && a.index.Accounts[i].Mark == markNone:
		// Also the registration of another method, which a relying party may
		// have approved here; the enrolment's own challenge does not come again.
		e := a.index.Accounts[i]
		if p.Challenge.ID == e.Push.Challenge {
			return errReplay
		}
		p.Account, p.Organisation, p.User = e.ID, e.Push.Organisation, e.Push.User
	default:
		return errOutOfPlace
	}
	if slices.ContainsFunc(a.activity, func(x Activity) bool { return x.Account == p.Account && x.Challenge == p.Challenge.ID }) {
		return errReplay // it has ended before the app was started
	}
	open := 0
	for _, other := range a.prompts {
		if other.link.account == l.account && other.State != PromptClosed {
			open++
		}
	}
	if open >= maxOpenPrompts || len(a.prompts) >= maxAllPrompts {
		return errTooManyOpen
	}
	return nil
}

// expiry gives the end of a challenge by this device's clock, which may be off
// by message.Leeway. A clock that is behind must not show a prompt for longer
// than it lives; one that is ahead must not hide it.
func expiry(m message.Challenge, now time.Time) time.Time {
	lifetime := time.Duration(m.Expires-m.IssuedAt) * time.Second
	exp := time.Unix(m.Expires, 0)
	switch {
	case !now.Before(exp):
		return exp.Add(message.Leeway)
	case exp.Sub(now) > lifetime:
		return now.Add(lifetime)
	}
	return exp
}

// refusal says why this device cannot approve a challenge.
func (a *App) refusal(m message.Challenge) error {
	switch {
	case a.cfg.Device.FormFactor == message.FormWatch:
		return ErrWearable
	case message.VersionBefore(a.cfg.Device.AppVersion, m.MinAppVersion), message.VersionBefore(a.cfg.Device.AppVersion, message.MinAppVersion):
		return ErrUpgrade
	}
	return nil
}

// settled takes a verifier's word on how a challenge ended.
func (a *App) settled(ctx context.Context, l *link, m message.Outcome) error {
	a.mu.Lock()
	p := a.promptOf(l, m.Challenge)
	ended := p != nil && p.State != PromptClosed
	result := Result{State: m.State, Reason: m.Reason}
	if ended {
		// That an enrolment expired is nobody's doing elsewhere.
		result.Elsewhere = p.State == PromptOpen && !p.Enrolling && m.State != message.StateExpired
	}
	enrolment := l.enrolment
	a.mu.Unlock()
	// The account is stored before anyone is told that it is there.
	over, end, err := a.enrolmentEnded(ctx, l, m)
	if err != nil {
		result = Result{State: StateUnknown}
	}
	switch {
	case ended:
		a.closePrompt(ctx, p, result, end)
	case over:
		enrolment.end(end)
	}
	return err
}

// closePrompt ends a prompt, once, and records how. The enrolment that it is
// of, if it is, ends with the given error after it: Confirm takes its prompts
// away when it returns, and the result must be there before.
func (a *App) closePrompt(ctx context.Context, p *prompt, result Result, end error) {
	a.mu.Lock()
	if p.State == PromptClosed {
		a.mu.Unlock()
		return
	}
	p.State, p.Result, p.closed, p.sealed = PromptClosed, result, a.now(), ""
	snapshot, broker, enrolment := p.Prompt, p.held, p.link.enrolment
	a.mu.Unlock()
	a.wake()
	a.record(ctx, promptActivity(snapshot, a.now()))
	a.roomAgain()
	close(p.done) // Answer returns, and finds the activity written
	if snapshot.Enrolling {
		enrolment.end(end)
	}
	broker.nudge()
	a.emit(InboxChanged, snapshot.Account)
}

func promptActivity(p Prompt, now time.Time) Activity {
	c := p.Challenge
	return Activity{
		Time: now, Kind: ActivityPrompt, Account: p.Account, Organisation: p.Organisation, User: p.User,
		Challenge: c.ID, Scenario: c.Scenario, App: c.App, IP: c.IP, Location: c.Location,
		State: p.Result.State, Reason: p.Result.Reason, Elsewhere: p.Result.Elsewhere,
	}
}

// Dismiss takes a prompt that has ended off the screen.
func (a *App) Dismiss(id string) {
	a.mu.Lock()
	n := len(a.prompts)
	a.prompts = slices.DeleteFunc(a.prompts, func(p *prompt) bool { return p.ID == id && p.State == PromptClosed })
	changed := len(a.prompts) != n
	a.mu.Unlock()
	if changed {
		a.roomAgain()
		a.emit(InboxChanged, "")
	}
}

// roomAgain asks for the challenges that found no room, now that a prompt has
// ended or gone.
func (a *App) roomAgain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.allLinks() {
		if l.postponed {
			l.postponed = false
			l.resync()
		}
	}
}

// dropPrompts ends the prompts of an account that went.
func (a *App) dropPrompts(account string) {
	a.mu.Lock()
	n := len(a.prompts)
	a.prompts = slices.DeleteFunc(a.prompts, func(p *prompt) bool {
		if p.link.account != account {
			return false
		}
		if p.State != PromptClosed {
			p.State, p.Result, p.sealed = PromptClosed, Result{State: message.StateCancelled}, ""
			close(p.done)
		}
		return true
	})
	changed := len(a.prompts) != n
	a.mu.Unlock()
	if changed {
		a.roomAgain()
		a.emit(InboxChanged, account)
	}
}

// sweepPrompts lets go of what is stale, and gives the next time to look.
func (a *App) sweepPrompts(now time.Time) time.Time {
	a.mu.Lock()
	var expired, unanswered []*prompt
	for _, p := range a.prompts {
		switch {
		case p.State == PromptOpen && !now.Before(p.Expires):
			expired = append(expired, p)
		case p.State == PromptSending && !now.Before(p.Expires.Add(answerGrace)):
			unanswered = append(unanswered, p)
		}
	}
	a.mu.Unlock()
	for _, p := range expired {
		a.closePrompt(context.Background(), p, Result{State: message.StateExpired}, ErrNotAnswered)
	}
	for _, p := range unanswered {
		a.closePrompt(context.Background(), p, Result{State: StateUnknown}, ErrNoConnection)
	}
	a.mu.Lock()
	current, n := a.currentPrompt(), len(a.prompts)
	a.prompts = slices.DeleteFunc(a.prompts, func(p *prompt) bool {
		if p.State != PromptClosed || p.held != nil && p.held == a.broker {
			return false
		}
		return p != current || !now.Before(p.closed.Add(resultTime))
	})
	changed := len(a.prompts) != n
	next := a.nextPromptDeadline()
	a.mu.Unlock()
	if changed {
		a.roomAgain()
		a.emit(InboxChanged, "")
	}
	return next
}

// nextPromptDeadline needs mu.
func (a *App) nextPromptDeadline() time.Time {
	var next time.Time
	for _, p := range a.prompts {
		at := p.Expires
		switch p.State {
		case PromptOpen:
		case PromptSending:
			at = at.Add(answerGrace)
		case PromptClosed:
			at = p.closed.Add(resultTime)
		}
		if p.State == PromptClosed && p.held != nil {
			continue // its sign-in lets it go
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
