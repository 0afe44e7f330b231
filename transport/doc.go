// Package transport is how a device or a verifier speaks to a relay: the
// vocabulary of frames, its limits, and the client. The relay server is in
// package relay.
//
// A connection is a websocket with JSON text frames:
//
//	relay  → client   hello{nonce, relay}
//	client → relay    auth{token}
//	relay  → client   ready
//	client → relay    send{id, to, body}
//	relay  → client   ack{id, delivered}
//	relay  → client   receive{id, from, body}
//
// The relay stores nothing. A body that finds its recipient connected nowhere
// is gone, the ack says so, and state lives at the ends: who connects asks for
// what is pending.
//
// The client trusts the relay with nothing but delivery. A relay can drop,
// delay, repeat and reorder; it must not be able to do more, so what it may
// send is decoded strictly and bounded, and the client proves its identity only
// for the very relay that it dialled. Bodies are sealed by whoever calls this
// package (package envelope), which neither reads nor checks them.
package transport
