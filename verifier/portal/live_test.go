package portal_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/relay"
	"countersign/transport"
	"countersign/verifier"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/internal/fronttest"
	"countersign/verifier/middleware"
	"countersign/verifier/page"
	"countersign/verifier/policy"
	"countersign/verifier/portal"
	"countersign/verifier/session"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/vault"
	"countersign/verifier/verifiertest"
)

// live is a verifier with its relay and portal, running.
type live struct {
	*verifier.Verifier
	t       *testing.T
	relay   string
	metrics *prometheus.Registry
	site    *site
}

func newLive(t *testing.T) *live {
	t.Helper()
	l := &live{t: t, metrics: prometheus.NewRegistry()}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "countersign.db"))
	check(err)
	t.Cleanup(func() { check(db.Close()) })
	sealer, err := vault.New(make([]byte, 32))
	check(err)
	keys, err := verifier.LoadKeys(t.Context(), db, sealer)
	check(err)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.relay = "ws" + strings.TrimPrefix(server.URL, "http") + "/relay"
	carrier, err := relay.New(relay.Config{URL: l.relay, Verifiers: []identity.Thumbprint{keys.Signing.Thumbprint()}})
	check(err)
	mux.Handle("/relay", carrier)
	logger := slog.New(slog.DiscardHandler)
	l.Verifier, err = verifier.New(t.Context(), verifier.Config{
		Store: db, Vault: sealer, Relay: l.relay, NetDial: carrier.Dial, Limits: challenge.DefaultLimits(),
		Now: time.Now, Logger: logger, Metrics: l.metrics,
	})
	check(err)
	l.run(carrier.Run)
	l.run(l.Run)
	pages, err := page.New(logger)
	check(err)
	l.site = &site{
		Service: &fronttest.Service{Fixture: &verifiertest.Fixture{T: t, Store: db, Vault: sealer, Directory: l.Directory, Clock: &verifiertest.Clock{}}}, t: t, server: server, client: server.Client(),
		sessions: session.New(session.Config{Store: db, Audit: l.Audit, Now: time.Now}),
	}
	l.site.client.Jar = l.site.jar()
	p, err := portal.New(portal.Config{
		Store: db, Audit: l.Audit, Directory: l.Directory, Tenant: l.Tenant, Rules: l.Rules, Challenges: l.Challenges, Enrolments: l.Enrolments,
		Sessions: l.site.sessions, Pages: pages, Vault: sealer, Revoke: l.RevokeDevice, Limits: challenge.DefaultLimits(),
		Middleware: middleware.New(middleware.Config{Now: time.Now, Logger: logger, Metrics: prometheus.NewRegistry()}),
		PublicURL:  server.URL, Now: time.Now, Logger: logger,
	})
	check(err)
	p.Mount(mux)
	mux.HandleFunc("POST /test/session", l.site.beginSession)
	l.until("the verifier is connected", l.Connected)
	return l
}

// run runs a part until the test ends.
func (l *live) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
}

// until waits, no more than the five seconds that a revocation may take.
func (l *live) until(what string, holds func() bool) {
	l.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for end := time.After(5 * time.Second); !holds(); {
		select {
		case <-end:
			l.t.Fatalf("not within five seconds: %s", what)
		case <-ticker.C:
		}
	}
}

