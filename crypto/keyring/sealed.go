package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// sealed is a Store for platforms that keep a key but no values: each item is
// a file, sealed by that key. Calls are bounded as the system's are, since the
// hardware behind the key may be slow or hang.
type sealed struct {
	items items
	calls *bounded
}

// NewSealed returns a Store of files in opts.Dir, which is made if need be
// (0700), each sealed by opts.Sealer.
func NewSealed(opts SystemOptions) (Store, error) {
	if opts.Dir == "" || opts.Sealer == nil {
		return nil, errors.New("keyring: a store of sealed files needs Dir and Sealer")
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the keyring's folder: %w", err)
	}
	return &sealed{items: items{dir: opts.Dir, sealer: opts.Sealer}, calls: newBounded(opts.Timeout)}, nil
}

// Get implements Store.
func (s *sealed) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ready(ctx, key); err != nil {
		return nil, err
	}
	return s.calls.get(ctx, func() ([]byte, error) { return s.items.get(key) })
}

// Set implements Store.
func (s *sealed) Set(ctx context.Context, key string, value []byte) error {
	if err := checkItem(key, value); err != nil {
		return err
	}
	if err := ready(ctx, key); err != nil {
		return err
	}
	value = append([]byte{}, value...) // the caller may be gone before the call ends
	return s.calls.do(ctx, func() error { return s.items.set(key, value) })
}

// Delete implements Store.
func (s *sealed) Delete(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	return s.calls.do(ctx, func() error { return s.items.delete(key) })
}
