package adfs_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/adfs"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/policy"
	"countersign/verifier/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type service struct {
	*fronttest.Service
	handler http.Handler
	key     string // of an adapter on a patched server
}

// patched is the first build of Windows Server 2022 that matches numbers.
const patched = "20348.350"

func newService(t *testing.T) service {
	t.Helper()
	s := service{Service: fronttest.New(t)}
	s.key = s.adapter(patched, false)
	mux := http.NewServeMux()
	adfs.New(adfs.Config{
		Store: s.Store, Directory: s.Directory, Challenges: s.Challenges, Middleware: s.Middleware, Now: s.Clock.Now, Logger: s.Logger,
	}).Mount(mux)
	s.handler = mux
	return s
}

// adapter adds a client of kind adfs and gives its key.
func (s service) adapter(build string, reject bool) string {
	_, key := s.Client(directory.NewClient{
		Name: "AD FS " + message.NewID(), Kind: policy.KindADFS,
		ADFS: &directory.ADFSClient{OSBuild: build, RejectUnpatched: reject},
	})
	return key
}

type answer struct {
	t      *testing.T
	status int
	body   map[string]any
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

func (a answer) want(status int, members ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d; body %v", a.status, status, a.body)
	}
	for i := 0; i+1 < len(members); i += 2 {
		if got := a.text(members[i]); got != members[i+1] {
			a.t.Fatalf("%s is %q, want %q; body %v", members[i], got, members[i+1], a.body)
		}
	}
	return a
}

func (s service) do(t *testing.T, key, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/adfs/v1/sessions"+path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{t: t, status: w.Code, body: map[string]any{}}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			t.Fatalf("%s %s: the body is no JSON: %v", method, path, err)
		}
	}
	return a
}

func (s service) start(t *testing.T, key, user string, lcid int) answer {
	t.Helper()
	return s.do(t, key, "POST", "", fmt.Sprintf(`{"upn":%q,"adapter_version":"1.0","client_ip":"192.0.2.7","relying_party":"Payroll","lcid":%d}`, user, lcid))
}

func TestSignInByNumber(t *testing.T) {
	s := newService(t)
	zoe := s.User(directory.User{Name: "zoe"})
	phone := s.Device(zoe)
	a := s.start(t, s.key, "zoe", 1033).want(201, "mode", "number_match", "state", "pending")
	asked, _ := s.Asked(phone.ID)
	if asked.App != "Payroll" || asked.IP != "192.0.2.7" {
		t.Fatalf("the device was asked %+v", asked)
	}
	path := "/" + a.text("id")
	s.do(t, s.key, "GET", path, "").want(200, "state", "pending", "number", a.text("number"))
	s.Approve(phone, a.text("number"))
	s.do(t, s.key, "GET", path+"?wait=25s", "").want(200, "state", "approved", "number", "", "message", "")
	s.do(t, s.key, "GET", path, "").want(410, "code", "already_told")
	s.do(t, s.key, "DELETE", path, "").want(410)
}

func TestModeFollowsTheBuildOfTheCredential(t *testing.T) {
	s := newService(t)
	s.Settings(func(set *tenant.Settings) { set.AllowApproveDeny = true })
	for _, tt := range []struct {
		build  string
		reject bool
		status int
		mode   string
		code   string
	}{
		{"20348.350", false, 201, "number_match", ""},
		{"20348.349", false, 201, "approve_deny", ""},
		{"20348.349", true, 403, "", "adfs_update_missing"},
		{"", false, 201, "approve_deny", ""},
		{"", true, 403, "", "adfs_update_missing"},
		{"26100.1", true, 201, "number_match", ""},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.build, tt.reject), func(t *testing.T) {
			name := fmt.Sprintf("user%s%v", strings.ReplaceAll(tt.build, ".", "-"), tt.reject)
			s.Device(s.User(directory.User{Name: name}))
			s.start(t, s.adapter(tt.build, tt.reject), name, 0).want(tt.status, "mode", tt.mode, "code", tt.code)
		})
	}
	// No member of a request can change it.
	s.do(t, s.key, "POST", "", `{"upn":"zoe","os_build":"20348.1"}`).want(400, "code", "invalid_request")
}

