package relay_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

func startNATS(t testing.TB) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s
}

// linked starts relays that NATS joins; all serve one verifier, or any.
func linked(t testing.TB, n int, open bool) (*server.Server, []*fixture) {
	t.Helper()
	bus := startNATS(t)
	verifier := generate(t)
	var relays []*fixture
	for range n {
		link, err := relay.ConnectNATS(bus.ClientURL(), nil, nats.ReconnectWait(10*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		f := newFixture(t, func(c *relay.Config) {
			c.Link, c.Open, c.Verifiers = link, open, []identity.Thumbprint{verifier.Thumbprint()}
		})
		f.verifier = verifier
		relays = append(relays, f)
	}
	return bus, relays
}

// exchange sends and waits for the ack.
func (c *rawClient) exchange(to identity.Thumbprint, body string, want bool) {
	c.t.Helper()
	id := c.send(to, body)
	if ack := c.get(); ack != (transport.Ack{ID: id, Delivered: want}) {
		c.t.Fatalf("%.20s: %+v, want delivered: %v", body, ack, want)
	}
}

func (c *rawClient) hear(from identity.Thumbprint, body string) {
	c.t.Helper()
	if frame, ok := c.get().(transport.Receive); !ok || frame.From != from || frame.Body != body {
		c.t.Errorf("heard %+v", frame)
	}
}

func TestADeviceAndAVerifierMeetAcrossRelays(t *testing.T) {
	_, relays := linked(t, 3, false)
	v, d := relays[0].own(t), relays[1].device(t)
	body := strings.Repeat("x", envelope.MaxSize)
	d.exchange(v.id(), body, true)
	v.hear(d.id(), body)
	v.exchange(d.id(), "a", true)
	d.hear(v.id(), "a")
	v.exchange(generate(t).Thumbprint(), "connected-nowhere", false)
	d.Close()
	deadline := time.Now().Add(20 * time.Second)
	for delivered := true; delivered; {
		v.send(d.id(), "gone")
		delivered = v.get().(transport.Ack).Delivered
		if time.Now().After(deadline) {
			t.Fatal("a device that left is still found")
		}
	}
}

func TestEveryRelayOfAnIdentityDelivers(t *testing.T) {
	_, relays := linked(t, 3, false)
	v := relays[0].own(t)
	key := generate(t)
	var copies []*rawClient
	for _, f := range []*fixture{relays[0], relays[1], relays[2], relays[2]} {
		c := f.dial(t)
		c.key = key
		c.auth(transport.Token{Role: transport.RoleDevice, Verifiers: []identity.Thumbprint{v.id()}})
		copies = append(copies, c.ready())
	}
	v.exchange(key.Thumbprint(), "a", true)
	for _, c := range copies {
		c.hear(v.id(), "a")
	}
}

func TestAcrossRelaysToo_WhoWasNotNamedIsNotHeard(t *testing.T) {
	_, relays := linked(t, 2, true)
	v, d := relays[0].own(t), relays[1].device(t)
	stranger := relays[0].dial(t)
	stranger.auth(transport.Token{Role: transport.RoleVerifier})
	stranger.ready()
	began := time.Now()
	stranger.exchange(d.id(), "stranger", false)
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("the refusal took %v: the time tells that somebody is there", took)
	}
	v.exchange(d.id(), "named", true)
	d.hear(v.id(), "named")
}

func TestABurstAcrossRelays(t *testing.T) {
	_, relays := linked(t, 2, false)
	v := relays[0].own(t)
	const burst = 150
	var devices sync.WaitGroup
	for range burst {
		d := relays[1].device(t)
		devices.Go(func() {
			d.send(v.id(), "a")
			if ack, ok := d.get().(transport.Ack); !ok || !ack.Delivered {
				t.Errorf("lost in the burst: %+v", ack)
			}
		})
	}
	for range burst {
		if _, ok := v.get().(transport.Receive); !ok {
			t.Fatal("not what was sent")
		}
	}
	devices.Wait()
}

func TestWithoutTheLinkARelayStillServesItsOwn(t *testing.T) {
	bus, relays := linked(t, 2, false)
	v, near, far := relays[0].own(t), relays[0].device(t), relays[1].device(t)
	bus.Shutdown()
	bus.WaitForShutdown()
	v.exchange(near.id(), "a", true)
	near.hear(v.id(), "a")
	v.exchange(far.id(), "a", false)
}

func TestGarbageOnTheLinkReachesNobody(t *testing.T) {
	bus, relays := linked(t, 1, false)
	v, d := relays[0].own(t), relays[0].device(t)
	conn, err := nats.Connect(bus.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	toDevice := "countersign.relay.v1.device." + string(d.id()) + "." + string(v.id())
	for _, data := range [][]byte{
		nil, []byte("garbage"), transport.Ready{}.Encode(),
		transport.Send{ID: transport.NewID(), To: d.id(), Body: "a"}.Encode(),
		transport.Receive{ID: transport.NewID(), From: d.id(), Body: "another-sender-than-the-subject-says"}.Encode(),
	} {
		if _, err := conn.Request(toDevice, data, 50*time.Millisecond); err == nil {
			t.Errorf("%q was answered", data)
		}
	}
	good := transport.Receive{ID: transport.NewID(), From: v.id(), Body: "good"}
	if answer, err := conn.Request(toDevice, good.Encode(), 20*time.Second); err != nil || string(answer.Data) != "taken" {
		t.Errorf("%v, %v", answer, err)
	}
	d.hear(v.id(), "good")
}

func TestALinkThatCannotBeMade(t *testing.T) {
	var listener net.ListenConfig
	l, err := listener.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if link, err := relay.ConnectNATS("nats://user:password@"+address, nil); err == nil {
		link.Close()
		t.Error("connected to nothing")
	} else if strings.Contains(err.Error(), "password") {
		t.Errorf("the error tells the password: %v", err)
	}
}
