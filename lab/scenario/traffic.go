package scenario

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/challenge"
)

// traffic knows whether anything is on its way between the verifier and the
// devices, so that a step ends when all that it caused has happened, however
// busy the machine is. It stands before the verifier's post.
type traffic struct {
	verifier challenge.Post
	network  *network
	metrics  *prometheus.Registry
	posted   atomic.Int64 // messages that the verifier was given to send
	lost     atomic.Int64 // messages that a device was closed upon
}

// Post implements challenge.Post.
func (t *traffic) Post(encryption identity.PublicKey, device identity.Thumbprint, m message.Message) {
	t.posted.Add(1)
	t.verifier.Post(encryption, device, m)
}

// counts are the verifier's own, of messages.
type counts struct {
	sent      int64 // posted and done with, whatever became of them
	delivered int64 // those that a device's connection took
	taken     int64 // from devices, and done with
}

func (t *traffic) counts() (c counts, err error) {
	families, err := t.metrics.Gather()
	if err != nil {
		return c, err
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			n := int64(m.GetCounter().GetValue())
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			switch f.GetName() {
			case "countersign_messages_total":
				c.taken += n
			case "countersign_messages_sent_total":
				c.sent += n
				if labels["result"] == "delivered" {
					c.delivered += n
				}
			}
		}
	}
	return c, nil
}

// still tells whether nothing is on its way.
func (t *traffic) still() bool {
	handled := t.network.handled.Load() + t.lost.Load()
	c, done := t.verifierDone()
	return done && c.delivered <= handled
}

// verifierDone tells whether the verifier has dealt with all that it was sent
// and given to send.
func (t *traffic) verifierDone() (counts, bool) {
	sent := t.network.sent.Load()
	c, err := t.counts()
	return c, err == nil && t.posted.Load() == c.sent && sent <= c.taken
}

const (
	stillEvery = time.Millisecond
	// stillMost bounds the wait for a message that got lost on the way.
	stillMost = 5 * time.Second
)

// closed says that a device was closed while nothing else went on: what its
// connection took and it has not dealt with, it will not.
func (t *traffic) closed(ctx context.Context) {
	deadline := time.Now().Add(stillMost)
	for time.Now().Before(deadline) && pause(ctx, stillEvery) {
		if c, done := t.verifierDone(); done {
			t.lost.Store(max(0, c.delivered-t.network.handled.Load()))
			return
		}
	}
}

// quiet waits until nothing is on its way any more.
func (t *traffic) quiet(ctx context.Context) {
	deadline := time.Now().Add(stillMost)
	for !t.still() && time.Now().Before(deadline) && pause(ctx, stillEvery) {
	}
}
