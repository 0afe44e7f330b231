package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// dialTimeout bounds the way to an open websocket: name, TCP, TLS, upgrade.
const dialTimeout = 15 * time.Second

// bufferSize holds a frame with a sealed envelope: one read, one write.
const bufferSize = 6 << 10

// connect dials, authenticates, and gives the session that is ready.
func (c *Client) connect(ctx context.Context) (*session, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(MaxFrame)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s, err := c.authenticate(conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

func (c *Client) authenticate(conn *websocket.Conn) (*session, error) {
	if err := conn.SetReadDeadline(time.Now().Add(2 * HandshakeTimeout)); err != nil {
		return nil, readError(err)
	}
	var buffer bytes.Buffer
	frame, err := readFrame(conn, &buffer)
	if err != nil {
		return nil, err
	}
	hello, ok := frame.(Hello)
	if !ok {
		return nil, fmt.Errorf("%w: it did not say hello", ErrProtocol)
	}
	token, named, err := c.token(hello)
	if err != nil {
		return nil, err
	}
	if err := writeFrame(conn, Auth{Token: token}.Encode()); err != nil {
		return nil, readError(err)
	}
	if frame, err = readFrame(conn, &buffer); err != nil {
		return nil, err
	}
	if _, ok := frame.(Ready); !ok {
		return nil, fmt.Errorf("%w: it is not ready", ErrProtocol)
	}
	return newSession(conn, named), nil
}

func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := websocket.Dialer{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: PinnedTLS(c.config.TLS, c.config.Pin),
		ReadBufferSize:  bufferSize,
		WriteBufferSize: bufferSize,
	}
	if c.config.NetDial != nil {
		dialer.Proxy = nil
		dialer.NetDialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.config.NetDial(ctx) }
		dialer.NetDialTLSContext = dialer.NetDialContext
	}
	conn, response, err := dialer.DialContext(ctx, c.config.URL, nil)
	if response != nil {
		_ = response.Body.Close()
		if at, err := http.ParseTime(response.Header.Get("Date")); err == nil && c.config.Clock != nil {
			c.config.Clock(at)
		}
	}
	if err == nil {
		return conn, nil
	}
	if response != nil {
		return nil, httpError(response.StatusCode)
	}
	var timeout net.Error
	switch {
	case errors.Is(err, ErrPin):
		return nil, ErrPin
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, errors.New("the relay cannot be reached: no answer in time")
	default:
		return nil, fmt.Errorf("the relay cannot be reached: %w", err)
	}
}

func httpError(status int) error {
	switch status {
	case http.StatusTooManyRequests:
		return &RefusedError{Code: CloseRateLimited}
	case http.StatusServiceUnavailable:
		return &RefusedError{Code: CloseShutdown}
	default:
		return fmt.Errorf("there is no relay at this address: it answers with HTTP status %d", status)
	}
}

// PinnedTLS makes a configuration that starts from base (nil for the default)
// and verifies as usual or, with a pin (the SHA-256 of the SPKI, RFC 7469 §2.4),
// the very key and nothing else: a self-hoster's certificate is signed by nobody
// whom the device knows. A connection to another key fails with ErrPin.
func PinnedTLS(base *tls.Config, pin []byte) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		config = base.Clone()
	}
	if len(pin) == 0 {
		return config
	}
	config.InsecureSkipVerify = true // VerifyConnection below takes its place, and is stricter
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return ErrPin
		}
		sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
		if subtle.ConstantTimeCompare(sum[:], pin) != 1 {
			return ErrPin
		}
		return nil
	}
	return config
}
