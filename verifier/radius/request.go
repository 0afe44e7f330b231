package radius

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/vendors/microsoft"

	"countersign/verifier/policy"
)

// request is an Access-Request as far as it is looked at.
type request struct {
	packet   packet
	user     string            // User-Name, as it was typed
	auth     policy.RADIUSAuth // empty where the request offers no first factor
	password string            // of PAP
	state    string
	address  netip.Addr // of the user, by Calling-Station-Id, where that is one
	nas      netip.Addr // NAS-IP-Address or NAS-IPv6-Address
	service  string     // NAS-Identifier: what the user signs in to
}

const maxUserName = 128 // octets, as in the directory

// vendorMicrosoft's attributes are those of RFC 2548.
const vendorMicrosoft = 311

// read takes a request apart. It reports whether there is a name in it, and
// each attribute that must not stand twice stands once: where two stand, this
// server and one behind it could look at different ones.
func read(p packet) (request, bool) {
	r := request{packet: p, state: string(p.Get(rfc2865.State_Type))}
	for _, single := range []radius.Type{
		rfc2865.UserName_Type, rfc2865.UserPassword_Type, rfc2865.CHAPPassword_Type, rfc2865.CHAPChallenge_Type,
		rfc2865.State_Type, rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type, rfc2865.CallingStationID_Type,
	} {
		if count(p.Attributes, single) > 1 {
			return r, false
		}
	}
	r.user = string(p.Get(rfc2865.UserName_Type))
	if r.user == "" || len(r.user) > maxUserName || !printable(r.user) {
		return r, false
	}
	if address, err := netip.ParseAddr(string(p.Get(rfc2865.CallingStationID_Type))); err == nil {
		r.address = address.Unmap().WithZone("")
	}
	if address, ok := netip.AddrFromSlice(p.Get(rfc2865.NASIPAddress_Type)); ok {
		r.nas = address.Unmap()
	} else if address, ok := netip.AddrFromSlice(p.Get(rfc3162.NASIPv6Address_Type)); ok {
		r.nas = address.Unmap()
	}
	if service := string(p.Get(rfc2865.NASIdentifier_Type)); printable(service) {
		r.service = service
	}
	return r, r.readFirstFactor()
}

func (r *request) readFirstFactor() bool {
	p := r.packet
	switch {
	case p.Get(typeEAPMessage) != nil:
		r.auth = policy.RADIUSEAP
	case microsoft.MSCHAP2Response_Get(p.Packet) != nil:
		r.auth = policy.RADIUSMSCHAPv2
	case microsoft.MSCHAPResponse_Get(p.Packet) != nil, p.Get(rfc2865.CHAPPassword_Type) != nil:
		r.auth = policy.RADIUSCHAP
	default:
		sealed, ok := p.Lookup(rfc2865.UserPassword_Type)
		if !ok {
			return true
		}
		r.auth = policy.RADIUSPAP
		if len(sealed) == 0 {
			return true // how radcli sends an empty password
		}
		password, err := radius.UserPassword(sealed, p.Secret, p.Authenticator[:])
		// A wrong shared secret gives noise. Noise is no text, nor is it sent on.
		if err != nil || !utf8.Valid(password) {
			return false
		}
		r.password = string(password)
	}
	return true
}

// account is the name without a Windows domain: CONTOSO\zoe is zoe.
func (r request) account() string {
	if _, account, ok := strings.Cut(r.user, `\`); ok {
		return account
	}
	return r.user
}

// source is who guesses, for the limits on guesses: the user's address, or the
// client where it does not tell.
func (r request) source(c client) string {
	if r.address.IsValid() {
		return r.address.String()
	}
	return "client:" + c.ID
}

func count(attributes radius.Attributes, t radius.Type) int {
	n := 0
	for _, a := range attributes {
		if a.Type == t {
			n++
		}
	}
	return n
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// splitCode takes the code off a password as a client without prompts sends
// it: "password,123456". Without a code it gives the password as it is.
func splitCode(password string) (first, code string) {
	at := strings.LastIndexByte(password, ',')
	if at < 0 || !isCode(password[at+1:]) {
		return password, ""
	}
	return password[:at], password[at+1:]
}

func isCode(s string) bool {
	return len(s) >= 6 && len(s) <= 8 && strings.Trim(s, "0123456789") == ""
}
