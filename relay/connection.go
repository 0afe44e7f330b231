package relay

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"countersign/crypto/identity"
	"countersign/transport"
)

// lingering is how long a connection that is being closed may take to notice.
const lingering = time.Second

// left is the reason in the metrics for connections that their client ended.
const left = "left"

// connection is one client's. While nothing passes it costs one goroutine, that
// of read; everything that it is sent goes through queue.
type connection struct {
	server *Server
	ws     *websocket.Conn // for reading; writer alone writes, to conn
	conn   net.Conn
	beat   int // heartbeat's

	// Set by the handshake, before anybody else sees the connection.
	name    name
	named   []identity.Thumbprint // whom a device hears
	limiter *rate.Limiter         // nil: no limit

	queue   chan []byte   // websocket frames to write
	writing atomic.Bool   // a goroutine writes
	unheard atomic.Int32  // pings since the client was last heard from
	ended   atomic.Int32  // the close code
	gone    chan struct{} // closed with ended
	users   atomic.Int32  // who still needs conn: reader and writer
}

func newConnection(s *Server, ws *websocket.Conn) *connection {
	c := &connection{
		server: s, ws: ws, conn: ws.NetConn(),
		queue: make(chan []byte, queueSize), gone: make(chan struct{}),
	}
	c.users.Store(2)
	ws.SetPongHandler(func(string) error { return c.control() })
	ws.SetPingHandler(func(data string) error {
		c.push(frameOf(websocket.PongMessage, []byte(data)), c.gone)
		return c.control()
	})
	ws.SetCloseHandler(func(int, string) error { return nil }) // end answers
	return c
}

// errRate says that a client sent more than it may.
var errRate = errors.New("relay: rate limited")

// control counts a ping or a pong as a sign of life, and against the rate: a
// flood of them is as dear as one of frames.
func (c *connection) control() error {
	if !c.mayGoOn() {
		return errRate
	}
	c.unheard.Store(0)
	return nil
}

func (c *connection) mayGoOn() bool {
	return c.limiter == nil || c.limiter.AllowN(c.server.config.Now(), 1)
}

// ping asks for a sign of life, or ends a connection that gave none to two.
// It does not block.
func (c *connection) ping() {
	if c.unheard.Add(1) > 2 {
		c.end(transport.CloseTimeout)
		return
	}
	select {
	case c.queue <- frameOf(websocket.PingMessage, nil):
		c.kick()
	default: // the queue is full of what would show a sign of life as well
	}
}

// handshake says hello, and lets in whoever answers with a token that holds.
func (c *connection) handshake() {
	code, ok := c.authenticate()
	if !ok {
		c.end(code)
		word := reason(transport.CloseCode(c.ended.Load()))
		c.server.metrics.handshakes.WithLabelValues(word).Inc()
		c.server.config.Logger.InfoContext(c.server.ctx, "refused a client", slog.String("reason", word))
		c.linger()
		return
	}
	c.server.metrics.handshakes.WithLabelValues("ready").Inc()
	// read begins on a fresh stack: what the token's verification needed would
	// otherwise be held for as long as the connection lasts.
	c.server.running.Go(c.read)
}

// authenticate goes from hello to ready, within HandshakeTimeout.
func (c *connection) authenticate() (transport.CloseCode, bool) {
	timeout := time.AfterFunc(transport.HandshakeTimeout, func() { c.end(transport.CloseTimeout) })
	defer timeout.Stop()
	hello := transport.Hello{Nonce: transport.NewNonce(), Relay: c.server.config.URL}
	c.push(textFrame(hello), nil)
	frame, code := c.next()
	if code != 0 {
		return code, false
	}
	auth, ok := frame.(transport.Auth)
	if !ok {
		return transport.CloseBadFrame, false
	}
	id, token, err := transport.VerifyToken(auth.Token, hello)
	if err != nil {
		c.server.config.Logger.DebugContext(c.server.ctx, "token refused", slog.Any("error", err))
		return transport.CloseAuthFailed, false
	}
	if code := c.authorise(id, token); code != 0 {
		return code, false
	}
	return c.server.join(c)
}

// authorise decides what the identity may be here, and prepares the connection
// for it.
func (c *connection) authorise(id identity.Thumbprint, token transport.Token) transport.CloseCode {
	s := c.server
	now := s.config.Now()
	switch token.Role {
	case transport.RoleVerifier:
		c.name = name{transport.RoleVerifier, id}
		known, own, ok := s.serves(id)
		if !ok {
			return transport.CloseVerifierNotAllowed
		}
		c.name.id = known
		if !own { // the operator's own limits its sign-ins itself
			c.limiter = s.sendingFor.get(c.name, now)
		}
	case transport.RoleDevice:
		c.name = name{transport.RoleDevice, id}
		for _, v := range token.Verifiers {
			if known, _, ok := s.serves(v); ok {
				c.named = append(c.named, known)
			}
		}
		if len(c.named) == 0 {
			return transport.CloseNoVerifier
		}
		c.limiter = s.sending.get(c.name, now)
	default: // VerifyToken lets no other pass
		return transport.CloseAuthFailed
	}
	if !s.identities.allow(c.name, now) {
		return transport.CloseRateLimited
	}
	return 0
}

