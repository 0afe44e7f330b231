package ui

import (
	"context"
	"errors"
	"log/slog"

	"fyne.io/fyne/v2/driver"

	"countersign/ui/design"
)

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

// opening is a core that has started, or why it has not.
type opening struct {
	core Core
	err  error
}

// begin opens the core over the keyring, or asks for what is missing.
func (u *UI) begin() {
	if u.cfg.Boot.Sealed() {
		u.show(u.sealedScreen(false))
		return
	}
	results := make(chan opening, 1)
	u.cfg.Spawn(func() {
		core, err := u.cfg.Boot.Start(u.ctx)
		results <- opening{core, err}
	})
	if !u.taken(results) {
		// The window itself takes longer to make than an open keyring to answer:
		// what the first frame shows is left open until the frame is drawn.
		u.root.first = func() { u.await(results) }
		u.root.Refresh() // of a window that is there already, after a failure
	}
}

// taken shows the core if it is there already.
func (u *UI) taken(results <-chan opening) bool {
	select {
	case r := <-results:
		u.opened(r.core, r.err)
		return true
	default:
		return false
	}
}

// await shows the core, or says that the keyring is waited for: one that asks the
// user for its password takes as long as the user does.
func (u *UI) await(results <-chan opening) {
	if u.taken(results) {
		return
	}
	u.show(u.startingScreen)
	var r opening
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
