package transport_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func generate(t testing.TB) identity.PrivateKey {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// startRelay starts a relay on a loopback socket and gives its URL.
func startRelay(t testing.TB, config relay.Config) (*relay.Server, string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	config.URL = "ws" + strings.TrimPrefix(server.URL, "http") + "/relay"
	r, err := relay.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	mux.Handle("/relay", r)
	return r, config.URL
}

// peer is a client that runs, with what it has been told.
type peer struct {
	*transport.Client
	id       identity.Thumbprint
	received chan letter
	states   chan state
}

type letter struct {
	from identity.Thumbprint
	body string
}

type state struct {
	connected bool
	reason    error
}

// start runs a client until the test ends. What is set in config stands.
func start(t testing.TB, config transport.Config) *peer {
	t.Helper()
	if config.Key.IsZero() {
		config.Key = generate(t)
	}
	p := &peer{id: config.Key.Thumbprint(), received: make(chan letter, 1000), states: make(chan state, 100)}
	if config.Receive == nil {
		config.Receive = func(_ context.Context, from identity.Thumbprint, body string) { p.received <- letter{from, body} }
	}
	config.Connected = func(connected bool, reason error) { p.states <- state{connected, reason} }
	client, err := transport.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = client
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return p
}

func (p *peer) next(t testing.TB) state {
	t.Helper()
	select {
	case s := <-p.states:
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("the client reports no state")
		return state{}
	}
}

func (p *peer) connected(t testing.TB) *peer {
	t.Helper()
	if s := p.next(t); !s.connected {
		t.Fatalf("not connected: %v", s.reason)
	}
	return p
}

func (p *peer) expect(t testing.TB, from identity.Thumbprint, body string) {
	t.Helper()
	select {
	case l := <-p.received:
		if l.from != from || l.body != body {
			t.Errorf("received %.20q from %s, want %.20q from %s", l.body, l.from, body, from)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("received nothing")
	}
}

func (p *peer) send(t testing.TB, to identity.Thumbprint, body string, want bool) {
	t.Helper()
	delivered, err := p.Send(t.Context(), to, body)
	if err != nil || delivered != want {
		t.Errorf("sent: delivered %v, %v; want %v", delivered, err, want)
	}
}

func naming(verifiers ...identity.Thumbprint) func() []identity.Thumbprint {
	return func() []identity.Thumbprint { return verifiers }
}

func TestADeviceAndItsVerifierMeet(t *testing.T) {
	key := generate(t)
	_, url := startRelay(t, relay.Config{Verifiers: []identity.Thumbprint{key.Thumbprint()}})
	v := start(t, transport.Config{URL: url, Key: key, Role: transport.RoleVerifier}).connected(t)
	d := start(t, transport.Config{URL: url, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)
	for _, body := range []string{"a", "eyJhbGciOiJFQ0RILUVTIn0.a.b.c.d", strings.Repeat("x", transport.MaxBody)} {
		d.send(t, v.id, body, true)
		v.expect(t, d.id, body)
		v.send(t, d.id, body, true)
		d.expect(t, v.id, body)
	}
}

func TestAClientHearsWhatTimeItIsByTheRelay(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key := generate(t)
	_, url := startRelay(t, relay.Config{Verifiers: []identity.Thumbprint{key.Thumbprint()}, Now: func() time.Time { return at }})
	heard := make(chan time.Time, 1)
	start(t, transport.Config{URL: url, Key: key, Role: transport.RoleVerifier, Clock: func(relay time.Time) { heard <- relay }}).connected(t)
	if got := <-heard; !got.Equal(at) {
		t.Errorf("heard %v, it is %v", got, at)
	}
}

func TestAVerifierInTheRelaysProcessNeedsNoSocket(t *testing.T) {
	key := generate(t)
	config := relay.Config{Verifiers: []identity.Thumbprint{key.Thumbprint()}}
	config.Limits.Connects = relay.Rate{PerSecond: 0.001, Burst: 1} // the device's: Dial takes none
	r, url := startRelay(t, config)
	v := start(t, transport.Config{URL: url, Key: key, Role: transport.RoleVerifier, NetDial: r.Dial}).connected(t)
	d := start(t, transport.Config{URL: url, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)
	body := strings.Repeat("x", transport.MaxBody)
	d.send(t, v.id, body, true)
	v.expect(t, d.id, body)
	v.send(t, d.id, body, true)
	d.expect(t, v.id, body)
}

func TestWhoWasNotNamedHearsAndReachesNobody(t *testing.T) {
	_, url := startRelay(t, relay.Config{Open: true})
	v := start(t, transport.Config{URL: url, Role: transport.RoleVerifier}).connected(t)
	stranger := start(t, transport.Config{URL: url, Role: transport.RoleVerifier}).connected(t)
	d := start(t, transport.Config{URL: url, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)
	other := start(t, transport.Config{URL: url, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)

	stranger.send(t, d.id, "stranger", false)
	d.send(t, stranger.id, "unnamed", false)
	d.send(t, other.id, "device-to-device", false)
	v.send(t, stranger.id, "verifier-to-verifier", false)
	v.send(t, d.id, "named", true)
	d.expect(t, v.id, "named")
	for _, p := range []*peer{v, stranger, d, other} {
		select {
		case l := <-p.received:
			t.Errorf("%q went through", l.body)
		default:
		}
	}
}

func TestAKeyInBothRolesStaysTwoNames(t *testing.T) {
	key := generate(t)
	_, url := startRelay(t, relay.Config{Open: true})
	asDevice := start(t, transport.Config{URL: url, Key: key, Role: transport.RoleDevice, Verifiers: naming(key.Thumbprint())}).connected(t)
	d := start(t, transport.Config{URL: url, Role: transport.RoleDevice, Verifiers: naming(key.Thumbprint())}).connected(t)
	d.send(t, key.Thumbprint(), "a", false)
	if len(asDevice.received) != 0 {
		t.Error("a device heard what was for a verifier")
	}
}

func TestEachConnectionOfAnIdentityGetsItsCopy(t *testing.T) {
	_, url := startRelay(t, relay.Config{Open: true})
	key := generate(t)
	v := start(t, transport.Config{URL: url, Role: transport.RoleVerifier}).connected(t)
	one := start(t, transport.Config{URL: url, Key: key, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)
	two := start(t, transport.Config{URL: url, Key: key, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)
	v.send(t, one.id, "both", true)
	one.expect(t, v.id, "both")
	two.expect(t, v.id, "both")
}

// levels takes what a client logs, as far as it says that it is not connected.
type levels chan slog.Level

func (levels) Enabled(context.Context, slog.Level) bool { return true }
func (l levels) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l levels) WithGroup(string) slog.Handler          { return l }
func (l levels) Handle(_ context.Context, r slog.Record) error {
	if r.Message == transport.ErrNotConnected.Error() {
		select {
		case l <- r.Level:
		default: // enough are there
		}
	}
	return nil
}

func TestWhoTheRelayDoesNotServeIsToldSo(t *testing.T) {
	own := generate(t)
	_, url := startRelay(t, relay.Config{Verifiers: []identity.Thumbprint{own.Thumbprint()}})
	for _, test := range []struct {
		name   string
		config transport.Config
		want   transport.CloseCode
	}{
		{"another verifier", transport.Config{Role: transport.RoleVerifier}, transport.CloseVerifierNotAllowed},
		{"a device of another verifier", transport.Config{Role: transport.RoleDevice, Verifiers: naming(generate(t).Thumbprint())}, transport.CloseNoVerifier},
	} {
		logged := make(levels, 1)
		test.config.URL, test.config.Logger = url, slog.New(logged)
		var refused *transport.RefusedError
		if s := start(t, test.config).next(t); s.connected || !errors.As(s.reason, &refused) || refused.Code != test.want {
			t.Errorf("%s: %+v, want %v", test.name, s, test.want)
		}
		if got := <-logged; got != slog.LevelWarn {
			t.Errorf("%s is logged as %v", test.name, got)
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := transport.Config{
		URL: "wss://contoso.example/relay", Key: generate(t), Role: transport.RoleDevice,
		Verifiers: naming(generate(t).Thumbprint()), Receive: func(context.Context, identity.Thumbprint, string) {},
	}
	if _, err := transport.NewClient(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*transport.Config){
		"ws beyond loopback":             func(c *transport.Config) { c.URL = "ws://contoso.example/relay" },
		"no key":                         func(c *transport.Config) { c.Key = identity.PrivateKey{} },
		"no role":                        func(c *transport.Config) { c.Role = "" },
		"a device without verifiers":     func(c *transport.Config) { c.Verifiers = nil },
		"a verifier with verifiers":      func(c *transport.Config) { c.Role = transport.RoleVerifier },
		"nobody to receive":              func(c *transport.Config) { c.Receive = nil },
		"a pin of the wrong length":      func(c *transport.Config) { c.Pin = []byte("short") },
		"a URL of another scheme":        func(c *transport.Config) { c.URL = "https://contoso.example/relay" },
		"a URL with a name and password": func(c *transport.Config) { c.URL = "wss://a:b@contoso.example/relay" },
	} {
		config := good
		change(&config)
		if _, err := transport.NewClient(config); !errors.Is(err, transport.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSendRefusesWhatIsNoLetter(t *testing.T) {
	_, url := startRelay(t, relay.Config{Open: true})
	v := start(t, transport.Config{URL: url, Role: transport.RoleVerifier}).connected(t)
	to := generate(t).Thumbprint()
	for name, test := range map[string]letter{
		"an empty body":            {to, ""},
		"a body too large":         {to, strings.Repeat("x", transport.MaxBody+1)},
		"a body that needs quotes": {to, `","x":"`},
		"no thumbprint":            {"somebody", "a"},
	} {
		if _, err := v.Send(t.Context(), test.from, test.body); !errors.Is(err, transport.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.send(t, to, "a", false) // and the connection has suffered nothing
}

func TestSendWithoutAConnection(t *testing.T) {
	client, err := transport.NewClient(transport.Config{
		URL: "wss://contoso.example/relay", Key: generate(t), Role: transport.RoleVerifier,
		Receive: func(context.Context, identity.Thumbprint, string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Send(t.Context(), generate(t).Thumbprint(), "a"); !errors.Is(err, transport.ErrNotConnected) {
		t.Error(err)
	}
}

func TestAPinTakesThePlaceOfAuthorities(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of every client that hangs up
	server.StartTLS()
	t.Cleanup(server.Close)
	url := "wss" + strings.TrimPrefix(server.URL, "https") + "/relay"
	r, err := relay.New(relay.Config{URL: url, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	mux.Handle("/relay", r)
	right := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	wrong := sha256.Sum256([]byte("another key"))

	start(t, transport.Config{URL: url, Role: transport.RoleVerifier, Pin: right[:]}).connected(t)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	start(t, transport.Config{URL: url, Role: transport.RoleVerifier, TLS: &tls.Config{RootCAs: roots}}).connected(t)

	if s := start(t, transport.Config{URL: url, Role: transport.RoleVerifier, Pin: wrong[:]}).next(t); !errors.Is(s.reason, transport.ErrPin) {
		t.Errorf("another key: %+v", s)
	}
	both := transport.Config{URL: url, Role: transport.RoleVerifier, Pin: wrong[:], TLS: &tls.Config{RootCAs: roots}}
	if s := start(t, both).next(t); !errors.Is(s.reason, transport.ErrPin) {
		t.Errorf("an authority's certificate with another key than the pinned: %+v", s)
	}
	if s := start(t, transport.Config{URL: url, Role: transport.RoleVerifier}).next(t); s.connected || s.reason == nil {
		t.Errorf("a certificate that nobody signed: %+v", s)
	}
}

func TestAnswersThatAreNoWebsocket(t *testing.T) {
	for status, want := range map[int]transport.CloseCode{
		http.StatusTooManyRequests:    transport.CloseRateLimited,
		http.StatusServiceUnavailable: transport.CloseShutdown,
		http.StatusNotFound:           0,
		http.StatusOK:                 0,
		http.StatusFound:              0,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "ws://127.0.0.1:1/relay")
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		s := start(t, transport.Config{URL: "ws" + strings.TrimPrefix(server.URL, "http") + "/relay", Role: transport.RoleVerifier}).next(t)
		var refused *transport.RefusedError
		if is := errors.As(s.reason, &refused); s.connected || is != (want != 0) || is && refused.Code != want {
			t.Errorf("status %d: %+v", status, s)
		}
		if want == 0 && !strings.Contains(s.reason.Error(), strconv.Itoa(status)) {
			t.Errorf("status %d is not told: %v", status, s.reason)
		}
	}
}

func TestReceiveMaySend(t *testing.T) {
	_, url := startRelay(t, relay.Config{Open: true})
	v := start(t, transport.Config{URL: url, Role: transport.RoleVerifier}).connected(t)
	var d *peer
	ready := make(chan struct{})
	echoed := make(chan error, 10)
	d = start(t, transport.Config{
		URL: url, Role: transport.RoleDevice, Verifiers: naming(v.id),
		Receive: func(ctx context.Context, from identity.Thumbprint, body string) {
			<-ready
			_, err := d.Send(ctx, from, body)
			echoed <- err
		},
	})
	close(ready)
	d.connected(t)
	for _, body := range []string{"one", "two", "three"} {
		v.send(t, d.id, body, true)
	}
	for _, body := range []string{"one", "two", "three"} {
		v.expect(t, d.id, body)
		if err := <-echoed; err != nil {
			t.Error(err)
		}
	}
}

func TestAClientComesBack(t *testing.T) {
	var current atomic.Pointer[relay.Server]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	url := "ws" + strings.TrimPrefix(server.URL, "http") + "/relay"
	begin := func() *relay.Server {
		r, err := relay.New(relay.Config{URL: url, Open: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		current.Store(r)
		return r
	}
	first := begin()
	logged := make(levels, 1)
	v := start(t, transport.Config{URL: url, Role: transport.RoleVerifier, Logger: slog.New(logged)}).connected(t)
	d := start(t, transport.Config{URL: url, Role: transport.RoleDevice, Verifiers: naming(v.id)}).connected(t)
	first.Close()
	for _, p := range []*peer{v, d} {
		var refused *transport.RefusedError
		if s := p.next(t); s.connected || !errors.As(s.reason, &refused) || refused.Code != transport.CloseShutdown {
			t.Errorf("after the relay's end: %+v", s)
		}
	}
	if got := <-logged; got != slog.LevelInfo {
		t.Errorf("a restart is logged as %v", got)
	}
	if _, err := d.Send(t.Context(), v.id, "a"); !errors.Is(err, transport.ErrNotConnected) {
		t.Errorf("sent without a relay: %v", err)
	}
	begin()
	v.Wake()
	d.Wake()
	v.connected(t)
	d.connected(t)
	d.send(t, v.id, "a", true)
	v.expect(t, d.id, "a")
}
