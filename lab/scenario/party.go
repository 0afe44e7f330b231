package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// party is the world outside the server: relying parties with their keys, and
// an administrator with a token. All that it knows came over HTTP.
type party struct {
	server string // the server's URL, without a slash at its end
	admin  string // the administrator's token
	http   *http.Client
}

const (
	maxReply     = 1 << 20 // octets
	replyTimeout = 30 * time.Second
)

// view is a challenge as the RP API tells it.
type view struct {
	ID         string    `json:"id"`
	Experience string    `json:"experience"`
	Number     string    `json:"number"`
	State      string    `json:"state"`
	Reason     string    `json:"reason"`
	ExpiresAt  time.Time `json:"expires_at"`
	DecidedAt  time.Time `json:"decided_at"`
	Device     string    `json:"device"`
	Receipt    string    `json:"receipt"`
}

// problem is a refusal (RFC 9457).
type problem struct {
	Status     int
	Code       string
	Title      string
	Detail     string
	RetryAfter time.Duration
}

// Error says what was refused, in the server's words.
func (p *problem) Error() string {
	if p.Status == 0 {
		return "refused with " + p.Code
	}
	words := strings.TrimSuffix(strings.TrimSuffix(p.Title+". "+p.Detail, " "), ".")
	return fmt.Sprintf("refused with %s (%d): %s", p.Code, p.Status, words)
}

type startBody struct {
	User     string            `json:"user"`
	Scenario string            `json:"scenario,omitempty"`
	Method   string            `json:"method,omitempty"`
	Context  map[string]string `json:"context,omitempty"`
	TTL      int               `json:"ttl,omitzero"` // seconds
}

func (p *party) start(ctx context.Context, key string, body startBody) (v view, err error) {
	return v, p.call(ctx, http.MethodPost, "/api/v1/challenges", key, body, &v)
}

func (p *party) get(ctx context.Context, key, id string) (v view, err error) {
	return v, p.call(ctx, http.MethodGet, "/api/v1/challenges/"+url.PathEscape(id), key, nil, &v)
}

func (p *party) cancel(ctx context.Context, key, id string) (v view, err error) {
	return v, p.call(ctx, http.MethodDelete, "/api/v1/challenges/"+url.PathEscape(id), key, nil, &v)
}

func (p *party) code(ctx context.Context, key, id, code string) (v view, err error) {
	return v, p.call(ctx, http.MethodPost, "/api/v1/challenges/"+url.PathEscape(id)+"/code", key, map[string]string{"code": code}, &v)
}

// evaluation is what policy answers to a what-if.
type evaluation struct {
	Experience string  `json:"experience"`
	Reason     string  `json:"reason"`
	Event      *string `json:"event"`
}

func (p *party) evaluate(ctx context.Context, key string, input map[string]any) (e evaluation, err error) {
	return e, p.call(ctx, http.MethodPost, "/api/v1/policy/evaluate", key, input, &e)
}

// methodsPolicy is the policy's path, as the portal uses it.
const methodsPolicy = "/beta/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/MicrosoftAuthenticator"

// typeMember must stand in every patch of the policy, with policyType.
const (
	typeMember = "@odata.type"
	policyType = "#microsoft.graph.microsoftAuthenticatorAuthenticationMethodConfiguration"
)

// patchPolicy changes the methods policy, and tells the status and, of a
// refusal, the message.
func (p *party) patchPolicy(ctx context.Context, change map[string]any) (status int, msg string, err error) {
	status, _, data, err := p.send(ctx, http.MethodPatch, methodsPolicy, p.admin, change)
	if err != nil || status < http.StatusBadRequest {
		return status, "", err
	}
	var reply struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(data, &reply); err != nil {
		return status, "", fmt.Errorf("the policy API answers %d with what is no error of its kind", status)
	}
	return status, reply.Error.Message, nil
}

// call sends a request of the RP API. A refusal is a *problem.
func (p *party) call(ctx context.Context, method, path, bearer string, body, into any) error {
	status, header, data, err := p.send(ctx, method, path, bearer, body)
	if err != nil {
		return err
	}
	if status >= http.StatusBadRequest {
		refused := &problem{Status: status}
		var doc struct {
			Code   string `json:"code"`
			Title  string `json:"title"`
			Detail string `json:"detail"`
		}
		if err := json.Unmarshal(data, &doc); err != nil || doc.Code == "" {
			return fmt.Errorf("%s %s answers %d, and not with a problem document: is this the address of a countersignd?", method, path, status)
		}
		refused.Code, refused.Title, refused.Detail = doc.Code, doc.Title, doc.Detail
		if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
			refused.RetryAfter = time.Duration(seconds) * time.Second
		}
		return refused
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	return nil
}

func (p *party) send(ctx context.Context, method, path, bearer string, body any) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body, json.Deterministic(true))
		if err != nil {
			return 0, nil, nil, fmt.Errorf("writing %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, p.server+path, content)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	request.Header.Set("Content-Type", "application/json")
	response, err := p.http.Do(request)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("reaching the server: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	return response.StatusCode, response.Header, data, nil
}

// asProblem gives the refusal in an error, if it is one.
func asProblem(err error) (*problem, bool) {
	var p *problem
	ok := errors.As(err, &p)
	return p, ok
}
