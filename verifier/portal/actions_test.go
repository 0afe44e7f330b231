package portal_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// upload imports a file, or the field's text.
func (s *site) upload(file, text string) shown {
	s.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", "users.csv")
	s.Check(err)
	_, err = io.WriteString(part, file)
	s.Check(err)
	s.Check(m.WriteField("text", text))
	s.Check(m.Close())
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.server.URL+"/admin/users/import", &body)
	s.Check(err)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.do(r)
}

func TestImportingUsers(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.group("Pilot")
	s.get("/admin/users/import").want(http.StatusOK, "admin-import")
	s.upload("", " ").want(http.StatusUnprocessableEntity, "admin-import").has(`id="error"`)
	broken := "name,groups,admin\nzoe,Pilot,\nada,,\na b,,\neve,Nowhere,\nbob,,perhaps\n"
	p := s.upload(broken, "").want(http.StatusUnprocessableEntity, "admin-import").has("zoe,Pilot,") // to be mended here
	found := regexp.MustCompile(`<tr><td>(\d+)</td>`).FindAllStringSubmatch(p.body, -1)
	lines := make([]string, len(found))
	for i, f := range found {
		lines[i] = f[1]
	}
	if got := strings.Join(lines, " "); got != "3 4 5 6" {
		t.Errorf("errors in the lines %s, not 3 4 5 6", got)
	}
	s.get("/admin/users?q=zoe").lacks(`data-testid="user"`) // nothing half done
	s.upload("colour\nred\n", "").want(http.StatusUnprocessableEntity, "admin-import").has("The column &#34;colour&#34; is unknown.")
	s.upload("", "name,groups,attribute.department\nzoe,Pilot,Sales\nbob,,\n").want(http.StatusOK, "admin-users").has("Users added: 2.", ">zoe<")
}

func TestASearchFindsPartsOfNames(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.User(directory.User{Name: "zoe@contoso.example", DisplayName: "Zoë Andersson"})
	for query, finds := range map[string]bool{"contoso": true, "ANDERS": true, "zoe": true, "nobody": false} {
		p := s.get("/admin/users?q="+query).want(http.StatusOK, "admin-users")
		if strings.Contains(p.body, "zoe@contoso.example") != finds {
			t.Errorf("%s: found %v", query, !finds)
		}
	}
	for i := range 60 {
		s.Update(func(tx store.Tx) error {
			_, err := s.Directory.CreateUser(tx, directory.User{Name: strings.Repeat("x", i+1)})
			return err
		})
	}
	first := s.get("/admin/users?q=x")
	next := first.find(`id="more" href="([^"]*)"`)
	second := s.get(next)
	if n, m := strings.Count(first.body, `data-testid="user"`), strings.Count(second.body, `data-testid="user"`); n != 50 || m != 11 {
		t.Errorf("pages of %d and %d users, not 50 and 11", n, m) // contoso.example has an x
	}
}

func TestSettingAPasswordEndsTheSessionsOfBefore(t *testing.T) {
	s := newSite(t)
	zoe := s.as(directory.User{Name: "zoe", Admin: true})
	theirs := s.client.Jar
	s.client.Jar = s.jar()
	s.asAdmin()
	path := "/admin/users/" + zoe.ID
	s.post(path+"/password", "password", "short").want(http.StatusUnprocessableEntity, "admin-user").has("8 characters")
	s.post(path+"/password", "password", "a better password").want(http.StatusOK, "admin-user")
	if _, err := s.Directory.Authenticate(t.Context(), "zoe", "a better password", "192.0.2.1"); err != nil {
		t.Error(err)
	}
	s.client.Jar = theirs
	s.get("/admin").want(http.StatusOK, "sign-in")
}

// come brings a new device with a link, as the relay would.
func (s *site) come(link string) directory.Device {
	s.t.Helper()
	parsed, err := message.ParseLink(link)
	s.Check(err)
	signing, err := identity.Generate()
	s.Check(err)
	encryption, err := identity.Generate()
	s.Check(err)
	m := message.Enrol{
		Claims: message.NewClaims(signing.Thumbprint(), parsed.Verifier, s.Clock.Now(), message.EnrolmentLifetime),
		About:  message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: "1.0.0"}, Enrolment: parsed.ID, Encryption: encryption.Public(), Name: "New phone",
	}
	m.MAC, err = message.EnrolMAC(parsed.Secret, m)
	s.Check(err)
	s.Check(s.Enrolments.Handle(context.Background(), signing.Public(), m))
	return directory.Device{ID: signing.Thumbprint(), FormFactor: policy.Phone, AppVersion: "1.0.0"}
}

