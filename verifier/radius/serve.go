package radius

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"layeh.com/radius"

	"countersign/message"
)

const (
	// readBuffer is what the kernel may hold of packets that have come in one
	// burst, in octets: the default drops some of 200 sign-ins at once.
	readBuffer = 1 << 20
	// answerTime bounds one request: the longest challenge and the work around it.
	answerTime = message.Lifetime + 30*time.Second
	// noticeEvery keeps a flood of bad packets from flooding the log.
	noticeEvery = time.Minute
)

// Run answers what comes in on conn, until ctx is done. It closes conn. Waits
// for phones that are left then end without a reply: their clients send again,
// and are refused.
func (s *Server) Run(ctx context.Context, conn net.PacketConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.running.Wait()
	defer cancel()
	if udp, ok := conn.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(readBuffer) // the kernel's own limit may be lower
	}
	stopped := make(chan struct{})
	defer func() { <-stopped }()
	defer cancel()
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = conn.Close()
	}()
	s.running.Go(func() { s.forgetBegun(ctx) })
	notices := notices{now: s.Now, last: map[string]time.Time{}}
	buffer := make([]byte, radius.MaxPacketLength+1)
	for {
		n, from, err := conn.ReadFrom(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("radius: the socket was closed: %w", err)
		case err != nil:
			if notices.due("receiving") {
				s.Logger.WarnContext(ctx, "receiving RADIUS packets", "error", err)
			}
			continue
		}
		address, err := netip.ParseAddrPort(from.String())
		if err != nil {
			return fmt.Errorf("radius: an address that is none of UDP's: %w", err)
		}
		result := s.receive(ctx, conn, from, address.Addr().Unmap(), slices.Clone(buffer[:n]))
		s.received.WithLabelValues(result).Inc()
		if text := noticeOf(result); text != "" && notices.due(result+address.Addr().String()) {
			s.Logger.WarnContext(ctx, "a RADIUS packet was dropped", "reason", text, "address", address.Addr().String())
		}
	}
}

// The results of a received packet, as they are counted.
const (
	resultAnswered      = "answered"
	resultStarted       = "started"
	resultRepeated      = "repeated"
	resultPending       = "pending"
	resultForged        = "forged"
	resultFull          = "full"
	resultMalformed     = "malformed"
	resultUnknownClient = "unknown_client"
	resultUnsigned      = "unsigned"
	resultWrongSecret   = "wrong_signature"
	resultUnsupported   = "unsupported_code"
	resultFailed        = "failed"
)

// noticeOf is what the operator is told of a packet that was dropped, and
// empty for what is no fault of the configuration.
func noticeOf(result string) string {
	switch result {
	case resultUnknownClient:
		return "no client has this address; add it with: countersignd client add"
	case resultUnsigned:
		return "it has no Message-Authenticator; let the client send one, or add the client with --no-require-message-authenticator"
	case resultWrongSecret:
		return "its Message-Authenticator is wrong: the shared secrets differ"
	case resultFull:
		return "too many requests at once"
	default:
		return ""
	}
}

// receive does what costs little, and leaves the rest to a goroutine of the
// request's own. It returns what became of the packet.
func (s *Server) receive(ctx context.Context, conn net.PacketConn, to net.Addr, from netip.Addr, datagram []byte) string {
	if _, err := trim(datagram); err != nil {
		return resultMalformed
	}
	c, known, err := s.clients.at(ctx, from)
	switch {
	case err != nil:
		s.Logger.ErrorContext(ctx, "receiving a RADIUS packet", "error", err)
		return resultFailed
	case !known:
		return resultUnknownClient
	}
	p, err := parse(datagram, c.secret)
	switch {
	case errors.Is(err, errWrongSignature):
		return resultWrongSecret
	case errors.Is(err, errUnsupportedCode):
		return resultUnsupported
	case err != nil:
		return resultMalformed
	case !p.signed && s.mustSign(c, p):
		return resultUnsigned
	case p.Code == radius.CodeStatusServer:
		s.send(conn, to, s.encode(p, response{code: radius.CodeAccessAccept}))
		return resultAnswered
	}
	key := requestKey{address: from, identifier: p.Identifier, authenticator: p.Authenticator}
	select {
	case s.slots <- struct{}{}:
	default:
		return resultFull
	}
	verdict, raw := s.replies.begin(key, p.raw)
	if verdict != fresh {
		<-s.slots
	}
	switch verdict {
	case pending:
		return resultPending
	case answered:
		s.send(conn, to, raw)
		return resultRepeated
	case forged:
		return resultForged
	case full:
		return resultFull
	case fresh:
	}
	s.waiting.Inc()
	s.running.Go(func() {
		defer func() {
			<-s.slots
			s.waiting.Dec()
		}()
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		raw := s.answer(ctx, c, p, key)
		s.replies.end(key, raw)
		s.send(conn, to, raw)
	})
	return resultStarted
}

// mustSign tells whose requests need a Message-Authenticator: those of clients
// that are not excused, Status-Server (RFC 5997 §3), EAP (RFC 3579 §3.2), and
// those whose first factor nobody here checks.
func (s *Server) mustSign(c client, p packet) bool {
	return c.RADIUS.RequireMessageAuthenticator || p.Code == radius.CodeStatusServer ||
		p.Get(typeEAPMessage) != nil || s.plans.of(c.Client).trusting()
}

// answer gives the reply's octets, or nil where the request is dropped. A panic
// drops it, which denies.
func (s *Server) answer(ctx context.Context, c client, p packet, key requestKey) (raw []byte) {
	defer func() {
		if v := recover(); v != nil {
			raw = nil
			s.Logger.ErrorContext(ctx, "answering a RADIUS request panicked", "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	r, ok := s.access(ctx, c, p, key)
	if !ok || ctx.Err() != nil {
		return nil
	}
	return s.encode(p, r)
}

func (s *Server) send(conn net.PacketConn, to net.Addr, raw []byte) {
	if raw == nil {
		return
	}
	if _, err := conn.WriteTo(raw, to); err != nil {
		s.Logger.Warn("sending a RADIUS reply", "error", err)
		return
	}
	s.replied.WithLabelValues(radius.Code(raw[0]).String()).Inc()
}

// notices remembers what was logged last, boundedly.
type notices struct {
	now  func() time.Time
	mu   sync.Mutex
	last map[string]time.Time
}

const maxNotices = 256

func (n *notices) due(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if last, ok := n.last[what]; ok && now.Sub(last) < noticeEvery {
		return false
	}
	if len(n.last) >= maxNotices {
		for k, last := range n.last {
			if now.Sub(last) >= noticeEvery {
				delete(n.last, k)
			}
		}
		if len(n.last) >= maxNotices {
			return false
		}
	}
	n.last[what] = now
	return true
}
