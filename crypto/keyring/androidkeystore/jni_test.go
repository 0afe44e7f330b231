//go:build linux && !android

package androidkeystore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnADesktopJavaMachine compiles the C for Android against a JDK's jni.h,
// every warning an error, and runs it under the machine's own checker of JNI
// calls (-Xcheck:jni), with an AndroidKeyStore that the test brings along.
//
// What it cannot tell is how the keystores of real phones behave.
func TestOnADesktopJavaMachine(t *testing.T) {
	jdk := findJDK(t)
	dir := t.TempDir()
	include := filepath.Join(jdk, "include")
	library := filepath.Join(dir, "libkeystore.so")
	run(t, "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared",
		"-I", include, "-I", filepath.Join(include, "linux"), "-I", ".",
		"-o", library, "keystore_android.c", filepath.Join("testdata", "shim.c"))
	java := filepath.Join("testdata", "java")
	run(t, filepath.Join(jdk, "bin", "javac"), "-Xlint:all", "-Werror", "-d", dir, "-sourcepath", java,
		filepath.Join(java, "KeyStoreTest.java"), filepath.Join(java, "FakeKeyStore.java"))
	out := run(t, filepath.Join(jdk, "bin", "java"), "-Xcheck:jni", "-cp", dir, "KeyStoreTest", library)
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "holds: ") { // a warning of -Xcheck:jni
			t.Errorf("the Java machine says: %s", line)
		}
	}
	t.Log("\n" + out)
}

// findJDK returns the folder of the JDK whose javac is on the PATH.
func findJDK(t *testing.T) string {
	t.Helper()
	javac, err := exec.LookPath("javac")
	if err != nil {
		t.Fatalf("%v (on Debian: apt-get install default-jdk-headless, or make deps)", err)
	}
	if javac, err = filepath.EvalSymlinks(javac); err != nil {
		t.Fatal(err)
	}
	jdk := filepath.Dir(filepath.Dir(javac))
	if _, err := os.Stat(filepath.Join(jdk, "include", "jni.h")); err != nil {
		t.Fatalf("the JDK has no jni.h: %v", err)
	}
	return jdk
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
	return string(out)
}
