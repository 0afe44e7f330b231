package minimised

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sys/windows"
)

// pace is how often Windows is asked: seldom enough to cost nothing, and before
// a window that comes back is looked at.
const pace = 200 * time.Millisecond

// Watch tells whether the window of that handle is minimised, each time that it
// changes, until ctx ends. A window of 0 is none.
func Watch(ctx context.Context, news *slog.Logger, window uintptr, told func(minimised bool)) {
	isIconic := windows.NewLazySystemDLL("user32.dll").NewProc("IsIconic")
	if err := isIconic.Find(); window == 0 || err != nil {
		news.DebugContext(ctx, "no news of the window")
		return
	}
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	before := false
	for {
		answer, _, _ := isIconic.Call(window) // no window is not a minimised one
		if now := answer != 0; now != before {
			before = now
			told(now)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}
