// Package androidkeystore seals values with an AES-256-GCM key that lives in
// the AndroidKeyStore and cannot be taken out of it.
//
// Android offers a safe place for keys, not for values, and reaches it through
// Java alone. So this package is a few calls of JNI, in C, and a Go type around
// them that implements keyring.Sealer. It knows nothing of Fyne: the app lends
// it a thread that is attached to the Java machine.
//
// Except for this comment the package exists on Android only. Its C is checked
// elsewhere all the same: the test compiles it against a desktop JDK's jni.h,
// and runs it there on an AndroidKeyStore of the test's own.
package androidkeystore
