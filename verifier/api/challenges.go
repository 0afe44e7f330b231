package api

import (
	"errors"
	"net/http"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/rest"
)

// startBody is what POST /challenges takes.
type startBody struct {
	User     string          `json:"user"`
	Scenario policy.Scenario `json:"scenario"`
	Method   policy.Method   `json:"method"`
	Context  *contextBody    `json:"context"`
	TTL      *int64          `json:"ttl"` // seconds
}

type contextBody struct {
	App      string `json:"app"`
	Origin   string `json:"origin"`
	IP       string `json:"ip"`
	Location string `json:"location"`
}

// request checks the body and makes the challenge's request of it. Nothing in a
// body can turn number matching off: experience and client are not the caller's
// to choose.
func (b startBody) request(client directory.Client) (challenge.Request, error) {
	req := challenge.Request{User: b.User, Client: client, Scenario: b.Scenario, Method: b.Method}
	if err := checkName(b.User); err != nil {
		return req, err
	}
	if b.TTL != nil {
		if *b.TTL < 1 {
			return req, rest.Invalid(`The member "ttl" must be in whole seconds, 1 to %d.`, int(message.Lifetime.Seconds()))
		}
		req.TTL = time.Duration(min(*b.TTL, int64(message.Lifetime.Seconds()))) * time.Second
	}
	if b.Context != nil {
		if err := b.Context.check(); err != nil {
			return req, err
		}
		req.Context = challenge.Context{App: b.Context.App, Origin: b.Context.Origin, IP: address(b.Context.IP), Location: b.Context.Location}
	}
	return req, nil
}

// challengeBody is a challenge as its client may see it. Who the user is stays
// out of it: it would tell a name that exists from one that does not.
type challengeBody struct {
	ID         string            `json:"id"`
	Experience policy.Experience `json:"experience"`
	Number     string            `json:"number,omitempty"`
	State      challenge.State   `json:"state"`
	Reason     string            `json:"reason,omitempty"`
	ExpiresAt  rest.Time         `json:"expires_at"`
	DecidedAt  rest.Time         `json:"decided_at,omitzero"`
	Device     string            `json:"device,omitempty"`  // the thumbprint of the device that settled it
	Receipt    string            `json:"receipt,omitempty"` // its signed answer, a JWS in compact form
}

func view(c challenge.Challenge) challengeBody {
	b := challengeBody{
		ID: c.ID, Experience: c.Experience, State: c.State, Reason: c.Reason,
		ExpiresAt: rest.Time(c.ExpiresAt), DecidedAt: rest.Time(c.DecidedAt),
	}
	if c.State == challenge.Pending {
		// An answer that is not the end of it is no evidence of anything yet.
		b.Number = c.Number
	} else {
		b.Device, b.Receipt = string(c.Device), c.Receipt
	}
	return b
}

// start is POST /challenges.
func (a *API) start(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	var body startBody
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	req, err := body.request(client)
	if err != nil {
		return err
	}
	c, err := a.Challenges.Start(r.Context(), req)
	if err != nil {
		return problem(err)
	}
	w.Header().Set("Location", "/api/v1/challenges/"+c.ID)
	return rest.JSON(w, http.StatusCreated, view(c))
}

// get is GET /challenges/{id}.
func (a *API) get(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	wait, err := rest.Wait(r)
	if err != nil {
		return err
	}
	c, err := a.Challenges.Get(r.Context(), client.ID, rest.PathID(r), wait)
	if err != nil {
		return problem(err)
	}
	return rest.JSON(w, http.StatusOK, view(c))
}

// cancel is DELETE /challenges/{id}. A challenge that is settled stays as it is,
// and the answer shows how.
func (a *API) cancel(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	c, err := a.Challenges.Cancel(r.Context(), client.ID, rest.PathID(r))
	if err != nil {
		return problem(err)
	}
	return rest.JSON(w, http.StatusOK, view(c))
}

// code is POST /challenges/{id}/code.
func (a *API) code(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	var body struct {
		Code string `json:"code"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	if body.Code == "" || !rest.Plain(body.Code, maxCode) {
		return rest.Invalid(`The member "code" must be the code that the authenticator shows.`)
	}
	c, err := a.Challenges.Code(r.Context(), client.ID, rest.PathID(r), body.Code)
	if err != nil {
		p := problem(err)
		if errors.Is(err, challenge.ErrWrongCode) || errors.Is(err, challenge.ErrSettled) {
			p.Extensions = map[string]any{"state": c.State}
		}
		return p
	}
	if c.State != challenge.Approved {
		// No client that looks at the status alone must take the last wrong code
		// for a right one.
		p := notApproved(c.State)
		p.Extensions = map[string]any{"state": c.State}
		if c.Reason != "" {
			p.Extensions["reason"] = c.Reason
		}
		return p
	}
	return rest.JSON(w, http.StatusOK, view(c))
}
