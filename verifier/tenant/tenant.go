// Package tenant holds the organisation's settings: what an administrator may
// change for everybody at once.
//
// They live in the store, so that every process on the same data follows them
// from its next transaction on. The operator's configuration file stands above
// them: what it sets holds, and an administrator who tries to change it is told
// where it is set.
package tenant

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"countersign/verifier/audit"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// What Update refuses, for errors.Is.
var (
	// ErrInvalid says that a setting has a value that it cannot have.
	ErrInvalid = errors.New("tenant: invalid setting")
	// ErrOverridden says that the configuration file fixes the setting.
	ErrOverridden = errors.New("tenant: the configuration file sets this")
)

// Settings are the organisation's.
type Settings struct {
	// Name is the organisation's name, as the app and the pages show it.
	Name string `json:"name"`
	// Domain is what follows the @ in its users' names; empty where they have
	// bare names.
	Domain string `json:"domain"`
	// Rollout is the state of number matching: enforced, or the preview of
	// 2021 for testing.
	Rollout policy.Rollout `json:"rollout"`
	// AllowApproveDeny lets the kinds of client that cannot show a number ask
	// for Approve/Deny; false refuses them.
	AllowApproveDeny bool `json:"allow_approve_deny"`
	// NumberDigits is the length of the number to match: 2, or 6 as NIST SP
	// 800-63B-4 §3.1.3.2 wants it.
	NumberDigits int `json:"number_digits"`
	// LegacyMobileAppNotification is the tenant-wide legacy setting
	// "notification through mobile app", which gives push to users outside the
	// methods policy.
	LegacyMobileAppNotification bool `json:"legacy_mobile_app_notification"`
	// Policy is the methods policy of the Microsoft Authenticator method, as the
	// policy API patches and shows it.
	Policy policy.Document `json:"policy"`
	// PasswordEnrolment lets a user without any method add the first one by the
	// password alone, instead of by an administrator's link.
	PasswordEnrolment bool `json:"password_enrolment"`
}

// Default is an organisation that has changed nothing.
func Default() Settings {
	return Settings{
		Name:             "Countersign",
		Rollout:          policy.Enforced,
		AllowApproveDeny: true,
		NumberDigits:     2,
		Policy:           policy.Default(),
	}
}

// Tenant gives the policy package its view of the settings.
func (s Settings) Tenant() policy.Tenant {
	return policy.Tenant{Rollout: s.Rollout, AllowApproveDeny: s.AllowApproveDeny}
}

const maxName = 96 // octets: what a message can carry of an organisation's name

func (s Settings) check() error {
	switch {
	case strings.TrimSpace(s.Name) == "" || len(s.Name) > maxName || !utf8.ValidString(s.Name):
		return words.Refuse(ErrInvalid, "refused.setting_name", "most", maxName)
	case s.Rollout != policy.Enforced && s.Rollout != policy.Preview:
		return words.Refuse(ErrInvalid, "refused.setting_rollout", "one", policy.Enforced, "other", policy.Preview)
	case s.NumberDigits != 2 && s.NumberDigits != 6:
		return words.Refuse(ErrInvalid, "refused.setting_digits")
	case len(s.Domain) > 253 || strings.ContainsAny(s.Domain, "@ \t\r\n"):
		return words.Refuse(ErrInvalid, "refused.setting_domain")
	}
	return nil
}

// Overrides are the settings that the configuration file fixes; nil leaves a
// setting to the administrators.
type Overrides struct {
	Name                        *string
	Domain                      *string
	Rollout                     *policy.Rollout
	AllowApproveDeny            *bool
	NumberDigits                *int
	LegacyMobileAppNotification *bool
	PasswordEnrolment           *bool
}

// apply puts what is fixed over the settings, and names what that changed.
func (o Overrides) apply(s *Settings) (changed []string) {
	override(&changed, "name", o.Name, &s.Name)
	override(&changed, "domain", o.Domain, &s.Domain)
	override(&changed, "rollout", o.Rollout, &s.Rollout)
	override(&changed, "allow_approve_deny", o.AllowApproveDeny, &s.AllowApproveDeny)
	override(&changed, "number_digits", o.NumberDigits, &s.NumberDigits)
	override(&changed, "legacy_mobile_app_notification", o.LegacyMobileAppNotification, &s.LegacyMobileAppNotification)
	override(&changed, "password_enrolment", o.PasswordEnrolment, &s.PasswordEnrolment)
	return changed
}

func override[T comparable](changed *[]string, name string, fixed, setting *T) {
	if fixed != nil && *setting != *fixed {
		*setting = *fixed
		*changed = append(*changed, name)
	}
}