// next reads a frame. The code is 0, or why there is none.
func (c *connection) next() (transport.Frame, transport.CloseCode) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, c.failure(err)
	}
	if kind != websocket.TextMessage {
		return nil, transport.CloseBadFrame
	}
	// A frame that has begun must end: 100,000 that do not would hold as many
	// buffers. Before it begins, a connection has none.
	if err := c.ws.SetReadDeadline(time.Now().Add(transport.WriteTimeout)); err != nil {
		return nil, codeLeft
	}
	defer c.patient()
	buffer := c.server.frames.Get().(*[transport.MaxFrame + 1]byte)
	defer c.server.frames.Put(buffer)
	n, err := io.ReadFull(r, buffer[:])
	switch {
	case err == nil:
		return nil, transport.CloseTooLarge
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, c.failure(err)
	}
	frame, err := transport.Decode(buffer[:n]) // copies what it keeps
	if err != nil {
		return nil, transport.CloseBadFrame
	}
	c.unheard.Store(0)
	return frame, 0
}

// patient lets reading take its time, unless the connection has ended.
func (c *connection) patient() {
	_ = c.ws.SetReadDeadline(time.Time{})
	if c.ended.Load() != 0 { // end may have set its deadline before: once more
		_ = c.ws.SetReadDeadline(time.Now().Add(lingering))
	}
}

// failure tells why reading failed.
func (c *connection) failure(err error) transport.CloseCode {
	var network net.Error
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, errRate):
		return transport.CloseRateLimited
	case errors.As(err, &network) && network.Timeout():
		return transport.CloseTimeout
	case errors.As(err, &network), errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return codeLeft
	default: // not what a websocket may look like
		return transport.CloseBadFrame
	}
}

// codeLeft stands for a connection that its client ended.
const codeLeft transport.CloseCode = 1

// read takes the client's frames until the connection ends.
func (c *connection) read() {
	for {
		frame, code := c.next()
		if code != 0 {
			c.end(code)
			break
		}
		send, ok := frame.(transport.Send)
		if !ok {
			c.end(transport.CloseBadFrame)
			break
		}
		// Whoever sends too much is closed rather than slowed down: an honest
		// client never comes near, and its backoff does the rest.
		if !c.mayGoOn() {
			c.end(transport.CloseRateLimited)
			break
		}
		c.server.route(c, send)
		if c.ended.Load() != 0 {
			break
		}
	}
	c.linger()
}

// linger is the reader's end. It reads on for a moment after a close frame:
// closing a socket with something unread in it would take the close frame back
// (RFC 6455 §7.1.1).
func (c *connection) linger() {
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			c.release()
			return
		}
	}
}

// release closes the connection for the last of its users, reader and writer,
// and forgets it.
func (c *connection) release() {
	if c.users.Add(-1) > 0 {
		return
	}
	_ = c.conn.Close()
	c.server.heartbeat.remove(c)
	c.server.leave(c)
	c.server.count.Add(-1)
}

// end ends the connection with a code, once, and does not block. What it is
// sent from now on is not delivered; reader and writer notice within the
// lingering time, the writer after a close frame.
func (c *connection) end(code transport.CloseCode) {
	if !c.ended.CompareAndSwap(0, int32(code)) {
		return
	}
	close(c.gone)
	_ = c.conn.SetDeadline(time.Now().Add(lingering))
	c.kick()
}

// hears tells whether a device named the sender.
func (c *connection) hears(from identity.Thumbprint) bool { return slices.Contains(c.named, from) }

// push queues a frame to be written, and tells whether it was taken. For room
// in a full queue it waits until giveUp is closed, WriteTimeout at most: whoever
// calls stalls itself alone. When that has passed, and at once where giveUp is
// nil, the connection is a slow reader, and ended.
func (c *connection) push(b []byte, giveUp <-chan struct{}) bool {
	if c.ended.Load() != 0 {
		return false
	}
	select {
	case c.queue <- b:
	default:
		if giveUp == nil {
			c.end(transport.CloseSlowReader)
			return false
		}
		if !c.pushLater(b, giveUp) {
			return false
		}
	}
	c.kick()
	return true
}

func (c *connection) pushLater(b []byte, giveUp <-chan struct{}) bool {
	patience := time.NewTimer(transport.WriteTimeout)
	defer patience.Stop()
	select {
	case c.queue <- b:
		return true
	case <-c.gone:
	case <-giveUp:
	case <-patience.C:
		c.end(transport.CloseSlowReader)
	}
	return false
}

// kick starts a writer, if none runs.
func (c *connection) kick() {
	if c.writing.CompareAndSwap(false, true) {
		c.server.running.Go(c.write)
	}
}

// write writes what is queued, and ends when there is nothing more. Of a
// connection that has ended or failed it is the last writer, and stays marked
// as if it ran.
func (c *connection) write() {
	for {
		if err := c.writeQueued(); err != nil {
			c.end(c.writeFailure(err))
			c.release()
			return
		}
		if code := transport.CloseCode(c.ended.Load()); code != 0 {
			_, _ = c.conn.Write(closeFrame(code))
			c.release()
			return
		}
		c.writing.Store(false)
		if len(c.queue) == 0 && c.ended.Load() == 0 || !c.writing.CompareAndSwap(false, true) {
			return
		}
	}
}

// writeQueued writes what is in the queue, in as few system calls as may be.
func (c *connection) writeQueued() error {
	batch := c.server.batches.Get().(*[]byte)
	defer c.server.batches.Put(batch)
	for {
		*batch = (*batch)[:0]
		for len(*batch) < maxBatch && len(c.queue) > 0 {
			*batch = append(*batch, <-c.queue...) // does not wait: nobody else takes
		}
		if len(*batch) == 0 {
			return nil
		}
		_ = c.conn.SetWriteDeadline(time.Now().Add(transport.WriteTimeout))
		if c.ended.Load() != 0 { // end may have set its deadline before: once more
			_ = c.conn.SetWriteDeadline(time.Now().Add(lingering))
		}
		if _, err := c.conn.Write(*batch); err != nil {
			return err
		}
	}
}

func (c *connection) writeFailure(err error) transport.CloseCode {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return transport.CloseSlowReader
	}
	return codeLeft
}
