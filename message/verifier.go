package message

import (
	"slices"
	"time"
)

// What a challenge can be, and how it can end (design words; the reasons of a
// denial and the states are also the API's).
const (
	ScenarioMFA                  = "mfa"
	ScenarioSSPR                 = "sspr"
	ScenarioCombinedRegistration = "combined_registration"
	ScenarioBroker               = "broker"
	ScenarioPhoneSignIn          = "phone_sign_in"

	ModeNumber      = "number"
	ModeApproveDeny = "approve_deny"

	StatePending   = "pending"
	StateApproved  = "approved"
	StateDenied    = "denied"
	StateExpired   = "expired"
	StateCancelled = "cancelled"

	ReasonUser                    = "user"
	ReasonNumberMismatch          = "number_mismatch"
	ReasonReported                = "reported"
	ReasonWearable                = "wearable"
	ReasonUpgradeRequired         = "upgrade_required"
	ReasonUserVerificationMissing = "user_verification_missing"
	ReasonLocked                  = "locked"
	ReasonEnrolmentUnknown        = "enrolment_unknown" // link used, expired or never made
	ReasonTooManyDevices          = "too_many_devices"
)

// Challenge asks a device's user to decide. It holds no number, nor anything
// the number could be computed from: with 90 candidates, a hash or a MAC of it
// would fall at once.
type Challenge struct {
	Claims
	Scenario         string `json:"scenario"`
	Mode             string `json:"mode"`
	Digits           int    `json:"digits,omitzero"` // 2 or 6 in mode number
	App              string `json:"app,omitempty"`
	Origin           string `json:"origin,omitempty"`
	IP               string `json:"ip,omitempty"`
	Location         string `json:"location,omitempty"`
	Client           string `json:"client,omitempty"`
	NewLocation      bool   `json:"new_location"`
	MinAppVersion    string `json:"min_app_version"`
	BrokerSession    string `json:"broker_session,omitempty"` // set in the same-device flow alone
	UserVerification bool   `json:"user_verification"`        // the device must ask for its PIN
}

// Type is TypeChallenge.
func (Challenge) Type() string { return TypeChallenge }

func (m Challenge) check() error {
	switch {
	case !slices.Contains([]string{ScenarioMFA, ScenarioSSPR, ScenarioCombinedRegistration, ScenarioBroker, ScenarioPhoneSignIn}, m.Scenario):
		return malformed(m, "scenario")
	case m.Mode != ModeNumber && m.Mode != ModeApproveDeny:
		return malformed(m, "mode")
	case m.Mode == ModeNumber && m.Digits != 2 && m.Digits != 6, m.Mode == ModeApproveDeny && m.Digits != 0:
		return malformed(m, "digits")
	case !text(m.App, maxApp) || !text(m.Origin, maxOrigin) || !text(m.Location, maxLocation) || !text(m.Client, maxClient) || !validIP(m.IP):
		return malformed(m, "app, origin, ip, location or client")
	case !ValidVersion(m.MinAppVersion):
		return malformed(m, "min_app_version")
	case m.BrokerSession != "" && (!validID(m.BrokerSession) || m.Scenario != ScenarioBroker):
		// The control "Show me the number again" exists where this is set: an
		// ordinary push must not be able to bring it.
		return malformed(m, "broker_session")
	case time.Duration(m.Expires-m.IssuedAt)*time.Second > Lifetime:
		return malformed(m, "exp")
	}
	return nil
}

// FitContext cuts what a relying party says about a sign-in to what a challenge
// can carry. An address that is none is left out.
func (m *Challenge) FitContext() {
	m.App, m.Origin = Clean(m.App, maxApp), Clean(m.Origin, maxOrigin)
	m.Location, m.Client = Clean(m.Location, maxLocation), Clean(m.Client, maxClient)
	if !validIP(m.IP) {
		m.IP = ""
	}
}

// Outcome tells a device how a challenge, or its enrolment, ended.
type Outcome struct {
	Claims
	Challenge string   `json:"challenge"` // the challenge's jti, or the enrolment's id where it was refused before a challenge
	State     string   `json:"state"`
	Reason    string   `json:"reason,omitempty"`
	Account   *Account `json:"account,omitempty"` // with the approval that ends an enrolment
}

