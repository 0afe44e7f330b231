// Package rest is what the verifier's JSON interfaces have in common: problem
// documents (RFC 9457), strictly read bodies, waits and bearer tokens. It knows
// nothing of sign-ins.
package rest

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/verifier/store"
)

// Problem is an error as the caller may see it, apart from the one that is
// logged. It is written as application/problem+json (RFC 9457).
type Problem struct {
	Status int
	Code   string // stable: programs compare it
	Title  string // for people: what is wrong with every problem of this code
	Detail string // for people: what is wrong with this one, and what to do
	// RetryAfter goes into the header of that name, in whole seconds, rounded
	// up; zero leaves it out.
	RetryAfter time.Duration
	// Extensions are further members (RFC 9457 §3.2).
	Extensions map[string]any
	// Err is logged and never shown.
	Err error
}

func (p *Problem) Error() string {
	if p.Err != nil {
		return p.Code + ": " + p.Err.Error()
	}
	return p.Code
}

// Unwrap gives the error behind the problem.
func (p *Problem) Unwrap() error { return p.Err }

// The codes that every JSON interface shares.
const (
	CodeInternal       = "internal_error"
	CodeStorageFull    = "storage_full"
	CodeInvalidRequest = "invalid_request"
	CodeTooLarge       = "body_too_large"
	CodeUnauthorised   = "unauthorized" // spelled as the status phrase is
	CodeNotFound       = "not_found"
	CodeMethod         = "method_not_allowed"
)

// Invalid is a request that is wrong in a way that its sender can mend; detail
// says which part and how.
func Invalid(format string, args ...any) *Problem {
	return &Problem{
		Status: http.StatusBadRequest, Code: CodeInvalidRequest, Title: "The request is not valid",
		Detail: fmt.Sprintf(format, args...),
	}
}

// Internal is a failure of the server's own. Nothing of err is shown, but that
// the disk is full: whoever hears it can tell the operator what to do.
func Internal(err error) *Problem {
	if errors.Is(err, store.ErrFull) {
		return &Problem{
			Status: http.StatusServiceUnavailable, Code: CodeStorageFull, Title: "The server's disk is full",
			Detail: "Nothing was stored. The operator must free some space; then try again.", Err: err,
		}
	}
	return &Problem{
		Status: http.StatusInternalServerError, Code: CodeInternal, Title: "Something went wrong on the server",
		Detail: "Try again. If it stays, tell the operator the request-id of this answer.", Err: err,
	}
}

// Write sends the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", RetrySeconds(p.RetryAfter))
	}
	w.WriteHeader(p.Status)
	doc := map[string]any{
		"type": "urn:countersign:problem:" + p.Code, "title": p.Title, "status": p.Status, "code": p.Code,
	}
	if p.Detail != "" {
		doc["detail"] = p.Detail
	}
	maps.Copy(doc, p.Extensions)
	// The status is sent: a write that fails has nobody left to tell.
	_ = json.MarshalWrite(w, doc, json.Deterministic(true))
}

// RetrySeconds is a wait as Retry-After gives it (RFC 9110 §10.2.3): whole
// seconds, rounded up, so that who waits as told does not come too early.
func RetrySeconds(wait time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10)
}

// Handler is an HTTP handler that returns what went wrong.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Serve makes an http.Handler of it: a *Problem is sent as it is, every other
// error as an internal one. Internal ones are logged.
func Serve(logger *slog.Logger, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		var p *Problem
		if !errors.As(err, &p) {
			p = Internal(err)
		}
		if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
			logger.ErrorContext(r.Context(), "answering a request", "pattern", r.Pattern, "error", p.Error())
		}
		p.Write(w)
	})
}

// JSON sends v.
func JSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return Internal(fmt.Errorf("writing an answer: %w", err))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

// NotFound answers a path that does not exist.
func NotFound(http.ResponseWriter, *http.Request) error {
	return &Problem{Status: http.StatusNotFound, Code: CodeNotFound, Title: "There is nothing here"}
}

// MethodNotAllowed answers a path that exists, for another method.
func MethodNotAllowed(allow string) Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", allow)
		return &Problem{Status: http.StatusMethodNotAllowed, Code: CodeMethod, Title: "This method is not allowed here", Detail: "Allowed: " + allow}
	}
}
