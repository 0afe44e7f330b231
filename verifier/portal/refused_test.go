package portal_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"countersign/verifier/directory"
	"countersign/verifier/words"
)

// said are the refusals on a page: beside the form, or line by line.
func (p shown) said() []string {
	var all []string
	for _, pattern := range []string{`(?s)id="error">.*?<p>([^<]*)</p>`, `<tr><td>[^<]*</td><td>([^<]*)</td></tr>`} {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(p.body, -1) {
			all = append(all, html.UnescapeString(found[1]))
		}
	}
	return all
}

// refusal is an action that the portal refuses, and what it says.
type refusal struct {
	name   string
	act    func() shown
	status int
	says   []words.Text
}

func (s *site) refusals() []refusal {
	zoe := s.User(directory.User{Name: "zoe"})
	for range directory.MaxDevices {
		s.Device(zoe)
	}
	pilot, second := s.group("Pilot"), s.group("Second")
	s.post("/admin/groups/"+pilot+"/members", "name", "Second")
	s.addTarget("include", "group", "Pilot")
	s.addTarget("include", "group", "Second")
	enable := func(id string) shown {
		page := methodPath + "/configure?type=group&id=" + id
		return s.save(page, methodPath+"/configure", "type", "group", "id", id, "mode", "any", "number_matching", "enabled", "display_app", "default", "display_location", "default")
	}
	enable(pilot)
	user := "/admin/users/" + zoe.ID
	const mendable = http.StatusUnprocessableEntity
	return []refusal{
		{
			"a user twice", func() shown { return s.post("/admin/users", "name", "ZOE") }, mendable,
			[]words.Text{words.Of("refused.user_exists", "name", "ZOE")},
		},
		{
			"a bad name", func() shown { return s.post("/admin/users", "name", "zoe ek") }, mendable,
			[]words.Text{words.Of("refused.name_character")},
		},
		{
			"a name that is none", func() shown { return s.post("/admin/users", "name", "zoe@a@b") }, mendable,
			[]words.Text{words.Of("refused.name_form")},
		},
		{
			"a long display name", func() shown { return s.post("/admin/users", "name", "kim", "display", strings.Repeat("k", 257)) }, mendable,
			[]words.Text{words.Of("refused.text", "what", words.Of("refused.what_display_name"), "most", 256)},
		},
		{
			"a short password", func() shown { return s.post(user+"/password", "password", "short") }, mendable,
			[]words.Text{words.Of("refused.password_short", "least", 8)},
		},
		{
			"too many devices", func() shown { return s.post(user + "/enrol") }, http.StatusConflict,
			[]words.Text{words.Of("refused.too_many_devices", "most", 5)},
		},
		{
			"an attribute without a value", func() shown { return s.save(user, user, "name", "zoe", "attributes", "department") }, mendable,
			[]words.Text{words.Of("refused.attribute_form", "line", `"department"`)},
		},
		{
			"a stale page", func() shown { return s.post(user, "name", "zoe", "version", "another") }, http.StatusConflict,
			[]words.Text{words.Of("refused.stale")},
		},
		{
			"a rule that does not read", func() shown { return s.post("/admin/groups", "name", "Sales", "rule", `user.department -eq Sales`) }, mendable,
			[]words.Text{words.Of("refused.rule_at", "column", 21, "problem",
				words.Of("refused.rule_unexpected", "found", `"Sales"`, "wanted", words.Of("refused.rule_wants_value")))},
		},
		{
			"a rule that ends too early", func() shown {
				return s.post("/admin/groups", "name", "Sales", "rule", `user.department -eq "Sales" -and`, "do", "preview")
			}, mendable,
			[]words.Text{words.Of("refused.rule_at", "column", 33, "problem",
				words.Of("refused.rule_unexpected", "found", words.Of("refused.rule_end"), "wanted", words.Of("refused.rule_wants_property")))},
		},
		{
			"a group in itself", func() shown { return s.post("/admin/groups/"+second+"/members", "name", "Pilot") }, mendable,
			[]words.Text{words.Of("refused.group_cycle")},
		},
		{
			"a member whom nobody knows", func() shown { return s.post("/admin/groups/"+second+"/members", "name", "Nils") }, mendable,
			[]words.Text{words.Of("refused.no_member", "name", "Nils")},
		},
		{
			"two targets", func() shown { return enable(second) }, mendable,
			[]words.Text{words.Of("refused.two_targets", "feature", "Require Number Matching", "ids", pilot+","+second)},
		},
		{
			"a mode that is none", func() shown {
				page := methodPath + "/configure?type=group&id=" + second
				return s.save(page, methodPath+"/configure", "type", "group", "id", second, "mode", "telepathy", "number_matching", "default", "display_app", "default", "display_location", "default")
			}, mendable,
			[]words.Text{words.Of("refused.body_policy", "problem", words.Of("refused.json_member", "member", `"includeTargets.2.authenticationMode"`, "problem",
				words.Of("refused.not_one_of", "value", `"telepathy"`, "allowed", `"any", "push", "deviceBasedPush"`)))},
		},
		{
			"a target twice", func() shown { return s.addTarget("include", "group", "Pilot") }, mendable,
			[]words.Text{words.Of("refused.target_twice", "property", "includeTargets", "id", pilot)},
		},
		{
			"a client without an address", func() shown { return s.post("/admin/clients", "name", "vpn", "kind", "radius", "address", "vpn") }, mendable,
			[]words.Text{words.Of("refused.client_ip")},
		},
		{
			"a client with a short secret", func() shown {
				return s.post("/admin/clients", "name", "vpn", "kind", "radius", "address", "192.0.2.7", "secret", "short")
			}, mendable,
			[]words.Text{words.Of("refused.radius_secret", "least", 16, "most", 256)},
		},
		{
			"digits that no number has", func() shown {
				return s.save("/admin/settings", "/admin/settings", "name", "Contoso", "rollout", "enforced", "number_digits", "4")
			}, mendable,
			[]words.Text{words.Of("refused.setting_digits")},
		},
		{
			"what if, in no JSON", func() shown { return s.post("/admin/what-if", "json", `{"method":push}`) }, mendable,
			[]words.Text{words.Of("refused.input", "problem", words.Of("refused.json_syntax", "at", 11))},
		},
		{
			"what if, of another type", func() shown { return s.post("/admin/what-if", "json", `{"user":{"push":"yes"}}`) }, mendable,
			[]words.Text{words.Of("refused.input", "problem", words.Of("refused.json_member", "member", `"user.push"`, "problem",
				words.Of("refused.json_type", "wanted", words.Of("refused.json_truth"), "found", words.Of("refused.json_string"))))},
		},
		{
			"what if, of nobody", func() shown { return s.get("/admin/what-if?user=nobody") }, mendable,
			[]words.Text{words.Of("refused.no_user", "name", "nobody")},
		},
		{
			"the log of a day that is none", func() shown { return s.get("/admin/log?from=yesterday") }, mendable,
			[]words.Text{words.Of("refused.date")},
		},
		{
			"no file", func() shown { return s.upload("", " ") }, mendable,
			[]words.Text{words.Of("refused.no_file")},
		},
		{
			"three broken lines", func() shown { return s.upload("", "name,groups,admin\nZoe,,\nkim,Nowhere,\nben,,perhaps\n") }, mendable,
			[]words.Text{
				words.Of("refused.user_exists", "name", "Zoe"), words.Of("refused.no_group", "name", "Nowhere"),
				words.Of("refused.yes_no", "column", "admin", "value", `"perhaps"`),
			},
		},
		{
			"a line that is cut short", func() shown { return s.upload("", "name,admin\nkim\n") }, mendable,
			[]words.Text{words.Of("refused.csv_fields")},
		},
		{
			"a column that nobody knows", func() shown { return s.upload("", "colour\nred\n") }, mendable,
			[]words.Text{words.Of("refused.csv_column", "column", `"colour"`, "known",
				"name, display_name, admin, default, roles, administrative_units, groups, on_premises, disabled, attribute.NAME")},
		},
	}
}

