package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/app"
	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/policy"
)

func (s *startStep) run(p *play) error {
	made := &signIn{name: s.Name, user: cmp.Or(s.Stranger, s.User), key: p.keys[s.Client]}
	if err := p.start(s, made); err != nil {
		return err
	}
	p.remember(made)
	if p.own != nil {
		// It has reached the devices that it goes to, and no others. Elsewhere, a
		// step that needs the prompt waits for it.
		p.own.traffic.quiet(p.ctx)
	}
	if s.Expect == nil {
		return nil
	}
	return s.Expect.compare(p, made, made.view)
}

// start asks as the relying party, or, for what only the pages or the RADIUS
// front end can say, in their place.
func (p *play) start(s *startStep, made *signIn) error {
	var err error
	if p.own != nil && (s.Page || s.RADIUSAuth != "") {
		var c challenge.Challenge
		c, err = p.own.startAs(p.ctx, s, made.user)
		var refused *challenge.Refusal
		if errors.As(err, &refused) {
			made.refused = &problem{Code: refused.Code, RetryAfter: refused.RetryAfter}
			return nil
		}
		made.view = view{ID: c.ID, Experience: string(c.Experience), Number: c.Number, State: string(c.State), Reason: c.Reason, ExpiresAt: c.ExpiresAt}
		made.event = cmp.Or(c.Event, none)
		return err
	}
	made.view, err = p.party.start(p.ctx, made.key, startBody{
		User: made.user, Scenario: string(s.Scenario), Method: string(s.Method), TTL: int(time.Duration(s.TTL) / time.Second), Context: s.Context.body(),
	})
	if refused, ok := asProblem(err); ok {
		made.refused = refused
		return nil
	}
	return err
}

func (c signInContext) body() map[string]string {
	all := map[string]string{"app": c.App, "origin": c.Origin, "ip": c.IP, "location": c.Location}
	for key, value := range all {
		if value == "" {
			delete(all, key)
		}
	}
	return all
}

// prompts tells whether a sign-in asks devices.
func (s *signIn) prompts() bool {
	switch policy.Experience(s.view.Experience) {
	case policy.NumberMatch, policy.ApproveDeny, policy.PhoneSignIn:
		return true
	case policy.TOTP, policy.None:
	}
	return false
}

func (s *answerStep) run(p *play) error {
	in, err := p.find(s.SignIn)
	if err != nil {
		return err
	}
	d := p.devices[s.Device]
	prompt, err := p.awaitPrompt(d, in)
	if err != nil {
		return err
	}
	decision, err := s.With.decision(in)
	if err != nil {
		return err
	}
	if err := d.claim(s.Claims); err != nil {
		return err
	}
	if !d.connected() {
		if s.Expect != nil {
			return fmt.Errorf("the device %s is away: it is told nothing before it is back", d.name)
		}
		// It answers now, and sends when it is back.
		return p.answerLater(d, prompt, decision)
	}
	result, err := d.Answer(p.ctx, prompt.ID, decision)
	if err != nil {
		return fmt.Errorf("the answer of %s: %w", d.name, err)
	}
	p.quiet()
	if s.Expect == nil {
		return nil
	}
	return s.Expect.compare(result)
}

// answerLater lets an answer wait in a device that is away.
func (p *play) answerLater(d *device, prompt app.Prompt, decision app.Decision) error {
	refused := make(chan error, 1)
	d.answers.Go(func() {
		_, err := d.Answer(p.ctx, prompt.ID, decision)
		refused <- err // the outcome is an expectation's to look at
	})
	return d.until(p.ctx, func() bool {
		current, ok := d.Prompt(prompt.ID)
		return ok == nil && current.State != app.PromptOpen
	}, func() error {
		select {
		case err := <-refused:
			return err
		default:
			return nil
		}
	})
}

// awaitPrompt gives the device's open prompt for a sign-in. Where none can come
// any more it says so at once.
func (p *play) awaitPrompt(d *device, s *signIn) (prompt app.Prompt, err error) {
	if s.refused != nil {
		return prompt, fmt.Errorf("the sign-in %q was %w: nobody is asked", s.name, s.refused)
	}
	err = d.until(p.ctx, func() bool {
		var there bool
		prompt, there = p.promptOf(d, s)
		return there && prompt.State == app.PromptOpen
	}, func() error { return p.noPrompt(d, s) })
	if errors.Is(err, errNeverCame) {
		err = fmt.Errorf("no request of the sign-in %q came to the device %s", s.name, d.name)
	}
	return prompt, err
}