func TestEnrollingSomebody(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	p := s.post("/admin/users/"+zoe.ID+"/enrol").want(http.StatusOK, "enrolment-waiting").has(`id="qr"`)
	link := p.find(`id="enrol-link"[^>]*>([^<]*)<`)
	events := make(chan shown)
	go func() { events <- s.get(p.find(`data-events="([^"]*)"`)) }()
	device := s.come(link)
	(<-events).has("event: change\n")
	number := s.get(p.path).want(http.StatusOK, "enrolment-asked").has("New phone").find(`id="number"[^>]*>(\d+)<`)
	s.Approve(device, number)
	s.get(p.path).want(http.StatusOK, "enrolment-enrolled")
	s.get("/admin/users/" + zoe.ID).has("New phone")
	s.get("/admin/devices?q=zoe").want(http.StatusOK, "admin-devices").has("New phone", ">zoe<", "Android ·")

	p = s.post("/admin/users/" + zoe.ID + "/enrol")
	s.post(p.path+"/cancel").want(http.StatusOK, "admin-user")
	s.get(p.path).want(http.StatusOK, "enrolment-expired")
	// Who did not make the link does not see it.
	s.as(directory.User{Name: "ben", Admin: true})
	s.get(p.path).want(http.StatusNotFound, "message")
}

func TestAnAdministratorsOwnNewPasswordEndsTheirOtherSessions(t *testing.T) {
	s := newSite(t)
	ada := s.asAdmin()
	mine := s.client.Jar
	s.client.Jar = s.jar()
	s.post("/test/session") // the same administrator, elsewhere
	s.get("/admin").want(http.StatusOK, "admin-overview")
	elsewhere := s.client.Jar
	server, err := url.Parse(s.server.URL)
	s.Check(err)
	s.client.Jar = mine
	before := fmt.Sprint(mine.Cookies(server))
	s.post("/admin/users/"+ada.ID+"/password", "password", "a better password").want(http.StatusOK, "admin-user")
	if after := fmt.Sprint(mine.Cookies(server)); after == before {
		t.Error("the session has the id of before")
	}
	s.get("/admin").want(http.StatusOK, "admin-overview")
	s.client.Jar = elsewhere
	s.get("/admin").want(http.StatusOK, "sign-in")
}

func TestSixDevicesAreTooMany(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	for range directory.MaxDevices {
		s.Device(zoe)
	}
	s.post("/admin/users/"+zoe.ID+"/enrol").want(http.StatusConflict, "admin-user").has("5 devices at most")
}

func TestChangingGroups(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.User(directory.User{Name: "zoe", Attributes: map[string]string{"department": "Sales"}})
	rule := `user.department -eq "Sales"`
	s.post("/admin/groups", "do", "preview", "rule", rule, "name", "Sellers").want(http.StatusOK, "admin-groups").has(`id="preview"`, ">zoe<", `value="Sellers"`)
	s.post("/admin/groups", "do", "preview", "rule", "user.department -is 1").want(http.StatusUnprocessableEntity, "admin-groups").has(`id="error"`)
	s.get("/admin/groups").lacks("Sellers") // a preview stores nothing
	path := s.post("/admin/groups", "name", "Sellers", "rule", rule, "on_premises", "on").want(http.StatusOK, "admin-group").has(">zoe<", "On-premises").path
	s.save(path, path, "name", "Buyers", "rule", `user.department -eq "Purchase"`).want(http.StatusOK, "admin-group").has("Buyers", "Nobody matches", "Cloud")
	s.save(path, path, "name", "Typed", "rule", "(").want(http.StatusUnprocessableEntity, "admin-group").has(`id="error"`, `value="Typed"`, `value="("`)
	s.get(path).has("Buyers")
}

