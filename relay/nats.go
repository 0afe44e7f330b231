package relay

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"countersign/crypto/identity"
	"countersign/transport"
)

const (
	// linkTimeout is how long the other relays have to say that they took a
	// frame. Where none has the recipient, NATS says so at once.
	linkTimeout = time.Second
	// linkQueue is how many frames from other relays may wait for each worker:
	// the answers of an office that signs in at once go to one verifier.
	linkQueue = 512
	// linkIncoming is how many may wait to be given to a worker.
	linkIncoming = 4096
	// linkWorkers deliver what comes from other relays. A verifier that does
	// not read holds up one of them, until it is closed.
	linkWorkers = 16
	// maxOffers is how many frames may wait for another relay's answer.
	maxOffers = 4096

	// subjects are linkSubject.device.<device>.<verifier>, linkSubject.verifier.<verifier>.
	linkSubject = "countersign.relay.v1"
)

// The answers of a relay that got a frame.
const (
	linkTaken   = "taken"
	linkRefused = "refused"
)

// NATS is a Link over NATS core subjects: a relay subscribes to what it can
// deliver, and NATS finds it. Nothing is stored on the way.
type NATS struct {
	conn    *nats.Conn
	logger  *slog.Logger
	deliver func(Interest, transport.Receive) bool
	seed    maphash.Seed

	incoming chan *nats.Msg
	workers  [linkWorkers]chan *nats.Msg
	inbox    string
	stop     chan struct{}
	running  sync.WaitGroup

	mu            sync.Mutex
	closed        bool
	next          uint64
	offers        map[string]*offer // by reply subject
	subscriptions map[Interest]*nats.Subscription
}

// offer is a frame that waits for another relay's answer.
type offer struct {
	taken func(bool)
	timer *time.Timer
}

// ConnectNATS connects to NATS servers, given as URLs with commas between them.
// The URL may hold a password: it stands in no error of this package.
func ConnectNATS(url string, logger *slog.Logger, options ...nats.Option) (*NATS, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	n := &NATS{
		logger: logger, seed: maphash.MakeSeed(),
		incoming: make(chan *nats.Msg, linkIncoming), stop: make(chan struct{}),
		offers: map[string]*offer{}, subscriptions: map[Interest]*nats.Subscription{},
	}
	for i := range n.workers {
		n.workers[i] = make(chan *nats.Msg, linkQueue)
	}
	conn, err := nats.Connect(url, append([]nats.Option{
		nats.Name("countersign relay"),
		nats.NoEcho(), // what this relay has offered it has tried itself
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1), // better not delivered, and known, than delivered late
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			logger.Warn("link between relays", slog.Any("error", err))
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			logger.Warn("link between relays lost", slog.Any("error", err))
		}),
		nats.ReconnectHandler(func(*nats.Conn) { logger.Info("link between relays restored") }),
	}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("relay: connecting to NATS: %w", err)
	}
	n.conn, n.inbox = conn, conn.NewInbox()
	return n, nil
}

// Start begins to receive.
func (n *NATS) Start(deliver func(Interest, transport.Receive) bool) error {
	n.deliver = deliver
	if _, err := n.conn.Subscribe(n.inbox+".*", n.answered); err != nil {
		return fmt.Errorf("subscribing to answers: %w", err)
	}
	n.running.Go(n.distribute)
	for _, worker := range n.workers {
		n.running.Go(func() { n.work(worker) })
	}
	return nil
}

// Join subscribes. All subscriptions share one channel: one of the usual kind
// would cost every connection another goroutine.
func (n *NATS) Join(i Interest) error {
	subscription, err := n.conn.ChanSubscribe(subject(i), n.incoming)
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subscriptions[i] = subscription
	return nil
}

// Leave unsubscribes.
func (n *NATS) Leave(i Interest) {
	n.mu.Lock()
	subscription := n.subscriptions[i]
	delete(n.subscriptions, i)
	n.mu.Unlock()
	if subscription == nil {
		return
	}
	if err := subscription.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		n.logger.Warn("unsubscribing", slog.Any("error", err))
	}
}

// Flush waits until the NATS server knows the subscriptions: who is told that it
// is connected can then be found. While there is no NATS nobody waits for it.
func (n *NATS) Flush() {
	if !n.conn.IsConnected() {
		return
	}
	if err := n.conn.FlushTimeout(linkTimeout); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		n.logger.Warn("subscribing takes long", slog.Any("error", err))
	}
}

