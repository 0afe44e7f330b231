//go:build !android && !ios && !js

package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	gokeyring "github.com/zalando/go-keyring"
)

// system is the desktop's keyring: Secret Service, Keychain or Credential
// Manager. Values travel in base64, since some of them take text only.
type system struct {
	service string
	calls   *bounded
}

// NewSystem returns the platform's keyring. It does not touch it yet: ask
// Probe whether it works.
func NewSystem(opts SystemOptions) (Store, error) {
	if err := checkService(opts.Service); err != nil {
		return nil, err
	}
	return &system{service: opts.Service, calls: newBounded(opts.Timeout)}, nil
}

// Get implements Store.
func (s *system) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ready(ctx, key); err != nil {
		return nil, err
	}
	return s.calls.get(ctx, func() ([]byte, error) { return s.read(key) })
}

// Set implements Store. It reads back what it wrote: a dismissed prompt of the
// Secret Service is reported by nobody, and an enrolled device without its key
// would be found out only at the next sign-in.
func (s *system) Set(ctx context.Context, key string, value []byte) error {
	if err := checkItem(key, value); err != nil {
		return err
	}
	if err := ready(ctx, key); err != nil {
		return err
	}
	encoded := base64.StdEncoding.EncodeToString(value)
	return s.calls.do(ctx, func() error {
		if err := gokeyring.Set(s.service, key, encoded); err != nil {
			return systemError("write to", err)
		}
		stored, err := gokeyring.Get(s.service, key)
		if err != nil {
			return fmt.Errorf("%w: read back from the system's keyring: %w", ErrUnavailable, err)
		}
		if stored != encoded {
			return fmt.Errorf("%w: the system's keyring did not take the new value", ErrUnavailable)
		}
		return nil
	})
}

// Delete implements Store.
func (s *system) Delete(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	return s.calls.do(ctx, func() error {
		err := gokeyring.Delete(s.service, key)
		if err == nil || errors.Is(err, gokeyring.ErrNotFound) {
			return nil
		}
		return systemError("delete from", err)
	})
}

func (s *system) read(key string) ([]byte, error) {
	encoded, err := gokeyring.Get(s.service, key)
	if err != nil {
		return nil, systemError("read from", err)
	}
	value, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: item %q of the system's keyring was written by another program: %w", ErrDamaged, key, err)
	}
	return value, nil
}

// systemError sorts the platform's errors. All but its own ErrNotFound are
// doubt, and doubt is ErrUnavailable.
func systemError(verb string, err error) error {
	switch {
	case errors.Is(err, gokeyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, gokeyring.ErrSetDataTooBig):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	default:
		return fmt.Errorf("%w: %s the system's keyring: %w", ErrUnavailable, verb, err)
	}
}
