package policy

// Decide answers what a sign-in asks of its user, and why. It is total and
// deterministic: whatever it does not know, it refuses.
//
// The order of the rules is part of them:
//  1. The method: the one asked for, else the user's default (rule 3). A
//     default that is not registered gives way to the other method; a default
//     that is registered but cannot be used is refused with its reason, and the
//     sign-in page offers the other one.
//  2. A code is bound by what the client can carry (rule 9), not by the push
//     policy or the devices.
//  3. A push is bound by the NPS extension's override (rule 9), then by the
//     policy (rules 4 and 11), then by what the client can show (rules 7 to 9),
//     then in the preview by the target (rule 12), and last by the user's
//     devices (rules 5 and 6).
//  4. What would end as Approve/Deny is refused where the organisation
//     forbids it.
func Decide(in Input) Decision {
	in = in.withDefaults()
	method, reason := in.choose()
	switch method {
	case MethodTOTP:
		return in.askForCode(reason)
	case MethodPush:
		return in.push()
	}
	return refuse(reason)
}

// withDefaults gives empty enums their meaning.
func (in Input) withDefaults() Input {
	if in.Rollout != Preview {
		in.Rollout = Enforced
	}
	if in.Scenario == "" {
		in.Scenario = ScenarioMFA
	}
	if in.Client.RADIUSAuth == "" {
		in.Client.RADIUSAuth = RADIUSPAP
	}
	if in.Policy.AuthenticationMode == "" {
		in.Policy.AuthenticationMode = ModeAny
	}
	return in
}

// choose picks the method (rule 3), or none and the reason why.
func (in Input) choose() (Method, Reason) {
	switch {
	case in.Scenario == ScenarioPhoneSignIn && in.Method == MethodTOTP:
		// A code after a name alone would be a sign-in by one factor.
		return "", ReasonMethodNotAllowed
	case in.Method == MethodTOTP && in.User.TOTP:
		return MethodTOTP, ReasonRequested
	case in.Method == MethodPush && in.User.Push:
		return MethodPush, ReasonRequested
	case in.Method != "":
		return "", ReasonMethodNotRegistered
	case in.pushOnly() && in.User.Push:
		return MethodPush, ReasonRequested
	case in.pushOnly():
		return "", ReasonMethodNotRegistered
	case in.User.TOTP && (in.User.Default == MethodTOTP || !in.User.Push):
		return MethodTOTP, ReasonDefaultMethod
	case in.User.Push:
		return MethodPush, ReasonDefaultMethod
	}
	return "", ReasonMethodNotRegistered
}

// pushOnly tells the scenarios that are a push by their nature, whatever the
// user's default: the notification that adds the account (rule 2), and phone
// sign-in (rule 11).
func (in Input) pushOnly() bool {
	return in.Scenario == ScenarioCombinedRegistration || in.Scenario == ScenarioPhoneSignIn
}

// askForCode gives a code's experience if the client can carry one (rule 9).
func (in Input) askForCode(reason Reason) Decision {
	refusal, carries := in.Client.carriesCode()
	switch {
	case carries:
		return Decision{Experience: TOTP, Reason: reason}
	case reason == ReasonDefaultMethod && in.User.Push &&
		in.Client.Kind == KindNPS && in.Client.Override == OverrideFalse:
		// FALSE is made for clients that can carry no code: a user whose
		// default is TOTP falls back to Approve/Deny there, too.
		return in.push()
	}
	return refusal
}

// carriesCode tells whether a code can pass through the client, and else gives
// the refusal (rule 9). MSCHAPv2 and its like prove knowledge of a password and
// have no room for a code; a Remote Desktop Gateway never asks for one.
func (c Client) carriesCode() (Decision, bool) {
	switch {
	case c.Kind != KindNPS && c.Kind != KindRADIUS:
		return Decision{}, true
	case c.RADIUSAuth != RADIUSPAP:
		event := EventAuthZOptCh
		return Decision{Experience: None, Reason: ReasonTOTPRequiresPAP, Event: &event}, false
	case c.RDGateway:
		return refuse(ReasonRDGatewayCannotTakeCode), false
	}
	return Decision{}, true
}

// push gives the experience of a user who is asked by push.
func (in Input) push() Decision {
	if in.Scenario != ScenarioPhoneSignIn && in.User.TOTP {
		switch {
		case in.Client.Kind == KindNPS && in.npsOverrides():
			return in.askForCode(ReasonNPSOverride)
		case in.Client.Kind == KindRADIUS && in.Client.NoPrompt:
			return in.askForCode(ReasonClientCannotShowNumber)
		}
	}
	if !in.pushAllowed() {
		return refuse(ReasonMethodNotAllowed)
	}
	wanted := in.prompt()
	if wanted.Experience == None {
		return wanted
	}
	if reason, ok := in.devicesCan(wanted.Experience); !ok {
		return refuse(reason)
	}
	if wanted.Experience == ApproveDeny {
		return in.permitApproveDeny(wanted)
	}
	return wanted
}

