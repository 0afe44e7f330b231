//go:build linux && !android

package systemlock

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"
)

const (
	login        = "org.freedesktop.login1"
	loginManager = login + ".Manager"
	loginSession = login + ".Session"
)

// savers are the interfaces by which desktops tell that the screen is locked.
// All have the same signal, ActiveChanged(bool).
func savers() []string {
	return []string{
		"org.freedesktop.ScreenSaver", // KDE and others
		"org.gnome.ScreenSaver", "org.cinnamon.ScreenSaver", "org.mate.ScreenSaver", "org.xfce.ScreenSaver",
	}
}

// Watch calls locked whenever the system locks, until ctx ends or no bus is
// left that could tell. A bus that is not there is logged: many systems have
// only one of the two.
func Watch(ctx context.Context, log *slog.Logger, locked func()) {
	var buses sync.WaitGroup
	for name, follow := range map[string]func(context.Context, func()) error{"session": session, "system": system} {
		buses.Go(func() {
			if err := follow(ctx, locked); err != nil && ctx.Err() == nil {
				log.DebugContext(ctx, "no news of the system's lock", slog.String("bus", name), slog.String("error", err.Error()))
			}
		})
	}
	buses.Wait()
}

// session follows the desktop's screen saver.
func session(ctx context.Context, locked func()) error {
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("connecting to the session bus: %w", err)
	}
	var rules [][]dbus.MatchOption
	for _, saver := range savers() {
		rules = append(rules, []dbus.MatchOption{dbus.WithMatchInterface(saver), dbus.WithMatchMember("ActiveChanged")})
	}
	return follow(ctx, bus, rules, func(s *dbus.Signal) {
		if on(s) {
			locked()
		}
	})
}

// system follows logind: the request to lock this session, and the system's
// falling asleep.
func system(ctx context.Context, locked func()) error {
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("connecting to the system bus: %w", err)
	}
	own := ownSession(ctx, bus)
	rules := [][]dbus.MatchOption{
		{dbus.WithMatchInterface(loginSession), dbus.WithMatchMember("Lock")},
		{dbus.WithMatchInterface(loginManager), dbus.WithMatchMember("PrepareForSleep")},
	}
	return follow(ctx, bus, rules, func(s *dbus.Signal) {
		// Of other people's sessions on this machine there is no need to lock;
		// but where logind cannot say which is ours, any may be.
		if s.Name == loginSession+".Lock" && (own == "" || s.Path == own) || s.Name == loginManager+".PrepareForSleep" && on(s) {
			locked()
		}
	})
}

// ownSession is logind's name of the session that this process runs in, or "".
func ownSession(ctx context.Context, bus *dbus.Conn) dbus.ObjectPath {
	var path dbus.ObjectPath
	manager := bus.Object(login, "/org/freedesktop/login1")
	if manager.CallWithContext(ctx, loginManager+".GetSessionByPID", 0, uint32(os.Getpid())).Store(&path) != nil {
		return ""
	}
	return path
}

// on reports whether a signal's one argument is true.
func on(s *dbus.Signal) bool { return slices.Equal(s.Body, []any{true}) }

// follow hears signals until ctx or the bus ends.
func follow(ctx context.Context, bus *dbus.Conn, rules [][]dbus.MatchOption, heard func(*dbus.Signal)) error {
	defer bus.Close()
	signals := make(chan *dbus.Signal, 16)
	bus.Signal(signals)
	for _, rule := range rules {
		if err := bus.AddMatchSignalContext(ctx, rule...); err != nil {
			return fmt.Errorf("asking for signals: %w", err)
		}
	}
	for {
		select {
		case s, open := <-signals:
			if !open {
				return dbus.ErrClosed
			}
			heard(s)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
