package adfs

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/rest"
	"countersign/verifier/store"
)

// session is what is remembered beside the challenge, whose id it has.
type session struct {
	Client string `json:"client"`
	LCID   int    `json:"lcid,omitzero"`
	Told   bool   `json:"told,omitzero"` // the outcome was given out
	// Who signs in, and from where, for a code in the push's place; HasCode says
	// that there is one.
	UPN     string            `json:"upn"`
	Context challenge.Context `json:"context"`
	HasCode bool              `json:"has_code,omitzero"`
}

// The buckets of this package. The second orders sessions by when they may be
// forgotten: keyOf.
var (
	sessions = store.NewBucket[session]("adfs_session")
	ends     = store.NewBucket[string]("adfs_session_end")
)

func keyOf(end time.Time, id string) string { return fmt.Sprintf("%020d/%s", end.UnixNano(), id) }

// keepFor is how long after its challenge a session is remembered, so that a
// second reading of the outcome is told from a session that never was.
const keepFor = time.Hour

// Limits of what a request may hold, in octets.
const (
	maxUPN     = 128
	maxText    = 256
	maxVersion = 64
	maxCode    = 16
)

// startBody is what POST /sessions takes.
type startBody struct {
	UPN            string `json:"upn"`
	AdapterVersion string `json:"adapter_version"`
	ClientIP       string `json:"client_ip"`
	RelyingParty   string `json:"relying_party"`
	LCID           int    `json:"lcid"`
}

// session checks the body and makes of it what is remembered.
func (b startBody) session(client directory.Client) (session, error) {
	s := session{Client: client.ID, LCID: b.LCID, UPN: b.UPN}
	switch {
	case b.UPN == "" || !rest.Plain(b.UPN, maxUPN):
		return s, rest.Invalid(`The member "upn" must be the user's name, 1 to %d bytes.`, maxUPN)
	case !rest.Plain(b.AdapterVersion, maxVersion):
		return s, rest.Invalid(`The member "adapter_version" must have at most %d bytes.`, maxVersion)
	case !rest.Plain(b.RelyingParty, maxText):
		return s, rest.Invalid(`The member "relying_party" must have at most %d bytes.`, maxText)
	case b.LCID < 0 || b.LCID > 0xfffff:
		return s, rest.Invalid(`The member "lcid" must be a Windows language code, such as 1033.`)
	}
	if b.ClientIP != "" {
		address, err := netip.ParseAddr(b.ClientIP)
		if err != nil {
			return s, rest.Invalid(`The member "client_ip" must be an IP address.`)
		}
		s.Context.IP = address.Unmap().WithZone("").String()
	}
	s.Context.App = b.RelyingParty
	return s, nil
}

// sessionBody is a session as the adapter may see it.
type sessionBody struct {
	ID        string            `json:"id"`
	Mode      policy.Experience `json:"mode"`
	Number    string            `json:"number,omitempty"`
	State     challenge.State   `json:"state"`
	Reason    string            `json:"reason,omitempty"`
	Message   string            `json:"message,omitempty"` // for the user, in their language, of an outcome that denies
	ExpiresAt rest.Time         `json:"expires_at"`
	// UseCode says that the user could give a code in the push's place.
	UseCode bool `json:"use_code,omitzero"`
}

func view(c challenge.Challenge, s session) sessionBody {
	b := sessionBody{
		ID: c.ID, Mode: c.Experience, State: c.State, Reason: c.Reason,
		ExpiresAt: rest.Time(c.ExpiresAt),
	}
	switch c.State {
	case challenge.Pending:
		b.Number, b.UseCode = c.Number, s.HasCode && c.Experience != policy.TOTP
	case challenge.Approved:
	case challenge.Denied, challenge.Expired, challenge.Cancelled:
		b.Message = outcomeText(c.State, c.Reason).in(s.LCID)
	}
	return b
}

// start is POST /sessions.
func (a *Adapter) start(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	var body startBody
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	s, err := body.session(client)
	if err != nil {
		return err
	}
	a.Logger.DebugContext(r.Context(), "an AD FS session begins", "client", client.ID, "adapter_version", body.AdapterVersion)
	return a.begin(w, r, client, s, "")
}

// begin starts a session's challenge, by the method asked for or the user's own.
func (a *Adapter) begin(w http.ResponseWriter, r *http.Request, client directory.Client, s session, method policy.Method) error {
	c, err := a.Challenges.Start(r.Context(), challenge.Request{User: s.UPN, Client: client, Method: method, Context: s.Context})
	var refusal *challenge.Refusal
	if errors.As(err, &refusal) {
		return refused(refusal, s.LCID)
	}
	if err != nil {
		return err
	}
	if c.Experience == policy.None {
		return &rest.Problem{
			Status: http.StatusForbidden, Code: c.Reason, Title: "The sign-in is refused",
			Detail: outcomeText(challenge.Denied, c.Reason).in(s.LCID),
		}
	}
	err = a.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := a.forget(tx); err != nil {
			return err
		}
		if err := ends.Put(tx, keyOf(c.ExpiresAt.Add(keepFor), c.ID), c.ID); err != nil {
			return err
		}
		if s.HasCode, err = a.Directory.HasTOTP(tx, c.User); err != nil {
			return err
		}
		return sessions.Put(tx, c.ID, s)
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/adfs/v1/sessions/"+c.ID)
	return rest.JSON(w, http.StatusCreated, view(c, s))
}

// forgetEach is how many old sessions a start clears away at most.
const forgetEach = 16

func (a *Adapter) forget(tx store.Tx) error {
	now := keyOf(a.Now(), "")
	old := map[string]string{}
	err := ends.Scan(tx, store.Range{Limit: forgetEach}, func(key, id string) error {
		if key >= now {
			return store.Stop
		}
		old[key] = id
		return nil
	})
	for key, id := range old {
		err = errors.Join(err, ends.Delete(tx, key), sessions.Delete(tx, id))
	}
	return err
}

