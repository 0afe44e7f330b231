package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Cell is one place of a deck, which is given other contents as the deck
// scrolls.
type Cell interface {
	fyne.CanvasObject
	fyne.Focusable
	// Bind shows the item of that index.
	Bind(index int)
}

// Deck shows many items in one column or several, as the width allows, with as
// many cells as fit on the screen: a thousand accounts cost no more than ten.
type Deck struct {
	widget.BaseWidget
	count   int
	height  float32 // of a cell
	least   float32 // width of a column
	gap     float32
	pad     float32
	make    func() Cell
	scroll  *container.Scroll
	field   *field
	shown   map[int]Cell
	spare   []Cell
	columns int
}

// field is the deck's whole height, of which cells stand where one looks.
type field struct {
	widget.BaseWidget
	deck *Deck
}

func (f *field) CreateRenderer() fyne.WidgetRenderer {
	return &fieldRenderer{deck: f.deck}
}

type fieldRenderer struct {
	deck    *Deck
	objects []fyne.CanvasObject
}

func (r *fieldRenderer) Destroy()                     {}
func (r *fieldRenderer) Layout(fyne.Size)             { r.place() }
func (r *fieldRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *fieldRenderer) Refresh()                     { r.place() }
func (r *fieldRenderer) MinSize() fyne.Size {
	d := r.deck
	rows := (d.count + d.columns - 1) / d.columns
	return fyne.NewSize(1, 2*d.pad+float32(rows)*(d.height+d.gap)-min(d.gap, float32(rows)*d.gap))
}

// place puts a cell on every item in view, and takes back the others.
func (r *fieldRenderer) place() {
	d := r.deck
	first, last := d.inView()
	for i, c := range d.shown {
		if i < first || i > last {
			delete(d.shown, i)
			c.Hide()
			d.spare = append(d.spare, c)
		}
	}
	r.objects = r.objects[:0]
	width := (d.Size().Width - 2*d.pad - d.gap*float32(d.columns-1)) / float32(d.columns)
	for i := first; i <= last; i++ {
		c, ok := d.shown[i]
		if !ok {
			if n := len(d.spare); n > 0 {
				c, d.spare = d.spare[n-1], d.spare[:n-1]
			} else {
				c = d.make()
			}
			d.shown[i] = c
			c.Bind(i)
			c.Show()
		}
		row, column := i/d.columns, i%d.columns
		c.Move(fyne.NewPos(d.pad+float32(column)*(width+d.gap), d.pad+float32(row)*(d.height+d.gap)))
		c.Resize(fyne.NewSize(width, d.height))
		r.objects = append(r.objects, c)
	}
}

// NewDeck makes a deck of cells of that height, in columns of at least that
// width.
func NewDeck(height, least, gap, pad float32, make func() Cell) *Deck {
	d := &Deck{height: height, least: least, gap: gap, pad: pad, make: make, shown: map[int]Cell{}, columns: 1}
	d.field = &field{deck: d}
	d.field.ExtendBaseWidget(d.field)
	d.scroll = container.NewVScroll(d.field)
	d.scroll.OnScrolled = func(fyne.Position) { d.field.Refresh() }
	d.ExtendBaseWidget(d)
	return d
}

// SetCount tells how many items there are, and shows them anew.
func (d *Deck) SetCount(count int) {
	d.count = count
	for i, c := range d.shown {
		if i < count {
			c.Bind(i)
			continue
		}
		delete(d.shown, i)
		c.Hide()
		d.spare = append(d.spare, c)
	}
	d.relay()
}

// Each calls f for every cell on the screen.
func (d *Deck) Each(f func(Cell)) {
	for _, c := range d.shown {
		f(c)
	}
}

// Cell is the cell that shows an item, if it is on the screen.
func (d *Deck) Cell(index int) (Cell, bool) {
	c, ok := d.shown[index]
	return c, ok
}

func (d *Deck) inView() (first, last int) {
	if d.count == 0 {
		return 0, -1
	}
	top := d.scroll.Offset.Y - d.pad
	step := d.height + d.gap
	row := max(int(top/step), 0)
	rows := int(d.Size().Height/step) + 2
	return min(row*d.columns, d.count-1), min((row+rows)*d.columns-1, d.count-1)
}

func (d *Deck) relay() {
	d.columns = max(int((d.Size().Width-2*d.pad+d.gap)/(d.least+d.gap)), 1)
	d.scroll.Resize(d.Size())
	d.scroll.Refresh()
	d.field.Refresh()
}

// FocusItem moves the keyboard's focus to an item, and scrolls it into view.
func (d *Deck) FocusItem(index int) {
	if index < 0 || index >= d.count {
		return
	}
	step := d.height + d.gap
	top := d.pad + float32(index/d.columns)*step
	if top < d.scroll.Offset.Y {
		d.scroll.ScrollToOffset(fyne.NewPos(0, max(top-d.pad, 0)))
	} else if bottom := top + d.height + d.pad; bottom > d.scroll.Offset.Y+d.Size().Height {
		d.scroll.ScrollToOffset(fyne.NewPos(0, bottom-d.Size().Height))
	}
	d.field.Refresh()
	if c, ok := d.shown[index]; ok {
		if canvas := fyne.CurrentApp().Driver().CanvasForObject(c); canvas != nil {
			canvas.Focus(c)
		}
	}
}

// Neighbour is the item that an arrow key leads to from another.
func (d *Deck) Neighbour(index int, key fyne.KeyName) int {
	switch key {
	case fyne.KeyUp:
		return index - d.columns
	case fyne.KeyDown:
		return index + d.columns
	case fyne.KeyLeft:
		return index - 1
	case fyne.KeyRight:
		return index + 1
	case fyne.KeyHome:
		return 0
	case fyne.KeyEnd:
		return d.count - 1
	default:
		return -1
	}
}

// CreateRenderer implements fyne.Widget.
func (d *Deck) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: []fyne.CanvasObject{d.scroll}}
	v.layout = func(fyne.Size) { d.relay() }
	v.min = func() fyne.Size { return fyne.NewSize(min(d.least, 200), d.height) }
	v.refresh = d.relay
	return v
}
