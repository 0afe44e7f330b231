package portal_test

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

func (s *site) document() policy.Document {
	s.t.Helper()
	d, err := s.Rules.Load(s.t.Context())
	s.Check(err)
	return d
}

// group adds a group and gives its id.
func (s *site) group(name string) string {
	s.t.Helper()
	var g directory.Group
	s.Update(func(tx store.Tx) (err error) {
		g, err = s.Directory.CreateGroup(tx, directory.Group{Name: name})
		return err
	})
	return g.ID
}

func (s *site) addTarget(list, kind, name string) shown {
	s.t.Helper()
	return s.save(methodPath, methodPath+"/targets/add", "list", list, "target_type", kind, "target", name)
}

const allUsers = methodPath + "/configure?id=all_users&type=group"

func TestTheWayToConfigure(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.get("/admin").has(`href="/admin/security/authentication-methods"`)
	s.get("/admin/security/authentication-methods").want(http.StatusOK, "admin-methods").has(`href="` + methodPath + `"`)
	s.get(methodPath).want(http.StatusOK, "admin-method").has(html.EscapeString(allUsers))
	s.get(allUsers).want(http.StatusOK, "admin-configure").has("Authentication mode", "Require number matching", "Done", `id="always-on"`)
	s.Settings(func(set *tenant.Settings) { set.Rollout = policy.Preview })
	s.get(allUsers).lacks(`id="always-on"`)
}

func TestConfiguringATarget(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	done := func(pairs ...string) shown {
		return s.save(allUsers, methodPath+"/configure", append(pairs, "type", "group", "id", "all_users")...)
	}
	done("mode", "push", "number_matching", "enabled", "display_app", "disabled", "display_location", "disabled", "registration_required", "on").
		want(http.StatusOK, "admin-method").has(`id="notice"`)
	d := s.document()
	if target := d.IncludeTargets[0]; target.AuthenticationMode != policy.ModePush || !target.RegistrationRequired ||
		d.Features.NumberMatching.State != policy.FeatureEnabled || d.Features.DisplayApp.State != policy.FeatureDisabled ||
		d.Features.DisplayLocation.State != policy.FeatureDisabled {
		t.Errorf("%+v", d)
	}
	s.get(allUsers).has(`<option value="push" selected`, `<option value="enabled" selected`)
	// What is refused is stored nowhere, and stays in the form.
	done("mode", "telepathy", "number_matching", "disabled", "display_app", "disabled", "display_location", "disabled").
		want(http.StatusUnprocessableEntity, "admin-configure").has(`id="error"`, "telepathy", `<option value="disabled" selected`)
	if after := s.document(); after.IncludeTargets[0] != d.IncludeTargets[0] || after.Features != d.Features {
		t.Errorf("stored: %+v", after)
	}
}

// What the legacy shape cannot say survives a visit that does not touch it.
func TestConfiguringLeavesAloneWhatItDoesNotShow(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	body := `{"@odata.type":"` + policy.DocumentType + `","featureSettings":{"numberMatchingRequiredState":{"state":"enabled","includeTarget":{"targetType":"role","id":"r1"}}}}`
	s.Check(s.Rules.Update(t.Context(), "test", func(d policy.Document) (policy.Document, error) { return d.Patch(policy.Beta, []byte(body)) }))
	before := s.document().Features
	s.save(allUsers, methodPath+"/configure", "type", "group", "id", "all_users", "mode", "push", "number_matching", "default", "display_app", "default", "display_location", "default").
		want(http.StatusOK, "admin-method")
	if after := s.document(); after.Features != before || after.IncludeTargets[0].AuthenticationMode != policy.ModePush {
		t.Errorf("%+v", after)
	}
}

