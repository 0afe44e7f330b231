//go:build android || ios

package main

import (
	"context"
	"image"
)

// capture does not exist on phones: an app sees no screen but its own.
func capture() func() ([]image.Image, error) { return nil }

// clipboardImage does not exist on phones either.
func clipboardImage() func(context.Context) (image.Image, error) { return nil }
