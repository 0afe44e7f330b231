package policy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// member is one property of a document as the API shows it.
type member struct {
	name  string
	value any
}

// legacyTarget is an include target with the strings of the legacy shape.
type legacyTarget struct {
	IncludeTarget
	DisplayApp     FeatureState `json:"displayAppInformationRequiredState"`
	NumberMatching FeatureState `json:"numberMatchingRequiredState"`
}

// featuresV1 are the features that V1 knows.
type featuresV1 struct {
	DisplayApp      Feature `json:"displayAppInformationRequiredState"`
	DisplayLocation Feature `json:"displayLocationInformationRequiredState"`
}

// JSON shows the document as a version of the API does: Beta in both shapes at
// once, V1 in its part of the current one. baseURL is the API's own address,
// without a slash at its end. If selected is not empty it names the properties
// to show; an unknown one is an ErrDocument.
func (d Document) JSON(version Version, baseURL string, selected ...string) ([]byte, error) {
	metadata := baseURL + "/" + string(version) + "/$metadata#"
	properties := d.properties(version)
	for _, name := range selected {
		if !slices.ContainsFunc(properties, func(m member) bool { return m.name == name }) {
			return nil, refused("refused.property_unknown", "property", name, "type", strings.TrimPrefix(DocumentType, "#"))
		}
	}
	members := []member{
		{"@odata.context", metadata + "authenticationMethodConfigurations/$entity"},
		{"@odata.type", DocumentType},
	}
	for _, property := range properties {
		if len(selected) > 0 && !slices.Contains(selected, property.name) {
			continue
		}
		if property.name == "includeTargets" {
			members = append(members, member{
				"includeTargets@odata.context",
				metadata + "authenticationMethodsPolicy/authenticationMethodConfigurations('" + DocumentID + "')/" +
					strings.TrimPrefix(DocumentType, "#") + "/includeTargets",
			})
		}
		members = append(members, property)
	}
	return marshalMembers(members)
}

func (d Document) properties(version Version) []member {
	var features, targets any = d.Features, d.legacyTargets()
	if version == V1 {
		features = featuresV1{DisplayApp: d.Features.DisplayApp, DisplayLocation: d.Features.DisplayLocation}
		targets = d.IncludeTargets
	}
	return []member{
		{"id", DocumentID},
		{"state", d.State},
		{"isSoftwareOathEnabled", d.SoftwareOATH},
		{"excludeTargets", d.ExcludeTargets},
		{"featureSettings", features},
		{"includeTargets", targets},
	}
}

func (d Document) legacyTargets() []legacyTarget {
	targets := make([]legacyTarget, len(d.IncludeTargets))
	for i, target := range d.IncludeTargets {
		targets[i] = legacyTarget{
			IncludeTarget:  target,
			DisplayApp:     d.Features.DisplayApp.legacyState(target.Target, d.IncludeTargets),
			NumberMatching: d.Features.NumberMatching.legacyState(target.Target, d.IncludeTargets),
		}
	}
	return targets
}

// marshalMembers writes an object with its members in order.
func marshalMembers(members []member) ([]byte, error) {
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out)
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	for _, m := range members {
		if err := enc.WriteToken(jsontext.String(m.name)); err != nil {
			return nil, fmt.Errorf("writing property %s: %w", m.name, err)
		}
		if err := json.MarshalEncode(enc, m.value); err != nil {
			return nil, fmt.Errorf("writing property %s: %w", m.name, err)
		}
	}
	if err := enc.WriteToken(jsontext.EndObject); err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil // the encoder ends each value with a line
}
