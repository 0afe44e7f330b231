// Package verifiertest gives tests a verifier without a network: real store,
// directory, policy, challenges and enrolments on a temporary folder, a clock
// that stands until it is moved, and devices that answer by call.
package verifiertest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/rules"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// Fixture is a verifier for tests.
type Fixture struct {
	T          testing.TB
	Clock      *Clock
	Post       *Post
	Keys       identity.PrivateKey // the verifier's signing key
	Store      store.Store
	Vault      *vault.Vault
	Audit      *audit.Log
	Tenant     *tenant.Tenant
	Directory  *directory.Directory
	Rules      *rules.Rules
	Challenges *challenge.Service
	Enrolments *enrol.Service
	Web        directory.Client // a relying party of kind web, which is not stored
	Metrics    *prometheus.Registry
	Logger     *slog.Logger
}

// Epoch is where the clock stands at first.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// New makes a verifier with the design's limits.
func New(t testing.TB) *Fixture { return NewWith(t, challenge.DefaultLimits()) }

// NewWith makes a verifier with other limits.
func NewWith(t testing.TB, limits challenge.Limits) *Fixture {
	t.Helper()
	f := &Fixture{
		T: t, Clock: &Clock{now: Epoch}, Post: &Post{}, Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Web: directory.Client{ID: "web", Name: "Contoso Web", Kind: policy.KindWeb},
	}
	dir := t.TempDir()
	var err error
	f.Vault, err = vault.Open(filepath.Join(dir, "key"))
	f.ok(err)
	f.Store, err = sqlite.Open(t.Context(), filepath.Join(dir, "countersign.db"))
	f.ok(err)
	t.Cleanup(func() { f.ok(f.Store.Close()) })
	f.Keys, err = identity.Generate()
	f.ok(err)
	f.Audit = audit.New(audit.Config{Store: f.Store, Vault: f.Vault, Now: f.Clock.Now, Logger: f.Logger})
	f.Tenant = tenant.New(tenant.Config{Audit: f.Audit})
	f.Directory = directory.New(directory.Config{Store: f.Store, Vault: f.Vault, Audit: f.Audit, Tenant: f.Tenant, Now: f.Clock.Now, Logger: f.Logger})
	f.Rules = &rules.Rules{Store: f.Store, Directory: f.Directory, Tenant: f.Tenant}
	f.Enrolments = enrol.New(enrol.Config{
		Store: f.Store, Directory: f.Directory, Rules: f.Rules, Audit: f.Audit, Vault: f.Vault,
		Post: f.Post, Now: f.Clock.Now, Logger: f.Logger,
	})
	f.Challenges = challenge.New(challenge.Config{
		Store: f.Store, Directory: f.Directory, Rules: f.Rules, Audit: f.Audit, Post: f.Post, Enrolment: f.Enrolments,
		Issuer: f.Keys.Thumbprint(), Limits: limits, Now: f.Clock.Now, Logger: f.Logger, Metrics: f.Metrics,
	})
	f.Enrolments.Challenges = f.Challenges
	f.Update(func(tx store.Tx) error {
		return enrol.SetEndpoint(tx, enrol.Endpoint{
			Relay: "wss://relay.example/relay", Verifier: f.Keys.Thumbprint(), Encryption: f.Keys.Public(),
		})
	})
	return f
}

func (f *Fixture) ok(err error) {
	if err != nil {
		f.T.Helper()
		f.T.Fatal(err)
	}
}

// Update runs a transaction that must succeed.
func (f *Fixture) Update(do func(store.Tx) error) {
	f.T.Helper()
	f.ok(f.Store.Update(context.Background(), do))
}

// User adds a user with a name and no method.
func (f *Fixture) User(name string) directory.User {
	f.T.Helper()
	var u directory.User
	f.Update(func(tx store.Tx) (err error) {
		u, err = f.Directory.CreateUser(tx, directory.User{Name: name})
		return err
	})
	return u
}

// Device is an authenticator without an app: it holds keys and answers.
type Device struct {
	f          *Fixture
	Signing    identity.PrivateKey
	Encryption identity.PrivateKey
}

