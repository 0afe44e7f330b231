package main

import (
	"strings"
	"testing"
)

func TestOneServerForADataFolder(t *testing.T) {
	folder := t.TempDir()
	release, err := claim(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(folder); err == nil || !strings.Contains(err.Error(), "another countersignd may serve "+folder) {
		t.Errorf("a second server: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = claim(folder); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}
