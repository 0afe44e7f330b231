package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/keyring/keyringtest"
)

// hardware stands for a phone's keystore. Its seal is a copy with the name in
// front: what is tested here is how the store uses it.
type hardware struct {
	mu   sync.Mutex
	keys int           // keys made so far; 0: there is none
	hang chan struct{} // when set, calls wait for it
	gone bool          // the key was lost, as after a restore on a new phone
}

func (h *hardware) Seal(key string, value []byte, create bool) ([]byte, error) {
	if h.hang != nil {
		<-h.hang
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keys == 0 || h.gone {
		if !create {
			return nil, fmt.Errorf("%w: no key", keyring.ErrDamaged)
		}
		h.keys++
		h.gone = false
	}
	return fmt.Appendf(nil, "%d/%s/%s", h.keys, key, value), nil
}

func (h *hardware) Open(key string, sealed []byte) ([]byte, error) {
	if h.hang != nil {
		<-h.hang
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	value, ok := bytes.CutPrefix(sealed, fmt.Appendf(nil, "%d/%s/", h.keys, key))
	if !ok || h.gone {
		return nil, keyring.ErrDamaged
	}
	return append([]byte{}, value...), nil
}

func TestSealed(t *testing.T) {
	opts := keyring.SystemOptions{Service: "countersign", Dir: filepath.Join(t.TempDir(), "items"), Sealer: &hardware{}}
	keyringtest.Run(t, func(t *testing.T) keyring.Store {
		s, err := keyring.NewSealed(opts)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// Some phones say for a moment that they have no key. A new one made then
// would take the old one's place and cost every account.
func TestAKeyIsMadeOnlyWhileThereIsNoItem(t *testing.T) {
	h := &hardware{}
	s, err := keyring.NewSealed(keyring.SystemOptions{Dir: t.TempDir(), Sealer: h})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "first", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	h.gone = true
	if err := s.Set(t.Context(), "second", []byte("x")); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("Set without the key = %v, want ErrDamaged", err)
	}
	if _, err := s.Get(t.Context(), "first"); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("Get without the key = %v, want ErrDamaged", err)
	}
	h.gone = false // it is back
	if got, err := s.Get(t.Context(), "first"); err != nil || string(got) != "secret" || h.keys != 1 {
		t.Errorf("Get = %q, %v with %d keys made, want the secret and one key", got, err, h.keys)
	}

	h.gone = true // for good: the person gives the items up and begins anew
	if err := s.Delete(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "first", []byte("new")); err != nil {
		t.Errorf("Set after all items were deleted: %v", err)
	}
}

func TestHardwareThatHangsIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &hardware{hang: make(chan struct{})}
		s, err := keyring.NewSealed(keyring.SystemOptions{Dir: dir, Sealer: h, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		value := []byte("secret")
		if err := s.Set(t.Context(), "account", value); !errors.Is(err, keyring.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Set = %v, want ErrUnavailable and DeadlineExceeded", err)
		}
		clear(value) // the caller's own again; the call that goes on has a copy
		close(h.hang)
		synctest.Wait()
		if got, err := s.Get(t.Context(), "account"); err != nil || string(got) != "secret" {
			t.Errorf("Get = %q, %v", got, err)
		}
	})
}

func TestSealedNeedsAFolderAndASealer(t *testing.T) {
	for _, opts := range []keyring.SystemOptions{{Dir: t.TempDir()}, {Sealer: &hardware{}}} {
		if _, err := keyring.NewSealed(opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}
