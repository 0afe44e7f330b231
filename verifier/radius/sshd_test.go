package radius

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
)

// pamWrapper lets PAM read its services from a folder of the test's own
// (cwrap.org), so that nothing under /etc is touched.
const pamWrapper = "libpam_wrapper.so"

// patience is how long a test waits for another program.
const patience = 30 * time.Second

// documented gives a file as a page of the documentation shows it, with the
// page's example values replaced: what the pages say is what the tests run.
func (r *rig) documented(page, file string, replace ...string) string {
	r.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	r.check(err)
	at := regexp.MustCompile("(?s)\n```[a-z]+ " + regexp.QuoteMeta(file) + "\n(.*?)\n```").FindSubmatch(raw)
	if at == nil {
		r.Fatalf("docs/%s does not show %s", page, file)
	}
	block := string(at[1])
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(block, replace[i]) {
			r.Fatalf("docs/%s: %s has no %q", page, file, replace[i])
		}
		block = strings.ReplaceAll(block, replace[i], replace[i+1])
	}
	return block + "\n"
}

// pam writes a PAM service as a page shows it, and gives the environment in
// which programs use it.
func (r *rig) pam(page, service string) []string {
	r.Helper()
	dir := r.TempDir()
	conf := filepath.Join(dir, "pam_radius.conf")
	r.write(conf, r.documented("radius-openssh.md", "/etc/pam_radius_auth.conf", "192.0.2.10:1812", r.addr, "SECRET", sharedSecret2))
	text := r.documented(page, "/etc/pam.d/"+service, "/etc/pam_radius_auth.conf", conf)
	for _, kind := range []string{"account", "session"} { // Debian's own files have more of these
		if !strings.Contains(text, kind) {
			text += kind + " required pam_permit.so\n"
		}
	}
	r.write(filepath.Join(dir, service), text)
	return append(os.Environ(), "LD_PRELOAD="+pamWrapper, "PAM_WRAPPER=1", "PAM_WRAPPER_SERVICE_DIR="+dir)
}

// sharedSecret2 has no spaces, which separate the fields of pam_radius's file.
const sharedSecret2 = "a-secret-without-any-space"

func (r *rig) write(path, text string) {
	r.Helper()
	r.check(os.WriteFile(path, []byte(text), 0o600))
}

// local127 is a RADIUS client on this machine that sends no Message-Authenticator,
// as Debian's pam_radius and radcli do not.
func local127(kind func(*directory.NewClient)) directory.NewClient {
	c := clientAt("127.0.0.1", unsigned, kind)
	c.Name, c.RADIUSSecret = "loopback", []byte(sharedSecret2)
	return c
}

func number(c *directory.NewClient) { c.Kind = policy.KindRADIUS }

// sshd starts a real SSH server whose keyboard-interactive sign-in is PAM's, and
// gives its port.
func (r *rig) sshd() string {
	r.Helper()
	dir := r.TempDir()
	key := filepath.Join(dir, "host_key")
	if out := r.run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key); out != "" {
		r.Fatal(out)
	}
	listener, err := (&net.ListenConfig{}).Listen(r.Context(), "tcp", "127.0.0.1:0")
	r.check(err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	r.check(err)
	r.check(listener.Close())
	r.write(filepath.Join(dir, "config"), strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + key, "PidFile none", "StrictModes no", "PermitRootLogin yes",
		"ForceCommand echo signed in as $USER", "PrintMotd no",
	}, "\n")+"\n"+r.documented("radius-openssh.md", "/etc/ssh/sshd_config.d/countersign.conf"))
	if os.Getuid() == 0 {
		r.check(os.MkdirAll("/run/sshd", 0o755)) // where Debian's sshd locks itself in
	}
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "config"))
	cmd.Env = r.pam("radius-openssh.md", "sshd")
	r.background(cmd, "Server listening on")
	return port
}