// npsOverrides tells whether the NPS extension turns this push into a code
// (rule 9). In the preview it did so only for those under number matching, a
// user with it disabled always saw Approve/Deny (rule 12).
func (in Input) npsOverrides() bool {
	if _, required := in.numberRequired(); !required {
		return false
	}
	return npsAsksForTOTP(in.Rollout, in.Client.Version, in.Client.Override)
}

// pushAllowed applies the methods policy and the legacy one. For a user inside
// the methods policy its authentication mode decides (rule 11); for one outside
// it the legacy setting, which knows second-factor notifications only (rule 4).
func (in Input) pushAllowed() bool {
	inside := in.User.Targeted && in.Policy.State != Disabled
	mode := in.Policy.AuthenticationMode
	if in.Scenario == ScenarioPhoneSignIn {
		return inside && (mode == ModeAny || mode == ModeDeviceBasedPush)
	}
	if inside {
		return mode == ModeAny || mode == ModePush
	}
	return in.User.LegacyMobileAppNotification
}

// prompt says which prompt a push brings, by what the client can show (rules
// 7, 8 and 9) and then by whether a number is required (rules 1 and 12).
func (in Input) prompt() Decision {
	limit, shows := in.clientShowsNumber()
	passwordless := in.Scenario == ScenarioPhoneSignIn
	switch {
	case passwordless && shows:
		return Decision{Experience: PhoneSignIn, Reason: ReasonPartOfPhoneSignIn} // rule 11
	case !shows && (passwordless || limit == ReasonNumberMatchingUnavailable):
		return refuse(ReasonNumberMatchingUnavailable)
	case !shows:
		return Decision{Experience: ApproveDeny, Reason: limit}
	}
	if reason, required := in.numberRequired(); !required && in.Client.Kind != KindRADIUS {
		return Decision{Experience: ApproveDeny, Reason: reason}
	}
	return Decision{Experience: NumberMatch, Reason: ReasonNumberMatchingRequired}
}

// clientShowsNumber tells whether the client can show a number to its user. If
// not, the reason says why; it is ReasonNumberMatchingUnavailable for a client
// that may not fall back to Approve/Deny either.
func (in Input) clientShowsNumber() (Reason, bool) {
	switch in.Client.Kind {
	case KindWeb:
		return "", true
	case KindRADIUS: // our own: the number in the prompt, and Approve/Deny never
		return ReasonNumberMatchingUnavailable, !in.Client.NoPrompt && !in.Client.RDGateway
	case KindNPS:
		return ReasonNPSCannotShowNumber, false
	case KindADFS:
		return ReasonADFSUpdateMissing, adfsShowsNumber(in.Rollout, in.Client.OSBuild)
	case KindMFAServer:
		return ReasonMFAServer, false
	}
	return ReasonNumberMatchingUnavailable, false
}

// numberRequired is rule 1, and in the preview rule 12: enabled for a targeted
// user, except for administrators in SSPR, the preview's known issue.
func (in Input) numberRequired() (Reason, bool) {
	switch {
	case in.Rollout == Enforced:
		return ReasonNumberMatchingRequired, true
	case in.Policy.NumberMatchingRequiredState != FeatureEnabled || !in.User.NumberMatchingTargeted:
		return ReasonNumberMatchingNotRequired, false
	case in.Scenario == ScenarioSSPR && in.User.Admin:
		return ReasonSSPRAdminPending, false
	}
	return ReasonNumberMatchingRequired, true
}

// devicesCan tells whether one of the user's devices can answer. A user with a
// watch and a phone is sent to the phone (rule 6). Once enforced, an app that
// cannot match numbers cannot authenticate at all (rule 5); in the preview it
// could still answer Approve/Deny.
func (in Input) devicesCan(wanted Experience) (Reason, bool) {
	reason := ReasonMethodNotRegistered
	for _, device := range in.Devices {
		switch {
		case device.wearable():
			if reason == ReasonMethodNotRegistered {
				reason = ReasonWearableNotSupported
			}
		case device.NumberMatching || in.Rollout == Preview && wanted == ApproveDeny:
			return "", true
		default:
			reason = ReasonUpgradeRequired
		}
	}
	return reason, false
}

// permitApproveDeny lets Approve/Deny through unless the organisation forbids
// it, or the client asked to refuse unpatched servers (rule 8).
func (in Input) permitApproveDeny(wanted Decision) Decision {
	switch {
	case wanted.Reason == ReasonADFSUpdateMissing && in.Client.RejectUnpatched:
		return refuse(ReasonADFSUpdateMissing)
	case !in.Policy.AllowApproveDeny:
		return refuse(ReasonNumberMatchingUnavailable)
	}
	return wanted
}

func refuse(reason Reason) Decision {
	return Decision{Experience: None, Reason: reason}
}
