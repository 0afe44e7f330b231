package scenario

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"countersign/app"
	"countersign/crypto/identity"
)

// errCut says that the scenario has taken the network away.
var errCut = errors.New("the relay cannot be reached")

// network stands between the relay and all who use it. It can break each
// connection, and it keeps every envelope as a hostile relay would.
type network struct {
	dial func(context.Context) (net.Conn, error)

	sent    atomic.Int64 // messages from devices that the verifier's connection took
	handled atomic.Int64 // messages that a device has dealt with

	mu    sync.Mutex
	down  bool                  // for devices
	lost  bool                  // for the verifier
	away  map[string]bool       // by who dials
	conns map[net.Conn]string   // open ones, and whose
	kept  map[string][]envelope // by device
}

// envelope is what the relay saw pass, and how to make it pass again.
type envelope struct {
	from identity.Thumbprint // empty: from the device
	to   identity.Thumbprint
	body string
	link *wire
}

func newNetwork(dial func(context.Context) (net.Conn, error)) *network {
	return &network{dial: dial, away: map[string]bool{}, conns: map[net.Conn]string{}, kept: map[string][]envelope{}}
}

// verifier is who dials where it is no device.
const verifierEnd = ""

// dialler gives the way to the relay of one end.
func (n *network) dialler(who string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		if n.cut(who) {
			return nil, errCut
		}
		c, err := n.dial(ctx)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.conns[c] = who
		return &tracked{Conn: c, network: n}, nil
	}
}

func (n *network) cut(who string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if who == verifierEnd {
		return n.lost
	}
	return n.down || n.away[who]
}

// tracked is forgotten when it is closed.
type tracked struct {
	net.Conn
	network *network
}

// Close closes the connection.
func (c *tracked) Close() error {
	c.network.mu.Lock()
	delete(c.network.conns, c.Conn)
	c.network.mu.Unlock()
	return c.Conn.Close()
}

// breakDown takes the relay away from everybody.
func (n *network) breakDown() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down, n.lost = true, true
	n.closeAll(func(string) bool { return true })
}

// mend gives the relay back to the verifier, waits until it is there, and then
// gives it back to the devices: their Sync finds somebody who answers.
func (n *network) mend(verifier func() error) error {
	n.mu.Lock()
	n.lost = false
	n.mu.Unlock()
	if err := verifier(); err != nil {
		return err
	}
	n.mu.Lock()
	n.down = false
	n.mu.Unlock()
	return nil
}

// setAway takes the relay away from one device.
func (n *network) setAway(device string, away bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away[device] = away
	if away {
		n.closeAll(func(who string) bool { return who == device })
	}
}

// closeAll needs mu.
func (n *network) closeAll(whose func(string) bool) {
	for c, who := range n.conns {
		if whose(who) {
			_ = c.Close()
			delete(n.conns, c)
		}
	}
}

func (n *network) keep(device string, e envelope) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[device] = append(n.kept[device], e)
}

// replay sends every envelope that ever passed once more, to both ends.
func (n *network) replay(ctx context.Context) error {
	n.mu.Lock()
	var all []envelope
	for device, kept := range n.kept {
		if !n.down && !n.away[device] {
			all = append(all, kept...)
		}
	}
	n.mu.Unlock()
	for _, e := range all {
		if e.from != "" {
			e.link.receive(ctx, e.from, e.body)
			continue
		}
		if _, err := e.link.pass(ctx, e.to, e.body); err != nil {
			return err
		}
	}
	return nil
}

// wire is a device's connection as the relay holds it.
type wire struct {
	app.Carrier
	network *network
	device  string
	passed  *atomic.Int64 // messages of this device that the verifier's connection took
	receive func(ctx context.Context, from identity.Thumbprint, body string)
}

// Send keeps the envelope, and passes it on.
func (w *wire) Send(ctx context.Context, to identity.Thumbprint, body string) (bool, error) {
	w.network.keep(w.device, envelope{to: to, body: body, link: w})
	return w.pass(ctx, to, body)
}

func (w *wire) pass(ctx context.Context, to identity.Thumbprint, body string) (bool, error) {
	delivered, err := w.Carrier.Send(ctx, to, body)
	if delivered {
		w.network.sent.Add(1)
		w.passed.Add(1)
	}
	return delivered, err
}

// deliver keeps the envelope, and passes it on.
func (w *wire) deliver(ctx context.Context, from identity.Thumbprint, body string) {
	w.network.keep(w.device, envelope{from: from, body: body, link: w})
	w.receive(ctx, from, body)
	w.network.handled.Add(1)
}
