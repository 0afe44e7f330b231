package e2e

import (
	"strings"
	"testing"
)

// portalPages are the portal's pages, each with its state; a group, a client and
// a user are made for those that show one.
var portalPages = []struct{ path, state string }{
	{"/admin", "admin-overview"},
	{"/admin/log", "admin-log"},
	{"/admin/audit", "admin-audit"},
	{"/admin/users", "admin-users"},
	{"/admin/users/import", "admin-import"},
	{"/admin/devices", "admin-devices"},
	{"/admin/groups", "admin-groups"},
	{"/admin/clients", "admin-clients"},
	{"/admin/security/authentication-methods", "admin-methods"},
	{"/admin/security/authentication-methods/microsoft-authenticator", "admin-method"},
	{"/admin/settings", "admin-settings"},
	{"/admin/what-if", "admin-what-if"},
}

// TestPortal: an administrator signs in with a number like anybody else, and
// every page of the portal can be used by everybody, in any look.
func TestPortal(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.user("sofia", "--admin")
	s.user("plain")
	d := s.device("sofia")
	s.admin("", "group", "add", "Sales")
	s.client("Wiki", "web")
	for _, l := range []look{{}, {scheme: "dark", language: "sv"}, {language: "th", width: 390, height: 800}} {
		p := open(t, s.url, l).signIn("sofia", password)
		d.answer("--number", p.number()).ends("approved", "")
		p.shows("account").click("#portal")
		for _, page := range portalPages {
			p.visit(page.path).shows(page.state)
		}
		for list, one := range map[string]string{"/admin/users": "admin-user", "/admin/groups": "admin-group", "/admin/clients": "admin-client"} {
			p.visit(list).click(`main .rows a[href^="` + list + `/"]`).shows(one)
		}
	}
	// Who is no administrator sees nothing of it.
	e := s.device("plain")
	p := open(t, s.url, look{}).signIn("plain", password)
	e.answer("--number", p.number()).ends("approved", "")
	p.shows("account").lacks("#portal").visit("/admin/users").shows("message")
	// Nor does who is not signed in.
	open(t, s.url, look{}).visit("/admin/users").lacks(`[data-testid="user"]`)
}

// TestFirstAdministrator: the link of whoever runs the server makes one, once.
func TestFirstAdministrator(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	link := member(t, s.admin("", "admin-link", "rosa", "--json"), "link")
	path := strings.TrimPrefix(link, strings.TrimSuffix(s.url, "/"))
	p := open(t, s.url, look{}).visit(path).shows("admin-link").fill("#password", password).fill("#again", password).click("#submit")
	// The portal opens only to who has a method: the first one is added now.
	p.shows("message").click("#go-on").shows("add-waiting")
	d := &device{t: t, dir: t.TempDir() + "/device"}
	typed := d.enrol(p.attribute("#enrol-link", "href"))
	typed(p.shows("add-asked").text("#number"))
	p.shows("account").visit("/admin").shows("admin-overview")
	open(t, s.url, look{}).visit(path).shows("message")
}
