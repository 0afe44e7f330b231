// Package portal is the administrators' pages: users and their devices, groups,
// clients, the methods policy, the sign-in log, locks and reports.
//
// It denies by default. Every route declares the permission that it needs, and
// a portal with a route that does not is an error: it does not start. Who may do
// what follows from the user's record at each request, so a right that was taken
// away is gone at once.
package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign/crypto/identity"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/middleware"
	"countersign/verifier/page"
	"countersign/verifier/rules"
	"countersign/verifier/session"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// Config is what New needs.
type Config struct {
	Store      store.Store
	Audit      *audit.Log
	Directory  *directory.Directory
	Tenant     *tenant.Tenant
	Rules      *rules.Rules
	Challenges *challenge.Service
	Enrolments *enrol.Service
	Sessions   *session.Sessions
	Pages      *page.Pages
	Middleware *middleware.Middleware
	Vault      *vault.Vault
	// Revoke removes a device, tells it, and tells the user's others.
	Revoke    func(ctx context.Context, actor string, device identity.Thumbprint) error
	Limits    challenge.Limits // to show: they are the operator's, in the configuration file
	PublicURL string
	Now       func() time.Time
	Logger    *slog.Logger
}

// Permission is what a route needs.
type Permission string

// The permissions.
const (
	ReadLog       Permission = "log.read"
	ReadUsers     Permission = "users.read"
	ManageUsers   Permission = "users.manage"
	ReadGroups    Permission = "groups.read"
	ManageGroups  Permission = "groups.manage"
	ReadClients   Permission = "clients.read"
	ManageClients Permission = "clients.manage"
	ReadPolicy    Permission = "policy.read"
	ManagePolicy  Permission = "policy.manage"
	// HoldLink is not a user's: who has an administrator's link has it.
	HoldLink Permission = "link.hold"
)

// RoleReader is the directory role that may look at everything and change
// nothing (Entra's Global Reader).
const RoleReader = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"

func readPermissions() []Permission {
	return []Permission{ReadLog, ReadUsers, ReadGroups, ReadClients, ReadPolicy}
}

func allPermissions() []Permission {
	return append(readPermissions(), ManageUsers, ManageGroups, ManageClients, ManagePolicy)
}

// granted are the permissions of a user.
func granted(u directory.User) []Permission {
	switch {
	case u.Disabled:
		return nil
	case u.Admin:
		return allPermissions()
	case slices.Contains(u.Roles, RoleReader):
		return readPermissions()
	}
	return nil
}

// declared are the permissions that a route can name.
func declared() []Permission { return append(allPermissions(), HoldLink) }

// Fresh is how long after an approval by one of their methods an administrator
// may work: a screen left open overnight opens nothing.
const Fresh = time.Hour

// admin is who works on a request.
type admin struct {
	user    directory.User
	session session.Session
	may     []Permission
	ready   bool // has a method to approve with
}

func (a admin) can(p Permission) bool { return slices.Contains(a.may, p) }

type handler func(w http.ResponseWriter, r *http.Request, who admin) error

// route is a page or an action with the permission that it needs.
type route struct {
	method  string
	path    string // as http.ServeMux has it
	needs   Permission
	handler handler
}

// most is the longest body that a route takes, in octets.
func (r route) most() int64 {
	if r.path == importPath {
		return maxImport
	}
	return maxForm
}

// Portal serves /admin.
type Portal struct {
	Config
	routes     []route
	sameOrigin func(http.Handler) http.Handler
}

// New makes a Portal. It is an error if a route has no permission.
func New(cfg Config) (*Portal, error) {
	p := &Portal{Config: cfg}
	p.routes = p.all()
	if err := checkRoutes(p.routes); err != nil {
		return nil, err
	}
	var err error
	p.sameOrigin, err = middleware.SameOrigin(cfg.PublicURL, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.message(w, r, http.StatusForbidden, "outcome.forbidden.title", "outcome.forbidden.text")
	}))
	return p, err
}

// checkRoutes refuses a route that declares no permission, or one that does not
// exist.
func checkRoutes(routes []route) error {
	for _, r := range routes {
		if !slices.Contains(declared(), r.needs) {
			return fmt.Errorf("portal: the route %s %s declares no permission", r.method, r.path)
		}
	}
	return nil
}

