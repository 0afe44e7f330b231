package relay

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/transport"
)

// metrics counts; no label ever names an identity.
type metrics struct {
	connections *prometheus.GaugeVec   // by role
	refused     *prometheus.CounterVec // by reason: before the upgrade
	handshakes  *prometheus.CounterVec // by result: ready or a close code's word
	closed      *prometheus.CounterVec // by reason: a close code's word or left
	octets      prometheus.Counter
	offered     prometheus.Counter // to other relays

	delivered, absent, unheard prometheus.Counter // frames, by outcome
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "countersign", Subsystem: "relay", Name: name, Help: help,
		}, labels)
	}
	m := &metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "countersign", Subsystem: "relay", Name: "connections", Help: "Authenticated connections.",
		}, []string{"role"}),
		refused:    counter("refused_total", "Connections refused before they were upgraded to a websocket.", "reason"),
		handshakes: counter("handshakes_total", "Handshakes, by how they ended.", "result"),
		closed:     counter("closed_total", "Authenticated connections that ended, by reason.", "reason"),
	}
	m.octets = counter("octets_total", "Octets of the bodies that were sent.").WithLabelValues()
	m.offered = counter("offered_total", "Frames offered to other relays.").WithLabelValues()
	frames := counter("frames_total", "Frames sent, by what became of them.", "outcome")
	m.delivered = frames.WithLabelValues("delivered")
	m.absent = frames.WithLabelValues("absent")
	m.unheard = frames.WithLabelValues("not_named")
	for _, role := range []transport.Role{transport.RoleDevice, transport.RoleVerifier} {
		m.connections.WithLabelValues(string(role))
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connections, m.refused, m.handshakes, m.closed, m.octets, m.offered, frames} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("relay: registering metrics: %w", err)
		}
	}
	return m, nil
}
