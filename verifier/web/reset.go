package web

import (
	"context"
	"errors"
	"net/http"

	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/page"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

// approvedReset goes on after the number of a forgotten password, and where the
// account is an administrator's after the code as well.
func (web *Web) approvedReset(w http.ResponseWriter, r *http.Request, current session.Session, m methods) error {
	_, err := web.Sessions.Advance(w, r, current, session.Session{
		User: m.user.ID, Name: m.user.Name, CreatedAt: current.CreatedAt, Flow: flowReset, Stage: session.Reset, ApprovedAt: web.Now(),
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/reset/password")
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

// newPassword is POST /reset/password. It ends all of the user's sessions and
// open enrolment links, in the same transaction, and tells their devices: whoever
// knew the old password is out.
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
	var tell func(context.Context) error
	err := web.Store.Update(ctx, func(tx store.Tx) (err error) {
		// One approval sets one password, however often the form is sent.
		if err := web.Sessions.Spend(tx, current); err != nil {
			return err
		}
		if err := web.Directory.As(user).SetPasswordHash(tx, user, hash); err != nil {
			return err
		}
		if tell, err = web.Enrolments.CancelOwn(tx, user); err != nil {
			return err
		}
		return web.Sessions.EndAll(tx, user)
	})
	if err != nil {
		return err
	}
	return tell(ctx)
}

func (web *Web) resetDone(w http.ResponseWriter, r *http.Request) error {
	return web.outcome(w, r, http.StatusOK, outcomeReset)
}
