package radius

import (
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc3079"
	"layeh.com/radius/vendors/microsoft"
)

const upstreamSecret = "the secret between two servers"

// upstreamServer is another RADIUS server, which knows one user's password.
type upstreamServer struct {
	user            string
	conn            net.PacketConn
	keys            atomic.Pointer[[2][]byte] // that it gave last: to send and to receive
	forge, unsigned atomic.Bool               // how it misbehaves
}

func newUpstreamServer(t *testing.T, user string) *upstreamServer {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstreamServer{user: user, conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		u.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return u
}

// settings are those of a server that asks this one.
func (u *upstreamServer) settings(t *testing.T) Settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(upstreamSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kind := "radius"
	return Settings{ClientSettings: ClientSettings{
		Primary: &kind, Upstream: &Upstream{Address: u.conn.LocalAddr().String(), SecretFile: file, TimeoutSeconds: 1},
	}}
}

func (u *upstreamServer) serve() {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, from, err := u.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		p, err := parse(buffer[:n], []byte(upstreamSecret))
		if err != nil || !p.signed {
			continue
		}
		reply := u.answer(p)
		raw, err := sign(reply)
		if err != nil {
			panic(err)
		}
		if u.unsigned.Load() {
			reply.Attributes = reply.Attributes[1:]
			if raw, err = reply.Encode(); err != nil {
				panic(err)
			}
		}
		if u.forge.Load() {
			raw[len(raw)-1] ^= 1
		}
		_, _ = u.conn.WriteTo(raw, from)
	}
}

func (u *upstreamServer) answer(p packet) *radius.Packet {
	reject := func(text string) *radius.Packet {
		reply := p.Response(radius.CodeAccessReject)
		if text != "" {
			must(microsoft.MSCHAPError_SetString(reply, text))
		}
		return reply
	}
	if string(p.Get(rfc2865.UserName_Type)) != u.user {
		return reject("")
	}
	reply := p.Response(radius.CodeAccessAccept)
	response := microsoft.MSCHAP2Response_Get(p.Packet)
	if response == nil {
		given, err := radius.UserPassword(p.Get(rfc2865.UserPassword_Type), p.Secret, p.Authenticator[:])
		if err != nil || string(given) != password {
			return reject("")
		}
		return reply
	}
	challenge, peer, given := microsoft.MSCHAPChallenge_Get(p.Packet), response[2:18], response[26:50]
	want, err := rfc2759.GenerateNTResponse(challenge, peer, []byte(u.user), []byte(password))
	must(err)
	if !bytes.Equal(given, want) {
		return reject("\x00E=691 R=0 C=" + hex.EncodeToString(challenge) + " V=3")
	}
	success, err := rfc2759.GenerateAuthenticatorResponse(challenge, peer, given, []byte(u.user), []byte(password))
	must(err)
	must(microsoft.MSCHAP2Success_SetString(reply, string(response[:1])+success))
	send, err := rfc3079.MakeKey(given, []byte(password), true)
	must(err)
	receive, err := rfc3079.MakeKey(given, []byte(password), false)
	must(err)
	must(microsoft.MSMPPESendKey_Set(reply, send))
	must(microsoft.MSMPPERecvKey_Set(reply, receive))
	u.keys.Store(&[2][]byte{send, receive})
	must(rfc2865.Class_SetString(reply, "staff"))
	must(rfc2868.TunnelPassword_SetString(reply, 1, "to the tunnel"))
	return reply
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// mschap is an Access-Request over MSCHAPv2.
func mschap(user, password string, edit ...func(*radius.Packet)) *radius.Packet {
	p := ask(user, "", edit...)
	p.Del(rfc2865.UserPassword_Type)
	challenge, peer := random(16), random(16)
	nt, err := rfc2759.GenerateNTResponse(challenge, peer, []byte(user), []byte(password))
	must(err)
	must(microsoft.MSCHAPChallenge_Set(p, challenge))
	response := append([]byte{7, 0}, peer...)
	response = append(response, make([]byte, 8)...)
	must(microsoft.MSCHAP2Response_Set(p, append(response, nt...)))
	return p
}

func tunnelPassword(t *testing.T, reply, request *radius.Packet) string {
	t.Helper()
	value := reply.Get(rfc2868.TunnelPassword_Type)
	if len(value) < 1 || value[0] != 1 {
		t.Fatalf("Tunnel-Password %x", value)
	}
	plain, _, err := radius.TunnelPassword(value[1:], request.Secret, request.Authenticator[:])
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}
