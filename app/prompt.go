package app

import (
	"errors"
	"time"

	"countersign/message"
)

// What Answer refuses before anything is sent, for errors.Is.
var (
	ErrNoPrompt       = errors.New("this request is no longer there")
	ErrAnswered       = errors.New("this request has been answered already")
	ErrNumber         = errors.New("type the number that the sign-in screen shows, all of its digits")
	ErrWearable       = errors.New("a watch cannot approve; delete the app from the watch and use the phone")
	ErrUpgrade        = errors.New("this version of the app is too old to approve; update the app")
	ErrVerifyUser     = errors.New("this organisation asks for your PIN before you approve")
	ErrNoLock         = errors.New("this organisation asks for a PIN; set one in the settings first")
	ErrDecision       = errors.New("a decision is approve, deny or report")
	ErrNumberUnwanted = errors.New("this request takes no number")
)

// PromptState is where a prompt stands.
type PromptState string

// A prompt's life: open → sending → closed, or open → closed.
const (
	PromptOpen    PromptState = "open"    // waits for the user
	PromptSending PromptState = "sending" // answered; the verifier has not told the outcome yet
	PromptClosed  PromptState = "closed"  // Result says how it ended; shown for a moment
)

// Prompt is one challenge, waiting for its user.
type Prompt struct {
	ID        string // of this app, not of the protocol
	Account   string // the account's id; "" while enrolling
	Challenge message.Challenge
	// Organisation and User say for whom it is. While enrolling, User is empty
	// and Organisation is the link's word.
	Organisation string
	User         string
	Enrolling    bool
	Received     time.Time
	Expires      time.Time // by this device's clock
	State        PromptState
	Result       Result // once closed
	// Refusal says why this device cannot approve: ErrWearable or ErrUpgrade.
	// It can still deny.
	Refusal error
}

// NeedsNumber tells whether the number must be typed, with
// Challenge.Digits digits.
func (p Prompt) NeedsNumber() bool { return p.Challenge.Mode == message.ModeNumber }

// Inbox is what a screen draws: one prompt, and how many wait behind it. The
// current one stays until it has ended, whatever arrives: a number typed for
// one sign-in must never go to another.
type Inbox struct {
	Current *Prompt
	Waiting int
}

// Decision is what the user decided.
type Decision struct {
	Kind   string // message.DecisionApprove, DecisionDeny or DecisionReport
	Number string // what the user typed, to approve in mode number
	PIN    string // to approve where Challenge.UserVerification asks for it
}

// Approve, Deny and Report make decisions.
func Approve(number string) Decision {
	return Decision{Kind: message.DecisionApprove, Number: number}
}

// Deny says no.
func Deny() Decision { return Decision{Kind: message.DecisionDeny} }

// Report says "No, it's not me".
func Report() Decision { return Decision{Kind: message.DecisionReport} }

// Result is how a prompt ended.
type Result struct {
	State  string // message's State words, or StateUnknown
	Reason string // message's Reason words
	// Elsewhere says that the outcome is not of an answer given here.
	Elsewhere bool
}

// StateUnknown is the state of a prompt whose answer was sent, or tried, and
// whose outcome did not come back. Nothing may be taken for granted of it.
const StateUnknown = "unknown"

// Activity is one entry of the list of what happened. It holds no number and no
// code.
type Activity struct {
	Time         time.Time    `json:"time"`
	Kind         ActivityKind `json:"kind"`
	Account      string       `json:"account,omitempty"`
	Organisation string       `json:"organisation,omitempty"`
	User         string       `json:"user,omitempty"`
	Challenge    string       `json:"challenge,omitempty"` // its id
	Scenario     string       `json:"scenario,omitempty"`
	App          string       `json:"app,omitempty"`
	IP           string       `json:"ip,omitempty"`
	Location     string       `json:"location,omitempty"`
	State        string       `json:"state,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	Elsewhere    bool         `json:"elsewhere,omitempty"`
	Notice       string       `json:"notice,omitempty"` // message's Notice kinds
	Detail       string       `json:"detail,omitempty"`
}

// ActivityKind is what an entry is about.
type ActivityKind string

// The kinds of activity.
const (
	ActivityPrompt   ActivityKind = "prompt"
	ActivityNotice   ActivityKind = "notice"
	ActivityEnrolled ActivityKind = "enrolled"
	ActivityRevoked  ActivityKind = "revoked"
)
