package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const authenticatorPath = "/admin/security/authentication-methods/microsoft-authenticator"

// administer signs an administrator in and gives the portal's page.
func (s *server) administer(name string) (*page, *device) {
	s.t.Helper()
	s.user(name, "--admin")
	d := s.device(name)
	p := open(s.t, s.url, look{})
	number := p.signIn(name, password).number()
	d.answer("--number", number).ends("approved", "")
	p.shows("account").visit("/admin").shows("admin-overview")
	return p, d
}

// methodsPolicy is what the test looks at of the methods policy.
type methodsPolicy struct {
	IncludeTargets []struct {
		Mode string `json:"authenticationMode"`
	} `json:"includeTargets"`
	Features struct {
		NumberMatching struct {
			State string `json:"state"`
		} `json:"numberMatchingRequiredState"`
	} `json:"featureSettings"`
}

// policy reads the stored methods policy by the policy API.
func (s *server) policy() (policy methodsPolicy) {
	s.t.Helper()
	token := member(s.t, s.admin("", "admin-token", "--json"), "token")
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet,
		strings.TrimSuffix(s.url, "/")+"/beta/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/MicrosoftAuthenticator", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&policy); err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %v", response.Status, err)
	}
	return policy
}

// TestPortalActions clicks what administrators do, each action once.
func TestPortalActions(t *testing.T) {
	t.Parallel()
	s := serve(t, "limits: {starts_5m: 1000, starts_1h: 1000, starts_1d: 1000, backoff: [], wrong_numbers: 1}\n")
	p, _ := s.administer("sofia")

	// Configure, as on the preview's page.
	p.visit("/admin").click(`nav.sections a[href="/admin/security/authentication-methods"]`).shows("admin-methods").
		click(`main a[href="`+authenticatorPath+`"]`).shows("admin-method").
		click(`[data-target="all_users"] details.menu summary`).click(`[data-target="all_users"] [data-testid="configure"]`).shows("admin-configure").
		choose("#mode", "push").choose("#number_matching", "enabled").click("#done").shows("admin-method").has("#notice").accessible()
	if got := s.policy(); len(got.IncludeTargets) != 1 || got.IncludeTargets[0].Mode != "push" || got.Features.NumberMatching.State != "enabled" {
		t.Errorf("the stored policy is %+v", got)
	}

	// A user; one of the same name is refused.
	p.visit("/admin/users").shows("admin-users").fill("#name", "zoe").fill("#display", "Zoë Example").click("#add-user").shows("admin-user")
	user := strings.TrimPrefix(p.string("url"), p.base)
	p.fill("#attributes", "department = Sales").click("#save").shows("admin-user").has("#notice")
	if words := p.visit("/admin/users").fill("#name", "ZOE").click("#add-user").refused("admin-users"); !strings.Contains(words, "ZOE") {
		t.Errorf("refused with %q", words)
	}

	// A password, and a device by the portal's own link.
	p.visit(user).shows("admin-user").fill("#password", password).click("#set").shows("admin-user").has("#notice")
	p.click("#enrol").shows("enrolment-waiting")
	d := &device{t: t, dir: t.TempDir() + "/device"}
	typed := d.enrol(p.value("#enrol-link"))
	typed(p.shows("enrolment-asked").text("#number"))
	p.shows("enrolment-enrolled").click("#back").shows("admin-user").has(`[data-testid="device"]`)

	// Groups: assigned, and dynamic with a look at its members first.
	p.visit("/admin/groups").shows("admin-groups").fill("#name", "Pilot").click("#add-group").shows("admin-group").
		fill("#member", "zoe").click("#add-member").shows("admin-group").has(`[data-testid="member"]`).accessible()
	p.visit("/admin/groups").fill("#name", "Sales").fill("#rule", "user.department -eq Sales").click("#preview-rule")
	if words := p.refused("admin-groups"); !strings.Contains(words, "21") {
		t.Errorf("the rule is refused with %q", words)
	}
	p.fill("#rule", `user.department -eq "Sales"`).click("#preview-rule").shows("admin-groups").has("#preview").accessible()
	if members := p.text(`#preview [data-testid="matching"]`); members != "zoe" {
		t.Errorf("the rule makes members of %q", members)
	}
	p.click("#add-group").shows("admin-group").has(`[data-testid="matching"]`)

	// Import: what is wrong is told line by line, and mended on the page.
	p.visit("/admin/users/import").shows("admin-import").fill("#text", "name,groups,admin\nben,Nowhere,\nzoe,,\neva,,perhaps\n").click("#import").
		shows("admin-import").has(`[data-testid="import-errors"]`).accessible()
	if lines := strings.Fields(p.text(`[data-testid="import-errors"] tbody`)); len(lines) == 0 || lines[0] != "2" {
		t.Errorf("the errors are %q", lines)
	}
	p.fill("#text", "name,groups,admin\nben,Pilot,\neva,,true\n").click("#import").shows("admin-users").has("#notice")

	// A client, whose key is shown once and works.
	p.visit("/admin/clients").shows("admin-clients").fill("#name", "Wiki").click("#add-client").shows("admin-clients").has(`[data-testid="new-client"]`).accessible()
	c := &client{t: t, url: s.url, key: p.value("#key")}
	p.visit("/admin/clients").shows("admin-clients").lacks("#key")
	if got := c.call(http.MethodPost, "/api/v1/policy/evaluate", `{"user":{"push":true}}`); got["experience"] != "number_match" {
		t.Errorf("with the client's key: %v", got)
	}

	// A lock, by the one wrong number that this server forgives.
	q := open(t, s.url, look{}).signIn("zoe", password)
	d.answer("--number", other(q.number())).ends("denied", "number_mismatch")
	q.shows("wrong-number")
	p.visit("/admin").shows("admin-overview").has(`[data-testid="held"]`).accessible()
	p.click(`[data-testid="held"] button`).shows("admin-user").visit("/admin").shows("admin-overview").lacks(`[data-testid="held"]`)

	// The log, filtered and taken along.
	p.visit("/admin/log").shows("admin-log").fill("#user", "zoe").choose("#state", "denied").click("#filter").shows("admin-log").accessible()
	exported := strings.Split(strings.TrimSpace(p.string("download", "selector", "#export")), "\n")
	if shown := string(p.must("count", "selector", `[data-testid="event"]`)); len(exported) != 1 || shown != "1" {
		t.Errorf("%s events shown, exported are %q", shown, exported)
	}
	for _, line := range exported {
		if member(t, line, "state") != "denied" || member(t, line, "user_name") != "zoe" || member(t, line, "reason") != "number_mismatch" {
			t.Errorf("exported is %s", line)
		}
	}

	// What if.
	p.visit("/admin/what-if").shows("admin-what-if").fill("#user", "zoe").click("#ask-user").shows("admin-what-if").has("#experience").accessible()
	if experience := p.text("#experience"); experience != "number_match" {
		t.Errorf("what if: %s", experience)
	}

	// Revoking a device reaches its live connection.
	gone := d.answer("--approve")
	p.visit(user).shows("admin-user").click(`[data-testid="device"] details.confirm summary`)
	begun := time.Now()
	p.click(`[data-testid="device"] button.danger`).shows("admin-user").has("#notice").lacks(`[data-testid="device"]`)
	<-gone.done
	if took := time.Since(begun); took > 5*time.Second || gone.err == nil || !strings.Contains(gone.stderr, "removed") {
		t.Errorf("after %s the device says %v: %s", took, gone.err, gone.stderr)
	}
}

