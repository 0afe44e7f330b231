package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"countersign/app"
	"countersign/ui/design"
)

// trayAccounts is how many accounts the tray's menu offers.
const trayAccounts = 12

// tray is the icon in the system's tray. Its menu copies codes, and shows none:
// a menu stays open over other people's shoulders.
type tray struct {
	u       *UI
	host    desktop.App
	present bool
}

// makeTray must come before Fyne's loop, which starts the tray that it finds, and
// after the first frame: Fyne makes a second window for it.
func (u *UI) makeTray() {
	if u.cfg.TrayPresent == nil || !u.cfg.TrayPresent() {
		return
	}
	host, ok := u.cfg.App.(desktop.App)
	if !ok {
		return
	}
	u.tray = &tray{u: u, host: host, present: true}
	host.SetSystemTrayIcon(design.WindowIcon())
	u.tray.update()
}

// update makes the menu anew.
func (t *tray) update() {
	if t == nil {
		return
	}
	u := t.u
	items := []*fyne.MenuItem{fyne.NewMenuItem(u.T("tray.open"), u.Raise)}
	if u.core != nil && !u.core.LockState().Locked {
		items = append(items, fyne.NewMenuItemSeparator())
		for _, a := range u.core.List(app.Filter{}) {
			if a.Code != nil && len(items) < trayAccounts+2 {
				items = append(items, fyne.NewMenuItem(u.F("tray.copy", args{"account": title(a)}), func() { u.copyCode(a) }))
			}
		}
		if u.core.LockState().Set {
			items = append(items, fyne.NewMenuItemSeparator(), fyne.NewMenuItem(u.T("lock.now"), u.lockNow))
		}
	}
	quit := fyne.NewMenuItem(u.T("tray.quit"), u.cfg.App.Quit)
	quit.IsQuit = true
	t.host.SetSystemTrayMenu(fyne.NewMenu(appName, append(items, fyne.NewMenuItemSeparator(), quit)...))
}
