package radius

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"layeh.com/radius"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/events"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// signIn is one Access-Request being answered.
type signIn struct {
	*Server
	client client
	plan   plan
	request
	key  requestKey
	code string // that came with the password
}

// access answers an Access-Request. Where it reports false, there is no answer.
func (s *Server) access(ctx context.Context, c client, p packet, key requestKey) (response, bool) {
	r, ok := read(p)
	in := &signIn{Server: s, client: c, plan: s.plans.of(c.Client), request: r, key: key}
	if !ok {
		return in.refuse(codeFormat, "The request is not complete.", "the request has no readable name or password"), true
	}
	var answer response
	var err error
	if r.state != "" {
		answer, err = in.resume(ctx)
	} else {
		answer, err = in.first(ctx)
	}
	switch {
	case errors.Is(err, errBusy) || ctx.Err() != nil:
		return response{}, false
	case err != nil:
		s.Logger.ErrorContext(ctx, "answering a RADIUS request", "client", c.ID, "error", err)
		return in.refuse("", "Something went wrong. Try again.", "the sign-in could not be decided"), true
	}
	return answer, true
}

// first checks the first factor, and then asks for the second.
func (in *signIn) first(ctx context.Context) (response, error) {
	if in.client.RADIUS.NoPrompt {
		in.password, in.code = splitCode(in.password)
		if in.plan.trusting() && in.code == "" && isCode(in.password) {
			in.password, in.code = "", in.password
		}
	}
	given, err := in.plan.primary.verify(ctx, firstFactor{request: in.request, source: in.source(in.client)})
	switch {
	case errors.Is(err, errWrongPassword):
		answer := in.refuse("", "The name or the password is wrong.", "the first factor is wrong")
		var refused refusedBy
		if errors.As(err, &refused) {
			answer.message = ""
			for _, a := range refused.Attributes {
				answer.grant.attributes = append(answer.grant.attributes, granted{kind: a.Type, value: a.Attribute})
			}
		}
		return answer, nil
	case errors.Is(err, errProtocol):
		err := in.noteUnanswerable(ctx)
		return in.refuse(codeMissing, "", "the first factor's server cannot check this authentication protocol"), err
	case err != nil:
		return response{}, err
	}
	if why, err := in.skips(ctx, given); err != nil || why != "" {
		return in.skip(ctx, given, why, err)
	}
	return in.second(ctx, given)
}

// second starts the challenge that policy chooses, and asks.
func (in *signIn) second(ctx context.Context, given grant) (response, error) {
	if first, err := in.begin(ctx, in.key); err != nil {
		return response{}, err
	} else if !first {
		return in.refuse(codeSession, "Sign in again.", "the request was begun before the server restarted"), nil
	}
	ask := challenge.Request{
		User: given.user, Client: in.client.Client, RADIUSAuth: in.auth, TTL: in.plan.ttl,
		Context: challenge.Context{App: in.service},
	}
	if in.address.IsValid() {
		ask.Context.IP = in.address.String()
	}
	c, err := in.Challenges.Start(ctx, ask)
	var refusal *challenge.Refusal
	if errors.As(err, &refusal) {
		return in.refuse(codeThrottled, refusalText(refusal.Code), "the start was refused: "+refusal.Code), nil
	}
	if err != nil {
		return response{}, err
	}
	return in.ask(ctx, given, c)
}

