package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"countersign/app"
	"countersign/message"
	"countersign/verifier/policy"
)

func (s *brokerStep) run(p *play) error {
	d := p.devices[s.Device]
	account, ok := d.account()
	if !ok {
		return fmt.Errorf("the device %s is not enrolled", d.name)
	}
	user := p.scenario.Given.Devices[s.Device].User
	typed := p.people[user].password
	if s.Password == badPassword {
		typed = "not " + typed
	}
	made := &signIn{name: s.Name, user: user, device: s.Device}
	broker, err := d.SignIn(p.ctx, account.ID, typed)
	refused, isRefused := asProblem(err)
	switch {
	case isRefused:
		made.refused = refused
	case err != nil:
		return fmt.Errorf("signing in on %s: %w", d.name, err)
	default:
		made.broker = broker
		state := broker.State()
		made.view = view{Experience: string(policy.NumberMatch), Number: state.Number, State: message.StatePending, ExpiresAt: state.Expires}
		d.answers.Go(func() {
			// How it ends is State's to tell.
			_, _ = broker.Run(p.ctx, func() {})
		})
	}
	p.remember(made)
	p.quiet()
	if s.Expect == nil {
		return nil
	}
	return s.Expect.compare(p, made, made.view)
}

// brokerService starts same-device sign-ins as the app does, but keeps the code
// of a refusal, which an app has no use for.
type brokerService struct{ party *party }

type brokerReply struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	State     string    `json:"state"`
	Reason    string    `json:"reason"`
	ExpiresAt time.Time `json:"expires_at"`
	DecidedAt time.Time `json:"decided_at"`
}

func (r brokerReply) session() app.BrokerSession {
	return app.BrokerSession{ID: r.ID, Number: r.Number, State: r.State, Reason: r.Reason, Expires: r.ExpiresAt}
}

// Start implements app.BrokerService.
func (b brokerService) Start(ctx context.Context, user, password string) (app.BrokerSession, error) {
	var reply brokerReply
	err := b.party.call(ctx, http.MethodPost, brokerPath, "", map[string]string{"user": user, "password": password}, &reply)
	return reply.session(), err
}

// Wait implements app.BrokerService.
func (b brokerService) Wait(ctx context.Context, id string, wait time.Duration) (app.BrokerSession, error) {
	var reply brokerReply
	err := b.party.call(ctx, http.MethodGet, brokerPath+"/"+url.PathEscape(id)+"?wait="+wait.String(), "", nil, &reply)
	return reply.session(), err
}

const brokerPath = "/broker/v1/sessions"

func (s *showAgainStep) run(p *play) error {
	in, err := p.find(s.SignIn)
	if err != nil {
		return err
	}
	if in.broker == nil {
		return fmt.Errorf("the sign-in %q was %w", in.name, in.refused)
	}
	if !in.broker.State().CanShowNumber {
		return fmt.Errorf(`"Show me the number again" is not offered for the sign-in %q now`, in.name)
	}
	in.broker.ShowNumberAgain()
	return nil
}

// lookBroker is how a sign-in on the device itself stands, as the device sees
// it.
func (s *signIn) lookBroker() view {
	v := s.view
	state := s.broker.State()
	result := state.Result
	if request := state.Prompt; !state.Done && request != nil && request.State == app.PromptClosed {
		result = request.Result
	}
	if result.State != "" {
		v.State, v.Reason, v.Number = result.State, result.Reason, ""
	}
	return v
}
