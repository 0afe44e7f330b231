package web_test

import (
	"bytes"
	"context"
	"html"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"countersign/crypto/identity"
	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// come brings a new device with a link, as the relay would, and gives it.
func (s *site) come(link string, about message.About) (directory.Device, error) {
	s.t.Helper()
	parsed, err := message.ParseLink(link)
	s.Check(err)
	signing, err := identity.Generate()
	s.Check(err)
	encryption, err := identity.Generate()
	s.Check(err)
	m := message.Enrol{
		Claims: message.NewClaims(signing.Thumbprint(), parsed.Verifier, s.Clock.Now(), message.EnrolmentLifetime),
		About:  about, Enrolment: parsed.ID, Encryption: encryption.Public(), Name: "New phone",
	}
	m.MAC, err = message.EnrolMAC(parsed.Secret, m)
	s.Check(err)
	d := directory.Device{ID: signing.Thumbprint(), FormFactor: policy.FormFactor(about.FormFactor), AppVersion: about.AppVersion}
	return d, s.Enrolments.Handle(context.Background(), signing.Public(), m)
}

func phone() message.About {
	return message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: "1.0.0"}
}

func (p shown) link() string {
	return html.UnescapeString(p.find(`id="enrol-link"[^>]*href="([^"]*)"`))
}

// scan reads a QR code of the site.
func (s *site) scan(path string) string {
	s.t.Helper()
	p := s.get(path)
	if p.header.Get("Content-Type") != "image/png" || p.header.Get("Cache-Control") != "no-store" {
		s.t.Fatalf("%s: %v", path, p.header)
	}
	picture, err := png.Decode(bytes.NewReader([]byte(p.body)))
	s.Check(err)
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	s.Check(err)
	pure := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, pure)
	s.Check(err)
	return result.GetText()
}

func TestAddingAnAuthenticator(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	s.signIn("zoe", s.Device(user))
	p := s.post("/account/add").want(http.StatusOK, "add-waiting")
	if scanned := s.scan("/account/add/qr.png"); scanned != p.link() {
		t.Errorf("the QR code says %q, the link %q", scanned, p.link())
	}
	device, err := s.come(p.link(), phone())
	s.Check(err)
	number := s.get("/account/add").want(http.StatusOK, "add-asked").has("New phone").number()
	s.Approve(device, number)
	s.get("/account/add").want(http.StatusOK, "account").has("New phone").has(`id="notice"`)
	// One scan gives both methods.
	s.get("/account").has(`data-testid="method-totp" data-registered="true"`)
}

func TestAWrongNumberAddsNothing(t *testing.T) {
	s := newSite(t)
	s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
	device, err := s.come(s.post("/account/add").link(), phone())
	s.Check(err)
	s.Approve(device, "07")
	s.get("/account/add").want(http.StatusOK, "enrol-wrong-number").has(`action="/account/add"`)
	if p := s.get("/account"); strings.Contains(p.body, "New phone") {
		t.Error("the device was added")
	}
}

func TestAWatchIsTurnedAway(t *testing.T) {
	s := newSite(t)
	s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
	link := s.post("/account/add").link()
	watch := message.About{Platform: message.PlatformWearOS, FormFactor: message.FormWatch, AppVersion: "1.0.0"}
	if _, err := s.come(link, watch); err == nil {
		t.Fatal("a watch was taken")
	}
	s.get("/account/add").want(http.StatusOK, "add-waiting").has(`data-notice="wearable"`).has("watch")
	device, err := s.come(link, phone()) // the link still stands
	s.Check(err)
	s.Approve(device, s.get("/account/add").number())
	s.get("/account/add").want(http.StatusOK, "account")
}

func TestALinkExpires(t *testing.T) {
	s := newSite(t)
	s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
	s.post("/account/add")
	s.Clock.Move(11 * time.Minute)
	s.get("/account/add").want(http.StatusOK, "enrol-expired")
}

func TestCancellingAnEnrolmentEndsItsLink(t *testing.T) {
	s := newSite(t)
	s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
	first := s.post("/account/add").link()
	second := s.post("/account/add").link()
	if first == second {
		t.Fatal("one link twice")
	}
	if _, err := s.come(first, phone()); err == nil {
		t.Error("a link that was replaced was taken")
	}
	s.post("/account/add/cancel").want(http.StatusOK, "account")
	if _, err := s.come(second, phone()); err == nil {
		t.Error("a link that was cancelled was taken")
	}
}

