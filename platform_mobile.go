//go:build android || ios

package main

import "image"

// capture does not exist on phones: an app sees no screen but its own.
func capture() func() ([]image.Image, error) { return nil }
