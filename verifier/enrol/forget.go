package enrol

import (
	"context"
	"errors"
	"time"

	"countersign/verifier/store"
)

const (
	sweepEvery = 30 * time.Second
	sweepBatch = 100 // records a step
	sweepSteps = 20  // steps at a time
	// keep is how long after its end an enrolment can be read: longer than any
	// page that shows it lives.
	keep = 7 * 24 * time.Hour
)

// Run ends links that nobody took and forgets what is old, until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	sweep := s.sweeping()
	for {
		if err := sweep.Run(ctx, s.Store, sweepSteps); err != nil && ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "ending old enrolments", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *Service) sweeping() *store.Sweep[record] {
	return &store.Sweep[record]{
		Bucket: enrolments, Batch: sweepBatch,
		Stale: func(_ store.Tx, _ string, r record) (bool, error) { return s.unused(r) || s.old(r), nil },
		Drop: func(tx store.Tx, _ string, r record) error {
			if s.old(r) {
				return forget(tx, r)
			}
			r.State = Expired // its secret goes now, not only when the record does
			return s.end(tx, r)
		},
	}
}

// unused tells a link whose time is over without a device.
func (s *Service) unused(r record) bool { return r.State == Waiting && s.Now().After(r.ExpiresAt) }

func (s *Service) old(r record) bool { return s.Now().Sub(r.ExpiresAt) > keep }

func forget(tx store.Tx, r record) error {
	err := enrolments.Delete(tx, r.ID)
	if r.Device.ID == "" || err != nil {
		return err
	}
	// The key may have come back with another link since.
	id, err := candidates.Get(tx, string(r.Device.ID))
	if errors.Is(err, store.ErrNotFound) || err == nil && id != r.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return candidates.Delete(tx, string(r.Device.ID))
}
