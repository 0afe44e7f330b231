package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/crypto/identity"
	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/session"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is the pages over TLS, and one browser in front of them.
type site struct {
	*fronttest.Service
	t         *testing.T
	server    *httptest.Server
	client    *http.Client
	sessions  *session.Sessions
	connected bool
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Service: fronttest.New(t), t: t, connected: true}
	pages, err := page.New(s.Logger)
	s.Check(err)
	s.sessions = session.New(session.Config{Store: s.Store, Audit: s.Audit, Now: s.Clock.Now, HTTPS: true})
	mux := http.NewServeMux()
	s.server = httptest.NewTLSServer(mux)
	t.Cleanup(s.server.Close)
	pagesOf, err := web.New(web.Config{
		Store: s.Store, Vault: s.Vault, Directory: s.Directory, Tenant: s.Tenant, Challenges: s.Challenges, Enrolments: s.Enrolments,
		Sessions: s.sessions, Pages: pages, Middleware: s.Middleware,
		Client:    directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb},
		Connected: func() bool { return s.connected },
		Revoke: func(ctx context.Context, actor string, id identity.Thumbprint) error {
			return s.Store.Update(ctx, func(tx store.Tx) error { return s.Directory.As(actor).RemoveDevice(tx, id) })
		},
		PublicURL: s.server.URL, Now: s.Clock.Now, Logger: s.Logger,
	})
	s.Check(err)
	pagesOf.Mount(mux)
	s.newBrowser()
	return s
}

// newBrowser forgets all cookies.
func (s *site) newBrowser() {
	jar, err := cookiejar.New(nil)
	s.Check(err)
	s.client = s.server.Client()
	s.client.Jar = jar
}

// shown is a page.
type shown struct {
	t      *testing.T
	status int
	header http.Header
	path   string
	body   string
}

func (s *site) send(method, path string, values url.Values, change ...func(*http.Request)) shown {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(values.Encode()))
	s.Check(err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, f := range change {
		f(r)
	}
	res, err := s.client.Do(r)
	s.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	s.Check(err)
	return shown{t: s.t, status: res.StatusCode, header: res.Header, path: res.Request.URL.RequestURI(), body: string(body)}
}

func (s *site) get(path string) shown { s.t.Helper(); return s.send(http.MethodGet, path, nil) }

func (s *site) post(path string, pairs ...string) shown {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return s.send(http.MethodPost, path, values)
}

func (p shown) find(pattern string) string {
	p.t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(p.body)
	if found == nil {
		return ""
	}
	return found[1]
}

func (p shown) state() string { return p.find(`data-state="([^"]*)"`) }

func (p shown) number() string { return p.find(`id="number"[^>]*>(\d+)<`) }

func (p shown) want(status int, state string) shown {
	p.t.Helper()
	if p.status != status || p.state() != state {
		p.t.Fatalf("%s: status %d, state %q; want %d, %q", p.path, p.status, p.state(), status, state)
	}
	return p
}

func (p shown) has(text string) shown {
	p.t.Helper()
	if !strings.Contains(p.body, text) {
		p.t.Errorf("%s: the page lacks %q", p.path, text)
	}
	return p
}

func (s *site) password(name string) shown {
	s.t.Helper()
	return s.post("/", "username", name, "password", fronttest.Password)
}

// signIn signs in with a number, and gives the account's page.
func (s *site) signIn(name string, device directory.Device) shown {
	s.t.Helper()
	s.Approve(device, s.password(name).want(http.StatusOK, "number").number())
	return s.get("/challenge").want(http.StatusOK, "account")
}

func (s *site) code(secret string) string {
	s.t.Helper()
	key := otp.Defaults(otp.TOTP)
	key.Secret = otp.Secret(secret)
	code, err := key.Code(s.Clock.Now())
	s.Check(err)
	return code
}

func (s *site) cookie() string {
	u, err := url.Parse(s.server.URL)
	s.Check(err)
	for _, c := range s.client.Jar.Cookies(u) {
		if c.Name == session.CookieName {
			return c.Value
		}
	}
	return ""
}

const secret = "kkkkkkkkkkkkkkkkkkkk"