func TestEventsTellThatADeviceHasCome(t *testing.T) {
	s := newSite(t)
	s.signIn("zoe", s.Device(s.User(directory.User{Name: "zoe"})))
	p := s.post("/account/add")
	events := make(chan shown)
	path := html.UnescapeString(p.find(`data-events="([^"]*)"`))
	go func() { events <- s.get(path) }()
	_, err := s.come(p.link(), phone())
	s.Check(err)
	(<-events).has("event: change\n")
}

func TestAChangeOfMethodsNeedsARecentApproval(t *testing.T) {
	for _, c := range []struct{ path, then string }{
		{"/account/add", "add-waiting"}, {"/account/totp", "totp"}, {"/account/totp/remove", "account"}, {"/account/remove", "account"},
	} {
		t.Run(c.path, func(t *testing.T) {
			s := newSite(t)
			user := s.User(directory.User{Name: "zoe"})
			device, other := s.Device(user), s.Device(user)
			s.TOTP(user, secret)
			s.signIn("zoe", device)
			s.Clock.Move(6 * time.Minute)
			before := s.cookie()
			number := s.post(c.path, "device", string(other.ID)).want(http.StatusOK, "number").number()
			s.get("/account/totp").want(http.StatusOK, "account")
			s.Approve(device, number)
			s.get("/challenge").want(http.StatusOK, c.then)
			if s.cookie() == before {
				t.Error("the session's id is the same after the approval")
			}
		})
	}
}

func TestADeniedApprovalChangesNothing(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	device, other := s.Device(user), s.Device(user, func(d *directory.Device) { d.Name = "Tablet" })
	s.signIn("zoe", device)
	s.Clock.Move(6 * time.Minute)
	s.post("/account/remove", "device", string(other.ID)).want(http.StatusOK, "number")
	s.Answer(device, func(a *message.Answer) { a.Decision = message.DecisionDeny })
	s.get("/challenge").want(http.StatusOK, "denied")
	s.get("/account").want(http.StatusOK, "account").has("Tablet")
}

func TestRemovingADevice(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	device := s.Device(user)
	tablet := s.Device(user, func(d *directory.Device) { d.Name = "Tablet" })
	stranger := s.Device(s.User(directory.User{Name: "eve"}))
	s.signIn("zoe", device)
	s.post("/account/remove", "device", string(stranger.ID)).want(http.StatusOK, "account")
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		_, err := s.Directory.DeviceByID(tx, stranger.ID)
		return err
	}))
	if p := s.post("/account/remove", "device", string(tablet.ID)).want(http.StatusOK, "account"); strings.Contains(p.body, "Tablet") {
		t.Error("the device is still there")
	}
	s.post("/account/remove", "device", string(device.ID)).want(http.StatusConflict, "last-method")
}

func TestFiveDevicesAreTheMost(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	device := s.Device(user)
	for range directory.MaxDevices - 1 {
		s.Device(user)
	}
	s.signIn("zoe", device)
	s.post("/account/add").want(http.StatusConflict, "too-many-devices")
}

func TestSettingUpCodes(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.signIn("zoe", device)
	p := s.post("/account/totp").want(http.StatusOK, "totp")
	link := s.scan("/account/totp/qr.png")
	if link != html.UnescapeString(p.find(`id="totp-link" href="([^"]*)"`)) {
		t.Error("the QR code and the link differ")
	}
	key, err := otp.ParseURI(link)
	s.Check(err)
	if shownSecret := strings.ReplaceAll(p.find(`id="secret"[^>]*>([^<]*)<`), " ", ""); shownSecret != key.Secret.Base32() {
		t.Errorf("the secret shown is %q", shownSecret)
	}
	s.post("/account/totp/confirm", "code", "000000x").want(http.StatusUnprocessableEntity, "totp").has(`role="alert"`)
	s.get("/account").has(`data-testid="method-totp" data-registered="false"`)
	code, err := key.Code(s.Clock.Now())
	s.Check(err)
	s.post("/account/totp/confirm", "code", code).want(http.StatusOK, "account").
		has(`data-testid="method-totp" data-registered="true"`).has(`id="notice"`)
	// The confirming code is used up.
	s.post("/signout")
	s.password("zoe")
	s.post("/challenge/use-code").want(http.StatusOK, "code")
	s.post("/challenge/code", "code", code).want(http.StatusUnprocessableEntity, "code")
}

