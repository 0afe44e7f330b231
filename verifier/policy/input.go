package policy

// Input describes one sign-in, as far as the rules look at it. It carries no
// names and no numbers.
type Input struct {
	Rollout  Rollout  `json:"rollout"`  // empty: enforced
	Scenario Scenario `json:"scenario"` // empty: mfa
	Method   Method   `json:"method"`   // the method asked for; empty: the user's default
	Client   Client   `json:"client"`
	Devices  []Device `json:"devices"` // the user's enrolled devices that may be asked
	Policy   Settings `json:"policy"`
	User     User     `json:"user"`
}

// Client is the relying party that starts the sign-in, by its configuration:
// nothing of it comes from a request.
type Client struct {
	Kind ClientKind `json:"kind"`
	// Version is the NPS extension's, such as "1.2.2216.1" (kind nps).
	Version string `json:"version"`
	// RADIUSAuth is empty for PAP (kinds nps and radius).
	RADIUSAuth RADIUSAuth `json:"radius_auth"`
	Override   Override   `json:"override"`
	// RDGateway: the client is a Remote Desktop Gateway, which can take no code.
	RDGateway bool `json:"rd_gateway"`
	// NoPrompt: a RADIUS client that cannot show the text of a challenge.
	NoPrompt bool `json:"no_prompt"`
	// OSBuild is the Windows build under an AD FS adapter, such as "20348.350".
	OSBuild string `json:"os_build"`
	// RejectUnpatched refuses an AD FS adapter that would get Approve/Deny for
	// want of a Windows update.
	RejectUnpatched bool `json:"reject_unpatched"`
}

// Device is one enrolled authenticator.
type Device struct {
	Platform   Platform   `json:"platform"`
	FormFactor FormFactor `json:"form_factor"` // empty: phone
	// NumberMatching: the app's version can match numbers.
	NumberMatching bool `json:"number_matching"`
}

// wearable tells a watch by its form factor or its platform: a device that
// claims to be a phone with watchOS is believed in the part that costs it most.
func (d Device) wearable() bool {
	return d.FormFactor == Watch || d.Platform == WatchOS || d.Platform == WearOS
}

// Settings is the part of the organisation's policy that holds for this user.
type Settings struct {
	State                       State              `json:"state"`               // empty: enabled
	AuthenticationMode          AuthenticationMode `json:"authentication_mode"` // empty: any
	NumberMatchingRequiredState FeatureState       `json:"number_matching_required_state"`
	// AllowApproveDeny permits the prompt without a number to the kinds of
	// client that have no better; false refuses them.
	AllowApproveDeny bool `json:"allow_approve_deny"`
}

// User is what the rules need to know of the user.
type User struct {
	Push    bool   `json:"push"`    // a device is enrolled, or is being added
	TOTP    bool   `json:"totp"`    // any software or hardware OATH token
	Default Method `json:"default"` // empty: push where registered
	// Targeted: included in the methods policy and not excluded from it.
	Targeted bool `json:"targeted"`
	// NumberMatchingTargeted counts in the preview only (rule 12).
	NumberMatchingTargeted bool `json:"number_matching_targeted"`
	// LegacyMobileAppNotification is the tenant-wide legacy setting (rule 4).
	LegacyMobileAppNotification bool `json:"legacy_mobile_app_notification"`
	Admin                       bool `json:"admin"`
}

// Decision is the answer to an Input.
type Decision struct {
	Experience Experience `json:"experience"`
	Reason     Reason     `json:"reason"`
	// Event is the event log channel to write to, nil for none.
	Event *string `json:"event"`
}
