package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Xcode and the NDK are not needed for this, so every machine that runs the
// tests sees to the mobile and desktop builds that it cannot make.
func TestThePlatformsThatAreNotBuiltHereTypeCheck(t *testing.T) {
	var out, complaints strings.Builder
	args := []string{"-tags", "migrated_fynedo", "ios/arm64", "android/arm64", "darwin/arm64", "windows/amd64", "--", "countersign/..."}
	if status := run(args, &out, &complaints); status != 0 {
		t.Errorf("exit status %d:\n%s", status, complaints.String())
	}
	t.Log(out.String())
}

func TestAWrongTypeBehindABuildTagIsFound(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":   "module example\n\ngo 1.26\n",
		"a.go":     "package example\n\nfunc f(int) {}\n",
		"a_ios.go": "package example\n\n// int g(void);\nimport \"C\"\n\nfunc h() { _ = C.g(); f(\"not a number\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out, complaints strings.Builder
	if status := run([]string{"linux/amd64", "--", "."}, &out, &complaints); status != 0 {
		t.Errorf("linux: exit status %d:\n%s", status, complaints.String())
	}
	if status := run([]string{"ios/arm64", "--", "."}, &out, &complaints); status != 1 || !strings.Contains(complaints.String(), "a_ios.go:6") {
		t.Errorf("ios: exit status %d, want 1 and the place of the error:\n%s", status, complaints.String())
	}
}

func TestAWrongCommandLineIsRefused(t *testing.T) {
	for _, args := range [][]string{{}, {"ios/arm64"}, {"--", "."}, {"ios/arm64", "--"}, {"ios", "--", "."}, {"-nonsense"}} {
		var out, complaints strings.Builder
		if status := run(args, &out, &complaints); status != 2 || complaints.Len() == 0 {
			t.Errorf("%q: exit status %d, %q; want 2 and a word", args, status, complaints.String())
		}
	}
}
