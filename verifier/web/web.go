// Package web is the verifier's own sign-in: the pages on which people give
// their name and password, read the number, and look after their account. It
// is a relying party like any other, of kind web, with the right to change
// its user's methods besides.
//
// Every page works without a script; with one it follows the device's answer by
// server-sent events. What a browser has proven stands in its session, which is
// a new one after every factor.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"countersign/crypto/identity"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/middleware"
	"countersign/verifier/page"
	"countersign/verifier/session"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// Config is what New needs.
type Config struct {
	Store      store.Store
	Vault      *vault.Vault
	Directory  *directory.Directory
	Tenant     *tenant.Tenant
	Challenges *challenge.Service
	Enrolments *enrol.Service
	Sessions   *session.Sessions
	Pages      *page.Pages
	Middleware *middleware.Middleware
	// Client is the built-in relying party in whose name people sign in here.
	Client directory.Client
	// Connected reports whether the relay is reachable.
	Connected func() bool
	// Revoke removes a device, tells it, and tells the user's others.
	Revoke      func(ctx context.Context, actor string, device identity.Thumbprint) error
	PublicURL   string // as browsers name the server, such as https://sign-in.contoso.example
	BehindProxy bool   // the address is the proxy's word
	Now         func() time.Time
	Logger      *slog.Logger
}

// Web serves the pages.
type Web struct {
	Config
	sameOrigin func(http.Handler) http.Handler
	names      *addresses
}

// AppName is the authenticator's name, as the pages say it.
const AppName = "Countersign"

// New makes a Web.
func New(cfg Config) (*Web, error) {
	web := &Web{Config: cfg, names: newAddresses(cfg.Now)}
	var err error
	web.sameOrigin, err = middleware.SameOrigin(cfg.PublicURL, web.handle(func(w http.ResponseWriter, r *http.Request) error {
		return web.outcome(w, r, http.StatusForbidden, outcomeForbidden)
	}))
	return web, err
}

const (
	pageTimeout   = 30 * time.Second
	streamTimeout = 11 * time.Minute // longer than an enrolment's link lives
)

// handler is a page's handler, which returns what went wrong.
type handler func(w http.ResponseWriter, r *http.Request) error

// Mount puts the pages on a server's routes. They take every path that no other
// front end does.
func (web *Web) Mount(mux *http.ServeMux) {
	pages, streams := http.NewServeMux(), http.NewServeMux()
	for pattern, h := range web.routes() {
		pages.Handle(pattern, web.handle(h))
	}
	pages.Handle("GET /static/", web.Pages.Static())
	streams.Handle("GET /challenge/events", web.handle(web.challengeEvents))
	streams.Handle("GET /account/add/events", web.handle(web.addEvents))
	options := middleware.Options{
		ContentSecurityPolicy: page.ContentSecurityPolicy, Timeout: pageTimeout,
		Failed: func(w http.ResponseWriter, r *http.Request) {
			_ = web.outcome(w, r, http.StatusInternalServerError, outcomeFailed)
		},
	}
	mux.Handle("/", web.Middleware.Wrap(web.guard(pages), options))
	options.Timeout = streamTimeout
	stream := web.Middleware.Wrap(web.guard(streams), options)
	mux.Handle("GET /challenge/events", stream)
	mux.Handle("GET /account/add/events", stream)
}

