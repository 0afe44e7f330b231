package challenge_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/verifiertest"
)

func deny(a *message.Answer)   { a.Decision, a.Number = message.DecisionDeny, "" }
func report(a *message.Answer) { a.Decision, a.Number = message.DecisionReport, "" }

// other is a number of the same length that is not the right one.
func other(number string) string {
	if number == "10" {
		return "11"
	}
	return "10"
}

func refusal(t *testing.T, err error) *challenge.Refusal {
	t.Helper()
	var r *challenge.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("%v is no refusal", err)
	}
	return r
}

func TestAnswersSettle(t *testing.T) {
	for _, test := range []struct {
		name   string
		edit   func(*message.Answer)
		wrong  bool
		state  challenge.State
		reason string
	}{
		{name: "the right number approves", state: challenge.Approved},
		{name: "a wrong number denies", wrong: true, state: challenge.Denied, reason: message.ReasonNumberMismatch},
		{name: "no number denies", edit: func(a *message.Answer) { a.Number = "" }, state: challenge.Denied, reason: message.ReasonNumberMismatch},
		{name: "a number of another length denies", edit: func(a *message.Answer) { a.Number = "0000" + a.Number }, state: challenge.Denied, reason: message.ReasonNumberMismatch},
		{name: "deny denies", edit: deny, state: challenge.Denied, reason: message.ReasonUser},
		{name: "a report denies", edit: report, state: challenge.Denied, reason: message.ReasonReported},
		{name: "a watch never approves", edit: func(a *message.Answer) { a.FormFactor = message.FormWatch }, state: challenge.Denied, reason: message.ReasonWearable},
		{name: "an old app cannot approve", edit: func(a *message.Answer) { a.AppVersion = "0.0.1" }, state: challenge.Denied, reason: message.ReasonUpgradeRequired},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := verifiertest.New(t)
			user := f.User("zoe")
			device := f.Enrolled(user)
			c := f.MustStart("zoe")
			if c.Experience != policy.NumberMatch || c.State != challenge.Pending {
				t.Fatalf("started %+v", c)
			}
			number := c.Number
			if test.wrong {
				number = other(number)
			}
			answer := device.Answer(c.ID, number)
			if test.edit != nil {
				test.edit(&answer)
			}
			if err := device.Send(answer); err != nil {
				t.Fatal(err)
			}
			got := f.Get(c.ID)
			if got.State != test.state || got.State == challenge.Denied && got.Reason != test.reason {
				t.Errorf("%s %s, want %s %s", got.State, got.Reason, test.state, test.reason)
			}
			if got.Device != device.Signing.Thumbprint() || got.Receipt == "" || got.DecidedAt.IsZero() || got.Number != "" {
				t.Errorf("settled as %+v", got)
			}
			outcome, told := verifiertest.Last[message.Outcome](device)
			if !told || outcome.State != string(test.state) || outcome.Reason != test.reason {
				t.Errorf("the device was told %+v", outcome)
			}
		})
	}
}

func TestTheNumberNeverTravelsToTheDevice(t *testing.T) {
	for _, digits := range []int{2, 6} {
		f := verifiertest.New(t)
		f.Update(func(tx store.Tx) error {
			return f.Tenant.Update(tx, "test", func(s *tenant.Settings) error { s.NumberDigits = digits; return nil })
		})
		device := f.Enrolled(f.User("zoe"))
		c := f.MustStart("zoe")
		if len(c.Number) != digits {
			t.Fatalf("number of %d digits, want %d", len(c.Number), digits)
		}
		asked, ok := verifiertest.Last[message.Challenge](device)
		if !ok {
			t.Fatal("the device was not asked")
		}
		if asked.Digits != digits || asked.App != "Payroll" || asked.Location != "Bangkok, Thailand" {
			t.Errorf("asked %+v", asked)
		}
		b, err := json.Marshal(asked)
		if err != nil {
			t.Fatal(err)
		}
		// Ids, keys and times apart, no run of digits may have the number's length.
		plain := regexp.MustCompile(`"(jti|iss|aud|ip|min_app_version)":"[^"]*"|"(iat|exp)":\d+`).ReplaceAllString(string(b), "")
		if found := regexp.MustCompile(fmt.Sprintf(`\b\d{%d}\b`, digits)).FindString(plain); found != "" {
			t.Errorf("%q stands in the challenge %s", found, plain)
		}
	}
}

