package events

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func lines(t *testing.T, path string) []Event {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []Event
	scanner := bufio.NewScanner(bytes.NewReader(raw))
	for scanner.Scan() {
		var e Event
		if err := json.Unmarshal(scanner.Bytes(), &e, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%s: %v", scanner.Text(), err)
		}
		all = append(all, e)
	}
	return all
}

func TestEventsAreLinesOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := l.Write(Event{Time: when, Channel: AuthZOptCh, Level: Warning, Message: "hello", User: "zoe\n{\"x\":1}\x1b[2J" + strings.Repeat("a", 1000)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	all := lines(t, path)
	if len(all) != 50 {
		t.Fatalf("%d lines, want 50", len(all))
	}
	for _, e := range all {
		if strings.ContainsAny(e.User, "\n\x1b") || len(e.User) > 2*maxText || !e.Time.Equal(when) || e.Channel != AuthZOptCh {
			t.Fatalf("wrote %+v", e)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestFullLogIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.max = 1000
	for range 30 {
		if err := l.Write(Event{Channel: AuthNOptCh, Level: Information, Message: "a message of some length"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil || info.Size() == 0 || info.Size() > 1000 {
			t.Fatalf("%s: %v %v", p, info, err)
		}
		if len(lines(t, p)) == 0 {
			t.Fatalf("%s has no events", p)
		}
	}
}

func TestLogThatExistsIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	for range 2 {
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write(Event{Channel: AuthZOptCh, Level: Error, Message: "m"}); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(lines(t, path)); n != 2 {
		t.Fatalf("%d lines, want 2", n)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Fatal("a folder was opened as a log")
	}
}
