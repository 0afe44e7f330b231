package portal

import (
	"net/http"
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
		reading := false
		for _, p := range readPermissions() {
			reading = reading || r.needs == p
		}
		if r.needs == HoldLink {
			continue
		}
		if changes := r.method == http.MethodPost; changes == reading {
			t.Errorf("%s %s needs %s", r.method, r.path, r.needs)
		}
	}
}
