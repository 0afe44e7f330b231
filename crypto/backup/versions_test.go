package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// hourly returns a clock that an hour passes on at each look.
func hourly(start time.Time) func() time.Time {
	next := start.Add(-time.Hour)
	return func() time.Time { next = next.Add(time.Hour); return next }
}

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestTheLatestVersionsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	start := time.Date(2026, 11, 22, 23, 30, 0, 5_000_000, time.FixedZone("", 3600))
	v := Versions{Folder: Dir(dir), Prefix: "countersign", Keep: 3, Now: hourly(start)}
	for _, s := range []string{"1", "2", "3", "4", "5"} {
		if _, err := v.Write(t.Context(), content(s)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"countersign-20261123T003000.005Z.age", "countersign-20261123T013000.005Z.age", "countersign-20261123T023000.005Z.age"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	list, err := v.List(t.Context())
	if err != nil || len(list) != 3 || list[0].Name != want[2] || !list[0].Time.Equal(start.Add(4*time.Hour)) {
		t.Errorf("List = %v, %v", list, err)
	}
	r, err := v.Folder.Open(t.Context(), list[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || string(data) != "5" {
		t.Errorf("the newest holds %q, %v", data, err)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	others := []string{"countersign-2026.age", "countersign-20261122T000000.000Z.age.bak", "countersign-server-20200101T000000.000Z.age", "notes.txt"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v := Versions{Folder: Dir(dir), Prefix: "countersign", Keep: 1, Now: hourly(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	for range 3 {
		if _, err := v.Write(t.Context(), content("x")); err != nil {
			t.Fatal(err)
		}
	}
	got := names(t, dir)
	for _, name := range others {
		if !slices.Contains(got, name) {
			t.Errorf("%s was removed", name)
		}
	}
	if len(got) != len(others)+1 {
		t.Errorf("the folder holds %q", got)
	}
}

func TestAFailedBackupRemovesNothing(t *testing.T) {
	dir := t.TempDir()
	v := Versions{Folder: Dir(dir), Prefix: "c", Keep: 1, Now: hourly(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	if _, err := v.Write(t.Context(), content("good")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	_, err := v.Write(t.Context(), func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error = %v, want the writer's own", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Write(ctx, content("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"c-20260101T000000.000Z.age"}) {
		t.Errorf("the folder holds %q", got)
	}
}

// With the clock set back, the newest backup has the oldest name.
func TestAClockSetBackDoesNotCostTheNewBackup(t *testing.T) {
	dir := t.TempDir()
	v := Versions{Folder: Dir(dir), Prefix: "c", Keep: 2, Now: hourly(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	for range 2 {
		if _, err := v.Write(t.Context(), content("x")); err != nil {
			t.Fatal(err)
		}
	}
	v.Now = hourly(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	written, err := v.Write(t.Context(), content("new"))
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{written.Name, "c-20260101T010000.000Z.age"}) {
		t.Errorf("the folder holds %q", got)
	}
}

func TestTwoBackupsInOneInstantDoNotOverwrite(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	v := Versions{Folder: Dir(t.TempDir()), Prefix: "c", Keep: 2, Now: func() time.Time { return at }}
	if _, err := v.Write(t.Context(), content("first")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(t.Context(), content("second")); !errors.Is(err, os.ErrExist) {
		t.Errorf("error = %v, want os.ErrExist", err)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	for _, v := range []Versions{{Prefix: "c", Keep: 0}, {Prefix: "", Keep: 1}, {Prefix: "../c", Keep: 1}, {Prefix: "a/b", Keep: 1}} {
		v.Folder, v.Now = Dir(t.TempDir()), time.Now
		if _, err := v.Write(t.Context(), content("x")); err == nil {
			t.Errorf("%+v was accepted", v)
		}
	}
}
