package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"countersign/crypto/keyring"
)

// Options say where scenarios run. The zero value gives each a server of its
// own.
type Options struct {
	Remote *Remote // a server that runs elsewhere; nil: one's own
	Logger *slog.Logger
}

// Result is how one scenario went.
type Result struct {
	Scenario *Scenario
	// Failures are the expectations that were not met; each is a *FileError,
	// but where the scenario could not be set up.
	Failures []error
	// NotRun says why a scenario was not run against a server elsewhere.
	NotRun  error
	Elapsed time.Duration
}

// Passed says that the scenario was run and everything held.
func (r Result) Passed() bool { return len(r.Failures) == 0 && r.NotRun == nil }

// atOnce is how many scenarios run at the same time on servers of their own:
// they mostly wait for one another's goroutines. A server elsewhere gets one,
// for its users are the same.
func (o Options) atOnce() int {
	if o.Remote != nil {
		return 1
	}
	return 2 * runtime.GOMAXPROCS(0)
}

// Run runs scenarios, several at a time, and calls done after each, in their
// order.
func Run(ctx context.Context, scenarios []*Scenario, o Options, done func(Result)) []Result {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	results := make([]Result, len(scenarios))
	ended := make([]chan struct{}, len(scenarios))
	for i := range ended {
		ended[i] = make(chan struct{})
	}
	var running errgroup.Group
	running.SetLimit(o.atOnce())
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for i, s := range scenarios {
			running.Go(func() error {
				defer close(ended[i])
				results[i] = o.run(ctx, s)
				return nil
			})
		}
	})
	for i := range results {
		<-ended[i]
		done(results[i])
	}
	feeding.Wait()
	_ = running.Wait() // none gives an error
	return results
}

func (o Options) run(ctx context.Context, s *Scenario) Result {
	begun := time.Now()
	r := Result{Scenario: s}
	switch {
	case ctx.Err() != nil:
		r.Failures = []error{&FileError{Path: s.Path, Line: int(s.Line), Msg: "interrupted before it ran"}}
	case o.Remote == nil:
		r.Failures = runOwn(ctx, s, o)
	default:
		if r.NotRun = o.Remote.cannot(s); r.NotRun == nil {
			r.Failures = runRemote(ctx, s, o)
		}
	}
	r.Elapsed = time.Since(begun)
	return r
}

// runOwn runs a scenario on a server of its own, in a folder that is gone
// afterwards.
func runOwn(ctx context.Context, s *Scenario, o Options) (failures []error) {
	dir, err := os.MkdirTemp("", "countersign-scenario-")
	if err != nil {
		return []error{fmt.Errorf("making a folder: %w", err)}
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			failures = append(failures, fmt.Errorf("clearing up: %w", err))
		}
	}()
	server, err := newOwn(ctx, dir, s.Given.Limits.limits(), o.Logger)
	if err != nil {
		return []error{fmt.Errorf("starting a server: %w", err)}
	}
	people, err := newPeople(s.Given.Users)
	if err != nil {
		return []error{errors.Join(err, server.close())}
	}
	playing, stop := context.WithCancel(ctx)
	p := &play{
		ctx: playing, scenario: s, own: server, people: people, devices: map[string]*device{}, signIns: map[string]*signIn{},
		party: &party{server: server.url, admin: server.admin, http: &http.Client{Transport: &http.Transport{}}},
	}
	server.workshop = &workshop{
		dir: dir, clock: server.clock, network: server.network, party: p.party, logger: o.Logger, rings: map[string]keyring.Store{},
	}
	failures = p.perform()
	stop()
	if err := p.close(); err != nil {
		failures = append(failures, fmt.Errorf("ending the scenario: %w", err))
	}
	return failures
}

func (p *play) perform() []error {
	if err := p.verifierConnected(); err != nil {
		return []error{err}
	}
	if err := p.prepare(); err != nil {
		var positioned *FileError
		if !errors.As(err, &positioned) {
			err = p.at(p.scenario.Line, err)
		}
		return []error{err}
	}
	return p.act()
}

// act does what happens, and verifies what must hold then.
func (p *play) act() []error {
	p.quiet()
	for _, d := range p.devices {
		d.before = d.Refusals()
	}
	if err := p.steps(p.scenario.When); err != nil {
		return []error{err}
	}
	return p.then()
}