// Offer publishes a frame.
func (n *NATS) Offer(to Interest, frame transport.Receive, taken func(bool)) {
	if taken == nil {
		if err := n.conn.Publish(subject(to), frame.Encode()); err != nil {
			n.logger.Warn("offering a frame to other relays", slog.Any("error", err))
		}
		return
	}
	reply, ok := n.expect(taken)
	if !ok {
		return
	}
	if err := n.conn.PublishRequest(subject(to), reply, frame.Encode()); err != nil {
		n.logger.Warn("offering a frame to other relays", slog.Any("error", err))
		n.settle(reply, false)
	}
}

// expect prepares for an answer. When too many are awaited, or nothing is any
// more, the answer is no.
func (n *NATS) expect(taken func(bool)) (reply string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.offers) >= maxOffers {
		if !n.closed {
			n.running.Go(func() { taken(false) })
		}
		return "", false
	}
	n.next++
	reply = fmt.Sprintf("%s.%d", n.inbox, n.next)
	n.offers[reply] = &offer{taken: taken, timer: time.AfterFunc(linkTimeout, func() { n.settle(reply, false) })}
	return reply, true
}

// answered takes another relay's answer, or that of NATS that there is none.
// A relay that refuses is not the last word: another may take the frame.
func (n *NATS) answered(message *nats.Msg) {
	switch {
	case len(message.Data) == 0 && message.Header.Get("Status") == "503": // no responders
		n.settle(message.Subject, false)
	case string(message.Data) == linkTaken:
		n.settle(message.Subject, true)
	}
}

func (n *NATS) settle(reply string, taken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	o := n.offers[reply]
	if o == nil || n.closed {
		return
	}
	delete(n.offers, reply)
	o.timer.Stop()
	n.running.Go(func() { o.taken(taken) })
}

// distribute gives each recipient's frames to one worker, which keeps their
// order. What a worker has no room for is dropped, and its sender told so.
func (n *NATS) distribute() {
	for {
		select {
		case <-n.stop:
			return
		case message := <-n.incoming:
			worker := n.workers[maphash.String(n.seed, message.Subject)%linkWorkers]
			select {
			case worker <- message:
			default:
				n.answer(message, false)
			}
		}
	}
}

func (n *NATS) work(messages <-chan *nats.Msg) {
	for {
		select {
		case <-n.stop:
			return
		case message := <-messages:
			n.handle(message)
		}
	}
}

func (n *NATS) handle(message *nats.Msg) {
	frame, err := transport.Decode(message.Data)
	receive, ok := frame.(transport.Receive)
	to, known := parseSubject(message.Subject)
	if err != nil || !ok || !known || to.From != "" && to.From != receive.From {
		n.logger.Warn("another relay sent what is no frame")
		return
	}
	n.answer(message, n.deliver(to, receive))
}

func (n *NATS) answer(message *nats.Msg, taken bool) {
	if message.Reply == "" {
		return
	}
	word := linkRefused
	if taken {
		word = linkTaken
	}
	if err := message.Respond([]byte(word)); err != nil {
		n.logger.Warn("answering another relay", slog.Any("error", err))
	}
}

// Close ends the link. Offers that still wait get no answer: their senders'
// connections end with this relay.
func (n *NATS) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	for _, o := range n.offers {
		o.timer.Stop()
	}
	clear(n.offers)
	n.mu.Unlock()
	close(n.stop)
	n.conn.Close()
	n.running.Wait()
}

func subject(i Interest) string {
	s := linkSubject + "." + string(i.Role) + "." + string(i.To)
	if i.From != "" {
		s += "." + string(i.From)
	}
	return s
}

func parseSubject(s string) (Interest, bool) {
	parts := strings.Split(strings.TrimPrefix(s, linkSubject+"."), ".")
	switch {
	case len(parts) == 2 && parts[0] == string(transport.RoleVerifier):
		return Interest{Role: transport.RoleVerifier, To: identity.Thumbprint(parts[1])}, true
	case len(parts) == 3 && parts[0] == string(transport.RoleDevice):
		return Interest{Role: transport.RoleDevice, To: identity.Thumbprint(parts[1]), From: identity.Thumbprint(parts[2])}, true
	default:
		return Interest{}, false
	}
}
