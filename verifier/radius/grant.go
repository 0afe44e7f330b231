package radius

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
)

// grant is what a first factor gives: who it was, and what another RADIUS
// server wants its client told.
type grant struct {
	user       string // as the directory may know them
	attributes []granted
}

// granted is an attribute on its way from one server to another's client. Keys
// are encrypted between each two of them (RFC 2548 §2.4.2, RFC 2868 §3.5), so
// they travel through here in the clear.
type granted struct {
	kind     radius.Type
	value    radius.Attribute // of one that is not encrypted
	envelope []byte           // what stands before the encrypted part: the vendor's number and type, or a tag
	key      []byte
}

// The Microsoft attributes whose values are encrypted (RFC 2548).
const (
	msCHAPMPPEKeys = 12
	msMPPESendKey  = 16
	msMPPERecvKey  = 17
)

// passOn reads the attributes of a reply. Those that belong to the hop alone
// stay behind.
func passOn(reply *radius.Packet, requestAuthenticator []byte) ([]granted, error) {
	var all []granted
	for _, a := range reply.Attributes {
		switch a.Type {
		case rfc2869.MessageAuthenticator_Type, rfc2865.ProxyState_Type, rfc2865.State_Type, typeEAPMessage:
			continue
		case rfc2868.TunnelPassword_Type:
			if len(a.Attribute) < 1 {
				return nil, errMalformed
			}
			g, err := decrypt(a.Type, a.Attribute[:1], a.Attribute[1:], reply.Secret, requestAuthenticator)
			if err != nil {
				return nil, err
			}
			all = append(all, g)
		case rfc2865.VendorSpecific_Type:
			parts, err := passVendor(a.Attribute, reply.Secret, requestAuthenticator)
			if err != nil {
				return nil, err
			}
			all = append(all, parts...)
		default:
			all = append(all, granted{kind: a.Type, value: a.Attribute})
		}
	}
	return all, nil
}

// passVendor takes a Microsoft attribute apart; other vendors' stay whole.
func passVendor(value radius.Attribute, secret, requestAuthenticator []byte) ([]granted, error) {
	vendor, rest, err := radius.VendorSpecific(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if vendor != vendorMicrosoft {
		return []granted{{kind: rfc2865.VendorSpecific_Type, value: value}}, nil
	}
	var all []granted
	for len(rest) > 0 {
		if len(rest) < 2 || int(rest[1]) < 2 || int(rest[1]) > len(rest) {
			return nil, errMalformed
		}
		part := rest[:rest[1]]
		rest = rest[rest[1]:]
		switch part[0] {
		case msCHAPMPPEKeys:
			// MS-CHAP version 1, whose keys fall to a guess of its 56-bit DES.
		case msMPPESendKey, msMPPERecvKey:
			g, err := decrypt(rfc2865.VendorSpecific_Type, []byte{part[0]}, part[2:], secret, requestAuthenticator)
			if err != nil {
				return nil, err
			}
			all = append(all, g)
		default:
			whole, err := radius.NewVendorSpecific(vendor, part)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errMalformed, err)
			}
			all = append(all, granted{kind: rfc2865.VendorSpecific_Type, value: whole})
		}
	}
	return all, nil
}

func decrypt(kind radius.Type, envelope, sealed, secret, requestAuthenticator []byte) (granted, error) {
	key, _, err := radius.TunnelPassword(sealed, secret, requestAuthenticator)
	if err != nil {
		return granted{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return granted{kind: kind, envelope: envelope, key: key}, nil
}

// addTo adds the attributes to a reply, its keys encrypted for its client.
func (g grant) addTo(reply *radius.Packet) error {
	var salt [2]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand ends the program first
	next := binary.BigEndian.Uint16(salt[:])
	for _, one := range g.attributes {
		if one.key == nil {
			reply.Add(one.kind, one.value)
			continue
		}
		// Salts differ within a packet, and have their highest bit set (RFC 2868
		// §3.5).
		next++
		binary.BigEndian.PutUint16(salt[:], next|1<<15)
		sealed, err := radius.NewTunnelPassword(one.key, salt[:], reply.Secret, reply.Authenticator[:])
		if err != nil {
			return fmt.Errorf("radius: encrypting a key: %w", err)
		}
		value, err := one.wrap(sealed)
		if err != nil {
			return err
		}
		reply.Add(one.kind, value)
	}
	return nil
}

func (g granted) wrap(sealed []byte) (radius.Attribute, error) {
	if g.kind != rfc2865.VendorSpecific_Type {
		return append(radius.Attribute(g.envelope), sealed...), nil
	}
	if len(sealed)+2+4 > maxAttribute {
		return nil, errors.New("radius: a key is too long")
	}
	return radius.NewVendorSpecific(vendorMicrosoft, append(radius.Attribute{g.envelope[0], byte(len(sealed) + 2)}, sealed...))
}