func TestSigningInWithANumber(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.get("/").want(http.StatusOK, "sign-in").has(`id="username"`).has(`id="password"`)
	number := s.password("zoe").want(http.StatusOK, "number")
	if len(number.number()) != 2 {
		t.Fatalf("number %q", number.number())
	}
	number.has("Countersign app").has(`data-events="/challenge/events"`).has(`http-equiv="refresh"`)
	before := s.cookie()
	s.Approve(device, number.number())
	account := s.get("/challenge").want(http.StatusOK, "account")
	if account.path != "/account" {
		t.Errorf("landed on %s", account.path)
	}
	account.has("Pixel").has(`data-testid="sign-in"`).has("Approved")
	if after := s.cookie(); after == "" || after == before {
		t.Error("the session's id is the same after the second factor")
	}
	// The old id is worth nothing.
	r := func(r *http.Request) { r.Header.Set("Cookie", session.CookieName+"="+before) }
	s.client.Jar = nil
	s.send(http.MethodGet, "/account", nil, r).want(http.StatusOK, "sign-in")
}

func TestTheNumberReachesNoDevice(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.password("zoe").want(http.StatusOK, "number")
	asked, _ := s.Asked(device.ID)
	if asked.Digits != 2 || asked.App != "Countersign" {
		t.Errorf("asked %+v", asked)
	}
}

