package transport

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign/crypto/identity"
	"countersign/crypto/relayurl"
)

// Errors of a client, for errors.Is. Their texts may be shown to the user.
var (
	// ErrConfig is wrapped by what NewClient refuses.
	ErrConfig = errors.New("transport: configuration")
	// ErrNotConnected says that there is no relay to send through now.
	ErrNotConnected = errors.New("not connected to the relay")
	// ErrNoAck says that the relay did not tell in time what became of a body.
	// It may have been delivered all the same.
	ErrNoAck = errors.New("the relay did not confirm in time")
	// ErrBusy says that too many bodies wait for their ack already.
	ErrBusy = errors.New("too much is being sent at once")
	// ErrWrongRelay says that a relay asked to be called by another name than
	// the one dialled. Nothing was signed for it.
	ErrWrongRelay = errors.New("the relay claims to be another")
	// ErrPin says that the relay's TLS key is not the pinned one.
	ErrPin = errors.New("the relay's TLS key is not the one that was pinned")
	// ErrProtocol says that the relay sent what no relay may send.
	ErrProtocol = errors.New("the relay broke the protocol")
	// ErrRunning says that Run was called a second time.
	ErrRunning = errors.New("transport: the client is running already")
)

// RefusedError says that the relay closed the connection, and why.
type RefusedError struct {
	Code CloseCode
}

// Error explains the refusal to the user, with its stable word.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s (%s)", e.Code.explanation(), e.Code)
}

// Backoff between two tries to connect: doubled from the first to the last,
// each time a random part of it between half and all, so that the clients of a
// relay that restarts do not come back all at once.
const (
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = time.Minute
	// steady is how long a connection must have lasted to forget the tries
	// before it. A relay that takes and drops its clients is not hammered.
	steady = 30 * time.Second
)

// Config is what a Client needs.
type Config struct {
	URL  string              // the relay's public URL: wss, or ws to loopback
	Key  identity.PrivateKey // proves who the client is
	Role Role
	// Verifiers lists those that a device will hear, 1 to MaxVerifiers. It is
	// asked at every connection; a verifier's client leaves it nil.
	Verifiers func() []identity.Thumbprint
	// Pin, if set, is the SHA-256 of the relay's SPKI (RFC 7469 §2.4). It takes
	// the place of the certificate authorities.
	Pin []byte
	// Receive takes what others sent, in order and one at a time, unless AtOnce
	// says otherwise. A relay can repeat, delay and invent: only what body's seal
	// proves is true. It may call Send. It must return when its context is done.
	Receive func(ctx context.Context, from identity.Thumbprint, body string)
	// AtOnce is how many calls of Receive may run at once; 0 means 1. With more
	// there is no order.
	AtOnce int
	// Connected, if set, is told when the connection comes and goes, and when
	// the reason of its absence changes. The error may be shown to the user.
	// It is called by one goroutine at a time and must not block.
	Connected func(connected bool, reason error)
	// Clock, if set, is told at each connection what time it is by the relay: the
	// Date of its HTTP answer (RFC 9110 §6.6.1), where there is one. It proves
	// nothing, since a relay can say what it likes. It must not block.
	Clock  func(relay time.Time)
	Logger *slog.Logger     // nothing is logged without it
	Now    func() time.Time // time.Now, if nil; network deadlines always use the system's clock

	// NetDial, if set, makes the connection that the websocket runs on: a
	// verifier reaches the relay in its own process by it. URL stays what is
	// signed. No TLS is spoken over it.
	NetDial func(ctx context.Context) (net.Conn, error)
	// TLS, if set, is the configuration to start from, for roots of one's own.
	TLS *tls.Config
}

// Client keeps one connection to a relay. Its methods may be called by any
// goroutine.
type Client struct {
	config  Config
	running atomic.Bool
	wake    chan struct{}
	inbox   chan Receive
	dropped atomic.Int64

	mu      sync.Mutex
	session *session // nil while not connected
}

