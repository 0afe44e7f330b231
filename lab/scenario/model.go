package scenario

import (
	"countersign/verifier/policy"
)

// Scenario is one document of a file.
type Scenario struct {
	Line  Line
	Path  string
	Name  string   `yaml:"scenario,required"`
	Rules []rule   `yaml:"rules"`
	Why   string   `yaml:"why"`
	Given given    `yaml:"given"`
	When  []step   `yaml:"when"`
	Then  []expect `yaml:"then"`
}

// RuleNumbers are the rules of the product that the scenario holds, 1 to 13.
func (s *Scenario) RuleNumbers() []int {
	out := make([]int, len(s.Rules))
	for i, r := range s.Rules {
		out[i] = int(r)
	}
	return out
}

// rule is a rule's number.
type rule int

const lastRule = 13

// given is what there is before anything happens.
type given struct {
	Line    Line
	Tenant  tenantChange           `yaml:"tenant"`
	Limits  givenLimits            `yaml:"limits"`
	Policy  Document               `yaml:"policy"`
	Users   map[string]givenUser   `yaml:"users"`
	Groups  map[string]givenGroup  `yaml:"groups"`
	Devices map[string]givenDevice `yaml:"devices"`
	Clients map[string]givenClient `yaml:"clients"`
}

// tenantChange are the organisation's settings; nil leaves one as it is.
type tenantChange struct {
	Line                        Line
	Rollout                     *policy.Rollout `yaml:"rollout"`
	AllowApproveDeny            *bool           `yaml:"allow_approve_deny"`
	NumberDigits                *int            `yaml:"number_digits"`
	LegacyMobileAppNotification *bool           `yaml:"legacy_mobile_app_notification"`
}

type givenLimits struct {
	Line         Line
	Starts5m     *int        `yaml:"starts_5m"`
	Starts1h     *int        `yaml:"starts_1h"`
	Starts1d     *int        `yaml:"starts_1d"`
	Backoff      *[]Duration `yaml:"backoff"`
	WrongNumbers *int        `yaml:"wrong_numbers"`
	WrongCodes   *int        `yaml:"wrong_codes"`
	ReportBlock  *Duration   `yaml:"report_block"`
}

type givenUser struct {
	Line       Line
	Password   string            `yaml:"password"`
	TOTP       bool              `yaml:"totp"`
	TOTPSecret string            `yaml:"totp_secret"`
	Default    policy.Method     `yaml:"default"`
	Roles      []string          `yaml:"roles"`
	Attributes map[string]string `yaml:"attributes"`
	OnPremises bool              `yaml:"on_premises"`
	Disabled   bool              `yaml:"disabled"`
}

type givenGroup struct {
	Line       Line
	Members    []string `yaml:"members"`
	Rule       string   `yaml:"rule"`
	OnPremises bool     `yaml:"on_premises"`
}

type givenDevice struct {
	Line       Line
	User       string            `yaml:"user"`
	Platform   policy.Platform   `yaml:"platform"`
	FormFactor policy.FormFactor `yaml:"form_factor"`
	AppVersion string            `yaml:"app_version"`
	Enrolled   *bool             `yaml:"enrolled"`
	stated     stated
}

// stated is what the file says that the device is, before check filled in the
// rest.
type stated struct {
	platform   policy.Platform
	formFactor policy.FormFactor
	appVersion string
}

type givenClient struct {
	Line      Line
	Kind      policy.ClientKind `yaml:"kind,required"`
	Version   string            `yaml:"version"`
	Override  policy.Override   `yaml:"override"`
	RDGateway bool              `yaml:"rd_gateway"`
	NoPrompt  bool              `yaml:"no_prompt"`
	OSBuild   string            `yaml:"os_build"`
}

// step is one thing that happens.
type step struct {
	Line Line
	Verb string
	Do   action
}

// expect is one thing that must hold.
type expect struct {
	Line Line
	Want expectation
}

