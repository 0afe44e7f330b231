// Package rules puts together what policy.Decide needs to know of a user: the
// directory's facts and the organisation's settings with the methods policy. It
// decides nothing itself.
package rules

import (
	"cmp"
	"context"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// Rules read the facts of one transaction.
type Rules struct {
	Store     store.Store
	Directory *directory.Directory
	Tenant    *tenant.Tenant
}

// Facts are what holds for one user at one moment.
type Facts struct {
	Settings   tenant.Settings
	Resolution policy.Resolution
	Devices    []directory.Device
	Input      policy.Input // all but scenario, method and client
}

// nobody is looked up in the place of a user who does not exist.
const nobody = "-"

// Of gives the facts of a user; of the zero User, those of somebody without any
// method, after the same reads.
func (r *Rules) Of(tx store.Tx, user directory.User) (Facts, error) {
	var f Facts
	var err error
	user.ID = cmp.Or(user.ID, nobody)
	if f.Settings, err = r.Tenant.Load(tx); err != nil {
		return f, err
	}
	if f.Devices, err = r.Directory.Devices(tx, user.ID); err != nil {
		return f, err
	}
	for _, device := range f.Devices {
		f.Input.Devices = append(f.Input.Devices, device.Policy())
	}
	if f.Input.User, err = r.Directory.PolicyUser(tx, user, f.Devices); err != nil {
		return f, err
	}
	member, err := r.Directory.MemberOf(tx, user)
	if err != nil {
		return f, err
	}
	f.Resolution = f.Settings.Policy.Resolve(policy.Member{
		ID: user.ID, Groups: member.Groups, Roles: member.Roles, AdministrativeUnits: member.AdministrativeUnits,
	})
	f.Resolution.Fill(&f.Input)
	f.Input.Rollout = f.Settings.Rollout
	f.Input.Policy.AllowApproveDeny = f.Settings.AllowApproveDeny
	f.Input.User.LegacyMobileAppNotification = f.Settings.LegacyMobileAppNotification
	if user.Disabled {
		f.Devices, f.Input.Devices, f.Input.User.Push, f.Input.User.TOTP = nil, nil, false, false
	}
	return f, nil
}

// Load reads the stored policy.
func (r *Rules) Load(ctx context.Context) (policy.Document, error) {
	var settings tenant.Settings
	err := r.Store.View(ctx, func(tx store.Tx) (err error) {
		settings, err = r.Tenant.Load(tx)
		return err
	})
	return settings.Policy, err
}

// Update changes the stored policy in the actor's name.
func (r *Rules) Update(ctx context.Context, actor string, f func(policy.Document) (policy.Document, error)) error {
	return r.Store.Update(ctx, func(tx store.Tx) error {
		return r.Tenant.Update(tx, actor, func(s *tenant.Settings) (err error) {
			s.Policy, err = f(s.Policy)
			return err
		})
	})
}
