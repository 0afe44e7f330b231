// Package graph serves the organisation's Microsoft Authenticator policy the
// way Microsoft Graph does, so that programs written for the one work with the
// other: GET, PATCH and DELETE of
//
//	/{beta|v1.0}[/policies]/authenticationMethodsPolicy/authenticationMethodConfigurations/MicrosoftAuthenticator
//
// with the key in any case or as ('MicrosoftAuthenticator'). What a policy may
// say, and how both of its shapes are read and written, is package policy's;
// this package speaks HTTP and OData about it: bearer tokens, request ids,
// gzip, $select and the error object. It decides nothing else and keeps
// nothing.
package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"countersign/verifier/policy"
	"countersign/verifier/words"
)

// Policies is the store of the one policy document.
type Policies interface {
	// Load returns the stored policy, or the default one.
	Load(ctx context.Context) (policy.Document, error)
	// Update stores what change makes of the stored policy, in one transaction
	// with its audit record under the actor's name. An error of change stores
	// nothing and comes back wrapped. change may be called more than once.
	Update(ctx context.Context, actor string, change func(policy.Document) (policy.Document, error)) error
}

// Caller is what a bearer token turned out to be.
type Caller int

// The callers. Only an administrator may read or change the policy.
const (
	Nobody Caller = iota // no valid token
	Admin
	Client // a relying party's key
)

// Authorizer tells whose a bearer token is. Its error means that it could not
// tell; a token that is unknown or expired is Nobody's.
type Authorizer func(ctx context.Context, bearer string) (actor string, caller Caller, err error)

// Config holds what New needs; all of it is required.
type Config struct {
	Policies  Policies
	Authorize Authorizer
	PublicURL string // the server's own address, for @odata.context
	Now       func() time.Time
	Logger    *slog.Logger
}

type handler struct {
	Config
	resource *regexp.Regexp
}

// New returns the handler for everything below /beta/ and /v1.0/.
func New(config Config) http.Handler {
	config.PublicURL = strings.TrimSuffix(config.PublicURL, "/")
	return &handler{
		Config: config,
		resource: regexp.MustCompile(`(?i)^/(beta|v1\.0)(?:/policies)?/authenticationMethodsPolicy/` +
			`authenticationMethodConfigurations(?:/?\('([A-Za-z0-9]+)'\)|/([A-Za-z0-9]+))/?$`),
	}
}

// ServeHTTP answers one request. Whatever happens the answer bears a
// request-id, and an error says so in its body too.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ids := newRequestIDs(r)
	ids.writeHeaders(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := h.serve(w, r); err != nil {
		h.fail(w, r, ids, err)
	}
}

// serve authorises, and only then looks at what is asked for: who may not ask
// learns nothing of what there is.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) error {
	actor, err := h.administrator(r)
	if err != nil {
		return err
	}
	version, err := h.version(r.URL.Path)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		return h.get(w, r, version)
	case http.MethodPatch:
		return h.patch(w, r, version, actor)
	case http.MethodDelete:
		return h.reset(w, r, actor)
	}
	w.Header().Set("Allow", "GET, PATCH, DELETE")
	return &httpError{http.StatusMethodNotAllowed, codeMethodNotAllowed, fmt.Sprintf("Method %q is not allowed here; use GET, PATCH or DELETE.", r.Method)}
}

// administrator returns the name of the administrator whose token the request
// bears.
func (h *handler) administrator(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", &httpError{http.StatusUnauthorized, codeInvalidToken, "Access token is empty. Send 'Authorization: Bearer' with an administrator's token."}
	}
	actor, caller, err := h.Authorize(r.Context(), token)
	switch {
	case err != nil:
		return "", fmt.Errorf("authorising: %w", err)
	case caller == Admin:
		return actor, nil
	case caller == Client:
		return "", &httpError{http.StatusForbidden, codeDenied, "Insufficient privileges: a client's key cannot read or change the policy. Use an administrator's token."}
	}
	return "", &httpError{http.StatusUnauthorized, codeInvalidToken, "Access token is invalid or has expired."}
}

// version reads the path: which version of the API, and that it is about the
// one resource there is.
func (h *handler) version(path string) (policy.Version, error) {
	match := h.resource.FindStringSubmatch(path)
	if match == nil {
		return "", &httpError{http.StatusNotFound, codeNotFound, "Resource not found. There is .../authenticationMethodConfigurations/" + policy.DocumentID + "."}
	}
	if key := match[2] + match[3]; !strings.EqualFold(key, policy.DocumentID) {
		return "", &httpError{http.StatusNotFound, codeNotFound, fmt.Sprintf("Resource '%s' does not exist. There is '%s'.", key, policy.DocumentID)}
	}
	if strings.EqualFold(match[1], string(policy.V1)) {
		return policy.V1, nil
	}
	return policy.Beta, nil
}

func (h *handler) get(w http.ResponseWriter, r *http.Request, version policy.Version) error {
	selected, err := selectedProperties(r.URL.RawQuery)
	if err != nil {
		return err
	}
	document, err := h.Policies.Load(r.Context())
	if err != nil {
		return fmt.Errorf("loading the policy: %w", err)
	}
	body, err := document.JSON(version, h.PublicURL, selected...)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
	w.Header().Set("OData-Version", "4.0")
	if _, err := w.Write(body); err != nil {
		h.Logger.DebugContext(r.Context(), "policy answer not delivered", "error", err)
	}
	return nil
}

func (h *handler) patch(w http.ResponseWriter, r *http.Request, version policy.Version, actor string) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	return h.change(w, r, actor, func(stored policy.Document) (policy.Document, error) {
		return stored.Patch(version, body)
	})
}

func (h *handler) reset(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.change(w, r, actor, func(policy.Document) (policy.Document, error) {
		return policy.Default(), nil
	})
}

func (h *handler) change(w http.ResponseWriter, r *http.Request, actor string, change func(policy.Document) (policy.Document, error)) error {
	if err := h.Policies.Update(r.Context(), actor, change); err != nil {
		return fmt.Errorf("changing the policy: %w", err)
	}
	h.Logger.InfoContext(r.Context(), "authentication methods policy changed",
		"actor", actor, "method", r.Method, "request_id", w.Header().Get(headerRequestID))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fail writes the error object. What the caller can mend is told in full; the
// rest goes to the log alone.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, ids requestIDs, err error) {
	var public *httpError
	var refusal *words.Error
	switch {
	case errors.As(err, &public):
	case errors.As(err, &refusal):
		public = &httpError{http.StatusBadRequest, codeBadRequest, refusal.Error()}
	default:
		h.Logger.ErrorContext(r.Context(), "policy request failed", "error", err, "request_id", ids.request)
		public = &httpError{http.StatusInternalServerError, codeInternal, "The request failed on the server. Nothing was changed; the log names the reason under this request-id."}
	}
	if public.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="countersign"`)
	}
	public.write(w, ids, h.Now())
}
