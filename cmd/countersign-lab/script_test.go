package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"countersign/lab"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"countersign-lab": main})
}

// countersignd builds the server.
func countersignd(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "countersignd")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "countersign/cmd/countersignd").CombinedOutput()
	if err != nil {
		t.Fatalf("building the server: %v\n%s", err, out)
	}
	return binary
}

// server is a countersignd that runs.
type server struct {
	binary, data, url, key string
	stop                   func()
}

const serverConfig = "limits: {starts_5m: 100, starts_1h: 100, starts_1d: 100, backoff: []}\n"

// serve starts a server with a user zoe and a client of kind web.
func serve(ctx context.Context, binary, dir string) (*server, error) {
	s := &server{binary: binary, data: filepath.Join(dir, "server")}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(serverConfig), 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, binary, "serve", "--data", s.data, "--listen", "127.0.0.1:0", "--config", config)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	log, err := cmd.StderrPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	ready := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if _, rest, ok := strings.Cut(lines.Text(), "msg=serving"); ok {
				_, url, _ := strings.Cut(rest, "url=")
				ready <- strings.Fields(url)[0]
			}
		}
	}()
	s.stop = func() {
		cancel()
		<-drained
		_ = cmd.Wait()
	}
	select {
	case s.url = <-ready:
	case <-drained:
		s.stop()
		return nil, errors.New("the server did not start")
	}
	if _, err := s.admin("password123\n", "user", "add", "zoe", "--data", s.data, "--password-stdin"); err != nil {
		s.stop()
		return nil, err
	}
	client, err := s.admin("", "client", "add", "web", "--kind", "web", "--data", s.data, "--json")
	if err != nil {
		s.stop()
		return nil, err
	}
	s.key, err = member(client, "key")
	return s, err
}

func (s *server) admin(stdin string, args ...string) (string, error) {
	cmd := exec.Command(s.binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("countersignd %s: %w: %s", args[0], err, stderr.String())
	}
	return stdout.String(), nil
}

func member(object, name string) (string, error) {
	var m map[string]any
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		return "", err
	}
	value, _ := m[name].(string)
	return value, nil
}

// invite makes a link. What becomes of it is written to a file, the number
// included; wait waits for the end, and the end of ctx is one.
func (s *server) invite(ctx context.Context, file string) (link string, wait func() error, err error) {
	cmd := exec.CommandContext(ctx, s.binary, "enrol", "zoe", "--data", s.data, "--json", "--wait", "--totp")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		return "", nil, err
	}
	copied := make(chan error, 1)
	go func() {
		f, err := os.Create(file)
		if err == nil {
			_, err = io.Copy(f, lines)
			err = errors.Join(err, f.Close())
		}
		copied <- err
	}()
	link, err = member(first, "link")
	return link, func() error { return errors.Join(<-copied, cmd.Wait()) }, err
}

// api calls the relying parties' interface.
func (s *server) api(ctx context.Context, method, path, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %s", method, path, data)
	}
	return string(data), err
}

func TestScripts(t *testing.T) {
	binary := countersignd(t)
	type state struct{ server *server }
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Values["state"] = &state{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// serve: a server with the user zoe, password password123, at $URL with
			// the client's key in $KEY.
			"serve": func(ts *testscript.TestScript, _ bool, _ []string) {
				s, err := serve(context.Background(), binary, ts.Getenv("WORK"))
				ts.Check(err)
				ts.Defer(s.stop)
				ts.Value("state").(*state).server = s
				ts.Setenv("URL", s.url)
				ts.Setenv("KEY", s.key)
			},
			// link: sets $LINK; its number appears in the file number.
			"link": func(ts *testscript.TestScript, _ bool, _ []string) {
				file := ts.MkAbs("enrolment.json")
				_ = os.Remove(file)
				ctx, cancel := context.WithCancel(context.Background())
				link, wait, err := ts.Value("state").(*state).server.invite(ctx, file)
				ts.Check(err)
				ts.Defer(func() {
					cancel()
					_ = wait()
				})
				ts.Setenv("LINK", link)
				ts.Setenv("SHOW", `until n=$(sed -n 's/.*"number":"\([0-9]*\)".*/\1/p' enrolment.json 2>/dev/null) && [ -n "$n" ]; do sleep 0.05; done; echo $n`)
			},
			// start BODY: starts a challenge, sets $NUMBER, $WRONG and $ID.
			"start": func(ts *testscript.TestScript, _ bool, args []string) {
				body := `{"user":"zoe","context":{"app":"Payroll","ip":"203.0.113.7"}}`
				if len(args) > 0 {
					body = args[0]
				}
				reply, err := ts.Value("state").(*state).server.api(context.Background(), http.MethodPost, "/challenges", body)
				ts.Check(err)
				number, err := member(reply, "number")
				ts.Check(err)
				id, err := member(reply, "id")
				ts.Check(err)
				ts.Setenv("NUMBER", number)
				ts.Setenv("ID", id)
				if n, err := strconv.Atoi(number); err == nil {
					ts.Setenv("WRONG", strconv.Itoa(10+(n-9)%90))
				}
			},
			// ends STATE [REASON]: what the relying party is told.
			"ends": func(ts *testscript.TestScript, _ bool, args []string) {
				reply, err := ts.Value("state").(*state).server.api(context.Background(), http.MethodGet, "/challenges/"+ts.Getenv("ID")+"?wait=5s", "")
				ts.Check(err)
				for i, name := range []string{"state", "reason"} {
					got, err := member(reply, name)
					ts.Check(err)
					if i < len(args) && got != args[i] {
						ts.Fatalf("%s is %s, want %s", name, got, args[i])
					}
				}
			},
			// remove: takes zoe's devices away.
			"remove": func(ts *testscript.TestScript, _ bool, _ []string) {
				s := ts.Value("state").(*state).server
				list, err := s.admin("", "device", "list", "zoe", "--data", s.data, "--json")
				ts.Check(err)
				var devices []struct {
					ID string `json:"id"`
				}
				ts.Check(json.Unmarshal([]byte(list), &devices))
				for _, d := range devices {
					_, err := s.admin("", "device", "remove", d.ID, "--data", s.data)
					ts.Check(err)
				}
			},
			// status N CMD...: runs a command that ends with exit status N.
			"status": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				var exit *exec.ExitError
				if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
					got = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if got != want {
					ts.Fatalf("exit status %d, want %d", got, want)
				}
			},
		},
	})
}