func TestChangingClients(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	secret := []byte(strings.Repeat("s", 20))
	client, old := s.Client(directory.NewClient{
		Name: "VPN", Kind: policy.KindNPS, RADIUSSecret: secret,
		RADIUS: &directory.RADIUSClient{Address: address("192.0.2.7"), NPSVersion: "1.2.2216.1", RequireMessageAuthenticator: true},
	})
	path := "/admin/clients/" + client.ID
	s.get(path).want(http.StatusOK, "admin-client").has("192.0.2.7", "1.2.2216.1").lacks(string(secret))
	s.save(path, path, "name", "Gateway", "address", "192.0.2.8", "rd_gateway", "on", "override", "FALSE").want(http.StatusOK, "admin-client").has(`id="notice"`, "192.0.2.8")
	s.save(path, path, "name", "Typed", "address", "somewhere").want(http.StatusUnprocessableEntity, "admin-client").has(`id="error"`, `value="Typed"`, `value="somewhere"`)
	s.save(path, path, "name", "Typed", "address", "192.0.2.8", "secret", "short").want(http.StatusUnprocessableEntity, "admin-client")
	key := s.post(path+"/key").want(http.StatusOK, "admin-client").find(`id="key"[^>]*>([^<]*)<`)
	s.get(path).lacks(key)
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		got, err := s.Directory.ClientByKey(tx, key)
		if err != nil {
			return err
		}
		if kept, err := s.Directory.RADIUSSecret(got); err != nil || !bytes.Equal(kept, secret) {
			t.Errorf("the secret is %q, %v", kept, err)
		}
		if got.Name != "Gateway" || !got.RADIUS.RDGateway || got.RADIUS.Override != policy.OverrideFalse || !got.RADIUS.RequireMessageAuthenticator {
			t.Errorf("%+v", got.RADIUS)
		}
		if _, err := s.Directory.ClientByKey(tx, old); err == nil {
			t.Error("the old key is good still")
		}
		return nil
	}))
}

