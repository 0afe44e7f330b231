package challenge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

// disable makes a user one who may not sign in.
func disable(t *testing.T, f *verifiertest.Fixture, user directory.User) {
	t.Helper()
	f.Update(func(tx store.Tx) error {
		user.Disabled = true
		return f.Directory.PutUser(tx, user)
	})
}

// audited gives the events of a kind about a user.
func audited(t *testing.T, f *verifiertest.Fixture, kind, user string) []audit.Event {
	t.Helper()
	var events []audit.Event
	err := f.Store.View(context.Background(), func(tx store.Tx) error {
		events = nil
		result, err := f.Audit.Query(tx, audit.Filter{Kinds: []string{kind}, User: user}, audit.Page{})
		for _, r := range result.Records {
			events = append(events, r.Event)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestADisabledUsersPendingChallengeIsNotApproved(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	device := f.Enrolled(user)
	c := f.MustStart("zoe")
	disable(t, f, user)
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	if got := f.Get(c.ID); got.State != challenge.Cancelled || got.Receipt != "" {
		t.Errorf("settled as %+v", got)
	}
	if outcome, told := verifiertest.Last[message.Outcome](device); !told || outcome.State != message.StateCancelled {
		t.Errorf("the device was told %+v", outcome)
	}
}

func TestACodeOfAUserWhoMayNotSignInApprovesNothing(t *testing.T) {
	secret := []byte("12345678901234567890")
	for _, test := range []struct {
		name string
		then func(*testing.T, *verifiertest.Fixture, directory.User)
	}{
		{"disabled since the start", disable},
		{"removed since the start", func(_ *testing.T, f *verifiertest.Fixture, user directory.User) {
			f.Update(func(tx store.Tx) error { return f.Directory.DeleteUser(tx, user.ID) })
		}},
		{"without the method since the start", func(_ *testing.T, f *verifiertest.Fixture, user directory.User) {
			f.Update(func(tx store.Tx) error { return f.Directory.RemoveTOTP(tx, user.ID) })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := verifiertest.New(t)
			user := f.User("zoe")
			f.Update(func(tx store.Tx) error { return f.Directory.RegisterTOTP(tx, user.ID, secret) })
			c := f.MustStart("zoe", func(r *challenge.Request) { r.Method = policy.MethodTOTP })
			test.then(t, f, user)
			got, err := f.Challenges.Code(context.Background(), f.Web.ID, c.ID, totp(t, secret, f.Clock.Now()))
			if err != nil || got.State != challenge.Cancelled {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// The signature of an answer is checked before the transaction that settles:
// the device may have been revoked in between.
func TestAQueuedAnswerOfARevokedDeviceIsRefused(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe")
	queued := device.Answer(c.ID, c.Number)
	f.Update(func(tx store.Tx) error { return f.Directory.RemoveDevice(tx, device.Signing.Thumbprint()) })
	if err := device.Send(queued); !errors.Is(err, challenge.ErrStranger) {
		t.Errorf("%v, want ErrStranger", err)
	}
	if got := f.Get(c.ID); got.State != challenge.Pending {
		t.Errorf("the challenge is %s", got.State)
	}
}

func TestRefusedStartsAreAudited(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	f.Enrolled(user)
	first := f.MustStart("zoe")
	if _, err := f.Start("zoe"); refusal(t, err).Code != challenge.RefusedPending {
		t.Fatal(err)
	}
	// One by name alone shows a decoy, and is told of in the log all the same.
	if c := f.MustStart("zoe", byName); c.State != challenge.Pending || c.User != "" {
		t.Fatalf("%+v", c)
	}
	events := audited(t, f, audit.KindChallengeRefused, user.ID)
	if len(events) != 2 {
		t.Fatalf("%d events, want 2: %+v", len(events), events)
	}
	for _, e := range events {
		if e.Reason != challenge.RefusedPending || e.Source != "192.0.2.7" || e.Client != f.Web.ID {
			t.Errorf("audited %+v", e)
		}
	}
	if got := f.Get(first.ID); got.State != challenge.Pending {
		t.Errorf("the first is %s", got.State)
	}
}

func byName(r *challenge.Request) { r.Scenario, r.Decoy = policy.ScenarioPhoneSignIn, true }

func TestEveryDecoyIsAudited(t *testing.T) {
	f := verifiertest.New(t)
	known := f.User("zoe") // without a device
	f.MustStart("zoe", byName)
	f.MustStart("nobody", byName)
	for _, user := range []string{known.ID, "-"} {
		events := audited(t, f, audit.KindChallengeRefused, user)
		if len(events) != 1 || events[0].Reason != string(policy.ReasonMethodNotRegistered) {
			t.Errorf("of %s: %+v", user, events)
		}
	}
}

// A start by name that is over its limit ends what had expired before it: whoever
// waits for that must be told, although the page sees a decoy.
func TestADecoyTellsOfWhatItEnded(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.Starts5m = 1
	f := verifiertest.NewWith(t, limits)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe", byName)
	f.Clock.Move(challenge.DefaultTTL)
	if decoy := f.MustStart("zoe", byName); decoy.User != "" {
		t.Fatalf("%+v is no decoy", decoy)
	}
	if outcome, told := verifiertest.Last[message.Outcome](device); !told || outcome.Challenge != c.ID || outcome.State != message.StateExpired {
		t.Errorf("the device was told %+v", outcome)
	}
}

func TestWrongCodesAreAudited(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	secret := []byte("12345678901234567890")
	f.Update(func(tx store.Tx) error { return f.Directory.RegisterTOTP(tx, user.ID, secret) })
	c := f.MustStart("zoe", func(r *challenge.Request) { r.Method = policy.MethodTOTP })
	if _, err := f.Challenges.Code(context.Background(), f.Web.ID, c.ID, wrongCode(totp(t, secret, f.Clock.Now()))); !errors.Is(err, challenge.ErrWrongCode) {
		t.Fatal(err)
	}
	if events := audited(t, f, audit.KindCodeRefused, user.ID); len(events) != 1 || events[0].Challenge != c.ID {
		t.Errorf("audited %+v", events)
	}
}

func TestLocksAndBlocksAreAudited(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.WrongNumbers = 1
	f := verifiertest.NewWith(t, limits)
	user := f.User("zoe")
	device := f.Enrolled(user)
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, other(c.Number))); err != nil {
		t.Fatal(err)
	}
	signInByCode(t, f, user)
	if notice, told := verifiertest.Last[message.Notice](device); !told || notice.Kind != message.NoticeUnlocked {
		t.Errorf("the device was told %+v", notice)
	}
	c = f.MustStart("zoe", func(r *challenge.Request) { r.Method = policy.MethodPush })
	if err := device.Send(device.Answer(c.ID, "", report)); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{audit.KindPushLocked, audit.KindPushUnlocked, audit.KindSourceBlocked} {
		if events := audited(t, f, kind, user.ID); len(events) != 1 || events[0].Source != "192.0.2.7" || events[0].Challenge == "" {
			t.Errorf("%s: %+v", kind, events)
		}
	}
}

// Whoever has one IPv6 line has more addresses than could be blocked one by one.
func TestAReportBlocksTheWholeLine(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	from := func(ip string) func(*challenge.Request) {
		return func(r *challenge.Request) { r.Context.IP = ip }
	}
	c := f.MustStart("zoe", from("2001:db8::1"))
	if err := device.Send(device.Answer(c.ID, "", report)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Start("zoe", from("2001:db8::2")); refusal(t, err).Code != challenge.RefusedBlocked {
		t.Error(err)
	}
	f.MustStart("zoe", from("2001:db8:0:1::1"))
}

func TestStartsByNameAreCountedByLine(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.Starts5m, limits.PerAddress = 1, 2
	f := verifiertest.NewWith(t, limits)
	for i, name := range []string{"ann", "lou", "zoe"} {
		f.Enrolled(f.User(name))
		c := f.MustStart(name, byName, func(r *challenge.Request) { r.Context.IP = fmt.Sprintf("2001:db8::%d", i+1) })
		if asked := c.User != ""; asked != (i < 2) {
			t.Errorf("start %d from one line: asked %v", i+1, asked)
		}
	}
}

// What a decoy writes to take as long as the real thing is nobody's standing.
func TestADecoyIsHeldByNothing(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.WrongNumbers = 1
	f := verifiertest.NewWith(t, limits)
	user := f.User("zoe")
	device := f.Enrolled(user)
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, other(c.Number))); err != nil {
		t.Fatal(err)
	}
	f.MustStart("zoe", byName)
	err := f.Store.View(t.Context(), func(tx store.Tx) error {
		held, err := f.Challenges.Held(tx, 10)
		if len(held) != 1 || held[0].User != user.ID {
			t.Errorf("held: %+v", held)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
