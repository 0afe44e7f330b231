package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"countersign/app"
	"countersign/crypto/identity"
	"countersign/lab"
	"countersign/message"
	"countersign/relay"
	"countersign/verifier"
	"countersign/verifier/api"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/graph"
	"countersign/verifier/middleware"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// own is a server of the scenario's own: what countersignd serve puts together,
// on a clock and behind a network that the scenario rules.
type own struct {
	clock    *clock
	network  *network
	workshop *workshop
	verifier *verifier.Verifier
	metrics  *prometheus.Registry
	traffic  *traffic
	url      string
	admin    string                      // the administrator's token
	clients  map[string]directory.Client // by the scenario's name
	ids      map[string]string           // of users and groups
	logger   *slog.Logger
	stop     context.CancelFunc
	running  *errgroup.Group
	store    store.Store
	relay    *relay.Server
}

// newOwn starts a server in a folder, which is new.
func newOwn(ctx context.Context, dir string, limits challenge.Limits, logger *slog.Logger) (o *own, err error) {
	o = &own{
		clock: &clock{now: epoch}, metrics: prometheus.NewRegistry(), admin: message.NewID(), logger: logger,
		clients: map[string]directory.Client{}, ids: map[string]string{},
	}
	o.store, err = sqlite.Open(ctx, filepath.Join(dir, "countersign.db"))
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening: %w", err), o.store.Close())
	}
	o.url = "http://" + listener.Addr().String()
	handler, err := o.assemble(ctx, dir, "ws://"+listener.Addr().String()+"/relay", limits)
	if err != nil {
		return nil, errors.Join(err, listener.Close(), o.store.Close())
	}
	running, stop := context.WithCancel(ctx)
	o.stop = stop
	o.running, running = errgroup.WithContext(running)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	o.running.Go(func() error { return o.relay.Run(running) })
	o.running.Go(func() error { return o.verifier.Run(running) })
	o.running.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	o.running.Go(func() error {
		<-running.Done()
		return server.Close()
	})
	return o, nil
}

// close ends the server.
func (o *own) close() error {
	o.stop()
	return errors.Join(o.running.Wait(), o.store.Close())
}

// assemble makes verifier, relay and interfaces.
func (o *own) assemble(ctx context.Context, dir, relayURL string, limits challenge.Limits) (http.Handler, error) {
	keys, err := vault.Open(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	ids, err := verifier.LoadKeys(ctx, o.store, keys)
	if err != nil {
		return nil, err
	}
	// The relay's limits on traffic follow the true clock: frames take true time.
	o.relay, err = relay.New(relay.Config{URL: relayURL, Verifiers: []identity.Thumbprint{ids.Signing.Thumbprint()}, Logger: o.logger, Registerer: o.metrics})
	if err != nil {
		return nil, err
	}
	o.network = newNetwork(o.relay.Dial)
	o.verifier, err = verifier.New(ctx, verifier.Config{
		Store: o.store, Vault: keys, Relay: relayURL, NetDial: o.network.dialler(verifierEnd), Limits: limits,
		Now: o.clock.Now, Logger: o.logger, Metrics: o.metrics,
	})
	if err != nil {
		o.relay.Close()
		return nil, err
	}
	v := o.verifier
	o.traffic = &traffic{verifier: v.Post, network: o.network, metrics: o.metrics}
	v.Post, v.Challenges.Post, v.Enrolments.Post = o.traffic, o.traffic, o.traffic
	mux := http.NewServeMux()
	api.New(api.Config{
		Store: v.Store, Directory: v.Directory, Tenant: v.Tenant, Challenges: v.Challenges,
		Middleware: middleware.New(middleware.Config{Now: o.clock.Now, Logger: o.logger, Metrics: o.metrics}),
		Broker:     directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb}, Now: o.clock.Now, Logger: o.logger,
	}).Mount(mux)
	policies := graph.New(graph.Config{Policies: v.Rules, Authorize: o.authorize, PublicURL: o.url, Now: o.clock.Now, Logger: o.logger})
	mux.Handle("/beta/", policies)
	mux.Handle("/v1.0/", policies)
	mux.Handle("/relay", o.relay)
	return mux, nil
}

