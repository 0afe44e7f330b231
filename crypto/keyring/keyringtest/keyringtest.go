// Package keyringtest holds what every keyring.Store must do, as one suite that
// each store's own test calls in a few lines.
package keyringtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"countersign/crypto/keyring"
)

// Run tries the store against the whole contract of keyring.Store. open is
// called more than once; every store it returns must keep its items in the
// same place, as the app does when it starts again. The place starts empty.
func Run(t *testing.T, open func(t *testing.T) keyring.Store) {
	t.Helper()
	rules := []struct {
		name string
		test func(*testing.T, func(*testing.T) keyring.Store)
	}{
		{"an absent item is not found", absent},
		{"a value comes back byte for byte", roundTrip},
		{"a later value replaces the earlier", replace},
		{"items are kept apart", apart},
		{"a deleted item is not found, and deleting it again is no error", deleted},
		{"values are copied in and out", copied},
		{"a bad name is refused", badNames},
		{"a value that is too large is refused and loses nothing", tooLarge},
		{"a cancelled call changes nothing and is not mistaken for a new item", cancelled},
		{"another opening sees the same items", reopened},
		{"calls from many goroutines all take effect", parallel},
		{"the probe passes and leaves nothing behind", probe},
		{"what is given in one go is what is given one by one", bulk},
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) { rule.test(t, open) })
	}
}

func absent(t *testing.T, open func(*testing.T) keyring.Store) {
	wantNotFound(t, open(t), "nothing-here")
}

func roundTrip(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	values := map[string][]byte{
		"empty":   {},
		"text":    []byte("JBSWY3DPEHPK3PXP"),
		"binary":  every,
		"lines":   []byte("a\nb\r\n\x00c\n"),
		"unicode": []byte("ความลับ – hemlighet"),
		"largest": bytes.Repeat([]byte{0xff}, keyring.MaxValueSize),
	}
	for key, value := range values {
		set(t, s, key, value)
	}
	for key, value := range values {
		want(t, s, key, value)
	}
}

func replace(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	set(t, s, "replaced", bytes.Repeat([]byte("long"), 100))
	set(t, s, "replaced", []byte("short"))
	want(t, s, "replaced", []byte("short"))
}

func apart(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	keys := []string{"a", "b", "ab", "a-b", "a_b", "0", strings.Repeat("k", keyring.MaxKeySize)}
	for _, key := range keys {
		set(t, s, key, []byte("value of "+key))
	}
	for _, key := range keys {
		want(t, s, key, []byte("value of "+key))
	}
}

func deleted(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	set(t, s, "gone", []byte("x"))
	set(t, s, "stays", []byte("y"))
	for range 2 {
		if err := s.Delete(t.Context(), "gone"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	wantNotFound(t, s, "gone")
	want(t, s, "stays", []byte("y"))
}

func copied(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	given := []byte("secret")
	set(t, s, "copied", given)
	clear(given)
	got, err := s.Get(t.Context(), "copied")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	clear(got)
	want(t, s, "copied", []byte("secret"))
}

func badNames(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	for _, key := range []string{"", ".", "..", "../up", "a/b", `a\b`, "a b", "a.b", "a\x00", "å", strings.Repeat("k", keyring.MaxKeySize+1)} {
		if err := s.Set(t.Context(), key, []byte("x")); !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("Set(%q) = %v, want ErrInvalidKey", key, err)
		}
		if _, err := s.Get(t.Context(), key); !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("Get(%q) = %v, want ErrInvalidKey", key, err)
		}
		if err := s.Delete(t.Context(), key); !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("Delete(%q) = %v, want ErrInvalidKey", key, err)
		}
	}
}

func tooLarge(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	set(t, s, "large", []byte("old"))
	err := s.Set(t.Context(), "large", make([]byte, keyring.MaxValueSize+1))
	if !errors.Is(err, keyring.ErrTooLarge) {
		t.Errorf("Set of MaxValueSize+1 bytes = %v, want ErrTooLarge", err)
	}
	want(t, s, "large", []byte("old"))
}

func cancelled(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	set(t, s, "kept", []byte("old"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := s.Get(ctx, "never-set")
	for name, err := range map[string]error{
		"Get":    getErr,
		"Set":    s.Set(ctx, "kept", []byte("new")),
		"Delete": s.Delete(ctx, "kept"),
	} {
		if !errors.Is(err, keyring.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v, want ErrUnavailable and context.Canceled", name, err)
		}
		if errors.Is(err, keyring.ErrNotFound) {
			t.Errorf("%s with a cancelled context says ErrNotFound", name)
		}
	}
	want(t, s, "kept", []byte("old"))
}

func reopened(t *testing.T, open func(*testing.T) keyring.Store) {
	set(t, open(t), "reopened", []byte("still here"))
	want(t, open(t), "reopened", []byte("still here"))
}

func parallel(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key := fmt.Sprintf("parallel-%d", i)
			if err := s.Set(t.Context(), key, []byte(key)); err != nil {
				t.Errorf("Set(%q): %v", key, err)
				return
			}
			if got, err := s.Get(t.Context(), key); err != nil || string(got) != key {
				t.Errorf("Get(%q) = %q, %v", key, got, err)
			}
		})
	}
	wg.Wait()
	for i := range 16 {
		key := fmt.Sprintf("parallel-%d", i)
		want(t, s, key, []byte(key))
	}
}

func probe(t *testing.T, open func(*testing.T) keyring.Store) {
	s := open(t)
	if err := keyring.Probe(t.Context(), s); err != nil {
		t.Fatalf("Probe: %v", err)
	}
	wantNotFound(t, s, "countersign-probe")
}

func bulk(t *testing.T, open func(*testing.T) keyring.Store) {
	s, ok := open(t).(keyring.Bulk)
	if !ok {
		return // it promises nothing
	}
	values := map[string][]byte{"bulk-empty": {}, "bulk-binary": {0, 0xff, '\n'}, "bulk-largest": bytes.Repeat([]byte{0xff}, keyring.MaxValueSize)}
	for key, value := range values {
		set(t, s, key, value)
	}
	for i := range 200 { // more than a session bus lets a program ask at once
		values[fmt.Sprintf("bulk-%d", i)] = []byte{byte(i)}
		set(t, s, fmt.Sprintf("bulk-%d", i), []byte{byte(i)})
	}
	set(t, s, "bulk-deleted", []byte("x"))
	if err := s.Delete(t.Context(), "bulk-deleted"); err != nil {
		t.Fatal(err)
	}
	got, err := s.GetAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		if v, ok := got[key]; !ok || !bytes.Equal(v, value) {
			t.Errorf("in one go %s is %q (there: %v), want %q", key, v, ok, value)
		}
	}
	if v, ok := got["bulk-deleted"]; ok {
		t.Errorf("a deleted item is given: %q", v)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.GetAll(ctx); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("cancelled: %v, want ErrUnavailable", err)
	}
}

func set(t *testing.T, s keyring.Store, key string, value []byte) {
	t.Helper()
	if err := s.Set(t.Context(), key, value); err != nil {
		t.Fatalf("Set(%q, %d bytes): %v", key, len(value), err)
	}
}

func want(t *testing.T, s keyring.Store, key string, value []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if !bytes.Equal(got, value) {
		t.Errorf("Get(%q) = %q, want %q", key, got, value)
	}
}

func wantNotFound(t *testing.T, s keyring.Store, key string) {
	t.Helper()
	if got, err := s.Get(t.Context(), key); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("Get(%q) = %q, %v, want ErrNotFound", key, got, err)
	}
}