// keep leaves under what is fixed the value that was stored, so that it comes
// back when the configuration file no longer fixes it.
func (o Overrides) keep(stored Settings, s *Settings) {
	keep(o.Name, stored.Name, &s.Name)
	keep(o.Domain, stored.Domain, &s.Domain)
	keep(o.Rollout, stored.Rollout, &s.Rollout)
	keep(o.AllowApproveDeny, stored.AllowApproveDeny, &s.AllowApproveDeny)
	keep(o.NumberDigits, stored.NumberDigits, &s.NumberDigits)
	keep(o.LegacyMobileAppNotification, stored.LegacyMobileAppNotification, &s.LegacyMobileAppNotification)
	keep(o.PasswordEnrolment, stored.PasswordEnrolment, &s.PasswordEnrolment)
}

func keep[T any](fixed *T, stored T, setting *T) {
	if fixed != nil {
		*setting = stored
	}
}

// Check tells whether every fixed value is one that the setting can have.
func (o Overrides) Check() error {
	s := Default()
	o.apply(&s)
	return s.check()
}

// Config is what New needs.
type Config struct {
	Audit     *audit.Log
	Overrides Overrides
}

// Tenant reads and changes the settings. It is safe for use by several
// goroutines; its state is the store's.
type Tenant struct {
	audit     *audit.Log
	overrides Overrides
	settings  store.Bucket[Settings]
}

// New makes a Tenant.
func New(cfg Config) *Tenant {
	return &Tenant{audit: cfg.Audit, overrides: cfg.Overrides, settings: store.NewBucket[Settings]("tenant")}
}

const keySettings = "settings"

// Load gives the settings that hold now.
func (t *Tenant) Load(tx store.Tx) (Settings, error) {
	s, err := t.stored(tx)
	if err != nil {
		return Settings{}, err
	}
	t.overrides.apply(&s)
	return s, nil
}

func (t *Tenant) stored(tx store.Tx) (Settings, error) {
	s, err := t.settings.Get(tx, keySettings)
	if errors.Is(err, store.ErrNotFound) {
		return Default(), nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("tenant: reading the settings: %w", err)
	}
	return s, nil
}

// Update lets f change the settings that hold now, stores them and writes what
// changed to the audit log, with the actor's name.
func (t *Tenant) Update(tx store.Tx, actor string, f func(*Settings) error) error {
	stored, err := t.stored(tx)
	if err != nil {
		return err
	}
	before := stored
	t.overrides.apply(&before)
	after := before
	if err := f(&after); err != nil {
		return err
	}
	if err := after.check(); err != nil {
		return err
	}
	fixed := after
	if changed := t.overrides.apply(&fixed); len(changed) > 0 {
		return words.Refuse(ErrOverridden, "refused.setting_fixed", "names", strings.Join(changed, ", "))
	}
	e, changed, err := difference(before, after)
	if err != nil || !changed {
		return err
	}
	e.Actor = actor
	t.overrides.keep(stored, &after)
	if err := t.settings.Put(tx, keySettings, after); err != nil {
		return err
	}
	return t.audit.Append(tx, e)
}

// difference says what changed, for the audit log: each setting's new value,
// and of the policy, which may be long, its hash.
func difference(before, after Settings) (e audit.Event, changed bool, err error) {
	was, err := json.Marshal(before.Policy, json.Deterministic(true))
	if err != nil {
		return e, false, fmt.Errorf("tenant: writing the policy: %w", err)
	}
	is, err := json.Marshal(after.Policy, json.Deterministic(true))
	if err != nil {
		return e, false, fmt.Errorf("tenant: writing the policy: %w", err)
	}
	values, old := after.values(), before.values()
	maps.DeleteFunc(values, func(name, value string) bool { return old[name] == value })
	e = audit.Event{Kind: audit.KindTenantChanged, Detail: values}
	if !bytes.Equal(was, is) {
		e.Kind = audit.KindPolicyChanged
		values["policy_sha256"] = fmt.Sprintf("%x", sha256.Sum256(is))
	}
	return e, len(values) > 0, nil
}

func (s Settings) values() map[string]string {
	return map[string]string{
		"name":                           s.Name,
		"domain":                         s.Domain,
		"rollout":                        string(s.Rollout),
		"allow_approve_deny":             fmt.Sprint(s.AllowApproveDeny),
		"number_digits":                  fmt.Sprint(s.NumberDigits),
		"legacy_mobile_app_notification": fmt.Sprint(s.LegacyMobileAppNotification),
		"password_enrolment":             fmt.Sprint(s.PasswordEnrolment),
	}
}
