package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2/driver"

	"countersign/crypto/keyring"
	"countersign/crypto/keyring/androidkeystore"
	"countersign/platform/androidactivity"
)

// configFolder is the app's own folder, which the system tells Fyne: Android has
// no home and no configuration folder.
func configFolder() (string, error) {
	folder := os.Getenv("FILESDIR")
	if folder == "" {
		return "", errors.New("the system names no folder of the app's own")
	}
	return folder, nil
}

// keyringOptions lends the keyring the AndroidKeyStore. That holds a key and no
// values: what it seals are files beside the data.
func keyringOptions(service, data string) keyring.SystemOptions {
	return keyring.SystemOptions{
		Service: service, Dir: filepath.Join(data, "keystore"), Sealer: androidkeystore.New(service, onJavaThread),
	}
}

// onJavaThread makes a call on a thread that is attached to the Java machine.
func onJavaThread(call func(env uintptr) error) error {
	return withActivity(func(env, _ uintptr) error { return call(env) })
}

// withActivity is onJavaThread for a call of the app's activity.
func withActivity(call func(env, activity uintptr) error) error {
	return driver.RunNative(func(context any) error {
		android, ok := context.(*driver.AndroidContext)
		if !ok {
			return errors.New("this thread is not attached to the Java machine")
		}
		return call(android.Env, android.Ctx)
	})
}

// arrivals gives the links that the system opened the app with since it was
// asked last. A second start hands over nothing here: the system knows one app.
func arrivals(log *slog.Logger) func() []string {
	links := &androidactivity.Links{Java: withActivity}
	return func() []string {
		arrived, err := links.Next()
		if err != nil {
			log.Error("reading the link that the app was opened with", slog.String("error", err.Error()))
		}
		return arrived
	}
}
