// Package keyring keeps the authenticator's secrets, one item an account.
//
// Every platform has its own safe place: the Secret Service on Linux, the
// Keychain on macOS and iOS, the Credential Manager on Windows, the
// AndroidKeyStore. [NewSystem] opens the one of this platform. Where there is
// none, [OpenFile] keeps the items in files sealed under a passphrase. There is
// no plaintext store, but for the [Memory] of tests.
//
// No store can be trusted to list its items: the app keeps the list of its
// accounts elsewhere, and asks here by name.
//
// Only [ErrNotFound] means that an item is new. A keyring that is locked, slow,
// or gone for the moment says so with another error, and whoever then writes a
// fresh key over it destroys the account. So: on every error but ErrNotFound,
// stop.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Store keeps small secrets by name. Its methods may be called from several
// goroutines at once; they may block for as long as a person takes to answer
// an unlock prompt, so never call one from the goroutine that draws.
type Store interface {
	// Get returns a copy of the item's value, or ErrNotFound where there is
	// no such item.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set stores the value whole, or leaves what was there. When it was cut
	// short (ErrUnavailable with ctx's error in it) either may be the case.
	Set(ctx context.Context, key string, value []byte) error
	// Delete removes the item. One that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Bulk is a Store that can give many items in one go, which is worth a hundred
// times the time where each costs several messages.
type Bulk interface {
	Store
	// GetAll returns what it can read at once, by name. That an item is not
	// among it says nothing: ask Get.
	GetAll(ctx context.Context) (map[string][]byte, error)
}

// The errors of every Store, to be compared with errors.Is.
var (
	// ErrNotFound: the store works, and holds no such item.
	ErrNotFound = errors.New("keyring: no such item")
	// ErrUnavailable: the store cannot be reached now: no keyring on this
	// system, locked, the prompt dismissed or not answered in time. Nothing
	// is known about the item.
	ErrUnavailable = errors.New("keyring: not available")
	// ErrTooLarge: the value has more than MaxValueSize bytes.
	ErrTooLarge = errors.New("keyring: value too large")
	// ErrInvalidKey: the name breaks the rule of CheckKey.
	ErrInvalidKey = errors.New("keyring: invalid item name")
	// ErrDamaged: the item or the store is there and cannot be read.
	ErrDamaged = errors.New("keyring: damaged")
	// ErrWrongPassphrase: the store is sound, the passphrase is not its own.
	ErrWrongPassphrase = errors.New("keyring: wrong passphrase")
	// ErrExists: CreateFile found a store in its place.
	ErrExists = errors.New("keyring: a store is already there")
	// ErrClosed: the store's key has been forgotten by Close.
	ErrClosed = errors.New("keyring: store is closed")
)

const (
	// MaxValueSize is the largest value in bytes that every platform takes.
	// Windows allows 2,560 bytes an item, macOS a command line of 4,096
	// characters, and values travel in base64 (twice on macOS).
	MaxValueSize = 1800
	// MaxKeySize is the longest name of an item, in bytes.
	MaxKeySize = 64
)

// CheckKey tells whether key can name an item: 1 to MaxKeySize letters,
// digits, '-' or '_'. Names become file names and arguments of the platform's
// keyring, so nothing else is let through: no dot, slash or space.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeySize {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrInvalidKey, len(key), MaxKeySize)
	}
	for _, c := range []byte(key) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return fmt.Errorf("%w: %q has a character other than letters, digits, - and _", ErrInvalidKey, key)
		}
	}
	return nil
}

// checkService tells whether an app can go by that name: as an item's, with dots
// allowed, since apps are named like org.example.app.
func checkService(name string) error {
	if err := CheckKey(strings.ReplaceAll(name, ".", "-")); err != nil {
		return fmt.Errorf("service of the system's keyring: %w", err)
	}
	return nil
}

// checkItem is the gate of every Set.
func checkItem(key string, value []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if len(value) > MaxValueSize {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(value), MaxValueSize)
	}
	return nil
}

// probeKey names the item that Probe writes and deletes again.
const probeKey = "countersign-probe"

// Probe tells whether the store can be used, by writing, reading and deleting
// an item of its own. The app calls it once, to offer the passphrase file where
// it fails, before anything is entrusted to the store.
func Probe(ctx context.Context, s Store) error {
	const value = "probe"
	if err := s.Set(ctx, probeKey, []byte(value)); err != nil {
		return fmt.Errorf("probe the keyring by writing: %w", err)
	}
	got, err := s.Get(ctx, probeKey)
	if err != nil {
		return fmt.Errorf("probe the keyring by reading: %w", err)
	}
	if string(got) != value {
		return fmt.Errorf("probe the keyring: it did not give back what it was given: %w", ErrDamaged)
	}
	if err := s.Delete(ctx, probeKey); err != nil {
		return fmt.Errorf("probe the keyring by deleting: %w", err)
	}
	return nil
}
