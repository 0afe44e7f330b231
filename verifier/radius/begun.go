package radius

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"countersign/verifier/store"
)

// begun remembers, on disk, the requests that asked for a second factor. A
// request that comes again after a crash is found here and refused: the push
// that it waited for may have been approved, and must let nobody in whom the
// server has forgotten.
var begun = store.NewBucket[time.Time]("radius_begun")

const (
	begunFor   = 10 * time.Minute // longer than any client sends again
	begunBatch = 500
)

func (k requestKey) String() string {
	sum := sha256.New()
	sum.Write([]byte(k.address.String()))
	sum.Write([]byte{0, k.identifier})
	sum.Write(k.authenticator[:])
	return hex.EncodeToString(sum.Sum(nil))
}

// begin takes a request down, and reports whether it is the first time.
func (s *Server) begin(ctx context.Context, key requestKey) (bool, error) {
	first := false
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		known, err := begun.Has(tx, key.String())
		if first = !known; err != nil || known {
			return err
		}
		return begun.Put(tx, key.String(), s.Now())
	})
	return first, err
}

// forgetBegun removes what is too old, until ctx is done.
func (s *Server) forgetBegun(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		if err := s.sweepBegun(ctx); err != nil && ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "forgetting old RADIUS requests", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) sweepBegun(ctx context.Context) error {
	for {
		var old []string
		err := s.Store.View(ctx, func(tx store.Tx) error {
			old = old[:0]
			return begun.Scan(tx, store.Range{}, func(key string, at time.Time) error {
				if s.Now().Sub(at) > begunFor {
					old = append(old, key)
				}
				if len(old) == begunBatch {
					return store.Stop
				}
				return nil
			})
		})
		if err != nil || len(old) == 0 {
			return err
		}
		err = s.Store.Update(ctx, func(tx store.Tx) error {
			for _, key := range old {
				if err := begun.Delete(tx, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(old) < begunBatch {
			return err
		}
	}
}
