package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// renewal is a server's certificate with its files and its clock.
type renewal struct {
	*testing.T
	pair *keyPair
	now  time.Time
	logs bytes.Buffer
}

func newRenewal(t *testing.T, first tls.Certificate) *renewal {
	t.Helper()
	t.Setenv("SSL_CERT_FILE", os.DevNull) // a system that knows no authority
	dir := t.TempDir()
	r := &renewal{T: t, now: time.Now()}
	r.pair = &keyPair{
		chain: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		now: func() time.Time { return r.now }, logger: slog.New(slog.NewTextHandler(&r.logs, nil)),
	}
	r.write(first)
	if err := r.pair.load(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *renewal) write(c tls.Certificate) {
	r.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		r.Fatal(err)
	}
	r.file(r.pair.chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	r.file(r.pair.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// file is written at the test's time: two writes may fall into one tick of the disk's.
func (r *renewal) file(path string, content []byte) {
	r.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.Fatal(err)
	}
	if err := os.Chtimes(path, r.now, r.now); err != nil {
		r.Fatal(err)
	}
}

func (r *renewal) serves(want tls.Certificate) {
	r.Helper()
	got, err := r.pair.get(nil)
	if err != nil || !bytes.Equal(got.Certificate[0], want.Certificate[0]) {
		r.Errorf("another certificate is served, %v: %s", err, r.logs.String())
	}
}

func TestARenewedCertificateIsServedWithoutARestart(t *testing.T) {
	now := time.Now()
	first := certificate(t, "signin.example", now, nil)
	r := newRenewal(t, first)
	r.serves(first)

	// Renewed with the same key, which links pin.
	second := reissued(t, first, now.Add(time.Minute))
	r.now = r.now.Add(5 * time.Second)
	r.write(second)
	r.serves(first) // it has looked a moment ago
	r.now = r.now.Add(renewEvery)
	r.serves(second)
	if !strings.Contains(r.logs.String(), "serving the renewed certificate") {
		t.Errorf("the log says %s", r.logs.String())
	}
}

func TestACertificateThatCannotBeServedLeavesTheOldOne(t *testing.T) {
	now := time.Now()
	first := certificate(t, "signin.example", now, nil)
	r := newRenewal(t, first)
	for what, mistake := range map[string]func(){
		"half written": func() { r.file(r.pair.chain, []byte("-----BEGIN")) },
		"another key":  func() { r.write(certificate(t, "signin.example", now, nil)) },
		"gone": func() {
			if err := os.Remove(r.pair.key); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			r.logs.Reset()
			r.now = r.now.Add(renewEvery)
			mistake()
			r.serves(first)
			if !strings.Contains(r.logs.String(), "the old one is") {
				t.Errorf("the log says %s", r.logs.String())
			}
		})
	}
	r.now = r.now.Add(renewEvery)
	second := reissued(t, first, now.Add(time.Minute))
	r.write(second)
	r.serves(second)
}
