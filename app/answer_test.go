package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/crypto/envelope"
	"countersign/message"
)

func TestAnswersEndAsTheVerifierSays(t *testing.T) {
	for _, test := range []struct {
		name     string
		decision Decision
		state    string
		reason   string
	}{
		{"the right number", Approve("42"), message.StateApproved, ""},
		{"a wrong number", Approve("43"), message.StateDenied, message.ReasonNumberMismatch},
		{"deny", Deny(), message.StateDenied, message.ReasonUser},
		{"report", Report(), message.StateDenied, message.ReasonReported},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, v, account := enrolled(t, phone)
				v.ask()
				p := d.Inbox().Current
				if p == nil || p.Account != account.ID || p.Challenge.App != "Payroll" {
					t.Fatalf("prompt: %+v", p)
				}
				result, err := d.Answer(t.Context(), p.ID, test.decision)
				if err != nil || result != (Result{State: test.state, Reason: test.reason}) {
					t.Fatalf("%+v, %v", result, err)
				}
				if now := d.Inbox().Current; now == nil || now.State != PromptClosed || now.Result != result {
					t.Errorf("the result is not shown: %+v", now)
				}
				last := d.Activity()[0]
				if last.Kind != ActivityPrompt || last.State != test.state || last.Challenge != p.Challenge.ID {
					t.Errorf("activity: %+v", last)
				}
				pass(resultTime)
				synctest.Wait()
				if d.Inbox().Current != nil {
					t.Error("the result never leaves the screen")
				}
			})
		})
	}
}

func TestTheRegistrationOfAnotherMethodIsAPromptLikeAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		v.ask(func(c *message.Challenge) { c.Scenario = message.ScenarioCombinedRegistration })
		p := d.Inbox().Current
		if p == nil || p.Account != account.ID || p.Enrolling {
			t.Fatalf("prompt: %+v", p)
		}
		if result, err := d.Answer(t.Context(), p.ID, Approve("42")); err != nil || result.State != message.StateApproved {
			t.Fatalf("%+v, %v", result, err)
		}
	})
}

func TestRefusedBeforeSending(t *testing.T) {
	watch := message.About{Platform: message.PlatformWatchOS, FormFactor: message.FormWatch, AppVersion: Version}
	old := message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: "0.0.1"}
	six := func(c *message.Challenge) { c.Digits = 6 }
	plain := func(c *message.Challenge) { c.Mode, c.Digits = message.ModeApproveDeny, 0 }
	verified := func(c *message.Challenge) { c.UserVerification = true }
	newer := func(c *message.Challenge) { c.MinAppVersion = "9.0" }
	same := func(*message.Challenge) {}
	for _, test := range []struct {
		name     string
		about    message.About
		ask      func(*message.Challenge)
		decision Decision
		want     error
	}{
		{"no number", phone, same, Approve(""), ErrNumber},
		{"one digit", phone, same, Approve("4"), ErrNumber},
		{"three digits", phone, same, Approve("042"), ErrNumber},
		{"six digits where two are asked", phone, same, Approve("424242"), ErrNumber},
		{"two digits where six are asked", phone, six, Approve("42"), ErrNumber},
		{"letters", phone, same, Approve("4x"), ErrNumber},
		{"other scripts' digits", phone, same, Approve("٤٢"), ErrNumber},
		{"a number in approve_deny", phone, plain, Approve("42"), ErrNumberUnwanted},
		{"a number with a denial", phone, same, Decision{Kind: message.DecisionDeny, Number: "42"}, ErrNumberUnwanted},
		{"no decision", phone, same, Decision{Number: "42"}, ErrDecision},
		{"no PIN set", phone, verified, Approve("42"), ErrNoLock},
		{"a watch", watch, same, Approve("42"), ErrWearable},
		{"a watch in approve_deny", watch, plain, Approve(""), ErrWearable},
		{"an old app", old, same, Approve("42"), ErrUpgrade},
		{"an app older than the verifier wants", phone, newer, Approve("42"), ErrUpgrade},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, v, _ := enrolled(t, phone)
				d.cfg.Device = test.about // what it is decides at each prompt anew
				v.ask(test.ask)
				p := d.Inbox().Current
				before, _ := v.answers()
				if _, err := d.Answer(t.Context(), p.ID, test.decision); !errors.Is(err, test.want) {
					t.Errorf("got %v", err)
				}
				if after, _ := v.answers(); after != before {
					t.Error("an answer was sent")
				}
				if now := d.Inbox().Current; now == nil || now.State != PromptOpen {
					t.Error("the prompt did not stay open")
				}
				if result, err := d.Answer(t.Context(), p.ID, Deny()); err != nil || result.State != message.StateDenied {
					t.Errorf("it cannot even say no: %+v, %v", result, err)
				}
			})
		})
	}
}

