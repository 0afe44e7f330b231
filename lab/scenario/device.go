package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign/app"
	"countersign/app/filestore"
	"countersign/crypto/identity"
	"countersign/crypto/keyring"
	"countersign/lab"
	"countersign/message"
	"countersign/transport"
)

// device is a virtual authenticator of a scenario.
type device struct {
	name string
	*app.App
	close func() error

	mu      sync.Mutex
	skew    time.Duration
	removed atomic.Bool    // at the verifier, whether it knows it or not
	passed  atomic.Int64   // messages that the verifier's connection took
	answers sync.WaitGroup // those on the way while it is away

	// claims is what its answers say of it. The app reads it while it decides,
	// and a device gives one answer at a time. Nil: it cannot be changed.
	claims *app.Claims
	truth  app.Claims

	// before counts the messages that the app refused while all was set up.
	before map[string]int
}

// workshop makes devices of a scenario's own server.
type workshop struct {
	dir     string
	clock   *clock
	network *network
	party   *party
	logger  *slog.Logger
	rings   map[string]keyring.Store
}

// open starts a device, as it was left where it was open before.
func (w *workshop) open(ctx context.Context, name string, about message.About) (*device, error) {
	store, err := filestore.Open(filepath.Join(w.dir, "device-"+name))
	if err != nil {
		return nil, err
	}
	if w.rings[name] == nil {
		w.rings[name] = keyring.NewMemory()
	}
	truth := app.Claims{FormFactor: about.FormFactor, AppVersion: about.AppVersion, UserVerification: true}
	used := truth
	d := &device{name: name, claims: &used, truth: truth}
	d.App, err = app.New(app.Config{
		Store: store, Keyring: w.rings[name], Device: about, Claims: d.claims, Logger: w.logger,
		Now:     func() time.Time { return w.clock.Now().Add(d.ahead()) },
		Connect: w.connector(d),
		Broker:  func(string, []byte) (app.BrokerService, error) { return brokerService{w.party}, nil },
	})
	if err != nil {
		return nil, err
	}
	if err := d.Open(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- d.Run(running) }()
	d.close = func() error {
		stop()
		d.answers.Wait()
		return <-done
	}
	return d, nil
}

func (w *workshop) connector(d *device) app.Connector {
	return func(c app.Connection) (app.Carrier, error) {
		link := &wire{network: w.network, device: d.name, passed: &d.passed, receive: c.Receive}
		client, err := transport.NewClient(transport.Config{
			URL: c.Relay, Key: c.Key, Role: transport.RoleDevice, Pin: c.Pin,
			Verifiers: func() []identity.Thumbprint { return []identity.Thumbprint{c.Verifier} },
			Receive:   link.deliver, Connected: c.State, Logger: w.logger,
			NetDial: w.network.dialler(d.name),
		})
		link.Carrier = client
		return link, err
	}
}

// openState starts a device in the state folder of countersign-lab device.
func openState(ctx context.Context, dir, name, passphrase string, logger *slog.Logger) (*device, error) {
	d, err := lab.Open(ctx, lab.Options{
		Dir: filepath.Join(dir, name), Passphrase: passphrase, Claims: app.Claims{UserVerification: true}, Logger: logger,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the device %s: %w", name, err)
	}
	return &device{name: name, App: d.App, close: d.Close}, nil
}

func (d *device) ahead() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.skew
}

func (d *device) setAhead(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.skew = by
}

// claim changes what the next answer says of the device, past the app's own
// refusal.
func (d *device) claim(c *claims) error {
	if d.claims == nil {
		if c == nil {
			return nil
		}
		return errors.New("a device of --devices answers as what it is: claims need the runner's own server")
	}
	*d.claims = d.truth
	if c == nil {
		return nil
	}
	if c.FormFactor != "" {
		d.claims.FormFactor = string(c.FormFactor)
	}
	if c.AppVersion != "" {
		d.claims.AppVersion = c.AppVersion
	}
	if c.UserVerification != nil {
		d.claims.UserVerification = *c.UserVerification
	}
	return nil
}

// account is the device's push account, if it has one that is in use.
func (d *device) account() (app.Account, bool) {
	for _, a := range d.List(app.Filter{}) {
		if a.Push != nil && !a.Push.Revoked {
			return a, true
		}
	}
	return app.Account{}, false
}

// refused lists the reasons for which the app has refused messages since the
// scenario began.
func (d *device) refused() []string {
	var out []string
	for reason, n := range d.Refusals() {
		if n > d.before[reason] {
			out = append(out, reason)
		}
	}
	slices.Sort(out)
	return out
}

func (d *device) connected() bool {
	a, ok := d.account()
	return ok && a.Push.Connected
}

// prompt finds the device's prompt for a challenge.
func (d *device) prompt(challenge string) (app.Prompt, bool) {
	for _, p := range d.Prompts() {
		if p.Challenge.ID == challenge {
			return p, true
		}
	}
	return app.Prompt{}, false
}

// told is how the device learnt that a challenge ended.
func (d *device) told(challenge string) (app.Result, bool) {
	if p, ok := d.prompt(challenge); ok && p.State == app.PromptClosed {
		return p.Result, true
	}
	for _, a := range d.Activity() {
		if a.Kind == app.ActivityPrompt && a.Challenge == challenge {
			return app.Result{State: a.State, Reason: a.Reason, Elsewhere: a.Elsewhere}, true
		}
	}
	return app.Result{}, false
}

// until waits for something that is on its way, which takes milliseconds: it
// looks again at each change of the device. An error of hopeless, where it is
// given, ends it at once.
func (d *device) until(ctx context.Context, there func() bool, hopeless ...func() error) error {
	changed := make(chan struct{}, 1)
	stop := d.Listen(func(app.Event) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, onItsWay)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if there() {
			return nil
		}
		for _, end := range hopeless {
			if err := end(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errNeverCame
		case <-changed:
		case <-look.C:
		}
	}
}

// errNeverCame says that what was on its way did not come.
var errNeverCame = errors.New("it did not come")

const (
	// onItsWay is how long a message takes at the very most; more is a failure.
	onItsWay  = 10 * time.Second
	lookEvery = 50 * time.Millisecond
)

// enrolmentErrors are the words for why an enrolment failed.
func enrolmentErrors() []struct {
	word turnedAway
	err  error
} {
	return []struct {
		word turnedAway
		err  error
	}{
		{"wearable", app.ErrWearable},
		{"upgrade_required", app.ErrUpgrade},
		{"link_used", app.ErrLinkUsed},
		{"too_many_devices", app.ErrTooManyDevices},
		{"wrong_number", app.ErrWrongNumber},
		{"not_answered", app.ErrNotAnswered},
		{"refused", app.ErrRefused},
	}
}
