package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start runs a program in a process group of its own until the test ends; its
// standard error is kept.
func start(t *testing.T, cmd *exec.Cmd, log string) {
	t.Helper()
	if cmd.Stderr == nil {
		cmd.Stderr = logFile(t, log)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	t.Cleanup(func() { end(cmd, syscall.SIGTERM) })
}

// end stops a program and its children, and makes sure of it.
func end(cmd *exec.Cmd, signal syscall.Signal) {
	if cmd.ProcessState != nil {
		return // ended, and waited for
	}
	_ = syscall.Kill(-cmd.Process.Pid, signal)
	sure := time.AfterFunc(15*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer sure.Stop()
	_ = cmd.Wait() // what it says of the signal is known
	// The children are not waited for; a new app must not find the old one.
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	for syscall.Kill(-cmd.Process.Pid, 0) == nil {
		select {
		case <-ticks.C:
		case <-deadline.C:
			return
		}
	}
}

// server is a countersignd that serves.
type server struct {
	t        *testing.T
	data     string
	url      string
	password string // of the demo's user
	cmd      *exec.Cmd
}

// limits let one user start many sign-ins in a row, as a test does.
const limits = "limits: {starts_5m: 1000, starts_1h: 1000, starts_1d: 1000, backoff: []}\n"

// demoUser is the user that serve --demo makes.
const demoUser = "alex@contoso.example"

var (
	demoPage     = regexp.MustCompile(`Sign-in page +(http\S+)`)
	demoPassword = regexp.MustCompile(`Password +(\S+)`)
)

// serve starts a demo server on a free port of loopback.
func serve(t *testing.T, config string, flags ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, data: filepath.Join(dir, "server")}
	file := filepath.Join(dir, "config.yaml")
	if !strings.Contains(config, "limits:") {
		config = limits + config
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(shared.program("countersignd"), append([]string{"serve", "--demo", "--data", s.data, "--listen", "127.0.0.1:0", "--config", file}, flags...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, s.cmd, "server.log")
	lines := follow(out)
	for s.url == "" || s.password == "" {
		line := next(t, lines, "the demo's address and password")
		if m := demoPage.FindStringSubmatch(line); m != nil {
			s.url = m[1]
		}
		if m := demoPassword.FindStringSubmatch(line); m != nil {
			s.password = m[1]
		}
	}
	return s
}

// in gives the server to a part of a test, whose files and failures are its own.
func (s *server) in(t *testing.T) *server {
	part := *s
	part.t = t
	return &part
}

// follow gives what a program writes, line by line, until it ends.
func follow(out io.Reader) <-chan string {
	lines := make(chan string, 64)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// next waits for a line.
func next(t *testing.T, lines <-chan string, what string) string {
	t.Helper()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	select {
	case line, ok := <-lines:
		if !ok {
			t.Fatalf("the program ended before it wrote %s", what)
		}
		return line
	case <-timeout.C:
		t.Fatalf("a minute has passed without %s", what)
	}
	return ""
}

// admin runs a command of the server's on its data.
func (s *server) admin(stdin string, args ...string) string {
	s.t.Helper()
	return output(s.t, stdin, shared.program("countersignd"), append(args, "--data", s.data)...)
}

// output runs a program that has to work, and gives what it writes.
func output(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	text, errors, err := try(t.Context(), stdin, program, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", filepath.Base(program), args, err, text, errors)
	}
	return text
}

func try(ctx context.Context, stdin, program string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	err = cmd.Run()
	return out.String(), errors.String(), err
}

// user adds a user with a password.
func (s *server) user(name string, flags ...string) {
	s.t.Helper()
	s.admin(password+"\n", append([]string{"user", "add", name, "--password-stdin"}, flags...)...)
}

// password is that of every user but the demo's.
const password = "correct horse battery"

// totp registers a code for a user and gives its otpauth link.
func (s *server) totp(name string) string {
	s.t.Helper()
	return member(s.t, s.admin("", "user", "totp", name, "--json"), "uri")
}

// member takes a text out of a JSON object.
func member(t *testing.T, object, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	text, ok := m[name].(string)
	if !ok {
		t.Fatalf("no %s in %s", name, object)
	}
	return text
}

// enrolment is a link, and what comes of it.
type enrolment struct {
	t     *testing.T
	link  string
	lines <-chan string
}

// enrolment makes a link on the command line and follows it.
func (s *server) enrolment(user string, flags ...string) *enrolment {
	s.t.Helper()
	cmd := exec.Command(shared.program("countersignd"), append([]string{"enrol", user, "--data", s.data, "--json", "--wait"}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	start(s.t, cmd, "enrol.log")
	e := &enrolment{t: s.t, lines: follow(out)}
	e.link = member(s.t, next(s.t, e.lines, "the link"), "link")
	return e
}

// number waits for a device, and gives the number to type there.
func (e *enrolment) number() string {
	e.t.Helper()
	return member(e.t, next(e.t, e.lines, "a device"), "number")
}

// enrolled waits for the end, which must be a good one.
func (e *enrolment) enrolled() {
	e.t.Helper()
	if state := member(e.t, next(e.t, e.lines, "the end of the enrolment"), "state"); state != "enrolled" {
		e.t.Fatalf("the enrolment is %s", state)
	}
}

// device is a virtual phone.
type device struct {
	t   *testing.T
	dir string
}

// device enrols a virtual phone for a user.
func (s *server) device(user string, flags ...string) *device {
	s.t.Helper()
	e := s.enrolment(user)
	d := &device{t: s.t, dir: filepath.Join(s.t.TempDir(), "device")}
	typed := d.enrol(e.link, append([]string{"--name", "Phone of " + user}, flags...)...)
	typed(e.number())
	e.enrolled()
	return d
}

// enrol begins an enrolment; the function that it gives types the number, and
// waits until the device says that it is enrolled.
func (d *device) enrol(link string, flags ...string) func(number string) {
	d.t.Helper()
	args := append([]string{"device", "--state", d.dir, "enrol", link, "--platform", "android", "--number", "-"}, flags...)
	cmd := exec.Command(shared.program("countersign-lab"), args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	start(d.t, cmd, "device.log")
	return func(number string) {
		d.t.Helper()
		if _, err := io.WriteString(in, number+"\n"); err != nil {
			d.t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			d.t.Fatalf("the device did not enrol: %v", err)
		}
	}
}

// answering is an answer that is on the way.
type answering struct {
	t      *testing.T
	done   chan struct{}
	stdout string
	stderr string
	err    error
}

// answer answers one request in the background; wait tells how it went.
func (d *device) answer(args ...string) *answering {
	d.t.Helper()
	a := &answering{t: d.t, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.stdout, a.stderr, a.err = try(d.t.Context(), "", shared.program("countersign-lab"),
			append([]string{"device", "--state", d.dir, "answer", "--json", "--wait", "60s"}, args...)...)
	}()
	d.t.Cleanup(func() { <-a.done })
	return a
}

// wait gives what the device was told, and whether that was as asked.
func (a *answering) wait() (state, reason string, asAsked bool) {
	a.t.Helper()
	<-a.done
	var m struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal([]byte(a.stdout), &m); err != nil {
		a.t.Fatalf("the device said no JSON: %v\n%s%s", a.err, a.stdout, a.stderr)
	}
	return m.State, m.Reason, a.err == nil
}

// ends is sure that the device was told this end.
func (a *answering) ends(state, reason string) {
	a.t.Helper()
	if s, r, _ := a.wait(); s != state || r != reason {
		a.t.Errorf("the device was told %s %s, not %s %s", s, r, state, reason)
	}
}
