package middleware

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Source is the address that a request came from, without a port: the
// connection's, or behind a proxy the right-most of X-Forwarded-For, which is
// the one that the proxy itself wrote. Everything to its left came with the
// request, and whoever sent that can write what they like.
func Source(r *http.Request, behindProxy bool) string {
	if behindProxy {
		if values := r.Header.Values("X-Forwarded-For"); len(values) > 0 {
			last := values[len(values)-1]
			if address, ok := parseAddress(last[strings.LastIndex(last, ",")+1:]); ok {
				return address
			}
		}
	}
	if address, ok := parseAddress(r.RemoteAddr); ok {
		return address
	}
	return "unknown"
}

func parseAddress(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	address, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return "", false
	}
	return address.Unmap().WithZone("").String(), true
}
