//go:build radius

package radius

import (
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/verifier/directory"
)

// shown finds the number in what a program printed.
var shown = regexp.MustCompile(`Enter (\d\d) in your authenticator app, then press Enter`)

// terminal is a program that talks with a person.
type terminal struct {
	*rig
	cmd   *exec.Cmd
	input io.WriteCloser
	done  chan error

	mu      sync.Mutex
	printed bytes.Buffer
	grown   chan struct{}
}

// Write takes what the program prints.
func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.printed.Write(b)
	select {
	case t.grown <- struct{}{}:
	default:
	}
	return len(b), nil
}

// converse starts a program.
func (r *rig) converse(ctx context.Context, env []string, name string, args ...string) *terminal {
	r.Helper()
	t := &terminal{rig: r, cmd: exec.CommandContext(ctx, name, args...), done: make(chan error, 1), grown: make(chan struct{}, 1)}
	t.cmd.Env, t.cmd.Stdout, t.cmd.Stderr = env, t, t
	var err error
	t.input, err = t.cmd.StdinPipe()
	r.check(err)
	r.check(t.cmd.Start())
	go func() { t.done <- t.cmd.Wait() }()
	return t
}

// await waits for a text, and gives what its pattern caught.
func (t *terminal) await(pattern *regexp.Regexp) []string {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		t.mu.Lock()
		found, text := pattern.FindStringSubmatch(t.printed.String()), t.printed.String()
		t.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-t.grown:
		case err := <-t.done:
			t.done <- err
			t.mu.Lock()
			found, text = pattern.FindStringSubmatch(t.printed.String()), t.printed.String()
			t.mu.Unlock()
			if found != nil {
				return found
			}
			t.Fatalf("%s ended (%v) without %s:\n%s", t.cmd.Path, err, pattern, text)
		case <-timeout.C:
			t.Fatalf("%s did not print %s:\n%s", t.cmd.Path, pattern, text)
		}
	}
}

func (t *terminal) enter(line string) {
	t.Helper()
	_, err := io.WriteString(t.input, line+"\n")
	t.check(err)
}

// end waits for the program's end, and gives what it printed in all.
func (t *terminal) end() (string, error) {
	t.Helper()
	_ = t.input.Close()
	err := <-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.printed.String(), err
}

// sudo asks PAM as pamtester does here: by the service's name.
func TestPAMShowsTheNumber(t *testing.T) {
	r := newRig(t, Settings{}, local127(number))
	phone := r.person("zoe", false)
	for _, tt := range []struct {
		name  string
		right bool
	}{{"the right number", true}, {"another number", false}} {
		t.Run(tt.name, func(t *testing.T) {
			prompt := r.converse(t.Context(), r.pam("radius-openssh.md", "sudo"), "pamtester", "sudo", "zoe", "authenticate")
			prompt.await(regexp.MustCompile(`(?i)password:`))
			prompt.enter(password)
			n := prompt.await(shown)[1]
			if !tt.right {
				n = map[bool]string{true: "11", false: "10"}[n == "10"]
			}
			r.approve(phone, n)
			prompt.enter("")
			out, err := prompt.end()
			if in := strings.Contains(out, "successfully authenticated"); in != tt.right || (err == nil) != tt.right {
				t.Fatalf("let in: %v, want %v (%v):\n%s", in, tt.right, err, out)
			}
		})
	}
}

