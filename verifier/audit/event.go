package audit

import "time"

// Event is one thing that happened. It never holds a number to match, a code,
// a password or any other secret; people stand in it by their ids alone.
type Event struct {
	Time       time.Time         `json:"time"` // set by Append where it is zero
	Kind       string            `json:"kind"`
	Actor      string            `json:"actor,omitzero"`  // who did it: a user's id, a client's id, "cli", "admin-token/…"
	User       string            `json:"user,omitzero"`   // the id of the user that it is about
	Client     string            `json:"client,omitzero"` // the id of the relying party
	Device     string            `json:"device,omitzero"` // a thumbprint
	Challenge  string            `json:"challenge,omitzero"`
	Source     string            `json:"source,omitzero"` // the address that a sign-in came from
	Scenario   string            `json:"scenario,omitzero"`
	Experience string            `json:"experience,omitzero"`
	State      string            `json:"state,omitzero"`
	Reason     string            `json:"reason,omitzero"`
	Detail     map[string]string `json:"detail,omitzero"` // what else there is to say: setting and new value, a device's name
}

// The kinds of event.
const (
	// Sign-ins.
	KindChallengeStarted   = "challenge_started"
	KindChallengeRefused   = "challenge_refused"  // policy, a limit, a lock or a block stood against it
	KindChallengeAdvanced  = "challenge_advanced" // the push of two methods is approved, the code is to come
	KindChallengeSettled   = "challenge_settled"  // approved, denied, expired or cancelled
	KindAnswerRefused      = "answer_refused"     // an answer that changed nothing
	KindPasswordVerified   = "password_verified"
	KindPasswordRefused    = "password_refused"
	KindPasswordLocked     = "password_locked"
	KindCodeVerified       = "code_verified"
	KindCodeRefused        = "code_refused"
	KindPushLocked         = "push_locked"
	KindPushUnlocked       = "push_unlocked"
	KindCodeLocked         = "code_locked"
	KindCodeUnlocked       = "code_unlocked"
	KindSourceBlocked      = "source_blocked" // "No, it's not me"
	KindSourceUnblocked    = "source_unblocked"
	KindSessionStarted     = "session_started"
	KindSessionEnded       = "session_ended"
	KindChallengeRequested = "challenge_requested_in_authentication_extension" // the NPS extension's AuthZOptCh event

	// A RADIUS client's settings asked for no second factor; Reason says which.
	KindSecondFactorSkipped = "second_factor_skipped"

	// Methods.
	KindEnrolmentStarted = "enrolment_started"
	KindEnrolmentEnded   = "enrolment_ended" // Reason says how, where it failed
	KindDeviceAdded      = "device_added"
	KindDeviceChanged    = "device_changed"
	KindDeviceRemoved    = "device_removed"
	KindTOTPRegistered   = "totp_registered"
	KindTOTPRemoved      = "totp_removed"
	KindPasswordChanged  = "password_changed"

	// Administration.
	KindUserAdded          = "user_added"
	KindUserChanged        = "user_changed"
	KindUserRemoved        = "user_removed"
	KindPasswordUnlocked   = "password_unlocked"
	KindClientAdded        = "client_added"
	KindClientChanged      = "client_changed"
	KindClientRemoved      = "client_removed"
	KindGroupAdded         = "group_added"
	KindGroupChanged       = "group_changed"
	KindGroupRemoved       = "group_removed"
	KindGroupMemberAdded   = "group_member_added"
	KindGroupMemberRemoved = "group_member_removed"
	KindTenantChanged      = "tenant_changed"
	KindPolicyChanged      = "policy_changed"
	KindAdminTokenMade     = "admin_token_made"
)
