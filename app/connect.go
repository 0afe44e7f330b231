package app

import (
	"context"
	"log/slog"
	"time"

	"countersign/crypto/identity"
	"countersign/transport"
)

// Connector makes a connection to a relay. It does not dial yet: Run does.
type Connector func(Connection) (Carrier, error)

// Connection is what a Carrier is made from.
type Connection struct {
	Relay    string              // the relay's URL
	Key      identity.PrivateKey // who the device is to this verifier
	Verifier identity.Thumbprint // the only one it hears
	Pin      []byte              // of the relay's TLS key; nil: the certificate authorities
	Receive  func(ctx context.Context, from identity.Thumbprint, body string)
	State    func(connected bool, reason error)
	Clock    func(relay time.Time) // told what time it is by the relay, which may lie
}

// Carrier carries envelopes between the device and a verifier. transport.Client
// is one.
type Carrier interface {
	Run(ctx context.Context) error
	// Send tells whether the verifier was there to take the envelope.
	Send(ctx context.Context, to identity.Thumbprint, body string) (delivered bool, err error)
	// Wake tries to connect now, without waiting for the backoff.
	Wake()
}

// Websocket is the Connector over the relay protocol.
func Websocket(log *slog.Logger, now func() time.Time) Connector {
	return func(c Connection) (Carrier, error) {
		return transport.NewClient(transport.Config{
			URL: c.Relay, Key: c.Key, Role: transport.RoleDevice, Pin: c.Pin,
			Verifiers: func() []identity.Thumbprint { return []identity.Thumbprint{c.Verifier} },
			Receive:   c.Receive, Connected: c.State, Clock: c.Clock, Logger: log, Now: now,
		})
	}
}