func (p *Portal) all() []route {
	return []route{
		{http.MethodGet, "/admin/link/{token}", HoldLink, p.showLink},
		{http.MethodPost, "/admin/link/{token}", HoldLink, p.takeLink},

		{http.MethodGet, "/admin", ReadLog, p.overview},
		{http.MethodGet, logPath, ReadLog, p.log},
		{http.MethodGet, logPath + ".jsonl", ReadLog, p.export},
		{http.MethodGet, auditPath, ReadLog, p.auditLog},
		{http.MethodGet, auditPath + ".jsonl", ReadLog, p.exportAudit},
		{http.MethodPost, auditPath + "/head", ManagePolicy, p.signHead},

		{http.MethodGet, "/admin/users", ReadUsers, p.users},
		{http.MethodPost, "/admin/users", ManageUsers, p.addUser},
		{http.MethodGet, importPath, ManageUsers, p.showImport},
		{http.MethodPost, importPath, ManageUsers, p.importUsers},
		{http.MethodGet, "/admin/users/{id}", ReadUsers, p.user},
		{http.MethodPost, "/admin/users/{id}", ManageUsers, p.saveUser},
		{http.MethodPost, "/admin/users/{id}/password", ManageUsers, p.setPassword},
		{http.MethodPost, "/admin/users/{id}/enrol", ManageUsers, p.enrolUser},
		{http.MethodGet, "/admin/enrolments/{id}", ManageUsers, p.enrolment},
		{http.MethodGet, "/admin/enrolments/{id}/events", ManageUsers, p.enrolmentEvents},
		{http.MethodPost, "/admin/enrolments/{id}/cancel", ManageUsers, p.cancelEnrolment},
		{http.MethodPost, "/admin/users/{id}/release", ManageUsers, p.releaseUser},
		{http.MethodPost, "/admin/users/{id}/revoke", ManageUsers, p.revokeDevice},
		{http.MethodPost, "/admin/users/{id}/totp", ManageUsers, p.removeTOTP},
		{http.MethodPost, "/admin/users/{id}/delete", ManageUsers, p.deleteUser},
		{http.MethodGet, "/admin/devices", ReadUsers, p.devices},

		{http.MethodGet, "/admin/groups", ReadGroups, p.groups},
		{http.MethodPost, "/admin/groups", ManageGroups, p.addGroup},
		{http.MethodGet, "/admin/groups/{id}", ReadGroups, p.group},
		{http.MethodPost, "/admin/groups/{id}", ManageGroups, p.saveGroup},
		{http.MethodPost, "/admin/groups/{id}/members", ManageGroups, p.addMember},
		{http.MethodPost, "/admin/groups/{id}/remove", ManageGroups, p.removeMember},
		{http.MethodPost, "/admin/groups/{id}/delete", ManageGroups, p.deleteGroup},

		{http.MethodGet, "/admin/clients", ReadClients, p.clients},
		{http.MethodPost, "/admin/clients", ManageClients, p.addClient},
		{http.MethodGet, "/admin/clients/{id}", ReadClients, p.client},
		{http.MethodPost, "/admin/clients/{id}", ManageClients, p.saveClient},
		{http.MethodPost, "/admin/clients/{id}/key", ManageClients, p.newClientKey},
		{http.MethodPost, "/admin/clients/{id}/delete", ManageClients, p.deleteClient},

		{http.MethodGet, "/admin/security/authentication-methods", ReadPolicy, p.methods},
		{http.MethodGet, methodPath, ReadPolicy, p.method},
		{http.MethodPost, methodPath, ManagePolicy, p.saveMethod},
		{http.MethodPost, methodPath + "/targets/add", ManagePolicy, p.addTarget},
		{http.MethodPost, methodPath + "/targets/remove", ManagePolicy, p.removeTarget},
		{http.MethodPost, methodPath + "/reset", ManagePolicy, p.resetMethod},
		{http.MethodGet, methodPath + "/configure", ReadPolicy, p.configure},
		{http.MethodPost, methodPath + "/configure", ManagePolicy, p.saveConfigure},
		{http.MethodGet, "/admin/settings", ReadPolicy, p.settings},
		{http.MethodPost, "/admin/settings", ManagePolicy, p.saveSettings},
		{http.MethodGet, "/admin/what-if", ReadPolicy, p.whatIf},
		{http.MethodPost, "/admin/what-if", ReadPolicy, p.askWhatIf},
	}
}

const (
	timeout = 30 * time.Second
	maxForm = 64 << 10 // octets
)

// Mount puts the portal on a server's routes.
func (p *Portal) Mount(mux *http.ServeMux) {
	inner := http.NewServeMux()
	for _, r := range p.routes {
		inner.Handle(r.method+" "+r.path, p.guard(r))
	}
	inner.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.message(w, r, http.StatusNotFound, "outcome.not-found.title", "outcome.not-found.text")
	})
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page.ChooseLanguage(w, r, p.Sessions.Secure(r)) {
			return
		}
		inner.ServeHTTP(w, r)
	})
	wrapped := p.Middleware.Wrap(p.sameOrigin(limited), middleware.Options{
		ContentSecurityPolicy: page.ContentSecurityPolicy, Timeout: timeout,
		Failed: func(w http.ResponseWriter, r *http.Request) {
			p.message(w, r, http.StatusInternalServerError, "outcome.failed.title", "outcome.failed.text")
		},
	})
	mux.Handle("/admin", wrapped)
	mux.Handle("/admin/", wrapped)
}

