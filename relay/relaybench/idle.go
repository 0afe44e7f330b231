package relaybench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

// Idle is what MeasureIdle finds: octets of the server for each idle connection
// of a device, without TLS. The kernel's share, its socket buffers, is not in it.
type Idle struct {
	Connections int
	Go          float64 // heap and stacks in use, after garbage collection
	Resident    float64 // growth of the process's resident set; 0 where /proc is not
}

// usage is what the measured process says of itself, in octets.
type usage struct {
	Heap     uint64 `json:"heap"`
	Stack    uint64 `json:"stack"`
	Resident uint64 `json:"resident"`
}

// MeasureIdle connects n devices to a relay in a process of its own, and
// compares its memory before and after. Command must run ServeIdle, on its
// standard input and output.
func MeasureIdle(ctx context.Context, command *exec.Cmd, n int) (Idle, error) {
	in, err := command.StdinPipe()
	if err != nil {
		return Idle{}, fmt.Errorf("relaybench: %w", err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return Idle{}, fmt.Errorf("relaybench: %w", err)
	}
	if err := command.Start(); err != nil {
		return Idle{}, fmt.Errorf("relaybench: starting the relay's process: %w", err)
	}
	idle, err := measureIdle(ctx, in, bufio.NewReader(out), n)
	_ = in.Close() // ends ServeIdle
	return idle, errors.Join(err, command.Wait())
}

func measureIdle(ctx context.Context, in io.Writer, out *bufio.Reader, n int) (Idle, error) {
	url, err := out.ReadString('\n')
	if err != nil {
		return Idle{}, fmt.Errorf("relaybench: the relay's process did not start: %w", err)
	}
	url = strings.TrimSpace(url)
	verifier, err := identity.Generate()
	if err != nil {
		return Idle{}, err
	}
	connect := func() (io.Closer, error) {
		key, err := identity.Generate()
		if err != nil {
			return nil, err
		}
		conn, err := dial(ctx, url)
		if err != nil {
			return nil, err
		}
		return conn, login(conn, key, transport.RoleDevice, verifier.Thumbprint())
	}
	// The first connection pays for what the process needs only once.
	first, err := connect()
	if err != nil {
		return Idle{}, err
	}
	defer func() { _ = first.Close() }()
	before, err := ask(in, out)
	if err != nil {
		return Idle{}, err
	}
	for range n {
		conn, err := connect()
		if err != nil {
			return Idle{}, fmt.Errorf("relaybench: connecting a device: %w", err)
		}
		defer func() { _ = conn.Close() }()
	}
	after, err := ask(in, out)
	if err != nil {
		return Idle{}, err
	}
	each := func(before, after uint64) float64 { return (float64(after) - float64(before)) / float64(n) }
	return Idle{
		Connections: n,
		Go:          each(before.Heap+before.Stack, after.Heap+after.Stack),
		Resident:    each(before.Resident, after.Resident),
	}, nil
}

func ask(in io.Writer, out *bufio.Reader) (usage, error) {
	if _, err := io.WriteString(in, "usage\n"); err != nil {
		return usage{}, err
	}
	line, err := out.ReadBytes('\n')
	if err != nil {
		return usage{}, err
	}
	var u usage
	return u, json.Unmarshal(line, &u)
}

// ServeIdle is the measured process: it writes the relay's URL, answers each
// line with its memory, and ends with its input.
func ServeIdle(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "ws://" + listener.Addr().String()
	r, err := relay.New(relay.Config{URL: url, Open: true, Limits: relay.Limits{Connects: unlimited}})
	if err != nil {
		return err
	}
	defer r.Close()
	server := &http.Server{Handler: r, ReadHeaderTimeout: transport.HandshakeTimeout}
	defer func() { _ = server.Close() }()
	go func() { _ = server.Serve(listener) }()
	if _, err := fmt.Fprintln(out, url); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line, err := json.Marshal(measure())
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
			return err
		}
	}
	return lines.Err()
}

// measure collects often: pools give their buffers up at the second collection,
// stacks shrink by half at each. What the handshakes needed goes back to the
// system.
func measure() usage {
	for range 4 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{Heap: m.HeapInuse, Stack: m.StackInuse, Resident: resident()}
}

// resident reads the resident set's size from /proc/self/statm (proc(5)).
func resident() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
