package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scan reads the QR code of a page as another program sees it.
func (p *page) scan(selector string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "qr.png")
	p.picture(path, selector)
	return strings.TrimSpace(output(p.t, "", "zbarimg", "--quiet", "--raw", path))
}

// code is the present code of an otpauth link.
func code(t *testing.T, link string) string {
	t.Helper()
	return strings.TrimSpace(output(t, "", shared.program("countersign-lab"), "code", "--uri", link))
}

// sessionID is the browser's session, and sure to be kept as it must be.
func (p *page) sessionID() string {
	p.t.Helper()
	var cookies []struct {
		Name, Value, SameSite, Path string
		HTTPOnly                    bool `json:"httpOnly"`
		Secure                      bool
	}
	if err := json.Unmarshal(p.must("cookies"), &cookies); err != nil {
		p.t.Fatal(err)
	}
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-countersign") || !c.HTTPOnly || !c.Secure || c.SameSite != "Lax" || c.Path != "/" {
			p.t.Errorf("the cookie %s is open: %+v", c.Name, c)
		}
		if c.Name == "__Host-countersign" {
			return c.Value
		}
	}
	return ""
}

// TestPages has a scenario of the sign-in pages in each part, in a browser
// session and with a user of its own, on one server.
func TestPages(t *testing.T) {
	s := serve(t, "")
	for name, part := range map[string]func(t *testing.T, s *server){
		"a number approves, in English and light": func(t *testing.T, s *server) {
			approve(t, s, "ada", look{})
		},
		"a number approves, in Swedish and dark, on a phone": func(t *testing.T, s *server) {
			approve(t, s, "bo", look{scheme: "dark", language: "sv", width: 360, height: 740})
		},
		"a number approves, in Thai, on a phone": func(t *testing.T, s *server) {
			approve(t, s, "chai", look{language: "th", width: 390, height: 800})
		},
		"a number approves without scripts":                 withoutScripts,
		"deny, report and a wrong number each have a page":  refusals,
		"nobody answers in time":                            nobodyAnswers,
		"five wrong numbers lock, and a code unlocks":       lock,
		"a second sign-in waits for the first":              busy,
		"the first authenticator comes by the QR code":      combinedRegistration,
		"a watch cannot be added":                           watchAtEnrolment,
		"a watch cannot approve":                            watchAnswers,
		"an old app is told to update":                      oldApp,
		"a code is asked for where it is the default":       codeByDefault,
		"a code stands in for a lost phone":                 codeInstead,
		"a code is set up by its QR code":                   setUpCode,
		"a forgotten password is set anew":                  reset,
		"an administrator resets with two methods":          resetByAdmin,
		"a name and a number sign in without password":      phoneSignIn,
		"an unknown name sees what a known one sees":        decoy,
		"a wrong password and an unknown name are the same": wrongPassword,
		"an MFA Server approves without a number":           mfaServer,
		"the last method stays":                             lastMethod,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, s.in(t))
		})
	}
}

// approve signs in by number, and sees that every factor brings a new session.
func approve(t *testing.T, s *server, user string, l look) {
	s.user(user)
	d := s.device(user)
	p := open(t, s.url, l).signIn(user, password)
	number := p.number()
	before := p.sessionID()
	a := d.answer("--number", number)
	p.shows("account").has(`[data-testid="device"]`).has(`[data-testid="sign-in"]`)
	a.ends("approved", "")
	if after := p.sessionID(); before == "" || after == before {
		t.Error("the session has the same id after the second factor")
	}
	p.visit("/challenge").shows("account")
	p.signOut().visit("/account").shows("sign-in")
}

func withoutScripts(t *testing.T, s *server) {
	s.user("noel")
	d := s.device("noel")
	p := open(t, s.url, look{noScript: true})
	p.visit("/").fill("#username", "noel").fill("#password", password).click("#submit")
	d.answer("--number", p.has("#number").text("#number"))
	p.has(`[data-state="account"]`)
}

