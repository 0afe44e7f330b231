package relaybench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/crypto/envelope"
	"countersign/relay/relaybench"
)

// asRelay makes the test binary the process that is measured.
const asRelay = "COUNTERSIGN_RELAYBENCH_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(asRelay) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := relaybench.ServeIdle(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const bodySize = envelope.MaxSize - 100 // about a sealed envelope's

func measureIdle(t testing.TB, n int) relaybench.Idle {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(os.Environ(), asRelay+"=1")
	command.Stderr = os.Stderr
	idle, err := relaybench.MeasureIdle(t.Context(), command, n)
	if err != nil {
		t.Fatal(err)
	}
	return idle
}

func TestTheMeasurementsMeasure(t *testing.T) {
	d, err := relaybench.MeasureDeliveries(t.Context(), 4, bodySize, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if d.Relay <= 0 || d.Bare <= 0 || d.Delivered < 2*4 {
		t.Errorf("nothing was delivered: %+v", d)
	}
	if idle := measureIdle(t, 100); idle.Connections != 100 || idle.Go <= 0 {
		t.Errorf("connections that cost nothing: %+v", idle)
	}
}

func BenchmarkDeliveries(b *testing.B) {
	for _, senders := range []int{1, 64} {
		b.Run(strconv.Itoa(senders), func(b *testing.B) {
			for b.Loop() {
				d, err := relaybench.MeasureDeliveries(b.Context(), senders, bodySize, 3*time.Second)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(d.Relay, "relay/s")
				b.ReportMetric(d.Bare, "bare/s")
				b.ReportMetric(d.Ratio, "ratio")
			}
		})
	}
}

func BenchmarkIdleConnection(b *testing.B) {
	for b.Loop() {
		idle := measureIdle(b, 4000)
		b.ReportMetric(idle.Go, "B/connection")
		b.ReportMetric(idle.Resident, "resident-B/connection")
	}
}
