package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

// What follows an approval that a change of methods asked for.
const (
	nextAdd        = "add"
	nextTOTP       = "totp"
	nextRemoveTOTP = "remove-totp"
	nextRemove     = "remove:" // and the device's id
	nextPortal     = "portal"
)

// moment is a time for machines and for readers without scripts.
type moment struct{ ISO, Text string }

func at(t time.Time) moment {
	t = t.UTC()
	return moment{ISO: t.Format(time.RFC3339), Text: t.Format("2006-01-02 15:04") + " UTC"}
}

// accountView is the data of account.html.
type accountView struct {
	Notice                 string
	Devices                []deviceView
	HasCode                bool
	PushLocked, CodeLocked bool
	Recent                 []recentView
}

type deviceView struct {
	ID, Name, FormFactor, AppVersion string
	Platform                         policy.Platform
	Old                              bool
	Added, Seen                      moment
}

type recentView struct {
	Outcome, Scenario, Tone, App, IP, Location string
	At                                         moment
}

const recentSignIns = 10

// signedIn gives the session of a signed-in user, with what they have.
func (web *Web) signedIn(r *http.Request) (session.Session, methods, error) {
	current, err := web.Sessions.Current(r)
	if err == nil && current.Stage != session.SignedIn {
		err = session.ErrNone
	}
	if err != nil {
		return current, methods{}, err
	}
	m, err := web.methods(r.Context(), current.User)
	return current, m, err
}

// account is GET /account.
func (web *Web) account(w http.ResponseWriter, r *http.Request) error {
	current, m, err := web.signedIn(r)
	if err != nil {
		return err
	}
	v := accountView{HasCode: m.code, Notice: current.Notice}
	for _, d := range m.devices {
		v.Devices = append(v.Devices, viewDevice(d))
	}
	push, code, err := web.Challenges.Locks(r.Context(), current.User)
	if err != nil {
		return err
	}
	v.PushLocked, v.CodeLocked = !push.IsZero(), !code.IsZero()
	history, err := web.Challenges.History(r.Context(), current.User, recentSignIns)
	if err != nil {
		return err
	}
	for _, c := range history {
		v.Recent = append(v.Recent, viewRecent(c))
	}
	if current.Notice != "" {
		if _, err := web.Sessions.Change(r.Context(), current, func(s *session.Session) { s.Notice = "" }); err != nil {
			return err
		}
	}
	return web.render(w, r, http.StatusOK, "account", page.View{
		Title: "account.title", User: m.user.Name, Admin: m.user.Admin, Wide: true, Data: v,
	})
}

func viewDevice(d directory.Device) deviceView {
	return deviceView{
		ID: string(d.ID), Name: d.Name, Platform: d.Platform, FormFactor: string(d.FormFactor), AppVersion: d.AppVersion,
		Old: message.VersionBefore(d.AppVersion, message.MinAppVersion), Added: at(d.EnrolledAt), Seen: at(d.SeenAt),
	}
}

func viewRecent(c challenge.Challenge) recentView {
	v := recentView{
		Outcome: "result." + string(c.State), Scenario: "scenario." + string(c.Scenario),
		App: c.Context.App, IP: c.Context.IP, Location: c.Context.Location, At: at(c.CreatedAt),
	}
	switch c.State {
	case challenge.Approved:
		v.Tone = "good"
	case challenge.Denied:
		v.Tone = "bad"
		if c.Experience != policy.None { // else nobody was asked
			v.Outcome = "result." + outcomeOf(c).State
		}
	case challenge.Pending, challenge.Expired, challenge.Cancelled:
	}
	return v
}

// change runs a change of methods if one of the user's methods approved just
// now, and else asks for that first: a browser left open, or a session that was
// stolen, must not be enough to add a thief's phone.
func (web *Web) change(w http.ResponseWriter, r *http.Request, next string) error {
	current, err := web.Sessions.Current(r)
	if err != nil {
		return err
	}
	if current.Stage != session.SignedIn {
		return session.ErrNone
	}
	if current.Approved(web.Now(), approvalFresh) {
		return web.goOn(w, r, current, next)
	}
	if err := web.drop(r.Context(), current); err != nil {
		return err
	}
	current, err = web.Sessions.Change(r.Context(), current, func(s *session.Session) {
		s.Flow, s.Next, s.Challenge = flowVerify, next, ""
	})
	if err != nil {
		return err
	}
	return web.start(w, r, current, "")
}

// goOn does what the approval was for.
func (web *Web) goOn(w http.ResponseWriter, r *http.Request, current session.Session, next string) error {
	device, isRemoval := strings.CutPrefix(next, nextRemove)
	switch {
	case next == nextAdd:
		return web.beginAdd(w, r, current)
	case next == nextTOTP:
		return web.beginTOTP(w, r, current)
	case next == nextRemoveTOTP:
		return web.doRemoveTOTP(w, r, current)
	case next == nextPortal:
		return redirect(w, r, "/admin")
	case isRemoval:
		return web.doRemoveDevice(w, r, current, identity.Thumbprint(device))
	}
	return redirect(w, r, "/account")
}

// noticed goes to the account with a word on what has happened.
func (web *Web) noticed(w http.ResponseWriter, r *http.Request, current session.Session, notice string) error {
	_, err := web.Sessions.Change(r.Context(), current, func(s *session.Session) {
		s.Notice, s.Next, s.Flow, s.Challenge = notice, "", "", ""
		s.Enrolment, s.Link, s.Secret = "", nil, nil
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/account")
}

// verify is POST /account/verify: a new approval, which the portal asks for
// where the last one is too old for it.
func (web *Web) verify(w http.ResponseWriter, r *http.Request) error {
	return web.change(w, r, nextPortal)
}

// removeDevice is POST /account/remove.
func (web *Web) removeDevice(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	return web.change(w, r, nextRemove+values.Get("device"))
}

func (web *Web) doRemoveDevice(w http.ResponseWriter, r *http.Request, current session.Session, id identity.Thumbprint) error {
	m, err := web.methods(r.Context(), current.User)
	if err != nil {
		return err
	}
	theirs := false
	for _, d := range m.devices {
		theirs = theirs || d.ID == id
	}
	switch {
	case !theirs:
		return redirect(w, r, "/account") // removed already, or never theirs
	case len(m.devices) == 1 && !m.code:
		return web.outcome(w, r, http.StatusConflict, outcomeLastMethod)
	}
	err = web.Revoke(r.Context(), current.User, id)
	if err != nil && !errors.Is(err, directory.ErrUnknownDevice) {
		return err
	}
	return web.noticed(w, r, current, "account.removed")
}

// signOut is POST /signout. A link that stands open on the page that is left
// would else still add a device.
func (web *Web) signOut(w http.ResponseWriter, r *http.Request) error {
	current, err := web.Sessions.Current(r)
	if err == nil {
		err = web.dropEnrolment(r.Context(), current)
	}
	if err != nil && !errors.Is(err, session.ErrNone) {
		return err
	}
	if err := web.Sessions.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/?bye")
}

// signOutEverywhere is POST /signout-everywhere.
func (web *Web) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	current, _, err := web.signedIn(r)
	if err != nil {
		return err
	}
	var tell func(context.Context) error
	err = web.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		if tell, err = web.Enrolments.CancelOwn(tx, current.User); err != nil {
			return err
		}
		return web.Sessions.EndAll(tx, current.User)
	})
	if err == nil {
		err = tell(r.Context())
	}
	if err != nil {
		return err
	}
	return web.signOut(w, r)
}