func TestCode(t *testing.T) {
	s := newService(t)
	zoe := s.User(directory.User{Name: "zoe"})
	secret := "12345678901234567890"
	s.TOTP(zoe, secret)
	key := otp.NewTOTP("", "")
	key.Secret = otp.Secret(secret)
	right, err := key.Code(s.Clock.Now())
	s.Check(err)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	path := "/" + s.start(t, s.key, "zoe", 1053).want(201, "mode", "totp", "number", "").text("id")
	s.do(t, s.key, "POST", path+"/otp", `{"code":"`+wrong+`"}`).want(422, "code", "wrong_code", "detail", "Koden är fel. Ange nästa kod som appen visar.")
	s.do(t, s.key, "POST", path+"/otp", `{"code":""}`).want(400)
	s.do(t, s.key, "POST", path+"/otp", `{"code":"`+right+`"}`).want(200, "state", "approved")
	s.do(t, s.key, "POST", path+"/otp", `{"code":"`+right+`"}`).want(410)

	s.Device(s.User(directory.User{Name: "kim"}))
	path = "/" + s.start(t, s.key, "kim", 0).text("id")
	s.do(t, s.key, "POST", path+"/otp", `{"code":"123456"}`).want(409, "code", "no_code_expected")
}

func TestDenialsSpeakTheUsersLanguage(t *testing.T) {
	s := newService(t)
	for i, tt := range []struct {
		lcid int
		want string
	}{
		{0, "The number was wrong. Sign in again."},
		{1033, "The number was wrong. Sign in again."},
		{1031, "The number was wrong. Sign in again."}, // German
		{1053, "Numret var fel. Logga in igen."},
		{2077, "Numret var fel. Logga in igen."}, // of Finland
		{1054, "หมายเลขไม่ถูกต้อง โปรดลงชื่อเข้าใช้อีกครั้ง"},
	} {
		name := fmt.Sprintf("user%d", i)
		phone := s.Device(s.User(directory.User{Name: name}))
		a := s.start(t, s.key, name, tt.lcid).want(201)
		wrong := "10"
		if a.text("number") == wrong {
			wrong = "11"
		}
		s.Approve(phone, wrong)
		s.do(t, s.key, "GET", "/"+a.text("id"), "").want(200, "state", "denied", "reason", "number_mismatch", "message", tt.want)
	}
	s.start(t, s.key, "nobody", 1053).want(403, "code", "method_not_registered", "detail", "Ingen autentiserare är registrerad för dig. Registrera en först.")
	s.User(directory.User{Name: "bare"})
	s.start(t, s.key, "bare", 1053).want(403, "code", "method_not_registered", "detail", "Ingen autentiserare är registrerad för dig. Registrera en först.")
}

func TestOutcomes(t *testing.T) {
	s := newService(t)
	zoe := s.User(directory.User{Name: "zoe"})
	phone := s.Device(zoe)
	path := "/" + s.start(t, s.key, "zoe", 1033).want(201).text("id")
	s.start(t, s.key, "zoe", 1033).want(409, "code", "challenge_pending")
	s.do(t, s.key, "DELETE", path, "").want(204)
	s.do(t, s.key, "GET", path, "").want(200, "state", "cancelled", "message", "The sign-in was cancelled.")

	path = "/" + s.start(t, s.key, "zoe", 1033).want(201).text("id")
	s.Clock.Move(2 * time.Minute)
	s.do(t, s.key, "GET", path, "").want(200, "state", "expired", "message", "No answer came in time. Sign in again.")

	path = "/" + s.start(t, s.key, "zoe", 1033).want(201).text("id")
	s.Answer(phone, func(a *message.Answer) { a.Decision = message.DecisionReport })
	s.do(t, s.key, "GET", path, "").want(200, "state", "denied", "reason", "reported")
	s.start(t, s.key, "zoe", 1054).want(403, "code", "source_blocked", "detail", "มีการรายงานการลงชื่อเข้าใช้จากที่นี่ จึงถูกระงับไว้ชั่วคราว")
}

// Approved just before it is cancelled: whoever cancelled does not want it.
func TestCancelledApprovalIsNotTold(t *testing.T) {
	s := newService(t)
	phone := s.Device(s.User(directory.User{Name: "zoe"}))
	a := s.start(t, s.key, "zoe", 1033).want(201)
	s.Approve(phone, a.text("number"))
	s.do(t, s.key, "DELETE", "/"+a.text("id"), "").want(204)
	s.do(t, s.key, "GET", "/"+a.text("id"), "").want(410, "code", "already_told")
}

