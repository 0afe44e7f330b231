// Package rules puts together what policy.Decide needs to know of a user: the
// directory's facts, the organisation's settings and the policy document. It
// decides nothing itself. It owns the stored document.
package rules

import (
	"context"
	"errors"

	"countersign/verifier/audit"
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
	Audit     *audit.Log
}

// Facts are what holds for one user at one moment.
type Facts struct {
	Settings   tenant.Settings
	Resolution policy.Resolution
	Devices    []directory.Device
	Input      policy.Input // all but scenario, method and client
}

var documents = store.NewBucket[policy.Document]("policy_document")

// Of gives the facts of a user; of the zero User, those of somebody without any
// method, after the same reads.
func (r *Rules) Of(tx store.Tx, user directory.User) (Facts, error) {
	var f Facts
	var err error
	if f.Settings, err = r.Tenant.Load(tx); err != nil {
		return f, err
	}
	document, err := r.Document(tx)
	if err != nil {
		return f, err
	}
	if f.Devices, err = r.Directory.Devices(tx, user.ID); err != nil {
		return f, err
	}
	if f.Input.User, f.Input.Devices, err = r.Directory.PolicyUser(tx, user); err != nil {
		return f, err
	}
	member, err := r.Directory.MemberOf(tx, user)
	if err != nil {
		return f, err
	}
	f.Resolution = document.Resolve(policy.Member{
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

const documentKey = "current"

// Document is the stored policy, or the default one.
func (r *Rules) Document(tx store.Tx) (policy.Document, error) {
	d, err := documents.Get(tx, documentKey)
	if errors.Is(err, store.ErrNotFound) {
		return policy.Default(), nil
	}
	return d, err
}

// Load reads the stored policy in a transaction of its own.
func (r *Rules) Load(ctx context.Context) (policy.Document, error) {
	var d policy.Document
	err := r.Store.View(ctx, func(tx store.Tx) (err error) {
		d, err = r.Document(tx)
		return err
	})
	return d, err
}

// Update changes the stored policy and records who did.
func (r *Rules) Update(ctx context.Context, actor string, f func(policy.Document) (policy.Document, error)) error {
	return r.Store.Update(ctx, func(tx store.Tx) error {
		d, err := r.Document(tx)
		if err != nil {
			return err
		}
		if d, err = f(d); err != nil {
			return err
		}
		if err := documents.Put(tx, documentKey, d); err != nil {
			return err
		}
		return r.Audit.Append(tx, audit.Event{Kind: audit.KindPolicyChanged, Actor: actor})
	})
}
