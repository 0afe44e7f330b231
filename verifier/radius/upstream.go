package radius

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"countersign/verifier/policy"
)

// upstream asks another RADIUS server for the first factor. It is the only one
// for MSCHAPv2, whose check needs what only that server has.
type upstream struct {
	address  string
	secret   []byte
	timeout  time.Duration // for one try
	unsigned bool          // replies without Message-Authenticator are taken
}

// upstreamTries is how often a request is sent before the server counts as
// down.
const upstreamTries = 3

func (u upstream) verify(ctx context.Context, f firstFactor) (grant, error) {
	switch f.auth {
	case policy.RADIUSEAP, "":
		// EAP takes many rounds, and the server that ends it stands before us.
		return grant{}, errProtocol
	case policy.RADIUSPAP, policy.RADIUSCHAP, policy.RADIUSMSCHAPv2:
	}
	ask, err := u.request(f)
	if err != nil {
		return grant{}, err
	}
	reply, err := u.exchange(ctx, ask)
	if err != nil {
		return grant{}, fmt.Errorf("radius: asking the upstream server: %w", err)
	}
	attributes, err := passOn(reply, ask.Authenticator[:])
	if err != nil {
		return grant{}, fmt.Errorf("radius: reading the upstream server's reply: %w", err)
	}
	switch reply.Code {
	case radius.CodeAccessAccept:
		g := grant{user: f.account(), attributes: attributes}
		// The server may know the user by another name than the one typed.
		if name := string(reply.Get(rfc2865.UserName_Type)); name != "" && printable(name) {
			g.user = request{user: name}.account()
		}
		return g, nil
	case radius.CodeAccessReject:
		return grant{}, refusedBy{plain(attributes)}
	default:
		return grant{}, fmt.Errorf("radius: the upstream server answered %s, and only an accept or a reject ends a first factor", reply.Code)
	}
}

// plain are the attributes that need no encryption: a reject has no keys.
func plain(attributes []granted) radius.Attributes {
	var all radius.Attributes
	for _, a := range attributes {
		if a.key == nil {
			all.Add(a.kind, a.value)
		}
	}
	return all
}

// request is the client's request as the upstream server gets it: all of it but
// what belongs to the hop, the password sealed anew.
func (u upstream) request(f firstFactor) (*radius.Packet, error) {
	from := f.packet
	to := &radius.Packet{Code: radius.CodeAccessRequest, Secret: u.secret}
	var b [1 + len(to.Authenticator)]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
	to.Identifier = b[0]
	copy(to.Authenticator[:], b[1:])
	for _, a := range from.Attributes {
		switch a.Type {
		case rfc2869.MessageAuthenticator_Type, rfc2865.ProxyState_Type, rfc2865.State_Type:
		case rfc2865.UserPassword_Type:
			sealed, err := radius.NewUserPassword([]byte(f.password), u.secret, to.Authenticator[:])
			if err != nil {
				return nil, fmt.Errorf("radius: sealing a password: %w", err)
			}
			to.Add(a.Type, sealed)
		default:
			to.Add(a.Type, a.Attribute)
		}
	}
	// Where it is not sent, the challenge of CHAP is the request's authenticator
	// (RFC 2865 §5.40), which changes here.
	if f.auth == policy.RADIUSCHAP && to.Get(rfc2865.CHAPPassword_Type) != nil && to.Get(rfc2865.CHAPChallenge_Type) == nil {
		to.Add(rfc2865.CHAPChallenge_Type, radius.Attribute(from.Authenticator[:]))
	}
	return to, nil
}

// exchange sends a request until it has an authentic reply.
func (u upstream) exchange(ctx context.Context, request *radius.Packet) (*radius.Packet, error) {
	raw, err := sign(request)
	if err != nil {
		return nil, err
	}
	// A socket of its own: its port is one more thing that a forger must guess,
	// and identifiers never run out.
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", u.address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	buffer := make([]byte, radius.MaxPacketLength)
	for range upstreamTries {
		if _, err := conn.Write(raw); err != nil {
			return nil, err
		}
		reply, err := u.await(conn, buffer, raw)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return reply, err
		}
	}
	return nil, fmt.Errorf("no answer to %d requests: %w", upstreamTries, os.ErrDeadlineExceeded)
}

// await reads until an authentic reply or the end of one try. Others are
// ignored: an error would let a forger end the wait.
func (u upstream) await(conn net.Conn, buffer, request []byte) (*radius.Packet, error) {
	if err := conn.SetReadDeadline(time.Now().Add(u.timeout)); err != nil {
		return nil, err
	}
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		raw, err := trim(buffer[:n])
		if err != nil || raw[1] != request[1] || !radius.IsAuthenticResponse(raw, request, u.secret) {
			continue
		}
		// MD5 over the reply alone is what CVE-2024-3596 breaks.
		signed, err := verify(raw, request[4:headerSize], u.secret)
		if err != nil || !signed && !u.unsigned {
			continue
		}
		reply, err := radius.Parse(raw, u.secret)
		if err != nil {
			continue
		}
		return reply, nil
	}
}

func newUpstream(s Upstream) (primary, error) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("upstream.address %q is not an address such as 192.0.2.1:1812", s.Address)
	}
	secret, err := readSecret(s.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("upstream.secret_file: %w", err)
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("upstream.secret_file: a RADIUS secret has %d characters or more", minSecret)
	}
	u := upstream{address: s.Address, secret: []byte(secret), timeout: 5 * time.Second, unsigned: s.AllowUnsignedReplies}
	if s.TimeoutSeconds != 0 {
		if s.TimeoutSeconds < 1 || s.TimeoutSeconds > 30 {
			return nil, errors.New("upstream.timeout_seconds is a number from 1 to 30")
		}
		u.timeout = time.Duration(s.TimeoutSeconds) * time.Second
	}
	return u, nil
}

const minSecret = 16 // octets (RFC 2865 §3)
