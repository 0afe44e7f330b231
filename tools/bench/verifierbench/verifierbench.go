// Package verifierbench measures whole sign-ins: start, envelope, relay, device,
// answer, envelope, relay, settled on disk, waiter told. Beside them it measures
// what limits them on this machine in this run: the cryptography alone, and
// append with fsync alone. Only the ratios mean something elsewhere.
package verifierbench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/relay"
	"countersign/transport"
	"countersign/verifier"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/vault"
)

// Service is a verifier with its relay and connected devices, one a user.
type Service struct {
	verifier *verifier.Verifier
	web      directory.Client
	keys     verifier.Keys
	devices  []*device
	stop     func() error
}

// New makes a service with so many users in a folder, and connects a device of
// each over loopback TCP.
func New(ctx context.Context, dir string, users int) (*Service, error) {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	s := &Service{}
	web := httptest.NewUnstartedServer(nil)
	closers := []func() error{func() error { cancel(); return group.Wait() }, func() error { web.Close(); return nil }}
	s.stop = func() error {
		var err error
		for _, c := range closers {
			err = errors.Join(err, c())
		}
		return err
	}
	logger := slog.New(slog.DiscardHandler)
	db, err := sqlite.Open(ctx, filepath.Join(dir, "countersign.db"))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	closers = append(closers, db.Close)
	sealer, err := vault.OpenFor(ctx, filepath.Join(dir, "key"), db)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if s.keys, err = verifier.LoadKeys(ctx, db, sealer); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	url := "ws://" + web.Listener.Addr().String() + "/relay"
	router, err := relay.New(relay.Config{
		URL: url, Verifiers: []identity.Thumbprint{s.keys.Signing.Thumbprint()}, Logger: logger, Now: time.Now,
		Limits: relay.Limits{
			Connections: users + 16, Connects: relay.Rate{PerSecond: 1e6, Burst: users + 16}, Frames: relay.Rate{PerSecond: 1e6, Burst: 1e6},
		},
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	web.Config.Handler = router
	web.Start()
	closers = slices.Insert(closers, 1, func() error { router.Close(); return nil })
	s.verifier, err = verifier.New(ctx, verifier.Config{
		Store: db, Vault: sealer, Relay: url, NetDial: router.Dial, Limits: unlimited(),
		Now: time.Now, Logger: logger, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	group.Go(func() error { return s.verifier.Run(ctx) })
	if err := s.addUsers(ctx, users); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.connect(ctx, group, url); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// Close ends what New started.
func (s *Service) Close() error { return s.stop() }

func unlimited() challenge.Limits {
	l := challenge.DefaultLimits()
	l.Starts5m, l.Starts1h, l.Starts1d, l.Backoff = 1<<30, 1<<30, 1<<30, nil
	return l
}

func (s *Service) addUsers(ctx context.Context, users int) error {
	return s.verifier.Store.Update(ctx, func(tx store.Tx) error {
		s.devices = nil
		var err error
		if s.web, _, err = s.verifier.Directory.AddClient(tx, directory.NewClient{Name: "Bench", Kind: policy.KindWeb}); err != nil {
			return err
		}
		for i := range users {
			d, err := newDevice(fmt.Sprintf("user%d", i), s.keys)
			if err != nil {
				return err
			}
			u, err := s.verifier.Directory.CreateUser(tx, directory.User{Name: d.user})
			if err != nil {
				return err
			}
			err = s.verifier.Directory.AddDevice(tx, directory.Device{
				ID: d.signing.Thumbprint(), User: u.ID, Name: "phone", Signing: d.signing.Public(), Encryption: d.encryption.Public(),
				Platform: policy.Android, FormFactor: policy.Phone, AppVersion: message.MinAppVersion,
			})
			if err != nil {
				return err
			}
			s.devices = append(s.devices, d)
		}
		return nil
	})
}

func (s *Service) connect(ctx context.Context, group *errgroup.Group, url string) error {
	var connected sync.WaitGroup
	connected.Add(len(s.devices))
	for _, d := range s.devices {
		var once sync.Once
		var err error
		d.client, err = transport.NewClient(transport.Config{
			URL: url, Key: d.signing, Role: transport.RoleDevice, Receive: d.receive,
			Verifiers: func() []identity.Thumbprint { return []identity.Thumbprint{s.keys.Signing.Thumbprint()} },
			Connected: func(up bool, _ error) {
				if up {
					once.Do(connected.Done)
				}
			},
		})
		if err != nil {
			return err
		}
		group.Go(func() error { return d.client.Run(ctx) })
		group.Go(func() error { return d.answer(ctx) })
	}
	all := make(chan struct{})
	go func() { connected.Wait(); close(all) }()
	select {
	case <-all:
		return nil
	case <-time.After(time.Minute):
		return errors.New("verifierbench: the devices do not connect")
	}
}

// device is a user's device with the user: it types the number that the
// driver read off the sign-in screen.
type device struct {
	user       string
	signing    identity.PrivateKey
	encryption identity.PrivateKey
	keys       verifier.Keys
	client     *transport.Client
	asked      chan message.Challenge
	number     chan string
	told       chan message.Outcome
}

func newDevice(user string, keys verifier.Keys) (*device, error) {
	d := &device{user: user, keys: keys, asked: make(chan message.Challenge, 4), number: make(chan string, 4), told: make(chan message.Outcome, 4)}
	var err error
	if d.signing, err = identity.Generate(); err != nil {
		return nil, err
	}
	d.encryption, err = identity.Generate()
	return d, err
}

func (d *device) receive(_ context.Context, _ identity.Thumbprint, body string) {
	m, err := d.open(body)
	if err != nil {
		return
	}
	switch m := m.(type) {
	case message.Challenge:
		d.asked <- m
	case message.Outcome:
		d.told <- m
	}
}

// open makes the checks that a device must make.
func (d *device) open(body string) (message.Message, error) {
	m, _, err := message.Open(body, d.encryption, d.signing.Thumbprint(), time.Now(),
		envelope.Thumbprint(d.keys.Signing.Thumbprint(), message.TypeChallenge, message.TypeOutcome))
	return m, err
}

func (d *device) reply(c message.Challenge, number string) (string, error) {
	return message.Seal(message.Answer{
		Claims:    message.NewClaims(d.signing.Thumbprint(), d.keys.Signing.Thumbprint(), time.Now(), time.Minute),
		Challenge: c.ID, Decision: message.DecisionApprove, Number: number,
		FormFactor: message.FormPhone, AppVersion: message.MinAppVersion,
	}, d.signing, d.keys.Encryption.Public())
}

func (d *device) answer(ctx context.Context) error {
	for {
		var c message.Challenge
		var number string
		select {
		case <-ctx.Done():
			return nil
		case c = <-d.asked:
		}
		select {
		case <-ctx.Done():
			return nil
		case number = <-d.number:
		}
		sealed, err := d.reply(c, number)
		if err != nil {
			return err
		}
		if _, err := d.client.Send(ctx, d.keys.Signing.Thumbprint(), sealed); err != nil && ctx.Err() == nil {
			return fmt.Errorf("verifierbench: answering: %w", err)
		}
	}
}

// isTold waits until the device knows how its sign-in ended.
func (d *device) isTold(ctx context.Context) error {
	select {
	case outcome := <-d.told:
		if outcome.State != message.StateApproved {
			return fmt.Errorf("verifierbench: the device hears %s", outcome.State)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errors.New("verifierbench: the device hears no outcome")
	}
}

// SignIns is what MeasureSignIns finds.
type SignIns struct {
	AtOnce    int
	Done      int
	PerSecond float64
	Times
}

// MeasureSignIns runs whole sign-ins for d, so many at once, each of another user.
// Timed is what the user waits for, from the start to the answered waiter. The
// next begins when the device knows the outcome, too: until then this one is not
// over, and two would run where one is said.
func (s *Service) MeasureSignIns(ctx context.Context, atOnce int, d time.Duration) (SignIns, error) {
	if atOnce > len(s.devices) {
		return SignIns{}, fmt.Errorf("verifierbench: %d at once with %d users", atOnce, len(s.devices))
	}
	took := make([][]time.Duration, atOnce)
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i := range atOnce {
		group.Go(func() error {
			// Each driver has its own users, and goes round them.
			for n := i; time.Since(begin) < d; n += atOnce {
				if n >= len(s.devices) {
					n = i
				}
				start := time.Now()
				if err := s.signIn(ctx, s.devices[n]); err != nil {
					return err
				}
				took[i] = append(took[i], time.Since(start))
				if err := s.devices[n].isTold(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return SignIns{}, err
	}
	elapsed := time.Since(begin)
	all := slices.Concat(took...)
	return SignIns{AtOnce: atOnce, Done: len(all), PerSecond: float64(len(all)) / elapsed.Seconds(), Times: percentiles(all)}, nil
}

func (s *Service) signIn(ctx context.Context, d *device) error {
	c, err := s.verifier.Challenges.Start(ctx, challenge.Request{
		User: d.user, Client: s.web, Context: challenge.Context{App: "Bench", IP: "192.0.2.7", Location: "Bangkok, Thailand"},
	})
	if err != nil {
		return err
	}
	d.number <- c.Number
	got, err := s.verifier.Challenges.Get(ctx, s.web.ID, c.ID, time.Minute)
	if err == nil && got.State != challenge.Approved {
		err = fmt.Errorf("verifierbench: a sign-in ended %s %s", got.State, got.Reason)
	}
	return err
}
