package verifier_test

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/relay"
	"countersign/transport"
	"countersign/verifier"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// service is a verifier with its relay, running.
type service struct {
	t       testing.TB
	v       *verifier.Verifier
	metrics *prometheus.Registry
	web     directory.Client
	tap     *tap
	mu      sync.Mutex
	conn    net.Conn // the verifier's own to its relay
}

// dial keeps the verifier's connection, for cut.
func (s *service) dial(to *relay.Server) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := to.Dial(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conn = conn
		return conn, err
	}
}

// cut ends the verifier's connection to its relay; its devices keep theirs.
func (s *service) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.Close()
}

func unlimited() challenge.Limits {
	l := challenge.DefaultLimits()
	l.Starts5m, l.Starts1h, l.Starts1d, l.Backoff, l.WrongNumbers = 1<<20, 1<<20, 1<<20, nil, 1<<20
	return l
}

func run(t testing.TB, limits challenge.Limits) *service {
	t.Helper()
	s := &service{t: t, metrics: prometheus.NewRegistry(), tap: &tap{}}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	logger := slog.New(slog.DiscardHandler)
	db, err := sqlite.Open(ctx, filepath.Join(dir, "countersign.db"))
	check(t, err)
	keys, err := vault.Open(filepath.Join(dir, "key"))
	check(t, err)
	ids, err := verifier.LoadKeys(ctx, db, keys)
	check(t, err)
	web := httptest.NewUnstartedServer(nil)
	url := "ws://" + web.Listener.Addr().String() + "/relay"
	router, err := relay.New(relay.Config{
		URL: url, Verifiers: []identity.Thumbprint{ids.Signing.Thumbprint()}, Logger: logger, Registerer: s.metrics, Now: time.Now,
	})
	check(t, err)
	web.Config.Handler = router
	web.Start()
	s.v, err = verifier.New(ctx, verifier.Config{
		Store: db, Vault: keys, Relay: url, NetDial: s.dial(router), Limits: limits, Now: time.Now, Logger: logger, Metrics: s.metrics,
	})
	check(t, err)
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := s.v.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
		router.Close()
		web.Close()
		check(t, db.Close())
	})
	waitFor(t, s.v.Connected)
	check(t, db.Update(ctx, func(tx store.Tx) (err error) {
		s.web, _, err = s.v.Directory.AddClient(tx, directory.NewClient{Name: "Contoso Web", Kind: policy.KindWeb})
		return err
	}))
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *service) digits(n int) {
	check(s.t, s.v.Store.Update(context.Background(), func(tx store.Tx) error {
		return s.v.Tenant.Update(tx, "test", func(set *tenant.Settings) error { set.NumberDigits = n; return nil })
	}))
}

// tap keeps every byte that passes a device's connection.
type tap struct {
	mu    sync.Mutex
	bytes strings.Builder
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tap.add(b[:n])
	return n, err
}

func (t *tap) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes.Write(b)
}

func (t *tap) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes.String()
}

// device speaks the protocol from the other end, without package app: what two
// implementations agree on is the protocol.
type device struct {
	s          *service
	signing    identity.PrivateKey
	encryption identity.PrivateKey
	link       message.Link
	client     *transport.Client
	inbox      chan message.Message
	claims     *tap // the decrypted claims of everything that came
}

func (s *service) device(link message.Link) *device {
	s.t.Helper()
	d := &device{s: s, link: link, inbox: make(chan message.Message, 256), claims: &tap{}}
	var err error
	d.signing, err = identity.Generate()
	check(s.t, err)
	d.encryption, err = identity.Generate()
	check(s.t, err)
	connected := make(chan struct{}, 16)
	d.client, err = transport.NewClient(transport.Config{
		URL: link.Relay, Key: d.signing, Role: transport.RoleDevice,
		Verifiers: func() []identity.Thumbprint { return []identity.Thumbprint{link.Verifier} },
		Receive:   d.receive,
		Connected: func(up bool, _ error) {
			if up {
				connected <- struct{}{}
			}
		},
		NetDial: func(ctx context.Context) (net.Conn, error) {
			address := strings.TrimSuffix(strings.TrimPrefix(link.Relay, "ws://"), "/relay")
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			return tapped{conn, s.tap}, err
		},
	})
	check(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = d.client.Run(ctx) })
	s.t.Cleanup(func() { cancel(); ended.Wait() })
	select {
	case <-connected:
	case <-time.After(10 * time.Second):
		s.t.Fatal("the device does not reach the relay")
	}
	return d
}

func (d *device) receive(_ context.Context, from identity.Thumbprint, body string) {
	m, signed, err := message.Open(body, d.encryption, d.signing.Thumbprint(), time.Now(), trustVerifier(d.link.Verifier))
	if err != nil || from != d.link.Verifier {
		d.s.t.Errorf("a device got what it cannot open, from %s: %v", from, err)
		return
	}
	d.claims.add(signed.Payload)
	d.inbox <- m
}

