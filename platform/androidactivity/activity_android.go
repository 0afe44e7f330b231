//go:build android && cgo

package androidactivity

/*
#include <stdlib.h>
#include "activity_android.h"
*/
import "C"

import (
	"sync"
	"unsafe"
)

// Java calls a function on a thread that is attached to the Java machine, with
// its JNIEnv and the activity; Fyne's driver.RunNative does.
type Java func(call func(env, activity uintptr) error) error

// Links are what the system opens the app with. The zero value with Java set is
// ready.
type Links struct {
	Java Java

	mu      sync.Mutex
	started bool
	last    string // that the task was sent
}

// Next returns the links that came since it was called last: "" of a link that
// is not one of ours is the caller's to refuse. A link that is opened twice in a
// row is one.
func (l *Links) Next() ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var start, task string
	err := l.Java(func(env, activity uintptr) error {
		if !l.started {
			start = take(C.cs_start_link(C.uintptr_t(env), C.uintptr_t(activity)))
		}
		task = take(C.cs_task_link(C.uintptr_t(env), C.uintptr_t(activity)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	link := task
	switch {
	case !l.started:
		link = start // the task may still bear the link of an earlier run
	case task == l.last:
		link = ""
	}
	l.started, l.last = true, task
	if link == "" {
		return nil, nil
	}
	return []string{link}, nil
}

// take makes a string of C's a Go string, and frees it.
func take(s *C.char) string {
	if s == nil {
		return ""
	}
	defer C.free(unsafe.Pointer(s))
	return C.GoString(s)
}
