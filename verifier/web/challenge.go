package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/session"
)

// start begins the second factor of a session whose first is proven, or the
// approval that a change of methods needs.
func (web *Web) start(w http.ResponseWriter, r *http.Request, current session.Session, method policy.Method) error {
	m, err := web.methods(r.Context(), current.User)
	if err != nil {
		return err
	}
	if method != policy.MethodTOTP && !web.Connected() && wantsPush(m, method) {
		return web.outcome(w, r, http.StatusServiceUnavailable, outcomeUnreachable.withAgain().withCode(m.code))
	}
	c, err := web.Challenges.Start(r.Context(), challenge.Request{
		User: m.user.Name, Client: web.Client, Scenario: scenario(current.Flow), Method: method, Context: web.context(r),
	})
	var refusal *challenge.Refusal
	if errors.As(err, &refusal) {
		return web.refused(w, r, refusal, m)
	}
	if err != nil {
		return err
	}
	if c.Experience == policy.None {
		return web.none(w, r, current, c, m)
	}
	if _, err := web.Sessions.Change(r.Context(), current, func(s *session.Session) { s.Challenge = c.ID }); err != nil {
		return err
	}
	return redirect(w, r, "/challenge")
}

// wantsPush tells whether a start would have to reach a device.
func wantsPush(m methods, method policy.Method) bool {
	if len(m.devices) == 0 {
		return false
	}
	return method == policy.MethodPush || m.user.Default != policy.MethodTOTP || !m.code
}

// none answers a user for whom policy has nothing to ask. Who has no method at
// all may add the first one, where the organisation lets the password do.
func (web *Web) none(w http.ResponseWriter, r *http.Request, current session.Session, c challenge.Challenge, m methods) error {
	if current.Stage == session.Password && len(m.devices) == 0 && !m.code {
		settings, err := web.settings(r.Context())
		if err != nil {
			return err
		}
		if settings.PasswordEnrolment {
			return web.beginAdd(w, r, current)
		}
	}
	return web.outcome(w, r, http.StatusForbidden, outcomeOfReason(policy.Reason(c.Reason)).withCode(m.code))
}

// pending gives the session with its challenge, or session.ErrNone.
func (web *Web) pending(r *http.Request) (session.Session, challenge.Challenge, error) {
	current, err := web.Sessions.Current(r)
	if err != nil {
		return current, challenge.Challenge{}, err
	}
	if current.Challenge == "" {
		return current, challenge.Challenge{}, errNoChallenge
	}
	c, err := web.Challenges.Get(r.Context(), web.Client.ID, current.Challenge, 0)
	return current, c, err
}

var errNoChallenge = errors.New("web: no challenge in this session")

// numberView is the data of number.html.
type numberView struct {
	State, Number, Spoken, App, Lead, Hint string
	Remaining, Total                       int
	HasCode                                bool
}

// codeView is the data of code.html.
type codeView struct {
	App, Error string
	HasPush    bool
}

// showChallenge is GET /challenge: the number, the code's field, or how it
// ended.
func (web *Web) showChallenge(w http.ResponseWriter, r *http.Request) error {
	current, c, err := web.pending(r)
	switch {
	case errors.Is(err, errNoChallenge) && current.Stage == session.SignedIn:
		return redirect(w, r, "/account")
	case errors.Is(err, errNoChallenge):
		return session.ErrNone
	case err != nil:
		return err
	}
	switch {
	case c.State == challenge.Approved:
		return web.approved(w, r, current, c)
	case c.State != challenge.Pending:
		return web.settled(w, r, current, c)
	case c.Experience == policy.TOTP && current.Stage == session.Named && !current.Second:
		return web.halfway(w, r, current)
	case c.Experience == policy.TOTP:
		return web.showCode(w, r, http.StatusOK, current, "")
	}
	return web.showNumber(w, r, current, c)
}

// halfway goes on after the first of two methods, with another session's id.
func (web *Web) halfway(w http.ResponseWriter, r *http.Request, current session.Session) error {
	next := current
	next.Second = true
	if _, err := web.Sessions.Advance(w, r, current, next); err != nil {
		return err
	}
	return redirect(w, r, "/challenge")
}

