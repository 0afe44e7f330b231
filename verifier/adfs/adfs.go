// Package adfs is the front end for AD FS: the interface that an
// authentication adapter on a Windows Server speaks, with the key of a client
// of kind adfs.
//
// Whether the adapter may show a number hangs on the server's updates (policy
// decides). Which build it is, is set with the credential, and never believed
// from a request: a server that somebody has broken into must not be able to
// lower what is asked of its users.
//
// AD FS has checked the password before it asks. What comes of a session is
// told once, so that one approval cannot let two sign-ins in.
package adfs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/middleware"
	"countersign/verifier/policy"
	"countersign/verifier/rest"
	"countersign/verifier/store"
)

// Challenges is the life cycle of sign-ins.
type Challenges interface {
	Start(ctx context.Context, req challenge.Request) (challenge.Challenge, error)
	Get(ctx context.Context, client, id string, wait time.Duration) (challenge.Challenge, error)
	Cancel(ctx context.Context, client, id string) (challenge.Challenge, error)
	Code(ctx context.Context, client, id, code string) (challenge.Challenge, error)
}

// Directory finds clients by their keys, and knows who has codes.
type Directory interface {
	ClientByKey(tx store.Tx, key string) (directory.Client, error)
	HasTOTP(tx store.Tx, userID string) (bool, error)
}

// Config is what New needs.
type Config struct {
	Store      store.Store
	Directory  Directory
	Challenges Challenges
	Middleware *middleware.Middleware
	Now        func() time.Time
	Logger     *slog.Logger
}

// Adapter serves /adfs/v1.
type Adapter struct{ Config }

// New makes an Adapter.
func New(cfg Config) *Adapter { return &Adapter{cfg} }

// timeout is the longest request: a wait, and the work around it.
const timeout = rest.MaxWait + 15*time.Second

// Mount puts the routes on a server's.
func (a *Adapter) Mount(mux *http.ServeMux) {
	inner := http.NewServeMux()
	for pattern, handler := range map[string]rest.Handler{
		"POST /adfs/v1/sessions":               a.asClient(a.start),
		"/adfs/v1/sessions":                    rest.MethodNotAllowed("POST"),
		"GET /adfs/v1/sessions/{id}":           a.asClient(a.get),
		"DELETE /adfs/v1/sessions/{id}":        a.asClient(a.cancel),
		"/adfs/v1/sessions/{id}":               rest.MethodNotAllowed("GET, DELETE"),
		"POST /adfs/v1/sessions/{id}/otp":      a.asClient(a.code),
		"/adfs/v1/sessions/{id}/otp":           rest.MethodNotAllowed("POST"),
		"POST /adfs/v1/sessions/{id}/use-code": a.asClient(a.useCode),
		"/adfs/v1/sessions/{id}/use-code":      rest.MethodNotAllowed("POST"),
		"/":                                    rest.NotFound,
	} {
		inner.Handle(pattern, rest.Serve(a.Logger, handler))
	}
	mux.Handle("/adfs/", a.Middleware.Wrap(inner, middleware.Options{
		ContentSecurityPolicy: middleware.DenyContent, Timeout: timeout,
		Failed: func(w http.ResponseWriter, _ *http.Request) {
			rest.Internal(errors.New("a handler panicked")).Write(w)
		},
	}))
}

// clientHandler is a handler that knows whose key came with the request.
type clientHandler func(w http.ResponseWriter, r *http.Request, client directory.Client) error

// asClient lets in the keys of AD FS adapters alone: another kind's rules are
// not theirs to borrow.
func (a *Adapter) asClient(h clientHandler) rest.Handler {
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
		switch {
		case errors.Is(err, directory.ErrUnknownClient):
			return rest.Unauthorised(w, "The key is not that of a client. Make one with: countersignd client add --kind adfs.")
		case err != nil:
			return err
		case client.Kind != policy.KindADFS:
			return &rest.Problem{
				Status: http.StatusForbidden, Code: "wrong_kind_of_client", Title: "The key is of another kind of client",
				Detail: "This interface is for clients of kind adfs.",
			}
		}
		return h(w, r, client)
	}
}
