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
	head    Flowing // scrolls with the items, above them; may be nil
	top     float32 // where the items begin
	scroll  *container.Scroll
	field   *field
	shown   map[int]Cell
	spare   []Cell
	columns int
	lifted  int           // the item that is being dragged, or -1
	by      fyne.Position // how far it has been dragged
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
	return fyne.NewSize(1, d.top+d.pad+float32(rows)*(d.height+d.gap)-min(d.gap, float32(rows)*d.gap))
}

// place puts a cell on every item in view, and takes back the others.
func (r *fieldRenderer) place() {
	d := r.deck
	first, last := d.inView()
	for i, c := range d.shown {
		if (i < first || i > last) && i != d.lifted {
			delete(d.shown, i)
			c.Hide()
			d.spare = append(d.spare, c)
		}
	}
	r.objects = r.objects[:0]
	if d.head != nil {
		d.head.Resize(fyne.NewSize(d.Size().Width, d.top-d.pad))
		r.objects = append(r.objects, d.head)
	}
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
		if i != d.lifted {
			r.put(i, c, width, fyne.Position{})
		}
	}
	if c, ok := d.shown[d.lifted]; ok { // over the others, wherever it has been dragged
		r.put(d.lifted, c, width, d.by)
	}
}

func (r *fieldRenderer) put(i int, c Cell, width float32, by fyne.Position) {
	d := r.deck
	row, column := i/d.columns, i%d.columns
	c.Move(fyne.NewPos(d.pad+float32(column)*(width+d.gap), d.top+float32(row)*(d.height+d.gap)).Add(by))
	c.Resize(fyne.NewSize(width, d.height))
	r.objects = append(r.objects, c)
}

// NewDeck makes a deck of cells of that height, in columns of at least that
// width.
func NewDeck(height, least, gap, pad float32, make func() Cell) *Deck {
	d := &Deck{height: height, least: least, gap: gap, pad: pad, top: pad, make: make, shown: map[int]Cell{}, columns: 1, lifted: -1}
	d.field = &field{deck: d}
	d.field.ExtendBaseWidget(d.field)
	d.scroll = container.NewVScroll(d.field)
	d.scroll.OnScrolled = func(fyne.Position) { d.field.Refresh() }
	d.ExtendBaseWidget(d)
	return d
}

// Headed puts an object over the items, which scrolls with them, and returns the
// deck.
func (d *Deck) Headed(head Flowing) *Deck {
	d.head = head
	return d
}

// SetCount tells how many items there are, and shows them anew.
func (d *Deck) SetCount(count int) {
	d.count, d.lifted = count, -1 // what is dragged may no longer be that item
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

// Lift draws an item over the others, that far from its place, while it is
// dragged, and scrolls where it leaves the view.
func (d *Deck) Lift(index int, by fyne.Position) {
	const step = 14
	d.lifted, d.by = index, by
	top := d.top + float32(index/d.columns)*(d.height+d.gap) + by.Y - d.scroll.Offset.Y
	before := d.scroll.Offset.Y
	switch {
	case top < 0:
		d.scroll.ScrollToOffset(fyne.NewPos(0, max(before-step, 0)))
	case top+d.height > d.Size().Height:
		d.scroll.ScrollToOffset(fyne.NewPos(0, max(min(before+step, d.field.MinSize().Height-d.Size().Height), 0)))
	}
	d.field.Refresh()
}

// Offset is how far the deck is scrolled.
func (d *Deck) Offset() float32 { return d.scroll.Offset.Y }

// Lifted is the item that is being dragged, or -1.
func (d *Deck) Lifted() int { return d.lifted }

// Under is the item whose place is under the middle of the dragged one, or -1.
func (d *Deck) Under() int {
	if d.lifted < 0 {
		return -1
	}
	width := (d.Size().Width - 2*d.pad + d.gap) / float32(d.columns)
	x := float32(d.lifted%d.columns)*width + d.by.X + width/2
	y := float32(d.lifted/d.columns)*(d.height+d.gap) + d.by.Y + d.height/2
	column := min(max(int(x/width), 0), d.columns-1)
	row := max(int(y/(d.height+d.gap)), 0)
	return min(row*d.columns+column, d.count-1)
}

// Lower puts the dragged item back in its place.
func (d *Deck) Lower() {
	d.lifted = -1
	d.field.Refresh()
}

func (d *Deck) inView() (first, last int) {
	if d.count == 0 {
		return 0, -1
	}
	top := d.scroll.Offset.Y - d.top
	step := d.height + d.gap
	row := max(int(top/step), 0)
	rows := int((d.Size().Height+min(top, 0))/step) + 2 // less what the head takes of the view
	return min(row*d.columns, d.count-1), min((row+rows)*d.columns-1, d.count-1)
}

func (d *Deck) relay() {
	d.top = d.pad
	if d.head != nil {
		d.top += HeightFor(d.head, d.Size().Width)
	}
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
	top := d.top + float32(index/d.columns)*step
	if top < d.scroll.Offset.Y {
		d.scroll.ScrollToOffset(fyne.NewPos(0, max(top-d.top, 0)))
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
