package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestPublicURLIsTheGivenOneOrWhereItListens(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule     string
		endpoint endpoint
		address  string
		secure   bool
		want     string
	}{
		{"given", endpoint{PublicURL: "https://signin.example/"}, "127.0.0.1:8080", false, "https://signin.example"},
		{"loopback", endpoint{}, "127.0.0.1:8080", false, "http://127.0.0.1:8080"},
		{"loopback behind a proxy", endpoint{BehindProxy: true}, "127.0.0.1:8080", false, "http://127.0.0.1:8080"},
		{"loopback with TLS", endpoint{}, "127.0.0.1:8443", true, "https://127.0.0.1:8443"},
		{"an address behind a proxy", endpoint{BehindProxy: true}, "192.0.2.1:8080", false, "https://192.0.2.1:8080"},
		{"every address behind a proxy", endpoint{BehindProxy: true}, "0.0.0.0:8080", false, "https://" + name + ":8080"},
		{"every address with TLS", endpoint{}, "[::]:443", true, "https://" + name + ":443"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			address, err := net.ResolveTCPAddr("tcp", c.address)
			if err != nil {
				t.Fatal(err)
			}
			u, err := c.endpoint.publicURL(address, c.secure)
			if err != nil || u.String() != c.want {
				t.Errorf("got %v, %v; want %s", u, err, c.want)
			}
		})
	}
}

func TestPublicURLsThatCannotBeMeant(t *testing.T) {
	for _, text := range []string{"nonsense", "ftp://signin.example", "http://signin.example", "https://signin.example/path", "https://signin.example?a=1", "https://"} {
		_, err := endpoint{PublicURL: text}.publicURL(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, false)
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// A pin in the link lets devices reach a server that no authority vouches for.
func TestCertificatesOfOnesOwnArePinned(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", os.DevNull) // a system that knows no authority
	now := time.Now()
	authority := certificate(t, "own authority", now, nil)
	signed := certificate(t, "signin.example", now, &authority)
	for name, c := range map[string]tls.Certificate{"signed by itself": authority, "signed by an authority of one's own": signed} {
		if pin := ownPin(c, now); len(pin) != 32 {
			t.Errorf("%s: got pin %x", name, pin)
		}
	}
}

func certificate(t *testing.T, name string, now time.Time, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, key, name, now, by)
}

// reissued is a certificate for the same key, of another time.
func reissued(t *testing.T, c tls.Certificate, now time.Time) tls.Certificate {
	t.Helper()
	return issue(t, c.PrivateKey.(*ecdsa.PrivateKey), "signin.example", now, nil)
}

func issue(t *testing.T, key *ecdsa.PrivateKey, name string, now time.Time, by *tls.Certificate) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"signin.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: by == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, any(key)
	if by != nil {
		var err error
		if parent, err = x509.ParseCertificate(by.Certificate[0]); err != nil {
			t.Fatal(err)
		}
		signer = by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// timed is an answer that remembers its connection's deadline.
type timed struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error { w.read = t; return nil }

func TestBodiesThatNobodyReadsHoldNoConnection(t *testing.T) {
	h := boundBodies(http.NotFoundHandler())
	for body, bounded := range map[string]bool{"": false, "{}": true} {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/metrics", strings.NewReader(body)))
		if w.Code != http.StatusNotFound || w.read.IsZero() == bounded {
			t.Errorf("body %q: status %d, the deadline is %v", body, w.Code, w.read)
		}
	}
}
