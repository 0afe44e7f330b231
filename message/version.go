package message

import (
	"slices"
	"strconv"
	"strings"
)

// MinAppVersion is the first version of the app that can match numbers.
const MinAppVersion = "0.1.0"

// ValidVersion reports whether s is an app version: one to four decimal numbers
// of at most six digits with dots between them.
func ValidVersion(s string) bool {
	_, ok := parseVersion(s)
	return ok
}

// VersionBefore reports whether version a comes before b. A version that is
// none comes before everything: doubt denies.
func VersionBefore(a, b string) bool {
	va, ok := parseVersion(a)
	if !ok {
		return true
	}
	vb, _ := parseVersion(b)
	return slices.Compare(va, vb) < 0
}

func parseVersion(s string) ([]int, bool) {
	if len(s) > maxVersion {
		return nil, false
	}
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return nil, false
	}
	version := make([]int, 4)
	for i, part := range parts {
		if part == "" || len(part) > 6 || strings.Trim(part, "0123456789") != "" {
			return nil, false
		}
		version[i], _ = strconv.Atoi(part)
	}
	return version, true
}
