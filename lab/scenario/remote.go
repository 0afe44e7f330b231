package scenario

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign/message"
	"countersign/verifier/policy"
)

// Remote is a server that runs elsewhere, and what the runner needs of it. What
// a scenario gives must be there already: its users, its clients by their keys,
// its devices as state folders of countersign-lab device.
type Remote struct {
	URL string // https://signin.example, or http:// to loopback
	// ClientKeys are the clients' keys by the scenarios' names of them; "" is
	// for every client of kind web that is not there.
	ClientKeys map[string]string
	// AdminToken is for scenarios that change the methods policy.
	AdminToken string
	// Devices is the folder with a state folder for each device, by its name.
	Devices    string
	Passphrase string // of sealed devices
}

// remoteQuiet is how long a message to a device elsewhere may take before it
// counts as not sent.
const remoteQuiet = 500 * time.Millisecond

// maxRemoteWait bounds a wait in true time.
const maxRemoteWait = 3 * time.Minute

// cannot says why a scenario cannot be run against such a server.
func (r *Remote) cannot(s *Scenario) error {
	no := func(line Line, format string, args ...any) error {
		return &FileError{Path: s.Path, Line: int(line), Msg: fmt.Sprintf(format, args...)}
	}
	g := s.Given
	switch {
	case g.Tenant != tenantChange{Line: g.Tenant.Line}:
		return no(g.Tenant.Line, "tenant settings need the runner's own server")
	case g.Limits.Line != 0:
		return no(g.Limits.Line, "limits need the runner's own server")
	case len(g.Groups) > 0:
		return no(g.Line, "groups need the runner's own server")
	case g.Policy.Value != nil && r.AdminToken == "":
		return no(g.Policy.Line, "a policy needs --admin-token")
	}
	for _, name := range names(g.Clients) {
		if r.key(name, g.Clients[name].Kind) == "" {
			return no(max(g.Clients[name].Line, s.Line), "the client %q of kind %s needs --client-key %s=KEY", name, g.Clients[name].Kind, name)
		}
	}
	for _, name := range names(g.Users) {
		switch u := g.Users[name]; {
		case u.TOTP && u.TOTPSecret == "":
			return no(u.Line, "the codes of %q need totp_secret, which the server has too", name)
		case u.Default != "" || u.Disabled || len(u.Roles)+len(u.Attributes) > 0:
			return no(u.Line, "a user with a default method, roles or attributes needs the runner's own server")
		}
	}
	for _, name := range names(g.Devices) {
		d := g.Devices[name]
		if !d.isEnrolled() {
			return no(d.Line, "enrolling needs the runner's own server")
		}
		if _, err := os.Stat(filepath.Join(r.Devices, name)); r.Devices == "" || err != nil {
			return no(d.Line, "the device %q needs --devices DIR with its state folder DIR/%s", name, name)
		}
	}
	if err := r.cannotSteps(s.When, no); err != nil {
		return err
	}
	for _, e := range s.Then {
		if _, ok := e.Want.(*userExpect); ok {
			return no(e.Line, "looking at a user needs the runner's own server")
		}
	}
	return nil
}

func (r *Remote) cannotSteps(steps []step, no func(Line, string, ...any) error) error {
	for _, step := range steps {
		switch do := step.Do.(type) {
		case *startStep:
			if do.Page || do.RADIUSAuth != "" || do.Expect != nil && do.Expect.Event != "" {
				return no(step.Line, "a sign-in of the pages or over RADIUS, and its event, need the runner's own server")
			}
		case *answerStep:
			if do.Claims != nil {
				return no(step.Line, "claims need the runner's own server")
			}
		case *waitStep:
			if time.Duration(do.For) > maxRemoteWait {
				return no(step.Line, "waiting for %s needs the runner's own server", time.Duration(do.For))
			}
		case *policyStep:
			if r.AdminToken == "" {
				return no(step.Line, "a policy needs --admin-token")
			}
		case *togetherStep:
			if err := r.cannotSteps(do.Steps, no); err != nil {
				return err
			}
		case *repeatStep:
			if err := r.cannotSteps(do.Steps, no); err != nil {
				return err
			}
		case *expectStep:
			if _, ok := do.That.Want.(*userExpect); ok {
				return no(step.Line, "looking at a user needs the runner's own server")
			}
		case *codeStep, *cancelStep, *evaluateStep:
		default:
			return no(step.Line, "%s needs the runner's own server", step.Verb)
		}
	}
	return nil
}

// key is the key of a client of the scenario. The one without a name is that of
// a web client: a client of another kind gets other experiences.
func (r *Remote) key(name string, kind policy.ClientKind) string {
	if key, ok := r.ClientKeys[name]; ok || kind != policy.KindWeb {
		return key
	}
	return r.ClientKeys[""]
}

// as tells whether a device is what the file says of it.
func (s stated) as(about message.About) error {
	for _, part := range []struct{ what, stated, is string }{
		{"platform", string(s.platform), about.Platform},
		{"form_factor", string(s.formFactor), about.FormFactor},
		{"app_version", s.appVersion, about.AppVersion},
	} {
		if part.stated != "" && part.stated != part.is {
			return fmt.Errorf("given is %s %s, but the device of --devices has %s", part.what, part.stated, part.is)
		}
	}
	return nil
}

func runRemote(ctx context.Context, s *Scenario, o Options) []error {
	people, err := newPeople(s.Given.Users)
	if err != nil {
		return []error{err}
	}
	for name, u := range s.Given.Users {
		if u.TOTPSecret == "" {
			people[name].secret = nil // the server has another
		}
	}
	playing, stop := context.WithCancel(ctx)
	p := &play{
		ctx: playing, scenario: s, people: people, devices: map[string]*device{}, signIns: map[string]*signIn{}, keys: map[string]string{},
		party: &party{server: strings.TrimSuffix(o.Remote.URL, "/"), admin: o.Remote.AdminToken, http: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}},
	}
	failures := p.performRemote(o.Remote, o.Logger)
	stop()
	if err := p.close(); err != nil {
		failures = append(failures, fmt.Errorf("ending the scenario: %w", err))
	}
	return failures
}

func (p *play) performRemote(r *Remote, logger *slog.Logger) []error {
	g := p.scenario.Given
	for _, name := range names(g.Clients) {
		p.keys[name] = r.key(name, g.Clients[name].Kind)
	}
	for _, name := range names(g.Devices) {
		d, err := openState(p.ctx, r.Devices, name, r.Passphrase, logger)
		if err != nil {
			return []error{p.at(g.Devices[name].Line, err)}
		}
		p.devices[name] = d
		if err := g.Devices[name].stated.as(d.Device()); err != nil {
			return []error{p.at(g.Devices[name].Line, err)}
		}
		if err := p.reconnected(d); err != nil {
			return []error{p.at(g.Devices[name].Line, fmt.Errorf("the device %s does not reach its relay", name))}
		}
	}
	if g.Policy.Value != nil {
		if err := p.changePolicy(g.Policy); err != nil {
			return []error{err}
		}
	}
	return p.act()
}
