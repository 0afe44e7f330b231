package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/policy"
)

// checker holds what a scenario's steps may refer to at each point.
type checker struct {
	scenario *Scenario
	started  map[string]bool // sign-ins so far
	brokers  map[string]bool // those of them on the device itself
	depth    int             // of together and repeat
	used     map[string]bool // devices that answer in the present together
}

// check tells what is wrong with a scenario before it runs, and fills in what
// need not be said: the only user, device or client.
func check(s *Scenario) error {
	c := &checker{scenario: s, started: map[string]bool{}, brokers: map[string]bool{}}
	if strings.TrimSpace(s.Name) == "" {
		return c.fail(s.Line, "a scenario has a name: scenario: What must hold")
	}
	if err := c.given(); err != nil {
		return err
	}
	if err := c.steps(s.When); err != nil {
		return err
	}
	for _, e := range s.Then {
		if err := e.Want.check(c); err != nil {
			return err
		}
	}
	if !expectsAnything(s) {
		return c.fail(s.Line, "the scenario expects nothing, so it cannot fail: give it a then, or an expect in a step")
	}
	return nil
}

func expectsAnything(s *Scenario) bool {
	return len(s.Then) > 0 || anyExpects(s.When)
}

func anyExpects(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool {
		switch do := s.Do.(type) {
		case *startStep:
			return do.Expect != nil
		case *answerStep:
			return do.Expect != nil
		case *codeStep:
			return do.Expect != nil
		case *enrolStep:
			return do.Expect != nil
		case *policyStep:
			return do.Expect != nil
		case *brokerStep:
			return do.Expect != nil
		case *evaluateStep, *expectStep:
			return true
		case *togetherStep:
			return anyExpects(do.Steps)
		case *repeatStep:
			return anyExpects(do.Steps)
		}
		return false
	})
}

func (c *checker) fail(line Line, format string, args ...any) error {
	return &FileError{Path: c.scenario.Path, Line: max(int(line), 1), Msg: fmt.Sprintf(format, args...)}
}

func (c *checker) steps(steps []step) error {
	for _, s := range steps {
		if err := s.Do.check(c); err != nil {
			return err
		}
	}
	return nil
}

// expects tells whether an expectation expects anything beside its subject. One
// that does not would be met by everything.
func expects(want any, subject ...string) bool {
	v := reflect.Indirect(reflect.ValueOf(want))
	return slices.ContainsFunc(fieldsOf(v.Type()), func(f field) bool {
		return !slices.Contains(subject, f.key) && !v.FieldByIndex(f.index).IsZero()
	})
}