func next[M message.Message](d *device) M {
	d.s.t.Helper()
	for {
		select {
		case m := <-d.inbox:
			if typed, ok := m.(M); ok {
				return typed
			}
		case <-time.After(10 * time.Second):
			var none M
			d.s.t.Fatalf("no %s came", none.Type())
		}
	}
}

func (d *device) seal(m message.Message) string {
	d.s.t.Helper()
	sealed, err := message.Seal(m, d.signing, d.link.Encryption)
	check(d.s.t, err)
	return sealed
}

func (d *device) send(m message.Message) {
	d.s.t.Helper()
	delivered, err := d.client.Send(context.Background(), d.link.Verifier, d.seal(m))
	if err != nil || !delivered {
		d.s.t.Fatalf("sending a %s: delivered %v, %v", m.Type(), delivered, err)
	}
}

func (d *device) head() message.Claims {
	return message.NewClaims(d.signing.Thumbprint(), d.link.Verifier, time.Now(), time.Minute)
}

func (d *device) enrolMessage() message.Enrol {
	m := message.Enrol{
		Claims: d.head(), Enrolment: d.link.ID, Encryption: d.encryption.Public(), Name: "Zoe's phone",
		About: message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: message.MinAppVersion},
	}
	var err error
	m.MAC, err = message.EnrolMAC(d.link.Secret, m)
	check(d.s.t, err)
	return m
}

func (d *device) answer(id, number string) message.Answer {
	return message.Answer{
		Claims: d.head(), Challenge: id, Decision: message.DecisionApprove, Number: number,
		FormFactor: message.FormPhone, AppVersion: message.MinAppVersion,
	}
}

// enrolled makes a user with one device, all the way through the relay.
func (s *service) enrolled(name string) *device {
	s.t.Helper()
	d, _ := s.enrolledWith(name, false)
	return d
}

func (s *service) enrolledWith(name string, totp bool) (*device, message.Outcome) {
	s.t.Helper()
	var user directory.User
	check(s.t, s.v.Store.Update(context.Background(), func(tx store.Tx) (err error) {
		user, err = s.v.Directory.CreateUser(tx, directory.User{Name: name})
		return err
	}))
	return s.enrolFor(user, totp)
}

// another enrols one more device for a user who has one.
func (s *service) another(name string) *device {
	s.t.Helper()
	var user directory.User
	check(s.t, s.v.Store.View(context.Background(), func(tx store.Tx) (err error) {
		user, err = s.v.Directory.FindUser(tx, name)
		return err
	}))
	d, _ := s.enrolFor(user, false)
	return d
}

func (s *service) enrolFor(user directory.User, totp bool) (*device, message.Outcome) {
	s.t.Helper()
	ctx := context.Background()
	link, e, err := s.v.Enrolments.Begin(ctx, enrol.Request{User: user.ID, Actor: "test", TOTP: totp})
	check(s.t, err)
	d := s.device(link)
	d.send(d.enrolMessage())
	asked := next[message.Challenge](d)
	e, err = s.v.Enrolments.Get(ctx, link.ID, e, 10*time.Second)
	check(s.t, err)
	if asked.Scenario != message.ScenarioCombinedRegistration || e.State != enrol.Asked || e.Device != "Zoe's phone" {
		s.t.Fatalf("asked %+v, enrolment %+v", asked, e)
	}
	d.send(d.answer(asked.ID, e.Number))
	outcome := next[message.Outcome](d)
	if outcome.State != message.StateApproved || outcome.Account == nil || outcome.Account.User != user.Name {
		s.t.Fatalf("enrolment ended %+v", outcome)
	}
	return d, outcome
}

func (s *service) start(user string) challenge.Challenge {
	s.t.Helper()
	c, err := s.v.Challenges.Start(context.Background(), challenge.Request{User: user, Client: s.web, Context: challenge.Context{IP: "192.0.2.7"}})
	check(s.t, err)
	return c
}

func (s *service) get(id string, wait time.Duration) challenge.Challenge {
	s.t.Helper()
	c, err := s.v.Challenges.Get(context.Background(), s.web.ID, id, wait)
	check(s.t, err)
	return c
}

// refused is how many messages were refused for a reason.
func (s *service) refused(reason string) int {
	s.t.Helper()
	families, err := s.metrics.Gather()
	check(s.t, err)
	total := 0.0
	for _, f := range families {
		if f.GetName() != "countersign_messages_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "refused" && l.GetValue() == reason {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return int(total)
}

func trustVerifier(id identity.Thumbprint) envelope.Trust {
	return envelope.Thumbprint(id, message.TypeChallenge, message.TypeOutcome, message.TypeNotice, message.TypeDevices, message.TypeRevoked)
}

// signerOf reads who signed an auth token.
func signerOf(t testing.TB, token string) identity.Thumbprint {
	t.Helper()
	var who identity.Thumbprint
	_, err := envelope.Verify(token, func(_ string, signer identity.PublicKey) error {
		who = signer.Thumbprint()
		return nil
	})
	check(t, err)
	return who
}
