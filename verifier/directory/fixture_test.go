package directory_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/crypto/identity"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type fixture struct {
	testing.TB
	*directory.Directory
	store  store.Store
	audit  *audit.Log
	tenant *tenant.Tenant
	clock  *clock
	path   string
}

const domain = "contoso.example"

// newFixture makes a directory of the organisation contoso.example.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{TB: t, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, path: t.TempDir()}
	f.open()
	f.update(func(tx store.Tx) error {
		return f.tenant.Update(tx, "test", func(s *tenant.Settings) error { s.Domain = domain; return nil })
	})
	return f
}

func (f *fixture) open() {
	f.Helper()
	s, err := sqlite.Open(f.Context(), filepath.Join(f.path, "db"))
	f.must(err)
	v, err := vault.OpenFor(f.Context(), filepath.Join(f.path, "key"), s)
	f.must(err)
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	logger := slog.New(slog.DiscardHandler)
	f.store = s
	f.audit = audit.New(audit.Config{Store: s, Vault: v, Now: f.clock.Now, Logger: logger})
	f.tenant = tenant.New(tenant.Config{Audit: f.audit})
	f.Directory = directory.New(directory.Config{
		Store: s, Vault: v, Audit: f.audit, Tenant: f.tenant, Now: f.clock.Now, Logger: logger,
	})
}

// restart closes the store and opens it again, as after a crash or an update.
func (f *fixture) restart() {
	f.Helper()
	f.must(f.store.Close())
	f.open()
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) update(do func(store.Tx) error) {
	f.Helper()
	f.must(f.store.Update(f.Context(), do))
}

func (f *fixture) view(do func(store.Tx) error) {
	f.Helper()
	f.must(f.store.View(f.Context(), do))
}

// refused runs an update that must fail with want.
func (f *fixture) refused(what string, want error, do func(store.Tx) error) {
	f.Helper()
	if err := f.store.Update(f.Context(), do); !errors.Is(err, want) {
		f.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func (f *fixture) addUser(u directory.User) directory.User {
	f.Helper()
	f.update(func(tx store.Tx) (err error) {
		u, err = f.CreateUser(tx, u)
		return err
	})
	return u
}

func (f *fixture) find(name string) (u directory.User, err error) {
	err = f.store.View(context.Background(), func(tx store.Tx) (err error) {
		u, err = f.FindUser(tx, name)
		return err
	})
	return u, err
}

func newDevice(t *testing.T, user string) directory.Device {
	t.Helper()
	signing, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	encryption, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return directory.Device{
		ID: signing.Thumbprint(), User: user, Name: "Phone", Signing: signing.Public(), Encryption: encryption.Public(),
		Platform: policy.Android, FormFactor: policy.Phone, AppVersion: "1.0.0",
	}
}

// kinds gives the kinds of all audit events about a user, oldest first.
func (f *fixture) kinds(user string) []string {
	f.Helper()
	var kinds []string
	f.view(func(tx store.Tx) error {
		result, err := f.audit.Query(tx, audit.Filter{User: user}, audit.Page{})
		for _, record := range result.Records {
			kinds = append([]string{record.Kind}, kinds...)
		}
		return err
	})
	return kinds
}
