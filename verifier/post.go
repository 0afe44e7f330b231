package verifier

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/transport"
)

const (
	postQueue   = 4096             // messages that wait to be sealed and sent
	postWorkers = 32               // they mostly wait for the relay's ack
	sendTimeout = 10 * time.Second // for one message, ack included
	mailAtOnce  = 512              // messages from devices that are handled at once
)

// post carries messages to devices, and takes theirs off the relay. Nothing
// here is stored: a message that is lost comes again when the device syncs.
type post struct {
	keys      Keys
	client    *transport.Client
	queue     chan letter
	incoming  chan mail
	receive   func(ctx context.Context, from identity.Thumbprint, body string)
	connected atomic.Bool
	logger    *slog.Logger
	sent      *prometheus.CounterVec
}

type letter struct {
	encryption identity.PublicKey
	device     identity.Thumbprint
	message    message.Message
}

type mail struct {
	from identity.Thumbprint
	body string
}

func newPost(cfg Config, keys Keys, receive func(context.Context, identity.Thumbprint, string)) (*post, error) {
	p := &post{
		keys: keys, queue: make(chan letter, postQueue), incoming: make(chan mail), receive: receive, logger: cfg.Logger,
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_messages_sent_total", Help: "Messages to devices, by type and what became of them.",
		}, []string{"type", "result"}),
	}
	cfg.Metrics.MustRegister(p.sent, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "countersign_relay_connected", Help: "1 while the verifier is connected to its relay.",
	}, func() float64 {
		if p.connected.Load() {
			return 1
		}
		return 0
	}))
	var err error
	p.client, err = transport.NewClient(transportConfig(cfg, keys, p.take, func(connected bool, _ error) { p.connected.Store(connected) }))
	if err != nil {
		return nil, fmt.Errorf("verifier: preparing the connection to the relay: %w", err)
	}
	return p, nil
}

// run connects and works until ctx is done.
func (p *post) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.client.Run(ctx) })
	for range postWorkers {
		group.Go(func() error { return p.send(ctx) })
	}
	for range mailAtOnce {
		group.Go(func() error { return p.read(ctx) })
	}
	return group.Wait()
}

// Post implements challenge.Post.
func (p *post) Post(encryption identity.PublicKey, device identity.Thumbprint, m message.Message) {
	select {
	case p.queue <- letter{encryption, device, m}:
	default:
		p.sent.WithLabelValues(m.Type(), "dropped").Inc()
	}
}

func (p *post) send(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-p.queue:
			p.sent.WithLabelValues(l.message.Type(), p.deliver(ctx, l)).Inc()
		}
	}
}

func (p *post) deliver(ctx context.Context, l letter) string {
	sealed, err := message.Seal(l.message, p.keys.Signing, l.encryption)
	if err != nil {
		p.logger.ErrorContext(ctx, "sealing a message", "type", l.message.Type(), "error", err)
		return "failed"
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	delivered, err := p.client.Send(ctx, l.device, sealed)
	switch {
	case err != nil:
		p.logger.InfoContext(ctx, "sending a message", "type", l.message.Type(), "device", l.device, "error", err)
		return "failed"
	case !delivered:
		return "away" // the device syncs when it comes back
	}
	return "delivered"
}

// take hands a message to a worker. While all are busy it waits, and so does
// the relay: what is in memory is bounded.
func (p *post) take(ctx context.Context, from identity.Thumbprint, body string) {
	select {
	case p.incoming <- mail{from, body}:
	case <-ctx.Done():
	}
}

func (p *post) read(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-p.incoming:
			p.receive(ctx, m.from, m.body)
		}
	}
}
