package challenge_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"countersign/verifier/challenge"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

const day = 24 * time.Hour

func tidy(t *testing.T, f *verifiertest.Fixture) map[string]int {
	t.Helper()
	if err := f.Challenges.Tidy(context.Background()); err != nil {
		t.Fatal(err)
	}
	var n map[string]int
	err := f.Store.View(context.Background(), func(tx store.Tx) (err error) {
		n, err = challenge.Stored(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	f := verifiertest.New(t)
	zoe, ann := f.User("zoe"), f.User("ann")
	device := f.Enrolled(zoe)
	f.Enrolled(ann)
	c := f.MustStart("zoe")
	if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	f.MustStart("nobody", byName)
	f.MustStart("ann", byName)
	for _, step := range []struct {
		name string
		wait time.Duration
		then func()
		want map[string]int
	}{
		{"nothing yet", 0, nil, map[string]int{"challenges": 3, "sources": 1, "accounts": 2, "pending": 2}},
		{"what is due expires", 2 * time.Minute, nil, map[string]int{"challenges": 3, "sources": 1, "accounts": 2}},
		{"a source and a decoy after a day", day, nil, map[string]int{"challenges": 2, "accounts": 2}},
		{"a removed user's counters", 0, func() {
			f.Update(func(tx store.Tx) error { return f.Directory.DeleteUser(tx, ann.ID) })
		}, map[string]int{"challenges": 2, "accounts": 1}},
		{"a user's history after three months", 90 * day, nil, map[string]int{"accounts": 1}},
	} {
		f.Clock.Move(step.wait)
		if step.then != nil {
			step.then()
		}
		if got := tidy(t, f); !maps.Equal(got, step.want) {
			t.Errorf("%s: stored %v, want %v", step.name, got, step.want)
		}
	}
	if history, err := f.Challenges.History(context.Background(), zoe.ID, 10); err != nil || len(history) != 0 {
		t.Errorf("history %v, %v", history, err)
	}
}

// The user's recent sign-ins, as the account's page shows them.
func TestHistoryIsTheUsersLatestFirst(t *testing.T) {
	f := verifiertest.New(t)
	zoe, ann := f.User("zoe"), f.User("ann")
	if c := f.MustStart("zoe"); c.State != challenge.Denied { // without a method: nothing that was asked of her
		t.Fatalf("a start without a method is %s", c.State)
	}
	device := f.Enrolled(zoe)
	f.Enrolled(ann)
	var want []string
	for range 3 {
		f.Clock.Move(time.Second)
		c := f.MustStart("zoe")
		if err := device.Send(device.Answer(c.ID, c.Number)); err != nil {
			t.Fatal(err)
		}
		want = append([]string{c.ID}, want...)
		f.MustStart("ann")
		f.Clock.Move(2 * time.Minute)
	}
	for _, limit := range []int{2, 10} {
		history, err := f.Challenges.History(context.Background(), zoe.ID, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range history {
			got = append(got, c.ID)
			if c.State != challenge.Approved {
				t.Errorf("%s is %s", c.ID, c.State)
			}
		}
		if !slices.Equal(got, want[:min(limit, len(want))]) {
			t.Errorf("the latest %d: %v, want %v", limit, got, want)
		}
	}
}

func TestOneChallengeThatCannotExpireHoldsUpNoOther(t *testing.T) {
	f := verifiertest.New(t)
	f.Enrolled(f.User("zoe"))
	f.Update(func(tx store.Tx) error { return challenge.Orphan(tx, "0000000000000000") })
	c := f.MustStart("zoe")
	f.Clock.Move(2 * time.Minute)
	if got := tidy(t, f); got["pending"] != 0 {
		t.Errorf("%d entries are still pending", got["pending"])
	}
	if got := f.Get(c.ID); got.State != challenge.Expired {
		t.Errorf("%s", got.State)
	}
}
