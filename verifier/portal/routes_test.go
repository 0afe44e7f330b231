package portal

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestARouteWithoutAPermissionDoesNotStart(t *testing.T) {
	for _, needs := range []Permission{"", "everything"} {
		err := checkRoutes([]route{{http.MethodGet, "/admin", ReadLog, nil}, {http.MethodGet, "/admin/secret", needs, nil}})
		if err == nil || !strings.Contains(err.Error(), "/admin/secret") {
			t.Errorf("%q: %v", needs, err)
		}
	}
}

func TestWhatChangesSomethingNeedsMoreThanReading(t *testing.T) {
	for _, r := range (&Portal{}).all() {
		// The what-if tool takes its question by POST, and stores nothing.
		if r.needs == HoldLink || r.method == http.MethodGet || r.path == "/admin/what-if" {
			continue
		}
		if slices.Contains(readPermissions(), r.needs) {
			t.Errorf("%s %s needs only %s", r.method, r.path, r.needs)
		}
	}
}
