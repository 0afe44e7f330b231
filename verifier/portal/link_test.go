package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/portal"
	"countersign/verifier/store"
)

// link makes an administrator's link and gives its path.
func (s *site) link(name string) string {
	s.t.Helper()
	var link string
	s.Update(func(tx store.Tx) (err error) {
		if err := portal.SetPublicURL(tx, s.server.URL); err != nil {
			return err
		}
		link, _, err = portal.AddLink(tx, s.Audit, "cli", name, s.Clock.Now())
		return err
	})
	return strings.TrimPrefix(link, s.server.URL)
}

const newPassword = "a new password"

func TestTheFirstAdministratorComesInByALink(t *testing.T) {
	s := newSite(t)
	path := s.link("ada")
	for range 2 { // looking at a link uses nothing up
		s.get(path).want(http.StatusOK, "admin-link").has(`value="ada" readonly`, `id="password"`)
	}
	s.post(path, "password", newPassword, "again", newPassword).want(http.StatusForbidden, "message").has(`action="/account/add"`)
	var ada directory.User
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) (err error) {
		ada, err = s.Directory.FindUser(tx, "ada")
		return err
	}))
	if !ada.Admin {
		t.Error("no administrator")
	}
	if _, err := s.Directory.Authenticate(t.Context(), "ada", newPassword, "192.0.2.1"); err != nil {
		t.Error(err)
	}
	// The portal opens with the authenticator, and the link is used up.
	s.Device(ada)
	s.get("/admin").want(http.StatusOK, "admin-overview")
	s.get(path).want(http.StatusGone, "message")
	s.post(path, "name", "eve", "password", newPassword, "again", newPassword).want(http.StatusGone, "message")
}

func TestALinkSignsNobodyInWhoCanSignIn(t *testing.T) {
	s := newSite(t)
	zoe := s.User(directory.User{Name: "zoe"})
	s.Device(zoe)
	path := s.link("zoe")
	s.get(path).want(http.StatusOK, "admin-link").lacks(`id="password"`)
	s.post(path).want(http.StatusOK, "message").has("You are an administrator")
	s.get("/admin").want(http.StatusOK, "sign-in")
	// The password is what it was: a link resets none.
	if _, err := s.Directory.Authenticate(t.Context(), "zoe", fronttest.Password, "192.0.2.1"); err != nil {
		t.Error(err)
	}
}

func TestWhatALinkRefuses(t *testing.T) {
	s := newSite(t)
	s.User(directory.User{Name: "ghost", Disabled: true})
	path := s.link("")
	for name, c := range map[string]struct{ form, words string }{
		"no password":         {"name=ada", "no password yet"},
		"different passwords": {"name=ada&password=12345678&again=12345679", "differ"},
		"a short password":    {"name=ada&password=short&again=short", "8 characters"},
		"no name":             {"password=12345678&again=12345678", "1 to 128 bytes"},
		"a name with a space": {"name=a+b&password=12345678&again=12345678", "space"},
		"a disabled user":     {"name=ghost", "disabled"},
	} {
		values, err := url.ParseQuery(c.form)
		s.Check(err)
		p := s.send(http.MethodPost, path, values, "same-origin").want(http.StatusUnprocessableEntity, "admin-link").has(c.words)
		if !strings.Contains(p.body, `value="`+values.Get("name")+`"`) {
			t.Errorf("%s: the name is lost", name)
		}
	}
	values := url.Values{"name": {"ada"}, "password": {newPassword}, "again": {newPassword}}
	s.send(http.MethodPost, path, values, "cross-site").want(http.StatusForbidden, "message")
	// None of it used the link up, or added anybody.
	s.post(path, "name", "ada", "password", newPassword, "again", newPassword).want(http.StatusForbidden, "message")
}

func TestALinkExpires(t *testing.T) {
	s := newSite(t)
	path := s.link("ada")
	s.Clock.Move(portal.LinkLifetime)
	s.get(path).want(http.StatusGone, "message")
	s.post(path, "password", newPassword, "again", newPassword).want(http.StatusGone, "message")
	s.get("/admin/link/no-such-link").want(http.StatusGone, "message")
}

func TestALinkIsStoredAsItsHashAndAudited(t *testing.T) {
	s := newSite(t)
	path := s.link("ada")
	token := path[strings.LastIndex(path, "/")+1:]
	s.post(path, "password", newPassword, "again", newPassword)
	s.Check(s.Store.View(t.Context(), func(tx store.Tx) error {
		err := tx.Scan("admin_links", store.Range{}, func(key string, value []byte) error {
			if strings.Contains(key+string(value), token) {
				t.Error("the store has the token")
			}
			return nil
		})
		if err != nil {
			return err
		}
		result, err := s.Audit.Query(tx, audit.Filter{Kinds: []string{audit.KindAdminTokenMade, audit.KindUserAdded, audit.KindPasswordChanged}}, audit.Page{})
		if err != nil {
			return err
		}
		if len(result.Records) != 3 {
			t.Fatalf("%+v", result.Records)
		}
		made := result.Records[2].Detail["token"]
		for _, r := range result.Records[:2] {
			if r.Actor != made || !strings.HasPrefix(made, "admin-link/") {
				t.Errorf("%s by %q, not by %q", r.Kind, r.Actor, made)
			}
		}
		return nil
	}))
}

func TestALinkNeedsAServer(t *testing.T) {
	s := newSite(t)
	err := s.Store.Update(t.Context(), func(tx store.Tx) error {
		_, _, err := portal.AddLink(tx, s.Audit, "cli", "ada", time.Now())
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "no server has run") {
		t.Error(err)
	}
}
