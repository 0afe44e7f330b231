package app

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"

	"countersign/crypto/keyring"
)

// wholesale is a keyring that gives many items in one go.
type wholesale struct {
	keyring.Store
	all    map[string][]byte
	err    error
	single atomic.Int64 // calls of Get
}

func (w *wholesale) GetAll(context.Context) (map[string][]byte, error) { return w.all, w.err }

func (w *wholesale) Get(ctx context.Context, key string) ([]byte, error) {
	w.single.Add(1)
	return w.Store.Get(ctx, key)
}

// TestSecretsAreReadInOneGo holds that nothing is lost by it: what the keyring
// leaves out, or all where it fails, is asked for one by one.
func TestSecretsAreReadInOneGo(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	accounts := mustAdd(t, d, totpKey("A", "alex"), totpKey("B", "alex"), totpKey("C", "alex"), totpKey("D", "alex"))
	whole := map[string][]byte{}
	for _, a := range accounts {
		value, err := d.ring.Get(t.Context(), accountPrefix+a.ID)
		if err != nil {
			t.Fatal(err)
		}
		whole[accountPrefix+a.ID] = value
	}
	partial := maps.Clone(whole)
	delete(partial, accountPrefix+accounts[2].ID)
	for name, c := range map[string]struct {
		all    map[string][]byte
		err    error
		single int64 // with the app's own key
	}{
		"all given":    {whole, nil, 1},
		"one left out": {partial, nil, 2},
		"none given":   {nil, nil, 5},
		"refused":      {nil, errors.New("no such method"), 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wholesale{Store: d.ring, all: c.all, err: c.err}
			d.boot(t, func(cfg *Config) { cfg.Keyring = w })
			d.open(t)
			for _, a := range accounts {
				if _, err := d.Code(a.ID); err != nil {
					t.Errorf("%s: %v", a.Issuer, err)
				}
			}
			if got := w.single.Load(); got != c.single {
				t.Errorf("%d items were asked for one by one, want %d", got, c.single)
			}
		})
	}
}
