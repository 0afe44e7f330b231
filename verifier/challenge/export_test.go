package challenge

import (
	"context"
	"time"

	"countersign/verifier/store"
)

// Tidy does at once what Run does at every tick.
func (s *Service) Tidy(ctx context.Context) error {
	if err := s.sweep(ctx); err != nil {
		return err
	}
	return s.forgetting().run(ctx, s.Store)
}

// Stored counts the records of this package's buckets.
func Stored(tx store.Tx) (map[string]int, error) {
	n := map[string]int{}
	for _, err := range []error{
		count(tx, challenges, n, "challenges"), count(tx, sources, n, "sources"),
		count(tx, accounts, n, "accounts"), count(tx, pendings, n, "pending"),
	} {
		if err != nil {
			return nil, err
		}
	}
	return n, nil
}

func count[T any](tx store.Tx, b store.Bucket[T], n map[string]int, name string) error {
	return b.Scan(tx, store.Range{}, func(string, T) error { n[name]++; return nil })
}

// Orphan makes an entry of the pending ones that has no challenge, as a damaged
// store might.
func Orphan(tx store.Tx, id string) error { return pendings.Put(tx, id, time.Time{}) }
