// Package relaybench measures the relay: how many bodies it delivers a second,
// beside a router that does nothing but pass websocket messages on, and what an
// idle connection costs it. The figures are made by this machine, in this run;
// only the ratios mean something elsewhere.
package relaybench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

// Deliveries is what MeasureDeliveries finds.
type Deliveries struct {
	Senders   int     // how many send at once, each waiting for its body's arrival
	BodySize  int     // octets
	Relay     float64 // deliveries a second through the relay
	Bare      float64 // deliveries a second through the bare router
	Ratio     float64 // Relay / Bare
	Delivered int     // bodies in all
}

// frameSize is about how much longer a relay's frame is than its body: the bare
// router gets messages of the same length.
const frameSize = 128

// rounds is how often the relay and the router take turns: what else the
// machine does then hits both alike.
const rounds = 15

// MeasureDeliveries sends bodies from n clients to one, by way of the relay and
// by way of a bare router, in turns, for about d in all. The clients are the
// same simple ones for both, over loopback TCP; a delivery is done when the
// receiving client has read it, and the sender then sends its next. Through the
// relay each sender reads its ack too.
func MeasureDeliveries(ctx context.Context, senders, bodySize int, d time.Duration) (Deliveries, error) {
	var r, b track
	defer r.close()
	defer b.close()
	if err := r.throughRelay(ctx, senders, bodySize); err != nil {
		return Deliveries{}, fmt.Errorf("relaybench: preparing the relay: %w", err)
	}
	if err := b.throughBareRouter(ctx, senders, bodySize); err != nil {
		return Deliveries{}, fmt.Errorf("relaybench: preparing the bare router: %w", err)
	}
	result := Deliveries{Senders: senders, BodySize: bodySize}
	var relayed, passed int
	for range rounds {
		n, err := r.run(d / (2 * rounds))
		if err != nil {
			return Deliveries{}, fmt.Errorf("relaybench: sending through the relay: %w", err)
		}
		relayed += n
		if n, err = b.run(d / (2 * rounds)); err != nil {
			return Deliveries{}, fmt.Errorf("relaybench: sending through the bare router: %w", err)
		}
		passed += n
	}
	seconds := d.Seconds() / 2
	result.Relay, result.Bare = float64(relayed)/seconds, float64(passed)/seconds
	result.Ratio, result.Delivered = result.Relay/result.Bare, relayed+passed
	return result, nil
}

// track is senders and a receiver around a router.
type track struct {
	senders []*websocket.Conn
	frames  [][]byte // what each sends
	acks    bool     // each message is acknowledged
	sink    *websocket.Conn
	arrived []chan struct{}
	index   func(message []byte) int // which sender a message is of
	sunk    chan struct{}
	closers []func()
}

func (t *track) close() {
	for _, c := range t.senders {
		_ = c.Close()
	}
	if t.sink != nil {
		_ = t.sink.Close()
	}
	if t.sunk != nil {
		<-t.sunk
	}
	for _, c := range t.closers {
		c()
	}
}

// begin starts to read what arrives.
func (t *track) begin() {
	t.arrived = make([]chan struct{}, len(t.senders))
	for i := range t.arrived {
		t.arrived[i] = make(chan struct{}, 1)
	}
	t.sunk = make(chan struct{})
	go func() {
		defer close(t.sunk)
		for {
			_, message, err := t.sink.ReadMessage()
			if err != nil {
				return
			}
			t.arrived[t.index(message)] <- struct{}{}
		}
	}()
}

// run sends for d, and tells how many messages arrived.
func (t *track) run(d time.Duration) (int, error) {
	var wg sync.WaitGroup
	var total atomic.Int64
	var failed atomic.Value
	end := time.Now().Add(d)
	for i := range t.senders {
		wg.Go(func() {
			for time.Now().Before(end) {
				if err := t.deliver(i); err != nil {
					failed.Store(err)
					return
				}
				total.Add(1)
			}
		})
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, err
	}
	return int(total.Load()), nil
}

