package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// openAlone opens a file, made where there is none, that no other process holds.
func openAlone(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	const shared = 0 // with nobody
	handle, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, shared, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}