// inline checks the expect of a step, which may be nil.
func inline[W any](c *checker, line Line, want *W) error {
	if want != nil && !expects(want) {
		return c.fail(line, "expect: it expects nothing")
	}
	return nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func names[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// known checks a name against what is given.
func known[V any](c *checker, line Line, kind, name string, of map[string]V) error {
	if _, ok := of[name]; ok {
		return nil
	}
	given := "none is given"
	if len(of) > 0 {
		given = "given are " + strings.Join(names(of), ", ")
	}
	return c.fail(line, "there is no %s %q; %s", kind, name, given)
}

// only fills in the name that need not be said because there is one alone.
func only[V any](c *checker, line Line, kind string, name *string, of map[string]V) error {
	if *name == "" {
		if len(of) != 1 {
			return c.fail(line, "which %s? given are %d: say %s: NAME", kind, len(of), kind)
		}
		*name = names(of)[0]
	}
	return known(c, line, kind, *name, of)
}

// maxGiven bounds the users, groups, devices and clients of a scenario, each.
const maxGiven = 200

func (c *checker) given() error {
	g := &c.scenario.Given
	if max(len(g.Users), len(g.Groups), len(g.Devices), len(g.Clients)) > maxGiven {
		return c.fail(g.Line, "a scenario has at most %d users, groups, devices and clients, each", maxGiven)
	}
	if len(g.Clients) == 0 {
		g.Clients = map[string]givenClient{"web": {Line: g.Line, Kind: policy.KindWeb}}
	}
	for _, check := range []func(*given) error{c.users, c.groups, c.devices, c.clients, c.limits} {
		if err := check(g); err != nil {
			return err
		}
	}
	return c.tenant(g.Tenant)
}

func (c *checker) users(g *given) error {
	for _, name := range names(g.Users) {
		u := g.Users[name]
		if !nameForm.MatchString(name) {
			return c.fail(u.Line, "a user's name is letters, digits, dot, dash, underscore and @, not %q", name)
		}
		if u.Password != "" && len(u.Password) < 8 {
			return c.fail(u.Line, "a password has 8 characters or more")
		}
		if u.TOTPSecret != "" {
			if _, err := otp.ParseSecret(u.TOTPSecret); err != nil {
				return c.fail(u.Line, "totp_secret: %s", err)
			}
			u.TOTP = true
			g.Users[name] = u
		}
	}
	return nil
}

func (c *checker) groups(g *given) error {
	for _, name := range names(g.Groups) {
		group := g.Groups[name]
		if !nameForm.MatchString(name) {
			return c.fail(group.Line, "a group's name is letters, digits, dot, dash and underscore, not %q", name)
		}
		if _, ok := g.Users[name]; ok {
			return c.fail(group.Line, "%q is the name of a user already", name)
		}
		if group.Rule != "" && len(group.Members) > 0 {
			return c.fail(group.Line, "a group has members or a rule, not both")
		}
		for _, member := range group.Members {
			_, user := g.Users[member]
			_, nested := g.Groups[member]
			if !user && !nested {
				return c.fail(group.Line, "there is no user and no group %q", member)
			}
		}
	}
	return nil
}

func (c *checker) devices(g *given) error {
	for _, name := range names(g.Devices) {
		d := g.Devices[name]
		if !nameForm.MatchString(name) {
			return c.fail(d.Line, "a device's name is letters, digits, dot, dash and underscore, not %q", name)
		}
		if err := only(c, d.Line, "user", &d.User, g.Users); err != nil {
			return err
		}
		d.stated = stated{d.Platform, d.FormFactor, d.AppVersion}
		d.Platform = cmp.Or(d.Platform, policy.Android)
		d.FormFactor = cmp.Or(d.FormFactor, formFactorOf(d.Platform))
		d.AppVersion = cmp.Or(d.AppVersion, message.MinAppVersion)
		if !message.ValidVersion(d.AppVersion) {
			return c.fail(d.Line, "app_version: %q is no version such as %s", d.AppVersion, message.MinAppVersion)
		}
		g.Devices[name] = d
	}
	return nil
}

func formFactorOf(p policy.Platform) policy.FormFactor {
	switch p {
	case policy.WatchOS, policy.WearOS:
		return policy.Watch
	case policy.Windows, policy.MacOS, policy.Linux:
		return policy.Desktop
	case policy.IOS, policy.Android:
	}
	return policy.Phone
}

func (c *checker) clients(g *given) error {
	for _, name := range names(g.Clients) {
		client := g.Clients[name]
		if !nameForm.MatchString(name) {
			return c.fail(client.Line, "a client's name is letters, digits, dot, dash and underscore, not %q", name)
		}
		for _, setting := range []struct {
			key   string
			given bool
			kinds []policy.ClientKind
		}{
			{"version", client.Version != "", []policy.ClientKind{policy.KindNPS}},
			{"override", client.Override != "", []policy.ClientKind{policy.KindNPS}},
			{"rd_gateway", client.RDGateway, []policy.ClientKind{policy.KindNPS, policy.KindRADIUS}},
			{"no_prompt", client.NoPrompt, []policy.ClientKind{policy.KindNPS, policy.KindRADIUS}},
			{"os_build", client.OSBuild != "", []policy.ClientKind{policy.KindADFS}},
		} {
			if setting.given && !slices.Contains(setting.kinds, client.Kind) {
				return c.fail(client.Line, "a client of kind %s has no %s", client.Kind, setting.key)
			}
		}
	}
	return nil
}

func (c *checker) limits(g *given) error {
	l := g.Limits
	for _, n := range []struct {
		key   string
		value *int
		most  int
	}{
		{"starts_5m", l.Starts5m, 1 << 20},
		{"starts_1h", l.Starts1h, 1 << 20},
		{"starts_1d", l.Starts1d, 1 << 20},
		{"wrong_numbers", l.WrongNumbers, 100},
		{"wrong_codes", l.WrongCodes, 100},
	} {
		if n.value != nil && (*n.value < 1 || *n.value > n.most) {
			return c.fail(l.Line, "limits: %s is a number from 1 to %d", n.key, n.most)
		}
	}
	if l.ReportBlock != nil && *l.ReportBlock < 0 {
		return c.fail(l.Line, "limits: report_block is not negative")
	}
	return nil
}

func (c *checker) tenant(t tenantChange) error {
	if t.NumberDigits != nil && *t.NumberDigits != 2 && *t.NumberDigits != 6 {
		return c.fail(t.Line, "tenant: number_digits is 2 or 6")
	}
	return nil
}

// signIn checks that a sign-in was started before it is spoken of.
func (c *checker) signIn(line Line, name string) error {
	if c.started[name] {
		return nil
	}
	if len(c.started) == 0 {
		return c.fail(line, "no sign-in %q was started before this: begin with start: %s", name, name)
	}
	return c.fail(line, "no sign-in %q was started before this; started are %s", name, strings.Join(names(c.started), ", "))
}

func (c *checker) start(line Line, name string) error {
	switch {
	case !nameForm.MatchString(name):
		return c.fail(line, "a sign-in's name is letters, digits, dot, dash and underscore, not %q", name)
	case c.started[name]:
		return c.fail(line, "the sign-in %q was started before this; give this one another name", name)
	}
	c.started[name] = true
	return nil
}

func (c *checker) device(line Line, name *string) error {
	return only(c, line, "device", name, c.scenario.Given.Devices)
}

func (s *startStep) check(c *checker) error {
	g := c.scenario.Given
	if err := c.start(s.Line, s.Name); err != nil {
		return err
	}
	if s.Stranger != "" {
		if s.User != "" {
			return c.fail(s.Line, "a start has a user or a stranger, not both")
		}
		if _, ok := g.Users[s.Stranger]; ok {
			return c.fail(s.Line, "stranger: %q is a given user", s.Stranger)
		}
	} else if err := only(c, s.Line, "user", &s.User, g.Users); err != nil {
		return err
	}
	if err := only(c, s.Line, "client", &s.Client, g.Clients); err != nil {
		return err
	}
	kind := g.Clients[s.Client].Kind
	switch {
	case s.RADIUSAuth != "" && kind != policy.KindNPS && kind != policy.KindRADIUS:
		return c.fail(s.Line, "radius_auth is for clients of kind nps and radius; %q is of kind %s", s.Client, kind)
	case s.Scenario == policy.ScenarioBroker:
		return c.fail(s.Line, "the same-device flow starts with sign_in_here, not with start")
	case s.Scenario == policy.ScenarioCombinedRegistration:
		return c.fail(s.Line, "combined registration begins with enrol, not with start")
	case s.TTL != 0 && (time.Duration(s.TTL) < time.Second || time.Duration(s.TTL) > message.Lifetime):
		return c.fail(s.Line, "ttl is from 1s to %s", message.Lifetime)
	}
	if s.Context.IP != "" {
		if _, err := netip.ParseAddr(s.Context.IP); err != nil {
			return c.fail(s.Line, "context: ip: %q is no address", s.Context.IP)
		}
	}
	return s.Expect.check(c)
}

func (w *signInWant) check(c *checker) error {
	if w == nil {
		return nil
	}
	return errors.Join(inline(c, w.Line, w), w.checkDevice(c, w.Line))
}

func (w *signInWant) checkDevice(c *checker, line Line) error {
	if w.Device == "" {
		return nil
	}
	return known(c, line, "device", w.Device, c.scenario.Given.Devices)
}

func (s *answerStep) check(c *checker) error {
	if err := c.signIn(s.Line, s.SignIn); err != nil {
		return err
	}
	if err := c.device(s.Line, &s.Device); err != nil {
		return err
	}
	if s.Claims != nil && s.Claims.AppVersion != "" && !message.ValidVersion(s.Claims.AppVersion) {
		return c.fail(s.Line, "claims: app_version: %q is no version such as %s", s.Claims.AppVersion, message.MinAppVersion)
	}
	if c.used != nil {
		if c.used[s.Device] {
			return c.fail(s.Line, "a device gives one answer at a time; %q has one in this together already", s.Device)
		}
		c.used[s.Device] = true
	}
	return inline(c, s.Line, s.Expect)
}

func (s *codeStep) check(c *checker) error {
	if err := c.signIn(s.Line, s.SignIn); err != nil {
		return err
	}
	if s.Device != "" {
		if err := c.device(s.Line, &s.Device); err != nil {
			return err
		}
	}
	return s.Expect.check(c)
}

func (s *cancelStep) check(c *checker) error { return c.signIn(s.Line, s.SignIn) }

func (s *waitStep) check(c *checker) error {
	switch {
	case s.For <= 0:
		return c.fail(s.Line, "wait: a time that is more than nothing, such as 30s")
	case c.used != nil:
		return c.fail(s.Line, "wait cannot stand in a together: time passes for all")
	}
	return nil
}

func (s *togetherStep) check(c *checker) error {
	if c.used != nil {
		return c.fail(s.Line, "a together cannot stand in a together")
	}
	if len(s.Steps) < 2 {
		return c.fail(s.Line, "a together has two steps or more")
	}
	// What happens at once cannot rest on each other.
	started := maps.Clone(c.started)
	c.used = map[string]bool{}
	defer func() { c.used = nil }()
	for _, inner := range s.Steps {
		before := maps.Clone(c.started)
		c.started = maps.Clone(started)
		if do, ok := inner.Do.(*startStep); ok && before[do.Name] {
			return c.fail(inner.Line, "the sign-in %q was started before this; give this one another name", do.Name)
		}
		err := inner.Do.check(c)
		maps.Copy(c.started, before)
		if err != nil {
			return err
		}
	}
	return nil
}

const maxRepeat = 1000

func (s *repeatStep) check(c *checker) error {
	if c.depth++; c.depth > 2 {
		return c.fail(s.Line, "repeat stands in at most one other repeat")
	}
	defer func() { c.depth-- }()
	switch {
	case c.used != nil:
		return c.fail(s.Line, "a repeat cannot stand in a together")
	case s.Times < 1 || s.Times > maxRepeat:
		return c.fail(s.Line, "repeat: a number of times from 1 to %d", maxRepeat)
	case len(s.Steps) == 0:
		return c.fail(s.Line, "repeat: it has no steps")
	}
	return c.steps(s.Steps)
}

func (s *awayStep) check(c *checker) error { return c.device(s.Line, &s.Device) }
func (s *backStep) check(c *checker) error { return c.device(s.Line, &s.Device) }
func (s *skewStep) check(c *checker) error { return c.device(s.Line, &s.Device) }

func (s *relayStep) check(c *checker) error {
	if c.used != nil {
		return c.fail(s.Line, "relay cannot stand in a together")
	}
	return nil
}

func (s *enrolStep) check(c *checker) error {
	if err := c.device(s.Line, &s.Device); err != nil {
		return err
	}
	if c.scenario.Given.Devices[s.Device].isEnrolled() {
		return c.fail(s.Line, "the device %q is enrolled from the start; give it enrolled: false", s.Device)
	}
	s.Number = cmp.Or(s.Number, enrolRight)
	return inline(c, s.Line, s.Expect)
}

func (d givenDevice) isEnrolled() bool { return d.Enrolled == nil || *d.Enrolled }

func (s *revokeStep) check(c *checker) error { return c.device(s.Line, &s.Device) }

func (s *releaseStep) check(c *checker) error {
	return known(c, s.Line, "user", s.User, c.scenario.Given.Users)
}

func (s *tenantStep) check(c *checker) error    { return c.tenant(s.Change) }
func (s *policyStep) check(c *checker) error    { return inline(c, s.Line, s.Expect) }
func (s *evaluateStep) check(c *checker) error  { return inline(c, s.Line, s.Expect) }
func (s *expectStep) check(c *checker) error    { return s.That.Want.check(c) }
func (s *showAgainStep) check(c *checker) error { return c.broker(s.Line, s.SignIn) }

func (s *brokerStep) check(c *checker) error {
	if err := c.start(s.Line, s.Name); err != nil {
		return err
	}
	if err := c.device(s.Line, &s.Device); err != nil {
		return err
	}
	c.brokers[s.Name] = true
	s.Password = cmp.Or(s.Password, rightPassword)
	user := c.scenario.Given.Devices[s.Device].User
	if c.scenario.Given.Users[user].Password == "" {
		return c.fail(s.Line, "the user %q of the device %q has no password; give one", user, s.Device)
	}
	return s.Expect.check(c)
}

func (c *checker) broker(line Line, name string) error {
	if err := c.signIn(line, name); err != nil {
		return err
	}
	if !c.brokers[name] {
		return c.fail(line, "the sign-in %q was not started with sign_in_here", name)
	}
	return nil
}

func (e *signInExpect) check(c *checker) error {
	if err := c.signIn(e.Line, e.SignIn); err != nil {
		return err
	}
	if !expects(e, "sign_in") {
		return c.fail(e.Line, "the expectation of the sign-in %q expects nothing", e.SignIn)
	}
	return e.checkDevice(c, e.Line)
}

func (e *deviceExpect) check(c *checker) error {
	if err := c.device(e.Line, &e.Device); err != nil {
		return err
	}
	if !expects(e, "device", "for") {
		return c.fail(e.Line, "the expectation of the device %q expects nothing", e.Device)
	}
	prompts := e.Prompt != "" || e.Mode != "" || e.Digits != nil || e.App != nil || e.Origin != nil || e.IP != nil || e.Location != nil ||
		len(e.Told) > 0 || e.Reason != "" || e.Elsewhere != nil
	onScreen := e.Number != "" || e.ShowNumberAgain != ""
	switch {
	case e.For == "" && (prompts || onScreen):
		return c.fail(e.Line, "for which sign-in? say for: NAME")
	case onScreen:
		return c.broker(e.Line, e.For)
	case e.For != "":
		return c.signIn(e.Line, e.For)
	}
	return nil
}

func (e *userExpect) check(c *checker) error {
	if !expects(e, "user") {
		return c.fail(e.Line, "the expectation of the user %q expects nothing", e.User)
	}
	return known(c, e.Line, "user", e.User, c.scenario.Given.Users)
}

func (e *countExpect) check(c *checker) error {
	if len(e.State) == 0 && e.Refused == "" {
		return c.fail(e.Line, "count: of what? say state: or refused:")
	}
	for _, name := range e.Of {
		if err := c.signIn(e.Line, name); err != nil {
			return err
		}
	}
	return nil
}
