package portal_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/portal"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type site struct {
	*fronttest.Service
	t        *testing.T
	server   *httptest.Server
	client   *http.Client
	sessions *session.Sessions
	next     session.Session // what /test/session begins
	revoked  []identity.Thumbprint
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Service: fronttest.New(t), t: t}
	pages, err := page.New(s.Logger)
	s.Check(err)
	s.sessions = session.New(session.Config{Store: s.Store, Audit: s.Audit, Now: s.Clock.Now, HTTPS: true})
	mux := http.NewServeMux()
	s.server = httptest.NewTLSServer(mux)
	t.Cleanup(s.server.Close)
	p, err := portal.New(portal.Config{
		Store: s.Store, Audit: s.Audit, Directory: s.Directory, Tenant: s.Tenant, Rules: s.Rules, Challenges: s.Challenges, Enrolments: s.Enrolments,
		Sessions: s.sessions, Pages: pages, Middleware: s.Middleware, Vault: s.Vault, Limits: challenge.DefaultLimits(), PublicURL: s.server.URL, Now: s.Clock.Now, Logger: s.Logger,
		Revoke: func(ctx context.Context, actor string, id identity.Thumbprint) error {
			s.revoked = append(s.revoked, id)
			return s.Store.Update(ctx, func(tx store.Tx) error { return s.Directory.As(actor).RemoveDevice(tx, id) })
		},
	})
	s.Check(err)
	p.Mount(mux)
	mux.HandleFunc("POST /test/session", s.beginSession)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<p data-state="sign-in">`) })
	s.client = s.server.Client()
	s.client.Jar = s.jar()
	return s
}

// jar is the memory of a new browser.
func (s *site) jar() http.CookieJar {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	s.Check(err)
	return jar
}

func address(text string) netip.Addr { return netip.MustParseAddr(text) }

// beginSession is POST /test/session.
func (s *site) beginSession(w http.ResponseWriter, r *http.Request) {
	if _, err := s.sessions.Begin(w, r, s.next); err != nil {
		s.t.Error(err)
	}
}

// as signs a user in.
func (s *site) as(u directory.User) directory.User {
	s.t.Helper()
	u = s.User(u)
	s.Device(u)
	s.next = session.Session{User: u.ID, Name: u.Name, Stage: session.SignedIn, ApprovedAt: s.sessions.Now()}
	s.post("/test/session")
	return u
}

func (s *site) asAdmin() directory.User {
	s.t.Helper()
	return s.as(directory.User{Name: "ada", Admin: true})
}

type shown struct {
	t      *testing.T
	status int
	header http.Header
	path   string
	body   string
}

func (s *site) send(method, path string, values url.Values, origin string) shown {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(values.Encode()))
	s.Check(err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", origin)
	}
	return s.do(r)
}

func (s *site) do(r *http.Request) shown {
	s.t.Helper()
	res, err := s.client.Do(r)
	s.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	s.Check(err)
	return shown{t: s.t, status: res.StatusCode, header: res.Header, path: res.Request.URL.Path, body: string(body)}
}

func (s *site) get(path string) shown {
	s.t.Helper()
	return s.send(http.MethodGet, path, nil, "")
}

func (s *site) post(path string, pairs ...string) shown {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return s.send(http.MethodPost, path, values, "same-origin")
}

func (p shown) find(pattern string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(p.body)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

func (p shown) want(status int, state string) shown {
	p.t.Helper()
	if got := p.find(`data-state="([^"]*)"`); p.status != status || got != state {
		p.t.Fatalf("%s: status %d, state %q; want %d, %q", p.path, p.status, got, status, state)
	}
	return p
}

func (p shown) has(texts ...string) shown {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			p.t.Errorf("%s: the page lacks %q", p.path, text)
		}
	}
	return p
}

func (p shown) lacks(text string) {
	p.t.Helper()
	if strings.Contains(p.body, text) {
		p.t.Errorf("%s: the page has %q", p.path, text)
	}
}

const methodPath = "/admin/security/authentication-methods/microsoft-authenticator"

