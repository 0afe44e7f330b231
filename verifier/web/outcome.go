package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/page"
	"countersign/verifier/policy"
)

// outcome is a page that says how something ended, and what to do next. Its
// state names its texts: outcome.STATE.title, .text and .next.
type outcome struct {
	State   string
	Tone    string // good, bad, lock or info
	Wait    time.Duration
	Actions []action
}

// action is a button: a form that posts, or a link.
type action struct {
	ID, Href, Text, Class string
	Post                  bool
}

// The outcomes that no challenge has.
var (
	outcomeForbidden   = outcome{State: "forbidden", Tone: "bad"}
	outcomeInvalid     = outcome{State: "invalid", Tone: "bad"}
	outcomeFailed      = outcome{State: "failed", Tone: "bad"}
	outcomeNotFound    = outcome{State: "not-found", Tone: "info"}
	outcomeSession     = outcome{State: "session-ended", Tone: "info"}
	outcomeUnreachable = outcome{State: "unreachable", Tone: "bad"}
	outcomeAdmin       = outcome{State: "reset-admin", Tone: "lock"}
	outcomeReset       = outcome{State: "reset-done", Tone: "good"}
	outcomeTooMany     = outcome{State: "too-many-devices", Tone: "info"}
	outcomeLastMethod  = outcome{State: "last-method", Tone: "info"}
)

// outcomeOf says how a challenge ended that was not approved.
func outcomeOf(c challenge.Challenge) outcome {
	switch c.State {
	case challenge.Expired:
		return outcome{State: "expired", Tone: "info"}
	case challenge.Cancelled:
		return outcome{State: "cancelled", Tone: "info"}
	case challenge.Pending, challenge.Approved, challenge.Denied:
	}
	switch c.Reason {
	case string(policy.ReasonSecondMethodRequired):
		return outcomeAdmin
	case message.ReasonNumberMismatch:
		return outcome{State: "wrong-number", Tone: "bad"}
	case message.ReasonReported:
		return outcome{State: "reported", Tone: "lock"}
	case message.ReasonWearable:
		return outcome{State: "wearable", Tone: "info"}
	case message.ReasonUpgradeRequired:
		return outcome{State: "upgrade", Tone: "info"}
	case message.ReasonUserVerificationMissing:
		return outcome{State: "no-user-verification", Tone: "lock"}
	case message.ReasonLocked:
		return outcome{State: "locked", Tone: "lock"}
	}
	return outcome{State: "denied", Tone: "bad"}
}

// outcomeOfReason says why policy has nothing to ask a user.
func outcomeOfReason(reason policy.Reason) outcome {
	switch reason {
	case policy.ReasonMethodNotRegistered:
		return outcome{State: "no-device", Tone: "info"}
	case policy.ReasonWearableNotSupported:
		return outcome{State: "wearable", Tone: "info"}
	case policy.ReasonUpgradeRequired:
		return outcome{State: "upgrade", Tone: "info"}
	default:
		return outcome{State: "not-allowed", Tone: "lock"}
	}
}

// refused says which limit stands against a start.
func (web *Web) refused(w http.ResponseWriter, r *http.Request, refusal *challenge.Refusal, m methods) error {
	o := outcome{State: "too-many", Tone: "info", Wait: refusal.RetryAfter}
	status := http.StatusTooManyRequests
	switch refusal.Code {
	case challenge.RefusedPending:
		o.State, status = "busy", http.StatusConflict
	case challenge.RefusedLocked:
		o.State, o.Tone, status = "locked", "lock", http.StatusLocked
	case challenge.RefusedBlocked:
		o.State, o.Tone, status = "blocked", "lock", http.StatusForbidden
	case challenge.RefusedTOTP:
		o.State, o.Tone, status = "code-locked", "lock", http.StatusLocked
		if len(m.devices) > 0 {
			o = o.with(action{ID: "use-push", Href: "/challenge/use-push", Text: "action.use_push", Post: true})
		}
		return web.outcome(w, r, status, o)
	}
	if o.State == "too-many" || o.State == "busy" {
		o = o.withAgain()
	}
	return web.outcome(w, r, status, o.withCode(m.code))
}

func (o outcome) with(a action) outcome {
	o.Actions = append(slices.Clone(o.Actions), a)
	return o
}

// withCode offers the way out that needs no push.
func (o outcome) withCode(has bool) outcome {
	if !has {
		return o
	}
	return o.with(action{ID: "use-code", Href: "/challenge/use-code", Text: "action.use_code", Post: true})
}

func (o outcome) withAgain() outcome {
	return o.with(action{ID: "again", Href: "/challenge/again", Text: "action.again", Post: true})
}

func (o outcome) withRetry(href string) outcome {
	return o.with(action{ID: "again", Href: href, Text: "action.again"})
}

// outcomeView is the data of outcome.html.
type outcomeView struct {
	State, Tone, Text, Next, Wait, App string
	Actions                            []action
}

// outcome draws the page of an outcome. There is always a way on.
func (web *Web) outcome(w http.ResponseWriter, r *http.Request, status int, o outcome) error {
	key := "outcome." + o.State
	if o.Wait > 0 && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((o.Wait+time.Second-1)/time.Second), 10))
	}
	o = o.with(action{ID: "home", Href: "/", Text: "action.home"})
	for i := range o.Actions {
		o.Actions[i].Class = "quiet"
		if i == 0 {
			o.Actions[i].Class = "primary"
		} else if i < len(o.Actions)-1 {
			o.Actions[i].Class = "plain"
		}
	}
	return web.render(w, r, status, "outcome", page.View{Title: key + ".title", Data: outcomeView{
		State: o.State, Tone: o.Tone, Text: key + ".text", Next: key + ".next", Wait: web.wait(r, o.Wait), App: AppName, Actions: o.Actions,
	}})
}