func TestTheFirstMethodByPassword(t *testing.T) {
	s := newSite(t)
	s.Settings(func(set *tenant.Settings) { set.PasswordEnrolment = true })
	user := s.User(directory.User{Name: "zoe"})
	p := s.password("zoe").want(http.StatusOK, "add-waiting")
	s.get("/account").want(http.StatusOK, "sign-in") // not signed in yet
	s.newBrowser()
	s.password("zoe")
	device, err := s.come(s.get("/account/add").link(), phone())
	s.Check(err)
	s.Approve(device, s.get("/account/add").want(http.StatusOK, "add-asked").number())
	s.get("/account/add").want(http.StatusOK, "account").has("New phone")
	// The first page's link adds nothing now: somebody else may have it.
	second, err := s.come(p.link(), phone())
	s.Check(err)
	parsed, err := message.ParseLink(p.link())
	s.Check(err)
	e, err := s.Enrolments.Get(t.Context(), parsed.ID, enrol.Enrolment{}, 0)
	s.Check(err)
	s.Approve(second, e.Number)
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		devices, err := s.Directory.Devices(tx, user.ID)
		if len(devices) != 1 {
			t.Errorf("%d devices", len(devices))
		}
		return err
	}))
	// From now on the password alone adds nothing.
	s.post("/signout")
	s.password("zoe").want(http.StatusOK, "number")
	s.post("/account/add").want(http.StatusForbidden, "session-ended")
}

// A link that was left open on a screen, or made by a thief, must not outlive the
// session or the password that it was made with.
func TestSigningOutOrANewPasswordEndsOpenLinks(t *testing.T) {
	for name, end := range map[string]func(*site, directory.Device){
		"signing out":            func(s *site, _ directory.Device) { s.post("/signout") },
		"signing out everywhere": func(s *site, _ directory.Device) { s.post("/signout-everywhere") },
		"a new password": func(s *site, device directory.Device) {
			s.newBrowser()
			s.Approve(device, s.post("/reset", "username", "zoe").number())
			s.get("/challenge").want(http.StatusOK, "new-password")
			s.post("/reset/password", "password", "another password", "again", "another password").want(http.StatusOK, "reset-done")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			device := s.Device(s.User(directory.User{Name: "zoe"}))
			s.signIn("zoe", device)
			link := s.post("/account/add").link()
			end(s, device)
			if _, err := s.come(link, phone()); err == nil {
				t.Error("the link still takes a device")
			}
		})
	}
}

func TestForgottenPassword(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.signIn("zoe", device)
	elsewhere := s.client.Jar
	s.newBrowser()
	s.get("/reset").want(http.StatusOK, "reset")
	s.Approve(device, s.post("/reset", "username", "zoe").want(http.StatusOK, "number").number())
	s.get("/challenge").want(http.StatusOK, "new-password")
	s.get("/account").want(http.StatusOK, "sign-in") // a reset signs nobody in
	s.post("/reset/password", "password", "another password", "again", "another passwort").want(http.StatusUnprocessableEntity, "new-password")
	s.post("/reset/password", "password", "short", "again", "short").want(http.StatusUnprocessableEntity, "new-password").has("8 characters")
	s.post("/reset/password", "password", "another password", "again", "another password").want(http.StatusOK, "reset-done")
	s.post("/reset/password", "password", "yet another one", "again", "yet another one").want(http.StatusForbidden, "session-ended")
	if got := s.Notices(device.ID); !slices.Contains(got, message.NoticePasswordChanged) {
		t.Errorf("the device was told %v", got)
	}
	s.password("zoe").want(http.StatusForbidden, "sign-in")
	s.post("/", "username", "zoe", "password", "another password").want(http.StatusOK, "number")
	s.client.Jar = elsewhere
	s.get("/account").want(http.StatusOK, "sign-in") // all sessions ended
}

