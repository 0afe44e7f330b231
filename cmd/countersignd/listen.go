package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"countersign/verifier/middleware"
)

// endpoint is where a server listens, and as what the world knows it.
type endpoint struct {
	Listen      string `help:"Address to listen on." default:"127.0.0.1:8080" placeholder:"ADDR"`
	PublicURL   string `help:"URL under which users, devices and clients reach this server." placeholder:"URL"`
	TLSCert     string `help:"Certificate chain (PEM)." type:"path" placeholder:"FILE"`
	TLSKey      string `help:"Its private key (PEM)." type:"path" placeholder:"FILE"`
	BehindProxy bool   `help:"A reverse proxy ends TLS; the client's address is the right-most of X-Forwarded-For."`
}

// usageError is a command line that cannot be meant: exit status 2.
type usageError struct{ error }

// Unwrap gives what is wrong to errors.Is.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// listening is an open endpoint.
type listening struct {
	net.Listener
	url      *url.URL // public, without a path's trailing slash
	pin      []byte   // SHA-256 of the certificate's SPKI, for a certificate that no known authority signed
	behind   bool
	loopback bool
}

// open checks that the endpoint is safe to open, and opens it.
func (e endpoint) open(ctx context.Context, logger *slog.Logger) (*listening, error) {
	host, _, err := net.SplitHostPort(e.Listen)
	if err != nil {
		return nil, usagef("--listen %s: not an address such as 127.0.0.1:8080", e.Listen)
	}
	if (e.TLSCert == "") != (e.TLSKey == "") {
		return nil, usagef("--tls-cert and --tls-key go together")
	}
	secure := e.TLSCert != ""
	if secure && e.BehindProxy {
		return nil, usagef("--behind-proxy means that the proxy ends TLS: leave out --tls-cert and --tls-key")
	}
	l := &listening{behind: e.BehindProxy, loopback: isLoopback(host)}
	if !secure && !e.BehindProxy && !l.loopback {
		// In the open anyone on the way reads passwords and numbers.
		return nil, usagef("--listen %s is reachable from outside: give --tls-cert and --tls-key, or --behind-proxy if a proxy ends TLS", e.Listen)
	}
	pair := &keyPair{chain: e.TLSCert, key: e.TLSKey, now: time.Now, logger: logger}
	if secure {
		if err := pair.load(); err != nil {
			return nil, err
		}
		l.pin = pair.pin
	}
	if l.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", e.Listen); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", e.Listen, err)
	}
	if l.url, err = e.publicURL(l.Addr(), secure); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if secure {
		l.Listener = tls.NewListener(l.Listener, &tls.Config{
			GetCertificate: pair.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
	}
	return l, nil
}

func (e endpoint) publicURL(address net.Addr, secure bool) (*url.URL, error) {
	if e.PublicURL == "" {
		return e.ownURL(address, secure)
	}
	u, err := url.Parse(strings.TrimRight(e.PublicURL, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" || u.Path != "" {
		return nil, usagef("--public-url %s: not a URL such as https://signin.example", e.PublicURL)
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, usagef("--public-url %s: use https, since http is for this computer alone", e.PublicURL)
	}
	return u, nil
}

// ownURL is the public URL where none was given: the address that is listened
// on, and this computer's name where that is every address.
func (e endpoint) ownURL(address net.Addr, secure bool) (*url.URL, error) {
	own, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return nil, fmt.Errorf("reading the address listened on: %w", err)
	}
	u := &url.URL{Scheme: "http", Host: own.String()}
	if secure || !own.Addr().IsLoopback() {
		u.Scheme = "https" // beyond loopback a proxy ends TLS, if this process does not
	}
	if own.Addr().IsUnspecified() {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("--public-url is needed, for this computer has no name: %w", err)
		}
		u.Host = net.JoinHostPort(name, strconv.Itoa(int(own.Port())))
	}
	return u, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// relayURL is the websocket's URL under the public one.
func (l *listening) relayURL() string {
	u := *l.url
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	return u.JoinPath("relay").String()
}

// ownPin gives the pin for links where no authority vouches for the certificate:
// a self-hoster's own, signed by itself or by an authority that this system does
// not know, so that devices would not either. Another certificate is checked as
// usual: its key may change.
func ownPin(c tls.Certificate, now time.Time) []byte {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil
	}
	selfSigned := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil
	if !selfSigned && vouchedFor(leaf, c.Certificate[1:], now) {
		return nil
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return sum[:]
}

// vouchedFor reports whether an authority of this system's stands behind the
// chain. One that has expired counts for what it was: it will be renewed.
func vouchedFor(leaf *x509.Certificate, chain [][]byte, now time.Time) bool {
	intermediates := x509.NewCertPool()
	for _, raw := range chain {
		if certificate, err := x509.ParseCertificate(raw); err == nil {
			intermediates.AddCert(certificate)
		}
	}
	if now.After(leaf.NotAfter) {
		now = leaf.NotAfter
	}
	_, err := leaf.Verify(x509.VerifyOptions{Intermediates: intermediates, CurrentTime: now})
	return err == nil
}

// clientAddr is the address that a connection to the relay comes from.
func (l *listening) clientAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddr(middleware.Source(r, l.behind))
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

const (
	readHeaderTimeout = 10 * time.Second
	bodyTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 5 * time.Second
	maxHeaderBytes    = 32 << 10
)

// boundBodies gives a request's body a time to arrive, whichever route it is for
// and whether or not a handler reads it: the server reads what is left before it
// answers, and one octet a minute would hold the connection for ever. Handlers
// that wait lift it when they have the body.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// It fails where there is no network underneath, and nothing to bound.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// serveHTTP serves until ctx is done, then lets requests end.
func (l *listening) serveHTTP(ctx context.Context, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler: boundBodies(handler), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		// Requests that wait for a challenge end with the server.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	<-failed //nolint:errcheck // it is http.ErrServerClosed: what matters is that it has ended
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}
