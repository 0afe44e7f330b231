package transport

import "time"

// Every limit of the protocol, in one place. Both ends hold to them.
const (
	// MaxFrame is the largest frame in octets; the peer is closed beyond it.
	MaxFrame = 16 << 10
	// MaxBody is the largest body in octets: a frame less its other members.
	MaxBody = MaxFrame - 512
	// MinID and MaxID bound a frame's id in characters. 16 base64url characters
	// are 96 bits: nobody can guess the id of another's frame and acknowledge it.
	MinID, MaxID = 16, 64
	// MaxVerifiers is how many verifiers a device may name.
	MaxVerifiers = 16
	// MaxToken is the largest auth token in octets.
	MaxToken = 4096

	// HandshakeTimeout bounds the way from the upgrade to ready.
	HandshakeTimeout = 5 * time.Second
	// PingInterval is how often the relay pings.
	PingInterval = 25 * time.Second
	// SilenceTimeout is how long an end may be silent before the other takes it
	// for gone: two pings, and time for the answer.
	SilenceTimeout = 2*PingInterval + 10*time.Second
	// WriteTimeout bounds the writing of a frame. A peer that does not read for
	// so long is closed.
	WriteTimeout = 10 * time.Second
	// AckTimeout is how long a client waits for the relay's ack.
	AckTimeout = 10 * time.Second

	// maxUnacknowledged is how many Sends of one client may wait for their ack.
	maxUnacknowledged = 4096
	// inboxSize is how many frames a client holds for its Receive, beside two for
	// each that may run at once.
	inboxSize = 64

	nonceSize = 32 // octets
)
