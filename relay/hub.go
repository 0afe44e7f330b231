package relay

import (
	"sync"

	"countersign/crypto/identity"
	"countersign/transport"
)

// name is who can be written to. One key in both roles is two names: a device
// cannot put itself in a verifier's place by taking its part.
type name struct {
	role transport.Role
	id   identity.Thumbprint
}

// hub knows the authenticated connections by name.
type hub struct {
	limit int // connections of one name

	mu    sync.RWMutex
	names map[name][]*connection // a slice is replaced, never changed: readers hold it without the lock
}

func newHub(limit int) *hub { return &hub{limit: limit, names: map[name][]*connection{}} }

// find gives the connections of a name.
func (h *hub) find(n name) []*connection {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.names[n]
}

// add takes a connection, unless its name has too many, and queues its first
// frame. Both are one step to others: a client that has read ready can be found,
// and nothing comes before ready.
func (h *hub) add(c *connection, ready []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.names[c.name]
	if len(old) >= h.limit || !c.push(ready, nil) {
		return false
	}
	connections := make([]*connection, 0, len(old)+1)
	h.names[c.name] = append(append(connections, old...), c)
	return true
}

// remove forgets a connection, and tells whether it was here.
func (h *hub) remove(c *connection) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.names[c.name]
	kept := make([]*connection, 0, len(old))
	for _, other := range old {
		if other != c {
			kept = append(kept, other)
		}
	}
	if len(kept) == len(old) {
		return false
	}
	h.names[c.name] = kept
	if len(kept) == 0 {
		delete(h.names, c.name)
	}
	return true
}
