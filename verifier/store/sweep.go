package store

import (
	"context"
	"errors"
	"fmt"
)

// Sweep forgets old records of one bucket, a bounded batch at a time, in a
// circle through its keys: no index by time has to be kept for it, and no
// transaction that somebody waits for does its work. It is used by one goroutine.
type Sweep[T any] struct {
	// Bucket is swept by its owner alone.
	Bucket Bucket[T]
	// Batch is how many records one step looks at.
	Batch int
	// Stale says whether a record is to go. It reads and does not write.
	Stale func(tx Tx, key string, v T) (bool, error)
	// Drop does away with a record that is stale, with whatever belongs to it.
	Drop func(tx Tx, key string, v T) error

	after string // the last key looked at; empty at the start of the circle
}

// Run takes steps for as long as they find something, at most so many: what
// comes faster than one step at a time goes must not grow for ever, either.
func (s *Sweep[T]) Run(ctx context.Context, in Store, most int) error {
	for range most {
		dropped, err := s.step(ctx, in)
		if err != nil {
			return fmt.Errorf("sweeping %s: %w", s.Bucket.name, err)
		}
		if dropped == 0 {
			return nil
		}
	}
	return nil
}

// step looks at the next batch, and tells how many of it went.
func (s *Sweep[T]) step(ctx context.Context, in Store) (int, error) {
	var stale []string
	var looked int
	var last string
	err := in.View(ctx, func(tx Tx) error {
		stale, looked, last = nil, 0, ""
		return s.Bucket.Scan(tx, Range{After: s.after, Limit: s.Batch}, func(key string, v T) error {
			looked, last = looked+1, key
			is, err := s.Stale(tx, key, v)
			if is {
				stale = append(stale, key)
			}
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	if s.after = last; looked < s.Batch {
		s.after = ""
	}
	if len(stale) == 0 {
		return 0, nil
	}
	return len(stale), in.Update(ctx, func(tx Tx) error {
		for _, key := range stale {
			if err := s.drop(tx, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// drop looks once more: the record may have changed since the batch was read.
func (s *Sweep[T]) drop(tx Tx, key string) error {
	v, err := s.Bucket.Get(tx, key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := s.Stale(tx, key, v)
	if err != nil || !is {
		return err
	}
	return s.Drop(tx, key, v)
}
