package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign/verifier/words"
)

// Experience is what a sign-in asks of its user.
type Experience string

// The experiences.
const (
	NumberMatch Experience = "number_match"  // type the number of the sign-in screen into the app
	ApproveDeny Experience = "approve_deny"  // approve or deny a push without a number
	TOTP        Experience = "totp"          // type a code of the app into the sign-in screen
	PhoneSignIn Experience = "phone_sign_in" // passwordless: a number match and the device's own PIN
	None        Experience = "none"          // nothing: the sign-in is refused
)

// Reason says why an experience was chosen. The values are stable: they are
// part of the public API.
type Reason string

// The reasons.
const (
	ReasonNumberMatchingRequired    Reason = "number_matching_required"
	ReasonNumberMatchingNotRequired Reason = "number_matching_not_required" // preview only
	ReasonSSPRAdminPending          Reason = "sspr_admin_pending_in_preview"
	ReasonPartOfPhoneSignIn         Reason = "number_matching_is_part_of_phone_sign_in"
	ReasonDefaultMethod             Reason = "default_method"
	ReasonRequested                 Reason = "requested"
	ReasonNPSOverride               Reason = "nps_number_matching_override"
	ReasonNPSCannotShowNumber       Reason = "nps_cannot_show_a_number"
	ReasonClientCannotShowNumber    Reason = "client_cannot_show_a_number" // a RADIUS client without a prompt
	ReasonMFAServer                 Reason = "mfa_server_has_no_number_matching"
	ReasonADFSUpdateMissing         Reason = "adfs_update_missing"

	// The reasons below come with None.
	ReasonMethodNotRegistered       Reason = "method_not_registered"
	ReasonMethodNotAllowed          Reason = "method_not_allowed"
	ReasonWearableNotSupported      Reason = "wearable_not_supported"
	ReasonUpgradeRequired           Reason = "upgrade_required"
	ReasonTOTPRequiresPAP           Reason = "totp_requires_pap"
	ReasonRDGatewayCannotTakeCode   Reason = "rd_gateway_cannot_take_a_code"
	ReasonNumberMatchingUnavailable Reason = "number_matching_unavailable" // Approve/Deny would have come, and is forbidden

	// ReasonSecondMethodRequired is no answer of Decide's: it is why an approved
	// push of an administrator's password reset is followed by a code, or denied.
	ReasonSecondMethodRequired Reason = "second_method_required"
)

// EventAuthZOptCh names the event log channel in which the NPS extension
// records that a challenge was requested of a user who cannot answer it.
const EventAuthZOptCh = "AuthZOptCh"

// Rollout is the state of number matching's introduction.
type Rollout string

// The rollouts.
const (
	Enforced Rollout = "enforced" // always on: the state since May 2023
	Preview  Rollout = "preview"  // the opt-in of 2021, for testing
)

// Scenario is what the user is about to do.
type Scenario string

// The scenarios.
const (
	ScenarioMFA                  Scenario = "mfa"
	ScenarioSSPR                 Scenario = "sspr"                  // self-service password reset
	ScenarioCombinedRegistration Scenario = "combined_registration" // the notification that adds the account
	ScenarioBroker               Scenario = "broker"                // the same-device flow of iOS
	ScenarioPhoneSignIn          Scenario = "phone_sign_in"         // passwordless
)

// Method is a way of answering.
type Method string

// The methods.
const (
	MethodPush Method = "push"
	MethodTOTP Method = "totp"
)

// ClientKind is the kind of a relying party.
type ClientKind string

// The kinds of client.
const (
	KindWeb       ClientKind = "web"
	KindRADIUS    ClientKind = "radius"     // our own: the number stands in the prompt
	KindNPS       ClientKind = "nps"        // behaves as Microsoft's NPS extension
	KindADFS      ClientKind = "adfs"       // an AD FS adapter
	KindMFAServer ClientKind = "mfa_server" // Azure MFA Server, deprecated
)

// RADIUSAuth is the authentication protocol inside RADIUS.
type RADIUSAuth string

// The protocols. PAP alone can carry a code.
const (
	RADIUSPAP      RADIUSAuth = "pap"
	RADIUSCHAP     RADIUSAuth = "chap"
	RADIUSMSCHAPv2 RADIUSAuth = "mschapv2"
	RADIUSEAP      RADIUSAuth = "eap"
)

// Override is the registry value OVERRIDE_NUMBER_MATCHING_WITH_OTP of the NPS
// extension; empty where it is not set.
type Override string

// The values of the override.
const (
	OverrideUnset Override = ""
	OverrideTrue  Override = "TRUE"
	OverrideFalse Override = "FALSE"
)

// FormFactor is a device's shape.
type FormFactor string

// The form factors.
const (
	Phone   FormFactor = "phone"
	Tablet  FormFactor = "tablet"
	Desktop FormFactor = "desktop"
	Watch   FormFactor = "watch"
)

// Platform is a device's operating system.
type Platform string

