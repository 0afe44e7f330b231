package relay

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/crypto/relayurl"
	"countersign/transport"
)

// Config is what a Server needs.
type Config struct {
	// URL is the relay's public URL, which its clients dial and sign.
	URL string
	// Verifiers are those that this relay serves. Open serves any other too.
	Verifiers []identity.Thumbprint
	Open      bool
	// Link, if set, joins this relay to others.
	Link Link
	// ClientAddr tells the address that a request comes from, where a proxy
	// stands before the relay. Without it, it is the connection's.
	ClientAddr func(*http.Request) netip.Addr
	Limits     Limits
	Logger     *slog.Logger          // nothing is logged without it
	Registerer prometheus.Registerer // metrics countersign_relay_*; nobody sees them without it
	Now        func() time.Time      // time.Now, if nil; network deadlines always use the system's clock
}

// Server is a relay. It is an http.Handler, for the path of its URL.
type Server struct {
	config     Config
	hub        *hub
	heartbeat  *heartbeat
	metrics    *metrics
	upgrader   websocket.Upgrader
	batches    *sync.Pool // of *[]byte: frames while they are written
	frames     *sync.Pool // of *[transport.MaxFrame+1]byte: a frame while it is read
	addresses  *buckets[netip.Prefix]
	identities *buckets[name]
	sending    *buckets[name] // devices
	sendingFor *buckets[name] // verifiers of an open relay
	memory     *memoryListener

	ctx     context.Context // done when the server closes
	stop    context.CancelFunc
	count   atomic.Int64   // connections in all
	running sync.WaitGroup // everything that the server started
	closing sync.RWMutex   // held for reading by what starts a connection
	closed  bool

	announcing sync.Mutex
	announced  map[Interest]int // how many connections bring what the link was told of
}

// New makes a relay and starts it. It must be closed, by Close or Run.
func New(config Config) (*Server, error) {
	if err := relayurl.Check(config.URL); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	for _, v := range config.Verifiers {
		if _, err := identity.ParseThumbprint(string(v)); err != nil {
			return nil, fmt.Errorf("relay: verifier %q: %w", v, err)
		}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.ClientAddr == nil {
		config.ClientAddr = connectionAddr
	}
	config.Verifiers = slices.Clone(config.Verifiers)
	config.Limits = config.Limits.withDefaults()
	m, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: config, hub: newHub(config.Limits.PerIdentity), heartbeat: newHeartbeat(), metrics: m,
		upgrader: websocket.Upgrader{
			ReadBufferSize: readBuffer, WriteBufferPool: &sync.Pool{}, // writes nothing: see wire.go
			HandshakeTimeout: transport.HandshakeTimeout,
			// refuse has looked at it, and refuses more than gorilla would.
			CheckOrigin: func(*http.Request) bool { return true },
		},
		batches:    &sync.Pool{New: func() any { return new([]byte) }},
		frames:     &sync.Pool{New: func() any { return new([transport.MaxFrame + 1]byte) }},
		addresses:  newBuckets[netip.Prefix](config.Limits.Connects),
		identities: newBuckets[name](config.Limits.Connects),
		sending:    newBuckets[name](config.Limits.Frames),
		sendingFor: newBuckets[name](config.Limits.VerifierFrames),
		memory:     newMemoryListener(),
		announced:  map[Interest]int{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// start starts what runs from New to Close.
func (s *Server) start() error {
	if s.config.Link != nil {
		if err := s.config.Link.Start(s.deliver); err != nil {
			return fmt.Errorf("relay: joining the other relays: %w", err)
		}
	}
	s.running.Go(func() { s.heartbeat.run(s.ctx) })
	local := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: transport.HandshakeTimeout,
		ConnContext:       func(ctx context.Context, _ net.Conn) context.Context { return context.WithValue(ctx, local{}, true) },
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	s.running.Go(func() {
		_ = local.Serve(s.memory) // ends when Close closes the listener
		_ = local.Close()
	})
	return nil
}

// local marks the context of requests from within the process.
type local struct{}

func isLocal(r *http.Request) bool { return r.Context().Value(local{}) != nil }

// Run waits until ctx is done, and closes the server.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.Close()
	return nil
}

// Close tells all clients to come back later, closes their connections, and
// returns when everything that the server started has ended.
func (s *Server) Close() {
	s.closing.Lock()
	s.closed = true
	s.closing.Unlock()
	for _, c := range s.heartbeat.all() {
		c.end(transport.CloseShutdown)
	}
	_ = s.memory.Close()
	s.stop()
	if s.config.Link != nil {
		s.config.Link.Close()
	}
	s.running.Wait()
}

// Dial connects from within the process, without a socket and without limits
// on the address: for transport.Config.NetDial of a verifier that shares the
// process with its relay, whose public URL may lead through a proxy.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.memory.dial(ctx) }

// ServeHTTP takes a client's connection. It returns after the upgrade: the
// connection then costs no goroutine of net/http.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := s.refuse(r); refusal != nil {
		refusal.write(w)
		s.metrics.refused.WithLabelValues(refusal.reason).Inc()
		return
	}
	if s.count.Add(1) > int64(s.config.Limits.Connections) && !isLocal(r) {
		s.count.Add(-1)
		s.metrics.refused.WithLabelValues("full").Inc()
		(&refusal{http.StatusServiceUnavailable, "full", "This relay is full; come back later."}).write(w)
		return
	}
	// What net/http would say: a device whose clock is wrong learns it here.
	date := http.Header{"Date": {s.config.Now().UTC().Format(http.TimeFormat)}}
	ws, err := s.upgrader.Upgrade(w, r, date)
	if err != nil { // Upgrade has answered
		s.count.Add(-1)
		s.metrics.refused.WithLabelValues("not_websocket").Inc()
		return
	}
	c := newConnection(s, ws)
	if !s.admit(c) {
		s.count.Add(-1)
		_ = ws.Close()
	}
}

// admit starts a connection, unless the server is closing.
func (s *Server) admit(c *connection) bool {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return false
	}
	s.heartbeat.add(c)
	s.running.Go(c.handshake)
	return true
}

// refusal is an answer to a client that does not get a websocket.
type refusal struct {
	status int
	reason string // a stable word
	text   string // for people
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	http.Error(w, f.text, f.status)
}

// refuse decides what can be decided from the request alone.
func (s *Server) refuse(r *http.Request) *refusal {
	// Only browsers send Origin, and no web page has business here: any page
	// could otherwise open connections from the address of whoever looks at it.
	if len(r.Header.Values("Origin")) > 0 {
		return &refusal{http.StatusForbidden, "origin", "This address is for authenticators, not for web pages."}
	}
	if isLocal(r) {
		return nil
	}
	if !s.addresses.allow(network(s.config.ClientAddr(r)), s.config.Now()) {
		return &refusal{http.StatusTooManyRequests, transport.CloseRateLimited.String(), "Too many connections from this address; come back later."}
	}
	return nil
}

// connectionAddr is the address of the connection's other end.
func connectionAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr()
}

// network is what counts as one address. A customer's line gets an IPv6 /64, or
// more: its addresses are too many to count apart.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil { // no address: all such share a bucket
		return netip.Prefix{}
	}
	return prefix
}

// serves tells whether the relay serves a verifier, and whether it is one of its
// own. The name that it gives is the relay's copy of it: thousands of devices
// that name the same verifier share its memory.
func (s *Server) serves(v identity.Thumbprint) (copied identity.Thumbprint, own, ok bool) {
	if i := slices.Index(s.config.Verifiers, v); i >= 0 {
		return s.config.Verifiers[i], true, true
	}
	return v, false, s.config.Open
}
