package policy

import (
	"slices"
	"strconv"
	"strings"
)

// adfsUpdate is the first build of one Windows Server whose AD FS adapter can
// show a number.
type adfsUpdate struct {
	server  string
	build   uint64
	enabled map[Rollout]revision
}

type revision struct {
	number uint64
	kb     string
}

// adfsUpdates is rule 8. The newest server stands first.
func adfsUpdates() []adfsUpdate {
	return []adfsUpdate{
		{"Windows Server 2022", 20348, map[Rollout]revision{Enforced: {350, "KB5007205"}, Preview: {320, "KB5006745"}}},
		{"Windows Server 2019", 17763, map[Rollout]revision{Enforced: {2300, "KB5007206"}, Preview: {2268, "KB5006744"}}},
		{"Windows Server 2016", 14393, map[Rollout]revision{Enforced: {4704, "KB5006669"}, Preview: {4704, "KB5006669"}}},
	}
}

// adfsShowsNumber tells whether an AD FS adapter on a build can show a number
// (rule 8). Builds after the newest server of the table can; earlier ones,
// those between two servers of the table, and malformed ones cannot.
func adfsShowsNumber(rollout Rollout, osBuild string) bool {
	parts, ok := parseVersion(osBuild, 2)
	if !ok {
		return false
	}
	updates := adfsUpdates()
	if parts[0] > updates[0].build {
		return true
	}
	for _, update := range updates {
		if update.build == parts[0] {
			return parts[1] >= update.enabled[rollout].number
		}
	}
	return false
}

// npsBehaviour says when an NPS extension asks for TOTP in place of
// Approve/Deny.
type npsBehaviour int

const (
	npsNever       npsBehaviour = iota // whatever the registry says
	npsByRegistry                      // only where the override is TRUE
	npsUnlessFalse                     // unless the override is FALSE
)

// npsVersion is the first version with a behaviour.
type npsVersion struct {
	from      []uint64
	behaviour npsBehaviour
}

// npsVersions is rule 9, and rule 12 for the preview, oldest first. The
// versions that the rule lists by name (1.0.1.40, 1.0.1.41, 1.0.1850.1,
// 1.1.1892.2, 1.2.1916.2, 1.2.1959.1, 1.2.2131.2) and those between them are
// one row. In the preview no version asked for TOTP by itself.
func npsVersions(rollout Rollout) []npsVersion {
	byRegistry := npsVersion{[]uint64{1, 0, 1, 40}, npsByRegistry}
	if rollout == Preview {
		return []npsVersion{byRegistry}
	}
	return []npsVersion{byRegistry, {[]uint64{1, 2, 2216, 1}, npsUnlessFalse}}
}

// npsAsksForTOTP tells whether an NPS extension of a version asks for TOTP
// where a push is due, given the registry's override (rule 9). An unknown or
// malformed version is treated as older than all: as unknown builds of AD FS
// are, it is not trusted with what it may not do.
func npsAsksForTOTP(rollout Rollout, version string, override Override) bool {
	behaviour := npsNever
	if parts, ok := parseVersion(version, 4); ok {
		for _, row := range npsVersions(rollout) {
			if slices.Compare(parts, row.from) >= 0 {
				behaviour = row.behaviour
			}
		}
	}
	switch behaviour {
	case npsByRegistry:
		return override == OverrideTrue
	case npsUnlessFalse:
		return override != OverrideFalse
	case npsNever:
	}
	return false
}

// parseVersion reads a version of exactly n decimal numbers with dots between,
// as Windows writes them: no sign, space or leading zero.
func parseVersion(text string, n int) ([]uint64, bool) {
	fields := strings.Split(text, ".")
	if len(fields) != n {
		return nil, false
	}
	parts := make([]uint64, n)
	for i, field := range fields {
		part, err := strconv.ParseUint(field, 10, 32)
		if err != nil || strconv.FormatUint(part, 10) != field {
			return nil, false
		}
		parts[i] = part
	}
	return parts, true
}
