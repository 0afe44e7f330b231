//go:build linux && !android

package androidkeystore

import (
	"path/filepath"
	"testing"

	"countersign/internal/javatest"
)

// TestOnADesktopJavaMachine runs the C for Android on a desktop's Java machine,
// with an AndroidKeyStore that the test brings along.
func TestOnADesktopJavaMachine(t *testing.T) {
	javatest.Holds(t, javatest.Program{
		C:    []string{"keystore_android.c", filepath.Join("testdata", "shim.c")},
		Java: filepath.Join("testdata", "java"),
		Main: "KeyStoreTest",
		With: []string{"FakeKeyStore"},
	})
}
