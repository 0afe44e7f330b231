//go:build !android && !ios

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/png" // what the clipboard's tools give
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/kbinani/screenshot"

	"countersign/app"
	"countersign/crypto/backup"
)

// capture takes a picture of every screen, to find QR codes in them. One at a
// time: the library cannot do two at once on X11, and the program would end.
func capture() func() ([]image.Image, error) {
	var one sync.Mutex
	return func() ([]image.Image, error) {
		one.Lock()
		defer one.Unlock()
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

// backups go to any folder that the user names.
func backups() app.BackupPlace {
	return func(folder string) backup.Folder { return backup.Dir(folder) }
}

// clipboardTime bounds a call of a clipboard tool.
const clipboardTime = 3 * time.Second

var errNoPicture = errors.New("the clipboard holds no picture")

// clipboardImage reads a picture off the clipboard with the tool of the desktop
// at hand, because Fyne's clipboard knows text alone. It is nil where there is no
// tool.
func clipboardImage() func(context.Context) (image.Image, error) {
	tool := []string{"xclip", "-selection", "clipboard", "-t", "image/png", "-o"}
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		tool = []string{"wl-paste", "--type", "image/png"}
	}
	path, err := exec.LookPath(tool[0])
	if err != nil {
		return nil
	}
	return func(ctx context.Context) (image.Image, error) {
		ctx, cancel := context.WithTimeout(ctx, clipboardTime)
		defer cancel()
		content, err := exec.CommandContext(ctx, path, tool[1:]...).Output()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoPicture, err)
		}
		config, _, err := image.DecodeConfig(bytes.NewReader(content))
		if err != nil || config.Width*config.Height > 64<<20 {
			return nil, errNoPicture
		}
		picture, _, err := image.Decode(bytes.NewReader(content))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoPicture, err)
		}
		return picture, nil
	}
}