// guard lets a request through to a route whose permission its user has.
func (p *Portal) guard(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, to.most())
		if to.needs == HoldLink {
			p.failed(w, r, to.handler(w, r, admin{}))
			return
		}
		who, err := p.who(r)
		switch {
		case errors.Is(err, session.ErrNone):
			p.signInFirst(w, r)
			return
		case err == nil && !who.can(to.needs):
			p.message(w, r, http.StatusForbidden, "admin.denied", "admin.denied_text")
			return
		case err == nil && !who.ready:
			p.ask(w, r, "admin.no_method", "admin.no_method_text", "/account/add", "account.add")
			return
		case err == nil && !who.session.Approved(p.Now(), Fresh):
			p.ask(w, r, "admin.stale", "admin.stale_text", "/account/verify", "admin.approve")
			return
		case err == nil:
			err = to.handler(w, r, who)
		}
		p.failed(w, r, err)
	})
}

// who is the signed-in user of a request, as the directory knows them now.
func (p *Portal) who(r *http.Request) (admin, error) {
	current, err := p.Sessions.Current(r)
	if err != nil {
		return admin{}, err
	}
	if current.Stage != session.SignedIn {
		return admin{}, session.ErrNone
	}
	who := admin{session: current}
	err = p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if who.user, err = p.Directory.UserByID(tx, current.User); err != nil {
			return err
		}
		who.ready, err = p.hasMethod(tx, current.User)
		return err
	})
	if errors.Is(err, directory.ErrUnknownUser) {
		return admin{}, session.ErrNone
	}
	who.may = granted(who.user)
	return who, err
}

func (p *Portal) signInFirst(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		http.Redirect(w, r, "/?expired", http.StatusSeeOther)
		return
	}
	p.message(w, r, http.StatusForbidden, "outcome.session-ended.title", "outcome.session-ended.text")
}

// unknown are the errors of a page about something that is no more.
func unknown(err error) bool {
	return errors.Is(err, directory.ErrUnknownUser) || errors.Is(err, directory.ErrUnknownGroup) ||
		errors.Is(err, directory.ErrUnknownClient) || errors.Is(err, directory.ErrUnknownDevice) ||
		errors.Is(err, directory.ErrNoTOTP) || errors.Is(err, enrol.ErrUnknown)
}

func (p *Portal) failed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil || r.Context().Err() != nil:
	case errors.Is(err, session.ErrNone): // ended while the request ran
		p.signInFirst(w, r)
	case errors.Is(err, ErrLink):
		p.message(w, r, http.StatusGone, "admin.link_over", "admin.link_over_text")
	case unknown(err):
		p.message(w, r, http.StatusNotFound, "admin.unknown", "admin.unknown_text")
	case errors.Is(err, errForm):
		p.message(w, r, http.StatusBadRequest, "outcome.invalid.title", "outcome.invalid.text")
	default:
		p.Logger.ErrorContext(r.Context(), "answering for the portal", "request_id", middleware.RequestID(r.Context()),
			"pattern", r.Pattern, "error", err)
		p.message(w, r, http.StatusInternalServerError, "outcome.failed.title", "outcome.failed.text")
	}
}

// messageView is the data of admin-message.html. With an Action it offers the
// way on by a form.
type messageView struct{ Text, Action, Button string }

// message draws a page with a title and a text. It must not fail on what the
// page before failed on, and so reads nothing.
func (p *Portal) message(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	p.Pages.Render(w, r, status, "admin-message", page.View{Title: title, Org: "Countersign", Data: messageView{Text: text}})
}

// ask refuses a page until its reader has done something else first.
func (p *Portal) ask(w http.ResponseWriter, r *http.Request, title, text, action, button string) {
	p.Pages.Render(w, r, http.StatusForbidden, "admin-message", page.View{
		Title: title, Org: "Countersign", Data: messageView{Text: text, Action: action, Button: button},
	})
}

// view draws a page of the portal.
func (p *Portal) view(w http.ResponseWriter, r *http.Request, who admin, status int, name, title string, data any) error {
	var settings tenant.Settings
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		settings, err = p.Tenant.Load(tx)
		return err
	})
	if err != nil {
		return err
	}
	p.Pages.Render(w, r, status, "admin-"+name, page.View{
		Title: title, Org: settings.Name, User: who.user.Name, Wide: true, Nav: navigation(r, who), Data: data,
	})
	return nil
}

// within tells whether a path is a section's, or of a page below it.
func within(path, section string) bool {
	return path == section || section != "/admin" && strings.HasPrefix(path, section+"/")
}

func navigation(r *http.Request, who admin) []page.Item {
	var items []page.Item
	for _, section := range []struct {
		href, text string
		needs      Permission
	}{
		{"/admin", "admin.overview", ReadLog},
		{"/admin/users", "admin.users", ReadUsers},
		{"/admin/devices", "admin.devices", ReadUsers},
		{"/admin/groups", "admin.groups", ReadGroups},
		{"/admin/clients", "admin.clients", ReadClients},
		{"/admin/security/authentication-methods", "admin.policy", ReadPolicy},
		{"/admin/settings", "admin.settings", ReadPolicy},
		{"/admin/what-if", "admin.what_if", ReadPolicy},
		{logPath, "admin.log", ReadLog},
		{auditPath, "admin.audit", ReadLog},
	} {
		if who.can(section.needs) {
			items = append(items, page.Item{Href: section.href, Text: section.text, Here: within(r.URL.Path, section.href)})
		}
	}
	return items
}