// pages are those without an id in their address that a reader may see.
func pages() []string {
	return []string{
		"/admin", "/admin/users", "/admin/devices", "/admin/groups", "/admin/clients", "/admin/security/authentication-methods", methodPath,
		methodPath + "/configure?type=group&id=all_users", "/admin/settings", "/admin/what-if", "/admin/log", "/admin/audit",
	}
}

// paths are all of them.
func paths() []string {
	return append(pages(), "/admin/log.jsonl", "/admin/audit.jsonl", "/admin/users/import")
}

// save sends a page's form with the version that the page was drawn of.
func (s *site) save(page, action string, pairs ...string) shown {
	s.t.Helper()
	return s.post(action, append(pairs, "version", s.get(page).version())...)
}

func (p shown) version() string { return p.find(`name="version" value="([^"]*)"`) }

func TestOnlyAdministratorsComeIn(t *testing.T) {
	s := newSite(t)
	for _, path := range paths() {
		s.get(path).want(http.StatusOK, "sign-in")
	}
	s.post("/admin/users", "name", "eve").want(http.StatusForbidden, "message")
	s.as(directory.User{Name: "zoe"})
	for _, path := range paths() {
		s.get(path).want(http.StatusForbidden, "message")
	}
	s.post("/admin/users", "name", "eve").want(http.StatusForbidden, "message")
}

func TestAPasswordAloneIsNoAdministrator(t *testing.T) {
	s := newSite(t)
	u := s.User(directory.User{Name: "ada", Admin: true})
	s.next = session.Session{User: u.ID, Stage: session.Password, PasswordAt: s.Clock.Now()}
	s.post("/test/session")
	s.get("/admin").want(http.StatusOK, "sign-in")
}

func TestAnApprovalDoesNotLastForTheDay(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.get("/admin/users").want(http.StatusOK, "admin-users")
	for range 3 {
		s.Clock.Move(25 * time.Minute)
		s.get("/admin/users")
	}
	s.get("/admin/users").want(http.StatusForbidden, "message").has("Approve once more", `action="/account/verify"`)
}

func TestARightThatIsTakenAwayIsGone(t *testing.T) {
	s := newSite(t)
	u := s.asAdmin()
	s.Update(func(tx store.Tx) error { u.Admin = false; return s.Directory.PutUser(tx, u) })
	s.get("/admin").want(http.StatusForbidden, "message")
}

func TestAReaderChangesNothing(t *testing.T) {
	s := newSite(t)
	s.as(directory.User{Name: "rita", Roles: []string{portal.RoleReader}})
	for _, path := range pages() {
		p := s.get(path)
		if p.status != http.StatusOK {
			t.Errorf("%s: %d", path, p.status)
		}
		if path != "/admin/what-if" {
			p.lacks(`class="primary`)
		}
	}
	s.post("/admin/users", "name", "eve").want(http.StatusForbidden, "message")
	s.post(methodPath, "state", "disabled").want(http.StatusForbidden, "message")
	s.get("/admin/users/import").want(http.StatusForbidden, "message")
	s.get("/admin/users").lacks("eve")
}

func TestForeignOriginsAreRefused(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.send(http.MethodPost, "/admin/users", url.Values{"name": {"eve"}}, "cross-site").want(http.StatusForbidden, "message")
	s.get("/admin/users").lacks("eve")
}

func TestAnotherLanguageKeepsWhatAPageAsksFor(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	for tag, words := range map[string]string{"sv": "Kräv nummermatchning", "th": "กำหนดให้จับคู่หมายเลข", "en": "Require number matching"} {
		p := s.get(methodPath + "/configure?type=group&id=all_users")
		s.get(p.find(`href="([^"]*lang=`+tag+`[^"]*)"`)).want(http.StatusOK, "admin-configure").has(words)
	}
}

func TestPagesAskNothingOfOtherHosts(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	inline := regexp.MustCompile(`<script>|<style|\son[a-z]+=|\sstyle=|(?:src|href|action)="(?:https?:)?//`)
	for _, path := range pages() {
		p := s.get(path)
		if found := inline.FindString(p.body); found != "" || !strings.Contains(p.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %q", path, found)
		}
	}
}

