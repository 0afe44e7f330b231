package ui

import (
	"sync"

	"fyne.io/fyne/v2"

	"countersign/app"
)

// Desktop is what the core reaches of the platform. It is made before the core
// is, and tied to the UI after.
type Desktop struct {
	mu sync.Mutex
	u  *UI
}

// Attach ties it to the UI. Before that, calls do nothing.
func (d *Desktop) Attach(u *UI) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.u = u
}

func (d *Desktop) on(f func(u *UI)) {
	d.mu.Lock()
	u := d.u
	d.mu.Unlock()
	if u != nil {
		u.do(func() { f(u) })
	}
}

// Notify shows a notification. Fyne's carry no action, so none can be mirrored
// to a watch; ours hold no number and no code either.
func (d *Desktop) Notify(n app.Notification) {
	d.on(func(u *UI) {
		if !u.settings().Notify {
			return
		}
		key := "notify." + string(n.Kind)
		if !u.cfg.Catalogue.Has(key) {
			key = "notify.other"
		}
		u.cfg.App.SendNotification(fyne.NewNotification(appName, u.F(key, args{"organisation": n.Name, "detail": n.Detail})))
	})
}

// Raise brings the window over the others.
func (d *Desktop) Raise() {
	d.on(func(u *UI) {
		if u.settings().Raise {
			u.Raise()
		}
	})
}

// SetClipboard writes the clipboard.
func (d *Desktop) SetClipboard(text string) {
	d.on(func(u *UI) { u.cfg.App.Clipboard().SetContent(text) })
}

// Clipboard reads the clipboard, which belongs to Fyne's goroutine. It must not
// be called from there.
func (d *Desktop) Clipboard() string {
	content := make(chan string, 1)
	d.mu.Lock()
	u := d.u
	d.mu.Unlock()
	if u == nil {
		return ""
	}
	u.do(func() { content <- u.cfg.App.Clipboard().Content() })
	select {
	case text := <-content:
		return text
	case <-u.ctx.Done():
		return ""
	}
}
