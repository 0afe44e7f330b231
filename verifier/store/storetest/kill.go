package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"countersign/verifier/store"
)

// killEnv tells a copy of the test program that it is the child of TestKill,
// and where the store is.
const killEnv = "COUNTERSIGN_STORETEST_KILL"

// KillChild is what the child of TestKill does; elsewhere it returns at once.
// The test's TestMain calls it before anything else.
func KillChild(open Open) {
	path := os.Getenv(killEnv)
	if path == "" {
		return
	}
	if err := writeUntilKilled(open, path); err != nil {
		fmt.Println("error:", err)
	}
	os.Exit(1)
}

// killWriters is how many goroutines of the child write at once.
const killWriters = 8

// writeUntilKilled counts up, a count for each goroutine, and says each number
// once its update has returned. Each update writes two records that must always
// agree.
func writeUntilKilled(open Open, path string) error {
	ctx := context.Background()
	s, err := open(ctx, path)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	failed := make(chan error, killWriters)
	for w := range killWriters {
		wait.Go(func() {
			key := strconv.Itoa(w)
			for {
				var n string
				err := s.Update(ctx, func(tx store.Tx) error {
					if err := errors.Join(increment(tx, key), increment(tx, key+"-twin")); err != nil {
						return err
					}
					value, err := tx.Get("n", key)
					n = string(value)
					return err
				})
				if err != nil {
					failed <- err
					return
				}
				fmt.Println(key, n)
			}
		})
	}
	wait.Wait()
	return <-failed
}

// TestKill kills a process that writes, again and again, with SIGKILL, and
// looks after each time whether everything that it was told is on disk is there,
// and nothing is half there. The test's TestMain must call KillChild.
func TestKill(t *testing.T, open Open, rounds int) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{open: open, path: t.TempDir() + "/store"}
	total := 0
	for round := range rounds {
		acknowledged := writeAndKill(t, program, f, 20+37*round)
		s, err := open(t.Context(), f.path)
		if err != nil {
			t.Fatalf("after kill %d it does not open: %v", round, err)
		}
		for key, n := range acknowledged {
			if got := number(t, s, key); got < n {
				t.Errorf("after kill %d the count %s is %d; %d was acknowledged", round, key, got, n)
			} else if twin := number(t, s, key+"-twin"); twin != got {
				t.Errorf("after kill %d the count %s is %d and its twin %d: half an update", round, key, got, twin)
			}
			total++
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if total == 0 {
		t.Error("nothing was ever acknowledged")
	}
	s := f.openAt(t, f.path)
	if n := number(t, s, "beside"); n != 5*rounds {
		t.Errorf("%d updates of the other process are there, want %d", n, 5*rounds)
	}
}

// writeBeside updates a store on which another process is writing all the time:
// the command line beside a busy server.
func (f *fixture) writeBeside(t *testing.T) {
	t.Helper()
	s, err := f.open(t.Context(), f.path)
	if err != nil {
		t.Fatalf("opening beside another process: %v", err)
	}
	for range 5 {
		if err := s.Update(t.Context(), func(tx store.Tx) error { return increment(tx, "beside") }); err != nil {
			t.Errorf("an update beside another process: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// writeAndKill starts the child, writes beside it, kills it in the middle of its
// writing after so many acknowledgements, and gives the last number of each
// count.
func writeAndKill(t *testing.T, program string, f *fixture, after int) map[string]int {
	t.Helper()
	child := exec.CommandContext(t.Context(), program, "-test.run=^$")
	child.Env = append(os.Environ(), killEnv+"="+f.path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(map[string]int)
	lines := bufio.NewScanner(out)
	for count := 1; lines.Scan(); count++ {
		key, number, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if !ok || err != nil {
			t.Errorf("the child says %q", lines.Text())
			continue
		}
		acknowledged[key] = n
		if count == after/2 {
			f.writeBeside(t)
		}
		if count == after {
			// Lines that are still in the pipe are acknowledged too.
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed, as it should be
	return acknowledged
}