func TestAnswerToOneNeverSettlesAnother(t *testing.T) {
	f := verifiertest.New(t)
	a, b := f.Enrolled(f.User("a")), f.Enrolled(f.User("b"))
	ca, cb := f.MustStart("a"), f.MustStart("b")
	if err := a.Send(a.Answer(cb.ID, cb.Number)); !errors.Is(err, challenge.ErrStranger) {
		t.Errorf("a device answered another user's challenge: %v", err)
	}
	late := f.Enrolled(directory.User{ID: f.Get(ca.ID).User, Name: "a"})
	if err := late.Send(late.Answer(ca.ID, ca.Number)); !errors.Is(err, challenge.ErrStranger) {
		t.Errorf("a device enrolled later answered: %v", err)
	}
	if err := b.Send(b.Answer("nosuchchallenge0", "10")); !errors.Is(err, challenge.ErrUnknown) {
		t.Errorf("an unknown challenge: %v", err)
	}
	for _, id := range []string{ca.ID, cb.ID} {
		if c := f.Get(id); c.State != challenge.Pending {
			t.Errorf("%s is %s", id, c.State)
		}
	}
}

func TestOneTryAndAStoredOutcome(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe")
	wrong := device.Answer(c.ID, other(c.Number))
	for range 3 { // the same envelope again, as a relay or a retry would
		if err := device.Send(wrong); err != nil {
			t.Fatal(err)
		}
	}
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	if got := f.Get(c.ID); got.State != challenge.Denied || got.Receipt != "receipt."+wrong.ID {
		t.Errorf("%+v", got)
	}
	outcomes := 0
	for _, m := range f.Post.To(device.Signing.Thumbprint()) {
		if o, ok := m.(message.Outcome); ok {
			outcomes++
			if o.State != message.StateDenied || o.Reason != message.ReasonNumberMismatch {
				t.Errorf("told %+v", o)
			}
		}
	}
	if outcomes != 4 {
		t.Errorf("%d outcomes for 4 answers", outcomes)
	}
}