// The steps. Each has the verb as its first key.
type (
	startStep struct {
		Line       Line
		Name       string            `yaml:"start,required"`
		User       string            `yaml:"user"`
		Stranger   string            `yaml:"stranger"`
		Client     string            `yaml:"client"`
		Scenario   policy.Scenario   `yaml:"scenario"`
		Method     policy.Method     `yaml:"method"`
		Context    signInContext     `yaml:"context"`
		TTL        Duration          `yaml:"ttl"`
		RADIUSAuth policy.RADIUSAuth `yaml:"radius_auth"`
		Page       bool              `yaml:"page"`
		Expect     *signInWant       `yaml:"expect"`
	}
	signInContext struct {
		App      string `yaml:"app"`
		Origin   string `yaml:"origin"`
		IP       string `yaml:"ip"`
		Location string `yaml:"location"`
	}
	answerStep struct {
		Line   Line
		SignIn string      `yaml:"answer,required"`
		Device string      `yaml:"device"`
		With   response    `yaml:"with,required"`
		Claims *claims     `yaml:"claims"`
		Expect *answerWant `yaml:"expect"`
	}
	claims struct {
		FormFactor       policy.FormFactor `yaml:"form_factor"`
		AppVersion       string            `yaml:"app_version"`
		UserVerification *bool             `yaml:"user_verification"`
	}
	codeStep struct {
		Line   Line
		SignIn string      `yaml:"code,required"`
		With   typedCode   `yaml:"with,required"`
		Device string      `yaml:"device"`
		Expect *signInWant `yaml:"expect"`
	}
	cancelStep struct {
		Line   Line
		SignIn string `yaml:"cancel,required"`
	}
	waitStep struct {
		Line Line
		For  Duration `yaml:"wait,required"`
	}
	togetherStep struct {
		Line  Line
		Steps []step `yaml:"together,required"`
	}
	repeatStep struct {
		Line  Line
		Times int    `yaml:"repeat,required"`
		Steps []step `yaml:"steps,required"`
	}
	awayStep struct {
		Line   Line
		Device string `yaml:"away,required"`
	}
	backStep struct {
		Line   Line
		Device string `yaml:"back,required"`
	}
	skewStep struct {
		Line   Line
		Device string   `yaml:"skew,required"`
		By     Duration `yaml:"by,required"`
	}
	relayStep struct {
		Line  Line
		Fault relayFault `yaml:"relay,required"`
	}
	enrolStep struct {
		Line   Line
		Device string      `yaml:"enrol,required"`
		Number typedNumber `yaml:"number"`
		TOTP   bool        `yaml:"totp"`
		Expect *enrolWant  `yaml:"expect"`
	}
	revokeStep struct {
		Line   Line
		Device string `yaml:"revoke,required"`
	}
	releaseStep struct {
		Line Line
		User string `yaml:"release,required"`
	}
	tenantStep struct {
		Line   Line
		Change tenantChange `yaml:"tenant,required"`
	}
	policyStep struct {
		Line   Line
		Policy Document    `yaml:"policy,required"`
		Expect *policyWant `yaml:"expect"`
	}
	evaluateStep struct {
		Line   Line
		Input  Document      `yaml:"evaluate,required"`
		Expect *evaluateWant `yaml:"expect,required"`
	}
	brokerStep struct {
		Line     Line
		Name     string      `yaml:"sign_in_here,required"`
		Device   string      `yaml:"device"`
		Password password    `yaml:"password"`
		Expect   *signInWant `yaml:"expect"`
	}
	showAgainStep struct {
		Line   Line
		SignIn string `yaml:"show_number_again,required"`
	}
	expectStep struct {
		Line Line
		That expect `yaml:"expect,required"`
	}
)

// What is expected. A nil or empty member expects nothing.
type (
	signInWant struct {
		Line       Line
		Experience experience `yaml:"experience"`
		State      []state    `yaml:"state"`
		Reason     reason     `yaml:"reason"`
		Number     shown      `yaml:"number"`
		Digits     *int       `yaml:"digits"`
		Event      event      `yaml:"event"`
		Refused    refusal    `yaml:"refused"`
		RetryAfter *Duration  `yaml:"retry_after"`
		Device     string     `yaml:"device"`
	}
	answerWant struct {
		Line   Line
		State  state  `yaml:"state"`
		Reason reason `yaml:"reason"`
	}
	enrolWant struct {
		Line     Line
		Enrolled *bool      `yaml:"enrolled"`
		Refused  turnedAway `yaml:"refused"`
		TOTP     *bool      `yaml:"totp"`
	}
	policyWant struct {
		Line    Line
		Status  *int   `yaml:"status"`
		Message string `yaml:"message"`
	}
	evaluateWant struct {
		Line       Line
		Experience experience `yaml:"experience"`
		Reason     reason     `yaml:"reason"`
		Event      event      `yaml:"event"`
	}
	// signInExpect is a signInWant of a named sign-in.
	signInExpect struct {
		Line   Line
		SignIn string `yaml:"sign_in,required"`
		signInWant
	}
	deviceExpect struct {
		Line            Line
		Device          string     `yaml:"device,required"`
		For             string     `yaml:"for"`
		Prompt          shown      `yaml:"prompt"`
		Mode            promptMode `yaml:"mode"`
		Digits          *int       `yaml:"digits"`
		App             *string    `yaml:"app"`
		Origin          *string    `yaml:"origin"`
		IP              *string    `yaml:"ip"`
		Location        *string    `yaml:"location"`
		Number          shown      `yaml:"number"`
		ShowNumberAgain shown      `yaml:"show_number_again"`
		Told            []state    `yaml:"told"`
		Reason          reason     `yaml:"reason"`
		Elsewhere       *bool      `yaml:"elsewhere"`
		Notice          notice     `yaml:"notice"`
		Refusals        []string   `yaml:"refusals"`
		Enrolled        *bool      `yaml:"enrolled"`
	}
	userExpect struct {
		Line       Line
		User       string `yaml:"user,required"`
		PushLocked *bool  `yaml:"push_locked"`
		TOTPLocked *bool  `yaml:"totp_locked"`
		Devices    *int   `yaml:"devices"`
		TOTP       *bool  `yaml:"totp"`
	}
	countExpect struct {
		Line    Line
		Count   int      `yaml:"count,required"`
		Of      []string `yaml:"of,required"`
		State   []state  `yaml:"state"`
		Refused refusal  `yaml:"refused"`
	}
)
