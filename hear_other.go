//go:build !darwin || ios

package main

// hearLinks has nothing to hear: only macOS sends links to the running app.
func hearLinks(func([]string)) error { return nil }