// TestPortalRefusesStalePages: what a page was drawn of, who is signed in and
// where a form comes from are looked at again when it is sent.
func TestPortalRefusesStalePages(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	p, _ := s.administer("sofia")
	name := func() string {
		p.t.Helper()
		return p.visit("/admin/settings").shows("admin-settings").value("#name")
	}

	// Two tabs with the same form: the second to be sent has not seen the first.
	one, two := p.tab("/admin/settings").shows("admin-settings"), p.tab("/admin/settings").shows("admin-settings")
	one.fill("#name", "Contoso One").click("#save").shows("admin-settings").has("#notice")
	if words := two.fill("#name", "Contoso Two").click("#save").refused("admin-settings"); !strings.Contains(words, "while you were editing") {
		t.Errorf("a stale page says %q", words)
	}
	if got := name(); got != "Contoso One" {
		t.Errorf("stored is %q", got)
	}
	// What was typed is kept, and can be saved over what is there now.
	two.click("#save").shows("admin-settings").has("#notice")
	if got := name(); got != "Contoso Two" {
		t.Errorf("stored is %q", got)
	}

	// A form on another site.
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>x</title><form method="post" action="`+strings.TrimSuffix(s.url, "/")+
			`/admin/users"><input name="name" value="mallory"><input name="admin" value="on"><button id="send">Win a prize</button></form>`)
	}))
	t.Cleanup(foreign.Close)
	p.tab(foreign.URL).click("#send").shows("message").accessible()
	p.visit("/admin/users?q=mallory").shows("admin-users").lacks(`[data-testid="user"]`)

	// A session that was ended elsewhere.
	left := p.tab("/admin/users").shows("admin-users").fill("#name", "late")
	s.admin(password+"\n", "user", "password", "sofia", "--password-stdin")
	left.click("#add-user").shows("message").accessible()
	if words := left.text("main"); !strings.Contains(words, "Nothing was changed") {
		t.Errorf("an ended session says %q", words)
	}
	if list := s.admin("", "user", "list", "--json"); strings.Contains(list, `"late"`) || strings.Contains(list, "mallory") {
		t.Errorf("stored: %s", list)
	}
}
