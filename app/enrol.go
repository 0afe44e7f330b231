package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"countersign/crypto/identity"
	"countersign/crypto/otp"
	"countersign/message"
	"countersign/transport"
)

// How an enrolment is refused, for errors.Is. ErrWearable, ErrUpgrade and
// ErrNoConnection are others.
var (
	ErrLink           = message.ErrLink
	ErrLinkVersion    = message.ErrLinkVersion
	ErrLinkUsed       = errors.New("the link has been used or has expired; ask for a new one")
	ErrTooManyDevices = errors.New("you have too many devices; remove one on the account page first")
	ErrWrongNumber    = errors.New("the number was wrong; ask for a new link and try again")
	ErrNotAnswered    = errors.New("the number was not typed in time; ask for a new link and try again")
	ErrRefused        = errors.New("the organisation refused")
	ErrNoConnection   = errors.New("the organisation cannot be reached")
	ErrOtherRelay     = errors.New("what answers is not the link's relay; somebody may be in between")
	ErrNotServed      = errors.New("ask for a new link, or try again in a moment")
	ErrDeviceName     = errors.New("give this device a name")
)

const (
	// unanswered is how long Confirm waits for a verifier that says nothing.
	unanswered = 60 * time.Second
	// unserved is how long it waits for a verifier that the relay does not know:
	// either may have started just now, and a wrong link stays wrong.
	unserved = 5 * time.Second
	// enrolmentMemory is how long an enrolment whose outcome was lost, by a
	// crash for instance, can still be completed.
	enrolmentMemory = 7 * 24 * time.Hour
	declineTime     = 3 * time.Second
	maxDeviceName   = 64 // octets, as message allows
	shortThumbprint = 16 // characters, in groups of four
)

// Enrolment is an invitation as a link says it: what to ask the person, before
// anything is done. The link's words are as trustworthy as where it came from,
// so the person is asked whether they wanted this organisation and this relay.
type Enrolment struct {
	Organisation string // the link's word; may be empty
	RelayHost    string
	Verifier     string // the short form of the verifier's thumbprint

	app  *App
	link message.Link

	// Under App.mu, while Confirm runs:
	challenge string // the one that asked for the number
	asked     chan struct{}
	ended     chan error // one outcome; nil: enrolled
}

// Begin reads an enrolment link. Nothing is done before Confirm.
func (a *App) Begin(link string) (*Enrolment, error) {
	l, err := message.ParseLink(link)
	if err != nil {
		return nil, err
	}
	return &Enrolment{Organisation: l.Organisation, RelayHost: relayHost(l.Relay), Verifier: short(l.Verifier), app: a, link: l}, nil
}

func relayHost(relay string) string {
	u, err := url.Parse(relay)
	if err != nil {
		return ""
	}
	return u.Host
}

// short is the beginning of a thumbprint, in groups, to compare by eye.
func short(t identity.Thumbprint) string {
	s := string(t)[:min(len(t), shortThumbprint)]
	var groups []string
	for len(s) > 4 {
		groups, s = append(groups, s[:4]), s[4:]
	}
	return strings.Join(append(groups, s), " ")
}

// Confirm enrols this device under a name for people. While it waits, the Inbox
// shows the prompt for the number; the device belongs to the account when
// Confirm returns it, and not before. Run must be running, or about to.
func (e *Enrolment) Confirm(ctx context.Context, name string) (Account, error) {
	a := e.app
	name = strings.TrimSpace(message.Clean(name, maxDeviceName))
	switch {
	case name == "":
		return Account{}, ErrDeviceName
	case a.cfg.Device.FormFactor == message.FormWatch && a.cfg.Claims == nil:
		return Account{}, ErrWearable
	}
	if _, err := a.vaultKey(); err != nil {
		return Account{}, err
	}
	keys, err := newPushSecret(e.link)
	if err != nil {
		return Account{}, err
	}
	l := newLink(a, newAccountID(), keys)
	if l.err != nil {
		return Account{}, l.err
	}
	sealed, err := e.sealEnrol(l, name)
	if err != nil {
		return Account{}, err
	}
	a.mu.Lock()
	e.challenge, e.asked, e.ended = "", make(chan struct{}), make(chan error, 1)
	l.enrolment = e
	a.links[l.account] = l
	a.mu.Unlock()
	defer e.leave(l)
	a.wake()
	if err := e.wait(ctx, l, sealed); err != nil {
		e.decline(ctx, l)
		return Account{}, err
	}
	return a.Account(l.account)
}