func TestUsers(t *testing.T) {
	s := newSite(t)
	self := s.asAdmin()
	s.post("/admin/users", "name", "a b").want(http.StatusUnprocessableEntity, "admin-users").has(`id="error"`)
	p := s.post("/admin/users", "name", "zoe@contoso.example", "display", "Zoë").want(http.StatusOK, "admin-user").has("zoe@contoso.example", "Zoë")
	s.post("/admin/users", "name", "ZOE@contoso.example").want(http.StatusUnprocessableEntity, "admin-users").has(`id="error"`)
	path := p.path
	s.get("/admin/users?q=ZO").want(http.StatusOK, "admin-users").has("zoe@contoso.example").lacks("/admin/users/" + self.ID)

	s.save(path, path, "name", "zoe@contoso.example", "display", "Zoe", "default", "totp", "admin", "on", "roles", "r1\nr2", "units", "u1", "attributes", "department = Sales\ncity=Ystad\n").
		want(http.StatusOK, "admin-user").has(`name="admin" checked`, "department = Sales", "city = Ystad", "r1\nr2", `id="notice"`)
	for name, pairs := range map[string][]string{
		"an attribute without a value": {"name", "zoe", "attributes", "department"},
		"an attribute twice":           {"name", "zoe", "attributes", "a = 1\na = 2"},
		"no such method":               {"name", "zoe", "default", "carrier pigeon"},
		"the name of another":          {"name", "ada"},
	} {
		p := s.save(path, path, append([]string{"display", "typed " + name}, pairs...)...)
		p.want(http.StatusUnprocessableEntity, "admin-user").has(`id="error"`, "typed "+name)
		s.get(path).has(`value="Zoe"`)
	}
	own := "/admin/users/" + self.ID
	s.save(own, own, "name", "ada", "display", "Ada", "disabled", "on").want(http.StatusOK, "admin-user")
	s.get("/admin").want(http.StatusOK, "admin-overview") // still an administrator
	s.post(own+"/delete").want(http.StatusConflict, "message")
	s.post(path+"/delete").want(http.StatusOK, "admin-users")
	s.get(path).want(http.StatusNotFound, "message")
}

func TestADisabledUserIsSignedOut(t *testing.T) {
	s := newSite(t)
	zoe := s.as(directory.User{Name: "zoe", Admin: true})
	theirs := s.client.Jar
	s.client.Jar = s.jar()
	s.asAdmin()
	path := "/admin/users/" + zoe.ID
	s.save(path, path, "name", "zoe", "disabled", "on").want(http.StatusOK, "admin-user")
	s.client.Jar = theirs
	s.get("/admin").want(http.StatusOK, "sign-in")
}

func TestDevicesAreRevoked(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	device := s.Device(zoe)
	other := s.Device(s.User(directory.User{Name: "eve"}))
	s.get("/admin/users/" + zoe.ID).has("Pixel")
	s.post("/admin/users/"+zoe.ID+"/revoke", "device", string(other.ID)).want(http.StatusNotFound, "message")
	s.post("/admin/users/"+zoe.ID+"/revoke", "device", string(device.ID)).want(http.StatusOK, "admin-user").lacks("Pixel")
	if len(s.revoked) != 1 || s.revoked[0] != device.ID {
		t.Errorf("revoked %v", s.revoked)
	}
	s.TOTP(zoe, strings.Repeat("k", 20))
	s.post("/admin/users/"+zoe.ID+"/totp").want(http.StatusOK, "admin-user").lacks(`data-testid="totp"`)
}

