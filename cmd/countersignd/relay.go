package main

import (
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"countersign/crypto/identity"
	"countersign/relay"
)

// relayCmd runs a relay alone. It keeps no data.
type relayCmd struct {
	endpoint
	NATS     string   `name:"nats" help:"NATS servers that join several relays, with commas between them." placeholder:"URL"`
	Verifier []string `help:"Thumbprint of a verifier to serve; may be repeated." placeholder:"THUMBPRINT"`
	Open     bool     `help:"Serve any verifier."`
}

// Run serves until it is interrupted.
func (c relayCmd) Run(e *env) error {
	verifiers := make([]identity.Thumbprint, len(c.Verifier))
	for i, text := range c.Verifier {
		var err error
		if verifiers[i], err = identity.ParseThumbprint(text); err != nil {
			return usagef("--verifier %s: %w", text, err)
		}
	}
	if len(verifiers) == 0 && !c.Open {
		return usagef("say whom to serve: --verifier THUMBPRINT, or --open for any")
	}
	at, err := c.open(e.ctx, e.logger)
	if err != nil {
		return err
	}
	defer func() { _ = at.Close() }()
	metrics := newRegistry()
	cfg := relay.Config{
		URL: at.relayURL(), Verifiers: verifiers, Open: c.Open, ClientAddr: at.clientAddr,
		Logger: e.logger, Registerer: metrics, Now: time.Now,
	}
	if c.NATS != "" {
		if cfg.Link, err = relay.ConnectNATS(c.NATS, e.logger); err != nil {
			return err
		}
	}
	router, err := relay.New(cfg)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/relay", router)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
	group, ctx := errgroup.WithContext(e.ctx)
	group.Go(func() error { return router.Run(ctx) })
	group.Go(func() error { return at.serveHTTP(ctx, mux, e.logger) })
	e.logger.InfoContext(ctx, "serving", "listen", at.Addr().String(), "relay", cfg.URL)
	return group.Wait()
}