func TestWhatIfOfSomebody(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	s.Device(zoe)
	nps, _ := s.Client(directory.NewClient{
		Name: "VPN", Kind: policy.KindNPS, RADIUSSecret: []byte(strings.Repeat("s", 20)),
		RADIUS: &directory.RADIUSClient{Address: address("192.0.2.7"), NPSVersion: "1.2.2216.1"},
	})
	for query, want := range map[string]string{
		"user=zoe":                             "number_match",
		"user=zoe&user_scenario=phone_sign_in": "phone_sign_in",
		"user=zoe&user_method=totp":            "none",
		"user=zoe&client=" + nps.ID:            "approve_deny",
	} {
		p := s.get("/admin/what-if?"+query).want(http.StatusOK, "admin-what-if").has("number_matching")
		if got := p.find(`id="experience">([^<]*)<`); got != want {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
		// The facts are JSON that can be asked again.
		again := s.post("/admin/what-if", "json", p.find(`(?s)id="json"[^>]*>([^<]*)<`))
		if got := again.find(`id="experience">([^<]*)<`); got != want {
			t.Errorf("%s as JSON: %s, not %s", query, got, want)
		}
	}
	s.get("/admin/what-if?user=nobody").want(http.StatusUnprocessableEntity, "admin-what-if").has(`id="error"`)
	s.post("/admin/what-if", "json", `{"colour":"red"}`).want(http.StatusUnprocessableEntity, "admin-what-if").has(`id="error"`, "colour")
}

func TestWhatIfForPrograms(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	ask := func(body string) shown {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/admin/what-if", strings.NewReader(body))
		s.Check(err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return s.do(r)
	}
	if p := ask(`{"user":{"push":true}}`); p.status != http.StatusOK || !strings.Contains(p.body, `"experience":"number_match"`) {
		t.Errorf("%d %s", p.status, p.body)
	}
	for _, body := range []string{``, `{"user":{"push":"yes"}}`, `{} {}`, `{"colour":1}`} {
		if p := ask(body); p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, `"error":"`) {
			t.Errorf("%q: %d %s", body, p.status, p.body)
		}
	}
}

// Whoever changes something here stands in the audit log by their id.
func TestEveryChangeNamesItsAdministrator(t *testing.T) {
	s := newSite(t)
	ada := s.asAdmin()
	zoe := s.User(directory.User{Name: "zoe"})
	device := s.Device(zoe)
	s.TOTP(zoe, strings.Repeat("k", 20))
	pilot := s.group("Pilot")
	client, _ := s.Client(directory.NewClient{Name: "Wiki", Kind: policy.KindWeb})
	from := s.size()
	user, group, wiki := "/admin/users/"+zoe.ID, "/admin/groups/"+pilot, "/admin/clients/"+client.ID
	s.save(user, user, "name", "zoe", "display", "Z")
	s.post(user+"/password", "password", fronttest.Password)
	s.post(user + "/release")
	s.post(user+"/revoke", "device", string(device.ID))
	s.post(user + "/totp")
	s.post(user + "/enrol")
	s.post("/admin/users", "name", "eve")
	s.upload("name\nbob\n", "")
	s.save(group, group, "name", "Pilots")
	s.post(group+"/members", "name", "zoe")
	s.post(group+"/remove", "kind", "user", "member", zoe.ID)
	s.post("/admin/groups", "name", "Second")
	s.post(group + "/delete")
	s.save(wiki, wiki, "name", "Wiki 2")
	s.post(wiki + "/key")
	s.post(wiki + "/delete")
	s.post("/admin/clients", "name", "New", "kind", "web")
	s.save(methodPath, methodPath, "state", "enabled")
	s.save("/admin/settings", "/admin/settings", "name", "Contoso", "rollout", "enforced", "number_digits", "6", "allow_approve_deny", "on")
	s.post(user + "/delete")
	var kinds []string
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		result, err := s.Audit.Query(tx, audit.Filter{}, audit.Page{})
		for _, r := range result.Records {
			if r.Number < from {
				continue
			}
			kinds = append(kinds, r.Kind)
			if r.Actor != ada.ID {
				t.Errorf("%s by %q", r.Kind, r.Actor)
			}
		}
		return err
	}))
	for _, kind := range []string{
		audit.KindUserChanged, audit.KindPasswordChanged, audit.KindPasswordUnlocked, audit.KindPushUnlocked, audit.KindDeviceRemoved, audit.KindTOTPRemoved,
		audit.KindEnrolmentStarted, audit.KindUserAdded, audit.KindGroupChanged, audit.KindGroupMemberAdded, audit.KindGroupMemberRemoved, audit.KindGroupAdded,
		audit.KindGroupRemoved, audit.KindClientChanged, audit.KindClientRemoved, audit.KindClientAdded, audit.KindPolicyChanged, audit.KindTenantChanged, audit.KindUserRemoved,
	} {
		if !strings.Contains(" "+strings.Join(kinds, " ")+" ", " "+kind+" ") {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
}

// size is how many events the log has.
func (s *site) size() (size int64) {
	s.t.Helper()
	s.Check(s.Store.View(s.t.Context(), func(tx store.Tx) (err error) {
		size, _, _, err = s.Audit.Tree(tx)
		return err
	}))
	return size
}

func TestFormsThatAreTooLongAreRefusedWhole(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	s.post("/admin/groups", "name", "Pilot", "description", strings.Repeat("x", 80<<10)).want(http.StatusBadRequest, "message")
	s.get("/admin/groups").lacks("Pilot")
	s.upload("name\n"+strings.Repeat("x", 10<<20), "").want(http.StatusBadRequest, "message")
}

func TestWhatIsNoMoreIsNotFound(t *testing.T) {
	s := newSite(t)
	s.asAdmin()
	for _, path := range []string{"/admin/users/none", "/admin/groups/none", "/admin/clients/none", "/admin/enrolments/none", "/admin/none", methodPath + "/configure?type=user&id=none"} {
		s.get(path).want(http.StatusNotFound, "message")
	}
	for _, path := range []string{
		"/admin/users/none", "/admin/users/none/release", "/admin/users/none/revoke", "/admin/users/none/totp", "/admin/users/none/delete", "/admin/users/none/enrol",
		"/admin/groups/none", "/admin/groups/none/remove", "/admin/groups/none/delete", "/admin/clients/none", "/admin/clients/none/key", "/admin/clients/none/delete",
		"/admin/enrolments/none/cancel",
	} {
		s.post(path, "name", "none").want(http.StatusNotFound, "message")
	}
	s.post("/admin/users/none/password", "password", "a long password").want(http.StatusNotFound, "message")
}