func newPushSecret(link message.Link) (pushSecret, error) {
	pair, err := newKeyPair()
	if err != nil {
		return pushSecret{}, err
	}
	return pushSecret{keyPair: pair, relay: link.Relay, pin: link.Pin, verifier: link.Verifier, sealTo: link.Encryption}, nil
}

func (e *Enrolment) sealEnrol(l *link, name string) (string, error) {
	m := message.Enrol{
		Claims: l.claims(), About: e.app.cfg.Device, Enrolment: e.link.ID,
		Encryption: l.keys.encryption.Public(), Name: name,
	}
	m.Expires = m.IssuedAt + int64(message.EnrolmentLifetime/time.Second)
	var err error
	if m.MAC, err = message.EnrolMAC(e.link.Secret, m); err != nil {
		return "", fmt.Errorf("authenticating the enrolment: %w", err)
	}
	return l.seal(m)
}

// wait sends the Enrol, the same each time, until the verifier asks for the
// number, and then waits for the end.
func (e *Enrolment) wait(ctx context.Context, l *link, sealed string) error {
	sending, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	defer sender.Wait()
	defer stop()
	sender.Go(func() { l.repeat(sending, func() (string, error) { return sealed, nil }, true) })
	silence, served := time.NewTimer(unanswered), time.NewTimer(unserved)
	defer silence.Stop()
	defer served.Stop()
	asked := e.asked
	for {
		select {
		case err := <-e.ended:
			return err
		case <-asked:
			asked = nil
			stop()
			silence.Stop()
			served.Stop()
		case <-served.C:
			var refused *transport.RefusedError
			if reason := l.reason(); errors.As(reason, &refused) && refused.Code == transport.CloseNoVerifier {
				return fmt.Errorf("%w: %w", ErrNotServed, reason)
			}
		case <-silence.C:
			if reason := l.reason(); reason != nil {
				return fmt.Errorf("%w: %w", ErrNoConnection, reason)
			}
			return ErrNoConnection
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// decline says no where the person gave up with the number still to type: the
// page need not wait until it expires.
func (e *Enrolment) decline(ctx context.Context, l *link) {
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), declineTime)
	defer cancel()
	for _, p := range e.app.Prompts() {
		if p.Enrolling && p.State == PromptOpen && strings.HasPrefix(p.ID, l.account+".") {
			_, _ = e.app.Answer(ctx, p.ID, Deny()) // what is not heard expires
		}
	}
}

// leave lets go of the connection, unless an account came of it or may still.
func (e *Enrolment) leave(l *link) {
	e.app.mu.Lock()
	l.enrolment = nil
	i := e.app.index.find(l.account)
	kept := i >= 0 && e.app.index.Accounts[i].wantsLink()
	e.app.mu.Unlock()
	if !kept {
		e.app.dropPrompts(l.account)
	}
	e.app.wake()
}

// end tells the waiting Confirm, if there is one still. mu is not held.
func (e *Enrolment) end(err error) {
	if e == nil {
		return
	}
	select {
	case e.ended <- err:
	default: // it has been told already
	}
}

// keepEnrolment stores the keys before the answer is sent that may make them a
// device of the account: after a crash in between, the outcome still finds them.
func (a *App) keepEnrolment(ctx context.Context, p *prompt) error {
	a.write.Lock()
	defer a.write.Unlock()
	l := p.link
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	a.mu.Lock()
	e, known := l.enrolment, a.index.find(l.account) >= 0
	n := len(a.index.Accounts)
	a.mu.Unlock()
	switch {
	case known:
		return nil // an earlier try of the same answer did it
	case e == nil:
		return ErrNoPrompt // Confirm was given up
	case n >= MaxAccounts:
		return fmt.Errorf("%w: %d at most", ErrTooMany, MaxAccounts)
	}
	totp, err := message.TOTPSecret(e.link.Secret)
	if err != nil {
		return fmt.Errorf("deriving the account's code: %w", err)
	}
	code := otp.Defaults(otp.TOTP)
	code.Secret = otp.Secret(totp)
	s := secret{code: &code, push: &l.keys}
	begun := entry{
		ID: l.account, Mark: markAdding,
		Push: &pushEntry{
			Organisation: e.Organisation, RelayHost: e.RelayHost, Verifier: e.Verifier,
			Challenge: p.Challenge.ID, Until: a.now().Add(enrolmentMemory),
		},
	}
	if err := a.announce(ctx, []entry{begun}); err != nil {
		return err
	}
	if err := a.storeSecret(ctx, key, l.account, s); err != nil {
		return errors.Join(err, a.takeBack(context.WithoutCancel(ctx), []entry{begun}))
	}
	a.mu.Lock()
	a.secrets[l.account] = s
	a.mu.Unlock()
	return a.changeHeld(ctx, func(x *index) error {
		x.Accounts[x.find(l.account)].Mark = markEnrolling
		return nil
	})
}

// enrolmentEnded takes the outcome of an enrolment, if that is what it is: then
// it is over, and end is what to tell Confirm (nil: there is an account). An
// approval counts only for keys with which this user answered.
func (a *App) enrolmentEnded(ctx context.Context, l *link, m message.Outcome) (over bool, end, err error) {
	a.mu.Lock()
	e := l.enrolment
	i := a.index.find(l.account)
	answered := i >= 0 && a.index.Accounts[i].Mark == markEnrolling && a.index.Accounts[i].Push.Challenge == m.Challenge
	refused := i < 0 && e != nil && (m.Challenge == e.link.ID || m.Challenge == e.challenge)
	a.mu.Unlock()
	switch {
	case answered && m.State == message.StateApproved && m.Account != nil:
		err := a.enrolled(context.WithoutCancel(ctx), l, *m.Account)
		return true, err, err
	case m.State == message.StateApproved && (answered || refused):
		// Approved what nobody answered, or without an account.
		return true, ErrRefused, errOutOfPlace
	case answered:
		return true, refusalError(m), a.forget(context.WithoutCancel(ctx), l.account)
	case refused:
		return true, refusalError(m), nil
	}
	return false, nil, nil
}

// enrolled makes the account out of the answered enrolment.
func (a *App) enrolled(ctx context.Context, l *link, account message.Account) error {
	var push pushEntry
	err := a.change(ctx, func(x *index) error {
		i := x.find(l.account)
		if i < 0 || x.Accounts[i].Mark != markEnrolling {
			return ErrNoAccount
		}
		e := &x.Accounts[i]
		push = *e.Push
		if account.Organisation != "" {
			push.Organisation = account.Organisation
		}
		push.User, push.Until = account.User, time.Time{}
		e.Mark, e.Push, e.Added = markNone, &push, a.now()
		e.Issuer, e.Name = push.Organisation, push.User
		if account.TOTP {
			k := otp.Defaults(otp.TOTP)
			e.Code = &codeEntry{k.Type, k.Algorithm, k.Digits, k.Period}
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.AskDevices(l.account)
	a.record(ctx, Activity{Time: a.now(), Kind: ActivityEnrolled, Account: l.account, Organisation: push.Organisation, User: push.User})
	return nil
}

// forget deletes the keys of an enrolment that was refused.
func (a *App) forget(ctx context.Context, id string) error {
	a.write.Lock()
	defer a.write.Unlock()
	err := a.changeHeld(ctx, func(x *index) error {
		i := x.find(id)
		if i < 0 {
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

// refusalError says in the app's words how an enrolment ended.
func refusalError(m message.Outcome) error {
	switch m.Reason {
	case message.ReasonEnrolmentUnknown:
		return ErrLinkUsed
	case message.ReasonTooManyDevices:
		return ErrTooManyDevices
	case message.ReasonWearable:
		return ErrWearable
	case message.ReasonUpgradeRequired:
		return ErrUpgrade
	case message.ReasonNumberMismatch:
		return ErrWrongNumber
	}
	switch {
	case m.State == message.StateExpired:
		return ErrNotAnswered
	case m.Reason != "":
		return fmt.Errorf("%w: %s", ErrRefused, m.Reason)
	}
	return fmt.Errorf("%w: %s", ErrRefused, m.State)
}
