package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// The pages of Security > Authentication methods > Microsoft Authenticator: the
// method's state and targets, and for each target its Configure page. They patch
// the document as the policy API would, so that both have one set of checks and
// of words.

const methodPath = "/admin/security/authentication-methods/microsoft-authenticator"

// object is a JSON object of the policy API.
type object map[string]any

// targetView is a target with the name that people know it by.
type targetView struct {
	policy.Target
	Name string // empty for all users, and for one that is no more
	Gone bool   // there is no such user or group any more
	Mode policy.AuthenticationMode
	// RegistrationRequired and the states below are an include target's.
	RegistrationRequired                        bool
	NumberMatching, DisplayApp, DisplayLocation policy.FeatureState
}

// Everyone reports whether the target is all users.
func (t targetView) Everyone() bool { return t.ID == policy.AllUsers }

// Configure is the address of the target's Configure page.
func (t targetView) Configure() string {
	return methodPath + "/configure?" + url.Values{"type": {string(t.Type)}, "id": {t.ID}}.Encode()
}

// methodView is the data of admin-method.html.
type methodView struct {
	Document           policy.Document
	Includes, Excludes []targetView
	Preview            bool
	Version            string
	Error              string
	Typed              string // the name of a target that was refused
	Manage, Saved      bool
}

// methods is GET /admin/security/authentication-methods.
func (p *Portal) methods(w http.ResponseWriter, r *http.Request, who admin) error {
	var v methodView
	if err := p.readMethod(r, &v); err != nil {
		return err
	}
	return p.view(w, r, who, http.StatusOK, "methods", "admin.policy", v)
}

func (p *Portal) method(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showMethod(w, r, who, http.StatusOK, methodView{Saved: r.URL.Query().Has("saved")})
}

func (p *Portal) showMethod(w http.ResponseWriter, r *http.Request, who admin, status int, v methodView) error {
	v.Manage = who.can(ManagePolicy)
	if err := p.readMethod(r, &v); err != nil {
		return err
	}
	return p.view(w, r, who, status, "method", "admin.authenticator", v)
}

