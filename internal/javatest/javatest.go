//go:build linux && !android

// Package javatest tries C that is written for Android's Java machine on a
// desktop's: against its jni.h, every warning an error, and under its own checker
// of JNI calls. Of Android's classes the test brings along what the C calls.
//
// What it cannot tell is how real phones behave.
package javatest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Program is the C under test, and the test in Java that calls it.
type Program struct {
	C       []string // files; one of them lets Java call the others
	Include []string // folders, beside the JDK's own
	Java    string   // folder of the Java sources
	Main    string   // the class that loads the C, a path that is its argument, and prints "holds: " for every rule
	With    []string // classes that Main names by their names only
}

// Holds compiles and runs the program. Whatever it prints beside the rules that
// hold, a warning of the checker above all, is an error.
func Holds(t *testing.T, p Program) {
	t.Helper()
	jdk := find(t)
	dir := t.TempDir()
	library := filepath.Join(dir, "libtest.so")
	compile := []string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", "-o", library, "-I", "."}
	include := filepath.Join(jdk, "include")
	for _, folder := range append([]string{include, filepath.Join(include, "linux")}, p.Include...) {
		compile = append(compile, "-I", folder)
	}
	run(t, "cc", append(compile, p.C...)...)
	sources := []string{"-Xlint:all", "-Werror", "-d", dir, "-sourcepath", p.Java}
	for _, class := range append([]string{p.Main}, p.With...) {
		sources = append(sources, filepath.Join(p.Java, class+".java"))
	}
	run(t, filepath.Join(jdk, "bin", "javac"), sources...)
	out := run(t, filepath.Join(jdk, "bin", "java"), "-Xcheck:jni", "-cp", dir, p.Main, library)
	if out == "" {
		t.Error("no rule was tried")
	}
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "holds: ") {
			t.Errorf("the Java machine says: %s", line)
		}
	}
	t.Log("\n" + out)
}

// find returns the folder of the JDK whose javac is on the PATH.
func find(t *testing.T) string {
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

// run gives what a program that has to work writes to standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(name), err, out.String(), said.String())
	}
	if said.Len() > 0 {
		t.Logf("%s: %s", filepath.Base(name), said.String())
	}
	return out.String()
}
