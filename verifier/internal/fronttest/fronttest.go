// Package fronttest gives the tests of front ends a real service to stand on:
// store, directory, policy, challenges and enrolments, with a clock that the
// test turns and devices without a relay.
package fronttest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/middleware"
	"countersign/verifier/policy"
	"countersign/verifier/rules"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// Clock is a time that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move turns the clock forward.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Post keeps what is sent to devices.
type Post struct {
	mu       sync.Mutex
	messages map[identity.Thumbprint][]message.Message
}

// Post implements challenge.Post.
func (p *Post) Post(_ identity.PublicKey, device identity.Thumbprint, m message.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages[device] = append(p.messages[device], m)
}

// Challenge is the last challenge that a device was sent, if any.
func (p *Post) Challenge(device identity.Thumbprint) (message.Challenge, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.messages[device]) - 1; i >= 0; i-- {
		if c, ok := p.messages[device][i].(message.Challenge); ok {
			return c, true
		}
	}
	return message.Challenge{}, false
}

// Notices are the kinds of the notices that a device was sent.
func (p *Post) Notices(device identity.Thumbprint) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kinds []string
	for _, m := range p.messages[device] {
		if n, ok := m.(message.Notice); ok {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

// Service is a verifier without its relay.
type Service struct {
	T          testing.TB
	Clock      *Clock
	Post       *Post
	Store      store.Store
	Vault      *vault.Vault
	Audit      *audit.Log
	Tenant     *tenant.Tenant
	Directory  *directory.Directory
	Rules      *rules.Rules
	Challenges *challenge.Service
	Enrolments *enrol.Service
	Middleware *middleware.Middleware
	Metrics    *prometheus.Registry
	Logger     *slog.Logger
	Issuer     identity.Thumbprint
}

// Password is every user's.
const Password = "correct horse battery"

// New makes a service in a folder of the test's.
func New(t testing.TB) *Service {
	t.Helper()
	s := &Service{
		T: t, Clock: &Clock{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)},
		Post:    &Post{messages: map[identity.Thumbprint][]message.Message{}},
		Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "countersign.db"))
	s.Check(err)
	t.Cleanup(func() { s.Check(db.Close()) })
	s.Store = db
	s.Vault, err = vault.New(make([]byte, 32))
	s.Check(err)
	signing, encryption := s.key(), s.key()
	s.Issuer = signing.Thumbprint()
	s.Audit = audit.New(audit.Config{Store: db, Vault: s.Vault, Now: s.Clock.Now, Logger: s.Logger})
	s.Tenant = tenant.New(tenant.Config{Audit: s.Audit})
	s.Directory = directory.New(directory.Config{Store: db, Vault: s.Vault, Audit: s.Audit, Tenant: s.Tenant, Now: s.Clock.Now, Logger: s.Logger})
	s.Rules = &rules.Rules{Store: db, Directory: s.Directory, Tenant: s.Tenant}
	s.Enrolments = enrol.New(enrol.Config{
		Store: db, Directory: s.Directory, Rules: s.Rules, Audit: s.Audit, Vault: s.Vault, Post: s.Post, Now: s.Clock.Now, Logger: s.Logger,
	})
	s.Challenges = challenge.New(challenge.Config{
		Store: db, Directory: s.Directory, Rules: s.Rules, Audit: s.Audit, Post: s.Post, Enrolment: s.Enrolments,
		Issuer: s.Issuer, Limits: challenge.DefaultLimits(), Now: s.Clock.Now, Logger: s.Logger, Metrics: s.Metrics,
	})
	s.Enrolments.Challenges = s.Challenges
	s.Middleware = middleware.New(middleware.Config{Now: s.Clock.Now, Logger: s.Logger, Metrics: s.Metrics})
	s.Update(func(tx store.Tx) error {
		return enrol.SetEndpoint(tx, enrol.Endpoint{Relay: "ws://127.0.0.1:8080/relay", Verifier: s.Issuer, Encryption: encryption.Public()})
	})
	return s
}

// Check ends the test if there is an error.
func (s *Service) Check(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Update runs f in a transaction.
func (s *Service) Update(f func(store.Tx) error) {
	s.T.Helper()
	s.Check(s.Store.Update(context.Background(), f))
}

// Settings changes the organisation's settings.
func (s *Service) Settings(f func(*tenant.Settings)) {
	s.T.Helper()
	s.Update(func(tx store.Tx) error {
		return s.Tenant.Update(tx, "test", func(set *tenant.Settings) error { f(set); return nil })
	})
}

func (s *Service) key() identity.PrivateKey {
	s.T.Helper()
	key, err := identity.Generate()
	s.Check(err)
	return key
}

// User adds a user whose password is Password.
func (s *Service) User(u directory.User) directory.User {
	s.T.Helper()
	hash, err := s.Directory.HashPassword(Password)
	s.Check(err)
	s.Update(func(tx store.Tx) (err error) {
		created, err := s.Directory.CreateUser(tx, u)
		if err != nil {
			return err
		}
		u.ID = created.ID
		return s.Directory.SetPasswordHash(tx, created.ID, hash)
	})
	return u
}

// Device enrols a device, without the enrolment: a phone of the current app.
func (s *Service) Device(user directory.User, change ...func(*directory.Device)) directory.Device {
	s.T.Helper()
	signing, encryption := s.key(), s.key()
	d := directory.Device{
		ID: signing.Thumbprint(), User: user.ID, Name: "Pixel", Signing: signing.Public(), Encryption: encryption.Public(),
		Platform: policy.Android, FormFactor: policy.Phone, AppVersion: "1.0.0", SeenAt: s.Clock.Now(),
	}
	for _, f := range change {
		f(&d)
	}
	s.Update(func(tx store.Tx) error { return s.Directory.AddDevice(tx, d) })
	return d
}

// TOTP registers a secret.
func (s *Service) TOTP(user directory.User, secret string) {
	s.T.Helper()
	s.Update(func(tx store.Tx) error { return s.Directory.RegisterTOTP(tx, user.ID, []byte(secret)) })
}

// Client adds a relying party and gives its key.
func (s *Service) Client(n directory.NewClient) (directory.Client, string) {
	s.T.Helper()
	var client directory.Client
	var key string
	s.Update(func(tx store.Tx) (err error) {
		client, key, err = s.Directory.AddClient(tx, n)
		return err
	})
	return client, key
}

// Answer answers the last challenge that a device was sent.
func (s *Service) Answer(d directory.Device, change func(*message.Answer)) {
	s.T.Helper()
	asked, ok := s.Post.Challenge(d.ID)
	if !ok {
		s.T.Fatal("the device was asked nothing")
	}
	answer := message.Answer{
		Claims:    message.NewClaims(d.ID, s.Issuer, s.Clock.Now(), message.Lifetime),
		Challenge: asked.ID, Decision: message.DecisionApprove, UserVerification: true,
		FormFactor: string(d.FormFactor), AppVersion: d.AppVersion,
	}
	change(&answer)
	s.Check(s.Challenges.Answer(context.Background(), d.ID, answer, "header.payload.signature"))
}

// Approve answers with a number.
func (s *Service) Approve(d directory.Device, number string) {
	s.T.Helper()
	s.Answer(d, func(a *message.Answer) { a.Number = number })
}