func (web *Web) routes() map[string]handler {
	return map[string]handler{
		"GET /{$}":    web.showSignIn,
		"POST /{$}":   web.signIn,
		"GET /phone":  web.showPhone,
		"POST /phone": web.phone,
		"GET /reset":  web.showReset,
		"POST /reset": web.reset,

		"GET /challenge":           web.showChallenge,
		"POST /challenge/again":    web.again,
		"POST /challenge/use-code": web.useCode,
		"POST /challenge/use-push": web.usePush,
		"POST /challenge/code":     web.code,
		"POST /challenge/cancel":   web.cancel,

		"GET /reset/password":  web.showNewPassword,
		"POST /reset/password": web.newPassword,
		"GET /reset/done":      web.resetDone,

		"GET /account":               web.account,
		"POST /account/verify":       web.verify,
		"POST /account/remove":       web.removeDevice,
		"GET /account/add":           web.showAdd,
		"POST /account/add":          web.add,
		"GET /account/add/qr.png":    web.addQR,
		"POST /account/add/cancel":   web.cancelAdd,
		"GET /account/totp":          web.showTOTP,
		"POST /account/totp":         web.addTOTP,
		"GET /account/totp/qr.png":   web.totpQR,
		"POST /account/totp/confirm": web.confirmTOTP,
		"POST /account/totp/cancel":  web.cancelTOTP,
		"POST /account/totp/remove":  web.removeTOTP,
		"POST /signout":              web.signOut,
		"POST /signout-everywhere":   web.signOutEverywhere,

		"/": web.notFound,
	}
}

// maxForm bounds a form, in octets.
const maxForm = 16 << 10

// guard bounds bodies, refuses foreign origins, and keeps the reader's choice of
// language.
func (web *Web) guard(next http.Handler) http.Handler {
	return web.sameOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if page.ChooseLanguage(w, r, web.Sessions.Secure(r)) {
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// handle turns a handler's error into a page without details.
func (web *Web) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		switch {
		case err == nil:
		case errors.Is(err, session.ErrNone):
			web.expired(w, r)
		case errors.Is(err, errForm):
			_ = web.outcome(w, r, http.StatusBadRequest, outcomeInvalid)
		case r.Context().Err() != nil:
			// The browser has gone: nobody is left to tell.
		default:
			web.Logger.ErrorContext(r.Context(), "answering for a page", "request_id", middleware.RequestID(r.Context()),
				"pattern", r.Pattern, "error", err)
			_ = web.outcome(w, r, http.StatusInternalServerError, outcomeFailed)
		}
	})
}

// expired answers a request whose session is over: a stale page does nothing,
// and its reader is told why.
func (web *Web) expired(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		http.Redirect(w, r, "/?expired", http.StatusSeeOther)
		return
	}
	_ = web.outcome(w, r, http.StatusForbidden, outcomeSession)
}

func (web *Web) notFound(w http.ResponseWriter, r *http.Request) error {
	return web.outcome(w, r, http.StatusNotFound, outcomeNotFound)
}

var errForm = errors.New("web: a form that the pages do not have")

// form reads a form. Values come from the body alone.
func form(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, errors.Join(errForm, err)
	}
	return r.PostForm, nil
}

// render draws a page with the organisation's name.
func (web *Web) render(w http.ResponseWriter, r *http.Request, status int, name string, v page.View) error {
	settings, err := web.settings(r.Context())
	if err != nil {
		return err
	}
	v.Org = settings.Name
	web.Pages.Render(w, r, status, name, v)
	return nil
}

func (web *Web) settings(ctx context.Context) (tenant.Settings, error) {
	var settings tenant.Settings
	err := web.Store.View(ctx, func(tx store.Tx) (err error) {
		settings, err = web.Tenant.Load(tx)
		return err
	})
	return settings, err
}

// methods are what a user can answer with.
type methods struct {
	user    directory.User
	devices []directory.Device
	code    bool
}

func (web *Web) methods(ctx context.Context, user string) (methods, error) {
	var m methods
	err := web.Store.View(ctx, func(tx store.Tx) (err error) {
		if m.user, err = web.Directory.UserByID(tx, user); err != nil {
			return err
		}
		if m.devices, err = web.Directory.Devices(tx, user); err != nil {
			return err
		}
		m.code, err = web.Directory.HasTOTP(tx, user)
		return err
	})
	if err == nil && m.user.Disabled || errors.Is(err, directory.ErrUnknownUser) {
		// Removed or disabled since the session began.
		return methods{}, session.ErrNone
	}
	return m, err
}

// source is where a request came from.
func (web *Web) source(r *http.Request) string { return middleware.Source(r, web.BehindProxy) }

func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
