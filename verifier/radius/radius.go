// Package radius is the front end for VPN gateways, SSH servers, switches and
// whatever else speaks RADIUS (RFC 2865). A sign-in has two halves: the first
// factor, checked by the directory, an LDAP server or another RADIUS server,
// and then what policy asks for:
//
//   - the number in the prompt: an Access-Challenge whose Reply-Message shows
//     the number, and a next request that waits for the phone (kind radius);
//   - a code, asked for by an Access-Challenge, or appended to the password
//     where a client can show no prompt;
//   - Approve/Deny within one request, as Microsoft's NPS extension does it
//     (kind nps).
//
// RADIUS is old, and most of this package is armour. Every reply begins with a
// Message-Authenticator, and clients must send one unless they are excused
// (CVE-2024-3596: without it, who sits on the wire forges an Access-Accept). A
// request that was sent again starts nothing anew: while it waits it is
// ignored, and afterwards it gets the same octets (RFC 5080 §2.2.2). State is
// random, good once, and for one client, user and challenge. What a sign-in
// waits with is kept in memory: after a restart it is refused, never accepted.
package radius

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/events"
	"countersign/verifier/rules"
	"countersign/verifier/store"
)

// Directory finds clients and users, and checks passwords.
type Directory interface {
	ListClients(tx store.Tx) ([]directory.Client, error)
	RADIUSSecret(c directory.Client) ([]byte, error)
	FindUser(tx store.Tx, name string) (directory.User, error)
	Devices(tx store.Tx, userID string) ([]directory.Device, error)
	HasTOTP(tx store.Tx, userID string) (bool, error)
	Authenticate(ctx context.Context, name, password, source string) (directory.User, error)
}

// Challenges is the life cycle of sign-ins.
type Challenges interface {
	Start(ctx context.Context, req challenge.Request) (challenge.Challenge, error)
	Get(ctx context.Context, client, id string, wait time.Duration) (challenge.Challenge, error)
	Cancel(ctx context.Context, client, id string) (challenge.Challenge, error)
	Code(ctx context.Context, client, id, code string) (challenge.Challenge, error)
}

// Rules give what policy needs to know of a user.
type Rules interface {
	Of(tx store.Tx, user directory.User) (rules.Facts, error)
}

// Events takes the lines of the event log.
type Events interface {
	Write(e events.Event) error
}

// Config is what New needs.
type Config struct {
	Store      store.Store
	Directory  Directory
	Challenges Challenges
	Rules      Rules
	Audit      *audit.Log
	Events     Events
	Settings   Settings
	Now        func() time.Time
	Logger     *slog.Logger
	Metrics    prometheus.Registerer
}

// Server answers RADIUS requests.
type Server struct {
	Config
	clients  *clients
	replies  *replies
	sessions *sessions
	plans    plans
	slots    chan struct{}
	running  sync.WaitGroup

	received *prometheus.CounterVec
	replied  *prometheus.CounterVec
	waiting  prometheus.Gauge
}

// Bounds of what a server holds at once.
const (
	// maxRunning is how many requests are being answered at once, waits for
	// phones included; more are dropped, and their senders try again.
	maxRunning = 2048
	// maxReplies is how many requests are remembered to recognise them when they
	// come again.
	maxReplies = 8192
	// maxSessions is how many sign-ins wait for their next request.
	maxSessions = 8192
)

// New makes a Server. It fails where the settings cannot be meant, or name
// files that cannot be read.
func New(cfg Config) (*Server, error) {
	s := &Server{
		Config:   cfg,
		replies:  newReplies(cfg.Now, maxReplies),
		sessions: newSessions(cfg.Now, maxSessions),
		slots:    make(chan struct{}, maxRunning),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_radius_packets_total", Help: "Packets received, by what became of them.",
		}, []string{"result"}),
		replied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_radius_replies_total", Help: "Replies sent, by code.",
		}, []string{"code"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "countersign_radius_requests_in_flight", Help: "Requests being answered, waits for phones included.",
		}),
	}
	s.clients = newClients(cfg)
	var err error
	if s.plans, err = cfg.Settings.plans(cfg.Directory); err != nil {
		return nil, err
	}
	if cfg.Metrics != nil {
		err = errors.Join(cfg.Metrics.Register(s.received), cfg.Metrics.Register(s.replied), cfg.Metrics.Register(s.waiting))
	}
	return s, err
}