// background starts a program, waits for a line that says that it is ready, and
// ends it with the test.
func (r *rig) background(cmd *exec.Cmd, ready string) {
	r.Helper()
	output, err := cmd.StderrPipe()
	r.check(err)
	if cmd.Stdout == nil {
		cmd.Stdout = cmd.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.check(cmd.Start())
	up, lines := make(chan struct{}), &bytes.Buffer{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		scanner, said := bufio.NewScanner(output), false
		for scanner.Scan() {
			lines.WriteString(scanner.Text() + "\n")
			if !said && strings.Contains(scanner.Text(), ready) {
				said = true
				close(up)
			}
		}
	}()
	r.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		kill := time.AfterFunc(5*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		<-done
		_ = cmd.Wait()
		kill.Stop()
		if r.Failed() {
			r.Logf("%s said:\n%s", filepath.Base(cmd.Path), lines)
		}
	})
	select {
	case <-up:
	case <-done:
		r.Fatalf("%s ended early:\n%s", cmd.Path, lines)
	case <-time.After(patience):
		r.Fatalf("%s is not ready", cmd.Path)
	}
}

// askpass is a program that answers ssh's questions: it hands each one to the
// test, except for the password's, which it answers.
type askpass struct {
	path    string
	prompts *bufio.Reader
}

func (r *rig) askpass() askpass {
	r.Helper()
	dir := r.TempDir()
	fifo := filepath.Join(dir, "prompts")
	r.check(syscall.Mkfifo(fifo, 0o600))
	// Opened for both: neither end then waits for the other.
	file, err := os.OpenFile(fifo, os.O_RDWR, 0)
	r.check(err)
	r.Cleanup(func() { _ = file.Close() })
	r.check(file.SetReadDeadline(time.Now().Add(patience)))
	path := filepath.Join(dir, "askpass")
	r.check(os.WriteFile(path, []byte(`#!/bin/sh
case "$1" in
*"authenticator app"*) printf '%s\n' "$1" >`+fifo+` && echo ;;
*) echo "`+password+`" ;;
esac
`), 0o700))
	return askpass{path, bufio.NewReader(file)}
}

// ssh signs in and gives what came out.
func (r *rig) ssh(ctx context.Context, port, name string, ask askpass) (string, error) {
	cmd := exec.CommandContext(ctx, "ssh", "-F", "none", "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "PreferredAuthentications=keyboard-interactive", "-o", "NumberOfPasswordPrompts=1", name+"@127.0.0.1")
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+ask.path, "SSH_ASKPASS_REQUIRE=force")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestOpenSSHShowsTheNumber(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Settings{}, local127(number))
	phone := r.person(me.Username, false)
	port := r.sshd()
	for _, tt := range []struct {
		name    string
		number  func(shown string) string
		granted bool
	}{
		{"the number that the terminal shows lets in", func(shown string) string { return shown }, true},
		{"another number keeps out", func(shown string) string {
			if shown == "55" {
				return "56"
			}
			return "55"
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask := r.askpass()
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			type ended struct {
				out string
				err error
			}
			done := make(chan ended, 1)
			go func() {
				out, err := r.ssh(ctx, port, me.Username, ask)
				done <- ended{out, err}
			}()
			line, err := ask.prompts.ReadString('\n')
			if err != nil {
				t.Fatalf("no prompt came: %v; %+v", err, <-done)
			}
			_, text, found := strings.Cut(strings.TrimSpace(line), "Enter ")
			if !found || !strings.HasSuffix(text, " in your authenticator app, then press Enter") {
				t.Fatalf("the prompt is %q", line)
			}
			r.approve(phone, tt.number(text[:2]))
			end := <-done
			if got := strings.Contains(end.out, "signed in as "+me.Username); got != tt.granted || (end.err == nil) != tt.granted {
				t.Fatalf("let in: %v, want %v; ssh said %q, %v", got, tt.granted, end.out, end.err)
			}
		})
	}
}
