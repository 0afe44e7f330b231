//go:build radius

package radius

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"layeh.com/radius"
)

// process is the real server with a real device, each in a process of its own.
type process struct {
	*testing.T
	bin, data, device, radius, http string
	server                          *exec.Cmd
}

// newProcess builds the programs, and enrols a device for zoe.
func newProcess(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	r := &rig{T: t}
	p := &process{
		T: t, bin: filepath.Join(dir, "bin"), data: filepath.Join(dir, "data"), device: filepath.Join(dir, "device"),
		radius: "127.0.0.1:" + r.freePort("udp"), http: "127.0.0.1:" + r.freePort("tcp"),
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.bin+"/", "./cmd/countersignd", "./cmd/countersign-lab")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("limits: {starts_5m: 1000, starts_1h: 1000, starts_1d: 1000, backoff: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.serve(config)
	t.Cleanup(p.kill)
	p.admin(password, "user", "add", "zoe", "--password-stdin")
	p.admin(sharedSecret, "client", "add", "push", "--kind", "nps", "--nps-version", "1.2.2216.1", "--override", "FALSE", "--address", "127.0.0.2", "--radius-secret-stdin")
	p.admin(sharedSecret, "client", "add", "prompt", "--kind", "radius", "--address", "127.0.0.3", "--radius-secret-stdin")
	p.enrol()
	return p
}

// serve starts the server, and waits until it serves RADIUS.
func (p *process) serve(config string) {
	p.Helper()
	p.server = exec.Command(filepath.Join(p.bin, "countersignd"), "serve", "--data", p.data, "--listen", p.http, "--radius", p.radius, "--config", config)
	output, err := p.server.StderrPipe()
	if err == nil {
		err = p.server.Start()
	}
	if err != nil {
		p.Fatal(err)
	}
	lines, up := bufio.NewScanner(output), false
	for !up && lines.Scan() {
		up = strings.Contains(lines.Text(), "connected to the relay")
	}
	if !up {
		p.Fatal("the server did not start")
	}
	go func() {
		for lines.Scan() { // or the pipe fills up
		}
	}()
}

// kill ends the server as a power failure would.
func (p *process) kill() {
	if p.server.ProcessState == nil {
		_ = p.server.Process.Signal(syscall.SIGKILL)
		_ = p.server.Wait()
	}
}

// restart gives the server its config again.
func (p *process) restart() {
	p.Helper()
	config := p.server.Args[len(p.server.Args)-1]
	p.kill()
	p.serve(config)
}

func (p *process) admin(stdin string, args ...string) {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), filepath.Join(p.bin, "countersignd"), append(args, "--data", p.data)...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// enrol enrols the device: the link from the one program into the other, and
// the number the same way.
func (p *process) enrol() {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	verifier := exec.CommandContext(ctx, filepath.Join(p.bin, "countersignd"), "enrol", "zoe", "--wait", "--json", "--data", p.data)
	output, err := verifier.StdoutPipe()
	if err == nil {
		err = verifier.Start()
	}
	if err != nil {
		p.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	next := func() (line struct{ Link, Number, State string }) {
		p.Helper()
		if !lines.Scan() {
			p.Fatalf("enrol ended: %v", verifier.Wait())
		}
		if err := json.Unmarshal(lines.Bytes(), &line, json.MatchCaseInsensitiveNames(true)); err != nil {
			p.Fatal(err)
		}
		return line
	}
	device := exec.CommandContext(ctx, filepath.Join(p.bin, "countersign-lab"), "device", "--state", p.device, "enrol", next().Link,
		"--platform", "android", "--number", "-")
	number, err := device.StdinPipe()
	var out bytes.Buffer
	device.Stdout, device.Stderr = &out, &out
	if err == nil {
		err = device.Start()
	}
	if err != nil {
		p.Fatal(err)
	}
	line := next()
	for line.Number == "" {
		line = next()
	}
	if _, err := io.WriteString(number, line.Number+"\n"); err != nil {
		p.Fatal(err)
	}
	if err := errors.Join(device.Wait(), verifier.Wait()); err != nil {
		p.Fatalf("enrolling: %v\n%s", err, out.String())
	}
}

// answer lets the device answer what it is asked, now or when it comes.
func (p *process) answer(args ...string) {
	p.Helper()
	args = append([]string{"device", "--state", p.device, "answer", "--wait", "20s", "--json"}, args...)
	if out, err := exec.CommandContext(p.Context(), filepath.Join(p.bin, "countersign-lab"), args...).CombinedOutput(); err != nil {
		p.Fatalf("answering: %v\n%s", err, out)
	}
}

// pending waits until the server has started its first challenge of a kind.
func (p *process) pending(experience string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+"/metrics", nil)
		if err != nil {
			p.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			p.Fatal(err)
		}
		metrics, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			p.Fatal(err)
		}
		if strings.Contains(string(metrics), `countersign_challenges_started_total{experience="`+experience+`"} 1`) {
			return
		}
		rest(ctx, 10*time.Millisecond)
	}
	p.Fatal("no challenge was started")
}

// Killed during a push, the server lets nobody in by it afterwards, not even
// when the user has approved it meanwhile.
func TestKilledDuringAPush(t *testing.T) {
	p := newProcess(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	caller := func(address string) *caller { return (&rig{T: t, addr: p.radius}).from(address) }

	c := caller("127.0.0.2")
	raw := c.signed(ask("zoe", password))
	c.send(raw)
	p.pending("approve_deny")
	p.restart()
	p.answer("--approve") // what was pending can still be answered
	c.send(raw)
	reply, first := c.receive(raw)
	wantCode(t, reply, radius.CodeAccessReject)
	c.send(raw)
	if _, again := c.receive(raw); !bytes.Equal(first, again) {
		t.Fatal("the answer changed")
	}

	c = caller("127.0.0.3")
	number, state := c.prompted("zoe")
	enter := c.signed(pressEnter("zoe", state))
	c.send(enter)
	c.silence()
	p.restart()
	p.answer("--number", number)
	c.send(enter)
	reply, _ = c.receive(enter)
	wantCode(t, reply, radius.CodeAccessReject)

	// And it serves as before.
	number, state = c.prompted("zoe")
	p.answer("--number", number)
	wantCode(t, c.exchange(pressEnter("zoe", state)), radius.CodeAccessAccept)
}
