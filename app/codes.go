package app

import (
	"context"
	"errors"
	"time"

	"countersign/crypto/otp"
)

// ErrPressNext says that an HOTP account shows a code only when asked for one:
// each counts.
var ErrPressNext = errors.New("this account counts its codes; ask for the next one")

// Key gives the account's key with its secret and names, to show as a QR code or
// to export.
func (a *App) Key(id string) (otp.Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.index.find(id)
	if i < 0 || !a.index.Accounts[i].visible() {
		return otp.Key{}, ErrNoAccount
	}
	e := a.index.Accounts[i]
	s, ok := a.secrets[id]
	switch {
	case e.Code == nil:
		return otp.Key{}, ErrNoCode
	case !ok:
		return otp.Key{}, a.whyMissing(id)
	case s.code == nil:
		return otp.Key{}, ErrNoCode
	}
	k := *s.code
	k.Issuer, k.Name = e.Issuer, e.Name
	return k, nil
}

// Code gives the code of this moment and never blocks. Remaining follows the
// clock, so a screen that draws late still tells the truth. An HOTP account
// answers ErrPressNext until NextCode, and then the code which that gave.
func (a *App) Code(id string) (Code, error) {
	k, err := a.Key(id)
	if err != nil {
		return Code{}, err
	}
	now := a.now()
	if !k.Type.TimeBased() {
		a.mu.Lock()
		defer a.mu.Unlock()
		shown, ok := a.shown[id]
		if !ok {
			return Code{}, ErrPressNext
		}
		return shown, nil
	}
	text, err := k.Code(now)
	if err != nil {
		return Code{}, err
	}
	next, err := k.Next(now)
	if err != nil {
		return Code{}, err
	}
	return Code{Text: text, Next: next, Remaining: k.Remaining(now), Period: time.Duration(k.Period) * time.Second}, nil
}

// SetCodePIN stores the PIN that an account's codes are made with, or forgets it.
// Mobile-OTP and Yandex have one, which an export need not hold.
func (a *App) SetCodePIN(ctx context.Context, id, pin string) error {
	a.write.Lock()
	defer a.write.Unlock()
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	if _, err := a.Key(id); err != nil {
		return err
	}
	a.mu.Lock()
	s := a.secrets[id]
	a.mu.Unlock()
	changed := *s.code
	changed.PIN = otp.PIN(pin)
	if err := changed.Validate(); err != nil {
		return err
	}
	s.code = &changed
	if err := a.changeSecret(ctx, key, id, s); err != nil {
		return err
	}
	a.backupSoon()
	a.emit(AccountsChanged, id)
	return nil
}

// NextCode gives the next code of an HOTP account. The counter that follows is
// stored before the code is given (RFC 4226 §7.2): a crash may skip a code, and
// never shows one twice.
func (a *App) NextCode(ctx context.Context, id string) (Code, error) {
	a.write.Lock()
	code, err := a.advance(ctx, id)
	a.write.Unlock()
	if err != nil {
		return Code{}, err
	}
	a.used(ctx, id)
	return code, nil
}

// advance does NextCode's work. write is held, so that no two share a counter.
func (a *App) advance(ctx context.Context, id string) (Code, error) {
	key, err := a.vaultKey()
	if err != nil {
		return Code{}, err
	}
	k, err := a.Key(id)
	if err != nil {
		return Code{}, err
	}
	if k.Type.TimeBased() {
		return a.Code(id)
	}
	counter := k.Counter
	text, err := k.CodeAt(counter)
	if err != nil {
		return Code{}, err
	}
	a.mu.Lock()
	s := a.secrets[id]
	a.mu.Unlock()
	advanced := *s.code
	advanced.Counter = counter + 1
	if err := advanced.Validate(); err != nil {
		return Code{}, err
	}
	s.code = &advanced
	if err := a.storeSecret(ctx, key, id, s); err != nil {
		return Code{}, err
	}
	a.backupSoon()
	code := Code{Text: text, Counter: counter}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.vault.key != nil { // not locked meanwhile
		a.secrets[id], a.shown[id] = s, code
	}
	return code, nil
}

