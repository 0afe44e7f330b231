package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Version is a version of the policy API.
type Version string

// The versions. V1 knows neither the strings of the legacy shape nor the
// settings for number matching and companion apps.
const (
	V1   Version = "v1.0"
	Beta Version = "beta"
)

// Names of the features as the portal and the API's errors show them.
const (
	featureNumberMatching = "Require Number Matching"
	featureDisplayApp     = "Require Display App Information"
)

// documentPatch is the body of a PATCH: what is nil was omitted.
type documentPatch struct {
	ID             *string               `json:"id"`
	State          *State                `json:"state"`
	SoftwareOATH   *bool                 `json:"isSoftwareOathEnabled"`
	ExcludeTargets *[]Target             `json:"excludeTargets"`
	Features       *featuresPatch        `json:"featureSettings"`
	IncludeTargets *[]includeTargetPatch `json:"includeTargets"`
}

type featuresPatch struct {
	DisplayApp      *featurePatch `json:"displayAppInformationRequiredState"`
	DisplayLocation *featurePatch `json:"displayLocationInformationRequiredState"`
	CompanionApp    *featurePatch `json:"companionAppAllowedState"`
	NumberMatching  *featurePatch `json:"numberMatchingRequiredState"`
}

type featurePatch struct {
	State   *FeatureState `json:"state"`
	Include *Target       `json:"includeTarget"`
	Exclude *Target       `json:"excludeTarget"`
}

// includeTargetPatch holds an include target of either shape.
type includeTargetPatch struct {
	Target
	RegistrationRequired bool                `json:"isRegistrationRequired"`
	AuthenticationMode   *AuthenticationMode `json:"authenticationMode"`
	DisplayApp           *FeatureState       `json:"displayAppInformationRequiredState"`
	NumberMatching       *FeatureState       `json:"numberMatchingRequiredState"`
}

// Patch returns the document with the changes of a PATCH body in either shape,
// or an ErrDocument that names what is wrong. Properties that are omitted
// keep their values; lists and nested objects are replaced whole. The body must
// state its @odata.type; other OData annotations are passed over.
func (d Document) Patch(version Version, body []byte) (Document, error) {
	patch, err := parsePatch(version, body)
	if err != nil {
		return Document{}, err
	}
	if patch.State != nil {
		d.State = *patch.State
	}
	if patch.SoftwareOATH != nil {
		d.SoftwareOATH = *patch.SoftwareOATH
	}
	if patch.ExcludeTargets != nil {
		d.ExcludeTargets = *patch.ExcludeTargets
	}
	if patch.IncludeTargets != nil {
		d.IncludeTargets = includeTargets(*patch.IncludeTargets)
	}
	if err := d.validate(); err != nil {
		return Document{}, err
	}
	d.Features, err = d.mergeFeatures(version, patch)
	if err != nil {
		return Document{}, err
	}
	return d, nil
}

func parsePatch(version Version, body []byte) (documentPatch, error) {
	if len(body) > MaxDocumentBytes {
		return documentPatch{}, refused("refused.body_long", "most", MaxDocumentBytes)
	}
	plain, odataType, err := stripAnnotations(body)
	if err != nil {
		return documentPatch{}, refused("refused.body_json", "problem", describe(err).Text)
	}
	var patch documentPatch
	if err := unmarshalStrict(plain, &patch, featureTargetNull); err != nil {
		return documentPatch{}, refused("refused.body_policy", "problem", err.Text)
	}
	if strings.TrimPrefix(odataType, "#") != strings.TrimPrefix(DocumentType, "#") {
		return documentPatch{}, refused("refused.property_must", "property", "@odata.type", "value", DocumentType)
	}
	if patch.ID != nil && !strings.EqualFold(*patch.ID, DocumentID) {
		return documentPatch{}, refused("refused.property_value_must", "property", "id", "value", DocumentID)
	}
	if version == V1 {
		if member := patch.betaOnly(); member != "" {
			return documentPatch{}, refused("refused.property_version", "property", member, "version", V1, "other", Beta)
		}
	}
	return patch, nil
}

// featureTargetNull lets a feature's target be null, for none.
func featureTargetNull(v any) bool {
	_, ok := v.(**Target)
	return ok
}

// betaOnly names the first property that V1 does not know, if there is one.
func (p documentPatch) betaOnly() string {
	if p.Features != nil {
		switch {
		case p.Features.NumberMatching != nil:
			return "featureSettings.numberMatchingRequiredState"
		case p.Features.CompanionApp != nil:
			return "featureSettings.companionAppAllowedState"
		}
	}
	if p.IncludeTargets == nil {
		return ""
	}
	for i, target := range *p.IncludeTargets {
		switch {
		case target.NumberMatching != nil:
			return fmt.Sprintf("includeTargets[%d].numberMatchingRequiredState", i)
		case target.DisplayApp != nil:
			return fmt.Sprintf("includeTargets[%d].displayAppInformationRequiredState", i)
		}
	}
	return ""
}

