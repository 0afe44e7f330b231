package challenge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

// resetting is an administrator who has forgotten their password.
type resetting struct {
	*verifiertest.Fixture
	user          directory.User
	device, other *verifiertest.Device
	secret        []byte
}

func newResetting(t *testing.T) *resetting {
	t.Helper()
	r := &resetting{Fixture: verifiertest.New(t), secret: []byte("12345678901234567890")}
	r.user = r.User("ada")
	r.user.Admin = true
	r.device, r.other = r.Enrolled(r.user), r.Enrolled(r.user)
	r.Update(func(tx store.Tx) error {
		return errors.Join(r.Directory.PutUser(tx, r.user), r.Directory.RegisterTOTP(tx, r.user.ID, r.secret))
	})
	return r
}

func (r *resetting) start(edit ...func(*challenge.Request)) challenge.Challenge {
	r.T.Helper()
	return r.MustStart("ada", append(edit, func(req *challenge.Request) { req.Scenario = policy.ScenarioSSPR })...)
}

func verified(a *message.Answer) { a.UserVerification = true }

func (r *resetting) send(d *verifiertest.Device, a message.Answer) {
	r.T.Helper()
	if err := d.Send(a); err != nil {
		r.T.Fatal(err)
	}
}

func (r *resetting) told(d *verifiertest.Device) message.Outcome {
	r.T.Helper()
	o, ok := verifiertest.Last[message.Outcome](d)
	if !ok {
		r.T.Fatal("the device was told nothing")
	}
	return o
}

