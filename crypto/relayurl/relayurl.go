// Package relayurl says which URLs a relay may have. The rule stands here, at
// the bottom of the house, because both the enrolment link that names a relay
// and the client that dials it must hold to it.
package relayurl

import (
	"errors"
	"net"
	"net/url"
)

// MaxLength is how long a relay's URL may be, in octets.
const MaxLength = 512

// Check refuses a relay URL that is not wss, or ws to loopback: in the open
// anyone on the way could watch who signs in when. Its errors are for people.
func Check(s string) error {
	if len(s) > MaxLength {
		return errors.New("the relay's URL is too long")
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("the relay is not a URL like wss://host/relay")
	}
	switch {
	case u.Scheme == "wss":
		return nil
	case u.Scheme == "ws" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "ws":
		return errors.New("the relay's URL is ws://, which is allowed to this computer alone; use wss://")
	default:
		return errors.New("the relay's URL does not begin with wss://")
	}
}

// loopback takes the name localhost on trust: resolvers and browsers alike keep
// it on this computer (RFC 6761 §6.3).
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