// ocserv starts a real VPN gateway that asks by radcli, and gives its port.
func (r *rig) ocserv(files certificates) string {
	r.Helper()
	dir, port := r.TempDir(), r.freePort("tcp")
	const page = "radius-openconnect.md"
	host, _, err := net.SplitHostPort(r.addr)
	r.check(err)
	servers, radcli := filepath.Join(dir, "servers"), filepath.Join(dir, "radcli.conf")
	r.write(servers, r.documented(page, "/etc/radcli/servers", "192.0.2.10", host, "SECRET", sharedSecret2))
	r.write(radcli, r.documented(page, "/etc/radcli/radiusclient.conf", "192.0.2.10:1812", r.addr, "/etc/radcli/servers", servers))
	r.write(filepath.Join(dir, "ocserv.conf"), r.documented(page, "/etc/ocserv/ocserv.conf", "/etc/radcli/radiusclient.conf", radcli)+strings.Join([]string{
		"tcp-port = " + port, "listen-host = 127.0.0.1", "socket-file = " + filepath.Join(dir, "socket"), "isolate-workers = false",
		"server-cert = " + files.server, "server-key = " + files.key, "device = vpns", "ipv4-network = 192.168.77.0/24",
		"max-clients = 4", "use-occtl = false", "pid-file = " + filepath.Join(dir, "pid"),
	}, "\n")+"\n")
	r.background(exec.Command("ocserv", "-f", "-d", "3", "-c", filepath.Join(dir, "ocserv.conf")), "listening (TCP)")
	return port
}

func TestOpenConnectShowsTheNumber(t *testing.T) {
	r := newRig(t, Settings{}, local127(number))
	phone := r.person("zoe", false)
	files := r.certificates()
	port := r.ocserv(files)
	prompt := r.converse(t.Context(), nil, "openconnect", "--authenticate", "--cafile="+files.ca, "--user=zoe", "--no-dtls", "https://127.0.0.1:"+port)
	prompt.await(regexp.MustCompile(`Password:`))
	prompt.enter(password)
	n := prompt.await(shown)[1]
	r.approve(phone, n)
	prompt.enter("")
	out, err := prompt.end()
	if err != nil || !strings.Contains(out, "COOKIE=") {
		t.Fatalf("no cookie (%v):\n%s", err, out)
	}
}

// radsecproxy starts one proxy that takes UDP and speaks TLS, and one that does
// the opposite, and gives the port of the first: what lies between them is
// RADIUS over TLS (RFC 6614).
func (r *rig) radsecproxy() string {
	r.Helper()
	dir, files, near, far := r.TempDir(), r.certificates(), r.freePort("udp"), r.freePort("tcp")
	host, port, err := net.SplitHostPort(r.addr)
	r.check(err)
	const page = "radius-tls.md"
	common := []string{
		"/etc/radsecproxy/ca.pem", files.ca, "/etc/radsecproxy/cert.pem", files.server, "/etc/radsecproxy/key.pem", files.key,
		"HOST", "127.0.0.1", "SECRET", sharedSecret2,
	}
	stderr := "LogDestination file:///dev/stderr\n"
	r.write(filepath.Join(dir, "near.conf"), stderr+r.documented(page, "near.conf", append(common, "127.0.0.1:1812", "127.0.0.1:"+near, "port 2083", "port "+far)...))
	r.write(filepath.Join(dir, "far.conf"), stderr+r.documented(page, "far.conf", append(common, "*:2083", "127.0.0.1:"+far, "host 127.0.0.1\n\tport 1812", "host "+host+"\n\tport "+port)...))
	for _, name := range []string{"far", "near"} {
		r.background(exec.Command("radsecproxy", "-f", "-d", "2", "-c", filepath.Join(dir, name+".conf")), "listening")
	}
	return near
}

func TestRADIUSOverTLS(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", func(c *directory.NewClient) { c.RADIUSSecret = []byte(sharedSecret2) }))
	phone := r.person("zoe", false)
	port := r.radsecproxy()
	through := func(lines ...string) string {
		lines = append(lines, "Message-Authenticator = 0x00")
		return r.run(strings.Join(lines, "\n")+"\n", "radclient", "-x", "-r", "5", "-t", "10", "127.0.0.1:"+port, "auth", sharedSecret2)
	}
	name := `User-Name = "zoe"`
	out := through(name, `User-Password = "`+password+`"`)
	wantPrinted(t, out, "Received Access-Challenge")
	done := make(chan string, 1)
	go func() { done <- through(name, `User-Password = ""`, "State = "+attribute(out, "State")) }()
	rest(t.Context(), 12*time.Second) // past the time of the first try
	r.approve(phone, strings.TrimPrefix(attribute(out, "Reply-Message"), "Enter ")[:2])
	wantPrinted(t, <-done, "Received Access-Accept")
}