// refused counts the messages that were refused for a reason.
func (l *live) refused(reason string) float64 {
	families, err := l.metrics.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "refused" && label.GetValue() == reason {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// device connects a new authenticator of a user and gives its keys, what it is
// sent, and its connection.
func (l *live) device(user directory.User) (signing identity.PrivateKey, got <-chan message.Message, client *transport.Client) {
	l.t.Helper()
	var keys [2]identity.PrivateKey
	for i := range keys {
		key, err := identity.Generate()
		if err != nil {
			l.t.Fatal(err)
		}
		keys[i] = key
	}
	signing, encryption := keys[0], keys[1]
	l.site.Update(func(tx store.Tx) error {
		return l.Directory.AddDevice(tx, directory.Device{
			ID: signing.Thumbprint(), User: user.ID, Name: "Pixel", Signing: signing.Public(), Encryption: encryption.Public(),
			Platform: policy.Android, FormFactor: policy.Phone, AppVersion: message.MinAppVersion,
		})
	})
	messages := make(chan message.Message, 16)
	connected := make(chan struct{}, 16)
	client, err := transport.NewClient(transport.Config{
		URL: l.relay, Key: signing, Role: transport.RoleDevice,
		Verifiers: func() []identity.Thumbprint { return []identity.Thumbprint{l.Challenges.Issuer} },
		Receive: func(_ context.Context, _ identity.Thumbprint, body string) {
			m, _, err := message.Open(body, encryption, signing.Thumbprint(), time.Now(), func(string, identity.PublicKey) error { return nil })
			if err != nil {
				l.t.Error(err)
				return
			}
			messages <- m
		},
		Connected: func(up bool, _ error) {
			if up {
				connected <- struct{}{}
			}
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.run(client.Run)
	<-connected
	return signing, messages, client
}

// A device that is revoked is told on its live connection, and its answer to a
// challenge that it was asked before counts for nothing.
func TestARevokedDeviceIsRefusedAtOnce(t *testing.T) {
	l := newLive(t)
	zoe := l.site.User(directory.User{Name: "zoe"})
	signing, got, client := l.device(zoe)
	l.site.asAdmin()
	web := directory.Client{ID: "web", Name: "Countersign", Kind: policy.KindWeb}
	c, err := l.Challenges.Start(t.Context(), challenge.Request{User: "zoe", Client: web})
	if err != nil {
		t.Fatal(err)
	}
	if asked, ok := (<-got).(message.Challenge); !ok || asked.ID != c.ID {
		t.Fatal("the device was not asked")
	}
	began := time.Now()
	l.site.post("/admin/users/"+zoe.ID+"/revoke", "device", string(signing.Thumbprint())).want(http.StatusOK, "admin-user").lacks("Pixel")
	select {
	case m := <-got:
		if _, ok := m.(message.Revoked); !ok {
			t.Fatalf("the device was told %T", m)
		}
	case <-time.After(5*time.Second - time.Since(began)):
		t.Fatal("the device was told nothing within five seconds")
	}
	l.send(client, signing, c)
	l.until("the answer is refused", func() bool { return l.refused("unknown_key") == 1 })
	if time.Since(began) > 5*time.Second {
		t.Errorf("refused after %v", time.Since(began))
	}
	settled, err := l.Challenges.Get(t.Context(), web.ID, c.ID, 0)
	if err != nil || settled.State == challenge.Approved {
		t.Errorf("the challenge is %s, %v", settled.State, err)
	}
}

// send answers a challenge with the right number.
func (l *live) send(client *transport.Client, signing identity.PrivateKey, c challenge.Challenge) {
	l.t.Helper()
	keys, err := verifier.LoadKeys(l.t.Context(), l.Store, l.site.Vault)
	if err != nil {
		l.t.Fatal(err)
	}
	sealed, err := message.Seal(message.Answer{
		Claims:    message.NewClaims(signing.Thumbprint(), keys.Signing.Thumbprint(), time.Now(), message.Lifetime),
		Challenge: c.ID, Decision: message.DecisionApprove, Number: c.Number, UserVerification: true,
		FormFactor: message.FormPhone, AppVersion: message.MinAppVersion,
	}, signing, keys.Encryption.Public())
	if err != nil {
		l.t.Fatal(err)
	}
	delivered, err := client.Send(l.t.Context(), keys.Signing.Thumbprint(), sealed)
	if err != nil || !delivered {
		l.t.Fatalf("sending the answer: delivered %v, %v", delivered, err)
	}
}
