//go:build !android && !ios

package main

import (
	"fmt"
	"image"

	"github.com/kbinani/screenshot"
)

// capture takes a picture of every screen, to find QR codes in them.
func capture() func() ([]image.Image, error) {
	return func() ([]image.Image, error) {
		var pictures []image.Image
		for i := range screenshot.NumActiveDisplays() {
			p, err := screenshot.CaptureDisplay(i)
			if err != nil {
				return nil, fmt.Errorf("taking a picture of screen %d: %w", i+1, err)
			}
			pictures = append(pictures, p)
		}
		return pictures, nil
	}
}