func (p *play) promptOf(d *device, s *signIn) (app.Prompt, bool) {
	if s.broker != nil {
		if request := s.broker.State().Prompt; request != nil && s.device == d.name {
			return *request, true
		}
		return app.Prompt{}, false
	}
	return d.prompt(s.view.ID)
}

// noPrompt says why no prompt will come, if so.
func (p *play) noPrompt(d *device, s *signIn) error {
	if prompt, there := p.promptOf(d, s); there && prompt.State == app.PromptOpen {
		return nil
	}
	now, err := p.look(s)
	if err != nil {
		return err
	}
	_, enrolled := d.account()
	switch {
	case now.State != message.StatePending:
		return fmt.Errorf("the sign-in %q is %s: the device %s has no request to answer", s.name, now.words(), d.name)
	case !s.prompts():
		return fmt.Errorf("the sign-in %q asks for %s: no device is asked", s.name, s.view.Experience)
	case !enrolled:
		return fmt.Errorf("the device %s is not enrolled", d.name)
	case s.broker != nil && p.own != nil:
		return fmt.Errorf("the request of the sign-in %q is not on the screen of %s yet", s.name, d.name)
	case !d.connected():
		return fmt.Errorf("the device %s is away, and the request of the sign-in %q has not reached it", d.name, s.name)
	case p.own != nil:
		// All that was on its way has arrived.
		p.own.traffic.quiet(p.ctx)
		if _, there := p.promptOf(d, s); !there {
			return fmt.Errorf("the device %s is not asked for the sign-in %q", d.name, s.name)
		}
	}
	return nil
}

// words say how a sign-in stands, with the reason.
func (v view) words() string {
	if v.Reason == "" || v.State == message.StatePending {
		return v.State
	}
	return v.State + " (" + v.Reason + ")"
}

// decision is what a person does who sees the sign-in screen.
func (r response) decision(s *signIn) (app.Decision, error) {
	switch r {
	case approve:
		return app.Approve(""), nil
	case deny:
		return app.Deny(), nil
	case report:
		return app.Report(), nil
	case rightNumber, wrongNumber:
	}
	number := s.view.Number
	if number == "" {
		return app.Decision{}, fmt.Errorf("the sign-in %q shows no number: it asks for %s", s.name, s.view.Experience)
	}
	if r == wrongNumber {
		number = another(number)
	}
	return app.Approve(number), nil
}

// another is a number or code of the same length that differs in its last
// digit.
func another(digits string) string {
	last := len(digits) - 1
	return digits[:last] + string('0'+(digits[last]-'0'+5)%10)
}

func (s *codeStep) run(p *play) error {
	in, err := p.find(s.SignIn)
	if err != nil {
		return err
	}
	code, err := p.codeFor(s, in)
	if err != nil {
		return err
	}
	after := *in
	now, err := p.party.code(p.ctx, in.key, in.view.ID, code)
	refused, isRefused := asProblem(err)
	switch {
	case isRefused && s.Expect == nil:
		return fmt.Errorf("the code was %w", refused)
	case isRefused:
		after.refused = refused
		if now, err = p.look(in); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		p.took(in.user, code)
	}
	if s.Expect == nil {
		return nil
	}
	return s.Expect.compare(p, &after, now)
}

// took remembers a code that was accepted, for who replays it.
func (p *play) took(user, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if who := p.people[user]; who != nil {
		who.lastCode = code
	}
}

func (p *play) codeFor(s *codeStep, in *signIn) (string, error) {
	if in.refused != nil {
		return "", fmt.Errorf("the sign-in %q was %w: no code is asked for", in.name, in.refused)
	}
	who := p.people[in.user]
	if s.With == replayedCode {
		if who == nil || who.lastCode == "" {
			return "", fmt.Errorf("no code of %s was taken before: none can be replayed", in.user)
		}
		return who.lastCode, nil
	}
	right, err := p.rightCode(s, who)
	if err != nil {
		return "", err
	}
	if s.With == badCode {
		return another(right), nil
	}
	return right, nil
}

