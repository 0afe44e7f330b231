package api

import (
	"net/netip"
	"strings"

	"countersign/verifier/rest"
)

// Limits on what a request may say, in octets.
const (
	maxUser     = 256
	maxPassword = 1024
	maxText     = 512 // of each part of a context
	maxCode     = 16
)

// checkName refuses names that no user can have. It looks at the name's form
// alone, so its answer tells nothing of who exists.
func checkName(name string) error {
	if strings.TrimSpace(name) == "" || !rest.Plain(name, maxUser) {
		return rest.Invalid(`The member "user" must be a name: 1 to %d bytes of text on one line.`, maxUser)
	}
	return nil
}

func (c contextBody) check() error {
	for _, part := range []struct{ name, value string }{{"app", c.App}, {"origin", c.Origin}, {"location", c.Location}} {
		if !rest.Plain(part.value, maxText) {
			return rest.Invalid(`The member "context.%s" must be at most %d bytes of text on one line.`, part.name, maxText)
		}
	}
	if c.IP == "" {
		return nil
	}
	if _, err := netip.ParseAddr(c.IP); err != nil {
		return rest.Invalid(`The member "context.ip" must be an IPv4 or IPv6 address.`)
	}
	return nil
}

// address writes an address in its one form: a block of 192.0.2.1 must hold for
// ::ffff:192.0.2.1, too.
func address(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return ip.Unmap().WithZone("").String()
}