// authorize knows one administrator: the scenario. Its token does not expire
// when the scenario lets a day pass.
func (o *own) authorize(_ context.Context, bearer string) (string, graph.Caller, error) {
	if bearer == o.admin {
		return actor, graph.Admin, nil
	}
	return "", graph.Nobody, nil
}

// actor stands in the audit log for what a scenario does as administrator.
const actor = "scenario"

// limits are the design's, with what the scenario changes.
func (l givenLimits) limits() challenge.Limits {
	out := challenge.DefaultLimits()
	for _, n := range []struct {
		from *int
		to   *int
	}{
		{l.Starts5m, &out.Starts5m},
		{l.Starts1h, &out.Starts1h},
		{l.Starts1d, &out.Starts1d},
		{l.WrongNumbers, &out.WrongNumbers},
		{l.WrongCodes, &out.WrongCodes},
	} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	if l.Backoff != nil {
		out.Backoff = nil
		for _, d := range *l.Backoff {
			out.Backoff = append(out.Backoff, time.Duration(d))
		}
	}
	if l.ReportBlock != nil {
		out.ReportBlock = time.Duration(*l.ReportBlock)
	}
	return out
}

func (o *own) update(ctx context.Context, f func(store.Tx) error) error {
	return o.store.Update(ctx, f)
}

// addUsers makes the users, with passwords and TOTP secrets.
func (o *own) addUsers(ctx context.Context, users map[string]givenUser, people map[string]*person) error {
	d := o.verifier.Directory.As(actor)
	return o.update(ctx, func(tx store.Tx) error {
		for _, name := range names(users) {
			u := users[name]
			made, err := d.CreateUser(tx, directory.User{
				Name: name, Roles: u.Roles, Default: u.Default, Attributes: u.Attributes, OnPremises: u.OnPremises, Disabled: u.Disabled,
			})
			if err != nil {
				return fmt.Errorf("making the user %s: %w", name, err)
			}
			o.ids[name] = made.ID
			if u.Password != "" {
				if err := d.SetPassword(tx, made.ID, u.Password); err != nil {
					return fmt.Errorf("giving %s a password: %w", name, err)
				}
			}
			if secret := people[name].secret; secret != nil {
				if err := d.RegisterTOTP(tx, made.ID, secret); err != nil {
					return fmt.Errorf("giving %s a TOTP secret: %w", name, err)
				}
			}
		}
		return nil
	})
}

// addGroups makes the groups, and then puts their members in: a group may be a
// member of a later one.
func (o *own) addGroups(ctx context.Context, groups map[string]givenGroup) error {
	d := o.verifier.Directory.As(actor)
	return o.update(ctx, func(tx store.Tx) error {
		for _, name := range names(groups) {
			made, err := d.CreateGroup(tx, directory.Group{Name: name, Rule: groups[name].Rule, OnPremises: groups[name].OnPremises})
			if err != nil {
				return fmt.Errorf("making the group %s: %w", name, err)
			}
			o.ids[name] = made.ID
		}
		for _, name := range names(groups) {
			for _, member := range groups[name].Members {
				m := directory.Member{Kind: directory.MemberUser, ID: o.ids[member]}
				if _, group := groups[member]; group {
					m.Kind = directory.MemberGroup
				}
				if err := d.AddMember(tx, o.ids[name], m); err != nil {
					return fmt.Errorf("putting %s into the group %s: %w", member, name, err)
				}
			}
		}
		return nil
	})
}

