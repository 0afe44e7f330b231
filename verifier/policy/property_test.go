package policy_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"countersign/verifier/policy"
)

// anyOf draws one of the values, or text that is none of them: Decide must be
// total even where a front end fills an Input with what it should not.
func anyOf[E ~string](values ...E) *rapid.Generator[E] {
	return rapid.OneOf(rapid.SampledFrom(append(values, "")), rapid.Map(rapid.String(), func(s string) E { return E(s) }))
}

// versions draws the numbers of the tables, their neighbours and garbage.
func versions() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "1.0.1.39", "1.0.1.40", "1.0.1850.1", "1.2.2131.2", "1.2.2216.0", "1.2.2216.1", "1.2.2893.1",
			"9600.20000", "14393.4703", "14393.4704", "17763.2267", "17763.2268", "17763.2300",
			"20348.319", "20348.320", "20348.349", "20348.350", "20349.0", "26100.1",
		}),
		rapid.StringMatching(`[0-9]{1,5}(\.[0-9]{1,5}){0,4}`),
		rapid.String(),
	)
}

func devices() *rapid.Generator[policy.Device] {
	return rapid.Custom(func(t *rapid.T) policy.Device {
		return policy.Device{
			Platform:       anyOf(policy.IOS, policy.Android, policy.Linux, policy.WatchOS, policy.WearOS).Draw(t, "platform"),
			FormFactor:     anyOf(policy.Phone, policy.Tablet, policy.Desktop, policy.Watch).Draw(t, "form_factor"),
			NumberMatching: rapid.Bool().Draw(t, "number_matching"),
		}
	})
}

func inputs() *rapid.Generator[policy.Input] {
	return rapid.Custom(func(t *rapid.T) policy.Input {
		yes := func(label string) bool { return rapid.Bool().Draw(t, label) }
		return policy.Input{
			Rollout: anyOf(policy.Enforced, policy.Preview).Draw(t, "rollout"),
			Scenario: anyOf(policy.ScenarioMFA, policy.ScenarioSSPR, policy.ScenarioCombinedRegistration,
				policy.ScenarioBroker, policy.ScenarioPhoneSignIn).Draw(t, "scenario"),
			Method: anyOf(policy.MethodPush, policy.MethodTOTP).Draw(t, "method"),
			Client: policy.Client{
				Kind: anyOf(policy.KindWeb, policy.KindRADIUS, policy.KindNPS, policy.KindADFS,
					policy.KindMFAServer).Draw(t, "kind"),
				Version:    versions().Draw(t, "version"),
				RADIUSAuth: anyOf(policy.RADIUSPAP, policy.RADIUSMSCHAPv2).Draw(t, "radius_auth"),
				Override:   anyOf(policy.OverrideTrue, policy.OverrideFalse).Draw(t, "override"),
				RDGateway:  yes("rd_gateway"), NoPrompt: yes("no_prompt"),
				OSBuild: versions().Draw(t, "os_build"), RejectUnpatched: yes("reject_unpatched"),
			},
			Devices: rapid.SliceOfN(devices(), 0, 3).Draw(t, "devices"),
			Policy: policy.Settings{
				State: anyOf(policy.Enabled, policy.Disabled).Draw(t, "state"),
				AuthenticationMode: anyOf(policy.ModeAny, policy.ModePush,
					policy.ModeDeviceBasedPush).Draw(t, "authentication_mode"),
				NumberMatchingRequiredState: anyOf(policy.FeatureDefault, policy.FeatureEnabled,
					policy.FeatureDisabled).Draw(t, "number_matching_required_state"),
				AllowApproveDeny: yes("allow_approve_deny"),
			},
			User: policy.User{
				Push: yes("push"), TOTP: yes("totp"),
				Default:  anyOf(policy.MethodPush, policy.MethodTOTP).Draw(t, "default"),
				Targeted: yes("targeted"), NumberMatchingTargeted: yes("number_matching_targeted"),
				LegacyMobileAppNotification: yes("legacy_mobile_app_notification"), Admin: yes("admin"),
			},
		}
	})
}

