// Package middleware wraps the verifier's HTTP front ends in what none of them
// should have to think of: request ids, security headers, a panic that denies,
// time limits, metrics and a log without people's names in it.
package middleware

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/message"
)

// Config is what New needs.
type Config struct {
	Now     func() time.Time
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// HTTPS says that browsers reach the server over TLS, its own or a proxy's:
	// answers then tell them to stay with it (RFC 6797).
	HTTPS bool
}

// Middleware wraps handlers; all front ends of a server share one.
type Middleware struct {
	now      func() time.Time
	logger   *slog.Logger
	https    bool
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
	panics   prometheus.Counter
}

// New makes a Middleware and registers its metrics.
func New(cfg Config) *Middleware {
	m := &Middleware{
		now: cfg.Now, logger: cfg.Logger, https: cfg.HTTPS,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_http_requests_total", Help: "HTTP requests, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_http_request_seconds", Help: "Time to the end of the answer, waits included, by route.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 30, 60, 120},
		}, []string{"route"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "countersign_http_requests_in_flight", Help: "HTTP requests being answered.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "countersign_http_panics_total", Help: "Handlers that panicked; the request was refused.",
		}),
	}
	cfg.Metrics.MustRegister(m.requests, m.seconds, m.running, m.panics)
	return m
}

// Options are one front end's.
type Options struct {
	// ContentSecurityPolicy of every answer (CSP level 3).
	ContentSecurityPolicy string
	// Timeout is how long a request may take in all.
	Timeout time.Duration
	// Failed answers for a handler that panicked.
	Failed func(http.ResponseWriter, *http.Request)
}

// DenyContent is the policy of answers that are no pages.
const DenyContent = "default-src 'none'; frame-ancestors 'none'"

type requestIDKey struct{}

// RequestID is the id of the request in whose context ctx is, as its answer and
// its log lines bear it; empty elsewhere.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Wrap gives a handler all of it.
func (m *Middleware) Wrap(next http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := m.now()
		id := message.NewID()
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), requestIDKey{}, id), o.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
		m.headers(w.Header(), id, o)
		recorder := &recorder{ResponseWriter: w}
		m.running.Inc()
		defer func() {
			m.running.Dec()
			m.observe(recorder, r, start)
		}()
		// The deadlines of the connection: who takes nothing of the answer, or
		// sends a body an octet a minute, must not hold the handler for longer
		// than its time. Both come after the handler's own end: a read deadline
		// that passes while it waits would count as a client that has gone.
		connection := http.NewResponseController(w)
		_ = connection.SetWriteDeadline(time.Now().Add(o.Timeout + slack))
		_ = connection.SetReadDeadline(time.Now().Add(o.Timeout + slack))
		m.guard(recorder, r, next, o)
	})
}

const slack = 10 * time.Second

func (m *Middleware) headers(h http.Header, id string, o Options) {
	h.Set("Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", o.ContentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if m.https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// guard turns a panic into a refusal without details: what a stack says is the
// operator's alone.
func (m *Middleware) guard(w *recorder, r *http.Request, next http.Handler, o Options) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares the value itself
			panic(v)
		}
		m.panics.Inc()
		m.logger.ErrorContext(r.Context(), "a handler panicked", "request_id", RequestID(r.Context()),
			"panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		if w.status == 0 {
			o.Failed(w, r)
		}
	}()
	next.ServeHTTP(w, r)
}

// observe counts and logs. The route is the pattern, never the path or the
// query, in which ids stand.
func (m *Middleware) observe(w *recorder, r *http.Request, start time.Time) {
	route := r.Pattern
	if _, path, found := strings.Cut(route, " "); found {
		route = r.Method + " " + path
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	took := m.now().Sub(start)
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
	m.logger.DebugContext(r.Context(), "request", "request_id", RequestID(r.Context()),
		"route", route, "status", status, "milliseconds", took.Milliseconds())
}

// recorder remembers the status. Unwrap lets http.ResponseController through to
// flushing and deadlines.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
