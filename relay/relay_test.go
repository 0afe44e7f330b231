package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

const url = "wss://relay.contoso.example/relay"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func generate(t testing.TB) identity.PrivateKey {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// fixture is a relay that is reached in memory, with what it counts and logs.
type fixture struct {
	*relay.Server
	verifier identity.PrivateKey // the relay's own
	registry *prometheus.Registry
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newFixture(t testing.TB, change func(*relay.Config)) *fixture {
	t.Helper()
	f := &fixture{verifier: generate(t), registry: prometheus.NewRegistry(), log: &lockedBuffer{}}
	config := relay.Config{
		URL: url, Verifiers: []identity.Thumbprint{f.verifier.Thumbprint()}, Registerer: f.registry,
		Logger: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	server, err := relay.New(config)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = server
	t.Cleanup(server.Close)
	return f
}

// metric gives a metric's value: the sum over all series whose labels' values
// contain label.
func (f *fixture) metric(t testing.TB, name, label string) float64 {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := label == ""
			for _, l := range m.GetLabel() {
				matches = matches || l.GetValue() == label
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// rawClient speaks frames, and whatever else a test wants to say.
type rawClient struct {
	*websocket.Conn
	t   testing.TB
	key identity.PrivateKey
}

func (f *fixture) dial(t testing.TB) *rawClient {
	t.Helper()
	dialer := websocket.Dialer{NetDialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return f.Dial(ctx) }}
	conn, _, err := dialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawClient{conn, t, generate(t)}
}

func (c *rawClient) put(frame transport.Frame) { c.text(string(frame.Encode())) }

func (c *rawClient) text(s string) {
	c.SetWriteDeadline(time.Now().Add(time.Minute))
	if err := c.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
		c.t.Logf("writing: %v", err)
	}
}

func (c *rawClient) get() transport.Frame {
	c.t.Helper()
	_, b, err := c.ReadMessage()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	frame, err := transport.Decode(b)
	if err != nil {
		c.t.Fatalf("%q: %v", b, err)
	}
	return frame
}

func (c *rawClient) auth(token transport.Token) {
	c.t.Helper()
	hello, ok := c.get().(transport.Hello)
	if !ok {
		c.t.Fatal("no hello")
	}
	if token.Nonce == "" {
		token.Nonce = hello.Nonce
	}
	if token.Relay == "" {
		token.Relay = hello.Relay
	}
	signed, err := transport.SignToken(c.key, token)
	if err != nil {
		c.t.Fatal(err)
	}
	c.put(transport.Auth{Token: signed})
}

func (c *rawClient) id() identity.Thumbprint { return c.key.Thumbprint() }

// closed reads until the relay's close frame, and checks it.
func (c *rawClient) closed(want transport.CloseCode) {
	c.t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != int(want) || closed.Text != want.String() {
			c.t.Errorf("ended with %v, want %d %v", err, want, want)
		}
		return
	}
}

func (c *rawClient) ready() *rawClient {
	c.t.Helper()
	if frame := c.get(); frame != (transport.Ready{}) {
		c.t.Fatalf("%+v, not ready", frame)
	}
	return c
}

func (f *fixture) own(t testing.TB) *rawClient {
	t.Helper()
	c := f.dial(t)
	c.key = f.verifier
	c.auth(transport.Token{Role: transport.RoleVerifier})
	return c.ready()
}

func (f *fixture) device(t testing.TB) *rawClient {
	t.Helper()
	c := f.dial(t)
	c.auth(transport.Token{Role: transport.RoleDevice, Verifiers: []identity.Thumbprint{f.verifier.Thumbprint()}})
	return c.ready()
}

func (c *rawClient) send(to identity.Thumbprint, body string) string {
	id := transport.NewID()
	c.put(transport.Send{ID: id, To: to, Body: body})
	return id
}

// inBubble runs a test on virtual time, with everything in memory.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestHandshakesThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		say  func(f *fixture, c *rawClient)
		want transport.CloseCode
	}{
		"nothing within five seconds": {func(*fixture, *rawClient) {}, transport.CloseTimeout},
		"a frame that never ends": {func(_ *fixture, c *rawClient) {
			w, _ := c.NextWriter(websocket.TextMessage)
			w.Write(make([]byte, 5000))
		}, transport.CloseTimeout},
		"no JSON":             {func(_ *fixture, c *rawClient) { c.text("hello") }, transport.CloseBadFrame},
		"a frame out of turn": {func(f *fixture, c *rawClient) { c.send(f.verifier.Thumbprint(), "a") }, transport.CloseBadFrame},
		"a binary frame": {func(_ *fixture, c *rawClient) {
			c.WriteMessage(websocket.BinaryMessage, transport.Auth{Token: "a.b.c"}.Encode())
		}, transport.CloseBadFrame},
		"too large a frame": {func(_ *fixture, c *rawClient) { c.text(strings.Repeat("x", transport.MaxFrame+1)) }, transport.CloseTooLarge},
		"no token":          {func(_ *fixture, c *rawClient) { c.put(transport.Auth{Token: "a.b.c"}) }, transport.CloseAuthFailed},
		"another connection's nonce": {func(_ *fixture, c *rawClient) {
			c.auth(transport.Token{Role: transport.RoleVerifier, Nonce: transport.NewNonce()})
		}, transport.CloseAuthFailed},
		"another relay's token": {func(_ *fixture, c *rawClient) {
			c.auth(transport.Token{Role: transport.RoleVerifier, Relay: "wss://fabrikam.example/relay"})
		}, transport.CloseAuthFailed},
		"another verifier": {func(_ *fixture, c *rawClient) { c.auth(transport.Token{Role: transport.RoleVerifier}) }, transport.CloseVerifierNotAllowed},
		"a device of another verifier": {func(_ *fixture, c *rawClient) {
			c.auth(transport.Token{Role: transport.RoleDevice, Verifiers: []identity.Thumbprint{c.id()}})
		}, transport.CloseNoVerifier},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFixture(t, nil)
				c := f.dial(t)
				began := time.Now()
				test.say(f, c)
				c.closed(test.want)
				if took := time.Since(began); took > transport.HandshakeTimeout {
					t.Errorf("closed after %v", took)
				}
				pass(2 * time.Second) // for the relay to let go
				if n := f.metric(t, "countersign_relay_handshakes_total", test.want.String()); n != 1 {
					t.Errorf("counted %v times", n)
				}
			})
		})
	}
}

func TestATokenServesOneConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		first, second := f.dial(t), f.dial(t)
		hello := first.get().(transport.Hello)
		signed, err := transport.SignToken(f.verifier, transport.Token{Nonce: hello.Nonce, Relay: hello.Relay, Role: transport.RoleVerifier})
		if err != nil {
			t.Fatal(err)
		}
		first.put(transport.Auth{Token: signed})
		first.ready()
		second.put(transport.Auth{Token: signed})
		second.closed(transport.CloseAuthFailed)
	})
}

func TestConnectionsThatMisbehave(t *testing.T) {
	for name, test := range map[string]struct {
		say  func(f *fixture, c *rawClient)
		want transport.CloseCode
	}{
		"no JSON":         {func(_ *fixture, c *rawClient) { c.text("{") }, transport.CloseBadFrame},
		"a second auth":   {func(_ *fixture, c *rawClient) { c.put(transport.Auth{Token: "a.b.c"}) }, transport.CloseBadFrame},
		"a relay's frame": {func(_ *fixture, c *rawClient) { c.put(transport.Ack{ID: transport.NewID(), Delivered: true}) }, transport.CloseBadFrame},
		"in another's name": {func(f *fixture, c *rawClient) {
			c.put(transport.Receive{ID: transport.NewID(), From: f.verifier.Thumbprint(), Body: "a"})
		}, transport.CloseBadFrame},
		"too large a frame": {func(_ *fixture, c *rawClient) { c.text(strings.Repeat("x", transport.MaxFrame+1)) }, transport.CloseTooLarge},
		"a frame that never ends": {func(_ *fixture, c *rawClient) {
			w, _ := c.NextWriter(websocket.TextMessage)
			w.Write(make([]byte, 5000))
		}, transport.CloseTimeout},
		"too many frames": {func(f *fixture, c *rawClient) {
			for range 51 {
				c.send(f.verifier.Thumbprint(), "a")
			}
		}, transport.CloseRateLimited},
		"too many pings": {func(_ *fixture, c *rawClient) {
			for range 51 {
				c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
		}, transport.CloseRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFixture(t, nil)
				c := f.device(t)
				go test.say(f, c)
				c.closed(test.want)
				pass(2 * time.Second)
				if n := f.metric(t, "countersign_relay_closed_total", test.want.String()); n != 1 {
					t.Errorf("counted %v times", n)
				}
				if n := f.metric(t, "countersign_relay_connections", ""); n != 0 {
					t.Errorf("%v connections left", n)
				}
			})
		})
	}
}

func TestTheRateOutlivesTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		key := generate(t)
		connect := func() *rawClient {
			c := f.dial(t)
			c.key = key
			c.auth(transport.Token{Role: transport.RoleDevice, Verifiers: []identity.Thumbprint{f.verifier.Thumbprint()}})
			return c.ready()
		}
		c := connect()
		for range 50 {
			c.send(f.verifier.Thumbprint(), "a")
			c.get()
		}
		c.Close()
		c = connect()
		c.send(f.verifier.Thumbprint(), "a")
		c.closed(transport.CloseRateLimited)
		pass(time.Second) // ten more
		c = connect()
		c.send(f.verifier.Thumbprint(), "a")
		if ack, ok := c.get().(transport.Ack); !ok || ack.Delivered {
			t.Errorf("%+v", ack)
		}
	})
}

// longBody fills the buffers of who does not read in fewer frames than a test sends.
var longBody = strings.Repeat("a", 4000)

func TestASlowReaderIsClosedAndStallsNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		v, slow, quick := f.own(t), f.device(t), f.device(t)
		began := time.Now()
		for i := range 100 {
			body := fmt.Sprintf("body-%d", i)
			v.send(slow.id(), longBody)
			v.get() // its ack, whatever it says
			v.send(quick.id(), body)
			if frame := quick.get().(transport.Receive); frame.Body != body || frame.From != v.id() {
				t.Fatalf("%+v", frame)
			}
			if ack := v.get().(transport.Ack); !ack.Delivered {
				t.Fatal("not delivered to the device that reads")
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a device that does not read held the others up for %v", took)
		}
		pass(3 * time.Second)
		if n := f.metric(t, "countersign_relay_closed_total", "slow_reader"); n != 1 {
			t.Errorf("%v slow readers counted", n)
		}
		id := v.send(slow.id(), "a")
		if ack := v.get(); ack != (transport.Ack{ID: id}) {
			t.Errorf("%+v", ack)
		}
	})
}

func TestABurstWaitsForItsVerifier(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		v := f.own(t)
		const burst = 200
		var devices sync.WaitGroup
		for range burst {
			d := f.device(t)
			devices.Go(func() {
				d.send(v.id(), "a")
				if ack := d.get().(transport.Ack); !ack.Delivered {
					t.Error("lost in the burst")
				}
			})
		}
		pass(time.Second) // meanwhile the verifier does something else
		for range burst {
			v.get()
		}
		devices.Wait()
	})
}

func TestAVerifierThatDoesNotReadIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		v := f.own(t)
		var devices sync.WaitGroup
		for range 100 {
			d := f.device(t)
			devices.Go(func() {
				began := time.Now()
				d.send(v.id(), longBody)
				d.get()
				if took := time.Since(began); took > transport.WriteTimeout {
					t.Errorf("a device waited %v", took)
				}
			})
		}
		devices.Wait()
		pass(2 * time.Second)
		if n := f.metric(t, "countersign_relay_connections", "verifier"); n != 0 {
			t.Error("the verifier is still there")
		}
		if n := f.metric(t, "countersign_relay_closed_total", "slow_reader"); n == 0 {
			t.Error("not counted")
		}
	})
}

func TestASenderThatDoesNotReadItsAcksIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		v := f.own(t)
		go func() {
			nobody := generate(t).Thumbprint()
			for range 4000 { // acks of some 50 octets each
				v.send(nobody, "a")
			}
		}()
		pass(time.Minute)
		if n := f.metric(t, "countersign_relay_closed_total", "slow_reader"); n != 1 {
			t.Errorf("%v slow readers counted", n)
		}
	})
}

