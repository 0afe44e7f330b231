package relay

import (
	"log/slog"

	"countersign/transport"
)

// join makes a connection known, to the other relays first: who has read ready
// can be found. It fails when the identity has too many connections.
func (s *Server) join(c *connection) (transport.CloseCode, bool) {
	if s.announce(c, 1) {
		s.config.Link.Flush()
	}
	counted := s.metrics.connections.WithLabelValues(string(c.name.role))
	counted.Inc() // before ready: who has read it is counted, too
	if !s.hub.add(c, textFrame(transport.Ready{})) {
		counted.Dec()
		s.announce(c, -1)
		return transport.CloseTooMany, false
	}
	return 0, true
}

// leave undoes join. For a connection that never joined it does nothing.
func (s *Server) leave(c *connection) {
	if !s.hub.remove(c) {
		return
	}
	s.metrics.connections.WithLabelValues(string(c.name.role)).Dec()
	s.metrics.closed.WithLabelValues(reason(transport.CloseCode(c.ended.Load()))).Inc()
	s.announce(c, -1)
}

// announce tells the other relays what can be delivered here: by is 1 for a
// connection that comes, and -1 for one that goes. It tells whether that was
// news.
func (s *Server) announce(c *connection, by int) (news bool) {
	if s.config.Link == nil {
		return false
	}
	s.announcing.Lock()
	defer s.announcing.Unlock()
	for _, i := range c.interests() {
		s.announced[i] += by
		switch {
		case s.announced[i] == 0:
			delete(s.announced, i)
			s.config.Link.Leave(i)
		case s.announced[i] == 1 && by == 1:
			news = true
			if err := s.config.Link.Join(i); err != nil {
				s.config.Logger.ErrorContext(s.ctx, "telling the other relays failed", slog.Any("error", err))
			}
		}
	}
	return news
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
	elsewhere := interest(to, frame.From)
	if taken {
		s.config.Link.Offer(elsewhere, frame, nil)
		s.acknowledge(from, frame.ID, true)
		return
	}
	s.config.Link.Offer(elsewhere, frame, func(taken bool) { s.acknowledge(from, frame.ID, taken) })
}

// deliver takes a frame from another relay. Whom a device hears is checked here
// as it is for a sender of this relay's own.
func (s *Server) deliver(to Interest, frame transport.Receive) bool {
	return s.fanOut(name{to.Role, to.To}, frame, s.ctx.Done())
}
