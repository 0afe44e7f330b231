package app

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/transport"
)

func TestNothingIsEnrolledBeforeTheNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, err := d.Begin(v.link.String())
		if err != nil {
			t.Fatal(err)
		}
		if e.Organisation != "Contoso" || e.RelayHost != "relay.contoso.example" || len(e.Verifier) != 19 {
			t.Errorf("what to ask is %+v", e)
		}
		synctest.Wait()
		if n := len(v.got); n != 0 {
			t.Fatalf("%d messages were sent before Confirm", n)
		}
		wait := confirm(t, e)
		if n := len(d.List(Filter{})); n != 0 {
			t.Fatalf("%d accounts before the number", n)
		}
		p := d.Inbox().Current
		if p == nil || !p.Enrolling || p.Organisation != "Contoso" || !p.NeedsNumber() {
			t.Fatalf("the prompt is %+v", p)
		}
		if _, err := d.Answer(t.Context(), p.ID, Approve("42")); err != nil {
			t.Fatal(err)
		}
		account, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		if account.Push == nil || account.Push.User != "alex@contoso.example" || account.Issuer != "Contoso" || account.Code == nil {
			t.Errorf("the account is %+v", account)
		}
		if got := d.Activity(); len(got) != 2 {
			t.Errorf("activity is %+v", got)
		}
	})
}

func TestCombinedRegistrationGivesBothEndsOneTOTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		want, err := message.TOTPSecret(v.link.Secret)
		if err != nil {
			t.Fatal(err)
		}
		k, err := d.Key(account.ID)
		if err != nil || string(k.Secret) != string(want) || k.Type != otp.TOTP || k.Digits != 6 || k.Period != 30 {
			t.Fatalf("the key is %v, %v", k, err)
		}
		if _, err := d.Code(account.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutTOTPTheAccountHasNoCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		v.totp = false
		account := enrolWith(t, d, v)
		if _, err := d.Code(account.ID); !errors.Is(err, ErrNoCode) || account.Code != nil {
			t.Errorf("a code without registration: %v", err)
		}
	})
}

func TestEnrolmentRefusals(t *testing.T) {
	for _, test := range []struct {
		reason string
		want   error
	}{
		{message.ReasonEnrolmentUnknown, ErrLinkUsed},
		{message.ReasonTooManyDevices, ErrTooManyDevices},
		{message.ReasonWearable, ErrWearable},
		{"no_usable_method", ErrRefused},
	} {
		t.Run(test.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevice(t, phone)
				defer d.start(t)()
				v := newVerifier(t, d.relay)
				v.refuse = test.reason
				e, err := d.Begin(v.link.String())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := confirm(t, e)(); !errors.Is(err, test.want) {
					t.Errorf("got %v", err)
				}
				if len(d.List(Filter{})) != 0 || len(d.index.Accounts) != 0 {
					t.Error("an entry is left")
				}
			})
		})
	}
}

func TestWrongNumberEndsTheEnrolmentAndLeavesNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		wait := confirm(t, e)
		p := d.Inbox().Current
		result, err := d.Answer(t.Context(), p.ID, Approve("13"))
		if err != nil || result.Reason != message.ReasonNumberMismatch {
			t.Fatalf("%+v, %v", result, err)
		}
		if _, err := wait(); !errors.Is(err, ErrWrongNumber) {
			t.Errorf("got %v", err)
		}
		if len(d.index.Accounts) != 0 {
			t.Error("an entry is left")
		}
		if _, err := d.ring.Get(t.Context(), accountPrefix+p.link(d)); err == nil {
			t.Error("the keys are left")
		}
	})
}

// link gives the id under which a prompt's keys would lie.
func (p *Prompt) link(*device) string { return p.ID[:32] }

func TestEnrolmentEndsWhenNobodyTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		if _, err := confirm(t, e)(); !errors.Is(err, ErrNotAnswered) {
			t.Errorf("got %v", err)
		}
		pass(resultTime + time.Second) // virtual: the result leaves the screen
		synctest.Wait()
		if d.Inbox().Current != nil {
			t.Error("a stale prompt is left")
		}
	})
}

