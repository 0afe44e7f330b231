package enrol_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

// begun is a link and the device that opens it.
type begun struct {
	f      *verifiertest.Fixture
	link   message.Link
	device *verifiertest.Device
}

func begin(t *testing.T, f *verifiertest.Fixture, req enrol.Request) begun {
	t.Helper()
	link, _, err := f.Enrolments.Begin(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return begun{f, link, f.NewDevice()}
}

// come sends the device's Enrol.
func (b begun) come() error {
	m := message.Enrol{
		Claims:    message.NewClaims(b.device.Signing.Thumbprint(), b.link.Verifier, b.f.Clock.Now(), time.Minute),
		About:     message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: message.MinAppVersion},
		Enrolment: b.link.ID, Encryption: b.device.Encryption.Public(), Name: "a phone",
	}
	var err error
	if m.MAC, err = message.EnrolMAC(b.link.Secret, m); err != nil {
		return err
	}
	return b.f.Enrolments.Handle(context.Background(), b.device.Signing.Public(), m)
}

// answer types the number that the page shows, and gives what the device is told.
func (b begun) answer(t *testing.T) message.Outcome {
	t.Helper()
	asked, ok := verifiertest.Last[message.Challenge](b.device)
	if !ok {
		t.Fatal("the device was not asked")
	}
	if err := b.device.Send(b.device.Answer(asked.ID, b.get(t).Number)); err != nil {
		t.Fatal(err)
	}
	outcome, ok := verifiertest.Last[message.Outcome](b.device)
	if !ok {
		t.Fatal("the device was told nothing")
	}
	return outcome
}

