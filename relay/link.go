package relay

import (
	"context"

	"countersign/crypto/identity"
	"countersign/transport"
)

// Link joins relays, so that a device at one meets a verifier at another. What
// goes over it is sealed like everything else, but whoever can speak on it can
// send in any identity's name: it belongs on the operator's own network.
type Link interface {
	// Start is called once, before the other methods. What comes from other
	// relays goes to deliver, which tells whether a connection took it. For a
	// device it does not block, for a verifier WriteTimeout at most.
	Start(deliver func(role transport.Role, to identity.Thumbprint, frame transport.Receive) bool) error
	// Join says that an identity is connected here now, Leave that it is no
	// longer. The calls never overlap.
	Join(role transport.Role, id identity.Thumbprint) error
	Leave(role transport.Role, id identity.Thumbprint)
	// Offer passes a frame on and returns at once; frames are offered in the
	// order in which they go out. Unless taken is nil it is called exactly
	// once, soon, with whether a connection elsewhere took the frame.
	Offer(ctx context.Context, role transport.Role, to identity.Thumbprint, frame transport.Receive, taken func(bool))
	// Close ends what Start started. When it returns no taken is called any more.
	Close()
}
