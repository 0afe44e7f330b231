package relay

import "golang.org/x/time/rate"

// Rate is a token bucket: Burst at once, refilled by PerSecond.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits bounds what clients may cost. A zero member stands for its default.
type Limits struct {
	// Connections in all, those that have not authenticated yet included.
	Connections int
	// PerIdentity is how many connections one identity may hold.
	PerIdentity int
	// Connects bounds new connections of one address (an IPv6 /64 counts as
	// one) and, apart from that, of one identity.
	Connects Rate
	// Frames bounds what one identity sends. Verifiers that this relay is
	// configured to serve are free of it, those of an open relay are not.
	Frames, VerifierFrames Rate
}

// Limits that are not worth a setting.
const (
	// queueSize is how many frames may wait for a connection to read them.
	queueSize = 16
	// maxBuckets is how many addresses, and how many identities, are kept in
	// mind to limit their rates.
	maxBuckets = 1 << 17
	// readBuffer is the smallest that gorilla/websocket makes do with for
	// control frames, in octets. It is held by every connection all the time.
	readBuffer = 256
	// maxBatch is about how many octets go into one system call.
	maxBatch = 64 << 10
)

func (l Limits) withDefaults() Limits {
	set(&l.Connections, 100_000)
	set(&l.PerIdentity, 64)
	// An office of 50 behind one address comes back at once after a restart.
	l.Connects = l.Connects.or(Rate{PerSecond: 20, Burst: 50})
	// A device sends a Sync and a few answers; its user types the numbers.
	l.Frames = l.Frames.or(Rate{PerSecond: 10, Burst: 50})
	l.VerifierFrames = l.VerifierFrames.or(Rate{PerSecond: 500, Burst: 1000})
	return l
}

func set(limit *int, value int) {
	if *limit == 0 {
		*limit = value
	}
}

func (r Rate) or(value Rate) Rate {
	if r == (Rate{}) {
		return value
	}
	return r
}

func (r Rate) limiter() *rate.Limiter { return rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst) }