// What is in the way of an enrolment is told as soon as waiting cannot mend it.
func TestEnrolmentWithoutItsVerifierSaysWhy(t *testing.T) {
	for _, test := range []struct {
		name   string
		reason error // of the connection's
		want   error
		after  time.Duration
	}{
		{"no network", nil, ErrNoConnection, unanswered},
		{"a relay that does not know the link's verifier", &transport.RefusedError{Code: transport.CloseNoVerifier}, ErrNotServed, unserved},
		{"a relay with another key", transport.ErrPin, ErrOtherRelay, 0},
		{"a relay of another name", fmt.Errorf("%w: it says so", transport.ErrWrongRelay), ErrOtherRelay, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevice(t, phone)
				defer d.start(t)()
				v := newVerifier(t, d.relay)
				d.relay.refuse(test.reason)
				began := time.Now()
				e, _ := d.Begin(v.link.String())
				if _, err := confirm(t, e)(); !errors.Is(err, test.want) || (test.reason != nil && !errors.Is(err, test.reason)) {
					t.Errorf("got %v", err)
				}
				if waited := time.Since(began); waited != test.after {
					t.Errorf("told after %v, want %v", waited, test.after)
				}
			})
		})
	}
}

// Once the number is asked for, the verifier may come and go while it is typed.
func TestEnrolmentOutlivesAVerifierThatIsAwayForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		wait := confirm(t, e)
		d.relay.refuse(&transport.RefusedError{Code: transport.CloseNoVerifier})
		pass(unserved + time.Second) // virtual
		synctest.Wait()
		d.relay.setDown(false)
		p := d.Inbox().Current
		if p == nil {
			t.Fatal("the number is not asked for any more")
		}
		if _, err := d.Answer(t.Context(), p.ID, Approve("42")); err != nil {
			t.Fatal(err)
		}
		if _, err := wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestWatchIsRefusedWithAdvice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, message.About{Platform: message.PlatformWatchOS, FormFactor: message.FormWatch, AppVersion: Version})
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		if _, err := e.Confirm(t.Context(), "watch"); !errors.Is(err, ErrWearable) {
			t.Errorf("got %v", err)
		}
		if len(v.got) != 0 {
			t.Error("something was sent")
		}
	})
}

// A crash after the answer and before its outcome: the verifier may have made
// the device one of the user's already.
func TestACrashAfterTheAnswerLosesNoEnrolment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		stop := d.start(t)
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		wait := confirm(t, e)
		p := d.Inbox().Current
		// The verifier settles; its outcome never arrives.
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = d.Answer(t.Context(), p.ID, Approve("42"))
		}()
		device := v.device()
		d.relay.mu.Lock()
		delete(d.relay.carriers, device)
		d.relay.mu.Unlock()
		synctest.Wait()
		if v.approvals() != 1 {
			t.Fatal("the verifier did not approve")
		}
		store := d.store.copy()
		stop() // the program is killed
		_, _ = wait()
		<-answered

		d.store = store
		d.boot(t)
		defer d.start(t)()
		synctest.Wait()
		list := d.List(Filter{})
		if len(list) != 1 || list[0].Push.User != "alex@contoso.example" {
			t.Fatalf("after the restart: %+v", list)
		}
		v.ask()
		if d.Inbox().Current == nil {
			t.Error("the account gets no prompts")
		}
	})
}

func TestAnApprovalThatNobodyAnsweredEnrolsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		wait := confirm(t, e)
		p := d.Inbox().Current
		v.send(v.device(), message.Outcome{
			Claims: v.claims(v.device()), Challenge: p.Challenge.ID, State: message.StateApproved,
			Account: &message.Account{Organisation: "Contoso", User: "mallory@contoso.example"},
		})
		synctest.Wait()
		if len(d.List(Filter{})) != 0 {
			t.Error("an account appeared without its user's answer")
		}
		if d.Refusals()["out_of_place"] != 1 {
			t.Errorf("refusals are %v", d.Refusals())
		}
		_, _ = wait()
	})
}

func TestGivingUpTellsThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		v := newVerifier(t, d.relay)
		e, _ := d.Begin(v.link.String())
		ctx, giveUp := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := e.Confirm(ctx, "Alex's phone")
			done <- err
		}()
		synctest.Wait()
		challenge := d.Inbox().Current.Challenge.ID
		giveUp()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if out := v.outcomes[challenge]; out.State != message.StateDenied || out.Reason != message.ReasonUser {
			t.Errorf("the verifier was told %+v", out)
		}
		pass(time.Second)
		if d.Inbox().Current != nil || len(d.links) != 0 {
			t.Error("something is left of it")
		}
	})
}
