package verifier

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/transport"
)

const (
	postQueue   = 32               // messages that wait for one worker to be sealed and sent
	postWorkers = 128              // they mostly wait for the relay's ack
	sendTimeout = 10 * time.Second // for one message, ack included
	mailAtOnce  = 512              // messages from devices that are handled at once
)

// post carries messages to devices, and takes theirs off the relay. Nothing
// here is stored: a message that is lost comes again when the device syncs.
type post struct {
	keys      Keys
	client    *transport.Client
	queues    [postWorkers]chan letter
	receive   func(ctx context.Context, from identity.Thumbprint, body string)
	connected atomic.Bool
	back      chan struct{} // the relay is reachable again
	now       func() time.Time
	logger    *slog.Logger
	sent      *prometheus.CounterVec
	panics    prometheus.Counter
}

type letter struct {
	encryption identity.PublicKey
	device     identity.Thumbprint
	message    message.Message
}

func newPost(cfg Config, keys Keys, receive func(context.Context, identity.Thumbprint, string)) (*post, error) {
	p := &post{
		keys: keys, receive: receive,
		back: make(chan struct{}, 1), now: cfg.Now, logger: cfg.Logger,
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_messages_sent_total", Help: "Messages to devices, by type and what became of them.",
		}, []string{"type", "result"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "countersign_messages_panics_total", Help: "Messages from devices whose handling panicked; they were refused.",
		}),
	}
	cfg.Metrics.MustRegister(p.sent, p.panics, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "countersign_relay_connected", Help: "1 while the verifier is connected to its relay.",
	}, func() float64 {
		if p.connected.Load() {
			return 1
		}
		return 0
	}))
	for i := range p.queues {
		p.queues[i] = make(chan letter, postQueue)
	}
	var err error
	p.client, err = transport.NewClient(transportConfig(cfg, keys, p.open, p.relay))
	if err != nil {
		return nil, fmt.Errorf("verifier: preparing the connection to the relay: %w", err)
	}
	return p, nil
}

// run connects and works until ctx is done.
func (p *post) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.client.Run(ctx) })
	for _, queue := range p.queues {
		group.Go(func() error { return p.send(ctx, queue) })
	}
	return group.Wait()
}

// relay hears from the client when the connection comes and goes.
func (p *post) relay(connected bool, _ error) {
	p.connected.Store(connected)
	if !connected {
		return
	}
	select {
	case p.back <- struct{}{}:
	default: // it has been said, and not yet been heard
	}
}

// Post implements challenge.Post.
func (p *post) Post(encryption identity.PublicKey, device identity.Thumbprint, m message.Message) {
	select {
	case p.queueOf(device) <- letter{encryption, device, m}:
	default:
		p.sent.WithLabelValues(m.Type(), "dropped").Inc()
	}
}

// queueOf gives a device's messages to one worker, which keeps them in order: an
// outcome that overtook its challenge would leave a prompt that nothing closes.
func (p *post) queueOf(device identity.Thumbprint) chan letter {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(device)) // never fails
	return p.queues[hash.Sum32()%postWorkers]
}

func (p *post) send(ctx context.Context, queue <-chan letter) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-queue:
			p.sent.WithLabelValues(l.message.Type(), p.deliver(ctx, l)).Inc()
		}
	}
}

func (p *post) deliver(ctx context.Context, l letter) string {
	if !p.now().Before(time.Unix(l.message.Head().Expires, 0)) {
		// It waited behind others for too long: what nobody can answer any more
		// must not hold up what can be.
		return "expired"
	}
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

// open handles one message. A panic refuses that message and no other: what a
// stranger can send must not be able to end the service.
func (p *post) open(ctx context.Context, from identity.Thumbprint, body string) {
	defer func() {
		if v := recover(); v != nil {
			p.panics.Inc()
			p.logger.ErrorContext(ctx, "handling a message panicked", "from", from, "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	p.receive(ctx, from, body)
}