func (b begun) get(t *testing.T) enrol.Enrolment {
	t.Helper()
	e, err := b.f.Enrolments.Get(context.Background(), b.link.ID, enrol.Enrolment{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func devices(t *testing.T, f *verifiertest.Fixture, user directory.User) (n int) {
	t.Helper()
	err := f.Store.View(context.Background(), func(tx store.Tx) error {
		found, err := f.Directory.Devices(tx, user.ID)
		n = len(found)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whoever holds the earlier secret would else find that their codes have ended.
func TestALinkDoesNotReplaceACodeGeneratorThatCameMeanwhile(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	b := begin(t, f, enrol.Request{User: user.ID, Actor: "test", TOTP: true})
	secret := []byte("12345678901234567890")
	f.Update(func(tx store.Tx) error { return f.Directory.RegisterTOTP(tx, user.ID, secret) })
	if err := b.come(); err != nil {
		t.Fatal(err)
	}
	if o := b.answer(t); o.State != message.StateApproved || o.Account == nil || o.Account.TOTP {
		t.Errorf("told %+v with %+v", o, o.Account)
	}
	key := otp.Defaults(otp.TOTP)
	key.Secret = otp.Secret(secret)
	code, err := key.Code(f.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	f.Update(func(tx store.Tx) error {
		ok, err := f.Directory.CheckTOTP(tx, user.ID, code, f.Clock.Now())
		if !ok {
			t.Error("the code of the secret that was registered first is refused")
		}
		return err
	})
}

func TestADisabledUserGetsNoDevice(t *testing.T) {
	disable := func(f *verifiertest.Fixture, user directory.User) {
		f.Update(func(tx store.Tx) error {
			user.Disabled = true
			return f.Directory.PutUser(tx, user)
		})
	}
	t.Run("before the device comes", func(t *testing.T) {
		f := verifiertest.New(t)
		user := f.User("zoe")
		b := begin(t, f, enrol.Request{User: user.ID, Actor: "test"})
		disable(f, user)
		if err := b.come(); !errors.Is(err, enrol.ErrRefused) {
			t.Errorf("%v, want ErrRefused", err)
		}
	})
	t.Run("before the number is typed", func(t *testing.T) {
		f := verifiertest.New(t)
		user := f.User("zoe")
		b := begin(t, f, enrol.Request{User: user.ID, Actor: "test"})
		if err := b.come(); err != nil {
			t.Fatal(err)
		}
		disable(f, user)
		if o := b.answer(t); o.State == message.StateApproved {
			t.Errorf("told %+v", o)
		}
		if n := devices(t, f, user); n != 0 || b.get(t).State != enrol.Refused {
			t.Errorf("%d devices, %+v", n, b.get(t))
		}
	})
}

// A device whose right number enrolled nothing must not believe that it is
// enrolled.
func TestADeviceTooManyIsToldSo(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	for range directory.MaxDevices - 1 {
		f.Enrolled(user)
	}
	first := begin(t, f, enrol.Request{User: user.ID, Actor: "test"})
	second := begin(t, f, enrol.Request{User: user.ID, Actor: "test"})
	for _, b := range []begun{first, second} {
		if err := b.come(); err != nil {
			t.Fatal(err)
		}
	}
	if o := first.answer(t); o.State != message.StateApproved {
		t.Errorf("the fifth was told %+v", o)
	}
	if o := second.answer(t); o.State != message.StateDenied || o.Reason != message.ReasonTooManyDevices {
		t.Errorf("the sixth was told %+v", o)
	}
	if n := devices(t, f, user); n != directory.MaxDevices {
		t.Errorf("%d devices", n)
	}
}

func TestTwoFirstLinksEnrolOne(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	own := begin(t, f, enrol.Request{User: user.ID, Actor: "test", First: true})
	thief := begin(t, f, enrol.Request{User: user.ID, Actor: "test", First: true})
	for _, b := range []begun{own, thief} {
		if err := b.come(); err != nil {
			t.Fatal(err)
		}
	}
	if o := own.answer(t); o.State != message.StateApproved {
		t.Errorf("told %+v", o)
	}
	if o := thief.answer(t); o.State != message.StateDenied || o.Reason != message.ReasonEnrolmentUnknown {
		t.Errorf("told %+v", o)
	}
}

func TestOldEnrolmentsAreForgotten(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	begin(t, f, enrol.Request{User: user.ID, Actor: "test"}) // which nobody takes
	taken := begin(t, f, enrol.Request{User: user.ID, Actor: "test"})
	if err := taken.come(); err != nil {
		t.Fatal(err)
	}
	if o := taken.answer(t); o.State != message.StateApproved {
		t.Fatalf("told %+v", o)
	}
	for _, step := range []struct {
		name         string
		wait         time.Duration
		all, secrets int
	}{
		{"while a link is good", 0, 2, 1},
		{"when its time is over, its secret goes", message.EnrolmentLifetime + time.Second, 2, 0},
		{"and a week later all of it", 7 * 24 * time.Hour, 0, 0},
	} {
		f.Clock.Move(step.wait)
		if err := f.Enrolments.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := f.Store.View(t.Context(), func(tx store.Tx) error {
			all, secrets, err := enrol.Stored(tx)
			if all != step.all || secrets != step.secrets {
				t.Errorf("%s: %d stored, %d with a secret; want %d and %d", step.name, all, secrets, step.all, step.secrets)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAUsersOwnLinksCanBeCancelledAtOnce(t *testing.T) {
	f := verifiertest.New(t)
	user, other := f.User("zoe"), f.User("kim")
	waiting := begin(t, f, enrol.Request{User: user.ID, Actor: user.ID})
	asked := begin(t, f, enrol.Request{User: user.ID, Actor: user.ID})
	fromAdmin := begin(t, f, enrol.Request{User: user.ID, Actor: "ada"})
	others := begin(t, f, enrol.Request{User: other.ID, Actor: other.ID})
	if err := asked.come(); err != nil {
		t.Fatal(err)
	}
	number := asked.get(t).Number
	var tell func(context.Context) error
	f.Update(func(tx store.Tx) (err error) {
		tell, err = f.Enrolments.CancelOwn(tx, user.ID)
		return err
	})
	// The device's number comes before anybody could tell it.
	m, ok := verifiertest.Last[message.Challenge](asked.device)
	if !ok {
		t.Fatal("the device was not asked")
	}
	if err := asked.device.Send(asked.device.Answer(m.ID, number)); err != nil {
		t.Fatal(err)
	}
	if o, ok := verifiertest.Last[message.Outcome](asked.device); !ok || o.State != message.StateDenied || devices(t, f, user) != 0 {
		t.Errorf("told %+v, %d devices", o, devices(t, f, user))
	}
	if err := tell(t.Context()); err != nil {
		t.Error(err)
	}
	for _, b := range []begun{waiting, asked} {
		if e := b.get(t); e.State != enrol.Expired || e.Number != "" {
			t.Errorf("%+v", e)
		}
	}
	if err := waiting.come(); err == nil {
		t.Error("a cancelled link takes a device")
	}
	for _, b := range []begun{fromAdmin, others} {
		if e := b.get(t); e.State != enrol.Waiting {
			t.Errorf("%+v", e)
		}
	}
}

func TestACancelledLinkTakesTheQuestionBack(t *testing.T) {
	f := verifiertest.New(t)
	user := f.User("zoe")
	b := begin(t, f, enrol.Request{User: user.ID, Actor: user.ID})
	if err := b.come(); err != nil {
		t.Fatal(err)
	}
	var tell func(context.Context) error
	f.Update(func(tx store.Tx) (err error) {
		tell, err = f.Enrolments.CancelOwn(tx, user.ID)
		return err
	})
	if err := tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o, ok := verifiertest.Last[message.Outcome](b.device); !ok || o.State != message.StateCancelled {
		t.Errorf("told %+v", o)
	}
}