// ask turns an experience into what RADIUS can carry.
func (in *signIn) ask(ctx context.Context, given grant, c challenge.Challenge) (response, error) {
	noPrompt := in.client.RADIUS.NoPrompt
	switch {
	case c.Experience == policy.None:
		return in.refused(ctx, c)
	case c.Experience == policy.TOTP && in.code != "":
		return in.check(ctx, given, c.ID, in.code)
	case c.Experience == policy.TOTP && !noPrompt:
		in.event(events.Event{
			Channel: events.AuthNOptCh, Level: events.Information, Challenge: c.ID,
			Message: "A code was asked for by Access-Challenge for the user " + in.user,
		})
		return in.promptFor(ctx, given, c, true, "Enter the code that your authenticator app shows")
	case c.Experience == policy.NumberMatch && in.client.Kind == policy.KindRADIUS && !noPrompt:
		return in.promptFor(ctx, given, c, false, "Enter "+c.Number+" in your authenticator app, then press Enter")
	case c.Experience == policy.ApproveDeny && in.client.Kind == policy.KindNPS:
		return in.wait(ctx, given, c.ID)
	}
	if _, err := in.Challenges.Cancel(ctx, in.client.ID, c.ID); err != nil {
		return response{}, err
	}
	if c.Experience == policy.TOTP {
		return in.refuse(codeMissing, "Type a comma and the code that your authenticator app shows after the password.", "the password came without a code"), nil
	}
	return in.refuse(codeMissing, "", "the client cannot show what the policy asks for"), nil
}

// promptFor sends the user a text, and remembers what the next request is to
// be held against.
func (in *signIn) promptFor(ctx context.Context, given grant, c challenge.Challenge, asksCode bool, text string) (response, error) {
	state := in.sessions.add(session{
		client: in.client.ID, user: in.user, challenge: c.ID, asksCode: asksCode, grant: given, expires: c.ExpiresAt,
	})
	if state == "" {
		_, err := in.Challenges.Cancel(ctx, in.client.ID, c.ID)
		return in.refuse(codeThrottled, "Too many sign-ins at once. Try again.", "too many sign-ins wait for their next request"), err
	}
	return prompt(text, state, c.ExpiresAt.Sub(in.Now())), nil
}

// resume goes on after an Access-Challenge. After a prompt with a number it
// waits for the phone, whatever the user typed: some clients send nothing, some
// cannot send nothing.
func (in *signIn) resume(ctx context.Context) (response, error) {
	one, ok := in.sessions.take(in.state, in.client.ID, in.user)
	switch {
	case ok && one.asksCode && in.auth == policy.RADIUSPAP:
		return in.check(ctx, one.grant, one.challenge, strings.TrimSpace(in.password))
	case ok && !one.asksCode:
		return in.wait(ctx, one.grant, one.challenge)
	case one.challenge != "":
		// Used up, and not by the one it was for, or too late.
		if _, err := in.Challenges.Cancel(ctx, in.client.ID, one.challenge); err != nil {
			return response{}, err
		}
	}
	return in.refuse(codeSession, "The sign-in is over. Sign in again.", "State is unknown, was used before, or came too late"), nil
}

// check holds a code against the user's secret. A wrong one ends the sign-in.
func (in *signIn) check(ctx context.Context, given grant, id, code string) (response, error) {
	c, err := in.Challenges.Code(ctx, in.client.ID, id, code)
	switch {
	case errors.Is(err, challenge.ErrWrongCode):
		_, err := in.Challenges.Cancel(ctx, in.client.ID, id)
		return in.refuse(codeWrongCode, "The code is wrong. Sign in again with the next one.", "the code is wrong or was used before"), err
	case err != nil && !errors.Is(err, challenge.ErrSettled):
		return response{}, err
	}
	return in.outcome(given, c), nil
}

// wait waits for the phone.
func (in *signIn) wait(ctx context.Context, given grant, id string) (response, error) {
	for {
		c, err := in.Challenges.Get(ctx, in.client.ID, id, message.Lifetime)
		switch {
		case err != nil:
			return response{}, err
		case c.Final():
			return in.outcome(given, c), nil
		case ctx.Err() != nil:
			return response{}, ctx.Err()
		}
	}
}

// outcome accepts an approved challenge, and refuses every other.
func (in *signIn) outcome(given grant, c challenge.Challenge) response {
	if c.State == challenge.Approved {
		in.event(events.Event{
			Channel: events.AuthZOptCh, Level: events.Information, Challenge: c.ID,
			Message: "Access accepted for the user " + in.user,
		})
		return response{code: radius.CodeAccessAccept, grant: given}
	}
	code, text := codeDenied, "The sign-in was denied."
	switch {
	case c.State == challenge.Expired:
		code, text = codeTimeout, "No answer came in time."
	case c.State == challenge.Cancelled:
		code, text = codeSession, "The sign-in was cancelled."
	case c.Reason == message.ReasonNumberMismatch:
		text = "The number was wrong. Sign in again."
	case c.Reason == message.ReasonLocked:
		code, text = codeThrottled, "Locked after wrong answers in a row. Ask your administrator."
	}
	return in.refuse(code, text, "the challenge is "+string(c.State)+" "+c.Reason)
}

