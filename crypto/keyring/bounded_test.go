package keyring

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A prompt that nobody answers blocks the platform's call for ever; the caller
// must get away after the time-out, and be told that nothing is known.
func TestABlockedKeyringIsUnavailableAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(10 * time.Second)
		prompt := make(chan struct{})
		start := time.Now()
		err := b.do(t.Context(), func() error { <-prompt; return nil })
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want ErrUnavailable and DeadlineExceeded", err)
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited %v, want 10s", waited)
		}
		close(prompt)
	})
}

// If a second write could begin while the first still waits for its prompt,
// the first would overwrite it when the prompt is answered at last.
func TestNoCallBeginsWhileAnAbandonedOneRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(10 * time.Second)
		prompt := make(chan struct{})
		_ = b.do(t.Context(), func() error { <-prompt; return nil })

		began := false
		err := b.do(t.Context(), func() error { began = true; return nil })
		if !errors.Is(err, ErrUnavailable) || began {
			t.Errorf("second call: error %v, began %v; want ErrUnavailable and not begun", err, began)
		}

		close(prompt) // the person answers; the keyring is free again
		synctest.Wait()
		if err := b.do(t.Context(), func() error { began = true; return nil }); err != nil || !began {
			t.Errorf("third call: error %v, began %v; want it to run", err, began)
		}
	})
}

func TestTheCallersOwnContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		prompt := make(chan struct{})
		start := time.Now()
		err := b.do(ctx, func() error { <-prompt; return nil })
		if !errors.Is(err, ErrUnavailable) || time.Since(start) != time.Second {
			t.Errorf("error %v after %v, want ErrUnavailable after 1s", err, time.Since(start))
		}
		close(prompt)
	})
}

func TestACallsErrorIsPassedOn(t *testing.T) {
	b := newBounded(time.Minute)
	if err := b.do(t.Context(), func() error { return ErrNotFound }); !errors.Is(err, ErrNotFound) {
		t.Errorf("error = %v, want ErrNotFound", err)
	}
}
