package challenge

import (
	"context"
	"errors"
	"time"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

const (
	// keepHistory is how long a user's challenges can be read after their end;
	// the audit log keeps what happened for longer.
	keepHistory = 90 * 24 * time.Hour
	// keepEnrolments is the same for the challenges of enrolments: a device that
	// was away asks how its own ended.
	keepEnrolments = 7 * 24 * time.Hour
	// keepDecoys is the same for what is nobody's: anybody can have made them.
	keepDecoys = 24 * time.Hour
	// keepSource is the longest window of the start limits.
	keepSource = 24 * time.Hour

	forgetBatch = 100 // records a step
	forgetSteps = 20  // steps at a time
)

// forgetting is what a Service sweeps.
type forgetting struct {
	challenges store.Sweep[record]
	sources    store.Sweep[budget]
	accounts   store.Sweep[account]
}

func (s *Service) forgetting() *forgetting {
	return &forgetting{
		challenges: store.Sweep[record]{
			Bucket: challenges, Batch: forgetBatch, Stale: s.old,
			Drop: func(tx store.Tx, id string, _ record) error { return challenges.Delete(tx, id) },
		},
		sources: store.Sweep[budget]{
			Bucket: sources, Batch: forgetBatch,
			Stale: func(_ store.Tx, _ string, b budget) (bool, error) { return !b.startedWithin(keepSource, s.Now()), nil },
			Drop:  func(tx store.Tx, source string, _ budget) error { return sources.Delete(tx, source) },
		},
		accounts: store.Sweep[account]{
			Bucket: accounts, Batch: forgetBatch, Stale: s.removed,
			Drop: func(tx store.Tx, user string, _ account) error { return accounts.Delete(tx, user) },
		},
	}
}

func (f *forgetting) run(ctx context.Context, in store.Store) error {
	return errors.Join(
		f.challenges.Run(ctx, in, forgetSteps),
		f.sources.Run(ctx, in, forgetSteps),
		f.accounts.Run(ctx, in, forgetSteps),
	)
}

// old tells a challenge that nobody asks about any more. One that is pending is
// none, however old: it must come to its end first.
func (s *Service) old(_ store.Tx, _ string, r record) (bool, error) {
	keep := keepHistory
	switch {
	case r.User == "":
		keep = keepDecoys
	case r.Enrolment != "":
		keep = keepEnrolments
	}
	return r.State != Pending && s.Now().Sub(r.ExpiresAt) > keep, nil
}

// removed tells the counters of a user who is no more. Ids are never given
// twice, so nothing is forgiven by it.
func (s *Service) removed(tx store.Tx, user string, _ account) (bool, error) {
	_, err := s.Directory.UserByID(tx, user)
	if errors.Is(err, directory.ErrUnknownUser) {
		return true, nil
	}
	return false, err
}

func (b budget) startedWithin(d time.Duration, now time.Time) bool {
	return len(b.Starts) > 0 && now.Sub(time.Unix(b.Starts[len(b.Starts)-1].At, 0)) <= d
}
