package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/verifier/middleware"
)

func TestSource(t *testing.T) {
	for _, c := range []struct {
		name      string
		remote    string
		forwarded []string
		proxy     bool
		want      string
	}{
		{"the connection's", "192.0.2.1:4711", nil, false, "192.0.2.1"},
		{"not what a client claims", "192.0.2.1:4711", []string{"203.0.113.9"}, false, "192.0.2.1"},
		{"the right-most behind a proxy", "10.0.0.1:1", []string{"203.0.113.9, 198.51.100.7"}, true, "198.51.100.7"},
		{"the last header behind a proxy", "10.0.0.1:1", []string{"203.0.113.9", "198.51.100.8"}, true, "198.51.100.8"},
		{"IPv6", "[2001:db8::1]:4711", nil, false, "2001:db8::1"},
		{"IPv6 behind a proxy", "10.0.0.1:1", []string{"[2001:db8::2]:80"}, true, "2001:db8::2"},
		{"IPv4 in IPv6 is IPv4", "[::ffff:192.0.2.1]:1", nil, false, "192.0.2.1"},
		{"garbage behind a proxy is the proxy", "10.0.0.1:1", []string{"evil"}, true, "10.0.0.1"},
		{"a proxy that says nothing", "10.0.0.1:1", nil, true, "10.0.0.1"},
		{"no address at all", "pipe", nil, false, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.RemoteAddr = c.remote
			r.Header["X-Forwarded-For"] = c.forwarded
			if got := middleware.Source(r, c.proxy); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

func wrap(t *testing.T, https bool, h http.HandlerFunc) (http.Handler, *prometheus.Registry, *bytes.Buffer) {
	t.Helper()
	metrics, log := prometheus.NewRegistry(), &bytes.Buffer{}
	m := middleware.New(middleware.Config{
		Now: time.Now, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: metrics, HTTPS: https,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", h)
	return m.Wrap(mux, middleware.Options{
		ContentSecurityPolicy: middleware.DenyContent, Timeout: time.Minute,
		Failed: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "failed", http.StatusInternalServerError) },
	}), metrics, log
}

func get(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/things/zoe@contoso.example?q=secret", nil))
	return w
}

func TestWhatIsCountedAndLoggedHasNoNamesInIt(t *testing.T) {
	h, metrics, log := wrap(t, false, func(w http.ResponseWriter, r *http.Request) {
		if middleware.RequestID(r.Context()) == "" {
			t.Error("no request id in the context")
		}
		w.WriteHeader(http.StatusTeapot)
	})
	w := get(t, h)
	if w.Header().Get("Request-Id") == "" || !strings.Contains(log.String(), w.Header().Get("Request-Id")) {
		t.Error("the log and the answer have no id in common")
	}
	if strings.Contains(log.String(), "zoe") || strings.Contains(log.String(), "secret") {
		t.Errorf("the log says who: %s", log)
	}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "countersign_http_requests_total" {
			continue
		}
		got := f.GetMetric()[0]
		if got.GetCounter().GetValue() != 1 || got.GetLabel()[0].GetValue() != "GET /things/{id}" || got.GetLabel()[1].GetValue() != "418" {
			t.Errorf("counted %v", got)
		}
		return
	}
	t.Error("the request is not counted")
}

func TestAPanicBecomesAFailure(t *testing.T) {
	h, metrics, log := wrap(t, false, func(http.ResponseWriter, *http.Request) { panic("password=hunter2") })
	if w := get(t, h); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := inFlight(t, metrics); got != 0 {
		t.Errorf("%v requests in flight", got)
	}
	if !strings.Contains(log.String(), "panicked") {
		t.Error("the panic is not logged")
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Error("the panic's value is logged: it may be a secret")
	}
}

// inFlight gives the number of requests being answered.
func inFlight(t *testing.T, metrics *prometheus.Registry) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "countersign_http_requests_in_flight" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("not counted")
	return 0
}

func TestBrowsersStayWithTLS(t *testing.T) {
	for _, https := range []bool{true, false} {
		h, _, _ := wrap(t, https, func(http.ResponseWriter, *http.Request) {})
		if got := get(t, h).Header().Get("Strict-Transport-Security") != ""; got != https {
			t.Errorf("https %v: Strict-Transport-Security %v", https, got)
		}
	}
}

// timed is an answer that remembers its connection's deadlines.
type timed struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error  { w.read = t; return nil }
func (w *timed) SetWriteDeadline(t time.Time) error { w.write = t; return nil }

func TestASlowClientIsCutOffAfterTheHandlersTime(t *testing.T) {
	h, _, _ := wrap(t, false, func(http.ResponseWriter, *http.Request) {})
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	started := time.Now()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/things/1", nil))
	for name, deadline := range map[string]time.Time{"reading": w.read, "writing": w.write} {
		if after := deadline.Sub(started); after < time.Minute || after > 2*time.Minute {
			t.Errorf("%s ends after %s, with a minute for the handler", name, after)
		}
	}
}
