//go:build !windows

package main

import "syscall"

// keepPrivate makes every file of this process its user's alone, whoever writes
// it: the toolkit's own dialog would leave an export for everybody to read.
func keepPrivate() { syscall.Umask(0o077) }
