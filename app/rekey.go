package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
)

// Changing a device's keys is a change at two ends over a network that loses
// what it likes, and either end may be killed at any moment. So the new keys are
// stored beside the old before anything is sent, both speak to the verifier, and
// the old are dropped only when a message of the verifier opened under the new:
// whatever is lost, one of the two pairs is the verifier's, and it is here.

// ErrNoPush says that an account has no keys to change: it gets no prompts, or
// its organisation removed this device.
var ErrNoPush = errors.New("this account gets no sign-in requests")

// keyPair is the keys of one device for one account.
type keyPair struct {
	signing    identity.PrivateKey
	encryption identity.PrivateKey
}

func newKeyPair() (keyPair, error) {
	signing, err := identity.Generate()
	if err != nil {
		return keyPair{}, fmt.Errorf("making the signing key: %w", err)
	}
	encryption, err := identity.Generate()
	if err != nil {
		return keyPair{}, fmt.Errorf("making the encryption key: %w", err)
	}
	return keyPair{signing, encryption}, nil
}

// renewed gives what speaks under the new keys.
func (p pushSecret) renewed() pushSecret {
	p.keyPair, p.next = *p.next, nil
	return p
}

// ChangeKeys begins to change the keys of an account with its organisation. It
// returns when the new keys are stored; the verifier is then told, for as long
// as it takes, over restarts too. PushInfo.ChangingKeys says whether that is
// still under way. Asking again while it is changes nothing.
func (a *App) ChangeKeys(ctx context.Context, id string) error {
	a.write.Lock()
	defer a.write.Unlock()
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	a.mu.Lock()
	s := a.secrets[id]
	i := a.index.find(id)
	able := i >= 0 && a.index.Accounts[i].Mark == markNone && a.index.Accounts[i].wantsLink() && s.push != nil
	a.mu.Unlock()
	switch {
	case i < 0:
		return ErrNoAccount
	case !able:
		return ErrNoPush
	case s.push.next != nil:
		return nil
	}
	pair, err := newKeyPair()
	if err != nil {
		return err
	}
	push := *s.push
	push.next = &pair
	return a.keepKeys(ctx, key, id, s, push)
}

// keepKeys stores an account's secret with other keys. write is held.
func (a *App) keepKeys(ctx context.Context, key []byte, id string, s secret, push pushSecret) error {
	s.push = &push
	if err := a.changeSecret(ctx, key, id, s); err != nil {
		return err
	}
	a.wake()
	a.emit(AccountsChanged, id)
	return nil
}

// renew offers the new keys until the verifier speaks under them: then this link
// is the account's. It ends then, or with the link.
func (l *link) renew() {
	pause := retryFirst
	for l.isFresh() {
		select {
		case <-l.ctx.Done():
			return
		case <-l.whenOnline():
		}
		select {
		case <-l.kick: // for being online: the Rekey goes first
		default:
		}
		// Locked, the new keys could not be made the only ones; the old ones go on,
		// and unlocking kicks.
		if _, locked := l.app.vaultKey(); locked == nil {
			l.offer()
			l.pause(pause)
			pause = min(2*pause, retryLast)
		} else {
			l.pause(0)
		}
		if l.isFresh() {
			l.mark(true)
			l.try(l.seal(l.sync()))
		}
	}
	l.resync()
}

// pause waits for a kick, and no longer than d where that is not 0.
func (l *link) pause(d time.Duration) {
	var turn <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		turn = timer.C
	}
	select {
	case <-l.ctx.Done():
	case <-turn:
	case <-l.kick:
	}
}

// try sends an envelope once: what is lost is said again.
func (l *link) try(body string, err error) {
	if err == nil && body != "" {
		_, err = l.carrier.Send(l.ctx, l.keys.verifier, body)
	}
	if err != nil && l.ctx.Err() == nil {
		l.app.log.InfoContext(l.ctx, "changing keys, message not sent", slogAccount(l.account), slogError(err))
	}
}

// offer sends a Rekey under the old keys.
func (l *link) offer() {
	l.app.mu.Lock()
	old := l.app.links[l.account]
	l.app.mu.Unlock()
	if old == nil || old.carrier == nil {
		return
	}
	old.try(old.sealRekey(l.keys.keyPair))
}

// sealRekey asks for other keys, proved by the new one over the old thumbprint.
func (l *link) sealRekey(pair keyPair) (string, error) {
	proof, err := envelope.Sign(pair.signing, message.TypeRekeyProof, []byte(l.keys.signing.Thumbprint()))
	if err != nil {
		return "", fmt.Errorf("proving the new key: %w", err)
	}
	return l.seal(message.Rekey{Claims: l.claims(), Signing: pair.signing.Public(), Encryption: pair.encryption.Public(), Proof: proof})
}

func (l *link) isFresh() bool {
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	return l.fresh
}

// mark says whether the next Sync asks for the list of devices, which a verifier
// always answers.
func (l *link) mark(asks bool) {
	l.app.mu.Lock()
	l.asks = asks
	l.app.mu.Unlock()
}

// confirmed makes the new keys the only ones: the verifier has spoken under them.
func (a *App) confirmed(ctx context.Context, l *link) error {
	a.write.Lock()
	defer a.write.Unlock()
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	a.mu.Lock()
	s, fresh := a.secrets[l.account], l.fresh
	a.mu.Unlock()
	if !fresh || s.push == nil || s.push.next == nil || s.push.next.signing.Thumbprint() != l.keys.signing.Thumbprint() {
		return nil
	}
	if err := a.keepKeys(context.WithoutCancel(ctx), key, l.account, s, s.push.renewed()); err != nil {
		return err
	}
	a.mu.Lock()
	old := a.links[l.account]
	a.links[l.account], l.fresh = l, false
	delete(a.renewals, l.account)
	left := map[*prompt]Result{}
	for _, p := range a.prompts {
		switch {
		case p.link != old || p.State == PromptClosed:
		case p.State == PromptSending:
			left[p] = Result{State: StateUnknown}
		default:
			left[p] = Result{State: message.StateCancelled}
		}
	}
	a.mu.Unlock()
	l.resync()
	if old != nil {
		old.close()
	}
	// The verifier changes no keys while a challenge is pending, so these have
	// ended, and what it said of them was for the old keys.
	for p, result := range left {
		a.closePrompt(ctx, p, result, ErrNoConnection)
	}
	a.emit(ConnectionChanged, l.account)
	return nil
}