// rightCode is what the authenticator shows now: the device's, or one that the
// scenario keeps.
func (p *play) rightCode(s *codeStep, who *person) (string, error) {
	if s.Device != "" {
		d := p.devices[s.Device]
		if a, ok := d.account(); ok && a.Code != nil {
			code, err := d.Code(a.ID)
			return code.Text, err
		}
		return "", fmt.Errorf("the device %s shows no codes", d.name)
	}
	if who == nil || who.secret == nil {
		return "", errors.New("the user has no TOTP secret that is known here; give totp: true, or totp_secret")
	}
	key := otp.NewTOTP("", "")
	key.Secret = otp.Secret(who.secret)
	return key.Code(p.now())
}

func (p *play) now() time.Time {
	if p.own != nil {
		return p.own.clock.Now()
	}
	return time.Now()
}

func (s *cancelStep) run(p *play) error {
	in, err := p.find(s.SignIn)
	if err != nil {
		return err
	}
	if in.refused != nil {
		return fmt.Errorf("the sign-in %q was %w: there is nothing to cancel", in.name, in.refused)
	}
	if _, err := p.party.cancel(p.ctx, in.key, in.view.ID); err != nil {
		return err
	}
	p.quiet()
	return nil
}

func (s *waitStep) run(p *play) error {
	if p.own == nil {
		pause(p.ctx, time.Duration(s.For))
		return nil
	}
	p.own.clock.add(time.Duration(s.For))
	for _, name := range names(p.devices) {
		if err := p.catchUp(p.devices[name]); err != nil {
			return err
		}
	}
	p.own.traffic.quiet(p.ctx)
	return nil
}

// catchUp lets a device see that time has passed: what has expired goes.
func (p *play) catchUp(d *device) error {
	d.Wake()
	err := d.until(p.ctx, func() bool {
		now := p.own.clock.Now().Add(d.ahead())
		return !slices.ContainsFunc(d.Prompts(), func(prompt app.Prompt) bool {
			return prompt.State == app.PromptOpen && !now.Before(prompt.Expires)
		})
	})
	if err != nil {
		return fmt.Errorf("the device %s keeps a request that has expired", d.name)
	}
	return nil
}

func (s *togetherStep) run(p *play) error {
	errs := make([]error, len(s.Steps))
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i, inner := range s.Steps {
		all.Go(func() {
			<-gate
			errs[i] = p.step(inner)
		})
	}
	close(gate)
	all.Wait()
	// The first in the file's order, which is a *FileError.
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	p.quiet()
	return nil
}

func (s *repeatStep) run(p *play) error {
	for i := range s.Times {
		if err := p.steps(s.Steps); err != nil {
			var at *FileError
			if errors.As(err, &at) {
				at.Msg = fmt.Sprintf("%s (time %d of %d)", at.Msg, i+1, s.Times)
			}
			return err
		}
	}
	return nil
}

func (s *awayStep) run(p *play) error {
	p.quiet()
	p.own.network.setAway(s.Device, true)
	d := p.devices[s.Device]
	return d.until(p.ctx, func() bool { return !d.connected() })
}

func (s *backStep) run(p *play) error {
	d := p.devices[s.Device]
	before := d.passed.Load()
	p.own.network.setAway(s.Device, false)
	return p.comeBack(d, before)
}

// comeBack waits until a device is connected again and has caught up: it sends
// a Sync of its own accord, after those that it had sent before.
func (p *play) comeBack(d *device, before int64) error {
	if _, enrolled := d.account(); !enrolled {
		return nil
	}
	d.Wake()
	if d.removed.Load() {
		return p.learnsRemoval(d) // and hangs up
	}
	err := d.until(p.ctx, func() bool { return d.connected() && d.passed.Load() > before })
	if err != nil {
		return fmt.Errorf("the device %s does not reach the relay again: %w", d.name, err)
	}
	p.quiet()
	return p.sent(d)
}

// sent waits until the answers that waited in a device have met their fate.
func (p *play) sent(d *device) error {
	err := d.until(p.ctx, func() bool {
		return !slices.ContainsFunc(d.Prompts(), func(prompt app.Prompt) bool { return prompt.State == app.PromptSending })
	})
	if err != nil {
		return fmt.Errorf("the answer of the device %s gets no outcome", d.name)
	}
	return nil
}

func (s *skewStep) run(p *play) error {
	p.devices[s.Device].setAhead(time.Duration(s.By))
	return nil
}

