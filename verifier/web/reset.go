package web

import (
	"context"
	"errors"
	"net/http"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

// approvedReset goes on after the number of a forgotten password. An
// administrator's account is worth more to a thief of phones: it needs a second
// method.
func (web *Web) approvedReset(w http.ResponseWriter, r *http.Request, current session.Session, m methods) error {
	next := session.Session{User: m.user.ID, Name: m.user.Name, CreatedAt: current.CreatedAt, Flow: flowReset}
	admin := m.user.Admin || len(m.user.Roles) > 0
	switch {
	case admin && !current.Second && !m.code:
		if err := web.Sessions.End(w, r); err != nil {
			return err
		}
		return web.outcome(w, r, http.StatusForbidden, outcomeAdmin)
	case admin && !current.Second:
		return web.secondMethod(w, r, current, next)
	}
	next.Stage, next.ApprovedAt = session.Reset, web.Now()
	if _, err := web.Sessions.Advance(w, r, current, next); err != nil {
		return err
	}
	return redirect(w, r, "/reset/password")
}

// secondMethod asks for a code after the number.
func (web *Web) secondMethod(w http.ResponseWriter, r *http.Request, current, next session.Session) error {
	c, err := web.Challenges.Start(r.Context(), challenge.Request{
		User: next.Name, Client: web.Client, Scenario: policy.ScenarioSSPR, Method: policy.MethodTOTP, Context: web.context(r),
	})
	var refusal *challenge.Refusal
	if errors.As(err, &refusal) {
		return web.refused(w, r, refusal, methods{})
	}
	if err != nil {
		return err
	}
	next.Stage, next.Challenge, next.Second = session.Named, c.ID, true
	if _, err := web.Sessions.Advance(w, r, current, next); err != nil {
		return err
	}
	return redirect(w, r, "/challenge")
}

// passwordView is the data of password.html.
type passwordView struct{ Name, Error string }

// resetting gives the session of somebody who may set a new password now.
func (web *Web) resetting(r *http.Request) (session.Session, error) {
	current, err := web.Sessions.Current(r)
	if err == nil && (current.Stage != session.Reset || !current.Approved(web.Now(), passwordFresh)) {
		err = session.ErrNone
	}
	return current, err
}

func (web *Web) showNewPassword(w http.ResponseWriter, r *http.Request) error {
	current, err := web.resetting(r)
	if err != nil {
		return err
	}
	return web.askPassword(w, r, http.StatusOK, passwordView{Name: current.Name})
}

func (web *Web) askPassword(w http.ResponseWriter, r *http.Request, status int, v passwordView) error {
	return web.render(w, r, status, "password", page.View{Title: "reset.password_title", Data: v})
}

// newPassword is POST /reset/password. It ends all of the user's sessions, in
// the same transaction, and tells their devices: whoever knew the old password
// is out.
func (web *Web) newPassword(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	current, err := web.resetting(r)
	if err != nil {
		return err
	}
	v := passwordView{Name: current.Name}
	password := values.Get("password")
	if password != values.Get("again") {
		v.Error = "reset.differ"
		return web.askPassword(w, r, http.StatusUnprocessableEntity, v)
	}
	hash, err := web.Directory.HashPassword(password)
	if errors.Is(err, directory.ErrInvalid) {
		v.Error = "reset.too_short"
		return web.askPassword(w, r, http.StatusUnprocessableEntity, v)
	}
	if err != nil {
		return err
	}
	if err := web.setPassword(r.Context(), current, hash); err != nil {
		return err
	}
	web.Challenges.Notify(r.Context(), current.User, message.NoticePasswordChanged, "")
	if err := web.Sessions.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/reset/done")
}

func (web *Web) setPassword(ctx context.Context, current session.Session, hash string) error {
	user := current.User
	return web.Store.Update(ctx, func(tx store.Tx) error {
		// One approval sets one password, however often the form is sent.
		if err := web.Sessions.Spend(tx, current); err != nil {
			return err
		}
		if err := web.Directory.As(user).SetPasswordHash(tx, user, hash); err != nil {
			return err
		}
		return web.Sessions.EndAll(tx, user)
	})
}

func (web *Web) resetDone(w http.ResponseWriter, r *http.Request) error {
	return web.outcome(w, r, http.StatusOK, outcomeReset)
}
