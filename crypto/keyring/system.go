package keyring

import "time"

// SystemOptions say how the app uses the platform's keyring.
type SystemOptions struct {
	// Service names the app in the keyring, such as org.example.app:
	// letters, digits, '-', '_' and '.'. Required, but not on Android.
	Service string
	// Timeout bounds one call; zero means DefaultTimeout.
	Timeout time.Duration
	// Dir is a folder in the app's private storage. Only Android needs it:
	// the AndroidKeyStore holds a key, and the items it seals are files.
	Dir string
	// Sealer is that key: androidkeystore.New. Only Android needs it.
	Sealer Sealer
}
