package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"countersign/crypto/identity"
	"countersign/crypto/relayurl"
	"countersign/relay"
	"countersign/verifier"
	"countersign/verifier/adfs"
	"countersign/verifier/api"
	"countersign/verifier/directory"
	"countersign/verifier/graph"
	"countersign/verifier/middleware"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/portal"
	"countersign/verifier/session"
	"countersign/verifier/store"
	"countersign/verifier/web"
)

// serveCmd runs relay and verifier in one process.
type serveCmd struct {
	endpoint
	verifierFlags
	Demo bool `help:"Make a user to try it with, and print what to do."`
}

// verifierFlags are those of every process that has a verifier in it.
type verifierFlags struct {
	dataFlag
	RADIUS string `help:"Address of the RADIUS front end, such as 127.0.0.1:1812." placeholder:"ADDR"`
	Config string `help:"Configuration file (YAML)." type:"path" placeholder:"FILE"`
}

// verifierCmd runs a verifier whose relay is elsewhere: it needs outbound
// connections alone to reach its devices.
type verifierCmd struct {
	endpoint
	verifierFlags
	Relay string `help:"The relay's URL, such as wss://relay.example/relay." required:"" placeholder:"URL"`
}

// Run serves until it is interrupted.
func (c serveCmd) Run(e *env) error {
	return serve(e, c.endpoint, c.verifierFlags, "", c.Demo)
}

// Run serves until it is interrupted.
func (c verifierCmd) Run(e *env) error {
	if err := relayurl.Check(c.Relay); err != nil {
		return usagef("--relay: %w", err)
	}
	return serve(e, c.endpoint, c.verifierFlags, c.Relay, false)
}

// server is the assembly of one process.
type server struct {
	flags    verifierFlags
	out      io.Writer
	logger   *slog.Logger
	metrics  *prometheus.Registry
	listen   *listening
	data     *data
	verifier *verifier.Verifier
	relay    *relay.Server    // nil where the relay is elsewhere
	radius   *radiusFront     // nil without --radius
	web      directory.Client // the verifier's own pages, as a relying party
}

// serve runs the verifier, with a relay of its own unless it is given one.
func serve(e *env, at endpoint, flags verifierFlags, relayAt string, demo bool) (err error) {
	cfg, err := readConfig(flags.Config)
	if err != nil {
		return err
	}
	limits, err := cfg.limits()
	if err != nil {
		return err
	}
	s := &server{flags: flags, out: e.stdout, logger: e.logger, metrics: newRegistry(), web: ownPages()}
	if s.listen, err = at.open(e.ctx, e.logger); err != nil {
		return err
	}
	defer func() { _ = s.listen.Close() }()
	if s.data, err = openData(e.ctx, e, flags.Data); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.data.store.Close()) }()
	release, err := claim(flags.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	vc := verifier.Config{
		Store: s.data.store, Vault: s.data.vault, Relay: relayAt, Limits: limits, Overrides: cfg.overrides(),
		Now: time.Now, Logger: e.logger, Metrics: s.metrics,
	}
	if relayAt == "" {
		if s.relay, err = s.ownRelay(e.ctx); err != nil {
			return err
		}
		vc.Relay, vc.Pin, vc.NetDial = s.listen.relayURL(), s.listen.pin, s.relay.Dial
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(verifier.GCPercent)
	}
	if s.verifier, err = verifier.New(e.ctx, vc); err != nil {
		return err
	}
	if s.radius, err = s.openRADIUS(e.ctx, cfg.RADIUS); err != nil {
		return err
	}
	return s.run(e.ctx, demo)
}

// ownRelay is the relay in the same process: it serves this verifier alone.
func (s *server) ownRelay(ctx context.Context) (*relay.Server, error) {
	keys, err := verifier.LoadKeys(ctx, s.data.store, s.data.vault)
	if err != nil {
		return nil, err
	}
	return relay.New(relay.Config{
		URL: s.listen.relayURL(), Verifiers: []identity.Thumbprint{keys.Signing.Thumbprint()},
		ClientAddr: s.listen.clientAddr, Logger: s.logger, Registerer: s.metrics, Now: time.Now,
	})
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	// Every name begins with countersign, the runtime's as well.
	prometheus.WrapRegistererWithPrefix("countersign_", r).MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// ownPages is the verifier's own sign-in page as a relying party. It is not
// stored and has no key: nobody can speak in its name over the API.
func ownPages() directory.Client {
	return directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb}
}

