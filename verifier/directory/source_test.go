package directory_test

import (
	"testing"

	"countersign/verifier/directory"
)

func TestANetworkIsOneSource(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"an IPv4 address", "192.0.2.7", "192.0.2.7"},
		{"the same inside IPv6", "::ffff:192.0.2.7", "192.0.2.7"},
		{"an IPv6 address is its line's", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"and so is its neighbour", "2001:db8:1:2::9", "2001:db8:1:2::/64"},
		{"another line", "2001:db8:1:3::9", "2001:db8:1:3::/64"},
		{"a client", "client:abc", "client:abc"},
		{"nothing known", "unknown", "unknown"},
	} {
		if got := directory.Network(test.source); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