func refusals(t *testing.T, s *server) {
	s.user("rita")
	d := s.device("rita")
	p := open(t, s.url, look{scheme: "dark"}).signIn("rita", password)
	p.shows("number")
	a := d.answer("--deny")
	p.shows("denied")
	a.ends("denied", "user")

	p.click("#again")
	a = d.answer("--number", other(p.number()))
	p.shows("wrong-number")
	a.ends("denied", "number_mismatch")

	p.click("#again").shows("number")
	a = d.answer("--report")
	p.shows("reported")
	a.ends("denied", "reported")
	p.click("#again").shows("blocked")
}

// lifetime is a challenge's, in seconds, and some more for a busy machine.
const lifetime = 60 + patience

func nobodyAnswers(t *testing.T, s *server) {
	s.user("nina")
	s.device("nina")
	p := open(t, s.url, look{}).signIn("nina", password)
	p.shows("number").showsWithin("expired", lifetime).click("#again").shows("number").click("#cancel").shows("sign-in")
}

func lock(t *testing.T, s *server) {
	s.user("lou")
	d := s.device("lou")
	link := s.totp("lou")
	p := open(t, s.url, look{}).signIn("lou", password)
	for range 5 {
		d.answer("--number", other(p.number())).ends("denied", "number_mismatch")
		p.shows("wrong-number").click("#again")
	}
	p.shows("locked").click("#use-code").shows("code").fill("#code", code(t, link)).click("#submit").shows("account")
	p.signOut().signIn("lou", password)
	d.answer("--number", p.number()).ends("approved", "")
	p.shows("account")
}

func busy(t *testing.T, s *server) {
	s.user("bea")
	d := s.device("bea")
	first := open(t, s.url, look{}).signIn("bea", password)
	number := first.number()
	open(t, s.url, look{}).signIn("bea", password).shows("busy")
	d.answer("--number", number).ends("approved", "")
	first.shows("account")
}

// combinedRegistration gives a user who has nothing both methods with one scan.
func combinedRegistration(t *testing.T, s *server) {
	s.user("cora")
	p := open(t, s.url, look{}).signIn("cora", password).shows("add-waiting")
	link := p.attribute("#enrol-link", "href")
	if scanned := p.scan("#qr"); scanned != link {
		t.Fatalf("the QR code says %q and the link %q", scanned, link)
	}
	d := &device{t: t, dir: filepath.Join(t.TempDir(), "device")}
	typed := d.enrol(link, "--name", "Cora's phone")
	number := p.shows("add-asked").text("#number")
	typed(number)
	p.shows("account").has(`[data-testid="method-push"][data-registered="true"]`).has(`[data-testid="method-totp"][data-registered="true"]`)
	p.signOut().signIn("cora", password)
	d.answer("--number", p.number()).ends("approved", "")
	p.shows("account")
}

func watchAtEnrolment(t *testing.T, s *server) {
	s.user("wim")
	p := open(t, s.url, look{}).signIn("wim", password).shows("add-waiting")
	link := p.attribute("#enrol-link", "href")
	_, stderr, err := try(t.Context(), "", shared.program("countersign-lab"), "device", "--state", filepath.Join(t.TempDir(), "watch"),
		"enrol", link, "--platform", "wearos", "--form-factor", "watch", "--number", "echo 10")
	if err == nil || !strings.Contains(stderr, "watch") {
		t.Fatalf("a watch was taken: %v %s", err, stderr)
	}
	p.shows("add-waiting") // the link is good for a phone
}

func watchAnswers(t *testing.T, s *server) {
	s.user("wanda")
	d := s.device("wanda")
	p := open(t, s.url, look{}).signIn("wanda", password)
	a := d.answer("--number", p.number(), "--form-factor", "watch")
	p.shows("wearable")
	a.ends("denied", "wearable")
}

func oldApp(t *testing.T, s *server) {
	s.user("otto")
	d := s.device("otto")
	p := open(t, s.url, look{}).signIn("otto", password)
	a := d.answer("--number", p.number(), "--app-version", "0.0.1")
	p.shows("upgrade")
	a.ends("denied", "upgrade_required")
}

