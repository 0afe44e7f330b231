package lab

import (
	"context"
	"time"

	"countersign/app"
	"countersign/message"
)

// Run is a terminal authenticator: it prompts a person for each sign-in until
// ctx ends. Where standard input has ended it goes on to show what comes.
func (d *Device) Run(ctx context.Context, t *Terminal) error {
	if err := d.usable(); err != nil {
		return err
	}
	watch, stop := d.watch()
	defer stop()
	r := runner{device: d, terminal: t, answered: make(chan answered)}
	defer r.wait()
	r.greet()
	lines := t.listen(ctx)
	for {
		r.look(ctx)
		select {
		case <-ctx.Done():
			t.Say("")
			return nil
		case <-watch:
		case line, ok := <-lines:
			if !ok {
				lines = nil
				continue
			}
			r.typed(ctx, line)
		case a := <-r.answered:
			r.busy = false
			r.tell(a)
		}
	}
}

// runner is one Run.
type runner struct {
	device    *Device
	terminal  *Terminal
	shown     string // the prompt that was put to the person, until it has ended
	busy      bool   // an answer is on the way
	answered  chan answered
	connected map[string]string // what was last said of an account's relay
}

type answered struct {
	id     string
	result app.Result
	err    error
}

// wait lets an answer that is on the way end with the context.
func (r *runner) wait() {
	if r.busy {
		<-r.answered
	}
}

func (r *runner) greet() {
	r.connected = map[string]string{}
	for _, account := range r.device.App.List(app.Filter{}) {
		if account.Push != nil {
			r.terminal.Say("This terminal is an authenticator of %s at %s.", account.Push.User, account.Push.Organisation)
		}
	}
}

// look shows what has changed.
func (r *runner) look(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	r.connections()
	current := r.device.App.Inbox().Current
	switch {
	case current == nil:
		r.shown = ""
	case current.ID != r.shown && current.State == app.PromptOpen:
		r.shown = current.ID
		r.terminal.describe(*current, time.Now())
		r.terminal.question(*current)
	case current.ID == r.shown && current.State == app.PromptClosed && !r.busy:
		r.shown = ""
		r.terminal.Say("")
		r.terminal.Say("%s", Outcome(current.Result))
		r.device.App.Dismiss(current.ID)
	}
}

func (r *runner) connections() {
	for _, account := range r.device.App.List(app.Filter{}) {
		if account.Push == nil {
			continue
		}
		words := ""
		switch {
		case account.Push.Revoked:
			words = account.Push.Organisation + " has removed this device."
		case account.Push.Connected:
			words = "Connected to " + account.Push.RelayHost + ". Waiting for sign-ins; Ctrl-C ends."
		case account.Push.Err != nil:
			words = "Not connected to " + account.Push.RelayHost + ": " + account.Push.Err.Error()
		}
		if words != "" && words != r.connected[account.ID] {
			r.connected[account.ID] = words
			r.terminal.Say("%s", words)
		}
	}
}

// typed takes a line. It is for the prompt that was shown, and for no other: one
// that took its place meanwhile has not been seen yet.
func (r *runner) typed(ctx context.Context, line string) {
	p, err := r.device.App.Prompt(r.shown)
	switch {
	case r.busy:
		r.terminal.Say("Your answer is on the way.")
		return
	case r.shown == "" || err != nil || p.State != app.PromptOpen:
		if line != "" {
			r.terminal.Say("No sign-in is waiting.")
		}
		return
	}
	d, ok := decision(p, line)
	if !ok {
		r.terminal.question(p)
		return
	}
	r.busy = true
	go func() {
		result, err := r.device.App.Answer(ctx, p.ID, d)
		r.answered <- answered{p.ID, result, err}
	}()
}

func (r *runner) tell(a answered) {
	if a.err != nil && a.result.State == "" {
		r.terminal.Say("%s.", upper(a.err.Error()))
		r.shown = "" // still open: it is asked again
		return
	}
	r.shown = ""
	r.terminal.Say("%s", Outcome(a.result))
	r.device.App.Dismiss(a.id)
}

// Broker signs in on this device: the terminal is the sign-in screen that shows
// the number, and the request that covers it after two seconds.
func (d *Device) Broker(ctx context.Context, t *Terminal, user, password string) (app.Result, error) {
	account, err := d.Account(user)
	if err != nil {
		return app.Result{}, err
	}
	if err := d.connected(ctx, account.ID); err != nil {
		return app.Result{}, err
	}
	b, err := d.App.SignIn(ctx, account.ID, password)
	if err != nil {
		return app.Result{}, err
	}
	s := &brokerScreen{device: d, terminal: t, broker: b, number: b.State().Number}
	t.Say("Sign in to %s on this device.", account.Push.Organisation)
	s.uncover()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := t.listen(ctx)
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		for {
			select {
			case <-ctx.Done():
				return
			case line, ok := <-lines:
				if !ok {
					return
				}
				s.typed(ctx, line)
			}
		}
	}()
	defer func() { cancel(); <-typed }()
	result, err := b.Run(ctx, s.draw)
	if err == nil {
		t.Say("%s", Outcome(result))
	}
	return result, err
}

// connected waits until the account's relay is reached: the request comes over
// it while the number is shown.
func (d *Device) connected(ctx context.Context, id string) error {
	watch, stop := d.watch()
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for {
		account, err := d.App.Account(id)
		switch {
		case err != nil:
			return err
		case account.Push.Connected:
			return nil
		}
		select {
		case <-watch:
		case <-ctx.Done():
			if account.Push.Err != nil {
				return account.Push.Err
			}
			return app.ErrNoConnection
		}
	}
}

const connectTimeout = 15 * time.Second

// brokerScreen draws a same-device sign-in on a terminal.
type brokerScreen struct {
	device   *Device
	terminal *Terminal
	broker   *app.Broker
	number   string
	asked    bool // the request has appeared
	covered  bool
}

func (s *brokerScreen) uncover() {
	s.covered = false
	s.terminal.Say("The number of this sign-in is %s", s.number)
}

// draw is called by the broker's Run alone, each time that something changed.
func (s *brokerScreen) draw() {
	state := s.broker.State()
	switch {
	case state.Done || state.Prompt == nil:
	case state.Covered && !s.covered:
		s.covered = true
		if s.terminal.screen {
			s.terminal.Say("\x1b[2J\x1b[H") // the request covers the number
		}
		if !s.asked {
			s.terminal.describe(*state.Prompt, time.Now())
		}
		s.asked = true
		s.terminal.Say("The request covers the number. Type s for: Show me the number again.")
		s.terminal.question(*state.Prompt)
	case !state.Covered && s.covered:
		s.terminal.Say("")
		s.uncover()
	}
}

func (s *brokerScreen) typed(ctx context.Context, line string) {
	state := s.broker.State()
	switch {
	case state.Prompt == nil || state.Prompt.State != app.PromptOpen:
		return
	case line == "s":
		s.broker.ShowNumberAgain()
		return
	}
	d, ok := decision(*state.Prompt, line)
	if !ok {
		s.terminal.question(*state.Prompt)
		return
	}
	if result, err := s.device.App.Answer(ctx, state.Prompt.ID, d); err != nil && ctx.Err() == nil && result.State != message.StateApproved {
		s.terminal.Say("%s.", upper(err.Error()))
	}
}
