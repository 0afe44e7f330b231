package relay

import (
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
	Start(deliver func(Interest, transport.Receive) bool) error
	// Join says that frames of this interest can be delivered here now, Leave
	// that they no longer can. The calls never overlap.
	Join(Interest) error
	Leave(Interest)
	// Flush waits a moment for what was joined to be known.
	Flush()
	// Offer passes a frame on and returns at once; what is offered by one
	// goroutine stays in order. Unless taken is nil it is called once,
	// soon and on a goroutine of its own, with whether a connection elsewhere
	// took the frame; after Close it may be left out.
	Offer(to Interest, frame transport.Receive, taken func(bool))
	// Close ends what Start started. When it returns, nothing is delivered and
	// no taken is called any more.
	Close()
}

// Interest is what a relay can deliver: frames to an identity in a role. For a
// device it is those from one verifier alone, so that a sender whom it did not
// name finds nobody, and finds so as fast as if the device were not connected.
type Interest struct {
	Role transport.Role
	To   identity.Thumbprint
	From identity.Thumbprint // empty for a verifier, who hears any device
}

func interest(to name, from identity.Thumbprint) Interest {
	if to.role == transport.RoleVerifier {
		from = ""
	}
	return Interest{Role: to.role, To: to.id, From: from}
}

// interests is what a connection brings.
func (c *connection) interests() []Interest {
	if c.name.role == transport.RoleVerifier {
		return []Interest{interest(c.name, "")}
	}
	var all []Interest
	for _, from := range c.named {
		all = append(all, interest(c.name, from))
	}
	return all
}
