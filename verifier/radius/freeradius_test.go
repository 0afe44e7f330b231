//go:build radius

package radius

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/verifier/policy"
)

// freePort is a port that nobody listens on.
func (r *rig) freePort(network string) string {
	r.Helper()
	var address string
	if network == "udp" {
		conn, err := (&net.ListenConfig{}).ListenPacket(r.Context(), network, "127.0.0.1:0")
		r.check(err)
		address = conn.LocalAddr().String()
		r.check(conn.Close())
	} else {
		listener, err := (&net.ListenConfig{}).Listen(r.Context(), network, "127.0.0.1:0")
		r.check(err)
		address = listener.Addr().String()
		r.check(listener.Close())
	}
	_, port, err := net.SplitHostPort(address)
	r.check(err)
	return port
}

// certificates are files of an authority and of a server on 127.0.0.1 that it
// vouches for.
type certificates struct{ ca, server, key string }

func (r *rig) certificates() certificates {
	r.Helper()
	dir := r.TempDir()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.check(err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.check(err)
	files := certificates{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "server.pem"), filepath.Join(dir, "key.pem")}
	write := func(path, kind string, der []byte, err error) {
		r.Helper()
		r.check(err)
		r.write(path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	write(files.ca, "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, authority, leafKey.Public(), authorityKey)
	write(files.server, "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(leafKey)
	write(files.key, "PRIVATE KEY", der, err)
	return files
}

// freeradius starts FreeRADIUS with a configuration of the test's own.
func (r *rig) freeradius(config string) {
	r.Helper()
	dir := r.TempDir()
	common := `
libdir = /usr/lib/freeradius
logdir = ` + dir + `
run_dir = ` + dir + `
pidfile = ` + dir + `/pid
max_request_time = 90
cleanup_delay = 5
max_requests = 1024
security { reject_delay = 0  status_server = yes }
thread pool { start_servers = 2  max_servers = 8  min_spare_servers = 1  max_spare_servers = 4 }
`
	// Each setting has a line of its own; two spaces stand for its end here.
	r.write(filepath.Join(dir, "radiusd.conf"), strings.ReplaceAll(common+config, "  ", "\n"))
	r.background(exec.Command("freeradius", "-f", "-l", "stdout", "-x", "-d", dir, "-n", "radiusd"), "Ready to process requests")
}

// home is FreeRADIUS's view of our server, as the client at an address.
func (r *rig) home(name, from string) string {
	r.Helper()
	_, port, err := net.SplitHostPort(r.addr)
	r.check(err)
	return "\n" + r.documented("radius-freeradius.md", "/etc/freeradius/3.0/proxy.conf", "countersign", name,
		"192.0.2.10", "127.0.0.1", "1812", port, "SECRET", sharedSecret, "192.0.2.20", from)
}

// listenOn is a virtual server on a port.
func listenOn(name, port, sections string) string {
	return fmt.Sprintf(`
server %s {
	listen { type = auth  ipaddr = 127.0.0.1  port = %s }
	%s
}
`, name, port, sections)
}

const loopbackClient = `
client loopback { ipaddr = 127.0.0.1  secret = "` + upstreamSecret + `"  require_message_authenticator = no }
`

// proxyTo hands requests to a realm.
func (r *rig) proxyTo(realm string) string {
	r.Helper()
	return r.documented("radius-freeradius.md", "/etc/freeradius/3.0/sites-available/default", "countersign", realm)
}

// rest waits for real: what is tried is another program's patience.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func TestFreeRADIUSAsProxy(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideFalse)), clientAt("127.0.0.3"))
	phone := r.person("zoe", false)
	pushPort, promptPort := r.freePort("udp"), r.freePort("udp")
	r.freeradius("proxy_requests = yes\n" + loopbackClient + r.home("push", "127.0.0.2") + r.home("prompt", "127.0.0.3") +
		listenOn("push", pushPort, r.proxyTo("push")) + listenOn("prompt", promptPort, r.proxyTo("prompt")))
	through := func(port string, lines ...string) string {
		return r.run(strings.Join(lines, "\n")+"\n", "radclient", "-x", "-r", "20", "-t", "3", "127.0.0.1:"+port, "auth", upstreamSecret)
	}
	name, right := `User-Name = "zoe"`, `User-Password = "`+password+`"`

	t.Run("a push that takes 35 seconds", func(t *testing.T) {
		done := make(chan string, 1)
		go func() { done <- through(pushPort, name, right) }() // it sends again every 3 seconds
		<-r.started
		rest(t.Context(), 35*time.Second)
		r.approve(phone, "")
		wantPrinted(t, <-done, "Received Access-Accept")
		if n := len(r.Post.To(phone.Signing.Thumbprint())); n != 2 { // the push and its outcome
			t.Fatalf("the phone got %d messages, want 2", n)
		}
	})
	t.Run("the number in the prompt", func(t *testing.T) {
		out := through(promptPort, name, right)
		wantPrinted(t, out, "Received Access-Challenge")
		r.approve(phone, strings.TrimPrefix(attribute(out, "Reply-Message"), "Enter ")[:2])
		out = through(promptPort, name, `User-Password = ""`, "State = "+attribute(out, "State"))
		wantPrinted(t, out, "Received Access-Accept")
	})
}

// eap is FreeRADIUS's configuration of TTLS and PEAP whose inner part is
// handed on.
func (r *rig) eap(inner string) string {
	r.Helper()
	files := r.certificates()
	return fmt.Sprintf(`
modules {
	pap { }
	mschap { use_mppe = yes  require_encryption = yes  require_strong = yes }
	eap {
		default_eap_type = ttls
		timer_expire = 120
		max_sessions = 64
		tls-config tls-common {
			private_key_file = %s
			certificate_file = %s
			ca_file = %s
			tls_min_version = "1.2"
			tls_max_version = "1.2"
			ecdh_curve = "prime256v1"
		}
		ttls { tls = tls-common  default_eap_type = mschapv2  virtual_server = %[4]s  copy_request_to_tunnel = no  use_tunneled_reply = no }
		peap { tls = tls-common  default_eap_type = mschapv2  virtual_server = %[4]s  proxy_tunneled_request_as_eap = no }
		mschapv2 { }
	}
}
`, files.key, files.server, files.ca, inner)
}

// eapolTest signs in as a wireless client would.
func (r *rig) eapolTest(ctx context.Context, port, phase1, phase2, password string) string {
	r.Helper()
	config := filepath.Join(r.TempDir(), "eapol.conf")
	r.write(config, fmt.Sprintf(`network={
	key_mgmt=WPA-EAP
	eap=%s
	identity="zoe"
	anonymous_identity="anonymous"
	password="%s"
	phase2="%s"
}
`, phase1, password, phase2))
	cmd := exec.CommandContext(ctx, "eapol_test", "-c", config, "-a", "127.0.0.1", "-p", port, "-s", upstreamSecret, "-t", "40")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out) + "\n" + err.Error()
	}
	return string(out)
}

// upstreamAt are the settings of a client whose first factors another server
// checks.
func (r *rig) upstreamAt(port string) ClientSettings {
	r.Helper()
	kind, file := "radius", filepath.Join(r.TempDir(), "secret")
	r.write(file, upstreamSecret+"\n")
	return ClientSettings{Primary: &kind, Upstream: &Upstream{Address: "127.0.0.1:" + port, SecretFile: file}}
}

// authority is a FreeRADIUS virtual server that knows zoe's password.
func (r *rig) authority(port string) string {
	r.Helper()
	return listenOn("authority", port, `
	authorize {
		if (&User-Name == "zoe") { update control { &Cleartext-Password := "`+password+`" } }
		mschap
		pap
	}
	authenticate { Auth-Type PAP { pap  }  Auth-Type MS-CHAP { mschap  } }
`+r.documented("radius-freeradius.md", "/etc/freeradius/3.0/sites-available/authority"))
}

func TestEAPThroughFreeRADIUS(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", noPrompt), clientAt("127.0.0.3", nps("1.2.2216.1", policy.OverrideFalse)),
		clientAt("127.0.0.4", nps("1.2.2216.1", policy.OverrideFalse)))
	phone := r.person("zoe", true)
	authorityPort, codePort, pushPort, peapPort := r.freePort("udp"), r.freePort("udp"), r.freePort("udp"), r.freePort("udp")
	r.serve(Settings{Clients: map[string]ClientSettings{"client at 127.0.0.4": r.upstreamAt(authorityPort)}})
	outer := `
	authorize { eap { ok = return } }
	authenticate { eap  }
	post-proxy { eap  }
`
	// One inner server for all three: a realm has its port's name.
	inner := "server inner {\n" + r.documented("radius-freeradius.md", "/etc/freeradius/3.0/sites-available/inner-tunnel",
		"countersign", "p%{outer.request:Packet-Dst-Port}") + "}\n"
	config := "proxy_requests = yes\n" + r.eap("inner") + loopbackClient + inner + r.authority(authorityPort)
	for port, from := range map[string]string{codePort: "127.0.0.2", pushPort: "127.0.0.3", peapPort: "127.0.0.4"} {
		config += r.home("p"+port, from) + listenOn("p"+port, port, outer)
	}
	r.freeradius(config)
	const success, keys = "\nSUCCESS", "MPPE keys OK: 1  mismatch: 0"

	t.Run("TTLS/PAP with a code after the password", func(t *testing.T) {
		out := r.eapolTest(t.Context(), codePort, "TTLS", "auth=PAP", password+","+r.code())
		wantPrinted(t, out, success)
		wantPrinted(t, out, keys)
		<-r.started
		if out = r.eapolTest(t.Context(), codePort, "TTLS", "auth=PAP", password); strings.Contains(out, success) {
			t.Fatal("let in without a code")
		}
		<-r.started
	})
	for _, tt := range []struct{ name, port, phase1, phase2 string }{
		{"TTLS/PAP with a push", pushPort, "TTLS", "auth=PAP"},
		{"PEAP/MSCHAPv2 with a push, the password checked elsewhere", peapPort, "PEAP", "auth=MSCHAPV2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := make(chan string, 1)
			go func() { done <- r.eapolTest(t.Context(), tt.port, tt.phase1, tt.phase2, password) }()
			select {
			case <-r.started:
			case out := <-done:
				t.Fatalf("it ended without a push:\n%s", out)
			}
			r.approve(phone, "")
			out := <-done
			wantPrinted(t, out, success)
			wantPrinted(t, out, keys)
		})
	}
	t.Run("PEAP/MSCHAPv2 with a wrong password", func(t *testing.T) {
		if out := r.eapolTest(t.Context(), peapPort, "PEAP", "auth=MSCHAPV2", "wrong password"); strings.Contains(out, success) {
			t.Fatal("let in by a wrong password")
		}
	})
}