func TestLocksAreReleasedAndReportsShown(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	web := directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb}
	zoe := s.User(directory.User{Name: "zoe"})
	device := s.Device(zoe)
	start := func() {
		_, err := s.Challenges.Start(t.Context(), challenge.Request{User: "zoe", Client: web})
		s.Check(err)
	}
	for range 5 {
		start()
		s.Approve(device, "07")
		s.Clock.Move(2 * time.Hour)
	}
	s.next.ApprovedAt = s.Clock.Now()
	s.post("/test/session")
	s.get("/admin/users/" + zoe.ID).has(`data-testid="locked"`)
	s.get("/admin").want(http.StatusOK, "admin-overview").has(`data-testid="held"`, "too many wrong numbers", ">zoe<")
	s.post("/admin/users/"+zoe.ID+"/release").want(http.StatusOK, "admin-user").lacks(`data-testid="locked"`)
	start()
	s.Answer(device, func(a *message.Answer) { a.Decision = message.DecisionReport })
	s.get("/admin").has(`<rect class="bad"`, `data-testid="report"`, "Source blocked until", "is blocked: reported")
	s.post("/admin/users/" + zoe.ID + "/release").lacks(`data-testid="locked"`)
	s.get("/admin").has(`data-testid="report"`).lacks("Source blocked until")
}

func TestGroups(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.User(directory.User{Name: "zoe"})
	s.post("/admin/groups", "name", "Broken", "rule", "user.department -eq").want(http.StatusUnprocessableEntity, "admin-groups").has(`id="error"`)
	s.post("/admin/groups", "name", "Sellers", "rule", `user.department -eq "Sales"`).want(http.StatusOK, "admin-group").has("Sales")
	pilot := s.post("/admin/groups", "name", "Pilot", "description", "first").want(http.StatusOK, "admin-group").path
	inner := s.post("/admin/groups", "name", "Inner").want(http.StatusOK, "admin-group").path
	s.post(pilot+"/members", "name", "nobody").want(http.StatusUnprocessableEntity, "admin-group").has(`id="error"`)
	s.post(pilot+"/members", "name", "zoe").want(http.StatusOK, "admin-group").has(">zoe<")
	s.post(pilot+"/members", "name", "Inner").want(http.StatusOK, "admin-group").has(">Inner<")
	s.post(inner+"/members", "name", "Pilot").want(http.StatusUnprocessableEntity, "admin-group") // a circle
	p := s.get(pilot)
	s.post(pilot+"/remove", "kind", "user", "member", p.find(`value="user"><input type="hidden" name="member" value="([^"]*)"`)).lacks(">zoe<")
	s.post(pilot+"/delete").want(http.StatusOK, "admin-groups").lacks("Pilot")
}

func TestClients(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.post("/admin/clients", "name", "Wiki", "kind", "toaster").want(http.StatusUnprocessableEntity, "admin-clients").has(`id="error"`)
	key := s.post("/admin/clients", "name", "Wiki", "kind", "web").want(http.StatusOK, "admin-clients").find(`id="key"[^>]*>([^<]*)<`)
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		c, err := s.Directory.ClientByKey(tx, key)
		if c.Name != "Wiki" {
			t.Errorf("the key is that of %q", c.Name)
		}
		return err
	}))
	s.get("/admin/clients").has("Wiki").lacks(key)
	s.post("/admin/clients", "name", "VPN", "kind", "radius", "address", "192.0.2.1", "secret", "short").want(http.StatusUnprocessableEntity, "admin-clients")
	s.post("/admin/clients", "name", "VPN", "kind", "nps", "address", "192.0.2.1", "secret", strings.Repeat("s", 20), "nps_version", "1.2.2216.1", "override", "TRUE").
		want(http.StatusOK, "admin-clients").has("192.0.2.1", "NPS 1.2.2216.1")
	s.post("/admin/clients", "name", "Farm", "kind", "adfs", "os_build", "20348.350").want(http.StatusOK, "admin-clients").has("20348.350")
	id := s.get("/admin/clients").find(`"/admin/clients/([^/"]+)"`)
	s.post("/admin/clients/"+id+"/delete").want(http.StatusOK, "admin-clients")
	s.post("/admin/clients/"+id+"/delete").want(http.StatusNotFound, "message")
}