// Copy puts the account's code on the clipboard without showing it, and clears
// the clipboard after Settings.ClipboardSeconds if it still holds the code.
func (a *App) Copy(ctx context.Context, id string) error {
	code, err := a.Code(id)
	if err != nil {
		return err
	}
	a.CopySecretly(code.Text)
	a.used(ctx, id)
	return nil
}

// clipboard is what was last put there.
type clipboard struct {
	text  string
	clear time.Time // zero: never
}

// CopySecretly puts a text on the clipboard that is to be cleared, as Copy does.
func (a *App) CopySecretly(text string) {
	if a.cfg.Desktop == nil {
		return
	}
	a.mu.Lock()
	a.clipboard = clipboard{text: text}
	if s := a.settings.ClipboardSeconds; s > 0 {
		a.clipboard.clear = a.now().Add(time.Duration(s) * time.Second)
	}
	a.mu.Unlock()
	a.cfg.Desktop.SetClipboard(text)
	a.wake()
}

// clearClipboard clears it when its time has come, unless something else was
// copied since: that is the user's.
func (a *App) clearClipboard(now time.Time) (next time.Time) {
	a.mu.Lock()
	c := a.clipboard
	due := !c.clear.IsZero() && !now.Before(c.clear)
	if due {
		a.clipboard = clipboard{}
	}
	a.mu.Unlock()
	if !due {
		return c.clear
	}
	if a.cfg.Desktop.Clipboard() == c.text {
		a.cfg.Desktop.SetClipboard("")
	}
	return time.Time{}
}

// Drift is measured by the times that verifiers sign. A message can only be
// late, never early: iat in the future proves that this clock is behind, while
// iat in the past may be the network's doing, so the least of several is taken.
//
// What time it is by a relay is nobody's signed word, and counts where no verifier
// has given any: a clock that is off by minutes takes all of theirs for expired.
type drift struct {
	samples []time.Duration // this clock less the verifier's, the latest last
	relay   *time.Duration  // this clock less the relay's
	warned  bool
}

const (
	driftSamples = 8
	// driftWarning is how far clocks may be apart before codes of 30 seconds
	// begin to be refused by verifiers that allow one step.
	driftWarning = 15 * time.Second
)

// observe takes a verifier's signed time.
func (a *App) observe(issued time.Time) {
	a.mu.Lock()
	d := &a.drift
	d.samples = append(d.samples, a.now().Sub(issued).Round(time.Second))
	if len(d.samples) > driftSamples {
		d.samples = d.samples[1:]
	}
	a.judgeDrift()
}

// hear takes what time it is by a relay.
func (a *App) hear(relay time.Time) {
	a.mu.Lock()
	ahead := a.now().Sub(relay).Round(time.Second)
	a.drift.relay = &ahead
	a.judgeDrift()
}

// judgeDrift tells where the verdict changed. It is called with mu held, and lets
// go of it.
func (a *App) judgeDrift() {
	d := &a.drift
	_, warn := d.verdict()
	changed := warn != d.warned
	d.warned = warn
	a.mu.Unlock()
	if changed {
		a.emit(ClockChanged, "")
	}
}

// verdict gives the least of the samples. One alone does not warn of a clock
// that is ahead: it may have waited for this device to come back.
func (d *drift) verdict() (ahead time.Duration, warn bool) {
	if len(d.samples) == 0 {
		if d.relay == nil {
			return 0, false
		}
		return *d.relay, *d.relay <= -driftWarning || *d.relay >= driftWarning
	}
	ahead = d.samples[0]
	for _, s := range d.samples[1:] {
		ahead = min(ahead, s)
	}
	return ahead, ahead <= -driftWarning || ahead >= driftWarning && len(d.samples) > 1
}

// Drift tells by how much this device's clock is ahead of the verifiers'
// (behind, if negative), and whether that is enough to spoil codes.
func (a *App) Drift() (ahead time.Duration, warn bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.drift.verdict()
}