func (p *Portal) readMethod(r *http.Request, v *methodView) error {
	return p.Store.View(r.Context(), func(tx store.Tx) error {
		settings, err := p.Tenant.Load(tx)
		if err != nil {
			return err
		}
		v.Document, v.Preview = settings.Policy, settings.Rollout == policy.Preview
		if v.Version, err = version(v.Document); err != nil {
			return err
		}
		if v.Includes, err = p.includes(tx, v.Document); err != nil {
			return err
		}
		v.Excludes = make([]targetView, len(v.Document.ExcludeTargets))
		for i, t := range v.Document.ExcludeTargets {
			if v.Excludes[i], err = p.nameTarget(tx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// legacyTargets reads the policy's include targets as the legacy shape of the
// API shows them: with a string per feature.
func legacyTargets(d policy.Document) ([]legacyTarget, error) {
	text, err := d.JSON(policy.Beta, "", "includeTargets")
	if err != nil {
		return nil, err
	}
	var shown struct {
		Targets []legacyTarget `json:"includeTargets"`
	}
	return shown.Targets, json.Unmarshal(text, &shown)
}

type legacyTarget struct {
	policy.IncludeTarget
	DisplayApp     policy.FeatureState `json:"displayAppInformationRequiredState,omitzero"`
	NumberMatching policy.FeatureState `json:"numberMatchingRequiredState,omitzero"`
}

func (p *Portal) includes(tx store.Tx, d policy.Document) ([]targetView, error) {
	targets, err := legacyTargets(d)
	if err != nil {
		return nil, err
	}
	views := make([]targetView, len(targets))
	for i, t := range targets {
		if views[i], err = p.nameTarget(tx, t.Target); err != nil {
			return nil, err
		}
		views[i].Mode, views[i].RegistrationRequired = t.AuthenticationMode, t.RegistrationRequired
		views[i].NumberMatching, views[i].DisplayApp = t.NumberMatching, t.DisplayApp
		views[i].DisplayLocation = locationState(d, t.Target)
	}
	return views, nil
}

// locationState is what the legacy shape would say of the location, which it
// does not have.
func locationState(d policy.Document, t policy.Target) policy.FeatureState {
	if f := d.Features.DisplayLocation; f.Include == t || f.Include.ID == policy.AllUsers {
		return f.State
	}
	return policy.FeatureDefault
}

func (p *Portal) nameTarget(tx store.Tx, t policy.Target) (targetView, error) {
	v := targetView{Target: t}
	if t.ID == policy.AllUsers {
		return v, nil
	}
	var err error
	if t.Type == policy.TargetUser {
		var u directory.User
		u, err = p.Directory.UserByID(tx, t.ID)
		v.Name = u.Name
	} else {
		var g directory.Group
		g, err = p.Directory.GroupByID(tx, t.ID)
		v.Name = g.Name
	}
	if unknown(err) {
		v.Gone, err = true, nil
	}
	return v, err
}

// findTarget finds who is meant by the fields of an added target.
func (p *Portal) findTarget(tx store.Tx, kind, name string) (policy.Target, error) {
	switch kind {
	case "all":
		return policy.Target{Type: policy.TargetGroup, ID: policy.AllUsers}, nil
	case string(policy.TargetUser):
		u, err := p.Directory.FindUser(tx, name)
		if errors.Is(err, directory.ErrUnknownUser) {
			err = mistake("refused.no_user", "name", name)
		}
		return policy.Target{Type: policy.TargetUser, ID: u.ID}, err
	case string(policy.TargetGroup):
		g, err := p.Directory.FindGroup(tx, name)
		if errors.Is(err, directory.ErrUnknownGroup) {
			err = mistake("refused.no_group", "name", name)
		}
		return policy.Target{Type: policy.TargetGroup, ID: g.ID}, err
	}
	return policy.Target{}, mistake("refused.target_kind")
}

// patchPolicy changes the document by a patch in the API's words, made of the
// document as it is, if that still is the one that the form was drawn of.
func (p *Portal) patchPolicy(r *http.Request, who admin, drawn string, change func(policy.Document) (policy.Document, error)) error {
	return p.Rules.Update(r.Context(), who.user.ID, func(d policy.Document) (policy.Document, error) {
		if err := unchanged(d, drawn); err != nil {
			return d, err
		}
		return change(d)
	})
}

func patched(d policy.Document, patch object) (policy.Document, error) {
	patch["@odata.type"] = policy.DocumentType
	body, err := json.Marshal(patch)
	if err != nil {
		return d, err
	}
	return d.Patch(policy.Beta, body)
}

// saveMethod is POST …/microsoft-authenticator: Enable, and codes of the app.
func (p *Portal) saveMethod(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	err = p.patchPolicy(r, who, value("version"), func(d policy.Document) (policy.Document, error) {
		return patched(d, object{"state": value("state"), "isSoftwareOathEnabled": value("software_oath") == "on"})
	})
	return p.methodSaved(w, r, who, err, "")
}

// methodSaved goes back to the method's page, or says what was refused.
func (p *Portal) methodSaved(w http.ResponseWriter, r *http.Request, who admin, err error, typed string) error {
	if status, words, ok := p.refusal(r, err); ok {
		return p.showMethod(w, r, who, status, methodView{Error: words, Typed: typed})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, methodPath+"?saved")
}

// addTarget is POST …/targets/add: one more target, included or excluded.
func (p *Portal) addTarget(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	var target policy.Target
	err = p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		target, err = p.findTarget(tx, value("target_type"), value("target"))
		return err
	})
	if err == nil {
		err = p.patchPolicy(r, who, value("version"), func(d policy.Document) (policy.Document, error) {
			if value("list") == "exclude" {
				return patched(d, object{"excludeTargets": append(slices.Clone(d.ExcludeTargets), target)})
			}
			include := policy.IncludeTarget{Target: target, AuthenticationMode: policy.ModeAny}
			return patched(d, object{"includeTargets": append(slices.Clone(d.IncludeTargets), include)})
		})
	}
	return p.methodSaved(w, r, who, err, value("target"))
}

// removeTarget is POST …/targets/remove.
func (p *Portal) removeTarget(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	target := policy.Target{Type: policy.TargetType(value("type")), ID: value("id")}
	err = p.patchPolicy(r, who, value("version"), func(d policy.Document) (policy.Document, error) {
		if value("list") == "exclude" {
			is := func(t policy.Target) bool { return t == target }
			return patched(d, object{"excludeTargets": slices.DeleteFunc(slices.Clone(d.ExcludeTargets), is)})
		}
		is := func(t policy.IncludeTarget) bool { return t.Target == target }
		return patched(d, object{"includeTargets": slices.DeleteFunc(slices.Clone(d.IncludeTargets), is)})
	})
	return p.methodSaved(w, r, who, err, "")
}

// resetMethod is POST …/reset: the policy of an organisation that has changed
// nothing, as DELETE of the policy API gives.
func (p *Portal) resetMethod(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	err = p.patchPolicy(r, who, value("version"), func(policy.Document) (policy.Document, error) { return policy.Default(), nil })
	return p.methodSaved(w, r, who, err, "")
}
