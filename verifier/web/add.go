package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/skip2/go-qrcode"

	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/page"
	"countersign/verifier/session"
)

// addView is the data of add.html.
type addView struct {
	State, App, Events     string
	Number, Spoken, Device string
	Asked                  bool
	Notice, NoticeText     string
	Link                   template.URL
	LinkText               string
	Remaining              int
	Clock                  string
}

// add is POST /account/add: a new link. Who is signed in needs a recent
// approval; who has no method yet needs the password alone, where the
// organisation allows it.
func (web *Web) add(w http.ResponseWriter, r *http.Request) error {
	current, err := web.Sessions.Current(r)
	if err != nil {
		return err
	}
	if current.Stage != session.Password {
		return web.change(w, r, nextAdd)
	}
	settings, err := web.settings(r.Context())
	if err != nil {
		return err
	}
	m, err := web.methods(r.Context(), current.User)
	if err != nil {
		return err
	}
	if !settings.PasswordEnrolment || len(m.devices) > 0 || m.code || web.Now().Sub(current.PasswordAt) > passwordFresh {
		return session.ErrNone
	}
	return web.beginAdd(w, r, current)
}

// beginAdd makes a link for a session that may have one. The session keeps it,
// sealed, so that the page can be drawn again.
func (web *Web) beginAdd(w http.ResponseWriter, r *http.Request, current session.Session) error {
	if err := web.dropEnrolment(r.Context(), current); err != nil {
		return err
	}
	link, e, err := web.Enrolments.Begin(r.Context(), enrol.Request{
		User: current.User, Actor: current.User, TOTP: true, First: current.Stage == session.Password,
	})
	if errors.Is(err, directory.ErrTooManyDevices) {
		return web.outcome(w, r, http.StatusConflict, outcomeTooMany)
	}
	if err != nil {
		return err
	}
	sealed, err := web.Vault.Seal(linkLabel(e.ID), []byte(link.String()))
	if err != nil {
		return err
	}
	_, err = web.Sessions.Change(r.Context(), current, func(s *session.Session) {
		s.Enrolment, s.Link, s.Next, s.Flow, s.Challenge = e.ID, sealed, "", "", ""
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/account/add")
}

func linkLabel(enrolment string) string { return "web-link/" + enrolment }

// dropEnrolment ends the session's earlier link: one page, one link.
func (web *Web) dropEnrolment(ctx context.Context, current session.Session) error {
	if current.Enrolment == "" {
		return nil
	}
	err := web.Enrolments.Cancel(ctx, current.Enrolment)
	if errors.Is(err, enrol.ErrUnknown) {
		return nil
	}
	return err
}

// adding gives the session that adds an authenticator.
func (web *Web) adding(r *http.Request) (session.Session, error) {
	current, err := web.Sessions.Current(r)
	if err == nil && current.Stage != session.SignedIn && current.Stage != session.Password {
		err = session.ErrNone
	}
	return current, err
}

// showAdd is GET /account/add: the QR code, then the number, then the end.
func (web *Web) showAdd(w http.ResponseWriter, r *http.Request) error {
	current, err := web.adding(r)
	if err != nil {
		return err
	}
	if current.Enrolment == "" {
		return redirect(w, r, "/account")
	}
	e, err := web.Enrolments.Get(r.Context(), current.Enrolment, enrol.Enrolment{}, 0)
	if err != nil {
		return err
	}
	switch e.State {
	case enrol.Enrolled:
		return web.added(w, r, current, e)
	case enrol.Refused, enrol.Expired:
		o := outcomeOfEnrolment(e).with(action{ID: "again", Href: "/account/add", Text: "action.add_again", Post: true})
		return web.outcome(w, r, http.StatusOK, o)
	case enrol.Waiting, enrol.Asked:
	}
	v := addView{
		State: "add-" + string(e.State), App: AppName, Asked: e.State == enrol.Asked,
		Number: e.Number, Spoken: spoken(e.Number), Device: e.Device, Notice: e.Notice, NoticeText: page.TurnedAway(e.Notice),
		Events: "/account/add/events?" + url.Values{"state": {string(e.State)}, "notice": {e.Notice}}.Encode(),
	}
	left := max(e.ExpiresAt.Sub(web.Now()), 0)
	v.Remaining, v.Clock = int(left/time.Second), fmt.Sprintf("%d:%02d", int(left/time.Minute), int(left/time.Second)%60)
	link, err := web.link(current)
	if err != nil {
		return err
	}
	// The scheme is the app's own: html/template would not know it for safe.
	v.Link, v.LinkText = template.URL(link), link //nolint:gosec // the verifier made it
	title := "add.title"
	if v.Asked {
		title = "add.number_title"
	}
	return web.render(w, r, http.StatusOK, "add", page.View{Title: title, Refresh: 3, Data: v})
}

func (web *Web) link(current session.Session) (string, error) {
	if current.Enrolment == "" {
		return "", session.ErrNone
	}
	link, err := web.Vault.Open(linkLabel(current.Enrolment), current.Link)
	return string(link), err
}

func outcomeOfEnrolment(e enrol.Enrolment) outcome {
	switch {
	case e.State == enrol.Expired:
		return outcome{State: "enrol-expired", Tone: "info"}
	case e.Reason == message.ReasonNumberMismatch:
		return outcome{State: "enrol-wrong-number", Tone: "bad"}
	case e.Reason == message.ReasonTooManyDevices:
		return outcomeTooMany
	}
	return outcome{State: "enrol-refused", Tone: "bad"}
}

// added ends an enrolment that came to its end. The first one is also the
// second factor of the sign-in that it began with: the device has just approved.
func (web *Web) added(w http.ResponseWriter, r *http.Request, current session.Session, e enrol.Enrolment) error {
	if current.Stage == session.SignedIn {
		return web.noticed(w, r, current, "account.device_added")
	}
	now := web.Now()
	if e.User != current.User || now.Sub(current.PasswordAt) > passwordFresh+message.EnrolmentLifetime {
		return session.ErrNone
	}
	_, err := web.Sessions.Advance(w, r, current, session.Session{
		User: current.User, Name: current.Name, Stage: session.SignedIn, CreatedAt: current.CreatedAt,
		PasswordAt: current.PasswordAt, ApprovedAt: now, Notice: "account.device_added",
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/account")
}

// addQR is GET /account/add/qr.png.
func (web *Web) addQR(w http.ResponseWriter, r *http.Request) error {
	current, err := web.adding(r)
	if err != nil {
		return err
	}
	link, err := web.link(current)
	if err != nil {
		return err
	}
	return drawQR(w, link)
}

const qrModule = 6 // pixels a module

// The lowest recovery level makes the fewest modules: on a screen nothing is
// torn or stained, and coarse codes are read from farther away.
const qrRecovery = qrcode.Low

func drawQR(w http.ResponseWriter, text string) error {
	code, err := qrcode.New(text, qrRecovery)
	if err != nil {
		return fmt.Errorf("web: drawing a QR code: %w", err)
	}
	picture, err := code.PNG(-qrModule)
	if err != nil {
		return fmt.Errorf("web: drawing a QR code: %w", err)
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(picture) //nolint:gosec // a PNG, sent as one, with nosniff
	return nil
}

// addEvents is GET /account/add/events: one event when the enrolment is not as
// the page shows it any more.
func (web *Web) addEvents(w http.ResponseWriter, r *http.Request) error {
	current, err := web.adding(r)
	if err == nil && current.Enrolment == "" {
		err = session.ErrNone
	}
	if err != nil {
		return web.eventsOver(w, err)
	}
	query := r.URL.Query()
	seen := enrol.Enrolment{State: enrol.State(query.Get("state")), Notice: query.Get("notice")}
	return web.stream(w, r, func(ctx context.Context) (bool, error) {
		e, err := web.Enrolments.Get(ctx, current.Enrolment, seen, heartbeat)
		return err == nil && (e.State != seen.State || e.Notice != seen.Notice), err
	})
}

// cancelAdd is POST /account/add/cancel.
func (web *Web) cancelAdd(w http.ResponseWriter, r *http.Request) error {
	current, err := web.adding(r)
	if err != nil {
		return err
	}
	if err := web.dropEnrolment(r.Context(), current); err != nil {
		return err
	}
	if current.Stage == session.SignedIn {
		return web.noticed(w, r, current, "")
	}
	return web.signOut(w, r)
}
