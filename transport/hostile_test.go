package transport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"countersign/crypto/identity"
	"countersign/transport"
)

const hostileURL = "wss://relay.contoso.example/relay"

// hostile is a relay that follows a script. It is reached in memory, so that
// whole tests run on the virtual time of synctest.
type hostile struct {
	t        *testing.T
	script   func(c *hostileConn)
	incoming chan net.Conn
	closed   chan struct{}
	scripts  sync.WaitGroup
	dials    []time.Time
	mu       sync.Mutex
}

type hostileConn struct {
	*websocket.Conn
	t *testing.T
}

func newHostile(t *testing.T, script func(c *hostileConn)) *hostile {
	h := &hostile{t: t, script: script, incoming: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(h)
	}()
	t.Cleanup(func() {
		h.Close()
		server.Close()
		<-done
		h.scripts.Wait()
	})
	return h
}

func (h *hostile) Accept() (net.Conn, error) {
	select {
	case c := <-h.incoming:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *hostile) Close() error {
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
	return nil
}

func (h *hostile) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (h *hostile) dial(context.Context) (net.Conn, error) {
	h.mu.Lock()
	h.dials = append(h.dials, time.Now())
	h.mu.Unlock()
	client, server := net.Pipe()
	h.incoming <- server
	return client, nil
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var upgrader websocket.Upgrader
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		h.t.Error(err)
		return
	}
	h.scripts.Go(func() {
		defer conn.Close()
		h.script(&hostileConn{conn, h.t})
	})
}

func (c *hostileConn) put(frame transport.Frame) { c.text(string(frame.Encode())) }

func (c *hostileConn) text(s string) {
	if err := c.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
		c.t.Logf("writing to the client: %v", err)
	}
}

// get reads the client's next frame; nil when the client has gone.
func (c *hostileConn) get() transport.Frame {
	_, b, err := c.ReadMessage()
	if err != nil {
		return nil
	}
	frame, err := transport.Decode(b)
	if err != nil {
		c.t.Errorf("the client sent %q: %v", b, err)
	}
	return frame
}

// welcome does what an honest relay does until the client is connected.
func (c *hostileConn) welcome() {
	c.put(transport.Hello{Nonce: "nonce-nonce-nonce", Relay: hostileURL})
	if _, ok := c.get().(transport.Auth); !ok {
		c.t.Error("the client did not authenticate")
	}
	c.put(transport.Ready{})
}

// linger reads until the client goes.
func (c *hostileConn) linger() {
	for c.get() != nil {
	}
}

func (h *hostile) device(t *testing.T, named ...identity.Thumbprint) *peer {
	return start(t, transport.Config{URL: hostileURL, Role: transport.RoleDevice, Verifiers: naming(named...), NetDial: h.dial})
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestNothingIsSignedForARelayThatClaimsToBeAnother(t *testing.T) {
	for name, claimed := range map[string]string{
		"another relay":       "wss://fabrikam.example/relay",
		"another path":        hostileURL + "2",
		"a prefix":            hostileURL[:len(hostileURL)-1],
		"another case":        strings.ToUpper(hostileURL),
		"without encryption":  "ws" + strings.TrimPrefix(hostileURL, "wss"),
		"something very long": "wss://" + strings.Repeat("a", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t, func(c *hostileConn) {
					c.put(transport.Hello{Nonce: transport.NewNonce(), Relay: claimed})
					if frame := c.get(); frame != nil {
						t.Errorf("the client answered %+v", frame)
					}
				})
				s := h.device(t, thumbprint).next(t)
				if s.connected || !errors.Is(s.reason, transport.ErrWrongRelay) || len(s.reason.Error()) > 300 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestWhatNoRelayMaySendEndsTheConnection(t *testing.T) {
	stranger := identity.Thumbprint(strings.Repeat("A", 43))
	for name, send := range map[string]func(c *hostileConn){
		"a frame from somebody not named": func(c *hostileConn) { c.put(transport.Receive{ID: id, From: stranger, Body: "a"}) },
		"a second hello":                  func(c *hostileConn) { c.put(transport.Hello{Nonce: id, Relay: hostileURL}) },
		"a second ready":                  func(c *hostileConn) { c.put(transport.Ready{}) },
		"a client's frame":                func(c *hostileConn) { c.put(transport.Send{ID: id, To: thumbprint, Body: "a"}) },
		"a client's token":                func(c *hostileConn) { c.put(transport.Auth{Token: "a.b.c"}) },
		"no JSON":                         func(c *hostileConn) { c.text("hello") },
		"an oversized frame":              func(c *hostileConn) { c.text(strings.Repeat("x", transport.MaxFrame+1)) },
		"a huge frame in pieces": func(c *hostileConn) {
			w, _ := c.NextWriter(websocket.TextMessage)
			for range 1000 {
				w.Write(make([]byte, 1<<16))
			}
			w.Close()
		},
		"a binary frame": func(c *hostileConn) {
			c.WriteMessage(websocket.BinaryMessage, transport.Receive{ID: id, From: thumbprint, Body: "a"}.Encode())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t, func(c *hostileConn) {
					c.welcome()
					send(c)
					c.linger()
				})
				d := h.device(t, thumbprint).connected(t)
				if s := d.next(t); s.connected || !errors.Is(s.reason, transport.ErrProtocol) {
					t.Errorf("%+v", s)
				}
				if len(d.received) != 0 {
					t.Errorf("%+v came through", <-d.received)
				}
			})
		})
	}
}

func TestRepeatedAndInventedAcksChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			for {
				send, ok := c.get().(transport.Send)
				if !ok {
					return
				}
				c.put(transport.Ack{ID: transport.NewID(), Delivered: true}) // of nothing
				c.put(transport.Ack{ID: send.ID, Delivered: false})
				c.put(transport.Ack{ID: send.ID, Delivered: true})
				c.put(transport.Ack{ID: send.ID, Delivered: true})
			}
		})
		d := h.device(t, thumbprint).connected(t)
		for range 3 {
			d.send(t, thumbprint, "a", false)
		}
	})
}

func TestRepeatedFramesComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			for _, body := range []string{"one", "two", "one", "two"} {
				c.put(transport.Receive{ID: id, From: thumbprint, Body: body})
			}
			c.linger()
		})
		d := h.device(t, thumbprint).connected(t)
		for _, body := range []string{"one", "two", "one", "two"} {
			d.expect(t, thumbprint, body)
		}
	})
}

func TestARelayThatNeverAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			c.linger()
		})
		d := h.device(t, thumbprint).connected(t)
		began := time.Now()
		if _, err := d.Send(t.Context(), thumbprint, "a"); !errors.Is(err, transport.ErrNoAck) {
			t.Error(err)
		}
		if waited := time.Since(began); waited != transport.AckTimeout {
			t.Errorf("waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Send(ctx, thumbprint, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestARelayThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			pass(time.Minute)
		})
		d := h.device(t, thumbprint).connected(t)
		var sending sync.WaitGroup
		for range 3 {
			sending.Go(func() {
				if _, err := d.Send(t.Context(), thumbprint, "a"); !errors.Is(err, transport.ErrNoAck) && !errors.Is(err, transport.ErrNotConnected) {
					t.Error(err)
				}
			})
		}
		sending.Wait()
		if s := d.next(t); s.connected {
			t.Errorf("%+v", s)
		}
	})
}

func TestARelayThatClosesWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			c.get()
		})
		d := h.device(t, thumbprint).connected(t)
		if _, err := d.Send(t.Context(), thumbprint, "a"); !errors.Is(err, transport.ErrNotConnected) {
			t.Error(err)
		}
	})
}

func TestASilentRelayIsLeft(t *testing.T) {
	for name, test := range map[string]struct {
		script func(c *hostileConn)
		after  time.Duration
	}{
		"before its hello":  {func(c *hostileConn) { c.linger() }, 2 * transport.HandshakeTimeout},
		"before its ready":  {func(c *hostileConn) { c.put(transport.Hello{Nonce: id, Relay: hostileURL}); c.linger() }, 2 * transport.HandshakeTimeout},
		"when it was ready": {func(c *hostileConn) { c.welcome(); c.linger() }, transport.SilenceTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t, test.script)
				d := h.device(t, thumbprint)
				began := time.Now()
				var s state
				for s = <-d.states; s.connected; s = <-d.states {
				}
				if waited := time.Since(began); waited != test.after || s.reason == nil {
					t.Errorf("left after %v: %v; want %v", waited, s.reason, test.after)
				}
			})
		})
	}
}

func TestAFloodIsDroppedAndAcksStillCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const flood = 2000
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			for range flood {
				c.put(transport.Receive{ID: id, From: thumbprint, Body: "a"})
			}
			send, _ := c.get().(transport.Send)
			c.put(transport.Ack{ID: send.ID, Delivered: true})
			c.linger()
		})
		release := make(chan struct{})
		d := start(t, transport.Config{
			URL: hostileURL, Role: transport.RoleDevice, Verifiers: naming(thumbprint), NetDial: h.dial,
			Receive: func(context.Context, identity.Thumbprint, string) { <-release },
		}).connected(t)
		synctest.Wait()
		d.send(t, thumbprint, "a", true)
		if dropped := d.Dropped(); dropped == 0 || dropped >= flood {
			t.Errorf("%d of %d dropped", dropped, flood)
		}
		close(release)
	})
}

func TestAsManyAreReceivedAtOnceAsWasSaid(t *testing.T) {
	for _, test := range []struct{ said, want int }{{0, 1}, {1, 1}, {2, 2}} {
		synctest.Test(t, func(t *testing.T) {
			h := newHostile(t, func(c *hostileConn) {
				c.welcome()
				for range 3 {
					c.put(transport.Receive{ID: id, From: thumbprint, Body: "a"})
				}
				c.linger()
			})
			var running atomic.Int32
			release := make(chan struct{})
			start(t, transport.Config{
				URL: hostileURL, Role: transport.RoleDevice, Verifiers: naming(thumbprint), NetDial: h.dial, AtOnce: test.said,
				Receive: func(context.Context, identity.Thumbprint, string) { running.Add(1); <-release },
			}).connected(t)
			synctest.Wait()
			if got := int(running.Load()); got != test.want {
				t.Errorf("%d said, %d at once", test.said, got)
			}
			close(release)
		})
	}
}

func TestBackoffGrowsToAMinuteWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) { c.welcome() }) // and closes
		h.device(t, thumbprint)
		pass(20 * time.Minute)
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		step := 500 * time.Millisecond
		var delays []time.Duration
		for i := 1; i < len(h.dials); i++ {
			delay := h.dials[i].Sub(h.dials[i-1])
			if delay < step/2 || delay > step {
				t.Errorf("try %d came after %v, want %v to %v", i, delay, step/2, step)
			}
			delays = append(delays, delay)
			step = min(2*step, time.Minute)
		}
		if len(delays) < 20 {
			t.Fatalf("%d tries in 20 minutes", len(delays))
		}
		last := delays[len(delays)-10:]
		slices.Sort(last)
		if len(slices.Compact(last)) < 2 {
			t.Errorf("no jitter: %v", last)
		}
	})
}

func TestALongConnectionForgetsTheTriesBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stay time.Duration
		var mu sync.Mutex
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			mu.Lock()
			d := stay
			mu.Unlock()
			pass(d)
		})
		h.device(t, thumbprint)
		pass(10 * time.Minute) // the backoff is at its longest
		mu.Lock()
		stay = 40 * time.Second
		mu.Unlock()
		pass(3 * time.Minute)
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		shortest := time.Hour
		for i := 1; i < len(h.dials); i++ {
			if h.dials[i-1].Sub(h.dials[0]) > 10*time.Minute {
				shortest = min(shortest, h.dials[i].Sub(h.dials[i-1])-stay)
			}
		}
		if shortest > 500*time.Millisecond {
			t.Errorf("after a long connection the next try came %v later", shortest)
		}
	})
}

func TestWakeTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		healthy := false
		h := newHostile(t, func(c *hostileConn) {
			mu.Lock()
			welcome := healthy
			mu.Unlock()
			if welcome {
				c.welcome()
				c.linger()
			}
		})
		d := h.device(t, thumbprint)
		pass(10*time.Minute + time.Second)
		synctest.Wait()
		for len(d.states) > 0 {
			<-d.states
		}
		mu.Lock()
		healthy = true
		mu.Unlock()
		began := time.Now()
		d.Wake()
		d.connected(t)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("connected after %v", waited)
		}
	})
}

func TestWakeFindsADeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.SetPingHandler(func(string) error { return nil }) // as behind a network that has changed
			c.welcome()
			c.linger()
		})
		d := h.device(t, thumbprint).connected(t)
		began := time.Now()
		d.Wake()
		if s := d.next(t); s.connected || time.Since(began) != transport.HandshakeTimeout {
			t.Errorf("after %v: %+v", time.Since(began), s)
		}
	})
}

func TestWakeKeepsALiveConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, func(c *hostileConn) {
			c.welcome()
			c.linger() // gorilla answers pings meanwhile
		})
		d := h.device(t, thumbprint).connected(t)
		d.Wake()
		pass(transport.SilenceTimeout - time.Second)
		if len(d.states) != 0 {
			t.Errorf("%+v", <-d.states)
		}
	})
}
