package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign/verifier/words"
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

// ErrDocument is the kind of the *words.Error by which a policy, or a request
// about one, is refused. In English its words are the policy API's.
var ErrDocument = errors.New("policy: refused")

func refused(key string, args ...any) error { return words.Refuse(ErrDocument, key, args...) }

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
		return refused("refused.property_missing", "property", member+".targetType")
	case !slices.Contains(allowed, t.Type):
		return refused("refused.property_value", "property", member+".targetType", "problem", notOneOf(string(t.Type), allowed))
	case t.ID == "":
		return refused("refused.property_missing", "property", member+".id")
	case !validID(t.ID):
		return refused("refused.property_id", "property", member+".id", "all", AllUsers)
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
		return refused("refused.targets", "most", MaxTargets)
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
			return refused("refused.target_twice", "property", name, "id", target.ID)
		}
	}
	return nil
}
