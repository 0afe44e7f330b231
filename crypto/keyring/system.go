package keyring

import "time"

// SystemOptions say how the app uses the platform's keyring.
type SystemOptions struct {
	// Service names the app in the keyring. Required.
	Service string
	// Timeout bounds one call; zero means DefaultTimeout.
	Timeout time.Duration
	// Dir is a folder in the app's private storage. Only Android needs it:
	// the AndroidKeyStore holds a key, and the items it seals are files.
	Dir string
	// RunJNI runs a function on a thread that is attached to the Java
	// machine, with its JNIEnv pointer. Only Android needs it; Fyne's
	// driver.RunNative gives such a thread.
	RunJNI func(func(env uintptr) error) error
}
