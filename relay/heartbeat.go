package relay

import (
	"context"
	"sync"
	"time"

	"countersign/transport"
)

// beats is in how many parts the connections are pinged, a second apart: all at
// once would be a burst every PingInterval.
const beats = int(transport.PingInterval / time.Second)

// heartbeat holds every connection, authenticated or not, and pings each every
// PingInterval.
type heartbeat struct {
	mu    sync.Mutex
	next  int
	parts [beats]map[*connection]struct{}
}

func newHeartbeat() *heartbeat {
	h := &heartbeat{}
	for i := range h.parts {
		h.parts[i] = map[*connection]struct{}{}
	}
	return h
}

func (h *heartbeat) add(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.beat = h.next
	h.next = (h.next + 1) % beats
	h.parts[c.beat][c] = struct{}{}
}

func (h *heartbeat) remove(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.parts[c.beat], c)
}

// all gives every connection.
func (h *heartbeat) all() []*connection {
	var all []*connection
	for part := range beats {
		all = append(all, h.part(part)...)
	}
	return all
}

func (h *heartbeat) part(part int) []*connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	connections := make([]*connection, 0, len(h.parts[part]))
	for c := range h.parts[part] {
		connections = append(connections, c)
	}
	return connections
}

// run pings until ctx is done.
func (h *heartbeat) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for part := 0; ; part = (part + 1) % beats {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, c := range h.part(part) {
				c.ping()
			}
		}
	}
}
