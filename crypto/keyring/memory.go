package keyring

import (
	"bytes"
	"context"
	"sync"
)

// Memory is a Store that forgets everything when the process ends. It is for
// tests and simulated devices; the app never offers it.
type Memory struct {
	mu    sync.Mutex
	items map[string][]byte
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{items: make(map[string][]byte)} }

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ready(ctx, key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.items[key]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(value), nil
}

// Set implements Store.
func (m *Memory) Set(ctx context.Context, key string, value []byte) error {
	if err := checkItem(key, value); err != nil {
		return err
	}
	if err := ready(ctx, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items[key] = append([]byte{}, value...)
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, key)
	return nil
}
