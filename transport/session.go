package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"countersign/crypto/identity"
)

// session is one authenticated connection.
type session struct {
	conn    *websocket.Conn
	frame   bytes.Buffer          // what read reads; kept, for the next is as long
	named   []identity.Thumbprint // whom a device hears; nil for a verifier
	writing chan struct{}         // held by who writes
	done    chan struct{}         // closed when the reader has ended

	mu      sync.Mutex
	pending map[string]chan bool // by frame id: where its ack is awaited
}

func newSession(conn *websocket.Conn, named []identity.Thumbprint) *session {
	s := &session{
		conn: conn, named: named,
		writing: make(chan struct{}, 1), done: make(chan struct{}),
		pending: map[string]chan bool{},
	}
	answer := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		s.heard()
		return answer(data)
	})
	conn.SetPongHandler(func(string) error {
		s.heard()
		return nil
	})
	s.heard()
	return s
}

// serve reads until the connection ends or ctx is done, and tells why it ended.
func (s *session) serve(ctx context.Context, wake <-chan struct{}, take func(context.Context, Receive)) error {
	var cause error
	go func() {
		defer close(s.done)
		cause = s.read(ctx, take)
	}()
	for {
		select {
		case <-s.done:
			_ = s.conn.Close()
			return cause
		case <-wake:
			s.probe()
		case <-ctx.Done():
			s.leave()
			<-s.done
			return ctx.Err()
		}
	}
}

// probe asks for a sign of life within HandshakeTimeout. After a change of
// network a dead connection would otherwise look alive for a minute.
func (s *session) probe() {
	deadline := time.Now().Add(HandshakeTimeout)
	_ = s.conn.SetReadDeadline(deadline) // before the ping, or its pong could come between
	if s.conn.WriteControl(websocket.PingMessage, nil, deadline) != nil {
		_ = s.conn.Close()
	}
}

// leave says goodbye, as far as the relay listens, and ends the reader.
func (s *session) leave() {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = s.conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second))
	_ = s.conn.Close()
}

// heard gives the relay another SilenceTimeout. An error shows at the next read.
func (s *session) heard() { _ = s.conn.SetReadDeadline(time.Now().Add(SilenceTimeout)) }

func (s *session) read(ctx context.Context, take func(context.Context, Receive)) error {
	for {
		frame, err := readFrame(s.conn, &s.frame)
		if err != nil {
			return err
		}
		s.heard()
		switch f := frame.(type) {
		case Ack:
			s.acknowledge(f)
		case Receive:
			// A relay may only pass on whom the device named.
			if s.named != nil && !slices.Contains(s.named, f.From) {
				return fmt.Errorf("%w: a frame from somebody who was not named", ErrProtocol)
			}
			take(ctx, f)
		default:
			return fmt.Errorf("%w: a frame out of place", ErrProtocol)
		}
	}
}

// acknowledge wakes who waits. An ack that nobody waits for is late, repeated
// or invented, and changes nothing.
func (s *session) acknowledge(f Ack) {
	s.mu.Lock()
	waiting, ok := s.pending[f.ID]
	delete(s.pending, f.ID)
	s.mu.Unlock()
	if ok {
		waiting <- f.Delivered // has room for the one ack that an id gets
	}
}

func (s *session) send(ctx context.Context, frame Send) (bool, error) {
	ack := make(chan bool, 1)
	s.mu.Lock()
	if len(s.pending) >= maxUnacknowledged {
		s.mu.Unlock()
		return false, ErrBusy
	}
	s.pending[frame.ID] = ack
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.pending, frame.ID)
		s.mu.Unlock()
	}()

	timeout := time.NewTimer(AckTimeout)
	defer timeout.Stop()
	if err := s.write(ctx, timeout.C, frame.Encode()); err != nil {
		return false, err
	}
	select {
	case delivered := <-ack:
		return delivered, nil
	case <-s.done:
		return false, ErrNotConnected
	case <-timeout.C:
		return false, ErrNoAck
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// write writes one frame. A connection on which a write has failed is in an
// unknown state, and closed.
func (s *session) write(ctx context.Context, timeout <-chan time.Time, b []byte) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-s.done:
		return ErrNotConnected
	case <-timeout:
		return ErrNoAck
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := writeFrame(s.conn, b); err != nil {
		_ = s.conn.Close()
		return ErrNotConnected
	}
	return nil
}

func writeFrame(conn *websocket.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		return err
	}
	return conn.WriteMessage(websocket.TextMessage, b)
}

func readFrame(conn *websocket.Conn, buffer *bytes.Buffer) (Frame, error) {
	kind, r, err := conn.NextReader()
	if err != nil {
		return nil, readError(err)
	}
	if kind != websocket.TextMessage {
		return nil, fmt.Errorf("%w: a frame that is not text", ErrProtocol)
	}
	buffer.Reset()
	if _, err := buffer.ReadFrom(r); err != nil {
		return nil, readError(err)
	}
	frame, err := Decode(buffer.Bytes()) // copies what it keeps
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return frame, nil
}

// readError turns what a websocket says about its end into what a user can be
// told.
func readError(err error) error {
	var closed *websocket.CloseError
	var network net.Error
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return fmt.Errorf("%w: a frame over %d octets", ErrProtocol, MaxFrame)
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return &RefusedError{Code: CloseCode(closed.Code)}
	case errors.As(err, &network) && network.Timeout():
		return errors.New("the relay has not been heard from")
	default:
		return errors.New("the connection to the relay was lost")
	}
}