func includeTargets(patches []includeTargetPatch) []IncludeTarget {
	targets := make([]IncludeTarget, len(patches))
	for i, patch := range patches {
		targets[i] = IncludeTarget{
			Target: patch.Target, RegistrationRequired: patch.RegistrationRequired, AuthenticationMode: ModeAny,
		}
		if patch.AuthenticationMode != nil {
			targets[i].AuthenticationMode = *patch.AuthenticationMode
		}
	}
	return targets
}

// mergeFeatures settles the four features. d has its new targets already.
func (d Document) mergeFeatures(version Version, patch documentPatch) (Features, error) {
	given := patch.Features
	if given == nil {
		given = &featuresPatch{}
	}
	legacyNumber := patch.legacyStates(func(t includeTargetPatch) *FeatureState { return t.NumberMatching })
	legacyApp := patch.legacyStates(func(t includeTargetPatch) *FeatureState { return t.DisplayApp })
	features := d.Features
	for _, f := range []struct {
		property, name string
		feature        *Feature
		given          *featurePatch
		legacy         []targetState
		beta           bool // V1 cannot see it, so its whole object replaces it not
	}{
		{"numberMatchingRequiredState", featureNumberMatching, &features.NumberMatching, given.NumberMatching, legacyNumber, true},
		{"displayAppInformationRequiredState", featureDisplayApp, &features.DisplayApp, given.DisplayApp, legacyApp, false},
		{"displayLocationInformationRequiredState", "", &features.DisplayLocation, given.DisplayLocation, nil, false},
		{"companionAppAllowedState", "", &features.CompanionApp, given.CompanionApp, nil, true},
	} {
		current, err := f.given.feature("featureSettings."+f.property, *f.feature)
		if err != nil {
			return Features{}, err
		}
		if current == nil && patch.Features != nil && f.legacy == nil && (version == Beta || !f.beta) {
			whole := defaultFeature()
			current = &whole
		}
		if *f.feature, err = mergeFeature(f.name, *f.feature, current, f.legacy, d.IncludeTargets); err != nil {
			return Features{}, err
		}
	}
	return features, nil
}

// feature checks a setting as it was given, and fills what it leaves out. A
// target of type user comes from the legacy shape only: it may be sent back
// unchanged, and not be set here.
func (p *featurePatch) feature(member string, stored Feature) (*Feature, error) {
	if p == nil {
		return nil, nil
	}
	feature := defaultFeature()
	if p.State != nil {
		feature.State = *p.State
	}
	for _, target := range []struct {
		member        string
		given         *Target
		value, stored *Target
	}{
		{"includeTarget", p.Include, &feature.Include, &stored.Include},
		{"excludeTarget", p.Exclude, &feature.Exclude, &stored.Exclude},
	} {
		if target.given == nil {
			continue
		}
		*target.value = *target.given
		if target.given.same(*target.stored) {
			continue
		}
		err := target.given.validate(member+"."+target.member, TargetGroup, TargetAdministrativeUnit, TargetRole)
		if err != nil {
			return nil, err
		}
	}
	return &feature, nil
}

// legacyStates collects one feature's strings, nil if no target has one. Where
// some have, the others are left to the service.
func (p documentPatch) legacyStates(of func(includeTargetPatch) *FeatureState) []targetState {
	if p.IncludeTargets == nil {
		return nil
	}
	var found bool
	states := make([]targetState, len(*p.IncludeTargets))
	for i, target := range *p.IncludeTargets {
		states[i] = targetState{target.Target, FeatureDefault}
		if state := of(target); state != nil {
			states[i].state, found = *state, true
		}
	}
	if !found {
		return nil
	}
	return states
}

// stripAnnotations copies a JSON text without its OData annotations (OData JSON
// Format 4.01, section 4.6) and returns the @odata.type of the outer object.
func stripAnnotations(body []byte) (plain []byte, odataType string, err error) {
	var out bytes.Buffer
	enc, dec := jsontext.NewEncoder(&out), jsontext.NewDecoder(bytes.NewReader(body))
	for {
		container, n := dec.StackIndex(dec.StackDepth())
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return out.Bytes(), odataType, nil
		}
		if err != nil {
			return nil, "", err
		}
		isName := container == jsontext.KindBeginObject && n%2 == 0 && token.Kind() == jsontext.KindString
		if !isName || !strings.Contains(token.String(), "@odata.") {
			if err := enc.WriteToken(token); err != nil {
				return nil, "", err
			}
			continue
		}
		outerType := dec.StackDepth() == 1 && token.String() == "@odata.type"
		value, err := dec.ReadValue()
		if err != nil {
			return nil, "", err
		}
		if outerType {
			// What is no string is refused later, as any wrong type is.
			odataType = string(value)
			_ = json.Unmarshal(value, &odataType)
		}
	}
}
