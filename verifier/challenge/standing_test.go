package challenge_test

import (
	"testing"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

func standing(f *verifiertest.Fixture, user string) (s challenge.Standing, held []challenge.Standing) {
	f.T.Helper()
	err := f.Store.View(f.T.Context(), func(tx store.Tx) (err error) {
		if s, err = f.Challenges.Standing(tx, user); err != nil {
			return err
		}
		held, err = f.Challenges.Held(tx, 10)
		return err
	})
	if err != nil {
		f.T.Fatal(err)
	}
	return s, held
}

func TestStandingTellsOfReportsUntilTheyEnd(t *testing.T) {
	f := verifiertest.New(t)
	zoe := f.User("zoe")
	device := f.Enrolled(zoe)
	if s, held := standing(f, zoe.ID); s.Held() || len(held) != 0 {
		t.Fatalf("%+v before anything happened", s)
	}
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, "", func(a *message.Answer) { a.Decision = message.DecisionReport })); err != nil {
		t.Fatal(err)
	}
	s, held := standing(f, zoe.ID)
	if len(s.Blocks) != 1 || s.Blocks[0].Source != "192.0.2.7" || s.StartsToday != 1 || len(held) != 1 || held[0].User != zoe.ID {
		t.Fatalf("%+v, held %v", s, held)
	}
	if want := f.Clock.Now().Add(challenge.DefaultLimits().ReportBlock); !s.Blocks[0].Until.Equal(want) {
		t.Errorf("blocked until %v, not %v", s.Blocks[0].Until, want)
	}
	f.Clock.Move(25 * time.Hour)
	if s, held := standing(f, zoe.ID); s.Held() || len(held) != 0 || s.StartsToday != 0 {
		t.Errorf("%+v a day later", s)
	}
}

func TestStandingTellsOfLocks(t *testing.T) {
	limits := challenge.DefaultLimits()
	limits.WrongNumbers = 1
	f := verifiertest.NewWith(t, limits)
	zoe := f.User("zoe")
	device := f.Enrolled(zoe)
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, "00")); err != nil {
		t.Fatal(err)
	}
	s, held := standing(f, zoe.ID)
	if s.PushLocked.IsZero() || s.WrongNumbers != 1 || len(held) != 1 {
		t.Fatalf("%+v, held %v", s, held)
	}
	if err := f.Challenges.Release(t.Context(), "test", zoe.ID); err != nil {
		t.Fatal(err)
	}
	if s, held := standing(f, zoe.ID); s.Held() || len(held) != 0 {
		t.Errorf("%+v after its release", s)
	}
}
