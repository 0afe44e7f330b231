package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/rest"
	"countersign/verifier/session"
)

// What a challenge of a session is for.
const (
	flowSignIn = "sign_in"
	flowPhone  = "phone"
	flowReset  = "reset"
	flowVerify = "verify" // a recent approval, for a change of methods
)

type link struct{ Href, Text string }

type formError struct {
	Key  string
	Wait string
}

// signInForm is the data of signin.html, which asks for a name, and on the
// sign-in page for a password.
type signInForm struct {
	State, Lead, Action, Button string
	Name, Notice                string
	Password                    bool
	Error                       *formError
	Links                       []link
}

func signInPage() signInForm {
	return signInForm{
		State: "sign-in", Lead: "signin.lead", Action: "/", Button: "signin.submit", Password: true,
		Links: []link{{"/phone", "signin.phone"}, {"/reset", "signin.forgot"}},
	}
}

func phonePage() signInForm {
	return signInForm{
		State: "phone", Lead: "phone.lead", Action: "/phone", Button: "phone.submit",
		Links: []link{{"/", "phone.password"}},
	}
}

func resetPage() signInForm {
	return signInForm{
		State: "reset", Lead: "reset.lead", Action: "/reset", Button: "reset.submit",
		Links: []link{{"/", "reset.back"}},
	}
}

func (web *Web) showForm(w http.ResponseWriter, r *http.Request, status int, title string, f signInForm) error {
	web.Sessions.Probe(w, r)
	return web.render(w, r, status, "signin", page.View{Title: title, Data: f})
}

// showSignIn is GET /.
func (web *Web) showSignIn(w http.ResponseWriter, r *http.Request) error {
	_, _, err := web.signedIn(r)
	if err == nil {
		return redirect(w, r, "/account")
	}
	if !errors.Is(err, session.ErrNone) {
		return err
	}
	f := signInPage()
	switch {
	case r.URL.Query().Has("expired"):
		f.Notice = "signin.expired"
	case r.URL.Query().Has("bye"):
		f.Notice = "signin.bye"
	}
	return web.showForm(w, r, http.StatusOK, "signin.title", f)
}

func (web *Web) showPhone(w http.ResponseWriter, r *http.Request) error {
	return web.showForm(w, r, http.StatusOK, "phone.title", phonePage())
}

func (web *Web) showReset(w http.ResponseWriter, r *http.Request) error {
	return web.showForm(w, r, http.StatusOK, "reset.title", resetPage())
}

const (
	maxName     = 256 // octets
	maxPassword = 1024
)

// name reads the form's name. One that nobody can have is refused by its form
// alone, which tells nothing.
func name(value string) (string, bool) {
	value = strings.TrimSpace(value)
	return value, value != "" && rest.Plain(value, maxName)
}

// signIn is POST /: the first factor.
func (web *Web) signIn(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	f := signInPage()
	typed, ok := name(values.Get("username"))
	password := values.Get("password")
	if !ok || password == "" || len(password) > maxPassword {
		f.Error = &formError{Key: "signin.empty"}
		return web.showForm(w, r, http.StatusBadRequest, "signin.title", f)
	}
	f.Name = typed
	user, err := web.Directory.Authenticate(r.Context(), typed, password, web.source(r))
	if err != nil {
		return web.passwordRefused(w, r, f, err)
	}
	if err := web.leave(r); err != nil {
		return err
	}
	current, err := web.Sessions.Begin(w, r, session.Session{
		User: user.ID, Name: user.Name, Stage: session.Password, Flow: flowSignIn, PasswordAt: web.Now(),
	})
	if err != nil {
		return err
	}
	return web.start(w, r, current, "")
}

