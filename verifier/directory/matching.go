package directory

import (
	"strings"

	"countersign/verifier/directory/membership"
	"countersign/verifier/store"
)

// Matching gives the users whom a membership rule makes members, at most so
// many, in the order of their names: what a dynamic group would hold. A rule
// that does not read is ErrInvalid with the place where it does not.
func (d *Directory) Matching(tx store.Tx, rule string, most int) ([]User, error) {
	parsed, err := membership.Parse(rule)
	if err != nil {
		return nil, badRule(err)
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

// maxSearched bounds a search that finds little: the rest is one call on.
const maxSearched = 20_000

// Search gives a page of the users whose name, display name or id has the query
// in it, without case, in the order of their names. next is the after of the
// page that follows, empty where there is no more; a page may be short, even
// empty, and still have one.
func (d *Directory) Search(tx store.Tx, query, after string, most int) (found []User, next string, err error) {
	query = strings.ToLower(query)
	looked := 0
	err = d.userNames.Scan(tx, store.Range{After: after}, func(name, id string) error {
		if len(found) == most || looked == maxSearched {
			next = after
			return store.Stop
		}
		after = name
		looked++
		u, err := d.UserByID(tx, id)
		if err != nil {
			return err
		}
		if strings.Contains(name, query) || strings.Contains(strings.ToLower(u.DisplayName), query) || strings.ToLower(id) == query {
			found = append(found, u)
		}
		return nil
	})
	return found, next, err
}