// checkDecision holds what is true of every decision, whatever the input.
func checkDecision(t interface{ Errorf(string, ...any) }, in policy.Input, got policy.Decision) {
	push := slices.Contains([]policy.Experience{policy.NumberMatch, policy.ApproveDeny, policy.PhoneSignIn}, got.Experience)
	capable := slices.ContainsFunc(in.Devices, func(d policy.Device) bool {
		watch := d.FormFactor == policy.Watch || d.Platform == policy.WatchOS || d.Platform == policy.WearOS
		return !watch && (d.NumberMatching || in.Rollout == policy.Preview && got.Experience == policy.ApproveDeny)
	})
	numberless := slices.Contains([]policy.ClientKind{policy.KindNPS, policy.KindADFS, policy.KindMFAServer}, in.Client.Kind)
	coded := in.Client.Kind == policy.KindNPS || in.Client.Kind == policy.KindRADIUS
	for rule, broken := range map[string]bool{
		"an experience, a reason": !slices.Contains([]policy.Experience{policy.None, policy.TOTP}, got.Experience) && !push || got.Reason == "",
		"rule 1: no push without a number on the web once enforced": in.Rollout != policy.Preview &&
			in.Client.Kind == policy.KindWeb && got.Experience == policy.ApproveDeny,
		"Approve/Deny once enforced only for nps, adfs and mfa_server": in.Rollout != policy.Preview &&
			got.Experience == policy.ApproveDeny && !numberless,
		"Approve/Deny never for our own RADIUS":           in.Client.Kind == policy.KindRADIUS && got.Experience == policy.ApproveDeny,
		"Approve/Deny never where it is forbidden":        !in.Policy.AllowApproveDeny && got.Experience == policy.ApproveDeny,
		"rule 3: a code only for a user who has one":      got.Experience == policy.TOTP && !in.User.TOTP,
		"a push only for a user who has a device":         push && !in.User.Push,
		"rules 5 and 6: a push only to a device that can": push && !capable,
		"rules 7 and 9: no number where none can be shown": (in.Client.Kind == policy.KindNPS || in.Client.Kind == policy.KindMFAServer) &&
			(got.Experience == policy.NumberMatch || got.Experience == policy.PhoneSignIn),
		"rule 9: a code over RADIUS by PAP alone": coded && got.Experience == policy.TOTP &&
			in.Client.RADIUSAuth != policy.RADIUSPAP && in.Client.RADIUSAuth != "",
		"rule 9: no code at a Remote Desktop Gateway": coded && in.Client.RDGateway && got.Experience == policy.TOTP,
		"rule 9: the event comes with its reason":     (got.Event != nil) != (got.Reason == policy.ReasonTOTPRequiresPAP),
		"rule 11: phone sign-in is never another push": in.Scenario == policy.ScenarioPhoneSignIn &&
			got.Experience != policy.PhoneSignIn && got.Experience != policy.None,
		"rule 11: phone sign-in only as such": in.Scenario != policy.ScenarioPhoneSignIn && got.Experience == policy.PhoneSignIn,
		"rules 4 and 11: a push only where a policy allows it": push && !in.User.LegacyMobileAppNotification &&
			(!in.User.Targeted || in.Policy.State == policy.Disabled),
	} {
		if broken {
			t.Errorf("%s:\n got %+v\n for %+v", rule, got, in)
		}
	}
}

func TestDecideHoldsItsRulesForEveryInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := inputs().Draw(t, "input")
		got := policy.Decide(in)
		checkDecision(t, in, got)
		if again := policy.Decide(in); !reflect.DeepEqual(got, again) {
			t.Errorf("decided %+v, then %+v", got, again)
		}
	})
}

// Once enforced, nothing that an administrator sets about number matching, and
// no target, changes the outcome (rule 1).
func TestNobodyOptsOutOnceEnforced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := inputs().Draw(t, "input")
		in.Rollout = policy.Enforced
		want := policy.Decide(in)
		in.Policy.NumberMatchingRequiredState = policy.FeatureDisabled
		in.User.NumberMatchingTargeted = !in.User.NumberMatchingTargeted
		if got := policy.Decide(in); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v for %+v", got, want, in)
		}
	})
}
