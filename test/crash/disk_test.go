//go:build linux

package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onDisk moves the data to a file system of its own, in a mount namespace that
// ends with the server. Anyone may make one (unshare's -r).
func onDisk(t *testing.T, data, size, then string) []string {
	t.Helper()
	disk := t.TempDir()
	script := `mount -t tmpfs -o size=` + size + ` none "$0" && cp -a "$1/." "$0" && mount --bind "$0" "$1" && ` + then + `shift && exec "$@"`
	return []string{"unshare", "-rm", "sh", "-c", script, disk, data}
}

// inside is the data folder as the server sees it.
func (s *server) inside() string {
	return fmt.Sprintf("/proc/%d/root%s", s.process.Process.Pid, s.data)
}

// fill leaves no room on the server's disk, and gives what frees it.
func (s *server) fill() (free func()) {
	s.t.Helper()
	name := filepath.Join(s.inside(), "filler")
	file, err := os.Create(name)
	check(s.t, err)
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else {
			check(s.t, err)
		}
	}
	check(s.t, file.Close())
	return func() { check(s.t, os.Remove(name)) }
}

// TestAFullDiskRefusesInWordsAndComesBack: on a disk that is really full nothing
// starts, nothing is approved that is not stored, and when there is room again
// the server goes on by itself.
func TestAFullDiskRefusesInWordsAndComesBack(t *testing.T) {
	s := newServer(t)
	zoe := s.enrolled("zoe")
	s.enrolled("victim")
	s.kill()
	s.within = onDisk(t, s.data, "6m", "")
	s.start()
	c := s.begin("zoe")
	free := s.fill()

	// What the journal has room for still works; then it does not.
	var refused struct {
		Code   string `json:"code"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		challenge
	}
	status := 0
	for range 2000 {
		var err error
		status, err = s.call("POST", "/challenges", `{"user":"victim"}`, &refused)
		check(t, err)
		if status >= http.StatusInternalServerError {
			break
		}
		if status == http.StatusCreated {
			// A cancelled one makes room for the next start.
			if _, err := s.call("DELETE", "/challenges/"+refused.ID, "", &refused); err != nil {
				t.Fatal(err)
			}
		}
	}
	if status != http.StatusServiceUnavailable || refused.Code != "storage_full" || refused.Status != status {
		t.Fatalf("on a full disk: %d %+v: %s", status, refused, s.said())
	}
	if !strings.Contains(s.said(), "the disk is full; free some space") {
		t.Errorf("the log does not say what to do: %s", s.said())
	}
	// The right number, which cannot be stored.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answer := exec.CommandContext(ctx, filepath.Join(bin, "countersign-lab"), "device", "--state", zoe, "answer", "--number", c.Number)
	told := answer.Run() == nil
	var got challenge
	_, err := s.call("GET", "/challenges/"+c.ID, "", &got)
	check(t, err)
	if told || got.State != "pending" {
		t.Errorf("a full disk approved: the device was told %v, the client %+v", told, got)
	}

	free()
	again := exec.CommandContext(t.Context(), filepath.Join(bin, "countersign-lab"), "device", "--state", zoe, "answer", "--number", c.Number, "--wait", "40s")
	if said, err := again.CombinedOutput(); err != nil {
		t.Fatalf("with room again: %v: %s: %s", err, said, s.said())
	}
	_, err = s.call("GET", "/challenges/"+c.ID, "", &got)
	check(t, err)
	if got.State != "approved" || got.Receipt == "" {
		t.Errorf("with room again it is %+v", got)
	}
	s.begin("victim")
	verify := exec.CommandContext(t.Context(), filepath.Join(bin, "countersignd"), "audit", "verify", "--data", s.inside())
	if said, err := verify.CombinedOutput(); err != nil {
		t.Errorf("the log after a full disk: %v: %s", err, said)
	}
}

func TestADiskThatCannotBeWrittenIsSaidInOneLine(t *testing.T) {
	s := newServer(t)
	s.kill()
	for name, command := range map[string][]string{
		"read-only from the start":     append(onDisk(t, s.data, "6m", `mount -o remount,ro,bind "$1" && `), filepath.Join(bin, "countersignd"), "serve", "--data", s.data, "--listen", "127.0.0.1:0"),
		"read-only, the command line":  append(onDisk(t, s.data, "6m", `mount -o remount,ro,bind "$1" && `), filepath.Join(bin, "countersignd"), "user", "add", "eve", "--data", s.data),
		"full from the start":          append(onDisk(t, s.data, "6m", `rm -f "$1"/countersign.db-* && { cat /dev/zero > "$1/filler" 2>/dev/null || true; } && `), filepath.Join(bin, "countersignd"), "serve", "--data", s.data, "--listen", "127.0.0.1:0"),
		"a folder in a read-only disk": append(onDisk(t, s.data, "6m", `mount -o remount,ro,bind "$1" && `), filepath.Join(bin, "countersignd"), "serve", "--data", filepath.Join(s.data, "new"), "--listen", "127.0.0.1:0"),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var errs bytes.Buffer
			c := exec.CommandContext(ctx, command[0], command[1:]...)
			c.Stderr = &errs
			_ = c.Run()
			said := errs.String()
			if c.ProcessState.ExitCode() != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, s.data) {
				t.Errorf("exit status %d: %s", c.ProcessState.ExitCode(), said)
			}
		})
	}
}
