package main

import (
	"strconv"

	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

type settingsShowCmd struct {
	dataFlag
	JSON bool `help:"Print JSON."`
}

// Run prints the organisation's settings as they are stored. A server's
// configuration file may stand above them.
func (c settingsShowCmd) Run(e *env) error {
	var s tenant.Settings
	err := e.view(c.Data, func(d *data, tx store.Tx) (err error) {
		s, err = d.tenant.Load(tx)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return e.print(true, s, "")
	}
	return e.table("SETTING\tVALUE", func(line func(...any)) {
		line("name", s.Name)
		line("domain", s.Domain)
		line("rollout", s.Rollout)
		line("allow-approve-deny", s.AllowApproveDeny)
		line("number-digits", s.NumberDigits)
		line("legacy-mobile-app-notification", s.LegacyMobileAppNotification)
		line("password-enrolment", s.PasswordEnrolment)
	})
}

type settingsSetCmd struct {
	dataFlag
	Name                        *string `help:"The organisation's name." placeholder:"TEXT"`
	Domain                      *string `help:"The domain in which bare names and UPNs are one, such as contoso.example." placeholder:"DOMAIN"`
	Rollout                     *string `help:"Number matching: enforced, or preview (2021, for testing)." enum:"enforced,preview" placeholder:"STATE"`
	AllowApproveDeny            *bool   `negatable:"" help:"Clients that cannot show a number may ask for Approve/Deny."`
	NumberDigits                *string `help:"Length of the number: 2, or 6 as in NIST SP 800-63B-4." enum:"2,6" placeholder:"N"`
	LegacyMobileAppNotification *bool   `negatable:"" help:"The legacy tenant-wide setting that gives push to users outside the methods policy."`
	PasswordEnrolment           *bool   `negatable:"" help:"A user without any method may add the first by the password alone."`
}

// Run changes what was named, and leaves the rest. A server that runs follows
// from its next sign-in on.
func (c settingsSetCmd) Run(e *env) error {
	return e.updateNew(c.Data, func(d *data, tx store.Tx) error {
		return d.tenant.Update(tx, actorCLI, func(s *tenant.Settings) (err error) {
			set(&s.Name, c.Name)
			set(&s.Domain, c.Domain)
			set(&s.AllowApproveDeny, c.AllowApproveDeny)
			set(&s.LegacyMobileAppNotification, c.LegacyMobileAppNotification)
			set(&s.PasswordEnrolment, c.PasswordEnrolment)
			if c.Rollout != nil {
				s.Rollout = policy.Rollout(*c.Rollout)
			}
			if c.NumberDigits != nil {
				s.NumberDigits, err = strconv.Atoi(*c.NumberDigits)
			}
			return err
		})
	})
}
