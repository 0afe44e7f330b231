//go:build !linux || android

package main

import "runtime"

// trayPresent is so on every desktop but Linux's.
func trayPresent() bool { return runtime.GOOS == "windows" || runtime.GOOS == "darwin" }