// get is GET /sessions/{id}.
func (a *Adapter) get(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	wait, err := rest.Wait(r)
	if err != nil {
		return err
	}
	s, err := a.session(r, client)
	if err != nil {
		return err
	}
	c, err := a.Challenges.Get(r.Context(), client.ID, rest.PathID(r), wait)
	if err != nil {
		return problem(err, s.LCID)
	}
	return a.tell(w, r, c)
}

// code is POST /sessions/{id}/otp.
func (a *Adapter) code(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	var body struct {
		Code string `json:"code"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	body.Code = strings.TrimSpace(body.Code)
	if body.Code == "" || !rest.Plain(body.Code, maxCode) {
		return rest.Invalid(`The member "code" must be the code that the authenticator shows.`)
	}
	s, err := a.session(r, client)
	if err != nil {
		return err
	}
	c, err := a.Challenges.Code(r.Context(), client.ID, rest.PathID(r), body.Code)
	if err != nil {
		return problem(err, s.LCID)
	}
	return a.tell(w, r, c)
}

// useCode is POST /sessions/{id}/use-code: another session of the same sign-in,
// by code, in the place of a push that is still waiting. One that was answered
// stays answered, and its outcome is the answer.
func (a *Adapter) useCode(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	s, err := a.session(r, client)
	if err != nil {
		return err
	}
	c, err := a.Challenges.Cancel(r.Context(), client.ID, rest.PathID(r))
	if err != nil {
		return problem(err, s.LCID)
	}
	if c.State == challenge.Approved || c.State == challenge.Denied {
		return a.tell(w, r, c)
	}
	if _, err := a.once(r, c); err != nil {
		return err
	}
	return a.begin(w, r, client, s, policy.MethodTOTP)
}

// cancel is DELETE /sessions/{id}.
func (a *Adapter) cancel(w http.ResponseWriter, r *http.Request, client directory.Client) error {
	s, err := a.session(r, client)
	if err != nil {
		return err
	}
	c, err := a.Challenges.Cancel(r.Context(), client.ID, rest.PathID(r))
	if err != nil {
		return problem(err, s.LCID)
	}
	if c.State == challenge.Approved {
		// Settled before it was cancelled: nobody is to read that any more.
		if _, err := a.once(r, c); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tell gives a session's state, and an outcome once: the second to read an
// approval could be signing in somebody else.
func (a *Adapter) tell(w http.ResponseWriter, r *http.Request, c challenge.Challenge) error {
	s, err := a.once(r, c)
	if err != nil {
		return err
	}
	return rest.JSON(w, http.StatusOK, view(c, s))
}

// once marks a settled session as told, on disk, before it is.
func (a *Adapter) once(r *http.Request, c challenge.Challenge) (session, error) {
	var s session
	err := a.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		if s, err = sessions.Get(tx, c.ID); err != nil || !c.Final() {
			return err
		}
		if s.Told {
			return told()
		}
		s.Told = true
		return sessions.Put(tx, c.ID, s)
	})
	return s, err
}

// session finds the session in the path; another client's is none.
func (a *Adapter) session(r *http.Request, client directory.Client) (session, error) {
	var s session
	err := a.Store.View(r.Context(), func(tx store.Tx) (err error) {
		s, err = sessions.Get(tx, rest.PathID(r))
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && s.Client != client.ID:
		return session{}, &rest.Problem{
			Status: http.StatusNotFound, Code: rest.CodeNotFound, Title: "There is no such session",
			Detail: "It never was, or it is another client's.",
		}
	case err == nil && s.Told:
		return session{}, told()
	}
	return s, err
}

// told is the problem of an outcome that was given out before.
func told() error {
	return &rest.Problem{
		Status: http.StatusGone, Code: "already_told", Title: "The outcome was given out before",
		Detail: "It is good for one sign-in. Start another session.",
	}
}

// problem says what a sign-in's error means to the adapter and its user.
func problem(err error, lcid int) error {
	switch {
	case errors.Is(err, challenge.ErrUnknown):
		return &rest.Problem{Status: http.StatusNotFound, Code: rest.CodeNotFound, Title: "There is no such session", Err: err}
	case errors.Is(err, challenge.ErrWrongCode):
		return &rest.Problem{Status: http.StatusUnprocessableEntity, Code: "wrong_code", Title: "The code is wrong", Detail: wrongCode.in(lcid)}
	case errors.Is(err, challenge.ErrNotTOTP):
		return &rest.Problem{Status: http.StatusConflict, Code: "no_code_expected", Title: "This session takes no code"}
	case errors.Is(err, challenge.ErrSettled):
		return &rest.Problem{Status: http.StatusConflict, Code: "already_settled", Title: "This session is settled", Detail: "Read its outcome, or start another."}
	}
	return err
}

// refused says why a start was not allowed.
func refused(r *challenge.Refusal, lcid int) error {
	p := &rest.Problem{Status: http.StatusTooManyRequests, Code: r.Code, Title: "The sign-in may not start", RetryAfter: r.RetryAfter}
	switch r.Code {
	case challenge.RefusedPending:
		p.Status, p.Detail = http.StatusConflict, pendingText.in(lcid)
	case challenge.RefusedLocked, challenge.RefusedTOTP:
		p.Status, p.Detail = http.StatusLocked, outcomeText(challenge.Denied, message.ReasonLocked).in(lcid)
	case challenge.RefusedBlocked:
		p.Status, p.Detail = http.StatusForbidden, outcomeText(challenge.Denied, message.ReasonReported).in(lcid)
	default:
		p.Detail = tooManyText.in(lcid)
	}
	return p
}
