package policy

import (
	"slices"
	"strings"
)

// Member is a user with everything that the user belongs to, directly or
// through nested groups, as ids.
type Member struct {
	ID                  string
	Groups              []string
	Roles               []string
	AdministrativeUnits []string
}

// is tells whether the target stands for the member.
func (m Member) is(target Target) bool {
	if target.everyone() {
		return true
	}
	var ids []string
	switch target.Type {
	case TargetUser:
		ids = []string{m.ID}
	case TargetGroup:
		ids = m.Groups
	case TargetRole:
		ids = m.Roles
	case TargetAdministrativeUnit:
		ids = m.AdministrativeUnits
	}
	return slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, target.ID) })
}

// Resolution is what a policy means for one user.
type Resolution struct {
	State                       State
	Targeted                    bool
	AuthenticationMode          AuthenticationMode
	NumberMatchingRequiredState FeatureState
	NumberMatchingTargeted      bool
	// DisplayApp and DisplayLocation let the name of the app and the place of
	// the sign-in into the challenge.
	DisplayApp, DisplayLocation bool
	// SoftwareOATH lets the user use codes of the authenticator app.
	SoftwareOATH bool
	// RegistrationRequired asks the user to register the app.
	RegistrationRequired bool
}

// Resolve says what the document means for a user. A user in several targets
// may use what any of them allows; an exclusion goes before every inclusion.
func (d Document) Resolve(user Member) Resolution {
	r := Resolution{
		State:                       d.State,
		NumberMatchingRequiredState: d.Features.NumberMatching.State,
		NumberMatchingTargeted:      d.Features.NumberMatching.covers(user),
		DisplayApp:                  d.Features.DisplayApp.shows(user),
		DisplayLocation:             d.Features.DisplayLocation.shows(user),
		SoftwareOATH:                d.SoftwareOATH,
	}
	if slices.ContainsFunc(d.ExcludeTargets, user.is) {
		return r
	}
	for _, target := range d.IncludeTargets {
		if !user.is(target.Target) {
			continue
		}
		r.Targeted = true
		r.RegistrationRequired = r.RegistrationRequired || target.RegistrationRequired
		r.AuthenticationMode = union(r.AuthenticationMode, target.AuthenticationMode)
	}
	return r
}

// union is the mode that allows what either of two allows; an empty a allows
// nothing yet.
func union(a, b AuthenticationMode) AuthenticationMode {
	if a == "" || a == b {
		return b
	}
	return ModeAny
}

// covers tells whether a feature is for a user.
func (f Feature) covers(user Member) bool { return user.is(f.Include) && !user.is(f.Exclude) }

// shows tells whether a display feature lets its text through to a user: yes,
// unless it is disabled for the user, or the user is excluded from a feature
// that is not.
func (f Feature) shows(user Member) bool {
	if f.State == FeatureDisabled {
		return !f.covers(user)
	}
	return !user.is(f.Exclude)
}

// Fill puts the resolution into the policy part of an input. The settings of
// the organisation that are not part of the methods policy stay as they are.
func (r Resolution) Fill(in *Input) {
	in.Policy.State = r.State
	in.Policy.AuthenticationMode = r.AuthenticationMode
	in.Policy.NumberMatchingRequiredState = r.NumberMatchingRequiredState
	in.User.Targeted = r.Targeted
	in.User.NumberMatchingTargeted = r.NumberMatchingTargeted
}
