package relay

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeSize is how many octets a direction of a pipe holds for its reader.
const pipeSize = 64 << 10

// pipeEnd is one end of a connection within the process. Other than net.Pipe's
// it has a buffer, as a socket has: there each piece that the reader takes of a
// frame wakes the writer, fourteen wakes a sign-in where there are five.
type pipeEnd struct {
	in, out *stream
}

func newPipe() (a, b net.Conn) {
	there, back := newStream(), newStream()
	return &pipeEnd{in: back, out: there}, &pipeEnd{in: there, out: back}
}

// Read implements net.Conn.
func (e *pipeEnd) Read(p []byte) (int, error) { return e.in.read(p) }

// Write implements net.Conn.
func (e *pipeEnd) Write(p []byte) (int, error) { return e.out.write(p) }

// Close implements net.Conn. What was written before can still be read.
func (e *pipeEnd) Close() error {
	e.in.set(func(s *stream) { s.abandoned = true })
	e.out.set(func(s *stream) { s.finished = true })
	return nil
}

// LocalAddr implements net.Conn.
func (*pipeEnd) LocalAddr() net.Addr { return memoryAddr{} }

// RemoteAddr implements net.Conn.
func (*pipeEnd) RemoteAddr() net.Addr { return memoryAddr{} }

// SetDeadline implements net.Conn.
func (e *pipeEnd) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t) // neither fails
	return e.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (e *pipeEnd) SetReadDeadline(t time.Time) error {
	e.in.setDeadline(&e.in.reader, t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (e *pipeEnd) SetWriteDeadline(t time.Time) error {
	e.out.setDeadline(&e.out.writer, t)
	return nil
}

// stream is one direction of a pipe.
type stream struct {
	mu             sync.Mutex
	reader, writer waiter
	data           bytes.Buffer
	finished       bool // its writer is gone
	abandoned      bool // its reader is gone
}

// waiter is where those wait who read, or those who write.
type waiter struct {
	changed  sync.Cond
	deadline time.Time
}

func newStream() *stream {
	s := &stream{}
	s.reader.changed.L, s.writer.changed.L = &s.mu, &s.mu
	return s
}

func (s *stream) set(f func(*stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	s.reader.changed.Broadcast()
	s.writer.changed.Broadcast()
}

func (s *stream) setDeadline(w *waiter, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.deadline = t
	w.changed.Broadcast()
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.abandoned:
			return 0, io.ErrClosedPipe
		case s.reader.late():
			return 0, os.ErrDeadlineExceeded
		case s.data.Len() > 0 || len(p) == 0:
			s.writer.changed.Broadcast()
			return s.data.Read(p)
		case s.finished:
			return 0, io.EOF
		}
		s.reader.wait()
	}
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.finished, s.abandoned:
			return written, io.ErrClosedPipe
		case s.writer.late():
			return written, os.ErrDeadlineExceeded
		}
		n, _ := s.data.Write(p[:min(len(p), pipeSize-s.data.Len())]) // never fails
		written, p = written+n, p[n:]
		s.reader.changed.Broadcast()
		if len(p) == 0 {
			return written, nil
		}
		s.writer.wait()
	}
}

func (w *waiter) late() bool { return !w.deadline.IsZero() && !time.Now().Before(w.deadline) }

// wait waits for a change, or for the deadline, with the stream's lock.
func (w *waiter) wait() {
	if !w.deadline.IsZero() {
		timer := time.AfterFunc(time.Until(w.deadline), func() {
			w.changed.L.Lock() // or it could fall between the look at the clock and the wait
			defer w.changed.L.Unlock()
			w.changed.Broadcast()
		})
		defer timer.Stop()
	}
	w.changed.Wait()
}