func (t *track) deliver(i int) error {
	if err := t.senders[i].WriteMessage(websocket.TextMessage, t.frames[i]); err != nil {
		return err
	}
	if t.acks {
		_, ack, err := t.senders[i].ReadMessage()
		if err != nil {
			return err
		}
		if !strings.HasSuffix(string(ack), `"delivered":true}`) {
			return fmt.Errorf("not delivered: %s", ack)
		}
	}
	select {
	case <-t.arrived[i]:
		return nil
	case <-t.sunk:
		return fmt.Errorf("the receiver was cut off")
	}
}

// listen serves handler on a loopback port.
func (t *track) listen(ctx context.Context, handler func(address string) (http.Handler, error)) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	h, err := handler(listener.Addr().String())
	if err != nil {
		_ = listener.Close()
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: transport.HandshakeTimeout}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.closers = append(t.closers, func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().String(), nil
}

// throughRelay puts a relay between devices and their verifier.
func (t *track) throughRelay(ctx context.Context, senders, bodySize int) error {
	t.acks = true
	key, err := identity.Generate()
	if err != nil {
		return err
	}
	url := ""
	_, err = t.listen(ctx, func(address string) (http.Handler, error) {
		url = "ws://" + address
		r, err := relay.New(relay.Config{
			URL: url, Verifiers: []identity.Thumbprint{key.Thumbprint()},
			Limits: relay.Limits{Connects: unlimited, Frames: unlimited},
		})
		if err == nil {
			t.closers = append(t.closers, r.Close)
		}
		return r, err
	})
	if err != nil {
		return err
	}
	if t.sink, err = dial(ctx, url); err != nil {
		return err
	}
	if err = login(t.sink, key, transport.RoleVerifier); err != nil {
		return err
	}
	senderOf := map[string]int{}
	body := strings.Repeat("x", bodySize)
	for i := range senders {
		device, err := identity.Generate()
		if err != nil {
			return err
		}
		conn, err := dial(ctx, url)
		if err != nil {
			return err
		}
		if err := login(conn, device, transport.RoleDevice, key.Thumbprint()); err != nil {
			return err
		}
		id := fmt.Sprintf("%022d", i)
		senderOf[id] = i
		t.senders = append(t.senders, conn)
		t.frames = append(t.frames, transport.Send{ID: id, To: key.Thumbprint(), Body: body}.Encode())
	}
	start := len(`{"type":"receive","id":"`)
	t.index = func(message []byte) int { return senderOf[string(message[start:start+22])] }
	t.begin()
	return nil
}

// throughBareRouter puts a router between clients and a receiver that is as bare as
// gorilla/websocket makes it: it reads a message and writes it to the receiver.
func (t *track) throughBareRouter(ctx context.Context, senders, bodySize int) error {
	var upgrader websocket.Upgrader
	var writing sync.Mutex
	sinks := make(chan *websocket.Conn, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/sink", func(w http.ResponseWriter, r *http.Request) {
		if conn, err := upgrader.Upgrade(w, r, nil); err == nil {
			sinks <- conn
		}
	})
	var sink *websocket.Conn
	mux.HandleFunc("/send", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			writing.Lock()
			err = sink.WriteMessage(kind, message)
			writing.Unlock()
			if err != nil {
				return
			}
		}
	})
	address, err := t.listen(ctx, func(string) (http.Handler, error) { return mux, nil })
	if err != nil {
		return err
	}
	if t.sink, err = dial(ctx, "ws://"+address+"/sink"); err != nil {
		return err
	}
	sink = <-sinks
	t.closers = append(t.closers, func() { _ = sink.Close() })
	for i := range senders {
		conn, err := dial(ctx, "ws://"+address+"/send")
		if err != nil {
			return err
		}
		t.senders = append(t.senders, conn)
		t.frames = append(t.frames, fmt.Appendf(nil, "%06d%s", i, strings.Repeat("x", bodySize+frameSize-6)))
	}
	t.index = func(message []byte) int {
		i := 0
		for _, digit := range message[:6] {
			i = 10*i + int(digit-'0')
		}
		return i
	}
	t.begin()
	return nil
}
