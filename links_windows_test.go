package main

import (
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestOpenLinks registers the links of the user who runs the tests, and leaves
// nothing behind.
func TestOpenLinks(t *testing.T) {
	command := func(scheme string) string {
		key, err := registry.OpenKey(registry.CURRENT_USER, classes+scheme+`\shell\open\command`, registry.QUERY_VALUE)
		if err != nil {
			return ""
		}
		defer key.Close()
		text, _, err := key.GetStringValue("")
		if err != nil {
			t.Error(err)
		}
		return text
	}
	for _, yes := range []bool{true, true, false, false} { // twice is no error
		if err := openLinks(yes); err != nil {
			t.Fatal(err)
		}
		for _, scheme := range schemes() {
			if got := command(scheme); strings.HasSuffix(got, `.exe" -- "%1"`) != yes {
				t.Errorf("registered %t: %s opens with %q", yes, scheme, got)
			}
		}
	}
}
