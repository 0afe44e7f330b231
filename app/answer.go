package app

import (
	"context"
	"strings"
	"sync"
	"time"

	"countersign/message"
)

// Answer sends the decision and waits for the verifier's word on how the
// challenge ended. The answer is sealed once and sent again, the same to the
// octet, until the outcome comes: the verifier gives a repeated answer the
// stored outcome. A Result of StateUnknown comes with ErrNoConnection or ctx's
// error.
//
// What is refused before anything is sent (ErrNumber, ErrWrongPIN, ...) leaves
// the prompt open.
func (a *App) Answer(ctx context.Context, id string, d Decision) (Result, error) {
	p, err := a.decide(ctx, id, d)
	if err != nil {
		return Result{}, err
	}
	a.emit(InboxChanged, p.Account)
	sending, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	defer sender.Wait()
	defer stop()
	sender.Go(func() { a.deliver(sending, p) })
	limit := time.NewTimer(p.Expires.Add(answerGrace).Sub(a.now()))
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		a.closePrompt(ctx, p, Result{State: StateUnknown}, ErrNoConnection)
	case <-ctx.Done():
		// The answer may have arrived; its outcome still closes the prompt.
		return Result{State: StateUnknown}, ctx.Err()
	}
	a.mu.Lock()
	result, account := p.Result, p.Account
	a.mu.Unlock()
	if result.State == StateUnknown {
		return result, ErrNoConnection
	}
	if account != "" && result.State == message.StateApproved {
		a.used(context.WithoutCancel(ctx), account)
	}
	return result, nil
}

// deliver sends the sealed answer until ctx ends.
func (a *App) deliver(ctx context.Context, p *prompt) {
	if !p.link.isConnected() {
		p.link.carrier.Wake() // a person is waiting
	}
	p.link.repeat(ctx, func() (string, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return p.sealed, nil // empty once it has ended
	}, true)
}

// decide checks a decision and seals it. The prompt leaves PromptOpen only when
// all is done that may fail.
func (a *App) decide(ctx context.Context, id string, d Decision) (*prompt, error) {
	a.mu.Lock()
	p := a.findPrompt(id)
	if p == nil {
		a.mu.Unlock()
		return nil, ErrNoPrompt
	}
	err := p.answerable(a.now())
	challenge, refusal, enrolling := p.Challenge, p.Refusal, p.Enrolling
	locked := a.vault.key == nil
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	answer := message.Answer{
		Claims: p.link.claims(), Challenge: challenge.ID, Decision: d.Kind, Number: strings.TrimSpace(d.Number),
		FormFactor: a.cfg.Device.FormFactor, AppVersion: a.cfg.Device.AppVersion,
	}
	// The answer lives as long as it may be sent again.
	answer.Expires = max(answer.Expires, p.Expires.Add(answerGrace).Unix())
	if claims := a.cfg.Claims; claims != nil {
		answer.FormFactor, answer.AppVersion, answer.UserVerification = claims.FormFactor, claims.AppVersion, claims.UserVerification
		refusal = nil
	}
	if err := checkDecision(answer, challenge); err != nil {
		return nil, err
	}
	if d.Kind == message.DecisionApprove {
		switch {
		case refusal != nil:
			return nil, refusal
		case locked && (!challenge.UserVerification || d.PIN == ""):
			return nil, ErrLocked
		case locked: // the one PIN opens the app and verifies its user
			if err := a.Unlock(ctx, d.PIN); err != nil {
				return nil, err
			}
			answer.UserVerification = true
		default:
			if answer.UserVerification, err = a.verified(ctx, challenge, d.PIN); err != nil {
				return nil, err
			}
		}
		if enrolling {
			if err := a.keepEnrolment(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	sealed, err := p.link.seal(answer)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := p.answerable(a.now()); err != nil {
		return nil, err
	}
	p.State, p.sealed = PromptSending, sealed
	return p, nil
}

// answerable needs App.mu.
func (p *prompt) answerable(now time.Time) error {
	switch {
	case p.State == PromptSending:
		return ErrAnswered
	case p.State == PromptClosed || !now.Before(p.Expires):
		return ErrNoPrompt
	}
	return nil
}

// checkDecision refuses a decision that the challenge does not allow. In mode
// number nothing but the typed number approves; no number is ever filled in.
func checkDecision(answer message.Answer, c message.Challenge) error {
	switch answer.Decision {
	case message.DecisionDeny, message.DecisionReport:
		if answer.Number != "" {
			return ErrNumberUnwanted
		}
	case message.DecisionApprove:
		switch {
		case c.Mode == message.ModeApproveDeny && answer.Number != "":
			return ErrNumberUnwanted
		case c.Mode == message.ModeNumber && (len(answer.Number) != c.Digits || !message.ValidNumber(answer.Number)):
			return ErrNumber
		}
	default:
		return ErrDecision
	}
	return nil
}

// verified asks for the PIN where the challenge wants it.
func (a *App) verified(ctx context.Context, c message.Challenge, pin string) (bool, error) {
	if a.cfg.Claims != nil {
		return a.cfg.Claims.UserVerification, nil
	}
	if !c.UserVerification {
		return false, nil
	}
	switch {
	case !a.LockState().Set:
		return false, ErrNoLock
	case pin == "":
		return false, ErrVerifyUser
	}
	if err := a.verifyUser(ctx, pin); err != nil {
		return false, err
	}
	return true, nil
}