func TestAResetNeedsTheDevicesOwnVerification(t *testing.T) {
	for _, path := range []string{"/reset", "/phone"} {
		s := newSite(t)
		device := s.Device(s.User(directory.User{Name: "zoe"}))
		number := s.post(path, "username", "zoe").number()
		if asked, _ := s.Asked(device.ID); !asked.UserVerification {
			t.Errorf("%s: the device is not asked for its PIN", path)
		}
		s.Answer(device, func(a *message.Answer) { a.Number, a.UserVerification = number, false })
		s.get("/challenge").want(http.StatusOK, "no-user-verification").has(`href="` + path + `"`)
	}
}

func TestAdministratorsResetWithTwoMethods(t *testing.T) {
	t.Run("with a code", func(t *testing.T) {
		s := newSite(t)
		user := s.User(directory.User{Name: "ada", Admin: true})
		device := s.Device(user)
		s.TOTP(user, secret)
		s.Approve(device, s.post("/reset", "username", "ada").number())
		s.get("/challenge").want(http.StatusOK, "code")
		s.get("/reset/password").want(http.StatusOK, "sign-in")
		s.Approve(device, s.post("/reset", "username", "ada").number())
		s.get("/challenge").want(http.StatusOK, "code")
		s.post("/challenge/code", "code", "-").want(http.StatusUnprocessableEntity, "code")
		s.post("/challenge/code", "code", s.code(secret)).want(http.StatusOK, "new-password")
	})
	t.Run("and not with one", func(t *testing.T) {
		s := newSite(t)
		device := s.Device(s.User(directory.User{Name: "ada", Roles: []string{"helpdesk"}}))
		s.Approve(device, s.post("/reset", "username", "ada").number())
		s.get("/challenge").want(http.StatusForbidden, "reset-admin")
		s.get("/reset/password").want(http.StatusOK, "sign-in")
	})
}

func TestPhoneSignIn(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.get("/phone").want(http.StatusOK, "phone")
	s.Approve(device, s.post("/phone", "username", "zoe").want(http.StatusOK, "number").number())
	s.get("/challenge").want(http.StatusOK, "account")
}

func TestPagesThatTakeANameTellNothing(t *testing.T) {
	s := newSite(t)
	user := s.User(directory.User{Name: "zoe"})
	s.TOTP(user, secret)
	s.Device(user)
	s.User(directory.User{Name: "bare"})
	s.User(directory.User{Name: "gone", Disabled: true})
	old := s.User(directory.User{Name: "old"})
	s.Device(old, func(d *directory.Device) { d.AppVersion = "0.0.1" })
	for _, path := range []string{"/phone", "/reset"} {
		var first shown
		for i, name := range []string{"zoe", "zoe", "nobody", "bare", "gone", "old"} { // the second zoe is busy
			s.newBrowser()
			p := s.post(path, "username", name).want(http.StatusOK, "number")
			p.body = strings.Replace(p.body, ">"+p.number()+"<", ">NN<", 1)
			p.body = strings.Replace(p.body, p.find(`aria-label="The number: (\d \d)"`), "N N", 1)
			if i == 0 {
				first = p
			} else if p.body != first.body {
				t.Errorf("%s: the page for %s differs:\n%s\n%s", path, name, p.body, first.body)
			}
			if again := s.get("/challenge").want(http.StatusOK, "number"); i > 0 && again.number() == "" {
				t.Error("no number")
			}
		}
		s.Clock.Move(61 * time.Second)
		s.get("/challenge").want(http.StatusOK, "expired")
		s.Clock.Move(time.Hour)
	}
}

// In the preview a device may be asked to approve without a number. A page that
// then showed none would tell that the name is somebody's.
func TestPagesThatTakeANameTellNothingInThePreview(t *testing.T) {
	s := newSite(t)
	s.Settings(func(set *tenant.Settings) { set.Rollout = policy.Preview })
	zoe := s.Device(s.User(directory.User{Name: "zoe"}))
	ada := s.Device(s.User(directory.User{Name: "ada", Admin: true}))
	asked := map[string]policy.Experience{"/phone": policy.PhoneSignIn, "/reset": policy.ApproveDeny}
	for _, path := range []string{"/phone", "/reset"} {
		var first shown
		for i, name := range []string{"nobody", "zoe", "ada"} {
			s.newBrowser()
			p := s.post(path, "username", name).want(http.StatusOK, "number")
			p.body = strings.Replace(p.body, ">"+p.number()+"<", ">NN<", 1)
			p.body = strings.Replace(p.body, p.find(`aria-label="The number: (\d \d)"`), "N N", 1)
			if i == 0 {
				first = p
			} else if p.body != first.body {
				t.Errorf("%s: the page for %s differs:\n%s\n%s", path, name, p.body, first.body)
			}
		}
		for _, device := range []directory.Device{zoe, ada} {
			m, ok := s.Asked(device.ID)
			if !ok || (m.Mode == message.ModeApproveDeny) != (asked[path] == policy.ApproveDeny) {
				t.Errorf("%s: the device is asked %+v", path, m)
			}
		}
		s.Clock.Move(2 * time.Hour)
	}
	// What the device is asked is what approves, number or not.
	s.post("/reset", "username", "zoe").want(http.StatusOK, "number").has("If it asks for a number")
	s.Approve(zoe, "")
	s.get("/challenge").want(http.StatusOK, "new-password")
}