// The platforms.
const (
	IOS     Platform = "ios"
	Android Platform = "android"
	Windows Platform = "windows"
	MacOS   Platform = "macos"
	Linux   Platform = "linux"
	WatchOS Platform = "watchos"
	WearOS  Platform = "wearos"
)

// State says whether the whole methods policy is on.
type State string

// The states.
const (
	Enabled  State = "enabled"
	Disabled State = "disabled"
)

// FeatureState is the state of one feature of the policy: Graph's
// advancedConfigState.
type FeatureState string

// The feature states. FeatureDefault leaves the choice to the service.
const (
	FeatureDefault  FeatureState = "default"
	FeatureEnabled  FeatureState = "enabled"
	FeatureDisabled FeatureState = "disabled"
)

// AuthenticationMode says which pushes a target of the policy may use (rule 11).
type AuthenticationMode string

// The modes.
const (
	ModeAny             AuthenticationMode = "any"
	ModePush            AuthenticationMode = "push"            // second factor only
	ModeDeviceBasedPush AuthenticationMode = "deviceBasedPush" // phone sign-in only
)

// TargetType says what a target of the policy is.
type TargetType string

// The types of target. A method's include and exclude targets are users and
// groups; a feature's are groups, roles and administrative units.
const (
	TargetUser               TargetType = "user"
	TargetGroup              TargetType = "group"
	TargetRole               TargetType = "role"
	TargetAdministrativeUnit TargetType = "administrativeUnit"
)

// parseEnum stores text in v if it is one of allowed, and otherwise says what
// is allowed.
func parseEnum[E ~string](v *E, text []byte, allowed ...E) error {
	if !slices.Contains(allowed, E(text)) {
		return &words.Error{Text: notOneOf(string(text), allowed)}
	}
	*v = E(text)
	return nil
}

// notOneOf says what a value should have been.
func notOneOf[E ~string](value string, allowed []E) words.Text {
	return words.Of("refused.not_one_of", "value", strconv.Quote(value), "allowed", listOf(allowed))
}

func listOf[E ~string](values []E) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = fmt.Sprintf("%q", string(value))
	}
	return strings.Join(quoted, ", ")
}

// UnmarshalText refuses what is no rollout.
func (v *Rollout) UnmarshalText(text []byte) error {
	return parseEnum(v, text, Enforced, Preview)
}

// UnmarshalText refuses what is no scenario.
func (v *Scenario) UnmarshalText(text []byte) error {
	return parseEnum(v, text, ScenarioMFA, ScenarioSSPR, ScenarioCombinedRegistration, ScenarioBroker, ScenarioPhoneSignIn)
}

// UnmarshalText refuses what is no method.
func (v *Method) UnmarshalText(text []byte) error {
	return parseEnum(v, text, MethodPush, MethodTOTP)
}

// UnmarshalText refuses what is no kind of client.
func (v *ClientKind) UnmarshalText(text []byte) error {
	return parseEnum(v, text, KindWeb, KindRADIUS, KindNPS, KindADFS, KindMFAServer)
}

// UnmarshalText refuses what is no protocol.
func (v *RADIUSAuth) UnmarshalText(text []byte) error {
	return parseEnum(v, text, RADIUSPAP, RADIUSCHAP, RADIUSMSCHAPv2, RADIUSEAP)
}

// UnmarshalText takes the registry's TRUE and FALSE in any case, and empty for
// "not set".
func (v *Override) UnmarshalText(text []byte) error {
	if err := parseEnum(v, []byte(strings.ToUpper(string(text))), OverrideTrue, OverrideFalse, OverrideUnset); err != nil {
		return &words.Error{Text: notOneOf(string(text), []Override{OverrideTrue, OverrideFalse})}
	}
	return nil
}

// UnmarshalText refuses what is no form factor.
func (v *FormFactor) UnmarshalText(text []byte) error {
	return parseEnum(v, text, Phone, Tablet, Desktop, Watch)
}

// UnmarshalText refuses what is no platform.
func (v *Platform) UnmarshalText(text []byte) error {
	return parseEnum(v, text, IOS, Android, Windows, MacOS, Linux, WatchOS, WearOS)
}

// UnmarshalText refuses what is no state.
func (v *State) UnmarshalText(text []byte) error {
	return parseEnum(v, text, Enabled, Disabled)
}

// UnmarshalText refuses what is no feature state.
func (v *FeatureState) UnmarshalText(text []byte) error {
	return parseEnum(v, text, FeatureDefault, FeatureEnabled, FeatureDisabled)
}

// UnmarshalText refuses what is no authentication mode.
func (v *AuthenticationMode) UnmarshalText(text []byte) error {
	return parseEnum(v, text, ModeAny, ModePush, ModeDeviceBasedPush)
}

// UnmarshalText refuses what is no type of target.
func (v *TargetType) UnmarshalText(text []byte) error {
	return parseEnum(v, text, TargetUser, TargetGroup, TargetRole, TargetAdministrativeUnit)
}
