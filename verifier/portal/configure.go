package portal

import (
	"net/http"
	"slices"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// configureView is the data of admin-configure.html: a target's ⋯ > Configure.
type configureView struct {
	Target  targetView
	Preview bool
	Version string
	Error   string
	Manage  bool
}

func (p *Portal) configure(w http.ResponseWriter, r *http.Request, who admin) error {
	q := r.URL.Query()
	target := policy.Target{Type: policy.TargetType(q.Get("type")), ID: q.Get("id")}
	return p.showConfigure(w, r, who, http.StatusOK, target, "", nil)
}

// showConfigure draws the page; typed puts back what was refused.
func (p *Portal) showConfigure(w http.ResponseWriter, r *http.Request, who admin, status int, target policy.Target, words string, typed func(*targetView)) error {
	v := configureView{Error: words, Manage: who.can(ManagePolicy)}
	err := p.Store.View(r.Context(), func(tx store.Tx) error {
		settings, err := p.Tenant.Load(tx)
		if err != nil {
			return err
		}
		v.Preview = settings.Rollout == policy.Preview
		if v.Version, err = version(settings.Policy); err != nil {
			return err
		}
		all, err := p.includes(tx, settings.Policy)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(t targetView) bool { return t.Target == target })
		if i < 0 {
			return directory.ErrUnknownGroup // removed meanwhile
		}
		v.Target = all[i]
		return nil
	})
	if err != nil {
		return err
	}
	if typed != nil {
		typed(&v.Target)
	}
	return p.view(w, r, who, status, "configure", "admin.configure", v)
}

// saveConfigure is POST …/configure: Done.
func (p *Portal) saveConfigure(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	wanted := targetView{
		Target:               policy.Target{Type: policy.TargetType(value("type")), ID: value("id")},
		Mode:                 policy.AuthenticationMode(value("mode")),
		RegistrationRequired: value("registration_required") == "on",
		NumberMatching:       policy.FeatureState(value("number_matching")),
		DisplayApp:           policy.FeatureState(value("display_app")),
		DisplayLocation:      policy.FeatureState(value("display_location")),
	}
	err = p.patchPolicy(r, who, value("version"), func(d policy.Document) (policy.Document, error) { return configured(d, wanted) })
	if status, words, ok := p.refusal(r, err); ok {
		return p.showConfigure(w, r, who, status, wanted.Target, words, func(t *targetView) {
			t.Mode, t.RegistrationRequired = wanted.Mode, wanted.RegistrationRequired
			t.NumberMatching, t.DisplayApp, t.DisplayLocation = wanted.NumberMatching, wanted.DisplayApp, wanted.DisplayLocation
		})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, methodPath+"?saved")
}

// configured patches one target. A feature's strings are sent only where one
// changes: the legacy shape cannot say all that the current one can, and what
// nobody touched must stay as it is.
func configured(d policy.Document, wanted targetView) (policy.Document, error) {
	targets, err := legacyTargets(d)
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(targets, func(t legacyTarget) bool { return t.Target == wanted.Target })
	if i < 0 {
		return d, errStale
	}
	number, app := targets[i].NumberMatching != wanted.NumberMatching, targets[i].DisplayApp != wanted.DisplayApp
	targets[i].AuthenticationMode, targets[i].RegistrationRequired = wanted.Mode, wanted.RegistrationRequired
	targets[i].NumberMatching, targets[i].DisplayApp = wanted.NumberMatching, wanted.DisplayApp
	for i := range targets {
		if !number {
			targets[i].NumberMatching = ""
		}
		if !app {
			targets[i].DisplayApp = ""
		}
	}
	location := locationState(d, wanted.Target) != wanted.DisplayLocation
	if d, err = patched(d, object{"includeTargets": targets}); err != nil || !location {
		return d, err
	}
	features := d.Features
	features.DisplayLocation.State = wanted.DisplayLocation
	if features.DisplayLocation.Include.ID != policy.AllUsers || wanted.DisplayLocation == policy.FeatureEnabled {
		features.DisplayLocation.Include = wanted.Target
	}
	return patched(d, object{"featureSettings": features})
}
