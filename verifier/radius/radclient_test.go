package radius

import (
	"bytes"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"countersign/verifier/policy"
)

// radclient runs FreeRADIUS's client once: a request made of lines such as
// `User-Name = "zoe"`. It gives what the program printed.
func (r *rig) radclient(from string, lines ...string) string {
	r.Helper()
	host, port, err := net.SplitHostPort(r.addr)
	r.check(err)
	lines = append(lines, "Message-Authenticator = 0x00", "Packet-Src-IP-Address = "+from)
	return r.run(strings.Join(lines, "\n")+"\n", "radclient", "-x", "-r", "1", "-t", "20", host+":"+port, "auth", sharedSecret)
}

// run runs a program that may fail: its exit status is not looked at.
func (r *rig) run(stdin, name string, args ...string) string {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if _, ran := err.(*exec.ExitError); !ran { //nolint:errorlint // exec documents the type
			r.Fatalf("%s: %v (make deps installs it)", name, err)
		}
	}
	return out.String()
}

// attribute is the value that radclient printed for an attribute.
func attribute(out, name string) string {
	_, received, _ := strings.Cut(out, "Received ")
	for line := range strings.Lines(received) {
		if left, right, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && left == name {
			return strings.Trim(right, `"`)
		}
	}
	return ""
}

func wantPrinted(t *testing.T, out, want string) {
	t.Helper()
	if !strings.Contains(out, want) {
		t.Fatalf("%q is missing from:\n%s", want, out)
	}
}

func TestRadclientSignsIn(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3", nps("1.2.2216.1", policy.OverrideFalse)), clientAt("127.0.0.4", noPrompt), clientAt("127.0.0.1", noPrompt),
		clientAt("127.0.0.5", nps("1.2.2216.1", policy.OverrideUnset)))
	phone := r.person("zoe", true)
	r.person("kim", true)
	kim, right := `User-Name = "kim"`, `User-Password = "`+password+`"`

	t.Run("by the number in the prompt", func(t *testing.T) {
		out := r.radclient("127.0.0.2", `User-Name = "zoe"`, right)
		wantPrinted(t, out, "Received Access-Challenge")
		number := strings.TrimPrefix(attribute(out, "Reply-Message"), "Enter ")[:2]
		r.approve(phone, number)
		out = r.radclient("127.0.0.2", `User-Name = "zoe"`, `User-Password = ""`, "State = "+attribute(out, "State"))
		wantPrinted(t, out, "Received Access-Accept")
		<-r.started
	})
	t.Run("by Approve/Deny in one request", func(t *testing.T) {
		done := make(chan string)
		go func() { done <- r.radclient("127.0.0.3", `User-Name = "zoe"`, right) }()
		<-r.started
		r.approve(phone, "")
		wantPrinted(t, <-done, "Received Access-Accept")
	})
	t.Run("by a code after the password", func(t *testing.T) {
		wantPrinted(t, r.radclient("127.0.0.4", kim, right), "Received Access-Reject")
		wantPrinted(t, r.radclient("127.0.0.4", kim, `User-Password = "`+password+","+r.code()+`"`), "Received Access-Accept")
	})
	t.Run("not by a code over MS-CHAP, of which the event log tells", func(t *testing.T) {
		out := r.radclient("127.0.0.5", `User-Name = "kim"`, `MS-CHAP-Password = "`+password+`"`)
		wantPrinted(t, out, "Received Access-Reject")
		all := r.eventLog()
		for _, e := range all {
			if e.Channel == "AuthZOptCh" && strings.HasSuffix(e.Message, "Challenge requested in Authentication extension for the user kim") {
				return
			}
		}
		t.Fatalf("the event is missing from %+v", all)
	})
	t.Run("by radtest with a code after the password", func(t *testing.T) {
		r.Clock.Move(time.Minute) // the code before was used
		out := r.run("", "radtest", "kim", password+","+r.code(), r.addr, "1", sharedSecret)
		wantPrinted(t, out, "Received Access-Accept")
	})
	t.Run("and sees the server alive", func(t *testing.T) {
		host, port, err := net.SplitHostPort(r.addr)
		r.check(err)
		out := r.run("Message-Authenticator = 0x00\nPacket-Src-IP-Address = 127.0.0.2\n", "radclient", "-x", "-r", "1", net.JoinHostPort(host, port), "status", sharedSecret)
		wantPrinted(t, out, "Received Access-Accept")
	})
}