// refused answers a challenge that policy refused from the start.
func (in *signIn) refused(ctx context.Context, c challenge.Challenge) (response, error) {
	if c.Event != "" {
		if err := in.note(ctx, c.Event, c.User, c.ID, c.Reason); err != nil {
			return response{}, err
		}
	}
	code, text := codeDenied, ""
	switch policy.Reason(c.Reason) {
	case policy.ReasonMethodNotRegistered:
		code, text = codeNotConfigured, "No authenticator is registered for you. Register one first."
	case policy.ReasonTOTPRequiresPAP, policy.ReasonRDGatewayCannotTakeCode:
		code = codeMissing
	case policy.ReasonUpgradeRequired:
		text = "Your authenticator app is too old. Update it."
	case policy.ReasonWearableNotSupported:
		text = "A watch cannot approve sign-ins. Register a phone."
	default:
	}
	return in.refuse(code, text, "policy refuses: "+c.Reason), nil
}

// note records that a user was to be challenged who cannot be, in the event log
// under the name that the NPS extension has for it, and in the audit log.
func (in *signIn) note(ctx context.Context, channel, user, id, reason string) error {
	in.event(events.Event{
		Channel: events.Channel(channel), Level: events.Error, Code: codeMissing, Challenge: id,
		Message: "NPS Extension for Azure MFA: Challenge requested in Authentication extension for the user " + in.user,
	})
	return in.Store.Update(ctx, func(tx store.Tx) error {
		return in.Audit.Append(tx, audit.Event{
			Kind: audit.KindChallengeRequested, Actor: in.client.ID, User: user, Client: in.client.ID,
			Challenge: id, Reason: reason, Source: in.source(in.client),
		})
	})
}

// noteUnanswerable records the same where the first factor cannot be checked
// either: the operator looks for this event, and it says what to change. It
// starts nothing; policy is only asked.
func (in *signIn) noteUnanswerable(ctx context.Context) error {
	var decision policy.Decision
	var user directory.User
	err := in.Store.View(ctx, func(tx store.Tx) (err error) {
		decision = policy.Decision{}
		user, err = in.Directory.FindUser(tx, in.account())
		if errors.Is(err, directory.ErrUnknownUser) {
			return nil
		}
		if err != nil {
			return err
		}
		facts, err := in.Rules.Of(tx, user)
		if err != nil {
			return err
		}
		facts.Input.Client = in.client.Policy()
		facts.Input.Client.RADIUSAuth = in.auth
		decision = policy.Decide(facts.Input)
		return nil
	})
	if err != nil || decision.Event == nil {
		return err
	}
	return in.note(ctx, *decision.Event, user.ID, "", string(decision.Reason))
}

// skips says why a sign-in needs no second factor; empty where it needs one.
func (in *signIn) skips(ctx context.Context, given grant) (string, error) {
	listed := in.whitelisted()
	if !listed && in.plan.requireUserMatch {
		return "", nil
	}
	why := ""
	err := in.Store.View(ctx, func(tx store.Tx) error {
		why = ""
		user, err := in.Directory.FindUser(tx, given.user)
		switch {
		case errors.Is(err, directory.ErrUnknownUser):
			// Another server may take "Zoe." or "ｚｏｅ" for zoe, whom we know and
			// would ask: only a plain name counts as one that nobody has.
			if listed {
				why = whyListed
			} else if plainName(given.user) {
				why = whyNoMatch
			}
			return nil
		case err != nil:
			return err
		case user.Disabled:
			return nil // second refuses
		case listed:
			why = whyListed
			return nil
		}
		devices, err := in.Directory.Devices(tx, user.ID)
		if err != nil {
			return err
		}
		totp, err := in.Directory.HasTOTP(tx, user.ID)
		if err == nil && len(devices) == 0 && !totp {
			why = whyNoMatch
		}
		return err
	})
	return why, err
}

