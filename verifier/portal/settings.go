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

// Backoff writes the waits after unapproved starts.
func (v settingsView) Backoff() string {
	waits := make([]string, len(v.Limits.Backoff))
	for i, wait := range v.Limits.Backoff {
		waits[i] = brief(wait)
	}
	return strings.Join(waits, ", ")
}

// brief writes a duration without the zeroes at its end: 1m, not 1m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// ReportBlock writes for how long a reported source is blocked.
func (v settingsView) ReportBlock() string { return brief(v.Limits.ReportBlock) }

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
