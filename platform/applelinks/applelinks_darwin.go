//go:build darwin && !ios

package applelinks

/*
#cgo LDFLAGS: -framework ApplicationServices
#include <stdint.h>
int cs_hear_links(uintptr_t handle);
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
)

// Hear calls opened with every link that comes, for as long as the program runs.
// It is called before the toolkit begins, so that the link of the start is heard
// too.
func Hear(opened func(link string)) error {
	if status := C.cs_hear_links(C.uintptr_t(cgo.NewHandle(opened))); status != 0 {
		return fmt.Errorf("asking the system for links: status %d", int(status))
	}
	return nil
}

// csLinkOpened is on the thread of the app's windows, which must not be held up.
//
//export csLinkOpened
func csLinkOpened(handle C.uintptr_t, link *C.char, size C.int) {
	text := C.GoStringN(link, size)
	if opened, ok := cgo.Handle(handle).Value().(func(string)); ok {
		go opened(text)
	}
}