func TestTargets(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	pilot, second := s.group("Pilot"), s.group("Second")
	s.addTarget("include", "group", "Pilot").want(http.StatusOK, "admin-method").has(">Pilot", `data-target="`+pilot+`"`)
	s.addTarget("include", "user", "zoe").want(http.StatusOK, "admin-method").has(`data-target="` + zoe.ID + `"`)
	s.addTarget("include", "user", "zoe").want(http.StatusUnprocessableEntity, "admin-method").has("given twice")
	s.addTarget("include", "user", "nobody").want(http.StatusUnprocessableEntity, "admin-method").has("nobody", `id="error"`)
	s.addTarget("include", "sect", "Pilot").want(http.StatusUnprocessableEntity, "admin-method").has(`id="error"`)
	s.addTarget("exclude", "group", "Second").want(http.StatusOK, "admin-method").has(`data-testid="excluded" data-target="` + second + `"`)
	if d := s.document(); len(d.IncludeTargets) != 3 || len(d.ExcludeTargets) != 1 {
		t.Errorf("%+v", d)
	}
	// Number matching for two targets at once: the words are the policy API's.
	enable := func(kind, id string) shown {
		page := methodPath + "/configure?type=" + kind + "&id=" + id
		return s.save(page, methodPath+"/configure", "type", kind, "id", id, "mode", "any", "number_matching", "enabled", "display_app", "default", "display_location", "default")
	}
	enable("group", pilot).want(http.StatusOK, "admin-method")
	//nolint:misspell // the misspelling is the interface
	enable("user", zoe.ID).want(http.StatusUnprocessableEntity, "admin-configure").has(html.EscapeString(
		"Persistance of policy failed with error: You cannot enable multiple targets for feature 'Require Number Matching'. " +
			"Choose only one of the following includeTargets to enable: " + pilot + "," + zoe.ID + "."))
	// A group that is removed stays a target, and says so.
	s.Update(func(tx store.Tx) error { return s.Directory.DeleteGroup(tx, pilot) })
	s.get(methodPath).has("Removed (" + pilot + ")")
	for _, target := range []struct{ list, kind, id string }{{"include", "group", pilot}, {"include", "user", zoe.ID}, {"exclude", "group", second}} {
		s.save(methodPath, methodPath+"/targets/remove", "list", target.list, "type", target.kind, "id", target.id).lacks(`data-target="` + target.id + `"`)
	}
	s.get(methodPath+"/configure?type=group&id="+pilot).want(http.StatusNotFound, "message")
}

func TestEnablingAndResettingTheMethod(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.save(methodPath, methodPath, "state", "disabled").want(http.StatusOK, "admin-method")
	if d := s.document(); d.State != policy.Disabled || d.SoftwareOATH {
		t.Errorf("%+v", d)
	}
	s.get("/admin/security/authentication-methods").has(">No</span>")
	s.save(methodPath, methodPath, "state", "perhaps").want(http.StatusUnprocessableEntity, "admin-method").has(`id="error"`)
	s.save(methodPath, methodPath+"/reset").want(http.StatusOK, "admin-method")
	if d := s.document(); d.State != policy.Enabled || !d.SoftwareOATH {
		t.Errorf("%+v", d)
	}
}

func TestStalePagesChangeNothing(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	group := s.group("Pilot")
	client, _ := s.Client(directory.NewClient{Name: "Wiki", Kind: policy.KindWeb})
	for name, c := range map[string]struct {
		page, action, state string
		change              func()
		pairs               []string
	}{
		"a user": {
			"/admin/users/" + zoe.ID, "", "admin-user",
			func() {
				s.Update(func(tx store.Tx) error { zoe.DisplayName = "Zoë"; return s.Directory.PutUser(tx, zoe) })
			},
			[]string{"name", "zoe", "display", "typed"},
		},
		"a group": {
			"/admin/groups/" + group, "", "admin-group",
			func() {
				s.Update(func(tx store.Tx) error {
					return s.Directory.PutGroup(tx, directory.Group{ID: group, Name: "Pilot", Description: "changed"})
				})
			},
			[]string{"name", "Pilot", "description", "typed"},
		},
		"a client": {
			"/admin/clients/" + client.ID, "", "admin-client",
			func() {
				s.Update(func(tx store.Tx) error {
					return s.Directory.PutClient(tx, client.ID, directory.NewClient{Name: "Wiki 2", Kind: policy.KindWeb})
				})
			},
			[]string{"name", "typed"},
		},
		"the settings": {
			"/admin/settings", "", "admin-settings",
			func() { s.Settings(func(set *tenant.Settings) { set.Domain = "contoso.example" }) },
			[]string{"name", "typed", "rollout", "enforced", "number_digits", "2"},
		},
		"a target": {
			allUsers, methodPath + "/configure", "admin-configure",
			func() { s.addTarget("include", "group", "Pilot") },
			[]string{"type", "group", "id", "all_users", "mode", "push", "number_matching", "default", "display_app", "default", "display_location", "default"},
		},
		"the method": {
			methodPath, "", "admin-method",
			func() { s.addTarget("exclude", "user", "zoe") },
			[]string{"state", "disabled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			action := c.action
			if action == "" {
				action = c.page
			}
			drawn := s.get(c.page).version()
			c.change()
			p := s.post(action, append(c.pairs, "version", drawn)...).want(http.StatusConflict, c.state).has("Somebody changed this")
			if strings.Contains(strings.Join(c.pairs, " "), "typed") {
				p.has("typed")
			}
			// Seen, and saved again.
			s.post(action, append(c.pairs, "version", p.version())...).has(`id="notice"`)
		})
	}
}
