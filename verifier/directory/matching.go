package directory

import (
	"fmt"

	"countersign/verifier/directory/membership"
	"countersign/verifier/store"
)

// Matching gives the users whom a membership rule makes members, at most so
// many, in the order of their names: what a dynamic group would hold. A rule
// that does not read is ErrInvalid with the place where it does not.
func (d *Directory) Matching(tx store.Tx, rule string, most int) ([]User, error) {
	parsed, err := membership.Parse(rule)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	var users []User
	err = d.ListUsers(tx, store.Range{}, func(u User) error {
		if parsed.Match(u.property) {
			users = append(users, u)
		}
		if len(users) == most {
			return store.Stop
		}
		return nil
	})
	return users, err
}