func TestOnlyAdaptersAndTheirOwnSessions(t *testing.T) {
	s := newService(t)
	s.Device(s.User(directory.User{Name: "zoe"}))
	_, web := s.Client(directory.NewClient{Name: "web", Kind: policy.KindWeb})
	s.start(t, "", "zoe", 0).want(401)
	s.start(t, "csk_wrong", "zoe", 0).want(401)
	s.start(t, web, "zoe", 0).want(403, "code", "wrong_kind_of_client")
	path := "/" + s.start(t, s.key, "zoe", 0).want(201).text("id")
	other := s.adapter("20348.999", false)
	for _, method := range []string{"GET", "DELETE"} {
		s.do(t, other, method, path, "").want(404)
	}
	s.do(t, other, "POST", path+"/otp", `{"code":"123456"}`).want(404)
	s.do(t, s.key, "GET", "/nothing", "").want(404)
	s.do(t, s.key, "GET", "/"+strings.Repeat("x", 100), "").want(404)
	s.do(t, s.key, "PUT", path, "").want(405)
}

func TestBadRequestsAreRefused(t *testing.T) {
	s := newService(t)
	bad := map[string]string{
		"no name":        `{}`,
		"long name":      `{"upn":"` + strings.Repeat("z", 200) + `"}`,
		"unknown member": `{"upn":"zoe","numbers":false}`,
		"twice":          `{"upn":"zoe","upn":"kim"}`,
		"another case":   `{"UPN":"zoe"}`,
		"no address":     `{"upn":"zoe","client_ip":"home"}`,
		"no code":        `{"upn":"zoe","lcid":"sv"}`,
		"negative":       `{"upn":"zoe","lcid":-1}`,
		"control":        `{"upn":"zoe","relying_party":"a\nb"}`,
		"list":           `[]`,
		"no JSON":        `upn=zoe`,
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		t.Run(name, func(t *testing.T) { s.do(t, s.key, "POST", "", bad[name]).want(400, "code", "invalid_request") })
	}
}

func TestOldSessionsAreForgotten(t *testing.T) {
	s := newService(t)
	var paths []string
	for i := range 5 {
		name := fmt.Sprintf("user%d", i)
		s.Device(s.User(directory.User{Name: name}))
		paths = append(paths, "/"+s.start(t, s.key, name, 0).want(201).text("id"))
	}
	s.Clock.Move(3 * time.Hour)
	s.Device(s.User(directory.User{Name: "zoe"}))
	s.start(t, s.key, "zoe", 0).want(201)
	for _, path := range paths {
		s.do(t, s.key, "GET", path, "").want(404)
	}
}

func TestACodeInThePushsPlace(t *testing.T) {
	s := newService(t)
	zoe := s.User(directory.User{Name: "zoe"})
	phone := s.Device(zoe)
	a := s.start(t, s.key, "zoe", 1033).want(201, "mode", "number_match")
	if _, offered := a.body["use_code"]; offered {
		t.Error("a code is offered to a user without one")
	}
	path := "/" + a.text("id")
	stranger := s.adapter("20348.350", false)
	s.do(t, stranger, "POST", path+"/use-code", "").want(404)
	s.do(t, s.key, "POST", path+"/use-code", "").want(403, "code", "method_not_registered")
	s.do(t, s.key, "GET", path, "").want(410, "code", "already_told") // the push is over all the same

	s.TOTP(zoe, "12345678901234567890")
	a = s.start(t, s.key, "zoe", 1033).want(201, "mode", "number_match")
	if a.body["use_code"] != true {
		t.Errorf("no code is offered: %v", a.body)
	}
	old := "/" + a.text("id")
	b := s.do(t, s.key, "POST", old+"/use-code", "").want(201, "mode", "totp", "state", "pending")
	if _, offered := b.body["use_code"]; offered || b.text("id") == a.text("id") {
		t.Errorf("%v", b.body)
	}
	s.do(t, s.key, "POST", old+"/use-code", "").want(410)
	s.Answer(phone, func(m *message.Answer) { m.Number = a.text("number") }) // too late
	s.do(t, s.key, "GET", "/"+b.text("id"), "").want(200, "state", "pending")
}
