package radius

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// FuzzPacket gives the reader octets from the network. Whatever comes, it does
// not panic, and what it takes for signed is.
func FuzzPacket(f *testing.F) {
	secret := []byte(sharedSecret)
	seed := func(p *radius.Packet) {
		raw, err := sign(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(append(raw, 0, 0, 0)) // padding
		f.Add(raw[:len(raw)-1])
	}
	seed(ask("zoe", password))
	seed(ask("zoe", "", with(rfc2865.State_Type, "state"), with(rfc2865.ProxyState_Type, "proxy")))
	seed(mschap("zoe", password))
	seed(ask("zoe", password, with(typeEAPMessage, "\x02\x01\x00\x08\x01zoe"), with(rfc2865.NASIPAddress_Type, "\x7f\x00\x00\x01")))
	seed(radius.New(radius.CodeStatusServer, secret))
	// An Access-Request of RFC 2865 §7.1, without Message-Authenticator.
	rfc, err := hex.DecodeString("010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rfc)
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parse(raw, secret)
		if err != nil {
			return
		}
		if p.signed != (p.Get(rfc2869.MessageAuthenticator_Type) != nil) {
			t.Fatal("signed without a Message-Authenticator, or the other way round")
		}
		r, ok := read(p)
		if ok && (r.user == "" || !printable(r.user) || len(r.user) > maxUserName) {
			t.Fatalf("took the name %q", r.user)
		}
		if first, code := splitCode(r.password); code != "" && first+","+code != r.password {
			t.Fatalf("%q was split into %q and %q", r.password, first, code)
		}
		reply, err := encode(p, prompt("Enter 42", "state", 1))
		if err != nil {
			return // many Proxy-States fill a reply
		}
		if signed, err := verify(reply, raw[4:headerSize], secret); err != nil || !signed {
			t.Fatalf("the reply is not signed: %v", err)
		}
	})
}

// FuzzUpstreamReply gives the reader what another server may send.
func FuzzUpstreamReply(f *testing.F) {
	u := &upstreamServer{user: "zoe"}
	for _, request := range []*radius.Packet{mschap("zoe", password), ask("zoe", password), ask("zoe", "wrong")} {
		raw, err := sign(request)
		if err != nil {
			f.Fatal(err)
		}
		p, err := parse(raw, []byte(sharedSecret))
		if err != nil {
			f.Fatal(err)
		}
		reply, err := sign(u.answer(p))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		reply, err := radius.Parse(raw, []byte(sharedSecret))
		if err != nil {
			return
		}
		attributes, err := passOn(reply, make([]byte, 16))
		if err != nil {
			return
		}
		to := &radius.Packet{Code: radius.CodeAccessAccept, Secret: []byte(upstreamSecret)}
		if err := (grant{attributes: attributes}).addTo(to); err != nil {
			return
		}
		for _, a := range to.Attributes {
			if a.Type == rfc2865.State_Type || a.Type == rfc2865.ProxyState_Type || a.Type == rfc2869.MessageAuthenticator_Type {
				t.Fatalf("attribute %d of the hop was passed on", a.Type)
			}
			if len(a.Attribute) > maxAttribute {
				t.Fatalf("attribute %d has %d octets", a.Type, len(a.Attribute))
			}
		}
	})
}

func FuzzWhitelist(f *testing.F) {
	f.Add("192.0.2.1;192.0.2.2")
	f.Add(" 2001:db8::1 ; ; ::ffff:192.0.2.1")
	f.Add("192.0.2.0/24")
	f.Add("fe80::1%eth0")
	f.Fuzz(func(t *testing.T, list string) {
		all, err := parseWhitelist(list)
		if err != nil {
			return
		}
		for _, a := range all {
			if !a.IsValid() || a.Zone() != "" || a != netip.MustParseAddr(a.String()) {
				t.Fatalf("took %v", a)
			}
		}
	})
}
