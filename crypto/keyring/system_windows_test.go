package keyring_test

import (
	"testing"

	"countersign/crypto/keyring"
	"countersign/crypto/keyring/keyringtest"
)

// TestCredentialManager runs the suite on the Credential Manager of the user who
// runs the tests, under a name that nothing else has.
func TestCredentialManager(t *testing.T) {
	keyringtest.Run(t, func(t *testing.T) keyring.Store {
		t.Helper()
		s, err := keyring.NewSystem(keyring.SystemOptions{Service: "org.countersign.test"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
