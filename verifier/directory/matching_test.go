package directory_test

import (
	"strings"
	"testing"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

func TestMatchingIsWhatADynamicGroupHolds(t *testing.T) {
	f := newFixture(t)
	f.update(func(tx store.Tx) error {
		for name, department := range map[string]string{"zoe": "Sales", "adam": "sales", "eve": "Finance"} {
			if _, err := f.CreateUser(tx, directory.User{Name: name, Attributes: map[string]string{"department": department}}); err != nil {
				return err
			}
		}
		return nil
	})
	f.view(func(tx store.Tx) error {
		users, err := f.Matching(tx, `user.department -eq "Sales"`, 10)
		if len(users) != 2 || users[0].Name != "adam" || users[1].Name != "zoe" {
			t.Errorf("%v", users)
		}
		if users, _ := f.Matching(tx, `user.department -eq "Sales"`, 1); len(users) != 1 {
			t.Errorf("%d users, not 1", len(users))
		}
		return err
	})
	f.refused("a broken rule", directory.ErrInvalid, func(tx store.Tx) error { _, err := f.Matching(tx, `user.department -eq`, 1); return err })
}

func TestASearchGoesThroughAllPages(t *testing.T) {
	f := newFixture(t)
	f.update(func(tx store.Tx) error {
		for _, name := range []string{"ada", "Bob", "ＺＯＥ", "zed", "eve"} { // one in full width, which names fold
			if _, err := f.CreateUser(tx, directory.User{Name: name, DisplayName: "Somebody " + name}); err != nil {
				return err
			}
		}
		return nil
	})
	f.view(func(tx store.Tx) error {
		var names []string
		for after, more := "", true; more; more = after != "" {
			users, next, err := f.Search(tx, "SOMEBODY", after, 2)
			if err != nil {
				return err
			}
			for _, u := range users {
				names = append(names, u.Name)
			}
			after = next
		}
		if got := strings.Join(names, " "); got != "ada Bob eve zed ＺＯＥ" {
			t.Errorf("found %s", got)
		}
		for query, want := range map[string]int{"": 5, "BOB": 1, "zoe": 1, "z": 2, "nobody": 0} {
			if users, _, err := f.Search(tx, query, "", 10); len(users) != want || err != nil {
				t.Errorf("%q finds %d users, not %d: %v", query, len(users), want, err)
			}
		}
		return nil
	})
}
