package tenant_test

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/verifier/audit"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixture struct {
	*testing.T
	store store.Store
	audit *audit.Log
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	v, err := vault.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{T: t, store: s, audit: audit.New(audit.Config{Store: s, Vault: v, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})}
}

func (f *fixture) load(o tenant.Overrides) (s tenant.Settings) {
	f.Helper()
	err := f.store.View(f.Context(), func(tx store.Tx) (err error) {
		s, err = tenant.New(tenant.Config{Audit: f.audit, Overrides: o}).Load(tx)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func (f *fixture) change(o tenant.Overrides, change func(*tenant.Settings) error) error {
	return f.store.Update(f.Context(), func(tx store.Tx) error {
		return tenant.New(tenant.Config{Audit: f.audit, Overrides: o}).Update(tx, "alex", change)
	})
}

func (f *fixture) events() []audit.Record {
	f.Helper()
	var result audit.Result
	err := f.store.View(f.Context(), func(tx store.Tx) (err error) {
		result, err = f.audit.Query(tx, audit.Filter{}, audit.Page{})
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return result.Records
}

func TestSettingsAreKept(t *testing.T) {
	f := newFixture(t)
	if got := f.load(tenant.Overrides{}); got.NumberDigits != 2 || got.Rollout != policy.Enforced || !got.AllowApproveDeny || got.PasswordEnrolment || got.LegacyMobileAppNotification {
		t.Errorf("an untouched organisation has %+v", got)
	}
	err := f.change(tenant.Overrides{}, func(s *tenant.Settings) error {
		s.NumberDigits, s.AllowApproveDeny, s.Name = 6, false, "Contoso"
		s.Policy.State = policy.Disabled
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := f.load(tenant.Overrides{})
	if got.NumberDigits != 6 || got.AllowApproveDeny || got.Name != "Contoso" || got.Policy.State != policy.Disabled {
		t.Errorf("they read back as %+v", got)
	}
	if got.Tenant() != (policy.Tenant{Rollout: policy.Enforced}) {
		t.Errorf("the policy package sees %+v", got.Tenant())
	}
	events := f.events()
	detail := events[0].Detail
	hash := detail["policy_sha256"]
	delete(detail, "policy_sha256")
	if want := map[string]string{"number_digits": "6", "allow_approve_deny": "false", "name": "Contoso"}; len(events) != 1 ||
		events[0].Kind != audit.KindPolicyChanged || events[0].Actor != "alex" || len(hash) != 64 || !maps.Equal(detail, want) {
		t.Errorf("the audit log says %+v", events)
	}
	if err := f.change(tenant.Overrides{}, func(*tenant.Settings) error { return nil }); err != nil || len(f.events()) != 1 {
		t.Errorf("a change of nothing: %v, %d events", err, len(f.events()))
	}
}

func TestBadSettingsChangeNothing(t *testing.T) {
	f := newFixture(t)
	own := errors.New("own")
	for name, test := range map[string]struct {
		change func(*tenant.Settings) error
		want   error
	}{
		"no name":                {func(s *tenant.Settings) error { s.Name = " "; return nil }, tenant.ErrInvalid},
		"a long name":            {func(s *tenant.Settings) error { s.Name = strings.Repeat("x", 97); return nil }, tenant.ErrInvalid},
		"four digits":            {func(s *tenant.Settings) error { s.NumberDigits = 4; return nil }, tenant.ErrInvalid},
		"an unknown rollout":     {func(s *tenant.Settings) error { s.Rollout = "later"; return nil }, tenant.ErrInvalid},
		"a domain with an @":     {func(s *tenant.Settings) error { s.Domain = "a@b"; return nil }, tenant.ErrInvalid},
		"an error of the caller": {func(*tenant.Settings) error { return own }, own},
	} {
		if err := f.change(tenant.Overrides{}, test.change); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := f.load(tenant.Overrides{}); got.Name != tenant.Default().Name || len(f.events()) != 0 {
		t.Errorf("something was kept: %+v", got)
	}
}

func TestTheConfigurationFileStandsAbove(t *testing.T) {
	f := newFixture(t)
	digits, deny := 6, false
	fixed := tenant.Overrides{NumberDigits: &digits, AllowApproveDeny: &deny}
	if err := fixed.Check(); err != nil {
		t.Fatal(err)
	}
	if got := f.load(fixed); got.NumberDigits != 6 || got.AllowApproveDeny {
		t.Errorf("what the file fixes does not hold: %+v", got)
	}
	err := f.change(fixed, func(s *tenant.Settings) error { s.NumberDigits = 2; return nil })
	if !errors.Is(err, tenant.ErrOverridden) || !strings.Contains(err.Error(), "number_digits") {
		t.Errorf("changing what the file fixes gives %v", err)
	}
	if err := f.change(fixed, func(s *tenant.Settings) error { s.Name = "Contoso"; return nil }); err != nil {
		t.Fatal(err)
	}
	// Without the file's line, what was stored before is back.
	if got := f.load(tenant.Overrides{}); got.Name != "Contoso" || got.NumberDigits != 2 || !got.AllowApproveDeny {
		t.Errorf("the file's values were stored: %+v", got)
	}
	digits = 4
	if err := fixed.Check(); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a bad fixed value gives %v", err)
	}
}
