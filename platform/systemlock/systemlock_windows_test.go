package systemlock_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"countersign/platform/systemlock"
)

// TestTheSessionsLockLocks sends the watcher's window what the system sends it.
func TestTheSessionsLockLocks(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 2 { // it can be watched again
		locks := make(chan struct{}, 8)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			systemlock.Watch(ctx, slog.New(slog.DiscardHandler), func() { locks <- struct{}{} })
		}()
		user32 := windows.NewLazySystemDLL("user32.dll")
		name, err := windows.UTF16PtrFromString("CountersignSystemLock")
		if err != nil {
			t.Fatal(err)
		}
		var window uintptr
		for deadline := time.Now().Add(20 * time.Second); window == 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatal("there is no window")
			}
			window, _, _ = user32.NewProc("FindWindowExW").Call(^uintptr(2), 0, uintptr(unsafe.Pointer(name)), 0)
		}
		send := user32.NewProc("SendMessageW") // returns when it has been dealt with
		for _, c := range []struct {
			rule       string
			kind, what uintptr
			want       int
		}{
			{"unlock", 0x02B1, 0x8, 0},
			{"another message", 0x0400, 0x7, 0},
			{"lock", 0x02B1, 0x7, 1},
		} {
			_, _, _ = send.Call(window, c.kind, c.what, 0)
			if len(locks) != c.want {
				t.Errorf("%s: locked %d times, want %d", c.rule, len(locks), c.want)
			}
		}
		cancel()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("Watch does not end")
		}
	}
}
