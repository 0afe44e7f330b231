package tenant

// Fixed names the settings that the configuration file fixes, as Settings'
// JSON names them: an administrator is shown what cannot be changed here.
func (t *Tenant) Fixed() []string {
	o := t.overrides
	var names []string
	for _, setting := range []struct {
		name  string
		fixed bool
	}{
		{"name", o.Name != nil},
		{"domain", o.Domain != nil},
		{"rollout", o.Rollout != nil},
		{"allow_approve_deny", o.AllowApproveDeny != nil},
		{"number_digits", o.NumberDigits != nil},
		{"legacy_mobile_app_notification", o.LegacyMobileAppNotification != nil},
		{"password_enrolment", o.PasswordEnrolment != nil},
	} {
		if setting.fixed {
			names = append(names, setting.name)
		}
	}
	return names
}
