package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/verifier/challenge"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// settingsView is the data of admin-settings.html.
type settingsView struct {
	Settings tenant.Settings
	Limits   challenge.Limits
	Fixed    []string // by the configuration file
	Version  string
	Error    string
	Saved    bool
	Manage   bool
}

// IsFixed tells whether the configuration file fixes a setting.
func (v settingsView) IsFixed(name string) bool { return slices.Contains(v.Fixed, name) }

// span is a duration for a template: so many of a unit, which is the key of its
// words.
type span struct {
	Unit string
	N    int64
}

// spanOf takes the largest unit in which the duration is a whole number.
func spanOf(d time.Duration) span {
	switch {
	case d%time.Hour == 0:
		return span{"wait.hours", int64(d / time.Hour)}
	case d%time.Minute == 0:
		return span{"wait.minutes", int64(d / time.Minute)}
	}
	return span{"wait.seconds", int64(d / time.Second)}
}

// Backoff gives the waits after unapproved starts.
func (v settingsView) Backoff() []span {
	waits := make([]span, len(v.Limits.Backoff))
	for i, wait := range v.Limits.Backoff {
		waits[i] = spanOf(wait)
	}
	return waits
}

// ReportBlock is for how long a reported source is blocked.
func (v settingsView) ReportBlock() span { return spanOf(v.Limits.ReportBlock) }

func (p *Portal) settings(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showSettings(w, r, who, http.StatusOK, settingsView{Saved: r.URL.Query().Has("saved")}, nil)
}

// showSettings draws the page; typed puts back what was refused.
func (p *Portal) showSettings(w http.ResponseWriter, r *http.Request, who admin, status int, v settingsView, typed func(*tenant.Settings)) error {
	v.Manage, v.Limits, v.Fixed = who.can(ManagePolicy), p.Limits, p.Tenant.Fixed()
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		v.Settings, err = p.Tenant.Load(tx)
		return err
	})
	if err != nil {
		return err
	}
	if v.Version, err = version(v.Settings); err != nil {
		return err
	}
	if typed != nil {
		typed(&v.Settings)
	}
	return p.view(w, r, who, status, "settings", "admin.settings", v)
}

// saveSettings is POST /admin/settings. What the configuration file fixes is
// not in the form, as browsers leave out fields that cannot be changed.
func (p *Portal) saveSettings(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	fixed := p.Tenant.Fixed()
	apply := func(s *tenant.Settings) {
		for name, set := range map[string]func(string){
			"name":    func(v string) { s.Name = strings.TrimSpace(v) },
			"domain":  func(v string) { s.Domain = strings.TrimSpace(v) },
			"rollout": func(v string) { s.Rollout = policy.Rollout(v) },
			// What is no number is 0, which the settings refuse in their words.
			"number_digits":                  func(v string) { s.NumberDigits, _ = strconv.Atoi(v) },
			"allow_approve_deny":             func(v string) { s.AllowApproveDeny = v == "on" },
			"legacy_mobile_app_notification": func(v string) { s.LegacyMobileAppNotification = v == "on" },
			"password_enrolment":             func(v string) { s.PasswordEnrolment = v == "on" },
		} {
			if !slices.Contains(fixed, name) || value(name) != "" {
				set(value(name))
			}
		}
	}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		return p.Tenant.Update(tx, who.user.ID, func(s *tenant.Settings) error {
			if err := unchanged(*s, value("version")); err != nil {
				return err
			}
			apply(s)
			return nil
		})
	})
	if status, words, ok := p.refusal(r, err); ok {
		return p.showSettings(w, r, who, status, settingsView{Error: words}, apply)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/settings?saved")
}
