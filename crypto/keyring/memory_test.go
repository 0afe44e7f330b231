package keyring_test

import (
	"context"
	"errors"
	"testing"

	"countersign/crypto/keyring"
	"countersign/crypto/keyring/keyringtest"
)

func TestMemory(t *testing.T) {
	m := keyring.NewMemory()
	keyringtest.Run(t, func(*testing.T) keyring.Store { return m })
}

// lossy takes every value and keeps none, as a keyring whose prompt was
// dismissed does.
type lossy struct{ *keyring.Memory }

func (lossy) Set(context.Context, string, []byte) error { return nil }

func TestProbeFindsAStoreThatKeepsNothing(t *testing.T) {
	if err := keyring.Probe(t.Context(), lossy{keyring.NewMemory()}); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("Probe = %v, want ErrNotFound", err)
	}
}
