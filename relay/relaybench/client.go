package relaybench

import (
	"context"
	"fmt"

	"github.com/gorilla/websocket"

	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

// unlimited is the rate for clients that all come from one address.
var unlimited = relay.Rate{PerSecond: 1e9, Burst: 1e9}

func dial(ctx context.Context, url string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{ReadBufferSize: 8 << 10, WriteBufferSize: 8 << 10}
	conn, response, err := dialer.DialContext(ctx, url, nil)
	if response != nil {
		_ = response.Body.Close()
	}
	return conn, err
}

// login does what a client must, and no more.
func login(conn *websocket.Conn, key identity.PrivateKey, role transport.Role, verifiers ...identity.Thumbprint) error {
	_, b, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	frame, err := transport.Decode(b)
	if err != nil {
		return err
	}
	hello, ok := frame.(transport.Hello)
	if !ok {
		return fmt.Errorf("no hello but %T", frame)
	}
	token, err := transport.SignToken(key, transport.Token{Nonce: hello.Nonce, Relay: hello.Relay, Role: role, Verifiers: verifiers})
	if err != nil {
		return err
	}
	if err := conn.WriteMessage(websocket.TextMessage, transport.Auth{Token: token}.Encode()); err != nil {
		return err
	}
	_, _, err = conn.ReadMessage() // ready
	return err
}
