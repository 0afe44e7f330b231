package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Document is the organisation's policy for the Microsoft Authenticator method,
// as the policy API patches and shows it. There is one stored form, that of the
// current shape (featureSettings); the legacy shape of the preview (strings in
// includeTargets) is read into it and written from it, see legacy.go. Its JSON
// is the stored form. A Document is a value: Patch returns a new one.
type Document struct {
	State State `json:"state"`
	// SoftwareOATH: the codes of the authenticator app may be used.
	SoftwareOATH   bool            `json:"isSoftwareOathEnabled"`
	ExcludeTargets []Target        `json:"excludeTargets"`
	Features       Features        `json:"featureSettings"`
	IncludeTargets []IncludeTarget `json:"includeTargets"`
}

// Target is somebody that a policy is for.
type Target struct {
	Type TargetType `json:"targetType"`
	ID   string     `json:"id"` // AllUsers, or an object's id
}

// IncludeTarget is a target with the pushes that it may use.
type IncludeTarget struct {
	Target
	RegistrationRequired bool               `json:"isRegistrationRequired"`
	AuthenticationMode   AuthenticationMode `json:"authenticationMode"`
}

// Features are the settings that can be given to one target each.
type Features struct {
	DisplayApp      Feature `json:"displayAppInformationRequiredState"`
	DisplayLocation Feature `json:"displayLocationInformationRequiredState"`
	CompanionApp    Feature `json:"companionAppAllowedState"`
	NumberMatching  Feature `json:"numberMatchingRequiredState"`
}

// Feature is the state of one feature, whom it is for, and whom not.
type Feature struct {
	State   FeatureState `json:"state"`
	Include Target       `json:"includeTarget"`
	Exclude Target       `json:"excludeTarget"`
}

// Identity and limits of the policy.
const (
	DocumentID       = "MicrosoftAuthenticator"
	DocumentType     = "#microsoft.graph.microsoftAuthenticatorAuthenticationMethodConfiguration"
	AllUsers         = "all_users"
	MaxDocumentBytes = 64 << 10 // of JSON, after inflation
	MaxTargets       = 100      // in each of the two lists
)

// nobody is the id that Graph shows where a feature excludes no one.
const nobody = "00000000-0000-0000-0000-000000000000"

func everyone() Target { return Target{Type: TargetGroup, ID: AllUsers} }

func noOne() Target { return Target{Type: TargetGroup, ID: nobody} }

func defaultFeature() Feature {
	return Feature{State: FeatureDefault, Include: everyone(), Exclude: noOne()}
}

// Default is the policy of an organisation that has changed nothing: on for all
// users, every feature left to the service.
func Default() Document {
	return Document{
		State: Enabled, SoftwareOATH: true,
		IncludeTargets: []IncludeTarget{{Target: everyone(), AuthenticationMode: ModeAny}},
		ExcludeTargets: []Target{},
		Features: Features{
			DisplayApp: defaultFeature(), DisplayLocation: defaultFeature(),
			CompanionApp: defaultFeature(), NumberMatching: defaultFeature(),
		},
	}
}

// DocumentError is a policy, or a request about one, that is refused. Its
// message is meant for the caller.
type DocumentError struct{ Message string }

func (e *DocumentError) Error() string { return e.Message }

func refused(format string, args ...any) error {
	return &DocumentError{Message: fmt.Sprintf(format, args...)}
}

// same compares targets as Graph does: ids are GUIDs, without case.
func (t Target) same(other Target) bool {
	return t.Type == other.Type && strings.EqualFold(t.ID, other.ID)
}

func (t Target) everyone() bool { return t.ID == AllUsers }

// validate holds a target to the types that its place allows. Ids are opaque:
// that a group was deleted later must not make a policy invalid.
func (t Target) validate(member string, allowed ...TargetType) error {
	switch {
	case t.Type == "":
		return refused("Property '%s.targetType' is required.", member)
	case !slices.Contains(allowed, t.Type):
		return refused("Property '%s.targetType': %q is not one of %s.", member, string(t.Type), listOf(allowed))
	case t.ID == "":
		return refused("Property '%s.id' is required.", member)
	case !validID(t.ID):
		return refused("Property '%s.id': not an object's id, nor 'all_users'.", member)
	}
	return nil
}

// validID keeps ids short and free of what could break a log line or a page.
func validID(id string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return len(id) <= 64 && strings.Trim(id, letters) == ""
}

// validate checks the lists of a document; Patch has checked the rest.
func (d Document) validate() error {
	if len(d.IncludeTargets) > MaxTargets || len(d.ExcludeTargets) > MaxTargets {
		return refused("A policy takes at most %d targets in 'includeTargets' and in 'excludeTargets'.", MaxTargets)
	}
	includes := make([]Target, len(d.IncludeTargets))
	for i, target := range d.IncludeTargets {
		includes[i] = target.Target
	}
	if err := validateList("includeTargets", includes); err != nil {
		return err
	}
	return validateList("excludeTargets", d.ExcludeTargets)
}

func validateList(name string, targets []Target) error {
	for i, target := range targets {
		if err := target.validate(fmt.Sprintf("%s[%d]", name, i), TargetUser, TargetGroup); err != nil {
			return err
		}
		if slices.ContainsFunc(targets[:i], target.same) {
			return refused("Property '%s': target '%s' is given twice.", name, target.ID)
		}
	}
	return nil
}
