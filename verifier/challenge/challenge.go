// Package challenge is the life of a sign-in at the verifier, and the only
// owner of its state: it starts challenges, settles them exactly once, and
// counts, locks and blocks what an attacker would repeat.
//
//	pending → approved | denied | expired | cancelled
//
// There is one transition out of pending. It is stored before anyone is told,
// in one transaction with the comparison of the number, the counters and the
// audit record, so that neither a race nor a crash can settle twice. Every
// error denies.
//
// Policy is asked once, at the start, and what it says is pinned in the record:
// mode, oldest app, user verification. A change of policy holds from the next
// start on, so two minutes later for everybody. Who may answer is not pinned:
// user and device are looked at again in the transaction that settles.
package challenge

import (
	"errors"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// State is where a challenge is in its life.
type State string

// The states; the last four are final.
const (
	Pending   State = message.StatePending
	Approved  State = message.StateApproved
	Denied    State = message.StateDenied
	Expired   State = message.StateExpired
	Cancelled State = message.StateCancelled
)

// DefaultTTL is how long a challenge lives unless its client asks otherwise;
// message.Lifetime is the most it can ask for.
const DefaultTTL = 60 * time.Second

// Context is what the relying party says about the sign-in. It is shown to the
// user as far as the policy's display settings allow.
type Context struct {
	App      string `json:"app,omitempty"`
	Origin   string `json:"origin,omitempty"`
	IP       string `json:"ip,omitempty"`
	Location string `json:"location,omitempty"`
}

// Challenge is one sign-in, as its client may see it.
type Challenge struct {
	ID         string
	User       string // the user's id; empty if the name named nobody
	Client     string // the client's id
	Scenario   policy.Scenario
	Experience policy.Experience
	Number     string // to show on the sign-in screen while pending; two or six digits
	State      State
	Reason     string // a policy.Reason until it is settled, then the reason of a denial
	Context    Context
	CreatedAt  time.Time
	ExpiresAt  time.Time
	DecidedAt  time.Time           // zero while pending
	Device     identity.Thumbprint // which device settled it
	Receipt    string              // that device's signed answer, a JWS in compact form
	Broker     string              // the same-device flow's session
	Event      string              // the event log channel that policy named, or empty
}

// Final reports whether the challenge has been settled.
func (c Challenge) Final() bool { return c.State != Pending }

// record is a challenge as it is stored.
type record struct {
	ID         string              `json:"id"`
	User       string              `json:"user,omitempty"`
	Client     string              `json:"client"`
	Scenario   policy.Scenario     `json:"scenario"`
	Experience policy.Experience   `json:"experience"`
	Mode       string              `json:"mode,omitempty"`
	Number     string              `json:"number,omitempty"` // kept while pending only
	State      State               `json:"state"`
	Reason     string              `json:"reason,omitempty"`
	Context    Context             `json:"context"`
	Shown      Context             `json:"shown"` // what of the context the policy lets the device show
	ClientName string              `json:"client_name,omitempty"`
	Source     string              `json:"source,omitempty"`
	NewSource  bool                `json:"new_source,omitempty"`
	CreatedAt  time.Time           `json:"created_at"`
	ExpiresAt  time.Time           `json:"expires_at"`
	DecidedAt  time.Time           `json:"decided_at,omitzero"`
	Device     identity.Thumbprint `json:"device,omitempty"`
	Answer     string              `json:"answer,omitempty"` // the jti of the answer that settled it
	Receipt    string              `json:"receipt,omitempty"`
	Broker     string              `json:"broker,omitempty"`
	Event      string              `json:"event,omitempty"`
	MinVersion string              `json:"min_version,omitempty"`
	Verify     bool                `json:"verify,omitempty"` // user verification is required
	Open       bool                `json:"open,omitempty"`   // started without a verified first factor
	Second     bool                `json:"second,omitempty"` // an approved push is not enough: a code follows
	Asked      []recipient         `json:"asked,omitempty"`
	Enrolment  string              `json:"enrolment,omitempty"`
	DeviceName string              `json:"device_name,omitempty"` // of the device that enrols
	Account    *message.Account    `json:"account,omitempty"`     // what that device learns when it is approved
}

// recipient is a device that was asked, as it was when it was asked: a device
// that is added meanwhile cannot answer an earlier challenge.
type recipient struct {
	Signing    identity.Thumbprint `json:"signing"`
	Encryption identity.PublicKey  `json:"encryption"`
}

func (r record) asked(device identity.Thumbprint) (recipient, bool) {
	for _, a := range r.Asked {
		if a.Signing == device {
			return a, true
		}
	}
	return recipient{}, false
}

func (r record) view() Challenge {
	return Challenge{
		ID: r.ID, User: r.User, Client: r.Client, Scenario: r.Scenario, Experience: r.Experience,
		Number: r.Number, State: r.State, Reason: r.Reason, Context: r.Context,
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, DecidedAt: r.DecidedAt,
		Device: r.Device, Receipt: r.Receipt, Broker: r.Broker, Event: r.Event,
	}
}

// message is what the devices are asked. It is made anew for each device and
// each delivery, always with the challenge's own id as jti: a device shows one
// prompt for it however often it comes.
func (r record) message(from, to identity.Thumbprint) message.Challenge {
	m := message.Challenge{
		Claims: message.Claims{
			Version: message.Version, Issuer: from, Audience: to, ID: r.ID,
			IssuedAt: r.CreatedAt.Unix(), Expires: r.ExpiresAt.Unix(),
		},
		Scenario: string(r.Scenario), Mode: r.Mode,
		App: r.Shown.App, Origin: r.Shown.Origin, IP: r.Shown.IP, Location: r.Shown.Location,
		Client: r.ClientName, NewLocation: r.NewSource, MinAppVersion: r.MinVersion,
		BrokerSession: r.Broker, UserVerification: r.Verify,
	}
	if r.Mode == message.ModeNumber {
		m.Digits = len(r.Number)
	}
	m.FitContext()
	return m
}

func (r record) outcome(from, to identity.Thumbprint, now time.Time) message.Outcome {
	state := r.State
	if r.halfway() {
		state = Approved // the device's part is done
	}
	return message.Outcome{
		Claims:    message.NewClaims(from, to, now, message.Lifetime),
		Challenge: r.ID, State: string(state), Reason: outcomeReason(r), Account: r.Account,
	}
}

// outcomeReason is empty but for denials: a pending challenge's reason is the
// policy's, and none of the device's business.
func outcomeReason(r record) string {
	if r.State == Denied {
		return r.Reason
	}
	return ""
}

// The buckets of this package.
var (
	challenges = store.NewBucket[record]("challenge")
	accounts   = store.NewBucket[account]("challenge_account")
	sources    = store.NewBucket[budget]("challenge_source") // starts without a first factor, by address
	pendings   = store.NewBucket[time.Time]("challenge_pending")
)

// What Service refuses, for errors.Is.
var (
	// ErrUnknown: no such challenge, or another client's.
	ErrUnknown = errors.New("challenge: unknown")
	// ErrNotTOTP: a code for a challenge that asks for none.
	ErrNotTOTP = errors.New("challenge: does not take a code")
	// ErrWrongCode: the code is wrong or was used before.
	ErrWrongCode = errors.New("challenge: wrong code")
	// ErrSettled: the challenge is not pending any more.
	ErrSettled = errors.New("challenge: already settled")
	// ErrStranger: an answer from a device that was not asked.
	ErrStranger = errors.New("challenge: answer from a device that was not asked")
)

// Refusal is a start that limits forbid.
type Refusal struct {
	Code       string        // one of the Refused… constants
	RetryAfter time.Duration // zero where time alone does not help
}

// The stable codes of a Refusal.
const (
	RefusedPending = "challenge_pending" // the first stands
	RefusedLimit   = "too_many_requests" // start limits or back-off
	RefusedLocked  = "push_locked"       // five wrong numbers in a row
	RefusedBlocked = "source_blocked"    // "No, it's not me"
	RefusedTOTP    = "totp_locked"       // too many wrong codes in a row
)

func (r *Refusal) Error() string { return "challenge: start refused: " + r.Code }

// Request asks for a challenge.
type Request struct {
	User     string           // the name as it was typed
	Client   directory.Client // who asks; its kind decides what it can show
	Scenario policy.Scenario  // empty: mfa
	Method   policy.Method    // empty: the user's default
	Context  Context
	TTL      time.Duration // zero: DefaultTTL; capped at message.Lifetime
	// RADIUSAuth is the protocol of the RADIUS request, empty elsewhere.
	RADIUSAuth policy.RADIUSAuth
	// Broker is the same-device flow's session.
	Broker string
	// Decoy makes a start that would fail look like one that nobody answers:
	// pages that take a name only must not tell who exists.
	Decoy bool
}