// NewDevice makes a device's keys.
func (f *Fixture) NewDevice() *Device {
	f.T.Helper()
	d := &Device{f: f}
	var err error
	d.Signing, err = identity.Generate()
	f.ok(err)
	d.Encryption, err = identity.Generate()
	f.ok(err)
	return d
}

// Enrolled adds a device to a user without asking: an up-to-date Android phone,
// changed by edit.
func (f *Fixture) Enrolled(user directory.User, edit ...func(*directory.Device)) *Device {
	f.T.Helper()
	d := f.NewDevice()
	record := directory.Device{
		ID: d.Signing.Thumbprint(), User: user.ID, Name: "phone of " + user.Name, Signing: d.Signing.Public(), Encryption: d.Encryption.Public(),
		Platform: policy.Android, FormFactor: policy.Phone, AppVersion: message.MinAppVersion,
	}
	for _, e := range edit {
		e(&record)
	}
	f.Update(func(tx store.Tx) error { return f.Directory.AddDevice(tx, record) })
	return d
}

// Answer builds the device's answer to a challenge: an approval with a number
// by an up-to-date phone, changed by edit.
func (d *Device) Answer(id, number string, edit ...func(*message.Answer)) message.Answer {
	a := message.Answer{
		Claims:    message.NewClaims(d.Signing.Thumbprint(), d.f.Keys.Thumbprint(), d.f.Clock.Now(), time.Minute),
		Challenge: id, Decision: message.DecisionApprove, Number: number,
		FormFactor: message.FormPhone, AppVersion: message.MinAppVersion,
	}
	for _, e := range edit {
		e(&a)
	}
	return a
}

// Send gives an answer to the verifier as if its envelope had been opened.
func (d *Device) Send(a message.Answer) error {
	return d.f.Challenges.Answer(context.Background(), d.Signing.Thumbprint(), a, "receipt."+a.ID)
}

// Last is the last message of type M that was posted to the device.
func Last[M message.Message](d *Device) (M, bool) {
	return LastTo[M](d.f.Post, d.Signing.Thumbprint())
}

// LastTo is the last message of type M that was posted to a device.
func LastTo[M message.Message](p *Post, device identity.Thumbprint) (last M, found bool) {
	for _, m := range p.To(device) {
		if typed, ok := m.(M); ok {
			last, found = typed, true
		}
	}
	return last, found
}

// Start starts a push for a user by the web client, changed by edit.
func (f *Fixture) Start(user string, edit ...func(*challenge.Request)) (challenge.Challenge, error) {
	req := challenge.Request{User: user, Client: f.Web, Context: challenge.Context{App: "Payroll", IP: "192.0.2.7", Location: "Bangkok, Thailand"}}
	for _, e := range edit {
		e(&req)
	}
	return f.Challenges.Start(context.Background(), req)
}

// MustStart is Start that must succeed.
func (f *Fixture) MustStart(user string, edit ...func(*challenge.Request)) challenge.Challenge {
	f.T.Helper()
	c, err := f.Start(user, edit...)
	f.ok(err)
	return c
}

// Get reads a challenge of the web client.
func (f *Fixture) Get(id string) challenge.Challenge {
	f.T.Helper()
	c, err := f.Challenges.Get(context.Background(), f.Web.ID, id, 0)
	f.ok(err)
	return c
}

// Clock stands until it is moved.
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

// Post keeps what would have been sent. It seals every message, so that one
// that does not fit its limits fails the test as it would fail in service.
type Post struct {
	mu   sync.Mutex
	sent map[identity.Thumbprint][]message.Message
}

// Post implements challenge.Post.
func (p *Post) Post(encryption identity.PublicKey, device identity.Thumbprint, m message.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == nil {
		p.sent = map[identity.Thumbprint][]message.Message{}
	}
	p.sent[device] = append(p.sent[device], m)
	signer, err := identity.Generate()
	if err != nil {
		panic(err)
	}
	sealed, err := message.Seal(m, signer, encryption)
	if err != nil {
		panic(err)
	}
	if len(sealed) > envelope.MaxSize {
		panic("a sealed message is too large")
	}
}

// To is what was posted to a device, oldest first.
func (p *Post) To(device identity.Thumbprint) []message.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]message.Message(nil), p.sent[device]...)
}
