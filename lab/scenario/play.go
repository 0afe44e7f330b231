package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"countersign/app"
	"countersign/crypto/otp"
	"countersign/message"
)

// play is one scenario under way.
type play struct {
	ctx      context.Context //nolint:containedctx // a play lives as long as one call
	scenario *Scenario
	party    *party
	own      *own // nil where the server runs elsewhere
	keys     map[string]string
	people   map[string]*person
	devices  map[string]*device

	mu      sync.Mutex
	signIns map[string]*signIn
}

// person is a user as the scenario knows them.
type person struct {
	password string
	secret   []byte // of TOTP; nil: none is known
	lastCode string // the last that was taken
}

// signIn is one that the scenario started. It does not change: look tells how
// it stands.
type signIn struct {
	name    string
	user    string // as it was typed
	key     string // of the client that asked
	view    view   // as the start was answered
	event   string // nothing where the server does not tell it
	refused *problem
	broker  *app.Broker // of a sign-in on the device itself
	device  string      // that device
}

// wasRefused tells whether there is nothing but a refusal.
func (s *signIn) wasRefused() bool { return s.refused != nil }

// find gives a sign-in. The file was checked: it was started, unless a step
// before failed.
func (p *play) find(name string) (*signIn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.signIns[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("the sign-in %q has not been started yet", name)
}

func (p *play) remember(s *signIn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signIns[s.name] = s
}

// look is how a sign-in stands now, as its client can see it.
func (p *play) look(s *signIn) (view, error) {
	switch {
	case s.wasRefused():
		return s.view, nil
	case s.broker != nil:
		return s.lookBroker(), nil
	}
	v, err := p.party.get(p.ctx, s.key, s.view.ID)
	if err != nil {
		return v, fmt.Errorf("looking at the sign-in %q: %w", s.name, err)
	}
	return v, nil
}

// steps runs steps until one fails. The error is a *FileError.
func (p *play) steps(steps []step) error {
	for _, s := range steps {
		if err := p.step(s); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) step(s step) error {
	err := s.Do.run(p)
	var positioned *FileError
	switch {
	case err == nil, errors.As(err, &positioned):
		return err
	case p.ctx.Err() != nil:
		err = errors.New("interrupted")
	}
	return p.at(s.Line, err)
}

func (p *play) at(line Line, err error) error {
	return &FileError{Path: p.scenario.Path, Line: int(line), Msg: err.Error()}
}

// then verifies every expectation, and gives all that are not met.
func (p *play) then() []error {
	var out []error
	for _, e := range p.scenario.Then {
		if err := e.Want.verify(p); err != nil {
			out = append(out, p.at(e.Line, err))
		}
	}
	return out
}

// prepare makes everything that is given, on the scenario's own server.
func (p *play) prepare() error {
	g := p.scenario.Given
	if err := p.own.addUsers(p.ctx, g.Users, p.people); err != nil {
		return err
	}
	if err := p.own.addGroups(p.ctx, g.Groups); err != nil {
		return err
	}
	var err error
	if p.keys, err = p.own.addClients(p.ctx, g.Clients); err != nil {
		return err
	}
	// Devices come before the rules that might refuse them.
	for _, name := range names(g.Devices) {
		if err := p.prepareDevice(name, g.Devices[name]); err != nil {
			return fmt.Errorf("given the device %s: %w", name, err)
		}
	}
	if err := p.own.changeTenant(p.ctx, g.Tenant); err != nil {
		return p.at(g.Tenant.Line, err)
	}
	if g.Policy.Value == nil {
		return nil
	}
	return p.changePolicy(g.Policy)
}

// prepareDevice enrols a device as a phone of today, and then lets it be what it
// is: a watch or an old app could not be enrolled any more.
func (p *play) prepareDevice(name string, d givenDevice) error {
	about := message.About{Platform: string(d.Platform), FormFactor: string(d.FormFactor), AppVersion: d.AppVersion}
	today := about
	if d.isEnrolled() && (today.FormFactor == message.FormWatch || message.VersionBefore(today.AppVersion, message.MinAppVersion)) {
		today = message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: message.MinAppVersion}
	}
	made, err := p.own.workshop.open(p.ctx, name, today)
	if err != nil {
		return err
	}
	p.devices[name] = made
	if !d.isEnrolled() {
		return nil
	}
	if _, err := p.own.enrol(p.ctx, made, d.User, false, func(right string) string { return right }); err != nil {
		return err
	}
	if today == about {
		return nil
	}
	if err := p.own.become(p.ctx, d.User, name, about); err != nil {
		return err
	}
	p.own.traffic.quiet(p.ctx)
	if err := made.close(); err != nil {
		return err
	}
	p.own.traffic.closed(p.ctx)
	if p.devices[name], err = p.own.workshop.open(p.ctx, name, about); err != nil {
		return err
	}
	return p.comeBack(p.devices[name], 0)
}

func (p *play) reconnected(d *device) error {
	return d.until(p.ctx, d.connected)
}

func (p *play) changePolicy(change Document) error {
	status, msg, err := p.party.patchPolicy(p.ctx, p.own.names(change))
	if err == nil && status >= 400 {
		err = fmt.Errorf("the policy was refused with %d: %s", status, msg)
	}
	if err != nil {
		return p.at(change.Line, err)
	}
	return nil
}

// names puts ids where a policy names the scenario's users and groups, and adds
// the type that every patch must have.
func (o *own) names(change Document) map[string]any {
	out, _ := o.withIDs(change.Value).(map[string]any)
	if _, given := out[typeMember]; !given {
		out[typeMember] = policyType
	}
	return out
}

func (o *own) withIDs(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if name, ok := value.(string); ok && key == "id" && o != nil && o.ids[name] != "" {
				value = o.ids[name]
			}
			out[key] = o.withIDs(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = o.withIDs(value)
		}
		return out
	}
	return v
}

// quiet waits until nothing is on its way any more.
func (p *play) quiet() {
	if p.own != nil {
		p.own.traffic.quiet(p.ctx)
		return
	}
	pause(p.ctx, remoteQuiet)
}

// close ends the play: devices first, so that none complains that its server
// has gone.
func (p *play) close() error {
	var errs []error
	for _, name := range names(p.devices) {
		errs = append(errs, p.devices[name].close())
	}
	p.party.http.CloseIdleConnections()
	if p.own != nil {
		errs = append(errs, p.own.close())
	}
	return errors.Join(errs...)
}

// newPeople draws a TOTP secret for everybody who has one and says none.
func newPeople(users map[string]givenUser) (map[string]*person, error) {
	people := map[string]*person{}
	for name, u := range users {
		who := &person{password: u.Password}
		switch {
		case u.TOTPSecret != "":
			secret, err := otp.ParseSecret(u.TOTPSecret)
			if err != nil {
				return nil, err
			}
			who.secret = []byte(secret)
		case u.TOTP:
			who.secret = []byte(otp.NewTOTPSecret())
		}
		people[name] = who
	}
	return people, nil
}
