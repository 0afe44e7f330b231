//go:build darwin && !ios

package systemlock

/*
#cgo LDFLAGS: -framework CoreFoundation
#include <stdint.h>
void cs_watch(uintptr_t handle);
void cs_unwatch(uintptr_t handle);
*/
import "C"

import (
	"context"
	"log/slog"
	"runtime/cgo"
)

// Watch calls locked whenever the screen is locked, until ctx ends. The news
// comes on the thread of the app's windows, which must not be held up.
func Watch(ctx context.Context, _ *slog.Logger, locked func()) {
	handle := cgo.NewHandle(locked)
	defer handle.Delete()
	C.cs_watch(C.uintptr_t(handle))
	defer C.cs_unwatch(C.uintptr_t(handle))
	<-ctx.Done()
}

//export csScreenLocked
func csScreenLocked(handle C.uintptr_t) {
	if locked, ok := cgo.Handle(handle).Value().(func()); ok {
		go locked()
	}
}
