//go:build ios

package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/keybase/go-keychain"
)

// valueMark begins every stored value, so that an empty one is not mistaken
// for a missing one on its way through the Keychain.
const valueMark = 1

// system is the iOS Keychain. Its items are readable while the device is
// unlocked, and never leave it: not by iCloud, not in a backup.
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

func (s *system) read(key string) ([]byte, error) {
	query := s.item(key)
	query.SetMatchLimit(keychain.MatchLimitOne)
	query.SetReturnData(true)
	results, err := keychain.QueryItem(query)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: read from the Keychain: %w", ErrUnavailable, err)
	case len(results) == 0:
		return nil, ErrNotFound
	case len(results) > 1 || len(results[0].Data) == 0 || results[0].Data[0] != valueMark:
		return nil, fmt.Errorf("%w: item %q of the Keychain was written by another program", ErrDamaged, key)
	}
	return results[0].Data[1:], nil
}

// Set implements Store.
func (s *system) Set(ctx context.Context, key string, value []byte) error {
	if err := checkItem(key, value); err != nil {
		return err
	}
	if err := ready(ctx, key); err != nil {
		return err
	}
	data := append([]byte{valueMark}, value...)
	return s.calls.do(ctx, func() error {
		item := s.item(key)
		item.SetData(data)
		item.SetAccessible(keychain.AccessibleWhenUnlockedThisDeviceOnly)
		err := keychain.AddItem(item)
		if errors.Is(err, keychain.ErrorDuplicateItem) {
			change := keychain.NewItem()
			change.SetData(data)
			err = keychain.UpdateItem(s.item(key), change)
		}
		if err != nil {
			return fmt.Errorf("%w: write to the Keychain: %w", ErrUnavailable, err)
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
		err := keychain.DeleteItem(s.item(key))
		if err != nil && !errors.Is(err, keychain.ErrorItemNotFound) {
			return fmt.Errorf("%w: delete from the Keychain: %w", ErrUnavailable, err)
		}
		return nil
	})
}

// item names an item: a generic password that is not synchronised.
func (s *system) item(key string) keychain.Item {
	item := keychain.NewItem()
	item.SetSecClass(keychain.SecClassGenericPassword)
	item.SetService(s.service)
	item.SetAccount(key)
	item.SetSynchronizable(keychain.SynchronizableNo)
	return item
}