func TestTheSessionIsANewOneAfterThePassword(t *testing.T) {
	s := newSite(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	planted := strings.Repeat("A", 43)
	u, err := url.Parse(s.server.URL)
	s.Check(err)
	s.client.Jar.SetCookies(u, []*http.Cookie{{Name: session.CookieName, Value: planted, Path: "/", Secure: true}})
	s.password("zoe")
	if s.cookie() == planted {
		t.Error("a planted session id was taken")
	}
}

func TestCookiesAreHostCookies(t *testing.T) {
	s := newSite(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res := s.password("zoe")
	set := res.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-countersign=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(set, part) {
			t.Errorf("Set-Cookie %q lacks %s", set, part)
		}
	}
	if strings.Contains(set, "Domain") {
		t.Errorf("Set-Cookie %q", set)
	}
}

func TestAWrongPasswordAndAnUnknownNameAreOne(t *testing.T) {
	s := newSite(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	known := s.post("/", "username", "zoe", "password", "not the password")
	unknown := s.post("/", "username", "eve", "password", "not the password")
	known.want(http.StatusForbidden, "sign-in").has(`id="error"`)
	if known.status != unknown.status || strings.ReplaceAll(known.body, "zoe", "eve") != unknown.body {
		t.Error("the answers differ")
	}
}

func TestGuessingPasswordsBacksOff(t *testing.T) {
	s := newSite(t)
	for range 10 {
		s.post("/", "username", "zoe", "password", "not the password")
	}
	limited := s.post("/", "username", "zoe", "password", "not the password")
	limited.want(http.StatusTooManyRequests, "sign-in")
	if limited.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestEmptyFieldsAreAskedFor(t *testing.T) {
	s := newSite(t)
	s.post("/", "username", "zoe").want(http.StatusBadRequest, "sign-in").has(`role="alert"`)
	s.post("/phone", "username", " ").want(http.StatusBadRequest, "phone").has(`role="alert"`)
	s.post("/reset", "username", "a\x00b").want(http.StatusBadRequest, "reset").has(`role="alert"`)
}

func TestOutcomesHavePagesOfTheirOwn(t *testing.T) {
	for _, c := range []struct {
		state string
		do    func(*message.Answer)
	}{
		{"denied", func(a *message.Answer) { a.Decision = message.DecisionDeny }},
		{"wrong-number", func(a *message.Answer) { a.Number = "07" }},
		{"reported", func(a *message.Answer) { a.Decision = message.DecisionReport }},
		{"wearable", func(a *message.Answer) { a.FormFactor = message.FormWatch }},
		{"upgrade", func(a *message.Answer) { a.AppVersion = "0.0.1" }},
	} {
		t.Run(c.state, func(t *testing.T) {
			s := newSite(t)
			user := s.User(directory.User{Name: "zoe"})
			device := s.Device(user)
			s.TOTP(user, secret)
			s.password("zoe").want(http.StatusOK, "number")
			s.Answer(device, c.do)
			p := s.get("/challenge").want(http.StatusOK, c.state)
			p.has(`id="again"`).has(`id="use-code"`).has(`class="next"`)
			s.get("/account").want(http.StatusOK, "sign-in") // nobody is signed in
		})
	}
}

func TestAnUnansweredNumberExpires(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	number := s.password("zoe").number()
	s.Clock.Move(61 * time.Second)
	s.get("/challenge").want(http.StatusOK, "expired").has(`id="again"`)
	s.Approve(device, number)
	s.get("/challenge").want(http.StatusOK, "expired")
	// Again, without the password.
	s.post("/challenge/again").want(http.StatusOK, "number")
}

func TestTheFirstFactorDoesNotLastForEver(t *testing.T) {
	s := newSite(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	s.password("zoe")
	s.Clock.Move(11 * time.Minute)
	s.post("/challenge/again").want(http.StatusForbidden, "session-ended")
}

func TestAnApprovalIsTakenUpSoonOrNever(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.Approve(device, s.password("zoe").number())
	s.Clock.Move(6 * time.Minute)
	s.get("/challenge").want(http.StatusOK, "sign-in")
}

func TestNoDevice(t *testing.T) {
	s := newSite(t)
	s.User(directory.User{Name: "zoe"})
	s.password("zoe").want(http.StatusForbidden, "no-device").has("administrator")
}

func TestAnOldAppIsSentToItsUpdate(t *testing.T) {
	s := newSite(t)
	s.Device(s.User(directory.User{Name: "zoe"}), func(d *directory.Device) { d.AppVersion = "0.0.1" })
	s.password("zoe").want(http.StatusForbidden, "upgrade").has("Update")
}

func TestLimitsHavePagesOfTheirOwn(t *testing.T) {
	t.Run("another is pending", func(t *testing.T) {
		s := newSite(t)
		s.Device(s.User(directory.User{Name: "zoe"}))
		s.password("zoe")
		s.newBrowser()
		busy := s.password("zoe").want(http.StatusConflict, "busy")
		if busy.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
	t.Run("too many", func(t *testing.T) {
		s := newSite(t)
		user := s.User(directory.User{Name: "zoe"})
		s.Device(user)
		s.TOTP(user, secret)
		for range 3 {
			s.password("zoe").want(http.StatusOK, "number")
			s.post("/challenge/cancel").want(http.StatusOK, "sign-in")
		}
		s.password("zoe").want(http.StatusTooManyRequests, "too-many").has(`id="use-code"`)
		// Push limits never stop a code.
		s.post("/challenge/use-code").want(http.StatusOK, "code")
		s.post("/challenge/code", "code", s.code(secret)).want(http.StatusOK, "account")
	})
	t.Run("locked", func(t *testing.T) {
		s := newSite(t)
		user := s.User(directory.User{Name: "zoe"})
		device := s.Device(user)
		s.TOTP(user, secret)
		for range 5 {
			s.Clock.Move(2 * time.Hour)
			s.password("zoe").want(http.StatusOK, "number")
			s.Approve(device, "07")
		}
		s.Clock.Move(2 * time.Hour)
		s.password("zoe").want(http.StatusLocked, "locked").has("locked")
		s.post("/challenge/use-code")
		s.post("/challenge/code", "code", s.code(secret)).want(http.StatusOK, "account")
		s.post("/signout").want(http.StatusOK, "sign-in")
		s.password("zoe").want(http.StatusOK, "number") // the code unlocked it
	})
	t.Run("blocked", func(t *testing.T) {
		s := newSite(t)
		device := s.Device(s.User(directory.User{Name: "zoe"}))
		s.password("zoe")
		s.Answer(device, func(a *message.Answer) { a.Decision = message.DecisionReport })
		s.password("zoe").want(http.StatusForbidden, "blocked")
	})
}

func TestComingBackToTheFormStartsAnew(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.password("zoe").want(http.StatusOK, "number")
	s.get("/").want(http.StatusOK, "sign-in")
	second := s.password("zoe").want(http.StatusOK, "number").number() // not "another is waiting"
	s.Approve(device, second)
	s.get("/challenge").want(http.StatusOK, "account")
}

func TestThePreviewMayAskWithoutANumber(t *testing.T) {
	s := newSite(t)
	s.Settings(func(set *tenant.Settings) { set.Rollout = policy.Preview })
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	if p := s.password("zoe").want(http.StatusOK, "approve"); p.number() != "" {
		t.Error("a number is shown")
	}
	s.Answer(device, func(*message.Answer) {})
	s.get("/challenge").want(http.StatusOK, "account")
}

func TestAnUnreachableRelayIsSaidSo(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	device := s.Device(user)
	s.TOTP(user, secret)
	s.connected = false
	s.password("zoe").want(http.StatusServiceUnavailable, "unreachable").has(`id="again"`)
	if _, asked := s.Asked(device.ID); asked {
		t.Error("a challenge was started")
	}
	s.post("/phone", "username", "zoe").want(http.StatusServiceUnavailable, "unreachable")
	s.password("zoe")
	s.post("/challenge/use-code").want(http.StatusOK, "code")
	s.post("/challenge/code", "code", s.code(secret)).want(http.StatusOK, "account")
}

func TestACodeInsteadOfANumber(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	device := s.Device(user)
	s.TOTP(user, secret)
	number := s.password("zoe").want(http.StatusOK, "number").has(`id="use-code"`).number()
	s.post("/challenge/use-code").want(http.StatusOK, "code").has(`inputmode="numeric"`).has(`id="use-push"`)
	s.Approve(device, number)
	s.get("/challenge").want(http.StatusOK, "code") // the push is cancelled
	s.post("/challenge/code", "code", "12").want(http.StatusUnprocessableEntity, "code").has(`role="alert"`)
	right := s.code(secret)
	s.post("/challenge/code", "code", right[:3]+" "+right[3:]).want(http.StatusOK, "account")
	// The same code again signs nobody in.
	s.post("/signout")
	s.password("zoe")
	s.post("/challenge/use-code")
	s.post("/challenge/code", "code", right).want(http.StatusUnprocessableEntity, "code")
}

func TestDefaultMethodTOTP(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe", Default: policy.MethodTOTP})
	device := s.Device(user)
	s.TOTP(user, secret)
	s.password("zoe").want(http.StatusOK, "code")
	if _, asked := s.Asked(device.ID); asked {
		t.Error("a push was sent")
	}
	s.post("/challenge/use-push").want(http.StatusOK, "number")
}

func TestTheNextStepNeedsTheStepBefore(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/account", "/challenge", "/account/add", "/account/totp", "/account/add/qr.png", "/account/totp/qr.png", "/reset/password"} {
		if p := s.get(path); p.state() != "sign-in" {
			t.Errorf("GET %s shows %q", path, p.state())
		}
	}
	for _, path := range []string{
		"/challenge/again", "/challenge/use-code", "/challenge/use-push", "/challenge/code", "/challenge/cancel", "/account/add", "/account/add/cancel",
		"/account/remove", "/account/totp", "/account/totp/confirm", "/account/totp/cancel", "/account/totp/remove", "/reset/password", "/signout-everywhere",
	} {
		s.post(path).want(http.StatusForbidden, "session-ended")
	}
	// The password alone is not enough for the account.
	s.Device(s.User(directory.User{Name: "zoe"}))
	s.password("zoe").want(http.StatusOK, "number")
	s.get("/account").want(http.StatusOK, "sign-in")
	s.post("/account/totp").want(http.StatusForbidden, "session-ended")
	s.post("/account/add").want(http.StatusForbidden, "session-ended")
}

func TestForeignOriginsAreRefused(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	values := url.Values{"username": {"zoe"}, "password": {fronttest.Password}}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
	} {
		s.send(http.MethodPost, "/", values, change).want(http.StatusForbidden, "forbidden")
	}
	if _, asked := s.Asked(device.ID); asked {
		t.Error("a foreign page started a sign-in")
	}
	own := func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", s.server.URL) }
	s.send(http.MethodPost, "/", values, own).want(http.StatusOK, "number")
}

func TestALargeFormIsRefused(t *testing.T) {
	s := newSite(t)
	s.post("/", "username", strings.Repeat("x", 32<<10)).want(http.StatusBadRequest, "invalid")
}

func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		wait func(*site)
	}{
		{"after half an hour without a request", func(s *site) { s.Clock.Move(31 * time.Minute) }},
		{"after twelve hours", func(s *site) {
			for range 30 {
				s.Clock.Move(25 * time.Minute)
				s.get("/account")
			}
		}},
		{"when they are signed out", func(s *site) { s.post("/signout") }},
		{"when they are signed out everywhere", func(s *site) { s.post("/signout-everywhere") }},
		{"when the user is disabled", func(s *site) {
			s.Update(func(tx store.Tx) error {
				u, err := s.Directory.FindUser(tx, "zoe")
				if err != nil {
					return err
				}
				u.Disabled = true
				return s.Directory.PutUser(tx, u)
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
			s.Clock.Move(20 * time.Minute)
			s.get("/account").want(http.StatusOK, "account")
			c.wait(s)
			s.get("/account").want(http.StatusOK, "sign-in")
		})
	}
}

func TestSessionsAreStoredAsHashes(t *testing.T) {
	s := newSite(t)
	s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
	cookie := s.cookie()
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("web_session", store.Range{}, func(key string, value []byte) error {
			if strings.Contains(key+string(value), cookie) {
				t.Error("the cookie stands in the store")
			}
			return nil
		})
	}))
}

func TestEventsTellOfTheAnswer(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	number := s.password("zoe").number()
	events := make(chan shown)
	go func() { events <- s.get("/challenge/events") }()
	s.Approve(device, number)
	stream := <-events
	if got := stream.header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	stream.has("event: change\n")
	if strings.Contains(stream.body, number) || strings.Contains(stream.body, "approved") {
		t.Error("the stream says more than that something changed")
	}
	s.newBrowser()
	if p := s.get("/challenge/events"); p.status != http.StatusNoContent {
		t.Errorf("without a session: status %d", p.status)
	}
}

func TestPagesAskNothingOfOtherHosts(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	pages := []shown{s.get("/"), s.get("/phone"), s.get("/reset"), s.get("/nothing"), s.password("zoe")}
	s.Approve(device, pages[4].number())
	pages = append(pages, s.get("/challenge"))
	inline := regexp.MustCompile(`<script>|<style|\son[a-z]+=|\sstyle=|javascript:`)
	foreign := regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
	for _, p := range pages {
		csp := p.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q", p.path, csp)
		}
		if inline.MatchString(p.body) {
			t.Errorf("%s: inline script or style %q", p.path, inline.FindString(p.body))
		}
		if foreign.MatchString(p.body) {
			t.Errorf("%s: %q", p.path, foreign.FindString(p.body))
		}
		if p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", p.path, p.header.Get("Cache-Control"))
		}
	}
}

func TestStaticFilesCanBeKept(t *testing.T) {
	s := newSite(t)
	href := strings.ReplaceAll(s.get("/").find(`rel="stylesheet" href="([^"]*)"`), "&amp;", "&")
	css := s.get(href)
	if css.status != http.StatusOK || !strings.HasPrefix(css.header.Get("Content-Type"), "text/css") || !strings.Contains(css.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d %v", href, css.status, css.header)
	}
	again := s.send(http.MethodGet, href, nil, func(r *http.Request) { r.Header.Set("If-None-Match", css.header.Get("ETag")) })
	if again.status != http.StatusNotModified {
		t.Errorf("status %d", again.status)
	}
	for _, path := range []string{"/static/regular.ttf", "/static/bold.ttf", "/static/app.svg", "/static/pages.js"} {
		if p := s.get(path); p.status != http.StatusOK {
			t.Errorf("%s: %d", path, p.status)
		}
	}
	if p := s.get("/static/../web.go"); p.status == http.StatusOK && strings.Contains(p.body, "package") {
		t.Error("a file that is no static one is served")
	}
}