// leave cancels what the browser's earlier session still asks of a device: with
// that session nobody could take the answer up, and it would stand in the way of
// the one that begins.
func (web *Web) leave(r *http.Request) error {
	old, err := web.Sessions.Current(r)
	if errors.Is(err, session.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(web.drop(r.Context(), old), web.dropEnrolment(r.Context(), old))
}

// passwordRefused shows the form again. A wrong password and an unknown name
// are one answer.
func (web *Web) passwordRefused(w http.ResponseWriter, r *http.Request, f signInForm, err error) error {
	var backoff *directory.BackoffError
	status := http.StatusForbidden
	switch {
	case errors.Is(err, directory.ErrWrongPassword):
		f.Error = &formError{Key: "signin.wrong"}
	case errors.As(err, &backoff):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", rest.RetrySeconds(backoff.RetryAfter))
		f.Error = &formError{Key: "signin.backoff", Wait: web.wait(r, backoff.RetryAfter)}
	case errors.Is(err, directory.ErrPasswordLocked):
		f.Error = &formError{Key: "signin.locked"}
	case errors.Is(err, directory.ErrBusy):
		status = http.StatusServiceUnavailable
		f.Error = &formError{Key: "signin.busy"}
	default:
		return err
	}
	return web.showForm(w, r, status, "signin.title", f)
}

// wait says a time in words.
func (web *Web) wait(r *http.Request, d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	if seconds < 120 {
		return web.Pages.Text(r, "wait.seconds", "n", max(seconds, 1))
	}
	if minutes := (seconds + 59) / 60; minutes < 120 {
		return web.Pages.Text(r, "wait.minutes", "n", minutes)
	}
	return web.Pages.Text(r, "wait.hours", "n", (seconds+3599)/3600)
}

// phone is POST /phone: passwordless sign-in, which begins with a name alone.
func (web *Web) phone(w http.ResponseWriter, r *http.Request) error {
	return web.byName(w, r, "phone.title", phonePage(), session.Session{Flow: flowPhone})
}

// reset is POST /reset: a forgotten password.
func (web *Web) reset(w http.ResponseWriter, r *http.Request) error {
	return web.byName(w, r, "reset.title", resetPage(), session.Session{Flow: flowReset})
}

// byName starts a challenge by a name alone. Whatever is true of the name, the
// answer is the same: a number.
func (web *Web) byName(w http.ResponseWriter, r *http.Request, title string, f signInForm, next session.Session) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	typed, ok := name(values.Get("username"))
	if !ok {
		f.Error = &formError{Key: "signin.empty_name"}
		return web.showForm(w, r, http.StatusBadRequest, title, f)
	}
	f.Name = typed
	if wait, ok := web.names.allow(directory.Network(web.source(r))); !ok {
		w.Header().Set("Retry-After", rest.RetrySeconds(wait))
		f.Error = &formError{Key: "signin.backoff", Wait: web.wait(r, wait)}
		return web.showForm(w, r, http.StatusTooManyRequests, title, f)
	}
	if !web.Connected() {
		return web.outcome(w, r, http.StatusServiceUnavailable, outcomeUnreachable.withRetry(f.Action))
	}
	if err := web.leave(r); err != nil {
		return err
	}
	next.Name, next.Stage = typed, session.Named
	c, err := web.Challenges.Start(r.Context(), challenge.Request{
		User: typed, Client: web.Client, Scenario: scenario(next.Flow), Context: web.context(r), Decoy: true,
	})
	if err != nil {
		return err
	}
	next.Challenge = c.ID
	if _, err := web.Sessions.Begin(w, r, next); err != nil {
		return err
	}
	return redirect(w, r, "/challenge")
}

func scenario(flow string) policy.Scenario {
	switch flow {
	case flowPhone:
		return policy.ScenarioPhoneSignIn
	case flowReset:
		return policy.ScenarioSSPR
	default:
		return policy.ScenarioMFA
	}
}

// context is what the device may show of a sign-in on these pages.
func (web *Web) context(r *http.Request) challenge.Context {
	return challenge.Context{App: web.Client.Name, Origin: web.PublicURL, IP: web.source(r)}
}
