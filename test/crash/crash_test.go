// Package crash_test kills the real server and looks at what is left: no settled
// outcome lost, nothing approved that nobody approved, and what was pending
// still answerable. It also starts the server on what cannot work.
package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// bin holds countersignd and countersign-lab, built once.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "countersign-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	build := exec.Command("go", "build", "-o", dir, "countersign/cmd/countersignd", "countersign/cmd/countersign-lab")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the commands:", err)
		return 1
	}
	return m.Run()
}

// server is a countersignd that can be killed and started again.
type server struct {
	t                 *testing.T
	data, config, url string
	key               string
	within            []string // a command that runs the server, and hands it its own process
	process           *exec.Cmd
	log               string // a file
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config.yaml"), url: "http://" + freeAddress(t), log: filepath.Join(dir, "log")}
	limits := "limits: {starts_5m: 100000, starts_1h: 100000, starts_1d: 100000, backoff: []}\n"
	check(t, os.WriteFile(s.config, []byte(limits), 0o600))
	s.start()
	t.Cleanup(s.kill)
	var client struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	s.command(&client, "client", "add", "crash", "--kind", "web", "--json")
	s.key = client.Key
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *server) start() {
	s.t.Helper()
	log, err := os.Create(s.log)
	check(s.t, err)
	defer func() { _ = log.Close() }()
	command := append(slices.Clone(s.within), filepath.Join(bin, "countersignd"), "serve", "--data", s.data, "--config", s.config,
		"--listen", strings.TrimPrefix(s.url, "http://"))
	s.process = exec.Command(command[0], command[1:]...)
	s.process.Stderr = log
	check(s.t, s.process.Start())
	deadline := time.After(20 * time.Second)
	for {
		response, err := http.Get(s.url + "/healthz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-deadline:
			s.t.Fatalf("the server does not start: %s", s.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// said is what the server has logged since it started.
func (s *server) said() string {
	text, err := os.ReadFile(s.log)
	check(s.t, err)
	return string(text)
}

// kill is kill -9: the process gets no chance to put anything in order.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// command runs countersignd on the server's data and decodes what it prints.
func (s *server) command(into any, args ...string) {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), filepath.Join(bin, "countersignd"), append(args, "--data", s.data)...)
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("countersignd %v: %v: %s", args, err, errs.String())
	}
	if into != nil {
		check(s.t, json.Unmarshal(out, into))
	}
}

type challenge struct {
	ID         string `json:"id"`
	Experience string `json:"experience"`
	Number     string `json:"number"`
	State      string `json:"state"`
	Reason     string `json:"reason"`
	Receipt    string `json:"receipt"`
}

// call speaks the API. While the server is down it gives an error.
func (s *server) call(method, path, body string, into any) (int, error) {
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api/v1"+path, strings.NewReader(body))
	check(s.t, err)
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, json.Unmarshal(raw, into)
}

func (s *server) begin(user string) challenge {
	s.t.Helper()
	var c challenge
	status, err := s.call("POST", "/challenges", fmt.Sprintf(`{"user":%q,"ttl":60}`, user), &c)
	if err != nil || status != http.StatusCreated || c.Experience != "number_match" {
		s.t.Fatalf("starting for %s: %d %+v, %v: %s", user, status, c, err, s.said())
	}
	return c
}

// enrolled adds a user with one virtual device and gives the device's folder.
func (s *server) enrolled(user string) string {
	s.t.Helper()
	s.command(nil, "user", "add", user)
	state := filepath.Join(s.t.TempDir(), user)
	enrol := exec.CommandContext(s.t.Context(), filepath.Join(bin, "countersignd"), "enrol", user, "--data", s.data, "--json", "--wait")
	lines, err := enrol.StdoutPipe()
	check(s.t, err)
	check(s.t, enrol.Start())
	decoder := newLines(lines)
	var link struct {
		Link string `json:"link"`
	}
	decoder.next(s.t, &link)
	device := exec.CommandContext(s.t.Context(), filepath.Join(bin, "countersign-lab"), "device", "--state", state, "enrol", link.Link, "--number", "-")
	keys, err := device.StdinPipe()
	check(s.t, err)
	var said bytes.Buffer
	device.Stdout, device.Stderr = &said, &said
	check(s.t, device.Start())
	ended := make(chan error, 1)
	go func() { ended <- device.Wait() }()
	var shown struct {
		Device string `json:"device"`
		Number string `json:"number"`
	}
	if err := decoder.nextUnless(ended, &shown); err != nil {
		s.t.Fatalf("enrolling %s: %v: %s", user, err, said.String())
	}
	_, err = io.WriteString(keys, shown.Number+"\n")
	check(s.t, err)
	check(s.t, keys.Close())
	if err := <-ended; err != nil {
		s.t.Fatalf("enrolling %s: %v: %s", user, err, said.String())
	}
	var final struct {
		State string `json:"state"`
	}
	decoder.next(s.t, &final)
	check(s.t, enrol.Wait())
	if final.State != "enrolled" {
		s.t.Fatalf("the enrolment of %s is %s", user, final.State)
	}
	return state
}

func TestKillNineLosesNothingAndApprovesNothing(t *testing.T) {
	s := newServer(t)
	zoe := s.enrolled("zoe")
	s.enrolled("victim")
	attacked := s.begin("victim") // nobody types this one's number
	dice := rand.New(rand.NewPCG(7, 7))
	settledBefore := map[string]challenge{}
	told := 0
	for round := range 12 {
		c := s.begin("zoe")
		answer := exec.CommandContext(t.Context(), filepath.Join(bin, "countersign-lab"), "device", "--state", zoe,
			"answer", "--number", c.Number, "--wait", "40s")
		var said bytes.Buffer
		answer.Stdout, answer.Stderr = &said, &said
		check(t, answer.Start())
		seen := make(chan challenge, 1)
		go func() {
			var got challenge
			if _, err := s.call("GET", "/challenges/"+c.ID+"?wait=10s", "", &got); err != nil {
				got = challenge{}
			}
			seen <- got
		}()
		<-time.After(time.Duration(dice.IntN(40)) * time.Millisecond)
		s.kill()
		before := <-seen
		s.start()
		waited := answer.Wait()
		var after challenge
		if _, err := s.call("GET", "/challenges/"+c.ID+"?wait=1s", "", &after); err != nil {
			t.Fatal(err)
		}
		switch {
		case before.State == "approved" && after.State != "approved":
			t.Fatalf("round %d: the client was told approved, and it is %+v", round, after)
		case waited == nil && after.State != "approved":
			t.Fatalf("round %d: the device was told approved, and it is %+v", round, after)
		case waited != nil || after.State != "approved" || after.Receipt == "":
			t.Fatalf("round %d: the challenge was not answerable after the kill: %+v: %s", round, after, said.String())
		}
		if before.State == "approved" {
			told++
		}
		settledBefore[c.ID] = after
	}
	t.Logf("in %d of 12 rounds the kill came after the client was told", told)
	for id, want := range settledBefore {
		var got challenge
		if _, err := s.call("GET", "/challenges/"+id, "", &got); err != nil || got != want {
			t.Errorf("%s was %+v, is %+v, %v", id, want, got, err)
		}
	}
	var got challenge
	if _, err := s.call("GET", "/challenges/"+attacked.ID, "", &got); err != nil || got.State == "approved" {
		t.Errorf("what nobody answered is %+v, %v", got, err)
	}
	s.command(nil, "audit", "verify")
}

func TestWhatCannotWorkSaysSoInOneLine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, []byte("startz: 1\n"), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = taken.Close() }()
	data := filepath.Join(dir, "data")
	for _, test := range []struct {
		name   string
		status int
		says   string
		args   []string
	}{
		{"a port in use", 1, "address already in use", []string{"serve", "--data", data, "--listen", taken.Addr().String()}},
		{"a data folder that is a file", 1, file, []string{"serve", "--data", file}},
		{"a wrong flag", 2, "--frob", []string{"serve", "--frob"}},
		{"a bad config key", 2, "startz", []string{"serve", "--data", data, "--config", file}},
		{"no such config", 1, "nowhere.yaml", []string{"serve", "--data", data, "--config", filepath.Join(dir, "nowhere.yaml")}},
		{"the open air without TLS", 2, "--tls-cert", []string{"serve", "--data", data, "--listen", "0.0.0.0:0"}},
		{"half of a certificate", 2, "--tls-key", []string{"serve", "--data", data, "--tls-cert", file}},
		{"a relay for nobody", 2, "--verifier", []string{"relay", "--listen", "127.0.0.1:0"}},
		{"a relay in the open for a verifier", 2, "--relay", []string{"verifier", "--data", data, "--relay", "ws://relay.example/relay"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var errs bytes.Buffer
			command := exec.CommandContext(ctx, filepath.Join(bin, "countersignd"), test.args...)
			command.Stderr = &errs
			_ = command.Run()
			said := errs.String()
			if command.ProcessState.ExitCode() != test.status || strings.Count(said, "\n") != 1 || !strings.Contains(said, test.says) {
				t.Errorf("exit status %d: %s", command.ProcessState.ExitCode(), said)
			}
		})
	}
}