func (web *Web) showNumber(w http.ResponseWriter, r *http.Request, current session.Session, c challenge.Challenge) error {
	v := numberView{
		State: "number", Number: c.Number, Spoken: spoken(c.Number), App: AppName, Lead: "number.lead", Hint: "number.hint",
		Remaining: max(int(c.ExpiresAt.Sub(web.Now())/time.Second), 0), Total: int(c.ExpiresAt.Sub(c.CreatedAt) / time.Second),
	}
	title := "number.title"
	switch {
	case c.Number == "":
		v.State, v.Lead, title = "approve", "number.approve", "number.approve_title"
	case current.Stage == session.Named:
		// Nobody has proven who they are: the words hold for every name.
		v.Hint = "number.hint_name"
		settings, err := web.settings(r.Context())
		if err != nil {
			return err
		}
		if settings.Rollout == policy.Preview && current.Flow == flowReset {
			v.Lead, title = "number.maybe", "number.maybe_title"
		}
	}
	if current.Stage != session.Named {
		m, err := web.methods(r.Context(), current.User)
		if err != nil {
			return err
		}
		v.HasCode = m.code
	}
	return web.render(w, r, http.StatusOK, "number", page.View{Title: title, Refresh: 3, Data: v})
}

// spoken puts spaces between digits, so that a screen reader says each.
func spoken(number string) string { return strings.Join(strings.Split(number, ""), " ") }

func (web *Web) showCode(w http.ResponseWriter, r *http.Request, status int, current session.Session, problem string) error {
	v := codeView{App: AppName, Error: problem}
	if current.Stage != session.Named { // there the push is behind them
		m, err := web.methods(r.Context(), current.User)
		if err != nil {
			return err
		}
		v.HasPush = len(m.devices) > 0
	}
	return web.render(w, r, status, "code", page.View{Title: "code.title", Data: v})
}

// settled shows how a challenge ended that was not approved.
func (web *Web) settled(w http.ResponseWriter, r *http.Request, current session.Session, c challenge.Challenge) error {
	o := outcomeOf(c)
	if o.State == outcomeAdmin.State {
		if err := web.Sessions.End(w, r); err != nil {
			return err
		}
		return web.outcome(w, r, http.StatusForbidden, o)
	}
	if current.Stage == session.Named {
		return web.outcome(w, r, http.StatusOK, o.withRetry("/"+current.Flow))
	}
	m, err := web.methods(r.Context(), current.User)
	if err != nil {
		return err
	}
	return web.outcome(w, r, http.StatusOK, o.withAgain().withCode(m.code && c.Experience != policy.TOTP))
}

// challengeEvents is GET /challenge/events: one event when the page that shows
// the number, or asks to approve, is over: settled, or a code is to come.
func (web *Web) challengeEvents(w http.ResponseWriter, r *http.Request) error {
	current, c, err := web.pending(r)
	if err != nil {
		return web.eventsOver(w, err)
	}
	over := func() bool { return c.Final() || c.Experience == policy.TOTP }
	return web.stream(w, r, func(ctx context.Context) (bool, error) {
		if !over() {
			c, err = web.Challenges.Get(ctx, web.Client.ID, current.Challenge, heartbeat)
		}
		return err == nil && over(), err
	})
}

// heartbeat is how often a stream says that it is alive: what is silent longer
// is cut by some proxies.
const heartbeat = 15 * time.Second

// eventsOver ends a stream that has nothing to tell: 204 keeps the browser from
// coming back (HTML §9.2.3).
func (web *Web) eventsOver(w http.ResponseWriter, err error) error {
	if errors.Is(err, session.ErrNone) || errors.Is(err, errNoChallenge) || errors.Is(err, challenge.ErrUnknown) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return err
}

// stream sends server-sent events until changed reports a change, which is the
// one event that the pages know. It says nothing of what changed: the page asks.
func (web *Web) stream(w http.ResponseWriter, r *http.Request, changed func(context.Context) (bool, error)) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	out := http.NewResponseController(w)
	send := func(s string) error {
		if _, err := fmt.Fprint(w, s); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := send("retry: 2000\n\n"); err != nil {
		return nil //nolint:nilerr // the browser has gone
	}
	for {
		done, err := changed(r.Context())
		switch {
		case err != nil:
			// The stream has begun: the browser comes back, and finds out.
			web.Logger.WarnContext(r.Context(), "following a challenge", "error", err)
			return nil
		case r.Context().Err() != nil:
			return nil //nolint:nilerr // the browser has gone
		case done:
			_ = send("event: change\ndata: change\n\n")
			return nil
		}
		if err := send(": waiting\n\n"); err != nil {
			return nil //nolint:nilerr // the browser has gone
		}
	}
}