func TestEveryConnectionIsPingedEvery25Seconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		c := f.device(t)
		var pings []time.Time
		answer := c.PingHandler()
		c.SetPingHandler(func(data string) error {
			pings = append(pings, time.Now())
			return answer(data)
		})
		c.SetReadDeadline(time.Now().Add(10 * time.Minute))
		if _, _, err := c.ReadMessage(); err == nil {
			t.Error("a frame that nobody sent")
		}
		if len(pings) != 24 {
			t.Errorf("%d pings in ten minutes", len(pings))
		}
		for i := 1; i < len(pings); i++ {
			if gap := pings[i].Sub(pings[i-1]); gap != transport.PingInterval {
				t.Errorf("%v between pings", gap)
			}
		}
	})
}

func TestWhoAnswersNoPingIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		c := f.device(t)
		c.SetPingHandler(func(string) error { return nil })
		began := time.Now()
		c.closed(transport.CloseTimeout)
		if took := time.Since(began); took < 2*transport.PingInterval || took > 3*transport.PingInterval {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestAnIdentityHasSoManyConnectionsAndNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, func(c *relay.Config) { c.Limits.PerIdentity = 2 })
		f.own(t)
		f.own(t)
		third := f.dial(t)
		third.key = f.verifier
		third.auth(transport.Token{Role: transport.RoleVerifier})
		third.closed(transport.CloseTooMany)
	})
}

func TestAnIdentityConnectsAtABoundedRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, func(c *relay.Config) { c.Limits.PerIdentity = 1000 })
		for range 50 {
			f.own(t)
		}
		c := f.dial(t)
		c.key = f.verifier
		c.auth(transport.Token{Role: transport.RoleVerifier})
		c.closed(transport.CloseRateLimited)
		f.device(t) // others are not concerned
	})
}

func TestCloseTellsEverybodyAndDrains(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		clients := []*rawClient{f.own(t), f.device(t), f.dial(t)}
		clients[2].get() // its hello
		var reading sync.WaitGroup
		for _, c := range clients {
			reading.Go(func() { c.closed(transport.CloseShutdown) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
		reading.Wait()
		if _, err := f.Dial(t.Context()); err == nil {
			t.Error("a closed relay was dialled")
		}
		if n := f.metric(t, "countersign_relay_connections", ""); n != 0 {
			t.Errorf("%v connections left", n)
		}
	})
}

func TestNoBodyIsLogged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		v, d := f.own(t), f.device(t)
		d.send(v.id(), "SECRETBODY")
		v.get()
		d.get()
		d.text(`{"type":"send","body":"SECRETBODY"}`)
		d.closed(transport.CloseBadFrame)
		bad := f.dial(t)
		bad.get()
		bad.put(transport.Auth{Token: "SECRETTOKEN"})
		bad.closed(transport.CloseAuthFailed)
		synctest.Wait()
		if log := f.log.String(); strings.Contains(log, "SECRET") || !strings.Contains(log, "refused a client") {
			t.Errorf("the log says: %s", log)
		}
	})
}

func TestFramesBetweenTwoKeepTheirOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, nil)
		v, d := f.own(t), f.device(t)
		const rounds, burst = 50, 10
		for round := range rounds {
			var acks sync.WaitGroup
			acks.Go(func() {
				for range burst {
					v.get()
				}
			})
			acks.Go(func() {
				for i := range burst {
					v.send(d.id(), fmt.Sprint(round*burst+i))
				}
			})
			for i := range burst {
				if frame := d.get().(transport.Receive); frame.Body != fmt.Sprint(round*burst+i) {
					t.Fatalf("%q came as number %d of round %d", frame.Body, i, round)
				}
			}
			acks.Wait()
		}
	})
}

