package api

import (
	"errors"
	"net/http"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/middleware"
	"countersign/verifier/policy"
	"countersign/verifier/rest"
	"countersign/verifier/store"
)

// brokerSession ties a session of the same-device flow to its challenge. The
// session's id is a secret of the app that signs in; it travels to the device
// inside the sealed challenge, so that the app knows its own sign-in.
type brokerSession struct {
	Challenge string    `json:"challenge"`
	ExpiresAt time.Time `json:"expires_at"`
}

// brokerBody is a session. The number comes here, in the answer to the sign-in,
// and never with the challenge.
type brokerBody struct {
	ID        string          `json:"id"`
	Number    string          `json:"number,omitempty"`
	State     challenge.State `json:"state"`
	Reason    string          `json:"reason,omitempty"`
	ExpiresAt rest.Time       `json:"expires_at"`
	DecidedAt rest.Time       `json:"decided_at,omitzero"`
}

func brokerView(id string, c challenge.Challenge) brokerBody {
	v := view(c)
	b := brokerBody{ID: id, Number: v.Number, State: v.State, ExpiresAt: v.ExpiresAt, DecidedAt: v.DecidedAt}
	if c.Final() {
		b.Reason = v.Reason
	}
	return b
}

// startBroker is POST /broker/v1/sessions.
func (a *API) startBroker(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	if err := checkName(body.User); err != nil {
		return err
	}
	if body.Password == "" || len(body.Password) > maxPassword {
		return rest.Invalid(`The member "password" must be the user's password.`)
	}
	source := middleware.Source(r, a.BehindProxy)
	if _, err := a.Directory.Authenticate(r.Context(), body.User, body.Password, source); err != nil {
		return passwordProblem(w, err)
	}
	session := message.NewID()
	c, err := a.Challenges.Start(r.Context(), challenge.Request{
		User: body.User, Client: a.Broker, Scenario: policy.ScenarioBroker, Method: policy.MethodPush,
		Context: challenge.Context{App: a.Broker.Name, IP: source}, Broker: session,
	})
	if err != nil {
		return problem(err)
	}
	if c.Experience != policy.NumberMatch {
		// In the preview policy may have asked for Approve/Deny: nobody waits for
		// that here, and left pending it would keep the user out elsewhere.
		if _, err := a.Challenges.Cancel(r.Context(), a.Broker.ID, c.ID); err != nil {
			return problem(err)
		}
		return &rest.Problem{
			Status: http.StatusForbidden, Code: c.Reason, Title: "This user cannot sign in this way",
			Detail: "The same-device flow asks the user's authenticator on this iOS device for a number.",
		}
	}
	err = a.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := a.sweepBroker(tx, session); err != nil {
			return err
		}
		return a.sessions.Put(tx, session, brokerSession{Challenge: c.ID, ExpiresAt: c.ExpiresAt})
	})
	if err != nil {
		return err
	}
	return rest.JSON(w, http.StatusCreated, brokerView(session, c))
}

const (
	// keepBroker is how long after its end a session's outcome can be read.
	keepBroker = time.Hour
	// sweepEach is how many others each new session looks at, to forget them.
	sweepEach = 4
)

// sweepBroker forgets old sessions. Ids are random, so those that follow a new
// one are a fair sample, and every one gets its turn.
func (a *API) sweepBroker(tx store.Tx, session string) error {
	var old []string
	err := a.sessions.Scan(tx, store.Range{After: session, Limit: sweepEach}, func(id string, s brokerSession) error {
		if a.Now().Sub(s.ExpiresAt) > keepBroker {
			old = append(old, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		if err := a.sessions.Delete(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// getBroker is GET /broker/v1/sessions/{id}.
func (a *API) getBroker(w http.ResponseWriter, r *http.Request) error {
	wait, err := rest.Wait(r)
	if err != nil {
		return err
	}
	id := rest.PathID(r)
	var session brokerSession
	err = a.Store.View(r.Context(), func(tx store.Tx) (err error) {
		session, err = a.sessions.Get(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &rest.Problem{Status: http.StatusNotFound, Code: rest.CodeNotFound, Title: "There is no such session"}
	}
	if err != nil {
		return err
	}
	c, err := a.Challenges.Get(r.Context(), a.Broker.ID, session.Challenge, wait)
	if err != nil {
		return problem(err)
	}
	view := brokerView(id, c)
	// The session's id stands in the challenge of every iOS device of the user:
	// a device that could ask for the number by it would never have to be told.
	view.Number = ""
	return rest.JSON(w, http.StatusOK, view)
}

// passwordProblem says what a failed first factor means. A wrong password and
// an unknown name are one.
func passwordProblem(w http.ResponseWriter, err error) error {
	var backoff *directory.BackoffError
	switch {
	case errors.Is(err, directory.ErrWrongPassword):
		w.Header().Set("WWW-Authenticate", `Password realm="countersign"`)
		return &rest.Problem{
			Status: http.StatusUnauthorized, Code: "wrong_password", Title: "The name or the password is wrong",
		}
	case errors.As(err, &backoff):
		return &rest.Problem{
			Status: http.StatusTooManyRequests, Code: challenge.RefusedLimit, Title: "Too many wrong passwords",
			Detail: "Wait as long as Retry-After says.", RetryAfter: backoff.RetryAfter,
		}
	case errors.Is(err, directory.ErrPasswordLocked):
		return &rest.Problem{
			Status: http.StatusLocked, Code: "password_locked", Title: "The password is locked",
			Detail: "It was wrong too often in a row. An administrator unlocks it.",
		}
	case errors.Is(err, directory.ErrBusy):
		return &rest.Problem{
			Status: http.StatusServiceUnavailable, Code: "busy", Title: "Too many sign-ins at once",
			RetryAfter: 2 * time.Second,
		}
	}
	return err
}
