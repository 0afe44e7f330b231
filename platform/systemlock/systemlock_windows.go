package systemlock

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// From winuser.h and wtsapi32.h.
const (
	wmClose           = 0x0010
	wmSessionChange   = 0x02B1 // WM_WTSSESSION_CHANGE
	sessionLock       = 0x7    // WTS_SESSION_LOCK
	notifyThisSession = 0      // NOTIFY_FOR_THIS_SESSION
	windowClass       = "CountersignSystemLock"
	messageOnly       = ^uintptr(2) // HWND_MESSAGE, which is -3
)

// windowClassEx is WNDCLASSEXW.
type windowClassEx struct {
	size, style                        uint32
	procedure                          uintptr
	classExtra, windowExtra            int32
	instance, icon, cursor, background windows.Handle
	menu, name                         *uint16
	smallIcon                          windows.Handle
}

// message is MSG.
type message struct {
	window  windows.HWND
	kind    uint32
	w, l    uintptr
	time    uint32
	x, y    int32
	private uint32
}

// watcher is a window that nobody sees, which the system tells of its lock.
type watcher struct {
	user32, wts *windows.LazyDLL
	window      uintptr
}

// Watch calls locked whenever the session is locked, until ctx ends.
func Watch(ctx context.Context, log *slog.Logger, locked func()) {
	w := watcher{user32: windows.NewLazySystemDLL("user32.dll"), wts: windows.NewLazySystemDLL("wtsapi32.dll")}
	if err := w.run(ctx, locked); err != nil {
		log.WarnContext(ctx, "no news of the system's lock", slog.String("error", err.Error()))
	}
}

// run makes the window and serves it. A window belongs to the thread that made
// it.
func (w *watcher) run(ctx context.Context, locked func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := w.open(locked); err != nil {
		return err
	}
	defer w.close()
	stop := context.AfterFunc(ctx, func() {
		_, _, _ = w.user32.NewProc("PostMessageW").Call(w.window, wmClose, 0, 0)
	})
	defer stop()
	if ok, _, err := w.wts.NewProc("WTSRegisterSessionNotification").Call(w.window, notifyThisSession); ok == 0 {
		return fmt.Errorf("asking for the session's notifications: %w", err)
	}
	defer func() { _, _, _ = w.wts.NewProc("WTSUnRegisterSessionNotification").Call(w.window) }()
	var m message
	for {
		// 0 is the end, -1 an error.
		more, _, err := w.user32.NewProc("GetMessageW").Call(uintptr(unsafe.Pointer(&m)), 0, 0, 0) //nolint:gosec // the system takes addresses
		switch int32(more) {
		case 0:
			return nil
		case -1:
			return fmt.Errorf("waiting for the session's notifications: %w", err)
		}
		_, _, _ = w.user32.NewProc("DispatchMessageW").Call(uintptr(unsafe.Pointer(&m))) //nolint:gosec // the system takes addresses
	}
}

func (w *watcher) open(locked func()) error {
	name, err := windows.UTF16PtrFromString(windowClass)
	if err != nil {
		return err
	}
	class := windowClassEx{name: name, procedure: windows.NewCallback(func(window, kind, wparam, lparam uintptr) uintptr {
		switch {
		case kind == wmSessionChange && wparam == sessionLock:
			locked()
		case kind == wmClose:
			_, _, _ = w.user32.NewProc("PostQuitMessage").Call(0)
			return 0
		}
		result, _, _ := w.user32.NewProc("DefWindowProcW").Call(window, kind, wparam, lparam)
		return result
	})}
	class.size = uint32(unsafe.Sizeof(class))
	if ok, _, err := w.user32.NewProc("RegisterClassExW").Call(uintptr(unsafe.Pointer(&class))); ok == 0 { //nolint:gosec // the system takes addresses
		return fmt.Errorf("registering a window: %w", err)
	}
	w.window, _, err = w.user32.NewProc("CreateWindowExW").Call(0, uintptr(unsafe.Pointer(name)), 0, 0, 0, 0, 0, 0, messageOnly, 0, 0, 0) //nolint:gosec // the system takes addresses
	if w.window == 0 {
		return fmt.Errorf("making a window: %w", err)
	}
	return nil
}

// close gives the window and its class back.
func (w *watcher) close() {
	_, _, _ = w.user32.NewProc("DestroyWindow").Call(w.window)
	if name, err := windows.UTF16PtrFromString(windowClass); err == nil {
		_, _, _ = w.user32.NewProc("UnregisterClassW").Call(uintptr(unsafe.Pointer(name)), 0) //nolint:gosec // the system takes addresses
	}
}