func TestRequestsThatGetNoWebsocket(t *testing.T) {
	f := newFixture(t, func(c *relay.Config) {
		c.ClientAddr = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Test")) }
		c.Limits.Connects = relay.Rate{PerSecond: 0.001, Burst: 2}
	})
	get := func(addr, origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/relay", nil)
		r.Header.Set("X-Test", addr)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w
	}
	for i, test := range []struct {
		addr, origin string
		want         int
	}{
		{"192.0.2.1", "https://contoso.example", http.StatusForbidden},
		{"192.0.2.1", "https://relay.contoso.example", http.StatusForbidden},
		{"192.0.2.1", "null", http.StatusForbidden},
		{"192.0.2.1", "", http.StatusBadRequest}, // no websocket, but not over the limit
		{"192.0.2.1", "", http.StatusBadRequest},
		{"192.0.2.1", "", http.StatusTooManyRequests},
		{"::ffff:192.0.2.1", "", http.StatusTooManyRequests}, // the same address
		{"192.0.2.2", "", http.StatusBadRequest},
		{"2001:db8:0:1::1", "", http.StatusBadRequest},
		{"2001:db8:0:1::2", "", http.StatusBadRequest},
		{"2001:db8:0:1:ffff::3", "", http.StatusTooManyRequests}, // one customer's network
		{"2001:db8:0:2::1", "", http.StatusBadRequest},
	} {
		w := get(test.addr, test.origin)
		if w.Code != test.want {
			t.Errorf("%d: %s %s: %d, want %d", i, test.addr, test.origin, w.Code, test.want)
		}
		if (w.Header().Get("Retry-After") != "") != (w.Code == http.StatusTooManyRequests) {
			t.Errorf("%d: Retry-After %q with %d", i, w.Header().Get("Retry-After"), w.Code)
		}
	}
	if n := f.metric(t, "countersign_relay_refused_total", "origin"); n != 3 {
		t.Errorf("%v foreign origins counted", n)
	}
}

func TestAFullRelaySaysSo(t *testing.T) {
	f := newFixture(t, func(c *relay.Config) { c.Limits.Connections = 1 })
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	address := "ws" + strings.TrimPrefix(server.URL, "http")
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, response, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %+v", err, response)
	}
	f.own(t) // the verifier in the process always finds room
}

func TestConfigurationIsChecked(t *testing.T) {
	for name, config := range map[string]relay.Config{
		"no URL":                {},
		"ws beyond loopback":    {URL: "ws://contoso.example/relay"},
		"no verifier's name":    {URL: url, Verifiers: []identity.Thumbprint{"contoso"}},
		"metrics of two relays": {URL: url, Registerer: twice(t)},
	} {
		if r, err := relay.New(config); err == nil {
			r.Close()
			t.Errorf("%s was taken", name)
		}
	}
}

func twice(t *testing.T) prometheus.Registerer {
	return newFixture(t, nil).registry
}

func TestMetricsBearTheirName(t *testing.T) {
	f := newFixture(t, nil)
	families, err := f.registry.Gather()
	if err != nil || len(families) == 0 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "countersign_relay_") {
			t.Errorf("%s", family.GetName())
		}
	}
}

func TestAThousandConnections(t *testing.T) {
	f := newFixture(t, func(c *relay.Config) { c.Limits.Connects = relay.Rate{PerSecond: 1e6, Burst: 1e6} })
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	address := "ws" + strings.TrimPrefix(server.URL, "http")
	v := f.own(t)
	const n = 1000
	body := strings.Repeat("x", envelope.MaxSize)
	devices := make([]*rawClient, n)
	var connecting sync.WaitGroup
	slots := make(chan struct{}, 50)
	for i := range devices {
		connecting.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
			if err != nil {
				t.Errorf("connecting: %v", err)
				return
			}
			c := &rawClient{conn, t, generate(t)}
			c.auth(transport.Token{Role: transport.RoleDevice, Verifiers: []identity.Thumbprint{v.id()}})
			devices[i] = c.ready()
		})
	}
	connecting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, d := range devices {
			d.Close()
		}
	})
	if got := f.metric(t, "countersign_relay_connections", "device"); got != n {
		t.Errorf("%v devices connected", got)
	}
	go func() {
		for _, d := range devices {
			v.send(d.id(), body)
		}
	}()
	for range devices {
		if ack, ok := v.get().(transport.Ack); !ok || !ack.Delivered {
			t.Fatalf("%+v", ack)
		}
	}
	for _, d := range devices {
		if frame, ok := d.get().(transport.Receive); !ok || frame.Body != body {
			t.Fatal("a device heard something else")
		}
	}
}
