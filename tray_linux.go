//go:build !android

package main

import "github.com/godbus/dbus/v5"

// trayPresent asks the session bus for somebody who shows tray icons: many
// desktops have none.
func trayPresent() bool {
	bus, err := dbus.SessionBus()
	if err != nil {
		return false
	}
	var owned bool
	err = bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&owned)
	return err == nil && owned
}