// proven gives a session that may start challenges without another password.
func (web *Web) proven(r *http.Request) (session.Session, error) {
	current, err := web.Sessions.Current(r)
	if err != nil {
		return current, err
	}
	fresh := current.Stage == session.Password && web.Now().Sub(current.PasswordAt) <= passwordFresh
	if !fresh && current.Stage != session.SignedIn {
		return current, session.ErrNone
	}
	return current, nil
}

// restart cancels what is pending and starts anew.
func (web *Web) restart(w http.ResponseWriter, r *http.Request, method policy.Method) error {
	current, err := web.proven(r)
	if err != nil {
		return err
	}
	if err := web.drop(r.Context(), current); err != nil {
		return err
	}
	return web.start(w, r, current, method)
}

// drop cancels the session's challenge, if it is still pending.
func (web *Web) drop(ctx context.Context, current session.Session) error {
	if current.Challenge == "" {
		return nil
	}
	_, err := web.Challenges.Cancel(ctx, web.Client.ID, current.Challenge)
	if errors.Is(err, challenge.ErrUnknown) {
		return nil
	}
	return err
}

func (web *Web) again(w http.ResponseWriter, r *http.Request) error { return web.restart(w, r, "") }

func (web *Web) useCode(w http.ResponseWriter, r *http.Request) error {
	return web.restart(w, r, policy.MethodTOTP)
}

func (web *Web) usePush(w http.ResponseWriter, r *http.Request) error {
	return web.restart(w, r, policy.MethodPush)
}

// code is POST /challenge/code.
func (web *Web) code(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	current, c, err := web.pending(r)
	if errors.Is(err, errNoChallenge) {
		return session.ErrNone
	}
	if err != nil {
		return err
	}
	typed := strings.ReplaceAll(values.Get("code"), " ", "")
	if len(typed) > 8 || typed == "" {
		typed = "-" // counts as a wrong one
	}
	_, err = web.Challenges.Code(r.Context(), web.Client.ID, c.ID, typed)
	switch {
	case errors.Is(err, challenge.ErrWrongCode):
		return web.showCode(w, r, http.StatusUnprocessableEntity, current, "code.wrong")
	case errors.Is(err, challenge.ErrNotTOTP), errors.Is(err, challenge.ErrSettled), err == nil:
		return redirect(w, r, "/challenge")
	case errors.Is(err, directory.ErrNoTOTP):
		return session.ErrNone // removed meanwhile
	}
	return err
}

// cancel is POST /challenge/cancel.
func (web *Web) cancel(w http.ResponseWriter, r *http.Request) error {
	current, err := web.Sessions.Current(r)
	if err != nil {
		return err
	}
	if err := web.drop(r.Context(), current); err != nil {
		return err
	}
	if current.Stage == session.SignedIn {
		_, err = web.Sessions.Change(r.Context(), current, func(s *session.Session) { s.Challenge, s.Next = "", "" })
		if err != nil {
			return err
		}
		return redirect(w, r, "/account")
	}
	if err := web.Sessions.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/")
}

// approved takes an approval up, once, and soon: the session that comes of it
// is a new one.
func (web *Web) approved(w http.ResponseWriter, r *http.Request, current session.Session, c challenge.Challenge) error {
	now := web.Now()
	user := current.User
	if current.Stage == session.Named {
		user = c.User
	}
	if user == "" || user != c.User || now.Sub(c.DecidedAt) > approvalFresh {
		return session.ErrNone
	}
	m, err := web.methods(r.Context(), user)
	if err != nil {
		return err
	}
	next := session.Session{
		User: user, Name: m.user.Name, CreatedAt: current.CreatedAt, PasswordAt: current.PasswordAt,
		Stage: session.SignedIn, ApprovedAt: c.DecidedAt,
	}
	switch {
	case current.Flow == flowReset:
		return web.approvedReset(w, r, current, m)
	case current.Flow == flowVerify && current.Stage != session.SignedIn:
		return session.ErrNone
	}
	if next, err = web.Sessions.Advance(w, r, current, next); err != nil {
		return err
	}
	if current.Flow == flowVerify {
		return web.goOn(w, r, next, current.Next)
	}
	return redirect(w, r, "/account")
}
