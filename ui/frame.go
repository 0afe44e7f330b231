package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
	"countersign/ui/kit"
)

// frame is the window's content: a screen and the toasts over it. It tells when
// the window changes size.
type frame struct {
	widget.BaseWidget
	objects []fyne.CanvasObject
	resized func(fyne.Size)
	first   func() // chooses what is shown, just before it is drawn
}

func newFrame(resized func(fyne.Size)) *frame {
	f := &frame{resized: resized}
	f.ExtendBaseWidget(f)
	return f
}

func (f *frame) set(objects ...fyne.CanvasObject) {
	f.objects = objects
	for _, o := range objects {
		o.Resize(f.Size())
	}
	f.Refresh()
}

// relay lays everything out anew. Fyne skips what keeps its size, so the size
// changes for a moment.
func (f *frame) relay() {
	for _, o := range f.objects {
		o.Resize(f.Size().SubtractWidthHeight(0, 1))
		o.Resize(f.Size())
	}
	f.Refresh()
}

// Resize implements fyne.CanvasObject.
func (f *frame) Resize(size fyne.Size) {
	changed := size != f.Size()
	f.BaseWidget.Resize(size)
	if changed && f.resized != nil {
		f.resized(size)
	}
}

func (f *frame) CreateRenderer() fyne.WidgetRenderer { return &frameRenderer{f} }

type frameRenderer struct{ f *frame }

func (r *frameRenderer) Destroy()                     {}
func (r *frameRenderer) Objects() []fyne.CanvasObject { return r.f.objects }

// MinSize is what Fyne asks for once the window is made, and before it draws.
func (r *frameRenderer) MinSize() fyne.Size {
	if choose := r.f.first; choose != nil {
		r.f.first = nil
		choose()
	}
	return fyne.NewSize(300, 420)
}

func (r *frameRenderer) Refresh() {
	r.Layout(r.f.Size())
	canvas.Refresh(r.f)
}

func (r *frameRenderer) Layout(size fyne.Size) {
	for _, o := range r.f.objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(size)
	}
}

// toasts say for a moment that something was done, and offer to undo it.
type toasts struct {
	u      *UI
	text   string
	action string
	onTap  func()
	serial int
}

// say shows a message for a moment.
func (t *toasts) say(text string) { t.offer(text, "", nil) }

// offer shows a message with something to press, for longer.
func (t *toasts) offer(text, action string, onTap func()) {
	t.text, t.action, t.onTap = text, action, onTap
	t.serial++
	serial := t.serial
	t.redraw()
	length := design.ToastTime
	if action != "" {
		length *= 2
	}
	t.u.cfg.After(length, func() {
		t.u.do(func() {
			if t.serial == serial {
				t.clear()
			}
		})
	})
}

func (t *toasts) clear() {
	t.text = ""
	t.redraw()
}

func (t *toasts) redraw() {
	f := t.u.root
	if len(f.objects) > 0 {
		f.set(f.objects[0], t.layer())
	}
}

// layer is the toast where there is one. It takes no tap outside its card.
func (t *toasts) layer() fyne.CanvasObject {
	l := &toastLayer{bottom: design.S5}
	l.ExtendBaseWidget(l)
	if t.u.phone {
		l.bottom = 88
	}
	if t.text == "" {
		return l
	}
	// Ink on paper turned round, so that it stands out in both appearances.
	style := *t.u.style
	ground, ink := style.Ink, style.Ground
	objects := []fyne.CanvasObject{kit.NewFixedLine(&style, kit.Look{Points: design.Body - 1, Bold: true, Colour: ink}, t.text)}
	if t.action != "" {
		inverse := design.NewStyle(!style.Dark, style.Scale)
		act := kit.NewButton(inverse, kit.Quiet, t.action, "", func() {
			t.clear()
			t.onTap()
		})
		objects = append(objects, act)
	}
	l.card = kit.NewCard(&style, kit.NewRow(design.S3, -1, objects...)).Padded(design.S3).Radius(design.RadiusM).On(ground, ground).Lifted()
	return l
}

type toastLayer struct {
	widget.BaseWidget
	card   *kit.Card
	bottom float32
}

func (l *toastLayer) CreateRenderer() fyne.WidgetRenderer { return &toastRenderer{l} }

type toastRenderer struct{ l *toastLayer }

func (r *toastRenderer) Destroy()           {}
func (r *toastRenderer) Refresh()           {}
func (r *toastRenderer) MinSize() fyne.Size { return fyne.Size{} }
func (r *toastRenderer) Objects() []fyne.CanvasObject {
	if r.l.card == nil {
		return nil
	}
	return []fyne.CanvasObject{r.l.card}
}

func (r *toastRenderer) Layout(size fyne.Size) {
	if r.l.card == nil {
		return
	}
	least := r.l.card.MinSize()
	width := min(least.Width, size.Width-2*design.S4)
	r.l.card.Resize(fyne.NewSize(width, least.Height))
	r.l.card.Move(fyne.NewPos((size.Width-width)/2, size.Height-least.Height-r.l.bottom))
}

// ticker wakes the screens at each second, only while one of them shows time.
type ticker struct {
	u       *UI
	stop    func()
	running bool
}

// adjust starts or stops the clock, by what is on the screen.
func (t *ticker) adjust() {
	want := t.u.showsTime()
	switch {
	case want && !t.running:
		t.running = true
		t.next()
	case !want && t.running:
		t.running = false
		t.stop()
	}
}

// next wakes a moment after the next second has begun, so that a code changes
// when its clock does.
func (t *ticker) next() {
	now := t.u.cfg.Now()
	wait := now.Truncate(time.Second).Add(time.Second + 15*time.Millisecond).Sub(now)
	t.stop = t.u.cfg.After(wait, func() {
		t.u.do(func() {
			if t.running && t.u.ctx.Err() == nil {
				t.u.tick()
				t.next()
			}
		})
	})
}

// showsTime reports whether anything on the screen changes with the clock.
func (u *UI) showsTime() bool {
	switch {
	case u.core == nil:
		return false
	case u.prompt != nil:
		return true // it expires, hidden or not
	case u.unseen():
		return false
	case u.core.LockState().Locked:
		return u.lockWaiting
	}
	return u.codes.deck != nil || u.codes.refresh != nil
}

// unseen reports whether nobody can see the window.
func (u *UI) unseen() bool { return u.hidden || u.away }

// tick draws what the clock changed.
func (u *UI) tick() {
	if u.prompt != nil {
		u.prompt.recount()
		u.prompt.tick()
	}
	if u.unseen() {
		return
	}
	u.tickCodes()
}