func codeByDefault(t *testing.T, s *server) {
	s.user("dora")
	s.device("dora")
	link := s.totp("dora")
	s.admin("", "user", "set", "dora", "--default", "totp")
	p := open(t, s.url, look{}).signIn("dora", password).shows("code")
	p.fill("#code", "000 000").click("#submit").has("#error").shows("code")
	used := code(t, link)
	p.fill("#code", used).click("#submit").shows("account")
	// A code that was read over a shoulder is worth nothing any more.
	p.signOut().signIn("dora", password).shows("code").fill("#code", used).click("#submit").has("#error")
	p.click("#use-push").shows("number").click("#cancel")
}

func codeInstead(t *testing.T, s *server) {
	s.user("ines")
	s.device("ines")
	link := s.totp("ines")
	p := open(t, s.url, look{language: "sv"}).signIn("ines", password).shows("number").click("#use-code").shows("code")
	p.fill("#code", code(t, link)).click("#submit").shows("account")
}

func setUpCode(t *testing.T, s *server) {
	s.user("tove")
	d := s.device("tove")
	p := open(t, s.url, look{width: 390, height: 800}).signIn("tove", password)
	d.answer("--number", p.number())
	p.shows("account").click("#add-totp").shows("totp")
	link := p.scan("#qr")
	if l := p.attribute("#totp-link", "href"); l != link {
		t.Fatalf("the QR code says %q and the link %q", link, l)
	}
	p.fill("#code", code(t, link)).click("#submit").shows("account").has(`[data-testid="method-totp"][data-registered="true"]`)
}

func reset(t *testing.T, s *server) {
	s.user("rolf")
	d := s.device("rolf")
	p := open(t, s.url, look{}).visit("/reset").shows("reset").fill("#username", "rolf").click("#submit")
	d.answer("--number", p.number(), "--no-user-verification").ends("denied", "user_verification_missing")
	p.shows("no-user-verification").click("#again").shows("reset").fill("#username", "rolf").click("#submit")
	d.answer("--number", p.number()).ends("approved", "")
	p.shows("new-password").fill("#password", "another long one").fill("#again", "not the same one").click("#submit").has("#error").shows("new-password")
	p.fill("#password", "another long one").fill("#again", "another long one").click("#submit").shows("reset-done")
	p.signIn("rolf", password).has("#error")
	p.signIn("rolf", "another long one")
	d.answer("--number", p.number()).ends("approved", "")
	p.shows("account")
}

func resetByAdmin(t *testing.T, s *server) {
	s.user("anna", "--admin")
	d := s.device("anna")
	ask := func(p *page, state, reason string) {
		p.visit("/reset").shows("reset").fill("#username", "anna").click("#submit")
		d.answer("--number", p.number()).ends(state, reason)
	}
	p := open(t, s.url, look{})
	ask(p, "denied", "second_method_required")
	p.shows("reset-admin")
	link := s.totp("anna")
	ask(p, "approved", "")
	p.shows("code").fill("#code", code(t, link)).click("#submit").shows("new-password")
}

func phoneSignIn(t *testing.T, s *server) {
	s.user("paul")
	d := s.device("paul")
	p := open(t, s.url, look{}).visit("/phone").shows("phone").lacks("#password").fill("#username", "paul").click("#submit")
	d.answer("--number", p.number()).ends("approved", "")
	p.shows("account")
}

func decoy(t *testing.T, s *server) {
	s.user("petra")
	s.device("petra")
	words := func(name string) string {
		p := open(t, s.url, look{}).visit("/phone").fill("#username", name).click("#submit")
		number := p.number()
		text := strings.ReplaceAll(p.text("main"), number, "NN")
		before, _, _ := strings.Cut(text, "Time left")
		p.click("#cancel").shows("sign-in")
		return before
	}
	if known, unknown := words("petra"), words("nobody-has-this-name"); known != unknown {
		t.Errorf("a known name sees %q, an unknown one %q", known, unknown)
	}
}