func (s *server) run(ctx context.Context, demo bool) error {
	handler, err := s.handler()
	if err != nil {
		return err
	}
	err = s.verifier.Store.Update(ctx, func(tx store.Tx) error { return portal.SetPublicURL(tx, s.listen.url.String()) })
	if err != nil {
		return fmt.Errorf("writing where the portal is: %w", err)
	}
	if demo {
		if err := s.demo(ctx); err != nil {
			return fmt.Errorf("preparing the demo: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	if s.relay != nil {
		group.Go(func() error { return s.relay.Run(ctx) })
	}
	if s.radius != nil {
		group.Go(func() error { return s.radius.run(ctx) })
	}
	group.Go(func() error { return s.verifier.Run(ctx) })
	group.Go(func() error { return s.listen.serveHTTP(ctx, handler, s.logger) })
	s.logger.InfoContext(ctx, "serving", "listen", s.listen.Addr().String(), "url", s.listen.url.String())
	return group.Wait()
}

// handler is every route of the process.
func (s *server) handler() (http.Handler, error) {
	mux := http.NewServeMux()
	wrap := middleware.New(middleware.Config{
		Now: time.Now, Logger: s.logger, Metrics: s.metrics, HTTPS: s.listen.url.Scheme == "https",
	})
	v := s.verifier
	api.New(api.Config{
		Store: v.Store, Directory: v.Directory, Tenant: v.Tenant, Challenges: v.Challenges, Middleware: wrap,
		Broker: s.web, BehindProxy: s.listen.behind, Now: time.Now, Logger: s.logger,
	}).Mount(mux)
	adfs.New(adfs.Config{
		Store: v.Store, Directory: v.Directory, Challenges: v.Challenges, Middleware: wrap, Now: time.Now, Logger: s.logger,
	}).Mount(mux)
	policies := graph.New(graph.Config{
		Policies: v.Rules, Authorize: s.authorize, PublicURL: s.listen.url.String(), Now: time.Now, Logger: s.logger,
	})
	mux.Handle("/beta/", policies)
	mux.Handle("/v1.0/", policies)
	if err := s.mountPages(mux, wrap); err != nil {
		return nil, err
	}
	if s.relay != nil {
		mux.Handle("/relay", s.relay)
	}
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	return mux, nil
}

// mountPages puts the web pages on the routes that nothing else takes.
func (s *server) mountPages(mux *http.ServeMux, wrap *middleware.Middleware) error {
	pages, err := page.New(s.logger)
	if err != nil {
		return err
	}
	v := s.verifier
	sessions := session.New(session.Config{Store: v.Store, Audit: v.Audit, Now: time.Now, HTTPS: s.listen.url.Scheme == "https"})
	site, err := web.New(web.Config{
		Store: v.Store, Vault: s.data.vault, Directory: v.Directory, Tenant: v.Tenant, Challenges: v.Challenges, Enrolments: v.Enrolments,
		Sessions: sessions, Pages: pages, Middleware: wrap, Client: s.web, Connected: v.Connected, Revoke: v.RevokeDevice,
		PublicURL: s.listen.url.String(), BehindProxy: s.listen.behind, Now: time.Now, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	site.Mount(mux)
	admin, err := portal.New(portal.Config{
		Store: v.Store, Audit: v.Audit, Directory: v.Directory, Tenant: v.Tenant, Rules: v.Rules, Challenges: v.Challenges, Enrolments: v.Enrolments,
		Sessions: sessions, Pages: pages, Middleware: wrap, Vault: s.data.vault, Revoke: v.RevokeDevice, Limits: v.Challenges.Limits,
		PublicURL: s.listen.url.String(), Now: time.Now, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	admin.Mount(mux)
	return nil
}

// authorize tells the policy API whose a bearer token is.
func (s *server) authorize(ctx context.Context, bearer string) (actor string, caller graph.Caller, err error) {
	err = s.verifier.Store.View(ctx, func(tx store.Tx) error {
		actor, err = s.verifier.Directory.AdminByToken(tx, bearer)
		if err == nil {
			caller = graph.Admin
			return nil
		}
		if !errors.Is(err, directory.ErrUnknownToken) {
			return err
		}
		client, err := s.verifier.Directory.ClientByKey(tx, bearer)
		if err == nil {
			actor, caller = client.ID, graph.Client
			return nil
		}
		if errors.Is(err, directory.ErrUnknownClient) {
			actor, caller = "", graph.Nobody
			return nil
		}
		return err
	})
	return actor, caller, err
}

// health says that the process answers, and whether it reaches its relay.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !s.verifier.Connected() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "relay unreachable\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func databasePath(data string) string { return filepath.Join(data, "countersign.db") }
func keyPath(data string) string      { return filepath.Join(data, "key") }
