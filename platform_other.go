//go:build !android

package main

import (
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
