// Package verifier is the sign-in service of one organisation. This package
// puts its parts together and speaks with the devices; a sign-in flows
//
//	front end → policy → challenge → (envelope, relay, device, envelope) → challenge → front end
//
// The front ends (web, api, radius, adfs, graph) meet at challenge, directory
// and policy, and never know each other.
package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"countersign/crypto/identity"
	"countersign/transport"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/rules"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// GCPercent suits a process that runs a Verifier (runtime/debug.SetGCPercent). It
// keeps little and makes much garbage, most of it JOSE: at Go's default of 100 it
// would collect every few dozen sign-ins, and those that run meanwhile are slow.
const GCPercent = 800

// Config is what a Verifier is made of.
type Config struct {
	Store     store.Store
	Vault     *vault.Vault
	Relay     string                                  // the relay's public URL
	Pin       []byte                                  // optional SHA-256 of the relay's SPKI, for links and for dialling
	NetDial   func(context.Context) (net.Conn, error) // reaches a relay in the same process; nil dials Relay
	Limits    challenge.Limits
	Overrides tenant.Overrides
	Now       func() time.Time
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
}

// Verifier is the running service.
type Verifier struct {
	Store      store.Store
	Audit      *audit.Log
	Tenant     *tenant.Tenant
	Directory  *directory.Directory
	Rules      *rules.Rules
	Challenges *challenge.Service
	Enrolments *enrol.Service
	Post       challenge.Post // to the devices

	keys   Keys
	post   *post
	now    func() time.Time
	logger *slog.Logger
	taken  *prometheus.CounterVec
}

// New makes a Verifier on its store: it makes or reads the verifier's keys, and
// writes where devices find it.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	keys, err := LoadKeys(ctx, cfg.Store, cfg.Vault)
	if err != nil {
		return nil, err
	}
	v := &Verifier{
		Store: cfg.Store, keys: keys, now: cfg.Now, logger: cfg.Logger,
		taken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_messages_total", Help: "Messages from devices, by type and by why they were refused.",
		}, []string{"type", "refused"}),
	}
	cfg.Metrics.MustRegister(v.taken)
	if v.post, err = newPost(cfg, keys, v.receive); err != nil {
		return nil, err
	}
	v.Post = v.post
	v.Audit = audit.New(audit.Config{Store: cfg.Store, Vault: cfg.Vault, Now: cfg.Now, Logger: cfg.Logger})
	v.Tenant = tenant.New(tenant.Config{Audit: v.Audit, Overrides: cfg.Overrides})
	v.Directory = directory.New(directory.Config{Store: cfg.Store, Vault: cfg.Vault, Audit: v.Audit, Tenant: v.Tenant, Now: cfg.Now, Logger: cfg.Logger})
	v.Rules = &rules.Rules{Store: cfg.Store, Directory: v.Directory, Tenant: v.Tenant}
	v.Enrolments = enrol.New(enrol.Config{
		Store: cfg.Store, Directory: v.Directory, Rules: v.Rules, Audit: v.Audit, Vault: cfg.Vault,
		Post: v.post, Now: cfg.Now, Logger: cfg.Logger,
	})
	v.Challenges = challenge.New(challenge.Config{
		Store: cfg.Store, Directory: v.Directory, Rules: v.Rules, Audit: v.Audit, Post: v.post,
		Enrolment: v.Enrolments, Issuer: keys.Signing.Thumbprint(), Limits: cfg.Limits,
		Now: cfg.Now, Logger: cfg.Logger, Metrics: cfg.Metrics,
	})
	v.Enrolments.Challenges = v.Challenges
	err = cfg.Store.Update(ctx, func(tx store.Tx) error {
		return enrol.SetEndpoint(tx, enrol.Endpoint{
			Relay: cfg.Relay, Pin: cfg.Pin, Verifier: keys.Signing.Thumbprint(), Encryption: keys.Encryption.Public(),
		})
	})
	if err != nil {
		return nil, fmt.Errorf("verifier: writing where it is: %w", err)
	}
	return v, nil
}

// Run serves devices until ctx is done.
func (v *Verifier) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return v.Audit.Run(ctx) })
	group.Go(func() error { return v.Challenges.Run(ctx) })
	group.Go(func() error { return v.Enrolments.Run(ctx) })
	group.Go(func() error { return v.forgetRevoked(ctx) })
	group.Go(func() error { return v.askAgain(ctx) })
	group.Go(func() error { return v.post.run(ctx) })
	return group.Wait()
}

// askAgain sends what is pending once more when the relay is reachable again:
// what was started meanwhile went nowhere, and devices that stayed connected to
// the relay have no reason to ask for it.
func (v *Verifier) askAgain(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-v.post.back:
		}
		if err := v.Challenges.AskAgain(ctx); err != nil && ctx.Err() == nil {
			v.logger.ErrorContext(ctx, "asking again for what is pending", "error", err)
		}
	}
}

// Connected reports whether the relay is reachable, so that a sign-in page can
// tell its user why no prompt will come.
func (v *Verifier) Connected() bool { return v.post.connected.Load() }

// Keys are the verifier's identity: every device pins the thumbprint of the
// first and seals to the second.
type Keys struct {
	Signing, Encryption identity.PrivateKey
}

var sealedKeys = store.NewBucket[[]byte]("verifier_key")

// LoadKeys reads the verifier's keys, and makes them once.
func LoadKeys(ctx context.Context, s store.Store, v *vault.Vault) (Keys, error) {
	var keys Keys
	err := s.Update(ctx, func(tx store.Tx) error {
		for name, key := range map[string]*identity.PrivateKey{"signing": &keys.Signing, "encryption": &keys.Encryption} {
			if err := loadKey(tx, v, name, key); err != nil {
				return fmt.Errorf("verifier: its %s key: %w", name, err)
			}
		}
		return nil
	})
	return keys, err
}

func loadKey(tx store.Tx, v *vault.Vault, name string, key *identity.PrivateKey) error {
	label := "verifier_key/" + name
	sealed, err := sealedKeys.Get(tx, name)
	if err == nil {
		der, err := v.Open(label, sealed)
		if err != nil {
			return err
		}
		*key, err = identity.ParsePrivateKey(der)
		return err
	}
	// Any error but "there is none" must not make a new key: every device would
	// be lost.
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if *key, err = identity.Generate(); err != nil {
		return err
	}
	der, err := key.Marshal()
	if err != nil {
		return err
	}
	if sealed, err = v.Seal(label, der); err != nil {
		return err
	}
	return sealedKeys.Put(tx, name, sealed)
}

var _ challenge.Post = (*post)(nil)

func transportConfig(cfg Config, keys Keys, receive func(context.Context, identity.Thumbprint, string), connected func(bool, error)) transport.Config {
	return transport.Config{
		URL: cfg.Relay, Key: keys.Signing, Role: transport.RoleVerifier, Pin: cfg.Pin, NetDial: cfg.NetDial,
		Receive: receive, AtOnce: mailAtOnce, Connected: connected, Logger: cfg.Logger, Now: cfg.Now,
	}
}