// NewClient checks the configuration. It does not connect: Run does.
func NewClient(config Config) (*Client, error) {
	if err := relayurl.Check(config.URL); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if config.Key.IsZero() {
		return nil, fmt.Errorf("%w: no key", ErrConfig)
	}
	if config.Receive == nil {
		return nil, fmt.Errorf("%w: nobody receives", ErrConfig)
	}
	if len(config.Pin) != 0 && len(config.Pin) != sha256.Size {
		return nil, fmt.Errorf("%w: the pin is no SHA-256", ErrConfig)
	}
	switch config.Role {
	case RoleDevice:
		if config.Verifiers == nil {
			return nil, fmt.Errorf("%w: a device must name its verifiers", ErrConfig)
		}
	case RoleVerifier:
		if config.Verifiers != nil {
			return nil, fmt.Errorf("%w: a verifier names no verifiers", ErrConfig)
		}
	default:
		return nil, fmt.Errorf("%w: no role", ErrConfig)
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Connected == nil {
		config.Connected = func(bool, error) {}
	}
	config.AtOnce = max(config.AtOnce, 1)
	return &Client{config: config, wake: make(chan struct{}, 1), inbox: make(chan Receive, inboxSize+2*config.AtOnce)}, nil
}

// Run connects, authenticates, receives, and reconnects with backoff and
// jitter, until ctx is done; then it returns nil, with everything that it
// started at an end.
func (c *Client) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer c.running.Store(false)
	var receiving sync.WaitGroup
	for range c.config.AtOnce {
		receiving.Go(func() { c.receive(ctx) })
	}
	defer receiving.Wait()

	backoff, reported := firstBackoff, ""
	for ctx.Err() == nil {
		lasted, err := c.once(ctx, func() { reported = "" })
		if ctx.Err() != nil {
			break
		}
		if lasted >= steady {
			backoff = firstBackoff
		}
		if reason := err.Error(); reason != reported {
			reported = reason
			c.config.Connected(false, err)
		}
		delay := jitter(backoff)
		c.config.Logger.Log(ctx, level(err), "not connected to the relay", "relay", c.config.URL, "reason", err.Error(), "retry_in", delay)
		if c.pause(ctx, delay) {
			backoff = firstBackoff
		} else {
			backoff = min(2*backoff, lastBackoff)
		}
	}
	return nil
}

// level is a warning where the relay refuses, which waiting alone may not mend: a
// verifier that is not allowed, or is too fast.
func level(err error) slog.Level {
	if refused := (*RefusedError)(nil); errors.As(err, &refused) && refused.Code != CloseShutdown {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// once holds one connection, from the dial to the end, and tells how long it
// was ready and why it ended. The error is nil only when ctx is done.
func (c *Client) once(ctx context.Context, ready func()) (time.Duration, error) {
	s, err := c.connect(ctx)
	if err != nil {
		return 0, err
	}
	started := c.config.Now()
	c.set(s)
	ready()
	c.config.Logger.InfoContext(ctx, "connected to the relay", "relay", c.config.URL)
	c.config.Connected(true, nil)
	err = s.serve(ctx, c.wake, c.take)
	c.set(nil)
	if ctx.Err() != nil {
		c.config.Connected(false, nil)
	}
	return c.config.Now().Sub(started), err
}

// Send gives a body to the relay for to, and waits for its ack. Delivered means
// that a connection of to took it, not that anybody read it. The errors are
// ErrFrame, ErrNotConnected, ErrBusy, ErrNoAck and ctx's.
func (c *Client) Send(ctx context.Context, to identity.Thumbprint, body string) (delivered bool, err error) {
	frame := Send{ID: NewID(), To: to, Body: body}
	if err := checkLetter(frame.ID, frame.To, frame.Body); err != nil {
		return false, err
	}
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return false, ErrNotConnected
	}
	return s.send(ctx, frame)
}

// Wake makes the client try again at once, where it waits, and check that its
// connection still lives, where it has one: for when an app comes to the
// foreground, or the network changes.
func (c *Client) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // it is being woken already
	}
}

// Dropped counts the frames that came faster than Receive took them.
func (c *Client) Dropped() int64 { return c.dropped.Load() }

func (c *Client) set(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
}

// pause waits, and tells whether Wake cut it short.
func (c *Client) pause(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-c.wake:
		return true
	}
	return false
}

// take puts a frame into the inbox. It never waits: the reader that calls it
// also brings the acks for which a Receive may be waiting, and would wait for
// that Receive for ever. What is dropped is asked for again by the ends.
func (c *Client) take(ctx context.Context, frame Receive) {
	select {
	case c.inbox <- frame:
	default:
		c.dropped.Add(1)
		c.config.Logger.WarnContext(ctx, "dropped a frame: received faster than handled", "dropped", c.dropped.Load())
	}
}

func (c *Client) receive(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-c.inbox:
			c.config.Receive(ctx, frame.From, frame.Body)
		}
	}
}

// token answers a hello, unless it comes from a relay other than the one
// dialled: such a relay could pass the token on and log in as this client.
func (c *Client) token(hello Hello) (token string, named []identity.Thumbprint, err error) {
	if hello.Relay != c.config.URL {
		return "", nil, fmt.Errorf("%w: dialled as %s, it calls itself %.128q", ErrWrongRelay, c.config.URL, hello.Relay)
	}
	if c.config.Role == RoleDevice {
		named = slices.Clone(c.config.Verifiers())
	}
	token, err = SignToken(c.config.Key, Token{Nonce: hello.Nonce, Relay: hello.Relay, Role: c.config.Role, Verifiers: named})
	return token, named, err
}

// jitter gives a random part of d between half and all of it.
func jitter(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d/2)))
	if err != nil { // cannot be: crypto/rand ends the program instead
		return d
	}
	return d/2 + time.Duration(n.Int64())
}
