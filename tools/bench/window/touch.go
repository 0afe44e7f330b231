//go:build unix

package window

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// Touch is how a program feels while somebody uses it.
type Touch struct {
	Frames  int           // drawn while the wheel turned
	Between time.Duration // the 95th percentile of the time from a frame to the next
	Search  time.Duration // median from a key pressed to the list that it leaves on the screen
}

// scene is where a list's rows are found on the screen.
type scene struct {
	over  image.Point     // where the wheel turns
	tenth image.Rectangle // what only the tenth row draws on in colour or ink
}

const (
	wheel     = 4 * time.Second
	wheelPace = 10 * time.Millisecond // a hundred notches a second: a hard flick
	keys      = 40
	typingGap = 350 * time.Millisecond // of somebody who types, so that each key is seen for itself
	keyNine   = "9"
)

// touch scrolls and searches a list of a thousand.
func (b *Bench) touch(ctx context.Context, s scene, home, program string, args ...string) (f Touch, err error) {
	r, err := b.start(ctx, home, program, args...)
	if err != nil {
		return f, err
	}
	defer r.stop()
	if err := poll(ctx, func() (bool, error) { return b.inked(s.tenth) }); err != nil {
		return f, fmt.Errorf("waiting for the list: %w", err)
	}
	if err := wait(ctx, settling); err != nil {
		return f, err
	}
	if _, err := b.xdotool(ctx, "windowfocus", "--sync", r.window); err != nil {
		return f, err
	}
	if f.Search, err = b.search(ctx, s); err != nil {
		return f, err
	}
	f.Frames, f.Between, err = b.scroll(ctx, s)
	return f, err
}

// search types a digit that leaves one of a thousand, and takes it back, again and
// again.
func (b *Bench) search(ctx context.Context, s scene) (time.Duration, error) {
	nine, err := b.keycode('9')
	if err != nil {
		return 0, err
	}
	const backSpace = 0xff08 // keysymdef.h
	back, err := b.keycode(backSpace)
	if err != nil {
		return 0, err
	}
	for range 2 { // "99" is found nineteen times
		if err := errors.Join(b.press(nine), wait(ctx, typingGap)); err != nil {
			return 0, err
		}
	}
	var took []time.Duration
	for i := range keys {
		key, shown := nine, false
		if i%2 == 1 {
			key, shown = back, true
		}
		begin := time.Now()
		if err := b.press(key); err != nil {
			return 0, err
		}
		if err := poll(ctx, func() (bool, error) { inked, err := b.inked(s.tenth); return inked == shown, err }); err != nil {
			return 0, fmt.Errorf("waiting for what was found: %w", err)
		}
		took = append(took, time.Since(begin))
		if err := wait(ctx, typingGap); err != nil {
			return 0, err
		}
	}
	for range 2 {
		if err := errors.Join(b.press(back), wait(ctx, typingGap)); err != nil {
			return 0, err
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// scroll turns the wheel, and watches the screen through a connection of its own.
func (b *Bench) scroll(ctx context.Context, s scene) (frames int, between time.Duration, err error) {
	x, err := xgb.NewConnDisplay(b.display)
	if err != nil {
		return 0, 0, fmt.Errorf("connecting to Xvfb: %w", err)
	}
	defer x.Close()
	if err := damage.Init(x); err != nil {
		return 0, 0, fmt.Errorf("the X server does not tell what is drawn: %w", err)
	}
	if _, err := damage.QueryVersion(x, 1, 1).Reply(); err != nil {
		return 0, 0, err
	}
	id, err := damage.NewDamageId(x)
	if err != nil {
		return 0, 0, err
	}
	if err := damage.CreateChecked(x, id, b.root, damage.ReportLevelRawRectangles).Check(); err != nil {
		return 0, 0, err
	}
	drawn := make(chan []time.Time, 1)
	go func() { drawn <- watchFrames(x) }()
	xtest.FakeInput(b.x, xproto.MotionNotify, 0, 0, xproto.Window(b.root), int16(s.over.X), int16(s.over.Y), 0)
	const down = 5 // the button that turning the wheel is
	notches := time.NewTicker(wheelPace)
	defer notches.Stop()
	for range int(wheel / wheelPace) {
		xtest.FakeInput(b.x, xproto.ButtonPress, down, 0, 0, 0, 0, 0)
		if err := xtest.FakeInputChecked(b.x, xproto.ButtonRelease, down, 0, 0, 0, 0, 0).Check(); err != nil {
			return 0, 0, fmt.Errorf("turning the wheel: %w", err)
		}
		select {
		case <-notches.C:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
	x.Close() // ends the watching
	at := <-drawn
	if len(at) < 2 {
		return 0, 0, errors.New("nothing was drawn while the wheel turned")
	}
	gaps := make([]time.Duration, len(at)-1)
	for i := range gaps {
		gaps[i] = at[i+1].Sub(at[i])
	}
	slices.Sort(gaps)
	return len(at), gaps[len(gaps)*95/100], nil
}

// oneFrame is how close together what is drawn belongs to one frame.
const oneFrame = 3 * time.Millisecond

// watchFrames tells when each frame was drawn, until the connection closes.
func watchFrames(x *xgb.Conn) (at []time.Time) {
	for {
		event, err := x.WaitForEvent()
		if event == nil && err == nil {
			return at
		}
		if _, ok := event.(damage.NotifyEvent); !ok {
			continue
		}
		now := time.Now()
		if n := len(at); n == 0 || now.Sub(at[n-1]) > oneFrame {
			at = append(at, now)
		}
	}
}

// keycode is the key that types a symbol.
func (b *Bench) keycode(symbol xproto.Keysym) (byte, error) {
	setup := xproto.Setup(b.x)
	count := byte(setup.MaxKeycode - setup.MinKeycode + 1)
	m, err := xproto.GetKeyboardMapping(b.x, setup.MinKeycode, count).Reply()
	if err != nil {
		return 0, fmt.Errorf("asking for the keyboard: %w", err)
	}
	for i := range int(count) {
		if m.Keysyms[i*int(m.KeysymsPerKeycode)] == symbol {
			return byte(setup.MinKeycode) + byte(i), nil
		}
	}
	return 0, fmt.Errorf("the keyboard has no key for %#x", symbol)
}

func (b *Bench) press(key byte) error {
	xtest.FakeInput(b.x, xproto.KeyPress, key, 0, 0, 0, 0, 0)
	if err := xtest.FakeInputChecked(b.x, xproto.KeyRelease, key, 0, 0, 0, 0, 0).Check(); err != nil {
		return fmt.Errorf("pressing a key: %w", err)
	}
	return nil
}