func wrongPassword(t *testing.T, s *server) {
	s.user("walt")
	words := func(name string) string {
		return open(t, s.url, look{}).signIn(name, "not the password").has("#error").text("#error")
	}
	if known, unknown := words("walt"), words("nobody-either"); known != unknown {
		t.Errorf("a known name sees %q, an unknown one %q", known, unknown)
	}
}

func lastMethod(t *testing.T, s *server) {
	s.user("lena")
	d := s.device("lena")
	p := open(t, s.url, look{}).signIn("lena", password)
	d.answer("--number", p.number())
	p.shows("account").click(`[data-testid="device"] summary`).click(`[data-testid="device"] .danger`).shows("last-method")
}

// client is a relying party over the API.
type client struct {
	t        *testing.T
	url, key string
}

func (s *server) client(name, kind string) *client {
	s.t.Helper()
	return &client{t: s.t, url: s.url, key: member(s.t, s.admin("", "client", "add", name, "--kind", kind, "--json"), "key")}
}

// call asks the API, and gives the JSON object that it answers.
func (c *client) call(method, path, body string) map[string]any {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, strings.TrimSuffix(c.url, "/")+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		c.t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return m
}

func mfaServer(t *testing.T, s *server) {
	s.user("mona")
	d := s.device("mona")
	c := s.client("Old MFA Server", "mfa_server")
	started := c.call("POST", "/api/v1/challenges", `{"user":"mona","context":{"app":"Payroll"}}`)
	if started["experience"] != "approve_deny" || started["number"] != nil {
		t.Fatalf("started as %v", started)
	}
	d.answer("--approve").ends("approved", "")
	if ended := c.call("GET", "/api/v1/challenges/"+started["id"].(string)+"?wait=25s", ""); ended["state"] != "approved" || ended["receipt"] == nil {
		t.Errorf("ended as %v", ended)
	}
}

// TestHardenedTenant: six digits, no approval without a number, no first device
// without an administrator, and few starts.
func TestHardenedTenant(t *testing.T) {
	t.Parallel()
	s := serve(t, "limits: {starts_5m: 1}\npolicy: {number_digits: 6, allow_approve_deny: false}\n")
	s.admin("", "settings", "set", "--no-password-enrolment")
	s.user("hans")
	p := open(t, s.url, look{scheme: "dark"}).signIn("hans", password).shows("no-device")
	d := s.device("hans")
	number := p.signIn("hans", password).number()
	if len(number) != 6 {
		t.Errorf("the number is %q", number)
	}
	d.answer("--number", number).ends("approved", "")
	p.shows("account").signOut().signIn("hans", password).shows("too-many")
	c := s.client("Old MFA Server", "mfa_server")
	if started := c.call("POST", "/api/v1/challenges", `{"user":"hans"}`); started["experience"] != "none" || started["state"] != "denied" || started["reason"] != "number_matching_unavailable" {
		t.Errorf("started as %v", started)
	}
}

// TestRelayUnreachable: the page says so and offers the code, which needs no
// relay.
func TestRelayUnreachable(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.user("uma")
	s.device("uma")
	link := s.totp("uma")
	end(s.cmd, syscall.SIGTERM)

	cmd := exec.Command(shared.program("countersignd"), "verifier", "--data", s.data, "--listen", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/"), "--relay", "ws://127.0.0.1:9/relay")
	start(t, cmd, "verifier.log")
	eventually(t, time.Minute, "the verifier serves", func() error {
		r, err := http.Get(s.url)
		if err == nil {
			err = r.Body.Close()
		}
		return err
	})
	p := open(t, s.url, look{}).signIn("uma", password).shows("unreachable")
	p.visit("/phone").fill("#username", "uma").click("#submit").shows("unreachable")
	p.signIn("uma", password).shows("unreachable").click("#use-code").shows("code").fill("#code", code(t, link)).click("#submit").shows("account")
}

// TestPagesThatAreNotThere: what is asked for wrongly is answered in words.
func TestPagesThatAreNotThere(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	p := open(t, s.url, look{})
	p.visit("/no-such-page").shows("not-found")
	p.visit("/account").shows("sign-in").has("#notice")
	p.visit("/challenge").shows("sign-in")
}