func TestAnAdministratorsResetTakesTwoMethods(t *testing.T) {
	r := newResetting(t)
	// Even asked for by code: the push comes first.
	c := r.start(func(req *challenge.Request) { req.Method = policy.MethodTOTP })
	if c.Experience != policy.NumberMatch || c.Number == "" {
		t.Fatalf("asks %+v", c)
	}
	if _, err := r.Challenges.Code(t.Context(), r.Web.ID, c.ID, totp(t, r.secret, r.Clock.Now())); !errors.Is(err, challenge.ErrNotTOTP) {
		t.Errorf("a code before the push: %v", err)
	}
	r.Clock.Move(50 * time.Second)
	answer := r.device.Answer(c.ID, c.Number, verified)
	r.send(r.device, answer)
	got := r.Get(c.ID)
	if got.State != challenge.Pending || got.Experience != policy.TOTP || got.Number != "" ||
		got.Reason != string(policy.ReasonSecondMethodRequired) || !got.ExpiresAt.Equal(c.CreatedAt.Add(message.Lifetime)) {
		t.Fatalf("after the push: %+v", got)
	}
	for _, d := range []*verifiertest.Device{r.device, r.other} {
		if o := r.told(d); o.State != message.StateApproved || o.Challenge != c.ID {
			t.Errorf("a device was told %+v", o)
		}
	}
	// What comes late changes nothing: a resend, another approval, a Sync.
	r.send(r.device, answer)
	r.send(r.other, r.other.Answer(c.ID, c.Number, verified))
	asked := len(r.Post.To(r.other.Signing.Thumbprint()))
	if err := r.Challenges.Repeat(t.Context(), r.other.Signing.Thumbprint(), c.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.Challenges.AskAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sent := r.Post.To(r.other.Signing.Thumbprint()); len(sent) != asked+1 || r.told(r.other).State != message.StateApproved {
		t.Errorf("asked again: %+v", sent[asked:])
	}
	right := totp(t, r.secret, r.Clock.Now())
	if _, err := r.Challenges.Code(t.Context(), r.Web.ID, c.ID, wrongCode(right)); !errors.Is(err, challenge.ErrWrongCode) {
		t.Errorf("a wrong code: %v", err)
	}
	if got, err := r.Challenges.Code(t.Context(), r.Web.ID, c.ID, right); err != nil || got.State != challenge.Approved {
		t.Errorf("the right code: %+v, %v", got, err)
	}
}

func TestOneMethodResetsNoAdministratorsPassword(t *testing.T) {
	r := newResetting(t)
	r.Update(func(tx store.Tx) error { return r.Directory.RemoveTOTP(tx, r.user.ID) })
	c := r.start()
	r.send(r.device, r.device.Answer(c.ID, c.Number, verified))
	got := r.Get(c.ID)
	if got.State != challenge.Denied || got.Reason != string(policy.ReasonSecondMethodRequired) {
		t.Errorf("with a push alone: %+v", got)
	}
	if o := r.told(r.device); o.State != message.StateDenied || o.Reason != string(policy.ReasonSecondMethodRequired) {
		t.Errorf("the device was told %+v", o)
	}
	r.Update(func(tx store.Tx) error {
		return errors.Join(r.Directory.RegisterTOTP(tx, r.user.ID, r.secret), r.Directory.RemoveDevice(tx, r.device.Signing.Thumbprint()), r.Directory.RemoveDevice(tx, r.other.Signing.Thumbprint()))
	})
	if c := r.start(); c.State != challenge.Denied || c.Experience != policy.None || c.Reason != string(policy.ReasonMethodNotRegistered) {
		t.Errorf("with codes alone: %+v", c)
	}
}

func TestAUserWithARoleIsAnAdministratorForAReset(t *testing.T) {
	r := newResetting(t)
	r.user.Admin, r.user.Roles = false, []string{"62e90394-69f5-4237-9190-012177145e10"}
	r.Update(func(tx store.Tx) error { return r.Directory.PutUser(tx, r.user) })
	c := r.start()
	r.send(r.device, r.device.Answer(c.ID, c.Number, verified))
	if got := r.Get(c.ID); got.State != challenge.Pending || got.Experience != policy.TOTP {
		t.Errorf("%+v", got)
	}
}

func TestAResetThatIsHalfwayCanStillFail(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(*resetting, string)
		state  challenge.State
		reason string
	}{
		"nobody types the code": {func(r *resetting, _ string) { r.Clock.Move(message.Lifetime + time.Second) }, challenge.Expired, ""},
		"another device reports it": {func(r *resetting, id string) {
			r.send(r.other, r.other.Answer(id, "", report))
		}, challenge.Denied, message.ReasonReported},
		"too many wrong codes": {func(r *resetting, id string) {
			wrong := wrongCode(totp(r.T.(*testing.T), r.secret, r.Clock.Now()))
			for range challenge.DefaultLimits().WrongCodes {
				_, _ = r.Challenges.Code(context.Background(), r.Web.ID, id, wrong)
			}
		}, challenge.Denied, message.ReasonLocked},
		"the codes are removed": {func(r *resetting, id string) {
			r.Update(func(tx store.Tx) error { return r.Directory.RemoveTOTP(tx, r.user.ID) })
			_, _ = r.Challenges.Code(context.Background(), r.Web.ID, id, "123456")
		}, challenge.Cancelled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResetting(t)
			c := r.start()
			r.send(r.device, r.device.Answer(c.ID, c.Number, verified))
			test.do(r, c.ID)
			reason := r.Get(c.ID).Reason
			if got := r.Get(c.ID); got.State != test.state || test.state == challenge.Denied && reason != test.reason {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAReportOfAResetThatIsHalfwayBlocksItsSource(t *testing.T) {
	r := newResetting(t)
	c := r.start()
	r.send(r.device, r.device.Answer(c.ID, c.Number, verified))
	r.send(r.other, r.other.Answer(c.ID, "", report))
	if s, _ := standing(r.Fixture, r.user.ID); len(s.Blocks) != 1 {
		t.Errorf("%+v", s)
	}
}

// Who waits for the answer learns that it is time to ask for the code.
func TestAWaiterLearnsThatTheCodeIsNext(t *testing.T) {
	r := newResetting(t)
	c := r.start()
	got := make(chan challenge.Challenge)
	go func() {
		c, err := r.Challenges.Get(context.Background(), r.Web.ID, c.ID, time.Minute)
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	r.send(r.device, r.device.Answer(c.ID, c.Number, verified))
	if c := <-got; c.State != challenge.Pending || c.Experience != policy.TOTP {
		t.Errorf("%+v", c)
	}
}