// TestRunPromptsAPerson drives the terminal authenticator as a person would, and
// ends it as Ctrl-C does.
func TestRunPromptsAPerson(t *testing.T) {
	dir := t.TempDir()
	s, err := serve(t.Context(), countersignd(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	numbers := filepath.Join(dir, "enrolment.json")
	link, wait, err := s.invite(t.Context(), numbers)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "device")
	show := fmt.Sprintf(`until n=$(sed -n 's/.*"number":"\([0-9]*\)".*/\1/p' %q 2>/dev/null) && [ -n "$n" ]; do sleep 0.05; done; echo $n`, numbers)
	var out, problems bytes.Buffer
	if status := run([]string{"device", "--state", state, "enrol", link, "--number", show}, strings.NewReader(""), &out, &problems, func(string) string { return "" }); status != 0 {
		t.Fatalf("enrol: %d %s %s", status, out.String(), problems.String())
	}
	if err := wait(); err != nil {
		t.Fatal(err)
	}

	device, err := lab.Open(t.Context(), lab.Options{Dir: state, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	hands, keyboard := io.Pipe()
	screen, drawing := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- device.Run(ctx, lab.NewTerminal(hands, drawing))
		_ = drawing.Close()
	}()
	eyes := &reader{t: t, r: bufio.NewReader(screen)}
	eyes.until("Waiting for sign-ins")

	type step struct{ answer, words, state, reason string }
	for _, x := range []step{
		{"", "Approved. You are signed in.", "approved", ""}, // "" is the number
		{"n", "Denied.", "denied", "user"},
		{"r", "Denied and reported.", "denied", "reported"},
	} {
		reply, err := s.api(t.Context(), http.MethodPost, "/challenges", `{"user":"zoe","context":{"app":"Payroll","ip":"203.0.113.9"}}`)
		if err != nil {
			t.Fatal(err)
		}
		number, _ := member(reply, "number")
		id, _ := member(reply, "id")
		seen := eyes.until("No, it's not me: ")
		if !strings.Contains(seen, "Payroll") || strings.Contains(seen, " "+number+" ") {
			t.Errorf("the prompt is %q", seen)
		}
		_, _ = fmt.Fprintln(keyboard, "what?") // no answer: it is asked again
		eyes.until("No, it's not me: ")
		if x.answer == "" {
			x.answer = number
		}
		_, _ = fmt.Fprintln(keyboard, x.answer)
		eyes.until(x.words)
		reply, err = s.api(t.Context(), http.MethodGet, "/challenges/"+id+"?wait=5s", "")
		if err != nil {
			t.Fatal(err)
		}
		if state, _ := member(reply, "state"); state != x.state {
			t.Errorf("%s ends %s", x.answer, reply)
		}
	}
	_, _ = fmt.Fprintln(keyboard, "42")
	eyes.until("No sign-in is waiting.")
	go func() { _, _ = io.Copy(io.Discard, screen) }()
	interrupt()
	if err := <-done; err != nil {
		t.Errorf("Ctrl-C ends with %v", err)
	}
	_ = keyboard.Close()
}

// reader waits for words on the terminal.
type reader struct {
	t *testing.T
	r *bufio.Reader
}

func (r *reader) until(words string) string {
	r.t.Helper()
	found := make(chan string, 1)
	go func() {
		var seen strings.Builder
		for !strings.HasSuffix(seen.String(), words) {
			b, err := r.r.ReadByte()
			if err != nil {
				break
			}
			seen.WriteByte(b)
		}
		found <- seen.String()
	}()
	select {
	case seen := <-found:
		if !strings.HasSuffix(seen, words) {
			r.t.Fatalf("%q ended without %q", seen, words)
		}
		return seen
	case <-time.After(20 * time.Second):
		r.t.Fatalf("%q did not come", words)
		return ""
	}
}