func TestNamesAloneAreLimitedByAddress(t *testing.T) {
	s := newSite(t)
	var last shown
	for range 25 {
		last = s.post("/phone", "username", "nobody")
	}
	last.want(http.StatusTooManyRequests, "phone")
}

func TestAStartAfterAPasswordComesFirst(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	s.post("/phone", "username", "zoe").want(http.StatusOK, "number") // an attacker knows the name
	attacker := s.client.Jar
	s.newBrowser()
	s.Approve(device, s.password("zoe").want(http.StatusOK, "number").number())
	s.get("/challenge").want(http.StatusOK, "account")
	s.client.Jar = attacker
	s.get("/challenge").want(http.StatusOK, "cancelled")
}

func TestAWatchNextToAPhone(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	number := s.password("zoe").number()
	s.Answer(device, func(a *message.Answer) { a.Number, a.FormFactor = number, message.FormWatch })
	s.get("/challenge").want(http.StatusOK, "wearable").has("phone")
	s.Approve(device, s.post("/challenge/again").want(http.StatusOK, "number").number())
	s.get("/challenge").want(http.StatusOK, "account")
}

func TestSixDigits(t *testing.T) {
	s := newSite(t)
	s.Settings(func(set *tenant.Settings) { set.NumberDigits = 6 })
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	number := s.password("zoe").number()
	if len(number) != 6 {
		t.Errorf("number %q", number)
	}
	s.Approve(device, number)
	s.get("/challenge").want(http.StatusOK, "account")
}

func TestLanguages(t *testing.T) {
	s := newSite(t)
	for header, want := range map[string]string{"sv-SE,sv;q=0.9": "Logga in", "th": "ลงชื่อเข้าใช้", "de": "Sign in", "": "Sign in", ";;;": "Sign in"} {
		p := s.send(http.MethodGet, "/", nil, func(r *http.Request) { r.Header.Set("Accept-Language", header) })
		if title := p.find(`<h1>([^<]*)</h1>`); title != want {
			t.Errorf("%q: %q", header, title)
		}
	}
	p := s.get("/?lang=th&expired")
	if p.path != "/?expired=" || p.find(`<html lang="([^"]*)"`) != "th" {
		t.Errorf("the switch leads to %s in %q", p.path, p.find(`<html lang="([^"]*)"`))
	}
	if p := s.get("/reset"); p.find(`<html lang="([^"]*)"`) != "th" {
		t.Error("the choice is forgotten")
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if set := s.get("/?lang=sv").header.Get("Set-Cookie"); !strings.HasPrefix(set, "__Host-") || !strings.Contains(set, "Secure") {
		t.Errorf("Set-Cookie %q", set)
	}
	for _, path := range []string{"//evil.example/?lang=sv", "/%5Cevil.example?lang=sv"} {
		to := s.get(path).header.Get("Location")
		if u, err := url.Parse(to); err != nil || u.Host != "" || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

func TestPlainHTTPOnLoopback(t *testing.T) {
	// A browser that takes no Secure cookie over plain HTTP, as this one of the
	// standard library does not, still signs in on loopback.
	s := newSite(t)
	s.sessions.HTTPS = false
	device := s.Device(s.User(directory.User{Name: "zoe"}))
	plain := httptest.NewServer(s.server.Config.Handler)
	t.Cleanup(plain.Close)
	s.server = plain
	s.newBrowser()
	s.get("/")
	s.Approve(device, s.password("zoe").want(http.StatusOK, "number").number())
	s.get("/challenge").want(http.StatusOK, "account")
}
