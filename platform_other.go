//go:build !android

package main

import (
	"log/slog"
	"os"

	"countersign/crypto/keyring"
)

// configFolder is where the user's programs keep their settings.
func configFolder() (string, error) { return os.UserConfigDir() }

// keyringOptions is what the system's keyring needs to know: here it is found by
// the system.
func keyringOptions(service, _ string) keyring.SystemOptions {
	return keyring.SystemOptions{Service: service}
}

// arrivals is nil: here links come as arguments, and to a running app from a
// second start.
func arrivals(*slog.Logger) func() []string { return nil }
