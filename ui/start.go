package ui

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"fyne.io/fyne/v2/driver"

	"countersign/ui/design"
)

// startPatience is how long the first frame waits for the core: a keyring that
// is open answers sooner, and then the first thing to be seen is the codes. One
// that asks the user for its password takes as long as the user does.
const startPatience = 30 * time.Millisecond

// Run shows the window, and runs the app until it is closed.
func (u *UI) Run() {
	u.win.Show() // draws the first frame
	icon := design.WindowIcon()
	u.cfg.App.SetIcon(icon)
	u.win.SetIcon(icon)
	u.makeTray()
	u.watchWindow()
	u.cfg.App.Run()
}

// watchWindow follows the window's being put away and coming back.
func (u *UI) watchWindow() {
	native, ok := u.win.(driver.NativeWindow)
	if !ok || u.cfg.Minimised == nil {
		return
	}
	native.RunNative(func(context any) {
		var window uintptr
		switch c := context.(type) {
		case driver.X11WindowContext:
			window = c.WindowHandle
		case driver.WindowsWindowContext:
			window = c.HWND
		}
		u.cfg.Spawn(func() {
			u.cfg.Minimised(u.ctx, window, func(minimised bool) { u.do(func() { u.putAway(minimised) }) })
		})
	})
}

// putAway stops the clock while nobody can see it. A window that comes back shows
// the codes of that moment.
func (u *UI) putAway(away bool) {
	u.away = away
	if u.core != nil {
		u.tick()
	}
	u.ticking.adjust()
}

// begin opens the core anew, after a failure.
func (u *UI) begin() { u.open(0) }

// open opens the core over the keyring, or asks for what is missing. It waits for
// that a moment, before the window is there.
func (u *UI) open(patience time.Duration) {
	if u.cfg.Boot.Sealed() {
		u.show(u.sealedScreen(false))
		return
	}
	type result struct {
		core Core
		err  error
	}
	results := make(chan result, 1)
	u.cfg.Spawn(func() {
		core, err := u.cfg.Boot.Start(u.ctx)
		results <- result{core, err}
	})
	late := make(chan struct{})
	defer u.cfg.After(patience, func() { close(late) })()
	select {
	case r := <-results:
		u.opened(r.core, r.err)
		return
	case <-late:
	}
	u.show(u.startingScreen)
	var r result
	u.task(func(ctx context.Context) error {
		select {
		case r = <-results:
			return r.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, func(err error) { u.opened(r.core, err) })
}

// opened shows the core, or what is in its way.
func (u *UI) opened(core Core, err error) {
	switch {
	case errors.Is(err, ErrNoKeyring):
		u.show(u.noKeyringScreen)
	case err != nil:
		u.log.ErrorContext(u.ctx, "start failed", slog.String("error", err.Error()))
		u.show(u.failureScreen(err))
	default:
		u.running(core)
	}
}