func TestTheSettings(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	const path = "/admin/settings"
	s.get(path).want(http.StatusOK, "admin-settings").has("starts_5m", "1 min, 5 min, 15 min, 1 h")
	s.save(path, path, "name", "Contoso", "domain", "contoso.example", "rollout", "enforced", "number_digits", "6").
		want(http.StatusOK, "admin-settings").has("Contoso", "<option selected>6")
	s.save(path, path, "name", "Typed", "rollout", "enforced", "number_digits", "four").want(http.StatusUnprocessableEntity, "admin-settings").has(`id="error"`, `value="Typed"`)
	s.save(path, path, "name", " ", "rollout", "enforced", "number_digits", "2").want(http.StatusUnprocessableEntity, "admin-settings")
}

func TestWhatIf(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.get("/admin/what-if").want(http.StatusOK, "admin-what-if").lacks(`id="experience"`)
	for query, want := range map[string]string{
		"kind=web&scenario=mfa&form_factor=phone&push=on":                    "number_match",
		"kind=web&push=on&form_factor=watch":                                 "none",
		"kind=mfa_server&push=on":                                            "approve_deny",
		"kind=nps&version=1.2.2216.1&push=on&totp=on":                        "totp",
		"kind=nps&version=1.2.2216.1&push=on&totp=on&radius_auth=mschapv2":   "none",
		"kind=web&push=on&old_app=on":                                        "none",
		"kind=web&scenario=phone_sign_in&push=on":                            "phone_sign_in",
		"kind=web&push=on&totp=on&default=totp":                              "totp",
		"kind=adfs&os_build=17763.1&push=on":                                 "approve_deny",
		"kind=nps&version=1.0.1850.1&override=TRUE&push=on&totp=on&admin=on": "totp",
	} {
		p := s.get("/admin/what-if?"+query).want(http.StatusOK, "admin-what-if")
		if got := p.find(`id="experience">([^<]*)<`); got != want {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
	}
	s.get("/admin/what-if?kind=toaster").want(http.StatusUnprocessableEntity, "admin-what-if").has(`id="error"`, "client.kind")
}

func TestTheLog(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	web := directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb}
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	c, err := s.Challenges.Start(t.Context(), challenge.Request{User: "zoe", Client: web})
	s.Check(err)
	s.Approve(device, c.Number)
	s.get("/admin/audit").want(http.StatusOK, "admin-audit").has("challenge_settled", "user_added", ">zoe<", `id="tree-hash"`)
	s.get("/admin/log").want(http.StatusOK, "admin-log").has("challenge_settled", ">zoe<", "Own sign-in pages").lacks("<code>user_added</code>")
	s.get("/admin/log?client=nobody").lacks(`data-testid="event"`)
	// A name that nobody has leads to no page.
	_, err = s.Challenges.Start(t.Context(), challenge.Request{User: "ghost", Client: web, Scenario: policy.ScenarioPhoneSignIn, Decoy: true})
	s.Check(err)
	s.get("/admin/log?kind=challenge_refused").has("method_not_registered", "<td>-</td>").lacks(`href="/admin/users/-"`)
	s.post("/admin/audit/head").want(http.StatusOK, "admin-audit").has("countersign-audit")
	s.get("/admin/log?user=zoe&state=approved").has("challenge_settled").lacks("<code>user_added</code>")
	s.get("/admin/log?from=2026-11-23").want(http.StatusOK, "admin-log").lacks(`data-testid="event"`)
	s.get("/admin/log?until=2026-11-22").has(`data-testid="event"`)
	s.get("/admin/log?user=nobody").want(http.StatusUnprocessableEntity, "admin-log").has(`id="error"`)
	s.get("/admin/log?from=yesterday").want(http.StatusUnprocessableEntity, "admin-log")

	p := s.get("/admin/log.jsonl?state=approved")
	if p.status != http.StatusOK || p.header.Get("Content-Type") != "application/jsonl" || !strings.Contains(p.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", p.status, p.header)
	}
	lines := strings.Split(strings.TrimSpace(p.body), "\n")
	var record audit.Record
	if err := json.Unmarshal([]byte(lines[0]), &record); err != nil || len(lines) != 1 || record.Kind != audit.KindChallengeSettled || record.State != "approved" {
		t.Errorf("%v: %s", err, p.body)
	}
	if strings.Contains(p.body, c.Number+`"`) {
		t.Error("the log has the number")
	}
}
