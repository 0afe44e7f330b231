package api_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/api"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/policy"
	"countersign/verifier/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type service struct {
	*fronttest.Service
	handler http.Handler
	key     string // of a client of kind web
}

func newService(t *testing.T) service {
	t.Helper()
	s := service{Service: fronttest.New(t)}
	_, s.key = s.Client(directory.NewClient{Name: "Contoso", Kind: policy.KindWeb})
	mux := http.NewServeMux()
	api.New(api.Config{
		Store: s.Store, Directory: s.Directory, Tenant: s.Tenant, Challenges: s.Challenges, Middleware: s.Middleware,
		Broker: directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb}, Now: s.Clock.Now, Logger: s.Logger,
	}).Mount(mux)
	s.handler = mux
	return s
}

// answer is a response with its body read.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   map[string]any
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

func (a answer) want(status int, code string) {
	a.t.Helper()
	if a.status != status || a.text("code") != code {
		a.t.Errorf("status %d, code %q; want %d, %q; body %v", a.status, a.text("code"), status, code, a.body)
	}
}

// do sends a request with the key of a client; an empty one sends none.
func (s service) do(t *testing.T, key, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{t: t, status: w.Code, header: w.Header(), body: map[string]any{}}
	if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
		t.Fatalf("%s %s: the body is no JSON: %v", method, path, err)
	}
	return a
}

func (s service) start(t *testing.T, body string) answer {
	t.Helper()
	return s.do(t, s.key, "POST", "/api/v1/challenges", body)
}

func TestANumberIsMatched(t *testing.T) {
	s := newService(t)
	s.Settings(func(set *tenant.Settings) { set.Domain = "contoso.example" })
	device := s.Device(s.User(directory.User{Name: "zoe@contoso.example"}))
	started := s.start(t, `{"user":"ZOE","context":{"app":"Wiki","ip":"::ffff:192.0.2.7","location":"Lund"},"ttl":90}`)
	if started.status != http.StatusCreated || started.text("experience") != "number_match" || started.text("state") != "pending" {
		t.Fatalf("%d %v", started.status, started.body)
	}
	if number := started.text("number"); len(number) != 2 {
		t.Errorf("number %q", number)
	}
	expires, err := time.Parse(time.RFC3339, started.text("expires_at"))
	if err != nil || expires.Sub(s.Clock.Now()) != 90*time.Second {
		t.Errorf("expires_at %q", started.text("expires_at"))
	}
	path := started.header.Get("Location")
	if path != "/api/v1/challenges/"+started.text("id") {
		t.Errorf("Location %q", path)
	}
	if asked, _ := s.Asked(device.ID); asked.IP != "192.0.2.7" || asked.App != "Wiki" || asked.Location != "Lund" {
		t.Errorf("the device is shown %+v", asked)
	}

	// The wait ends with the answer, not with the time.
	done := make(chan answer)
	go func() { done <- s.do(t, s.key, "GET", path+"?wait=55s", "") }()
	s.Approve(device, started.text("number"))
	settled := <-done
	if settled.text("state") != "approved" || settled.text("device") != string(device.ID) || settled.text("receipt") == "" {
		t.Errorf("settled: %v", settled.body)
	}
	if settled.text("decided_at") == "" || settled.text("number") != "" {
		t.Errorf("settled: %v", settled.body)
	}
}

