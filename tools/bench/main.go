//go:build unix

// Bench prints the figures of servers and app as JSON lines: each with its limit measured
// in the same run, the ratio of the two, the aim, and the method.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/crypto/envelope"
	"countersign/relay/relaybench"
	"countersign/tools/bench/verifierbench"
	"countersign/verifier"
)

// asRelay makes this program the relay whose memory is measured.
const asRelay = "COUNTERSIGN_BENCH_SERVE_IDLE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := measure
	if os.Getenv(asRelay) != "" {
		run = func(ctx context.Context, out io.Writer) error { return relaybench.ServeIdle(ctx, os.Stdin, out) }
	}
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// figure is one line.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Limit  float64 `json:"limit,omitzero"` // measured in the same run
	Ratio  float64 `json:"ratio,omitzero"` // value / limit
	Aim    string  `json:"aim,omitzero"`
	Method string  `json:"method"`
}

const (
	users    = 1000
	idle     = 5000
	bodySize = envelope.MaxSize - 100
	duration = 10 * time.Second
)

func measure(ctx context.Context, out io.Writer) error {
	print := func(f figure) error {
		if f.Limit > 0 {
			f.Ratio = f.Value / f.Limit
		}
		line, err := json.Marshal(f)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		return err
	}
	for _, part := range []func(context.Context, func(figure) error) error{measureSignIns, deliveries, memory, measureApp} {
		if err := part(ctx, print); err != nil {
			return err
		}
	}
	return nil
}

func measureSignIns(ctx context.Context, print func(figure) error) (err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(verifier.GCPercent)) // as countersignd does
	dir, err := os.MkdirTemp("", "countersign-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := verifierbench.New(ctx, dir, users)
	if err != nil {
		return err
	}
	defer func() {
		if closed := s.Close(); err == nil {
			err = closed
		}
	}()
	// The journal grows to its full length once; a service that runs writes over it.
	if _, err := s.MeasureSignIns(ctx, 64, duration/2); err != nil {
		return err
	}
	for _, atOnce := range []int{1, 64, 256} {
		if err := measureAtOnce(ctx, s, dir, atOnce, print); err != nil {
			return err
		}
	}
	return nil
}

func measureAtOnce(ctx context.Context, s *verifierbench.Service, dir string, atOnce int, print func(figure) error) error {
	if _, err := s.MeasureSignIns(ctx, atOnce, duration/10); err != nil { // warm
		return err
	}
	before, err := measureLimits(ctx, dir)
	if err != nil {
		return err
	}
	got, err := s.MeasureSignIns(ctx, atOnce, duration)
	if err != nil {
		return err
	}
	after, err := measureLimits(ctx, dir)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("sign_ins_%d_at_once", atOnce)
	method := fmt.Sprintf("%d whole sign-ins (start, relay, device, answer, settled with synchronous=FULL, waiter) of %d users, devices in this process over loopback TCP, for %s after 5 s at 64 and 1 s at as many at once; the next begins when the device, too, knows the outcome", got.Done, users, duration)
	rate := figure{
		Name: name, Value: got.PerSecond, Unit: "1/s", Limit: (before.crypto + after.crypto) / 2,
		Method: method + "; limit: the envelopes' cryptography alone on all cores, mean of before and after",
	}
	disk := "; limit: two appends of 4 KiB with fsync, the same percentile, mean of before and after"
	p50 := figure{Name: name + "_p50", Value: ms(got.P50), Unit: "ms", Limit: ms(before.disk.P50+after.disk.P50) / 2, Method: method + disk}
	p99 := figure{Name: name + "_p99", Value: ms(got.P99), Unit: "ms", Limit: ms(before.disk.P99+after.disk.P99) / 2, Method: method + disk}
	switch atOnce {
	case 1:
		p99.Aim = "p99 under 5 ms"
	case 64:
		rate.Aim = "ratio over 0.5"
	}
	for _, f := range []figure{rate, p50, p99} {
		if err := print(f); err != nil {
			return err
		}
	}
	return nil
}

// limits are what this machine allows at most, now.
type limits struct {
	crypto float64 // sign-ins a second
	disk   verifierbench.Times
}

func measureLimits(ctx context.Context, dir string) (l limits, err error) {
	if l.crypto, err = verifierbench.MeasureCrypto(ctx, duration/5); err != nil {
		return l, err
	}
	l.disk, err = verifierbench.MeasureFsync(dir, duration/5)
	return l, err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func deliveries(ctx context.Context, print func(figure) error) error {
	for _, senders := range []int{1, 64} {
		d, err := relaybench.MeasureDeliveries(ctx, senders, bodySize, duration)
		if err != nil {
			return err
		}
		aim := ""
		if senders == 64 {
			aim = "ratio at least 0.7"
		}
		err = print(figure{
			Name: fmt.Sprintf("relay_deliveries_%d_at_once", senders), Value: d.Relay, Unit: "1/s", Limit: d.Bare, Aim: aim,
			Method: fmt.Sprintf("%d bodies of %d octets to one receiver over loopback TCP; limit: a bare gorilla router with the same clients, in turns", d.Delivered, d.BodySize),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func memory(ctx context.Context, print func(figure) error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), asRelay+"=1")
	command.Stderr = os.Stderr
	got, err := relaybench.MeasureIdle(ctx, command, idle)
	if err != nil {
		return err
	}
	method := fmt.Sprintf("%d authenticated idle devices over loopback TCP without TLS, relay in a process of its own", got.Connections)
	if err := print(figure{Name: "idle_connection_memory", Value: got.Go, Unit: "octets", Limit: 8 << 10, Aim: "8192 at most", Method: method + "; heap and stacks in use after collection; limit: the aim"}); err != nil {
		return err
	}
	return print(figure{Name: "idle_connection_resident", Value: got.Resident, Unit: "octets", Method: method + "; growth of the resident set"})
}