func TestApproveDenyNeedsNoNumberWhereTheChallengeSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		v.ask(func(c *message.Challenge) { c.Mode, c.Digits = message.ModeApproveDeny, 0 })
		result, err := d.Answer(t.Context(), d.Inbox().Current.ID, Approve(""))
		if err != nil || result.State != message.StateApproved {
			t.Errorf("%+v, %v", result, err)
		}
	})
}

func TestUserVerificationAsksForThePIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
			t.Fatal(err)
		}
		v.ask(func(c *message.Challenge) { c.UserVerification = true })
		id := d.Inbox().Current.ID
		if _, err := d.Answer(t.Context(), id, Approve("42")); !errors.Is(err, ErrVerifyUser) {
			t.Errorf("without a PIN: %v", err)
		}
		if left := d.LockState().TriesLeft; left != MaxTries {
			t.Errorf("asking for the PIN used up a try: %d left", left)
		}
		if _, err := d.Answer(t.Context(), id, Decision{Kind: message.DecisionApprove, Number: "42", PIN: "000000"}); !errors.Is(err, ErrWrongPIN) {
			t.Errorf("with a wrong PIN: %v", err)
		}
		result, err := d.Answer(t.Context(), id, Decision{Kind: message.DecisionApprove, Number: "42", PIN: "739182"})
		if err != nil || result.State != message.StateApproved {
			t.Errorf("with the PIN: %+v, %v", result, err)
		}
	})
}

func TestALockedAppShowsPromptsAndApprovesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
			t.Fatal(err)
		}
		d.Lock()
		v.ask()
		id := d.Inbox().Current.ID
		if _, err := d.Answer(t.Context(), id, Approve("42")); !errors.Is(err, ErrLocked) {
			t.Errorf("locked: %v", err)
		}
		if err := d.Unlock(t.Context(), "739182"); err != nil {
			t.Fatal(err)
		}
		if result, err := d.Answer(t.Context(), id, Approve("42")); err != nil || result.State != message.StateApproved {
			t.Errorf("unlocked: %+v, %v", result, err)
		}
	})
}

// A relay that is down, and a verifier that does not answer: the same envelope
// goes again until the outcome comes.
func TestAnUnacknowledgedAnswerIsSentAgainUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		v.ask()
		_, before := v.answers()
		d.relay.setDown(true)
		type end struct {
			result Result
			err    error
		}
		done := make(chan end, 1)
		id := d.Inbox().Current.ID
		go func() {
			result, err := d.Answer(t.Context(), id, Approve("42"))
			done <- end{result, err}
		}()
		pass(5 * time.Second)
		if p, _ := d.Prompt(id); p.State != PromptSending {
			t.Errorf("state is %s", p.State)
		}
		v.mu.Lock()
		v.relay = newFakeRelay() // its outcomes are lost
		v.mu.Unlock()
		d.relay.setDown(false)
		pass(10 * time.Second)
		v.mu.Lock()
		v.relay = d.relay
		v.mu.Unlock()
		x := <-done
		if x.err != nil || x.result.State != message.StateApproved {
			t.Errorf("%+v, %v", x.result, x.err)
		}
		all, different := v.answers()
		if different-before != 1 || all < 3 {
			t.Errorf("%d answers, %d different", all, different)
		}
		if v.approvals() != 2 { // the enrolment's and this
			t.Errorf("%d approvals", v.approvals())
		}
	})
}

func TestNoOutcomeIsUnknownAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		v.ask()
		id := d.Inbox().Current.ID
		v.setMute(true)
		result, err := d.Answer(t.Context(), id, Approve("42"))
		if !errors.Is(err, ErrNoConnection) || result.State != StateUnknown {
			t.Errorf("%+v, %v", result, err)
		}
		if _, err := d.Answer(t.Context(), id, Approve("42")); !errors.Is(err, ErrNoPrompt) {
			t.Errorf("answered again: %v", err)
		}
	})
}

func TestOneAnswerAPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		v.ask()
		v.setMute(true)
		id := d.Inbox().Current.ID
		_, before := v.answers()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = d.Answer(ctx, id, Approve("42"))
		}()
		synctest.Wait()
		if _, err := d.Answer(t.Context(), id, Deny()); !errors.Is(err, ErrAnswered) {
			t.Errorf("a second answer: %v", err)
		}
		cancel()
		<-done
		if _, after := v.answers(); after > before+1 {
			t.Error("two different answers were sent")
		}
	})
}

func TestTheCurrentPromptIsNeverSwapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		other := newVerifier(t, d.relay)
		enrolWith(t, d, other)
		first := v.ask()
		second := other.ask()
		in := d.Inbox()
		if in.Current.Challenge.ID != first.ID || in.Waiting != 1 {
			t.Fatalf("%+v", in)
		}
		// The first ends elsewhere: its place is not given away at once.
		v.send(v.device(), message.Outcome{Claims: v.claims(v.device()), Challenge: first.ID, State: message.StateApproved})
		synctest.Wait()
		in = d.Inbox()
		if in.Current.Challenge.ID != first.ID || in.Current.State != PromptClosed || !in.Current.Result.Elsewhere {
			t.Fatalf("%+v", in.Current)
		}
		if _, err := d.Answer(t.Context(), in.Current.ID, Approve("42")); !errors.Is(err, ErrNoPrompt) {
			t.Errorf("what was typed for the first went on: %v", err)
		}
		pass(resultTime)
		synctest.Wait()
		if in = d.Inbox(); in.Current == nil || in.Current.Challenge.ID != second.ID || in.Waiting != 0 {
			t.Errorf("%+v", in)
		}
	})
}

func TestStalePromptsVanish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		other := newVerifier(t, d.relay)
		enrolWith(t, d, other)
		v.ask()
		other.ask()
		v.setMute(true)
		other.setMute(true)
		pass(time.Minute + time.Second)
		synctest.Wait()
		in := d.Inbox()
		if in.Waiting != 0 || in.Current == nil || in.Current.Result.State != message.StateExpired {
			t.Errorf("%+v", in)
		}
		pass(resultTime)
		synctest.Wait()
		if n := len(d.Prompts()); n != 0 {
			t.Errorf("%d prompts are left", n)
		}
	})
}

func TestAComebackGetsWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		d.relay.setDown(true)
		c := v.challenge(v.device()) // nobody is told
		synctest.Wait()
		if d.Inbox().Current != nil {
			t.Fatal("told without a relay")
		}
		d.relay.setDown(false)
		synctest.Wait()
		if in := d.Inbox(); in.Current == nil || in.Current.Challenge.ID != c.ID {
			t.Fatalf("%+v", in)
		}
		d.Wake() // and once more: no second copy
		synctest.Wait()
		if n := len(d.Prompts()); n != 1 {
			t.Errorf("%d prompts", n)
		}
	})
}

