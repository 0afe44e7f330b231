package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/crypto/relayurl"
	"countersign/transport"
)

// ErrSignIn is wrapped by every refusal of a same-device sign-in.
var ErrSignIn = errors.New("sign-in refused")

const (
	maxBrokerReply = 64 << 10 // octets
	brokerTimeout  = 15 * time.Second
)

// brokerHTTP is the BrokerService over HTTPS: POST and GET /broker/v1/sessions.
type brokerHTTP struct {
	base   string
	client *http.Client
}

// BrokerHTTP is the BrokerDialler for the verifier in the relay's own server:
// wss://host/… becomes https://host, with the same pin.
func BrokerHTTP(relay string, pin []byte) (BrokerService, error) {
	if err := relayurl.Check(relay); err != nil {
		return nil, err
	}
	u, err := url.Parse(relay)
	if err != nil {
		return nil, fmt.Errorf("the relay's URL: %w", err)
	}
	scheme := "https"
	if u.Scheme == "ws" { // to loopback alone
		scheme = "http"
	}
	return &brokerHTTP{
		base: scheme + "://" + u.Host + "/broker/v1/sessions",
		client: &http.Client{
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: transport.PinnedTLS(nil, pin), DisableKeepAlives: true},
			// A password is sent: it follows no redirect.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// brokerReply is a session as the server writes it.
type brokerReply struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	State     string    `json:"state"`
	Reason    string    `json:"reason"`
	ExpiresAt time.Time `json:"expires_at"`
	DecidedAt time.Time `json:"decided_at"`
}

// Start implements BrokerService.
func (b *brokerHTTP) Start(ctx context.Context, user, password string) (BrokerSession, error) {
	body, err := json.Marshal(struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}{user, password})
	if err != nil {
		return BrokerSession{}, fmt.Errorf("writing the sign-in: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	return b.do(ctx, http.MethodPost, b.base, body)
}

// Wait implements BrokerService.
func (b *brokerHTTP) Wait(ctx context.Context, id string, wait time.Duration) (BrokerSession, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+brokerTimeout)
	defer cancel()
	return b.do(ctx, http.MethodGet, b.base+"/"+url.PathEscape(id)+"?wait="+url.QueryEscape(wait.String()), nil)
}

func (b *brokerHTTP) do(ctx context.Context, method, address string, body []byte) (BrokerSession, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return BrokerSession{}, fmt.Errorf("asking the server: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, application/problem+json")
	response, err := b.client.Do(request)
	if err != nil {
		return BrokerSession{}, fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBrokerReply))
	if err != nil {
		return BrokerSession{}, fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return BrokerSession{}, problem(response.StatusCode, data)
	}
	var reply brokerReply
	if err := json.Unmarshal(data, &reply, json.RejectUnknownMembers(true)); err != nil || reply.ID == "" || reply.State == "" {
		return BrokerSession{}, fmt.Errorf("%w: the server's answer is none that this app knows; update the app", ErrSignIn)
	}
	return BrokerSession{ID: reply.ID, Number: reply.Number, State: reply.State, Reason: reply.Reason, Expires: reply.ExpiresAt}, nil
}

// problem reads a problem document (RFC 9457), whose extensions may be any.
func problem(status int, data []byte) error {
	var p struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	switch err := json.Unmarshal(data, &p); {
	case err != nil || p.Title == "" || !showable(p.Title) || !showable(p.Detail):
		return fmt.Errorf("%w: the server answers with HTTP status %d", ErrSignIn, status)
	case p.Detail == "":
		return fmt.Errorf("%w: %s", ErrSignIn, p.Title)
	}
	return fmt.Errorf("%w: %s: %s", ErrSignIn, p.Title, p.Detail)
}
