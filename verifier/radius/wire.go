package radius

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RADIUS signs with MD5 and HMAC-MD5 (RFC 2865 §3, RFC 3579 §3.2); there is no other
	"encoding/binary"
	"errors"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

const (
	headerSize    = 20 // octets: code, identifier, length, authenticator (RFC 2865 §3)
	attributesAt  = headerSize
	signatureSize = md5.Size
)

// What is wrong with a packet that is dropped, for errors.Is.
var (
	errMalformed       = errors.New("radius: malformed packet")
	errWrongSignature  = errors.New("radius: wrong Message-Authenticator")
	errUnsupportedCode = errors.New("radius: unsupported code")
)

// packet is a request that is well-formed and, where signed is set, bears the
// client's valid Message-Authenticator.
type packet struct {
	*radius.Packet
	raw    []byte // exactly the packet, without padding
	signed bool
}

// trim gives the packet without the padding that RFC 2865 §3 lets follow it.
func trim(datagram []byte) ([]byte, error) {
	if len(datagram) < headerSize || len(datagram) > radius.MaxPacketLength {
		return nil, errMalformed
	}
	length := int(binary.BigEndian.Uint16(datagram[2:4]))
	if length < headerSize || length > len(datagram) {
		return nil, errMalformed
	}
	return datagram[:length], nil
}

// parse reads a request of a client that shares secret.
func parse(datagram, secret []byte) (packet, error) {
	raw, err := trim(datagram)
	if err != nil {
		return packet{}, err
	}
	if code := radius.Code(raw[0]); code != radius.CodeAccessRequest && code != radius.CodeStatusServer {
		return packet{}, errUnsupportedCode
	}
	p, err := radius.Parse(raw, secret)
	if err != nil {
		return packet{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	signed, err := verify(raw, raw[4:headerSize], secret)
	if err != nil {
		return packet{}, err
	}
	return packet{Packet: p, raw: raw, signed: signed}, nil
}

// verify checks a packet's Message-Authenticator (RFC 3579 §3.2): HMAC-MD5 over
// the packet with the request's authenticator and the attribute's value zero.
// It reports whether there is one. Two are refused: which of them a reader
// would take is a matter of taste, and an attacker's choice.
func verify(raw, requestAuthenticator, secret []byte) (bool, error) {
	at := -1
	for i := attributesAt; i < len(raw); {
		if len(raw)-i < 2 || int(raw[i+1]) < 2 || int(raw[i+1]) > len(raw)-i {
			return false, errMalformed
		}
		if radius.Type(raw[i]) == rfc2869.MessageAuthenticator_Type {
			if at >= 0 || int(raw[i+1]) != 2+signatureSize {
				return false, errMalformed
			}
			at = i + 2
		}
		i += int(raw[i+1])
	}
	if at < 0 {
		return false, nil
	}
	mac := hmac.New(md5.New, secret)
	mac.Write(raw[:4])
	mac.Write(requestAuthenticator)
	mac.Write(raw[headerSize:at])
	mac.Write(make([]byte, signatureSize))
	mac.Write(raw[at+signatureSize:])
	if !hmac.Equal(mac.Sum(nil), raw[at:at+signatureSize]) {
		return false, errWrongSignature
	}
	return true, nil
}

// sign encodes a packet with a Message-Authenticator as its first attribute,
// where it defeats a chosen-prefix collision on the rest (CVE-2024-3596). The
// packet's Authenticator is the request's, and for a request its own.
func sign(p *radius.Packet) ([]byte, error) {
	p.Del(rfc2869.MessageAuthenticator_Type)
	value := make([]byte, signatureSize)
	p.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: value}}, p.Attributes...)
	unsigned, err := p.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("radius: encoding a packet: %w", err)
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(unsigned)
	mac.Sum(value[:0])
	raw, err := p.Encode()
	if err != nil {
		return nil, fmt.Errorf("radius: encoding a packet: %w", err)
	}
	return raw, nil
}

// copyProxyState echoes what proxies on the way will look for, in their order
// (RFC 2865 §5.33).
func copyProxyState(to, from *radius.Packet) {
	for _, a := range from.Attributes {
		if a.Type == rfc2865.ProxyState_Type {
			to.Add(a.Type, a.Attribute)
		}
	}
}
