package verifierbench_test

import (
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/tools/bench/verifierbench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheMeasurementsMeasure(t *testing.T) {
	s, err := verifierbench.New(t.Context(), t.TempDir(), 8)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.MeasureSignIns(t.Context(), 4, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got.Done < 4 || got.P99 < got.P50 || got.P50 <= 0 {
		t.Errorf("%+v", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if rate, err := verifierbench.MeasureCrypto(t.Context(), 50*time.Millisecond); err != nil || rate <= 0 {
		t.Errorf("crypto %v, %v", rate, err)
	}
	if times, err := verifierbench.MeasureFsync(t.TempDir(), 50*time.Millisecond); err != nil || times.P50 <= 0 || times.P99 < times.P50 {
		t.Errorf("fsync %v, %v", times, err)
	}
}

func BenchmarkSignIns(b *testing.B) {
	s, err := verifierbench.New(b.Context(), b.TempDir(), 1000)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 64, 256} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				got, err := s.MeasureSignIns(b.Context(), n, 5*time.Second)
				if err != nil {
					b.Fatal(err)
				}
				limit, err := verifierbench.MeasureCrypto(b.Context(), 2*time.Second)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(got.PerSecond, "sign-ins/s")
				b.ReportMetric(float64(got.P50.Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(got.P99.Microseconds())/1000, "p99-ms")
				b.ReportMetric(got.PerSecond/limit, "ratio-to-crypto")
			}
		})
	}
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