// What a relay, or another organisation, can try. None of it may change a thing.
func TestHostileMessagesChangeNothing(t *testing.T) {
	type stage struct {
		*testing.T
		d        *device
		v, other *fakeVerifier
		account  Account
		open     message.Challenge
	}
	now := func() int64 { return time.Now().Unix() }
	for _, test := range []struct {
		name   string
		reason string
		send   func(s stage)
	}{
		{"another key's challenge", "untrusted", func(s stage) {
			c := s.v.challenge(s.v.device())
			c.Issuer = s.other.id()
			s.d.relay.deliver(s.v.device(), s.v.id(), forge(s.T, s.other.signing, s.v.devices[s.v.device()].Encryption, c, c.Type()))
		}},
		{"another sender", "stranger", func(s stage) {
			c := s.v.challenge(s.v.device())
			s.d.relay.deliver(s.v.device(), s.other.id(), s.v.seal(s.v.device(), c))
		}},
		{"garbage", "malformed", func(s stage) { s.d.relay.deliver(s.v.device(), s.v.id(), "garbage") }},
		{"too much", "too_large", func(s stage) {
			s.d.relay.deliver(s.v.device(), s.v.id(), strings.Repeat("a", envelope.MaxSize+1))
		}},
		{"an answer, reflected", "not_sealed_to_us", func(s stage) {
			s.d.relay.mu.Lock()
			body := s.d.relay.sent[len(s.d.relay.sent)-1]
			s.d.relay.mu.Unlock()
			s.d.relay.deliver(s.v.device(), s.v.id(), body)
		}},
		{"an expired challenge", "expired", func(s stage) {
			c := s.v.challenge(s.v.device())
			c.IssuedAt, c.Expires = now()-300, now()-200
			s.v.send(s.v.device(), c)
		}},
		{"a challenge of the future", "not_yet", func(s stage) {
			c := s.v.challenge(s.v.device())
			c.IssuedAt, c.Expires = now()+200, now()+260
			s.v.send(s.v.device(), c)
		}},
		{"a challenge to another device", "audience", func(s stage) {
			c := s.v.challenge(s.other.device())
			s.v.send(s.v.device(), c)
		}},
		{"a challenge that has ended", "replay", func(s stage) {
			ended := s.v.ask()
			s.v.send(s.v.device(), message.Outcome{Claims: s.v.claims(s.v.device()), Challenge: ended.ID, State: message.StateCancelled})
			synctest.Wait()
			for _, p := range s.d.Prompts() {
				s.d.Dismiss(p.ID)
			}
			s.v.send(s.v.device(), ended)
		}},
		{"the enrolment's challenge again", "replay", func(s stage) { s.v.send(s.v.device(), s.v.enrolment) }},
		{"a notice, repeated", "replay", func(s stage) {
			body := s.v.seal(s.v.device(), message.Notice{Claims: s.v.claims(s.v.device()), Kind: message.NoticeLocked})
			s.d.relay.deliver(s.v.device(), s.v.id(), body)
			s.d.relay.deliver(s.v.device(), s.v.id(), body)
		}},
		{"a flood", "too_many_open", func(s stage) {
			for range maxOpenPrompts + 1 {
				s.v.ask()
			}
		}},
		{"another organisation's outcome for this prompt", "", func(s stage) {
			s.other.send(s.other.device(), message.Outcome{Claims: s.other.claims(s.other.device()), Challenge: s.open.ID, State: message.StateApproved})
		}},
		{"another organisation's challenge of the same id", "", func(s stage) {
			s.other.ask(func(c *message.Challenge) { c.ID = s.open.ID })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, v, account := enrolled(t, phone)
				other := newVerifier(t, d.relay)
				enrolWith(t, d, other)
				open := v.ask()
				approvals := v.approvals() + other.approvals()
				test.send(stage{t, d, v, other, account, open})
				synctest.Wait()
				if test.reason != "" && d.Refusals()[test.reason] == 0 {
					t.Errorf("refusals: %v", d.Refusals())
				}
				in := d.Inbox()
				if in.Current == nil || in.Current.Challenge.ID != open.ID || in.Current.Account != account.ID || in.Current.State != PromptOpen {
					t.Fatalf("the prompt was changed: %+v", in.Current)
				}
				if n := v.approvals() + other.approvals(); n != approvals {
					t.Errorf("%d approvals from nowhere", n-approvals)
				}
			})
		})
	}
}

func TestRevocationEndsPromptsAndConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		v.ask()
		v.send(v.device(), message.Revoked{Claims: v.claims(v.device())})
		synctest.Wait()
		if d.Inbox().Current != nil {
			t.Error("the prompt is left")
		}
		now, _ := d.Account(account.ID)
		if !now.Push.Revoked || now.Push.Connected || len(d.links) != 0 {
			t.Errorf("%+v", now.Push)
		}
		if _, err := d.Code(account.ID); err != nil {
			t.Errorf("its codes are the user's: %v", err)
		}
		if d.Activity()[0].Kind != ActivityRevoked {
			t.Errorf("%+v", d.Activity()[0])
		}
	})
}

func TestNotificationsCarryNoNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		v.ask()
		d.desktop.mu.Lock()
		defer d.desktop.mu.Unlock()
		last := d.desktop.notes[len(d.desktop.notes)-1]
		if last != (Notification{Kind: NotifyPrompt, Account: account.ID, Name: "Contoso"}) || d.desktop.raised == 0 {
			t.Errorf("%+v, raised %d", last, d.desktop.raised)
		}
	})
}

func TestAPromptLivesNoLongerThanItsChallenge(t *testing.T) {
	base := time.Unix(1_800_000_000, 0)
	m := message.Challenge{Claims: message.Claims{IssuedAt: base.Unix(), Expires: base.Unix() + 60}}
	for _, test := range []struct {
		name string
		now  time.Duration // after it was issued
		want time.Duration
	}{
		{"clocks agree", 0, 60 * time.Second},
		{"it waited", 20 * time.Second, 60 * time.Second},
		{"this clock is behind", -80 * time.Second, -20 * time.Second},
		{"this clock is ahead", 80 * time.Second, 60*time.Second + message.Leeway},
	} {
		if got := expiry(m, base.Add(test.now)).Sub(base); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTheQueueIsBoundedOverAllOrganisations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		verifiers := []*fakeVerifier{v}
		for range maxAllPrompts / maxOpenPrompts {
			other := newVerifier(t, d.relay)
			enrolWith(t, d, other)
			verifiers = append(verifiers, other)
		}
		for range maxOpenPrompts {
			for _, v := range verifiers {
				v.ask()
			}
		}
		if n := len(d.Prompts()); n != maxAllPrompts {
			t.Errorf("%d prompts", n)
		}
	})
}

// A challenge for which there was no room is no replay when it comes again, and
// comes as soon as there is room.
func TestAChallengeThatFoundNoRoomComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		var asked []message.Challenge
		for range maxOpenPrompts + 1 {
			asked = append(asked, v.ask(func(c *message.Challenge) { c.Expires = c.IssuedAt + 120 }))
		}
		last := asked[maxOpenPrompts]
		v.send(v.device(), last) // as after a Sync, still without room
		synctest.Wait()
		if n := d.Refusals(); n["too_many_open"] != 2 || n["replay"] != 0 {
			t.Fatalf("refused %v", n)
		}
		v.send(v.device(), message.Outcome{Claims: v.claims(v.device()), Challenge: asked[0].ID, State: message.StateCancelled})
		synctest.Wait()
		prompts := d.Prompts()
		if n := len(prompts); n == 0 || prompts[n-1].Challenge.ID != last.ID || d.Refusals()["replay"] != 0 {
			t.Fatalf("%d prompts, refused %v", n, d.Refusals())
		}
		if result, err := d.Answer(t.Context(), prompts[len(prompts)-1].ID, Approve("42")); err != nil || result.State != message.StateApproved {
			t.Errorf("%+v, %v", result, err)
		}
		d.Dismiss(prompts[len(prompts)-1].ID)
		v.send(v.device(), last) // answered and gone, it is one
		synctest.Wait()
		if d.Refusals()["replay"] != 1 {
			t.Errorf("refused %v", d.Refusals())
		}
	})
}
