package kit

import (
	"math"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"countersign/ui/design"
)

// Ring is a countdown: an arc for the share of time that is left, and the
// seconds in it. It shows what it is given; the clock is its caller's.
type Ring struct {
	widget.BaseWidget
	style *design.Style
	side  float32
	left  time.Duration
	whole time.Duration
}

// NewRing makes a ring of that diameter.
func NewRing(style *design.Style, side float32) *Ring {
	r := &Ring{style: style, side: side}
	r.ExtendBaseWidget(r)
	return r
}

// Set shows what is left of the whole.
func (r *Ring) Set(left, whole time.Duration) {
	left = max(left, 0)
	if r.left == left && r.whole == whole {
		return
	}
	r.left, r.whole = left, whole
	r.Refresh()
}

// Seconds is the number in the ring: a begun second counts.
func (r *Ring) Seconds() int { return int(math.Ceil(r.left.Seconds())) }

// Low is when the ring turns amber: five seconds, or a sixth of a longer time.
func Low(left, whole time.Duration) bool { return left <= max(5*time.Second, whole/6) }

// CreateRenderer implements fyne.Widget.
func (r *Ring) CreateRenderer() fyne.WidgetRenderer {
	track := canvas.NewArc(0, 360, 0.86, r.style.Line)
	arc := canvas.NewArc(0, 360, 0.86, r.style.Accent)
	text := canvas.NewText("", r.style.Muted)
	text.Alignment = fyne.TextAlignCenter
	v := &renderer{objects: []fyne.CanvasObject{track, arc, text}}
	v.layout = func(s fyne.Size) {
		side := min(s.Width, s.Height)
		at := fyne.NewPos((s.Width-side)/2, (s.Height-side)/2)
		for _, o := range []*canvas.Arc{track, arc} {
			o.Move(at)
			o.Resize(fyne.NewSquareSize(side))
		}
		letter(text, text.Text, side*0.36, true)
		height := measure("0", text.TextSize, true).Height
		text.Move(fyne.NewPos(at.X, at.Y+(side-height)/2))
		text.Resize(fyne.NewSize(side, height))
	}
	v.min = func() fyne.Size { return fyne.NewSquareSize(r.style.Size(r.side)) }
	v.refresh = func() {
		colour, ink := r.style.Accent, r.style.Muted
		if Low(r.left, r.whole) {
			colour, ink = r.style.Amber, r.style.Amber
		}
		share := float32(0)
		if r.whole > 0 {
			share = min(float32(r.left)/float32(r.whole), 1)
		}
		arc.StartAngle, arc.EndAngle, arc.FillColor = 0, 360*share, colour
		arc.Hidden = share <= 0
		text.Text, text.Color = strconv.Itoa(r.Seconds()), ink
		v.layout(r.Size())
		canvas.Refresh(r)
	}
	v.refresh()
	return v
}
