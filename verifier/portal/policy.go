package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// policyView is the data of admin-policy.html: Security > Authentication methods
// > Microsoft Authenticator > Configure.
type policyView struct {
	Document policy.Document
	// Several says that the document has targets that this form cannot show;
	// it then leaves them alone.
	Several bool
	Target  policy.IncludeTarget
	Groups  []directory.Group
	Preview bool
	Error   string
	Saved   bool
	Manage  bool
}

func (p *Portal) policy(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showPolicy(w, r, who, http.StatusOK, policyView{Saved: r.URL.Query().Has("saved")})
}

func (p *Portal) showPolicy(w http.ResponseWriter, r *http.Request, who admin, status int, v policyView) error {
	v.Manage = who.can(ManagePolicy)
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		settings, err := p.Tenant.Load(tx)
		if err != nil {
			return err
		}
		v.Document, v.Preview = settings.Policy, settings.Rollout == policy.Preview
		v.Groups, err = p.Directory.ListGroups(tx)
		return err
	})
	if err != nil {
		return err
	}
	if v.Several = len(v.Document.IncludeTargets) != 1; !v.Several {
		v.Target = v.Document.IncludeTargets[0]
	}
	return p.view(w, r, who, status, "policy", "admin.policy", v)
}

// object is a JSON object of the policy API.
type object map[string]any

// savePolicy is POST /admin/policy. It patches the document as the policy API
// would, so that both have one set of checks and of words.
func (p *Portal) savePolicy(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	feature := func(name string) object {
		return object{"state": value(name), "includeTarget": object{"targetType": "group", "id": targetID(value("feature_target"))}}
	}
	patch := object{
		"@odata.type":           policy.DocumentType,
		"state":                 value("state"),
		"isSoftwareOathEnabled": value("software_oath") == "on",
		"featureSettings": object{
			"displayAppInformationRequiredState":      feature("display_app"),
			"displayLocationInformationRequiredState": feature("display_location"),
			"numberMatchingRequiredState":             feature("number_matching"),
		},
	}
	if mode := value("mode"); mode != "" {
		patch["includeTargets"] = []object{{"targetType": "group", "id": targetID(value("target")), "authenticationMode": mode}}
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	err = p.Rules.Update(r.Context(), who.user.ID, func(d policy.Document) (policy.Document, error) {
		return d.Patch(policy.Beta, body)
	})
	var refused *policy.DocumentError
	if errors.As(err, &refused) {
		return p.showPolicy(w, r, who, http.StatusUnprocessableEntity, policyView{Error: refused.Message})
	}
	if words, ok := mistaken(err, tenant.ErrInvalid, tenant.ErrOverridden); ok {
		return p.showPolicy(w, r, who, http.StatusUnprocessableEntity, policyView{Error: words})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/policy?saved")
}

func targetID(value string) string {
	if value == "" {
		return policy.AllUsers
	}
	return value
}

// settingsView is the data of admin-settings.html.
type settingsView struct {
	Settings tenant.Settings
	Limits   challenge.Limits
	Error    string
	Saved    bool
	Manage   bool
}

// Backoff writes the waits after unapproved starts.
func (v settingsView) Backoff() string {
	waits := make([]string, len(v.Limits.Backoff))
	for i, wait := range v.Limits.Backoff {
		waits[i] = wait.String()
	}
	return strings.Join(waits, ", ")
}

func (p *Portal) settings(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showSettings(w, r, who, http.StatusOK, settingsView{Saved: r.URL.Query().Has("saved")})
}

func (p *Portal) showSettings(w http.ResponseWriter, r *http.Request, who admin, status int, v settingsView) error {
	v.Manage, v.Limits = who.can(ManagePolicy), p.Limits
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		v.Settings, err = p.Tenant.Load(tx)
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, status, "settings", "admin.settings", v)
}

func (p *Portal) saveSettings(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	digits, err := strconv.Atoi(value("number_digits"))
	if err != nil {
		digits = 0 // which the settings refuse, in their words
	}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		return p.Tenant.Update(tx, who.user.ID, func(s *tenant.Settings) error {
			s.Name, s.Domain = strings.TrimSpace(value("name")), strings.TrimSpace(value("domain"))
			s.Rollout, s.NumberDigits = policy.Rollout(value("rollout")), digits
			s.AllowApproveDeny = value("allow_approve_deny") == "on"
			s.LegacyMobileAppNotification = value("legacy") == "on"
			s.PasswordEnrolment = value("password_enrolment") == "on"
			return nil
		})
	})
	if words, ok := mistaken(err, tenant.ErrInvalid, tenant.ErrOverridden); ok {
		return p.showSettings(w, r, who, http.StatusUnprocessableEntity, settingsView{Error: words})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/settings?saved")
}

// whatIfView is the data of admin-whatif.html.
type whatIfView struct {
	Asked    func(string) string
	Decision *policy.Decision
	Event    string
	Error    string
}

// whatIf is GET /admin/what-if: what a sign-in would ask of its user. Nothing is
// stored, so the form is a query that can be kept and sent to others.
func (p *Portal) whatIf(w http.ResponseWriter, r *http.Request, who admin) error {
	q := r.URL.Query()
	v := whatIfView{Asked: q.Get}
	if !q.Has("kind") {
		return p.view(w, r, who, http.StatusOK, "whatif", "admin.what_if", v)
	}
	body, err := json.Marshal(whatIfInput(q.Get))
	if err != nil {
		return err
	}
	var settings tenant.Settings
	err = p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		settings, err = p.Tenant.Load(tx)
		return err
	})
	if err != nil {
		return err
	}
	in, err := settings.Tenant().ParseInput(body)
	if words, ok := mistaken(err, policy.ErrInput); ok {
		v.Error = words
		return p.view(w, r, who, http.StatusUnprocessableEntity, "whatif", "admin.what_if", v)
	}
	if err != nil {
		return err
	}
	decision := policy.Decide(in)
	if v.Decision = &decision; decision.Event != nil {
		v.Event = *decision.Event
	}
	return p.view(w, r, who, http.StatusOK, "whatif", "admin.what_if", v)
}

// whatIfInput writes the form as the input of POST /api/v1/policy/evaluate, of
// which it is the other door. What is not filled in is absent.
func whatIfInput(value func(string) string) object {
	in, client, device := object{}, object{"kind": value("kind")}, object{}
	put := func(to object, member, field string) {
		if s := value(field); s != "" {
			to[member] = s
		}
	}
	put(in, "scenario", "scenario")
	put(in, "method", "method")
	put(in, "rollout", "rollout")
	put(client, "version", "version")
	put(client, "os_build", "os_build")
	put(client, "override", "override")
	put(client, "radius_auth", "radius_auth")
	put(device, "form_factor", "form_factor")
	device["number_matching"] = value("old_app") != "on"
	user := object{"push": value("push") == "on", "totp": value("totp") == "on", "admin": value("admin") == "on"}
	put(user, "default", "default")
	in["client"], in["device"], in["user"] = client, device, user
	return in
}
