package portal

import (
	"strings"
	"testing"
)

func TestARouteWithoutAPermissionDoesNotStart(t *testing.T) {
	for _, needs := range []Permission{"", "everything"} {
		err := checkRoutes([]route{{"GET /admin", ReadLog, nil}, {"GET /admin/secret", needs, nil}})
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
		if changes := strings.HasPrefix(r.pattern, "POST "); changes == reading {
			t.Errorf("%s needs %s", r.pattern, r.needs)
		}
	}
}
