package radius

import (
	"container/list"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// replyFor is how long a reply is kept for a request that comes again. Clients
// that wait for a phone send again for a minute or more.
const replyFor = 2 * time.Minute

// requestKey names a request as RFC 5080 §2.2.2 does, but without the port: an
// attacker who replays a captured request from another port would start a
// second push.
type requestKey struct {
	address       netip.Addr
	identifier    byte
	authenticator [16]byte
}

// verdict is what to do with a request that arrives.
type verdict int

const (
	fresh    verdict = iota // answer it
	pending                 // it is being answered: nothing to do
	answered                // it was answered: send the same octets again
	forged                  // other octets under the same key: drop it
	full                    // too much to remember: drop it
)

// replies remembers requests and their replies.
type replies struct {
	now func() time.Time
	max int

	mu    sync.Mutex
	byKey map[requestKey]*list.Element
	order *list.List // of *reply, oldest first
}

type reply struct {
	key    requestKey
	digest [sha256.Size]byte // of the request
	raw    []byte            // nil while it is being answered
	since  time.Time
}

func newReplies(now func() time.Time, most int) *replies {
	return &replies{now: now, max: most, byKey: map[requestKey]*list.Element{}, order: list.New()}
}

// begin takes a request down, or says what is known of it.
func (r *replies) begin(key requestKey, raw []byte) (verdict, []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	digest := sha256.Sum256(raw)
	if e, ok := r.byKey[key]; ok {
		known := e.Value.(*reply)
		switch {
		case known.digest != digest:
			return forged, nil
		case known.raw == nil:
			return pending, nil
		}
		return answered, known.raw
	}
	if r.order.Len() >= r.max && !r.evict() {
		return full, nil
	}
	r.byKey[key] = r.order.PushBack(&reply{key: key, digest: digest, since: r.now()})
	return fresh, nil
}

// end keeps the reply; without one the request is forgotten, and may come again.
func (r *replies) end(key requestKey, raw []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.byKey[key]
	if !ok {
		return
	}
	if raw == nil {
		r.remove(e)
		return
	}
	known := e.Value.(*reply)
	known.raw, known.since = raw, r.now()
	r.order.MoveToBack(e)
}

// forget removes what is too old. Requests that are being answered stay: they
// are bounded by the requests that run.
func (r *replies) forget() {
	for e := r.order.Front(); e != nil; {
		known, next := e.Value.(*reply), e.Next()
		if r.now().Sub(known.since) < replyFor {
			return
		}
		if known.raw != nil {
			r.remove(e)
		}
		e = next
	}
}

// evict makes room by the oldest reply.
func (r *replies) evict() bool {
	for e := r.order.Front(); e != nil; e = e.Next() {
		if e.Value.(*reply).raw != nil {
			r.remove(e)
			return true
		}
	}
	return false
}

func (r *replies) remove(e *list.Element) {
	delete(r.byKey, e.Value.(*reply).key)
	r.order.Remove(e)
}