// Account is what a device learns of the account that it now belongs to.
type Account struct {
	Organisation string `json:"organisation"`
	User         string `json:"user"`
	// TOTP says that the link's secret also gives a TOTP secret (TOTPSecret):
	// SHA1, 6 digits, 30 s.
	TOTP bool `json:"totp"`
}

// Type is TypeOutcome.
func (Outcome) Type() string { return TypeOutcome }

func (m Outcome) check() error {
	switch {
	case !validID(m.Challenge):
		return malformed(m, "challenge")
	case !slices.Contains([]string{StateApproved, StateDenied, StateExpired, StateCancelled}, m.State):
		return malformed(m, "state")
	case !text(m.Reason, maxReason):
		return malformed(m, "reason")
	case m.Account != nil && (!text(m.Account.Organisation, maxApp) || !text(m.Account.User, maxUser) || m.Account.User == ""):
		return malformed(m, "account")
	}
	return nil
}

// Kinds of Notice.
const (
	NoticeDeviceAdded     = "device_added"
	NoticeDeviceRemoved   = "device_removed"
	NoticeDeviceRekeyed   = "device_rekeyed" // a device of the user changed its keys
	NoticePasswordChanged = "password_changed"
	NoticeTOTPAdded       = "totp_added"
	NoticeTOTPRemoved     = "totp_removed"
	NoticeReported        = "reported" // another device of the user said "No, it's not me"
	NoticeLocked          = "locked"
	NoticeUnlocked        = "unlocked"
)

// Notice tells the user's devices that something about the account changed.
type Notice struct {
	Claims
	Kind   string `json:"kind"`
	Detail string `json:"detail,omitempty"` // the device's name, where it is about one
}

// Type is TypeNotice.
func (Notice) Type() string { return TypeNotice }

func (m Notice) check() error {
	kinds := []string{NoticeDeviceAdded, NoticeDeviceRemoved, NoticeDeviceRekeyed, NoticePasswordChanged, NoticeTOTPAdded, NoticeTOTPRemoved, NoticeReported, NoticeLocked, NoticeUnlocked}
	if !slices.Contains(kinds, m.Kind) {
		return malformed(m, "kind")
	}
	if !text(m.Detail, maxName) {
		return malformed(m, "detail")
	}
	return nil
}

// Devices lists the devices of the recipient's own user, for a Sync that asks.
type Devices struct {
	Claims
	List []ListedDevice `json:"list"` // at most 5, and one of them the recipient
}

// ListedDevice is what a user may know of one device. It names no key: the list
// is for people, and two organisations must find nothing in it to compare.
type ListedDevice struct {
	Name       string `json:"name"`
	Platform   string `json:"platform"`
	FormFactor string `json:"form_factor"`
	EnrolledAt int64  `json:"enrolled_at"` // seconds since 1970
	SeenAt     int64  `json:"seen_at"`     // of its last Sync, seconds since 1970; 0: none yet
	This       bool   `json:"this"`        // it is the recipient
}

// FitName cuts a name to what a Devices can carry.
func (d *ListedDevice) FitName() { d.Name = Clean(d.Name, maxName) }

// Type is TypeDevices.
func (Devices) Type() string { return TypeDevices }

func (m Devices) check() error {
	if len(m.List) > maxDevices {
		return malformed(m, "list")
	}
	own := 0
	for _, d := range m.List {
		switch {
		case d.Name == "" || !text(d.Name, maxName):
			return malformed(m, "name")
		case !slices.Contains(Platforms(), d.Platform) || !slices.Contains(FormFactors(), d.FormFactor):
			return malformed(m, "platform or form_factor")
		case d.EnrolledAt <= 0 || d.SeenAt < 0:
			return malformed(m, "enrolled_at or seen_at")
		}
		if d.This {
			own++
		}
	}
	if own != 1 {
		return malformed(m, "this")
	}
	return nil
}

// Revoked tells a device that it belongs to the account no longer.
type Revoked struct {
	Claims
}

// Type is TypeRevoked.
func (Revoked) Type() string { return TypeRevoked }

func (Revoked) check() error { return nil }
