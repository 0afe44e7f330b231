package scenario

import (
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/policy"
)

// The words of a file: each type is read strictly, and its error lists what is
// allowed.

type experience string

// UnmarshalText refuses what is no experience.
func (e *experience) UnmarshalText(text []byte) error {
	return wordOf(e, text, experience(policy.NumberMatch), experience(policy.ApproveDeny), experience(policy.TOTP), experience(policy.PhoneSignIn), experience(policy.None))
}

type state string

// UnmarshalText refuses what is no state.
func (s *state) UnmarshalText(text []byte) error {
	return wordOf(s, text, message.StatePending, message.StateApproved, message.StateDenied, message.StateExpired, message.StateCancelled)
}

// none stands where an expectation says that there is no reason or event.
const none = "none"

type reason string

// UnmarshalText refuses what is neither a start's reason nor an outcome's.
func (r *reason) UnmarshalText(text []byte) error {
	allowed := []reason{none}
	for _, p := range []policy.Reason{
		policy.ReasonNumberMatchingRequired, policy.ReasonNumberMatchingNotRequired, policy.ReasonSSPRAdminPending,
		policy.ReasonPartOfPhoneSignIn, policy.ReasonDefaultMethod, policy.ReasonRequested, policy.ReasonNPSOverride,
		policy.ReasonNPSCannotShowNumber, policy.ReasonClientCannotShowNumber, policy.ReasonMFAServer,
		policy.ReasonADFSUpdateMissing, policy.ReasonMethodNotRegistered, policy.ReasonMethodNotAllowed,
		policy.ReasonWearableNotSupported, policy.ReasonUpgradeRequired, policy.ReasonTOTPRequiresPAP,
		policy.ReasonRDGatewayCannotTakeCode, policy.ReasonNumberMatchingUnavailable, policy.ReasonSecondMethodRequired,
	} {
		allowed = append(allowed, reason(p))
	}
	return wordOf(r, text, append(allowed, message.ReasonUser, message.ReasonNumberMismatch, message.ReasonReported,
		message.ReasonWearable, message.ReasonUserVerificationMissing, message.ReasonLocked)...)
}

// refusal is the stable code of a problem: why a start or a code was refused.
type refusal string

// UnmarshalText refuses what is no code.
func (r *refusal) UnmarshalText(text []byte) error {
	return wordOf(r, text, none, challenge.RefusedPending, challenge.RefusedLimit, challenge.RefusedLocked, challenge.RefusedBlocked,
		challenge.RefusedTOTP, wrongCode, "already_settled", "no_code_expected", "wrong_password", refusal(policy.ReasonMethodNotRegistered), refusal(policy.ReasonMethodNotAllowed))
}

const wrongCode = "wrong_code"

type event string

// UnmarshalText refuses what is no channel of the event log.
func (e *event) UnmarshalText(text []byte) error {
	return wordOf(e, text, none, policy.EventAuthZOptCh)
}

// shown says whether something is to be seen.
type shown string

const (
	isShown  shown = "shown"
	isHidden shown = "hidden"
)

// UnmarshalText refuses what is neither.
func (s *shown) UnmarshalText(text []byte) error { return wordOf(s, text, isShown, isHidden) }

// response is how a person answers a prompt.
type response string

const (
	rightNumber response = "right_number"
	wrongNumber response = "wrong_number"
	approve     response = "approve"
	deny        response = "deny"
	report      response = "report"
)

// UnmarshalText refuses what is no answer.
func (r *response) UnmarshalText(text []byte) error {
	return wordOf(r, text, rightNumber, wrongNumber, approve, deny, report)
}

// typedCode is which code a person types.
type typedCode string

const (
	rightCode    typedCode = "right_code"
	badCode      typedCode = "wrong_code"
	replayedCode typedCode = "replayed_code"
)

// UnmarshalText refuses what is no code.
func (c *typedCode) UnmarshalText(text []byte) error {
	return wordOf(c, text, rightCode, badCode, replayedCode)
}

// password is which password a person types.
type password string

const (
	rightPassword password = "right_password"
	badPassword   password = "wrong_password"
)

// UnmarshalText refuses what is no password.
func (p *password) UnmarshalText(text []byte) error {
	return wordOf(p, text, rightPassword, badPassword)
}

// relayFault is what befalls the relay.
type relayFault string

const (
	relayDown    relayFault = "down"
	relayUp      relayFault = "up"
	relayReplays relayFault = "replays"
)

// UnmarshalText refuses what is no fault.
func (r *relayFault) UnmarshalText(text []byte) error {
	return wordOf(r, text, relayDown, relayUp, relayReplays)
}

// typedNumber is which number a person types to end an enrolment.
type typedNumber string

const (
	enrolRight typedNumber = "right"
	enrolWrong typedNumber = "wrong"
)

// UnmarshalText refuses what is no number.
func (n *typedNumber) UnmarshalText(text []byte) error {
	return wordOf(n, text, enrolRight, enrolWrong)
}

// turnedAway is why an enrolment failed, as its app says it.
type turnedAway string

// UnmarshalText refuses what is no reason.
func (t *turnedAway) UnmarshalText(text []byte) error {
	allowed := []turnedAway{none}
	for _, r := range enrolmentErrors() {
		allowed = append(allowed, r.word)
	}
	return wordOf(t, text, allowed...)
}

// promptMode is what a prompt asks.
type promptMode string

// UnmarshalText refuses what is no mode.
func (m *promptMode) UnmarshalText(text []byte) error {
	return wordOf(m, text, message.ModeNumber, message.ModeApproveDeny)
}

// notice is what a device was told about its account.
type notice string

// UnmarshalText refuses what is no notice.
func (n *notice) UnmarshalText(text []byte) error {
	return wordOf(n, text, none, message.NoticeDeviceAdded, message.NoticeDeviceRemoved, message.NoticeDeviceRekeyed, message.NoticePasswordChanged,
		message.NoticeTOTPAdded, message.NoticeTOTPRemoved, message.NoticeReported, message.NoticeLocked, message.NoticeUnlocked)
}
