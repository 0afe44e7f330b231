package transport_test

import (
	"context"
	"strings"
	"testing"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/relay"
	"countersign/transport"
)

// BenchmarkSend is one body from a verifier to a device and the relay's ack to
// it, with the real client at both ends: over a socket, or within the process.
func BenchmarkSend(b *testing.B) {
	key := generate(b)
	r, url := startRelay(b, relay.Config{Verifiers: []identity.Thumbprint{key.Thumbprint()}})
	body := strings.Repeat("x", envelope.MaxSize-100)
	config := transport.Config{URL: url, Key: key, Role: transport.RoleVerifier}
	for name, local := range map[string]bool{"socket": false, "memory": true} {
		b.Run(name, func(b *testing.B) {
			config := config
			if local {
				config.NetDial = r.Dial
			}
			v := start(b, config).connected(b)
			received := make(chan struct{}, 64)
			d := start(b, transport.Config{
				URL: url, Role: transport.RoleDevice, Verifiers: naming(key.Thumbprint()),
				Receive: func(context.Context, identity.Thumbprint, string) { received <- struct{}{} },
			}).connected(b)
			for b.Loop() {
				if delivered, err := v.Send(b.Context(), d.id, body); err != nil || !delivered {
					b.Fatalf("delivered %v, %v", delivered, err)
				}
				<-received
			}
		})
	}
}
