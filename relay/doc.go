// Package relay is the relay server: a small router that carries sealed
// envelopes between identities over websockets. It stores nothing, decides
// nothing and reads nothing; package transport has its protocol.
//
// A device hears the verifiers that it names when it connects, and nobody else;
// a verifier hears the devices that name it. To everybody else an identity
// looks as if it were connected nowhere, so a stranger cannot learn who is
// there. What no connection takes is gone, and its sender is told.
//
// What the relay learns is who speaks with whom, when and how much: thumbprints,
// sizes, times. Bodies are never logged.
//
// A connection costs a goroutine that reads, and next to nothing else: buffers
// come from pools while a frame passes, a writer runs while there is something
// to write, and one clock pings all. A connection that does not read what it is
// sent is closed, and stalls nobody: a verifier's frames never wait for a
// device, and a device that waits for a busy verifier holds up itself alone.
package relay