// addClients makes the clients, and gives their keys.
func (o *own) addClients(ctx context.Context, clients map[string]givenClient) (keys map[string]string, err error) {
	d := o.verifier.Directory.As(actor)
	keys = map[string]string{}
	return keys, o.update(ctx, func(tx store.Tx) error {
		for i, name := range names(clients) {
			c := clients[name]
			n := directory.NewClient{Name: name, Kind: c.Kind}
			switch c.Kind {
			case policy.KindNPS, policy.KindRADIUS:
				n.RADIUS = &directory.RADIUSClient{
					// Addresses for documentation (RFC 5737): no packet is sent.
					Address:    netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}),
					NPSVersion: c.Version, Override: c.Override, RDGateway: c.RDGateway, NoPrompt: c.NoPrompt, RequireMessageAuthenticator: true,
				}
				n.RADIUSSecret = []byte(message.NewID())
			case policy.KindADFS:
				n.ADFS = &directory.ADFSClient{OSBuild: c.OSBuild}
			case policy.KindWeb, policy.KindMFAServer:
			}
			made, key, err := d.AddClient(tx, n)
			if err != nil {
				return fmt.Errorf("making the client %s: %w", name, err)
			}
			o.clients[name], keys[name] = made, key
		}
		return nil
	})
}

// changeTenant changes the organisation's settings.
func (o *own) changeTenant(ctx context.Context, t tenantChange) error {
	return o.update(ctx, func(tx store.Tx) error {
		return o.verifier.Tenant.Update(tx, actor, func(s *tenant.Settings) error {
			set(t.Rollout, &s.Rollout)
			set(t.AllowApproveDeny, &s.AllowApproveDeny)
			set(t.NumberDigits, &s.NumberDigits)
			set(t.LegacyMobileAppNotification, &s.LegacyMobileAppNotification)
			return nil
		})
	})
}

func set[T any](from, to *T) {
	if from != nil {
		*to = *from
	}
}

// enrol makes a device one of its user's, the whole way: link, keys, number.
func (o *own) enrol(ctx context.Context, d *device, user string, totp bool, number func(right string) string) (app.Account, error) {
	link, e, err := o.verifier.Enrolments.Begin(ctx, enrol.Request{User: o.ids[user], Actor: actor, TOTP: totp})
	if errors.Is(err, directory.ErrTooManyDevices) {
		return app.Account{}, app.ErrTooManyDevices
	}
	if err != nil {
		return app.Account{}, fmt.Errorf("making an enrolment link: %w", err)
	}
	enrolment, err := d.Begin(link.String())
	if err != nil {
		return app.Account{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, onItsWay)
	defer cancel()
	virtual := lab.Device{App: d.App}
	return virtual.Enrol(ctx, enrolment, d.name, func(ctx context.Context, _ app.Prompt) (string, error) {
		asked, err := o.verifier.Enrolments.Get(ctx, link.ID, e, onItsWay)
		if err != nil {
			return "", fmt.Errorf("looking at the enrolment page: %w", err)
		}
		return number(asked.Number), nil
	})
}

// record is what the directory knows of a device, by its name.
func (o *own) record(ctx context.Context, user, name string) (found directory.Device, err error) {
	return found, o.store.View(ctx, func(tx store.Tx) error {
		all, err := o.verifier.Directory.Devices(tx, o.ids[user])
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.Name == name {
				found = d
				return nil
			}
		}
		return fmt.Errorf("the device %s is not enrolled", name)
	})
}

// become makes an enrolled device another kind: an old app or a watch that was
// enrolled before the rules, as no enrolment would take it now.
func (o *own) become(ctx context.Context, user, name string, about message.About) error {
	found, err := o.record(ctx, user, name)
	if err != nil {
		return err
	}
	found.Platform, found.FormFactor, found.AppVersion = policy.Platform(about.Platform), policy.FormFactor(about.FormFactor), about.AppVersion
	return o.update(ctx, func(tx store.Tx) error { return o.verifier.Directory.UpdateDevice(tx, found) })
}

// startAs starts a sign-in as the web pages or the RADIUS front end do, which
// say what a program over the RP API cannot.
func (o *own) startAs(ctx context.Context, s *startStep, user string) (challenge.Challenge, error) {
	return o.verifier.Challenges.Start(ctx, challenge.Request{
		User: user, Client: o.clients[s.Client], Scenario: s.Scenario, Method: s.Method, TTL: time.Duration(s.TTL),
		Context:    challenge.Context{App: s.Context.App, Origin: s.Context.Origin, IP: s.Context.IP, Location: s.Context.Location},
		RADIUSAuth: s.RADIUSAuth, Decoy: s.Page,
	})
}

// pause waits in true time; false says that ctx ended it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
