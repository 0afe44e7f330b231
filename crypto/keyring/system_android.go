//go:build android

package keyring

// NewSystem returns the platform's keyring: files in opts.Dir, each sealed by
// a key that never leaves the AndroidKeyStore. It does not touch that key yet:
// ask Probe whether it works.
func NewSystem(opts SystemOptions) (Store, error) { return NewSealed(opts) }