func (s *relayStep) run(p *play) error {
	switch s.Fault {
	case relayDown:
		p.quiet()
		p.own.network.breakDown()
		return p.disconnected()
	case relayUp:
		before := map[string]int64{}
		for name, d := range p.devices {
			before[name] = d.passed.Load()
		}
		if err := p.own.network.mend(p.verifierConnected); err != nil {
			return err
		}
		return p.allDevices(func(d *device) error {
			if p.own.network.cut(d.name) {
				return nil
			}
			return p.comeBack(d, before[d.name])
		})
	case relayReplays:
		if err := p.own.network.replay(p.ctx); err != nil {
			return fmt.Errorf("replaying: %w", err)
		}
		p.quiet()
	}
	return nil
}

func (p *play) allDevices(f func(*device) error) error {
	for _, name := range names(p.devices) {
		if err := f(p.devices[name]); err != nil {
			return err
		}
	}
	return nil
}

// disconnected waits until everybody has noticed that the relay is gone.
func (p *play) disconnected() error {
	if err := p.verifierBecomes(false); err != nil {
		return err
	}
	return p.allDevices(func(d *device) error {
		return d.until(p.ctx, func() bool { return !d.connected() })
	})
}

// verifierConnected waits for the verifier, which tries again within seconds.
func (p *play) verifierConnected() error { return p.verifierBecomes(true) }

func (p *play) verifierBecomes(connected bool) error {
	deadline := time.Now().Add(onItsWay)
	for p.own.verifier.Connected() != connected {
		if time.Now().After(deadline) || !pause(p.ctx, stillEvery) {
			return fmt.Errorf("the verifier's connection to the relay: it does not become %t", connected)
		}
	}
	return nil
}

func (s *enrolStep) run(p *play) error {
	d, user := p.devices[s.Device], p.scenario.Given.Devices[s.Device].User
	account, err := p.own.enrol(p.ctx, d, user, s.TOTP, func(right string) string {
		if s.Number == enrolWrong {
			return another(right)
		}
		return right
	})
	p.quiet()
	if s.Expect == nil {
		if err != nil {
			return fmt.Errorf("enrolling %s: %w", d.name, err)
		}
		return nil
	}
	return s.Expect.compare(account, err)
}

func (s *revokeStep) run(p *play) error {
	d, err := p.own.record(p.ctx, p.scenario.Given.Devices[s.Device].User, s.Device)
	if err != nil {
		return err
	}
	if err := p.own.verifier.RevokeDevice(p.ctx, actor, d.ID); err != nil {
		return err
	}
	p.quiet()
	removed := p.devices[s.Device]
	removed.removed.Store(true)
	if !removed.connected() {
		return nil // it learns it when it is back
	}
	return p.learnsRemoval(removed)
}

// learnsRemoval waits until a device knows that it is one no longer.
func (p *play) learnsRemoval(d *device) error {
	err := d.until(p.ctx, func() bool { _, enrolled := d.account(); return !enrolled })
	if err != nil {
		return fmt.Errorf("the device %s is not told that it was removed", d.name)
	}
	return nil
}

func (s *releaseStep) run(p *play) error {
	err := p.own.verifier.Challenges.Release(p.ctx, actor, p.own.ids[s.User])
	p.quiet()
	return err
}

func (s *tenantStep) run(p *play) error { return p.own.changeTenant(p.ctx, s.Change) }

func (s *policyStep) run(p *play) error {
	status, msg, err := p.party.patchPolicy(p.ctx, p.own.names(s.Policy))
	switch {
	case err != nil:
		return err
	case s.Expect != nil:
		return s.Expect.compare(p, status, msg)
	case status >= 400:
		return fmt.Errorf("the policy was refused with %d: %s", status, msg)
	}
	return nil
}

func (s *evaluateStep) run(p *play) error {
	key := p.keys[names(p.scenario.Given.Clients)[0]]
	got, err := p.party.evaluate(p.ctx, key, s.Input.Value)
	if err != nil {
		if refused, ok := asProblem(err); ok && refused.Detail != "" {
			return fmt.Errorf("the what-if was refused: %s", strings.TrimSuffix(refused.Detail, "."))
		}
		return err
	}
	return s.Expect.compare(got)
}

func (s *expectStep) run(p *play) error {
	if err := s.That.Want.verify(p); err != nil {
		return p.at(s.That.Line, err)
	}
	return nil
}
