// Package api is the REST interface of relying parties: programs that ask for
// sign-ins with a client's key, show the number to their user, and wait for
// the outcome. The same-device flow of iOS is here, too; it needs no key, but
// the user's password.
//
// It decides nothing: policy is asked by way of challenge.Start, and what comes
// from outside is checked here before anything is looked up.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/middleware"
	"countersign/verifier/rest"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// Challenges is the life cycle of sign-ins.
type Challenges interface {
	Start(ctx context.Context, req challenge.Request) (challenge.Challenge, error)
	Get(ctx context.Context, client, id string, wait time.Duration) (challenge.Challenge, error)
	Cancel(ctx context.Context, client, id string) (challenge.Challenge, error)
	Code(ctx context.Context, client, id, code string) (challenge.Challenge, error)
}

// Directory finds clients by their keys and users by their passwords.
type Directory interface {
	ClientByKey(tx store.Tx, key string) (directory.Client, error)
	Authenticate(ctx context.Context, name, password, source string) (directory.User, error)
}

// Tenant gives the organisation's settings.
type Tenant interface {
	Load(tx store.Tx) (tenant.Settings, error)
}

// Config is what New needs.
type Config struct {
	Store      store.Store
	Directory  Directory
	Tenant     Tenant
	Challenges Challenges
	Middleware *middleware.Middleware
	// Broker is the built-in client of kind web in whose name sign-ins of the
	// same-device flow are started.
	Broker      directory.Client
	BehindProxy bool // the address is the proxy's word
	Now         func() time.Time
	Logger      *slog.Logger
}

// API serves /api/v1 and /broker/v1.
type API struct {
	Config
	sessions store.Bucket[brokerSession]
}

// New makes an API.
func New(cfg Config) *API {
	return &API{Config: cfg, sessions: store.NewBucket[brokerSession]("broker_session")}
}

// timeout is the longest request: a wait, and the work around it.
const timeout = rest.MaxWait + 15*time.Second

// Mount puts the API's routes on a server's.
func (a *API) Mount(mux *http.ServeMux) {
	inner := http.NewServeMux()
	for pattern, handler := range a.routes() {
		inner.Handle(pattern, rest.Serve(a.Logger, handler))
	}
	wrapped := a.Middleware.Wrap(inner, middleware.Options{
		ContentSecurityPolicy: middleware.DenyContent, Timeout: timeout,
		Failed: func(w http.ResponseWriter, _ *http.Request) {
			rest.Internal(errors.New("a handler panicked")).Write(w)
		},
	})
	mux.Handle("/api/", wrapped)
	mux.Handle("/broker/", wrapped)
}

func (a *API) routes() map[string]rest.Handler {
	return map[string]rest.Handler{
		"POST /api/v1/challenges":           a.asClient(a.start),
		"/api/v1/challenges":                rest.MethodNotAllowed("POST"),
		"GET /api/v1/challenges/{id}":       a.asClient(a.get),
		"DELETE /api/v1/challenges/{id}":    a.asClient(a.cancel),
		"/api/v1/challenges/{id}":           rest.MethodNotAllowed("GET, DELETE"),
		"POST /api/v1/challenges/{id}/code": a.asClient(a.code),
		"/api/v1/challenges/{id}/code":      rest.MethodNotAllowed("POST"),
		"POST /api/v1/policy/evaluate":      a.asClient(a.evaluate),
		"/api/v1/policy/evaluate":           rest.MethodNotAllowed("POST"),
		"POST /broker/v1/sessions":          a.startBroker,
		"/broker/v1/sessions":               rest.MethodNotAllowed("POST"),
		"GET /broker/v1/sessions/{id}":      a.getBroker,
		"/broker/v1/sessions/{id}":          rest.MethodNotAllowed("GET"),
		"/":                                 rest.NotFound,
	}
}

// clientHandler is a handler that knows whose key came with the request.
type clientHandler func(w http.ResponseWriter, r *http.Request, client directory.Client) error

// asClient finds the client by its key. It comes before everything else that a
// request says: who has no key learns nothing, not even what is well-formed.
func (a *API) asClient(h clientHandler) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key, err := rest.Bearer(w, r)
		if err != nil {
			return err
		}
		var client directory.Client
		err = a.Store.View(r.Context(), func(tx store.Tx) (err error) {
			client, err = a.Directory.ClientByKey(tx, key)
			return err
		})
		if errors.Is(err, directory.ErrUnknownClient) {
			return rest.Unauthorised(w, "The key is not that of a client. Make one with: countersignd client add.")
		}
		if err != nil {
			return err
		}
		return h(w, r, client)
	}
}