func TestAWrongNumberDenies(t *testing.T) {
	s := newService(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	started := s.start(t, `{"user":"zoe"}`)
	s.Approve(device, "07") // never drawn: two digits begin at 10
	settled := s.do(t, s.key, "GET", started.header.Get("Location"), "")
	if settled.text("state") != "denied" || settled.text("reason") != message.ReasonNumberMismatch {
		t.Errorf("%v", settled.body)
	}
}

func TestCancelling(t *testing.T) {
	s := newService(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	started := s.start(t, `{"user":"zoe"}`)
	path := started.header.Get("Location")
	if a := s.do(t, s.key, "DELETE", path, ""); a.status != http.StatusOK || a.text("state") != "cancelled" {
		t.Errorf("DELETE: %d %v", a.status, a.body)
	}
	s.Approve(device, started.text("number"))
	if a := s.do(t, s.key, "GET", path, ""); a.text("state") != "cancelled" || a.text("receipt") != "" {
		t.Errorf("after an answer that came too late: %v", a.body)
	}
}

func TestCodes(t *testing.T) {
	s := newService(t)
	secret := strings.Repeat("k", 20)
	s.TOTP(s.User(directory.User{Name: "zoe"}), secret)
	key := otp.Defaults(otp.TOTP)
	key.Secret = otp.Secret(secret)
	right, err := key.Code(s.Clock.Now())
	s.Check(err)

	started := s.start(t, `{"user":"zoe"}`)
	if started.text("experience") != "totp" || started.text("number") != "" {
		t.Fatalf("%v", started.body)
	}
	path := started.header.Get("Location") + "/code"
	wrong := s.do(t, s.key, "POST", path, `{"code":"`+wrongCode(right)+`"}`)
	wrong.want(http.StatusUnprocessableEntity, "wrong_code")
	if wrong.text("state") != "pending" {
		t.Errorf("state %v", wrong.body)
	}
	if a := s.do(t, s.key, "POST", path, `{"code":"`+right+`"}`); a.status != http.StatusOK || a.text("state") != "approved" {
		t.Errorf("%d %v", a.status, a.body)
	}
	s.do(t, s.key, "POST", path, `{"code":"`+right+`"}`).want(http.StatusConflict, "already_settled")

	again := s.start(t, `{"user":"zoe"}`)
	s.do(t, s.key, "POST", again.header.Get("Location")+"/code", `{"code":"`+right+`"}`).
		want(http.StatusUnprocessableEntity, "wrong_code") // a code counts once
}

func TestAnAdministratorsResetTakesTwoMethods(t *testing.T) {
	s := newService(t)
	secret := strings.Repeat("k", 20)
	ada := s.User(directory.User{Name: "ada", Admin: true})
	device := s.Device(ada)
	s.TOTP(ada, secret)
	key := otp.Defaults(otp.TOTP)
	key.Secret = otp.Secret(secret)
	right, err := key.Code(s.Clock.Now())
	s.Check(err)

	started := s.start(t, `{"user":"ada","scenario":"sspr","method":"totp"}`)
	path := started.header.Get("Location")
	if started.text("experience") != "number_match" || started.text("state") != "pending" {
		t.Fatalf("%v", started.body)
	}
	s.do(t, s.key, "POST", path+"/code", `{"code":"`+right+`"}`).want(http.StatusConflict, "no_code_expected")
	s.Approve(device, started.text("number"))
	half := s.do(t, s.key, "GET", path, "")
	if half.text("state") != "pending" || half.text("experience") != "totp" || half.text("reason") != "second_method_required" {
		t.Errorf("after the push: %v", half.body)
	}
	for _, member := range []string{"number", "device", "receipt", "decided_at"} {
		if _, has := half.body[member]; has {
			t.Errorf("halfway it has %s: %v", member, half.body)
		}
	}
	done := s.do(t, s.key, "POST", path+"/code", `{"code":"`+right+`"}`)
	if done.status != http.StatusOK || done.text("state") != "approved" || done.text("receipt") == "" || done.text("device") == "" {
		t.Errorf("after the code: %d %v", done.status, done.body)
	}
}

func wrongCode(right string) string {
	if right == "123456" {
		return "654321"
	}
	return "123456"
}

func TestWrongCodesLock(t *testing.T) {
	s := newService(t)
	s.TOTP(s.User(directory.User{Name: "zoe"}), strings.Repeat("k", 20))
	path := s.start(t, `{"user":"zoe"}`).header.Get("Location") + "/code"
	for range challenge.DefaultLimits().WrongCodes - 1 {
		s.do(t, s.key, "POST", path, `{"code":"-1"}`).want(http.StatusUnprocessableEntity, "wrong_code")
	}
	last := s.do(t, s.key, "POST", path, `{"code":"-1"}`)
	last.want(http.StatusLocked, "totp_locked")
	if last.text("state") != "denied" || last.text("reason") != "locked" {
		t.Errorf("the last try: %v", last.body)
	}
	refused := s.start(t, `{"user":"zoe"}`)
	refused.want(http.StatusLocked, "totp_locked")
	wantLockedWords(t, refused)
}

// What is no id is nobody's, and no fault of ours: the log is not for strangers to
// fill.
func TestWhatIsNoIDIsNotFound(t *testing.T) {
	s := newService(t)
	for _, id := range []string{"%00", "a%00b", "%0A", "%7F", "%FF%FE", "%20", strings.Repeat("A", 64), strings.Repeat("A", 65), strings.Repeat("A", 4000)} {
		path := "/api/v1/challenges/" + id
		s.do(t, s.key, "GET", path, "").want(http.StatusNotFound, "not_found")
		s.do(t, s.key, "GET", path+"?wait=1s", "").want(http.StatusNotFound, "not_found")
		s.do(t, s.key, "DELETE", path, "").want(http.StatusNotFound, "not_found")
		s.do(t, s.key, "POST", path+"/code", `{"code":"123456"}`).want(http.StatusNotFound, "not_found")
		s.do(t, "", "GET", "/broker/v1/sessions/"+id, "").want(http.StatusNotFound, "not_found")
	}
}

func wantLockedWords(t *testing.T, a answer) {
	t.Helper()
	if !strings.Contains(a.text("title")+a.text("detail"), "locked") {
		t.Errorf(`the words do not say "locked": %v`, a.body)
	}
}

func TestACodeForAPushIsRefused(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	path := s.start(t, `{"user":"zoe"}`).header.Get("Location") + "/code"
	s.do(t, s.key, "POST", path, `{"code":"123456"}`).want(http.StatusConflict, "no_code_expected")
}

func TestTheFirstChallengeStands(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	s.start(t, `{"user":"zoe"}`)
	second := s.start(t, `{"user":"zoe"}`)
	second.want(http.StatusConflict, "challenge_pending")
	wantRetryAfter(t, second)
}

func wantRetryAfter(t *testing.T, a answer) {
	t.Helper()
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
}

func TestStartsAreLimited(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	for range 3 {
		a := s.start(t, `{"user":"zoe"}`)
		s.do(t, s.key, "DELETE", a.header.Get("Location"), "")
	}
	limited := s.start(t, `{"user":"zoe"}`)
	limited.want(http.StatusTooManyRequests, "too_many_requests")
	wantRetryAfter(t, limited)
}

func TestALockedAccountIsRefusedInWords(t *testing.T) {
	s := newService(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	for range challenge.DefaultLimits().WrongNumbers {
		s.Clock.Move(2 * time.Hour)
		if a := s.start(t, `{"user":"zoe"}`); a.status != http.StatusCreated {
			t.Fatalf("%d %v", a.status, a.body)
		}
		s.Approve(device, "07")
	}
	s.Clock.Move(2 * time.Hour)
	refused := s.start(t, `{"user":"zoe"}`)
	refused.want(http.StatusLocked, "push_locked")
	wantLockedWords(t, refused)
}

func TestAReportBlocksItsSource(t *testing.T) {
	s := newService(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.start(t, `{"user":"zoe","context":{"ip":"192.0.2.7"}}`)
	s.Answer(device, func(a *message.Answer) { a.Decision = message.DecisionReport })
	// The same address, in its other form.
	blocked := s.start(t, `{"user":"zoe","context":{"ip":"::ffff:192.0.2.7"}}`)
	blocked.want(http.StatusForbidden, "source_blocked")
	wantRetryAfter(t, blocked)
	if a := s.start(t, `{"user":"zoe","context":{"ip":"192.0.2.8"}}`); a.status != http.StatusCreated {
		t.Errorf("from elsewhere: %d %v", a.status, a.body)
	}
}

func TestAnUnknownUserIsLikeOneWithoutADevice(t *testing.T) {
	s := newService(t)
	s.User(directory.User{Name: "bare"})
	for _, body := range []string{`{"user":%}`, `{"user":%,"method":"push"}`, `{"user":%,"method":"totp"}`, `{"user":%,"scenario":"sspr"}`, `{"user":%,"scenario":"phone_sign_in"}`} {
		t.Run(body, func(t *testing.T) {
			known := s.start(t, strings.Replace(body, "%", `"bare"`, 1))
			unknown := s.start(t, strings.Replace(body, "%", `"nobody"`, 1))
			if known.status != http.StatusCreated || unknown.status != known.status {
				t.Errorf("status %d and %d", known.status, unknown.status)
			}
			if known.text("state") != "denied" || known.text("experience") != "none" || known.text("reason") == "" {
				t.Errorf("a user without a device: %v", known.body)
			}
			for _, a := range []answer{known, unknown} {
				for _, fresh := range []string{"Location", "Request-Id"} {
					if a.header.Get(fresh) == "" {
						t.Errorf("no %s", fresh)
					}
					a.header.Del(fresh)
				}
				if len(a.text("id")) != len(known.text("id")) {
					t.Error("ids of different lengths")
				}
			}
			delete(known.body, "id")
			delete(unknown.body, "id")
			if !maps.EqualFunc(known.header, unknown.header, slices.Equal) {
				t.Errorf("headers %v and %v", known.header, unknown.header)
			}
			if !maps.Equal(known.body, unknown.body) {
				t.Errorf("bodies %v and %v", known.body, unknown.body)
			}
		})
	}
}

func TestAChallengeIsItsClientsAlone(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	_, other := s.Client(directory.NewClient{Name: "Fabrikam", Kind: policy.KindWeb})
	path := s.start(t, `{"user":"zoe"}`).header.Get("Location")
	s.do(t, other, "GET", path, "").want(http.StatusNotFound, "not_found")
	s.do(t, other, "DELETE", path, "").want(http.StatusNotFound, "not_found")
	s.do(t, other, "POST", path+"/code", `{"code":"123456"}`).want(http.StatusNotFound, "not_found")
	if a := s.do(t, s.key, "GET", path, ""); a.text("state") != "pending" {
		t.Errorf("%v", a.body)
	}
}

func TestAKeyIsNeeded(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"POST /api/v1/challenges", "GET /api/v1/challenges/x", "POST /api/v1/policy/evaluate"} {
		method, path, _ := strings.Cut(path, " ")
		for _, key := range []string{"", "wrong", strings.Repeat("k", 4096)} {
			a := s.do(t, key, method, path, `{"broken`)
			a.want(http.StatusUnauthorized, "unauthorized")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
			}
		}
	}
}

func TestBadBodiesNameTheMember(t *testing.T) {
	s := newService(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	for _, c := range []struct{ body, names string }{
		{`{"user":"zoe","number_matching":false}`, `"number_matching"`},
		{`{"user":"zoe","context":{"app":"x","nope":1}}`, `"context.nope"`},
		{`{"user":"zoe","User":"zoe"}`, `"User"`},
		{`{"user":"zoe","user":"zoe"}`, `"user"`},
		{`{"user":7}`, `"user"`},
		{`{}`, `"user"`},
		{`{"user":" "}`, `"user"`},
		{`{"user":"a\u0000b"}`, `"user"`},
		{`{"user":"` + strings.Repeat("x", 300) + `"}`, `"user"`},
		{`{"user":"zoe","scenario":"magic"}`, `"scenario"`},
		{`{"user":"zoe","method":"sms"}`, `"method"`},
		{`{"user":"zoe","ttl":0}`, `"ttl"`},
		{`{"user":"zoe","ttl":-5}`, `"ttl"`},
		{`{"user":"zoe","ttl":1.5}`, `"ttl"`},
		{`{"user":"zoe","ttl":"60"}`, `"ttl"`},
		{`{"user":"zoe","context":{"ip":"999.1.1.1"}}`, `"context.ip"`},
		{`{"user":"zoe","context":{"app":"` + strings.Repeat("x", 600) + `"}}`, `"context.app"`},
		{`{"user":"zoe","context":{"origin":"a\nb"}}`, `"context.origin"`},
		{`[]`, "JSON object"},
		{``, "JSON object"},
		{`{"user":"zoe"} {}`, "JSON"},
		{`{"user":"zoe"`, "JSON"},
	} {
		a := s.start(t, c.body)
		a.want(http.StatusBadRequest, "invalid_request")
		if !strings.Contains(a.text("detail"), c.names) {
			t.Errorf("%.60s: the words do not name %s: %q", c.body, c.names, a.text("detail"))
		}
	}
	if _, asked := s.Asked(device.ID); asked {
		t.Error("a bad body reached a device")
	}
}

func TestALongLifeIsCapped(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	a := s.start(t, `{"user":"zoe","ttl":86400}`)
	expires, err := time.Parse(time.RFC3339, a.text("expires_at"))
	if err != nil || expires.Sub(s.Clock.Now()) != 120*time.Second {
		t.Errorf("expires_at %q", a.text("expires_at"))
	}
}

func TestALargeBodyIsRefused(t *testing.T) {
	s := newService(t)
	s.start(t, `{"user":"`+strings.Repeat("x", 64<<10)+`"}`).want(http.StatusRequestEntityTooLarge, "body_too_large")
}

func TestAFormIsNoRequest(t *testing.T) {
	s := newService(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/challenges", strings.NewReader(`{"user":"zoe"}`))
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("status %d", w.Code)
	}
}

func TestWaits(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	path := s.start(t, `{"user":"zoe"}`).header.Get("Location")
	for _, wait := range []string{"25", "-1s", "soon", "1s&wait=2s", ""} {
		s.do(t, s.key, "GET", path+"?wait="+wait, "").want(http.StatusBadRequest, "invalid_request")
	}
	if a := s.do(t, s.key, "GET", path+"?wait=5ms", ""); a.status != http.StatusOK || a.text("state") != "pending" {
		t.Errorf("%d %v", a.status, a.body)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := newService(t)
	s.do(t, s.key, "GET", "/api/v1/nothing", "").want(http.StatusNotFound, "not_found")
	a := s.do(t, s.key, "PUT", "/api/v1/challenges", "{}")
	a.want(http.StatusMethodNotAllowed, "method_not_allowed")
	if a.header.Get("Allow") != "POST" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
}

func TestEvaluateFollowsTheTenant(t *testing.T) {
	s := newService(t)
	body := `{"client":{"kind":"mfa_server"},"user":{"push":true}}`
	evaluate := func(body string) answer { return s.do(t, s.key, "POST", "/api/v1/policy/evaluate", body) }
	if a := evaluate(body); a.status != http.StatusOK || a.text("experience") != "approve_deny" {
		t.Errorf("%d %v", a.status, a.body)
	}
	if a := evaluate(body); !slices.Equal(slices.Sorted(maps.Keys(a.body)), []string{"event", "experience", "reason"}) || a.body["event"] != nil {
		t.Errorf("members: %v", a.body)
	}
	s.Settings(func(set *tenant.Settings) { set.AllowApproveDeny = false })
	if a := evaluate(body); a.text("experience") != "none" || a.text("reason") != "number_matching_unavailable" {
		t.Errorf("hardened: %v", a.body)
	}
	for _, c := range []struct{ body, names string }{
		{`{"client":{"kind":"toaster"}}`, "client.kind"}, {`{"clientt":{}}`, "clientt"}, {`[]`, "object"}, {``, "object"},
	} {
		a := evaluate(c.body)
		a.want(http.StatusBadRequest, "invalid_request")
		if !strings.Contains(a.text("detail"), c.names) {
			t.Errorf("%s: %q", c.body, a.text("detail"))
		}
	}
}

func TestTheSameDeviceFlow(t *testing.T) {
	s := newService(t)
	user := s.User(directory.User{Name: "zoe"})
	device := s.Device(user, func(d *directory.Device) { d.Platform = policy.IOS })
	started := s.do(t, "", "POST", "/broker/v1/sessions", `{"user":"zoe","password":"`+fronttest.Password+`"}`)
	if started.status != http.StatusCreated || len(started.text("number")) != 2 {
		t.Fatalf("%d %v", started.status, started.body)
	}
	asked, _ := s.Asked(device.ID)
	if asked.BrokerSession != started.text("id") || asked.Scenario != message.ScenarioBroker {
		t.Errorf("the device is asked %+v", asked)
	}
	// Who knows the id from the challenge alone, such as another device of the
	// user, does not get the number by it.
	if a := s.do(t, "", "GET", "/broker/v1/sessions/"+started.text("id"), ""); a.text("state") != "pending" || a.text("number") != "" {
		t.Errorf("%v", a.body)
	}
	s.Approve(device, started.text("number"))
	a := s.do(t, "", "GET", "/broker/v1/sessions/"+started.text("id")+"?wait=1s", "")
	if a.text("state") != "approved" || a.text("receipt") != "" {
		t.Errorf("%v", a.body)
	}
	s.do(t, "", "GET", "/broker/v1/sessions/"+asked.ID, "").want(http.StatusNotFound, "not_found")
}

func TestTheSameDeviceFlowNeedsThePassword(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}), func(d *directory.Device) { d.Platform = policy.IOS })
	for range 10 {
		for _, user := range []string{"zoe", "nobody"} {
			s.do(t, "", "POST", "/broker/v1/sessions", `{"user":"`+user+`","password":"wrong password"}`).
				want(http.StatusUnauthorized, "wrong_password")
		}
	}
	for _, user := range []string{"zoe", "nobody"} {
		limited := s.do(t, "", "POST", "/broker/v1/sessions", `{"user":"`+user+`","password":"`+fronttest.Password+`"}`)
		limited.want(http.StatusTooManyRequests, "too_many_requests")
		wantRetryAfter(t, limited)
	}
}

func TestTheSameDeviceFlowIsForIOS(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	a := s.do(t, "", "POST", "/broker/v1/sessions", `{"user":"zoe","password":"`+fronttest.Password+`"}`)
	if a.status != http.StatusForbidden || a.text("code") == "" {
		t.Errorf("%d %v", a.status, a.body)
	}
}

// What the same-device flow does not take up must not stay pending: the user's
// next sign-in would find the place taken.
func TestTheSameDeviceFlowLeavesNothingPending(t *testing.T) {
	s := newService(t)
	s.Settings(func(set *tenant.Settings) { set.Rollout = policy.Preview })
	user := s.User(directory.User{Name: "zoe"})
	s.Device(user, func(d *directory.Device) { d.Platform = policy.IOS })
	a := s.do(t, "", "POST", "/broker/v1/sessions", `{"user":"zoe","password":"`+fronttest.Password+`"}`)
	if a.status != http.StatusForbidden || a.text("number") != "" {
		t.Fatalf("%d %v", a.status, a.body)
	}
	if next := s.start(t, `{"user":"zoe"}`); next.status != http.StatusCreated || next.text("state") != "pending" {
		t.Errorf("%d %v", next.status, next.body)
	}
}

// broken panics, and fails, where a service would not.
type broken struct{ api.Challenges }

func (broken) Start(context.Context, challenge.Request) (challenge.Challenge, error) {
	panic("the secret is 42")
}

func TestAPanicDeniesWithoutDetails(t *testing.T) {
	s := newService(t)
	mux := http.NewServeMux()
	api.New(api.Config{
		Store: s.Store, Directory: s.Directory, Tenant: s.Tenant, Challenges: broken{}, Middleware: s.Middleware,
		Now: s.Clock.Now, Logger: s.Logger,
	}).Mount(mux)
	s.handler = mux
	a := s.start(t, `{"user":"zoe"}`)
	a.want(http.StatusInternalServerError, "internal_error")
	if strings.Contains(a.text("detail")+a.text("title"), "42") || a.header.Get("Request-Id") == "" {
		t.Errorf("%v %v", a.header, a.body)
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	s := newService(t)
	for _, a := range []answer{s.start(t, `{"user":"nobody"}`), s.do(t, "", "GET", "/api/v1/nothing", "")} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		} {
			if a.header.Get(name) != want {
				t.Errorf("%s: %q", name, a.header.Get(name))
			}
		}
		if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Error("no content security policy")
		}
	}
	families, err := s.Metrics.Gather()
	s.Check(err)
	counted := false
	for _, f := range families {
		counted = counted || f.GetName() == "countersign_http_requests_total"
	}
	if !counted {
		t.Error("requests are not counted")
	}
}