const (
	whyListed  = "ip_whitelist"
	whyNoMatch = "require_user_match_false"
)

// skip lets a sign-in in by its first factor alone, and says so in the audit
// log before it does.
func (in *signIn) skip(ctx context.Context, given grant, why string, err error) (response, error) {
	if err != nil {
		return response{}, err
	}
	err = in.Store.Update(ctx, func(tx store.Tx) error {
		id := ""
		user, err := in.Directory.FindUser(tx, given.user)
		switch {
		case err == nil:
			id = user.ID
		case !errors.Is(err, directory.ErrUnknownUser):
			return err
		}
		return in.Audit.Append(tx, audit.Event{
			Kind: audit.KindSecondFactorSkipped, Actor: in.client.ID, User: id, Client: in.client.ID,
			Source: in.source(in.client), Reason: why,
		})
	})
	if err != nil {
		return response{}, fmt.Errorf("radius: recording a sign-in without a second factor: %w", err)
	}
	in.event(events.Event{
		Channel: events.AuthZOptCh, Level: events.Warning,
		Message: "Access accepted without a second factor (" + why + ") for the user " + in.user,
	})
	return response{code: radius.CodeAccessAccept, grant: given}, nil
}

// whitelisted tells whether IP_WHITELIST frees the request of its second
// factor. NAS-IP-Address is what a client writes into its own request, so the
// request must be signed, and the address the client's own unless the list was
// given for that client: otherwise every client could borrow another's address.
func (in *signIn) whitelisted() bool {
	switch {
	case len(in.plan.whitelist) == 0:
		return false
	case !in.nas.IsValid():
		in.event(events.Event{
			Channel: events.AuthZOptCh, Level: events.Warning,
			Message: "IP_WHITELIST is ignored: the request has no NAS-IP-Address",
		})
		return false
	case !in.packet.signed, !in.plan.ownList && in.nas != in.client.RADIUS.Address:
		return false
	}
	return slices.Contains(in.plan.whitelist, in.nas)
}

// plainName takes only names that no server reads as another.
func plainName(name string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@"
	return strings.Trim(name, plain) == "" && !strings.HasSuffix(name, ".")
}

// The NPS extension's names for errors, where they fit.
const (
	codeFormat        = "REQUEST_FORMAT_ERROR"
	codeMissing       = "REQUEST_MISSING_CODE" // the protocol cannot carry the method
	codeSession       = "InvalidSession"
	codeWrongCode     = "OathCodeIncorrect"
	codeThrottled     = "AuthenticationThrottled"
	codeNotConfigured = "AuthenticationMethodNotConfigured"
	codeDenied        = "AccessDenied"
	codeTimeout       = "TimedOut"
)

// refuse is an Access-Reject with a text for the user and a line for the
// operator.
func (in *signIn) refuse(code, text, why string) response {
	in.event(events.Event{
		Channel: events.AuthZOptCh, Level: events.Warning, Code: code,
		Message: "Access rejected for the user " + in.user + ": " + strings.TrimSpace(why),
	})
	return reject(text)
}

func (in *signIn) event(e events.Event) {
	e.Time, e.User, e.Client = in.Now().UTC().Truncate(time.Millisecond), in.user, in.client.Name
	if err := in.Events.Write(e); err != nil {
		in.Logger.Error("writing the event log", "error", err)
	}
}

// refusalText says why no prompt was sent.
func refusalText(code string) string {
	switch code {
	case challenge.RefusedPending:
		return "Another sign-in of yours waits for your phone. Answer it, or wait a minute."
	case challenge.RefusedLocked:
		return "Push is locked after wrong numbers in a row. Ask your administrator."
	case challenge.RefusedTOTP:
		return "Codes are locked after wrong codes in a row. Ask your administrator."
	case challenge.RefusedBlocked:
		return "Sign-ins from here are blocked: one was reported."
	default:
		return "Too many sign-ins. Wait a while."
	}
}
