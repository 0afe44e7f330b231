package relay

import (
	"log/slog"

	"countersign/crypto/identity"
	"countersign/transport"
)

// join makes a connection known. It fails when the identity has too many.
func (s *Server) join(c *connection) (transport.CloseCode, bool) {
	if !s.hub.add(c, textFrame(transport.Ready{})) {
		return transport.CloseTooMany, false
	}
	s.metrics.connections.WithLabelValues(string(c.name.role)).Inc()
	s.announce(c.name)
	return 0, true
}

// leave undoes join. For a connection that never joined it does nothing.
func (s *Server) leave(c *connection) {
	if !s.hub.remove(c) {
		return
	}
	s.metrics.connections.WithLabelValues(string(c.name.role)).Dec()
	s.metrics.closed.WithLabelValues(reason(transport.CloseCode(c.ended.Load()))).Inc()
	s.announce(c.name)
}

// announce tells the other relays whether a name is here. It looks again under
// a lock of its own: of a Leave and a Join that cross, the later state stands.
func (s *Server) announce(n name) {
	if s.config.Link == nil {
		return
	}
	s.announcing.Lock()
	defer s.announcing.Unlock()
	here := len(s.hub.find(n)) > 0
	if here == s.announced[n] {
		return
	}
	if !here {
		delete(s.announced, n)
		s.config.Link.Leave(n.role, n.id)
		return
	}
	if err := s.config.Link.Join(n.role, n.id); err != nil {
		s.config.Logger.ErrorContext(s.ctx, "telling the other relays failed", slog.Any("error", err))
		return
	}
	s.announced[n] = true
}

func reason(code transport.CloseCode) string {
	if code == codeLeft {
		return left
	}
	return code.String()
}

// route takes a frame from its sender to its recipient's connections, here and
// at other relays, and acknowledges it.
func (s *Server) route(from *connection, send transport.Send) {
	s.metrics.octets.Add(float64(len(send.Body)))
	to := name{transport.RoleVerifier, send.To}
	if from.name.role == transport.RoleVerifier {
		to.role = transport.RoleDevice
	} else if !from.hears(send.To) {
		// A device writes only to whom it named; this relay may serve others,
		// and their business is not a stranger's.
		s.metrics.unheard.Inc()
		from.push(textFrame(transport.Ack{ID: send.ID}), from.gone)
		return
	}
	frame := transport.Receive{ID: send.ID, From: from.name.id, Body: send.Body}
	taken := s.fanOut(to, frame, from.gone)
	if s.config.Link != nil {
		s.offer(from, to, frame, taken)
		return
	}
	s.acknowledge(from, send.ID, taken)
}

// fanOut gives each of a name's connections here its copy.
func (s *Server) fanOut(to name, frame transport.Receive, giveUp <-chan struct{}) bool {
	connections := s.hub.find(to)
	if len(connections) == 0 {
		return false
	}
	if to.role == transport.RoleDevice {
		giveUp = nil // one device that does not read must not stall a verifier's others
	}
	encoded, taken := textFrame(frame), false
	for _, c := range connections {
		// To a sender whom the device did not name it is not there.
		if to.role == transport.RoleDevice && !c.hears(frame.From) {
			continue
		}
		if c.push(encoded, giveUp) {
			taken = true
		}
	}
	return taken
}

func (s *Server) acknowledge(from *connection, id string, taken bool) {
	if taken {
		s.metrics.delivered.Inc()
	} else {
		s.metrics.absent.Inc()
	}
	from.push(textFrame(transport.Ack{ID: id, Delivered: taken}), from.gone)
}

// offer passes a frame on to the other relays. Where it was taken here already,
// nobody waits for their answer.
func (s *Server) offer(from *connection, to name, frame transport.Receive, taken bool) {
	s.metrics.offered.Inc()
	if taken {
		s.config.Link.Offer(s.ctx, to.role, to.id, frame, nil)
		s.acknowledge(from, frame.ID, true)
		return
	}
	s.config.Link.Offer(s.ctx, to.role, to.id, frame, func(taken bool) { s.acknowledge(from, frame.ID, taken) })
}

// deliver takes a frame from another relay. Whom a device hears is checked here
// as it is for a sender of this relay's own.
func (s *Server) deliver(role transport.Role, to identity.Thumbprint, frame transport.Receive) bool {
	return s.fanOut(name{role, to}, frame, s.ctx.Done())
}
