package enrol

import (
	"context"

	"countersign/verifier/store"
)

// Tidy does at once what Run does at every tick.
func (s *Service) Tidy(ctx context.Context) error { return s.sweeping().Run(ctx, s.Store, sweepSteps) }

// Stored counts the enrolments, and those of them that still hold a link's
// secret.
func Stored(tx store.Tx) (all, secrets int, err error) {
	err = enrolments.Scan(tx, store.Range{}, func(_ string, r record) error {
		all++
		if len(r.Secret) > 0 {
			secrets++
		}
		return nil
	})
	return all, secrets, err
}