func TestAThousandAnswersSettleOnce(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	var devices []*verifiertest.Device
	for range directory.MaxDevices {
		devices = append(devices, f.Enrolled(user))
	}
	c := f.MustStart("zoe")
	var wg sync.WaitGroup
	for i := range 1000 {
		device := devices[i%len(devices)]
		answer := device.Answer(c.ID, c.Number)
		switch i % 4 {
		case 1:
			deny(&answer)
		case 2:
			answer.Number = other(c.Number)
		case 3:
			report(&answer)
		}
		wg.Go(func() {
			if err := device.Send(answer); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	settled := 0
	f.Update(func(tx store.Tx) error {
		events, err := f.Audit.Query(tx, audit.Filter{User: user.ID, Kinds: []string{audit.KindChallengeSettled}}, audit.Page{})
		settled = len(events.Records)
		return err
	})
	if settled != 1 {
		t.Errorf("settled %d times", settled)
	}
	final := f.Get(c.ID)
	for _, d := range devices {
		if o, _ := verifiertest.Last[message.Outcome](d); o.State != string(final.State) {
			t.Errorf("a device was told %s, and it is %s", o.State, final.State)
		}
	}
}

func TestExpiry(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe", func(r *challenge.Request) { r.TTL = 30 * time.Second })
	f.Clock.Move(30 * time.Second)
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	if got := f.Get(c.ID); got.State != challenge.Expired || got.Receipt != "" || got.Device != "" {
		t.Errorf("%+v", got)
	}
	long := f.MustStart("zoe", func(r *challenge.Request) { r.TTL = time.Hour })
	if ttl := long.ExpiresAt.Sub(long.CreatedAt); ttl != message.Lifetime {
		t.Errorf("lives %s, want %s at most", ttl, message.Lifetime)
	}
}

func TestOnePendingPushAUser(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	first := f.MustStart("zoe")
	_, err := f.Start("zoe")
	if r := refusal(t, err); r.Code != challenge.RefusedPending || r.RetryAfter <= 0 {
		t.Errorf("refused with %+v", r)
	}
	if err := device.Send(device.Answer(first.ID, first.Number)); err != nil {
		t.Fatal(err)
	}
	f.MustStart("zoe")
	f.Clock.Move(challenge.DefaultTTL)
	f.MustStart("zoe") // the one before expired
}

func TestAStartByNameYieldsToOneByPassword(t *testing.T) {
	f := verifiertest.New(t)
	f.Enrolled(f.User("zoe"))
	open := f.MustStart("zoe", func(r *challenge.Request) { r.Scenario = policy.ScenarioPhoneSignIn })
	f.MustStart("zoe")
	if got := f.Get(open.ID); got.State != challenge.Cancelled {
		t.Errorf("the one by name is %s", got.State)
	}
}

func TestStartLimits(t *testing.T) {
	approve := func(t *testing.T, f *verifiertest.Fixture, d *verifiertest.Device) {
		t.Helper()
		c := f.MustStart("zoe")
		if err := d.Send(d.Answer(c.ID, c.Number)); err != nil {
			t.Fatal(err)
		}
	}
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	for range 3 {
		approve(t, f, device)
		f.Clock.Move(time.Second)
	}
	_, err := f.Start("zoe")
	if r := refusal(t, err); r.Code != challenge.RefusedLimit || r.RetryAfter != 5*time.Minute-3*time.Second {
		t.Errorf("the fourth in 5 minutes: %+v", r)
	}
	f.Clock.Move(5 * time.Minute)
	approve(t, f, device)
}

func TestBackOffAfterUnapproved(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.Starts5m, limits.Starts1h, limits.Starts1d = 1000, 1000, 1000
	f := verifiertest.NewWith(t, limits)
	device := f.Enrolled(f.User("zoe"))
	unapproved := func() {
		t.Helper()
		c := f.MustStart("zoe")
		if err := device.Send(device.Answer(c.ID, "", deny)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		unapproved()
	}
	for _, wait := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		_, err := f.Start("zoe")
		if r := refusal(t, err); r.RetryAfter != wait {
			t.Fatalf("wait %s, want %s", r.RetryAfter, wait)
		}
		f.Clock.Move(wait)
		unapproved()
	}
	f.Clock.Move(time.Hour)
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	f.MustStart("zoe") // an approval ends the row
}

func TestFiveWrongNumbersLockPush(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.Starts5m, limits.Backoff = 1000, nil
	limits.Starts1h, limits.Starts1d = 1000, 1000
	lock := func(t *testing.T) (*verifiertest.Fixture, *verifiertest.Device, directory.User) {
		f := verifiertest.NewWith(t, limits)
		user := f.User("zoe")
		device := f.Enrolled(user)
		for i := range limits.WrongNumbers {
			c, err := f.Start("zoe")
			if err != nil {
				t.Fatalf("start %d: %v", i, err)
			}
			if err := device.Send(device.Answer(c.ID, other(c.Number))); err != nil {
				t.Fatal(err)
			}
		}
		_, err := f.Start("zoe")
		if r := refusal(t, err); r.Code != challenge.RefusedLocked {
			t.Fatalf("refused with %+v", r)
		}
		return f, device, user
	}
	t.Run("time does not help", func(t *testing.T) {
		f, _, _ := lock(t)
		f.Clock.Move(100 * 24 * time.Hour)
		_, err := f.Start("zoe")
		refusal(t, err)
	})
	t.Run("an administrator does", func(t *testing.T) {
		f, device, user := lock(t)
		if err := f.Challenges.Release(context.Background(), "admin", user.ID); err != nil {
			t.Fatal(err)
		}
		f.MustStart("zoe")
		if _, told := verifiertest.Last[message.Notice](device); !told {
			t.Error("the device was not told")
		}
	})
	t.Run("a sign-in by code does", func(t *testing.T) {
		f, _, user := lock(t)
		signInByCode(t, f, user)
		f.MustStart("zoe")
	})
	t.Run("denials between do not reset the row", func(t *testing.T) {
		f := verifiertest.NewWith(t, limits)
		device := f.Enrolled(f.User("zoe"))
		for range limits.WrongNumbers - 1 {
			for _, edit := range []func(*message.Answer){func(a *message.Answer) { a.Number = other(a.Number) }, deny} {
				c := f.MustStart("zoe")
				if err := device.Send(device.Answer(c.ID, c.Number, edit)); err != nil {
					t.Fatal(err)
				}
			}
		}
		c := f.MustStart("zoe")
		if err := device.Send(device.Answer(c.ID, other(c.Number))); err != nil {
			t.Fatal(err)
		}
		_, err := f.Start("zoe")
		if r := refusal(t, err); r.Code != challenge.RefusedLocked {
			t.Errorf("refused with %+v", r)
		}
	})
}

func TestAReportBlocksItsSourceForAnHour(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.Backoff = nil
	f := verifiertest.NewWith(t, limits)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, "", report)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Start("zoe")
	if r := refusal(t, err); r.Code != challenge.RefusedBlocked || r.RetryAfter != time.Hour {
		t.Errorf("refused with %+v", r)
	}
	elsewhere := f.MustStart("zoe", func(r *challenge.Request) { r.Context.IP = "2001:db8::1" })
	if err := device.Send(device.Answer(elsewhere.ID, elsewhere.Number)); err != nil {
		t.Fatal(err)
	}
	f.Clock.Move(time.Hour)
	f.MustStart("zoe")
}

func TestUnknownAndDevicelessLookAlike(t *testing.T) {
	f := verifiertest.New(t)
	f.User("known")
	known, unknown := f.MustStart("known"), f.MustStart("nobody")
	for _, c := range []challenge.Challenge{known, unknown} {
		if c.State != challenge.Denied || c.Experience != policy.None || c.Reason != string(policy.ReasonMethodNotRegistered) || c.Number != "" {
			t.Errorf("%+v", c)
		}
		if got := f.Get(c.ID); got.State != challenge.Denied {
			t.Errorf("read as %+v", got)
		}
	}
}

func TestDecoysLookLikeTheRealThing(t *testing.T) {
	f := verifiertest.New(t)
	f.User("deviceless")
	f.Enrolled(f.User("busy"))
	f.Enrolled(f.User("real"))
	f.MustStart("busy")
	decoy := func(r *challenge.Request) { r.Scenario, r.Decoy = policy.ScenarioPhoneSignIn, true }
	real := f.MustStart("real", decoy)
	for _, name := range []string{"nobody", "deviceless", "busy"} {
		c := f.MustStart(name, decoy)
		if c.Experience != real.Experience || c.State != real.State || c.Reason != real.Reason || len(c.Number) != len(real.Number) ||
			!c.ExpiresAt.Equal(real.ExpiresAt) {
			t.Errorf("%s: %+v, the real one %+v", name, c, real)
		}
		f2 := f.Get(c.ID)
		if f2.State != challenge.Pending {
			t.Errorf("%s reads as %+v", name, f2)
		}
	}
	f.Clock.Move(challenge.DefaultTTL)
	for _, name := range []string{"nobody"} {
		if c := f.MustStart(name, decoy); f.Get(c.ID).Number == "" {
			t.Error("a decoy lost its number")
		}
	}
}

func TestPhoneSignInNeedsUserVerification(t *testing.T) {
	for _, verified := range []bool{false, true} {
		f := verifiertest.New(t)
		device := f.Enrolled(f.User("zoe"))
		c := f.MustStart("zoe", func(r *challenge.Request) { r.Scenario = policy.ScenarioPhoneSignIn })
		if err := device.Send(device.Answer(c.ID, c.Number, func(a *message.Answer) { a.UserVerification = verified })); err != nil {
			t.Fatal(err)
		}
		got := f.Get(c.ID)
		if verified != (got.State == challenge.Approved) || !verified && got.Reason != message.ReasonUserVerificationMissing {
			t.Errorf("verified %v: %s %s", verified, got.State, got.Reason)
		}
	}
}

func TestCodes(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	secret := []byte("12345678901234567890")
	f.Update(func(tx store.Tx) error { return f.Directory.RegisterTOTP(tx, user.ID, secret) })
	c := f.MustStart("zoe")
	if c.Experience != policy.TOTP || c.Number != "" {
		t.Fatalf("%+v", c)
	}
	ctx := context.Background()
	if _, err := f.Challenges.Code(ctx, "another client", c.ID, "000000"); !errors.Is(err, challenge.ErrUnknown) {
		t.Errorf("another client's challenge: %v", err)
	}
	code := totp(t, secret, f.Clock.Now())
	if _, err := f.Challenges.Code(ctx, f.Web.ID, c.ID, wrongCode(code)); !errors.Is(err, challenge.ErrWrongCode) {
		t.Errorf("a wrong code: %v", err)
	}
	got, err := f.Challenges.Code(ctx, f.Web.ID, c.ID, code)
	if err != nil || got.State != challenge.Approved {
		t.Fatalf("%+v, %v", got, err)
	}
	again := f.MustStart("zoe")
	if _, err := f.Challenges.Code(ctx, f.Web.ID, again.ID, code); !errors.Is(err, challenge.ErrWrongCode) {
		t.Errorf("a code used twice: %v", err)
	}
}

func TestWrongCodesLockTOTPUntilAnApprovedPush(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	secret := []byte("12345678901234567890")
	f.Update(func(tx store.Tx) error { return f.Directory.RegisterTOTP(tx, user.ID, secret) })
	device := f.Enrolled(user)
	byCode := func(r *challenge.Request) { r.Method = policy.MethodTOTP }
	c := f.MustStart("zoe", byCode)
	wrong := wrongCode(totp(t, secret, f.Clock.Now()))
	var got challenge.Challenge
	var err error
	tries := 0
	for tries = 1; tries <= 100; tries++ {
		if got, err = f.Challenges.Code(context.Background(), f.Web.ID, c.ID, wrong); !errors.Is(err, challenge.ErrWrongCode) {
			break
		}
	}
	if err != nil || got.State != challenge.Denied || got.Reason != message.ReasonLocked || tries > 100 {
		t.Fatalf("after %d tries: %+v, %v", tries, got, err)
	}
	_, err = f.Start("zoe", byCode)
	if r := refusal(t, err); r.Code != challenge.RefusedTOTP {
		t.Errorf("refused with %+v", r)
	}
	push := f.MustStart("zoe", func(r *challenge.Request) { r.Method = policy.MethodPush })
	if err := device.Send(device.Answer(push.ID, push.Number)); err != nil {
		t.Fatal(err)
	}
	f.MustStart("zoe", byCode)
}

func TestWaitersAreToldAtOnce(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe")
	got := make(chan challenge.Challenge)
	go func() {
		c, err := f.Challenges.Get(context.Background(), f.Web.ID, c.ID, time.Minute)
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	if c := <-got; c.State != challenge.Approved {
		t.Errorf("%+v", c)
	}
	if _, err := f.Challenges.Get(context.Background(), "another client", c.ID, 0); !errors.Is(err, challenge.ErrUnknown) {
		t.Errorf("another client sees it: %v", err)
	}
}

func TestDisplaySettingsKeepTextsOut(t *testing.T) {
	f := verifiertest.New(t)
	device := f.Enrolled(f.User("zoe"))
	err := f.Rules.Update(context.Background(), "test", func(d policy.Document) (policy.Document, error) {
		d.Features.DisplayApp.State, d.Features.DisplayLocation.State = policy.FeatureDisabled, policy.FeatureDisabled
		return d, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.MustStart("zoe")
	if asked, _ := verifiertest.Last[message.Challenge](device); asked.App != "" || asked.Location != "" || asked.IP != "" {
		t.Errorf("asked %+v", asked)
	}
}

func TestCountersSurviveInTheStore(t *testing.T) {
	// The counters live in the store alone: a second service on it knows them.
	limits := challenge.DefaultLimits()
	limits.Starts5m = 1
	f := verifiertest.NewWith(t, limits)
	device := f.Enrolled(f.User("zoe"))
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	cfg := f.Challenges.Config
	cfg.Metrics = prometheus.NewRegistry()
	second := challenge.New(cfg)
	_, err := second.Start(context.Background(), challenge.Request{User: "zoe", Client: f.Web})
	if r := refusal(t, err); r.Code != challenge.RefusedLimit {
		t.Errorf("%+v", r)
	}
}

// A user's life at random: however answers, starts and time are mixed, a
// challenge never leaves a final state, and none is approved without its number.
func TestLifeAtRandom(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.Starts5m, limits.Starts1h, limits.Starts1d, limits.Backoff = 1000, 1000, 1000, nil
	f := verifiertest.NewWith(t, limits)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprintf("user%d", n)
		device := f.Enrolled(f.User(name))
		final := map[string]challenge.State{}
		numbers := map[string]string{}
		mayApprove := map[string]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"start": func(*rapid.T) {
				if c, err := f.Start(name); err == nil {
					numbers[c.ID] = c.Number
				}
			},
			"answer": func(rt *rapid.T) {
				if len(numbers) == 0 {
					return
				}
				ids := make([]string, 0, len(numbers))
				for id := range numbers {
					ids = append(ids, id)
				}
				id := rapid.SampledFrom(ids).Draw(rt, "id")
				a := device.Answer(id, fmt.Sprint(rapid.IntRange(10, 99).Draw(rt, "number")))
				if rapid.Bool().Draw(rt, "right") {
					a.Number = numbers[id]
				}
				mayApprove[id] = mayApprove[id] || a.Number == numbers[id]
				if err := device.Send(a); err != nil {
					rt.Fatal(err)
				}
			},
			"wait": func(rt *rapid.T) { f.Clock.Move(time.Duration(rapid.IntRange(1, 90).Draw(rt, "s")) * time.Second) },
			"": func(rt *rapid.T) {
				for id := range numbers {
					c := f.Get(id)
					if was, ok := final[id]; ok && was != c.State {
						rt.Fatalf("%s went from %s to %s", id, was, c.State)
					}
					if c.Final() {
						final[id] = c.State
					}
					if c.State == challenge.Approved && !mayApprove[id] {
						rt.Fatalf("%s was approved without its number", id)
					}
				}
			},
		})
	})
}