func TestRefusalsAreInTheReadersLanguage(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	all, err := words.Load()
	s.Check(err)
	refusals := s.refusals()
	for tag := range all {
		s.get("/admin/groups?lang="+tag).want(http.StatusOK, "admin-groups")
		for _, test := range refusals {
			p := test.act()
			said := p.said()
			if p.status != test.status || len(said) != len(test.says) {
				t.Errorf("%s, %s: %d %q", tag, test.name, p.status, said)
				continue
			}
			for i, text := range test.says {
				want, err := all.Text(tag, text.Key, text.Args...)
				s.Check(err)
				if said[i] != want || tag != words.English && want == text.String() {
					t.Errorf("%s, %s: %q, want %q", tag, test.name, said[i], want)
				}
			}
		}
	}
	// Nothing of it was stored.
	s.get("/admin/users?q=kim").lacks(`data-testid="user"`)
}

func TestAnAdministratorsLinkRefusesInTheReadersLanguage(t *testing.T) {
	s := newSite(t)
	s.get("/admin/link/none?lang=th")
	p := s.post(s.link(""), "name", "zoe ek", "password", newPassword, "again", newPassword)
	if said := p.said(); len(said) != 1 || strings.ContainsAny(said[0], "abcdefghijklmnopqrstuvwxyz") {
		t.Errorf("%d %q", p.status, said)
	}
}
