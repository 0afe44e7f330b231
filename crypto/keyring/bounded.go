package keyring

import (
	"context"
	"fmt"
	"time"
)

// DefaultTimeout bounds one call to a system's keyring: long enough for a
// person to type the keyring's password, short enough that a prompt which
// nobody sees does not hang the app for ever.
const DefaultTimeout = 60 * time.Second

// ready is the gate of every call: a valid name, and a caller that still waits.
func ready(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// bounded runs calls that cannot be cancelled, one at a time, each for at most
// timeout as far as its caller is concerned.
//
// A call that was given up goes on in its goroutine, since a D-Bus prompt
// cannot be taken back. Until it ends no other call begins: else a Set that a
// person unlocks a minute late would overwrite the value of the one after it.
// So there is never more than one such goroutine.
type bounded struct {
	timeout time.Duration
	turn    chan struct{} // holds one token while a call runs
}

func newBounded(timeout time.Duration) *bounded {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return &bounded{timeout: timeout, turn: make(chan struct{}, 1)}
}

// do runs call and returns its error; or ErrUnavailable, with the context's
// own error in it, when ctx ends or the time-out passes first. call may outlive
// its caller, so it must not write to the caller's variables, nor read what the
// caller may change.
func (b *bounded) do(ctx context.Context, call func() error) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: an earlier call still waits for the system's keyring: %w", ErrUnavailable, ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-b.turn }()
		done <- call()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: the system's keyring did not answer in time; is a prompt waiting to be unlocked? %w", ErrUnavailable, ctx.Err())
	}
}

// get is do for a call with a result, which its caller sees only if it waited.
func (b *bounded) get(ctx context.Context, call func() ([]byte, error)) ([]byte, error) {
	result := make(chan []byte, 1)
	err := b.do(ctx, func() error {
		value, err := call()
		result <- value
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-result, nil
}
