package policy

import (
	"slices"
	"strings"
)

// The legacy shape of the preview gives each include target a string per
// feature (numberMatchingRequiredState, displayAppInformationRequiredState)
// where the current shape has one setting with one target. This file maps one
// onto the other, so that what was patched in the one reads right in the other.

// targetState is one target's string for one feature.
type targetState struct {
	target Target
	state  FeatureState
}

// legacyState reads the string that the setting means for one of the policy's
// include targets.
func (f Feature) legacyState(target Target, all []IncludeTarget) FeatureState {
	switch {
	case f.Exclude.same(target) && f.State == FeatureDisabled:
		return FeatureDefault
	case f.Exclude.same(target):
		return FeatureDisabled
	case f.Include.same(target):
		return f.State
	case f.Include.everyone() && !slices.ContainsFunc(all, func(t IncludeTarget) bool { return t.everyone() }):
		return f.State // for all users, and so for the users of each target
	}
	return FeatureDefault
}

// reads tells whether the setting reads as exactly these strings.
func (f Feature) reads(states []targetState, all []IncludeTarget) bool {
	return !slices.ContainsFunc(states, func(s targetState) bool {
		return f.legacyState(s.target, all) != s.state
	})
}

// featureFromLegacy makes one setting of the strings of all targets. The
// feature's name is the one that the portal shows, and part of the error text
// that clients know (with its misspelling).
func featureFromLegacy(name string, states []targetState) (Feature, error) {
	enabled, disabled := withState(states, FeatureEnabled), withState(states, FeatureDisabled)
	feature := defaultFeature()
	switch {
	case len(enabled) > 1:
		ids := make([]string, len(enabled))
		for i, target := range enabled {
			ids[i] = target.ID
		}
		return Feature{}, refused("refused.two_targets", "feature", name, "ids", strings.Join(ids, ","))
	case len(enabled) == 1 && len(disabled) <= 1:
		feature.State, feature.Include = FeatureEnabled, enabled[0]
		if len(disabled) == 1 {
			feature.Exclude = disabled[0]
		}
	case len(enabled) == 0 && len(disabled) == 1:
		feature.State, feature.Include = FeatureDisabled, disabled[0]
	case len(enabled) == 0 && len(disabled) == len(states):
		feature.State = FeatureDisabled
	case len(disabled) > 0:
		// One setting has one target: storing this would lose part of it.
		return Feature{}, refused("refused.feature_some", "feature", name)
	}
	return feature, nil
}

func withState(states []targetState, state FeatureState) []Target {
	var targets []Target
	for _, s := range states {
		if s.state == state {
			targets = append(targets, s.target)
		}
	}
	return targets
}

// mergeFeature settles what one feature becomes when a request gives the
// current shape, the legacy one, both or neither. A client that patches back
// what it read sends both, and has changed at most one of them: the changed one
// counts.
func mergeFeature(name string, stored Feature, current *Feature, legacy []targetState, all []IncludeTarget) (Feature, error) {
	switch {
	case legacy == nil && current == nil:
		return stored, nil
	case legacy == nil:
		return *current, nil
	case current == nil:
		return featureFromLegacy(name, legacy)
	case current.reads(legacy, all):
		return *current, nil
	case *current == stored:
		return featureFromLegacy(name, legacy)
	case stored.reads(legacy, all):
		return *current, nil
	}
	return Feature{}, refused("refused.feature_both", "feature", name)
}
