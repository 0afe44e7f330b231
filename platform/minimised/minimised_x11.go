//go:build (linux && !android) || freebsd || netbsd || openbsd

package minimised

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Watch tells whether the X11 window of that id is minimised, each time that it
// changes, until ctx ends or the window is gone. A window of 0 is none.
func Watch(ctx context.Context, news *slog.Logger, window uintptr, told func(minimised bool)) {
	if window == 0 {
		return
	}
	xgb.Logger.SetOutput(io.Discard) // it complains of a missing authority file, which few servers want
	if err := watch(ctx, xproto.Window(window), told); err != nil && ctx.Err() == nil {
		news.DebugContext(ctx, "no news of the window", slog.String("error", err.Error()))
	}
}

func watch(ctx context.Context, window xproto.Window, told func(bool)) error {
	x, err := xgb.NewConn()
	if err != nil {
		return fmt.Errorf("connecting to the X server: %w", err)
	}
	defer context.AfterFunc(ctx, x.Close)()
	defer x.Close()
	s := states{x: x, window: window}
	for name, to := range map[string]*xproto.Atom{"WM_STATE": &s.wmState, "_NET_WM_STATE": &s.netState, "_NET_WM_STATE_HIDDEN": &s.netHidden} {
		atom, err := xproto.InternAtom(x, false, uint16(len(name)), name).Reply()
		if err != nil {
			return fmt.Errorf("asking for the atom %s: %w", name, err)
		}
		*to = atom.Atom
	}
	const events = xproto.EventMaskStructureNotify | xproto.EventMaskPropertyChange
	if err := xproto.ChangeWindowAttributesChecked(x, window, xproto.CwEventMask, []uint32{events}).Check(); err != nil {
		return fmt.Errorf("asking for the window's events: %w", err)
	}
	before := false
	for {
		now, err := s.minimised()
		if err != nil {
			return err
		}
		if now != before {
			before = now
			told(now)
		}
		if !s.next() {
			return nil
		}
	}
}

// states are where a window's state is written.
type states struct {
	x                            *xgb.Conn
	window                       xproto.Window
	wmState, netState, netHidden xproto.Atom
}

// next waits until the state may have changed; false says that it never will.
func (s states) next() bool {
	for {
		event, err := s.x.WaitForEvent()
		if event == nil && err == nil {
			return false // closed
		}
		switch e := event.(type) {
		case xproto.MapNotifyEvent, xproto.UnmapNotifyEvent:
			return true
		case xproto.DestroyNotifyEvent:
			return false
		case xproto.PropertyNotifyEvent:
			if e.Atom == s.wmState || e.Atom == s.netState {
				return true
			}
		}
	}
}

// iconic is the state IconicState (ICCCM 4.1.3.1).
const iconic = 3

// minimised asks for every way in which a window manager puts a window away: most
// unmap it (ICCCM 4.1.4), some keep it for a preview and say so in its state
// (EWMH, _NET_WM_STATE_HIDDEN).
func (s states) minimised() (bool, error) {
	attributes, err := xproto.GetWindowAttributes(s.x, s.window).Reply()
	if err != nil {
		return false, fmt.Errorf("asking whether the window is shown: %w", err)
	}
	if attributes.MapState != xproto.MapStateViewable {
		return true, nil
	}
	state, err := s.property(s.wmState)
	if err != nil || len(state) > 0 && state[0] == iconic {
		return err == nil, err
	}
	all, err := s.property(s.netState)
	for _, atom := range all {
		if xproto.Atom(atom) == s.netHidden {
			return true, nil
		}
	}
	return false, err
}

// property reads a list of 32-bit numbers off the window.
func (s states) property(name xproto.Atom) ([]uint32, error) {
	const most = 64 // there are some twelve states
	p, err := xproto.GetProperty(s.x, false, s.window, name, xproto.GetPropertyTypeAny, 0, most).Reply()
	if err != nil {
		return nil, fmt.Errorf("reading the window's state: %w", err)
	}
	var numbers []uint32
	if p.Format == 32 {
		for v := p.Value; len(v) >= 4; v = v[4:] {
			numbers = append(numbers, xgb.Get32(v))
		}
	}
	return numbers, nil
}
