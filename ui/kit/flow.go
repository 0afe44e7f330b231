// Package kit is the app's own set of widgets, made of the design system: what
// Fyne's do not give (numbers to type, rings, rows, text that wraps in every
// language), or do not give in this look. Widgets are made with a style and
// keep it: when the user changes language, appearance or text size, the screens
// are built anew.
package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Flowing is an object whose height depends on its width, as text's does. Fyne
// asks for a minimum size without a width, so these ask each other.
type Flowing interface {
	fyne.CanvasObject
	HeightFor(width float32) float32
}

// HeightFor is an object's height at a width.
func HeightFor(o fyne.CanvasObject, width float32) float32 {
	if f, ok := o.(Flowing); ok {
		return f.HeightFor(width)
	}
	return o.MinSize().Height
}

// renderer draws objects that a widget lays out itself.
type renderer struct {
	objects []fyne.CanvasObject
	layout  func(fyne.Size)
	min     func() fyne.Size
	refresh func()
}

func (r *renderer) Destroy()                     {}
func (r *renderer) Layout(s fyne.Size)           { r.layout(s) }
func (r *renderer) MinSize() fyne.Size           { return r.min() }
func (r *renderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *renderer) Refresh() {
	if r.refresh != nil {
		r.refresh()
	}
}

// Column stacks objects, each as wide as the column.
type Column struct {
	widget.BaseWidget
	objects  []fyne.CanvasObject
	gap, pad float32
	width    float32 // of the last layout, for MinSize
}

// NewColumn makes a column with a gap between its objects.
func NewColumn(gap float32, objects ...fyne.CanvasObject) *Column {
	c := &Column{gap: gap, objects: objects}
	c.ExtendBaseWidget(c)
	return c
}

// Padded gives the column an inner margin, and returns it.
func (c *Column) Padded(pad float32) *Column {
	c.pad = pad
	return c
}

// SetObjects replaces what stands in the column.
func (c *Column) SetObjects(objects ...fyne.CanvasObject) {
	c.objects = objects
	c.Refresh()
}

// HeightFor implements Flowing.
func (c *Column) HeightFor(width float32) float32 {
	height, shown := 2*c.pad, 0
	for _, o := range c.objects {
		if !o.Visible() {
			continue
		}
		height += HeightFor(o, width-2*c.pad)
		shown++
	}
	return height + c.gap*float32(max(shown-1, 0))
}

// CreateRenderer implements fyne.Widget.
func (c *Column) CreateRenderer() fyne.WidgetRenderer {
	r := &renderer{objects: c.objects}
	r.layout = func(size fyne.Size) {
		c.width = size.Width
		y := c.pad
		for _, o := range c.objects {
			if !o.Visible() {
				continue
			}
			height := HeightFor(o, size.Width-2*c.pad)
			o.Move(fyne.NewPos(c.pad, y))
			o.Resize(fyne.NewSize(size.Width-2*c.pad, height))
			y += height + c.gap
		}
	}
	r.min = func() fyne.Size {
		var width float32
		for _, o := range c.objects {
			width = max(width, o.MinSize().Width)
		}
		width += 2 * c.pad
		return fyne.NewSize(width, c.HeightFor(max(c.width, width)))
	}
	r.refresh = func() {
		r.objects = c.objects
		r.layout(c.Size())
		for _, o := range c.objects {
			o.Refresh()
		}
	}
	return r
}

// Row sets objects side by side, centred in height. The one that stretches takes
// the width that is left.
type Row struct {
	widget.BaseWidget
	objects []fyne.CanvasObject
	stretch int // index, or -1: all packed to the left
	gap     float32
}

// NewRow makes a row; stretch is the index of the object that takes what is left
// of the width, or -1.
func NewRow(gap float32, stretch int, objects ...fyne.CanvasObject) *Row {
	r := &Row{gap: gap, stretch: stretch, objects: objects}
	r.ExtendBaseWidget(r)
	return r
}

func (r *Row) widths(total float32) []float32 {
	widths := make([]float32, len(r.objects))
	left, shown := total, 0
	for i, o := range r.objects {
		if !o.Visible() {
			continue
		}
		shown++
		if i != r.stretch {
			widths[i] = o.MinSize().Width
			left -= widths[i]
		}
	}
	if r.stretch >= 0 {
		widths[r.stretch] = max(left-r.gap*float32(max(shown-1, 0)), 0)
	}
	return widths
}

// HeightFor implements Flowing.
func (r *Row) HeightFor(width float32) float32 {
	var height float32
	for i, w := range r.widths(width) {
		if r.objects[i].Visible() {
			height = max(height, HeightFor(r.objects[i], w))
		}
	}
	return height
}

// CreateRenderer implements fyne.Widget.
func (r *Row) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: r.objects}
	v.layout = func(size fyne.Size) {
		var x float32
		for i, w := range r.widths(size.Width) {
			o := r.objects[i]
			if !o.Visible() {
				continue
			}
			height := HeightFor(o, w)
			o.Move(fyne.NewPos(x, (size.Height-height)/2))
			o.Resize(fyne.NewSize(w, height))
			x += w + r.gap
		}
	}
	v.min = func() fyne.Size {
		var size fyne.Size
		shown := 0
		for _, o := range r.objects {
			if !o.Visible() {
				continue
			}
			shown++
			size.Width += o.MinSize().Width
			size.Height = max(size.Height, o.MinSize().Height)
		}
		size.Width += r.gap * float32(max(shown-1, 0))
		return size
	}
	v.refresh = func() {
		v.layout(r.Size())
		for _, o := range r.objects {
			o.Refresh()
		}
	}
	return v
}

// Grid sets objects in equal columns, as many as fit.
type Grid struct {
	widget.BaseWidget
	objects    []fyne.CanvasObject
	gap, least float32
}

// NewGrid makes a grid whose columns are at least that wide.
func NewGrid(gap, least float32, objects ...fyne.CanvasObject) *Grid {
	g := &Grid{objects: objects, gap: gap, least: least}
	g.ExtendBaseWidget(g)
	return g
}

func (g *Grid) columns(width float32) (int, float32) {
	fit := max(int((width+g.gap)/(g.least+g.gap)), 1)
	count := max(len(g.objects), 1)
	rows := (count + fit - 1) / fit
	n := (count + rows - 1) / rows // rows of like length: no orphan in the last
	return n, (width - g.gap*float32(n-1)) / float32(n)
}

func (g *Grid) rowHeight(row, n int, width float32) float32 {
	var height float32
	for _, o := range g.objects[row*n : min((row+1)*n, len(g.objects))] {
		height = max(height, HeightFor(o, width))
	}
	return height
}

// HeightFor implements Flowing.
func (g *Grid) HeightFor(width float32) float32 {
	n, w := g.columns(width)
	var height float32
	for row := 0; row*n < len(g.objects); row++ {
		if row > 0 {
			height += g.gap
		}
		height += g.rowHeight(row, n, w)
	}
	return height
}

// CreateRenderer implements fyne.Widget.
func (g *Grid) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: g.objects}
	v.layout = func(size fyne.Size) {
		n, w := g.columns(size.Width)
		var y float32
		for row := 0; row*n < len(g.objects); row++ {
			height := g.rowHeight(row, n, w)
			for i, o := range g.objects[row*n : min((row+1)*n, len(g.objects))] {
				o.Move(fyne.NewPos(float32(i)*(w+g.gap), y))
				o.Resize(fyne.NewSize(w, height))
			}
			y += height + g.gap
		}
	}
	v.min = func() fyne.Size {
		return fyne.NewSize(min(g.least, 120), g.HeightFor(max(g.Size().Width, g.least)))
	}
	v.refresh = func() {
		for _, o := range g.objects {
			o.Refresh()
		}
	}
	return v
}

// Narrow centres an object, no wider than a limit: lines that are too long are
// hard to read, and buttons that are too wide are hard to aim at.
type Narrow struct {
	widget.BaseWidget
	object fyne.CanvasObject
	limit  float32
	least  float32
	middle bool
}

// NewNarrow makes it.
func NewNarrow(limit float32, o fyne.CanvasObject) *Narrow {
	n := &Narrow{object: o, limit: limit}
	n.ExtendBaseWidget(n)
	return n
}

// NewMiddle is NewNarrow that also centres in height.
func NewMiddle(limit float32, o fyne.CanvasObject) *Narrow {
	n := NewNarrow(limit, o)
	n.middle = true
	return n
}

// HeightFor implements Flowing.
func (n *Narrow) HeightFor(width float32) float32 {
	return HeightFor(n.object, min(width, n.limit))
}

// CreateRenderer implements fyne.Widget.
func (n *Narrow) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: []fyne.CanvasObject{n.object}}
	v.layout = func(size fyne.Size) {
		width := min(size.Width, n.limit)
		height := size.Height
		var y float32
		if n.middle {
			height = min(HeightFor(n.object, width), size.Height)
			y = (size.Height - height) / 2
		}
		n.object.Move(fyne.NewPos((size.Width-width)/2, y))
		n.object.Resize(fyne.NewSize(width, height))
	}
	v.min = func() fyne.Size {
		least := max(n.object.MinSize().Width, n.least)
		return fyne.NewSize(least, n.HeightFor(max(n.Size().Width, least)))
	}
	v.refresh = n.object.Refresh
	return v
}

// Dock sets objects along its edges, and the content in what is left. Unlike
// Fyne's border, it asks the upper and lower ones how high they are at its width.
type Dock struct {
	widget.BaseWidget
	top, bottom, left, content fyne.CanvasObject
}

// NewDock makes a dock; top, bottom and left may be nil.
func NewDock(top, bottom, left, content fyne.CanvasObject) *Dock {
	none := func(o fyne.CanvasObject) fyne.CanvasObject {
		if o == nil {
			return Space(0, 0)
		}
		return o
	}
	d := &Dock{top: none(top), bottom: none(bottom), left: none(left), content: content}
	d.ExtendBaseWidget(d)
	return d
}

// CreateRenderer implements fyne.Widget.
func (d *Dock) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: []fyne.CanvasObject{d.left, d.content, d.top, d.bottom}}
	v.layout = func(size fyne.Size) {
		side := d.left.MinSize().Width
		d.left.Resize(fyne.NewSize(side, size.Height))
		width := size.Width - side
		head, foot := HeightFor(d.top, width), HeightFor(d.bottom, width)
		d.top.Move(fyne.NewPos(side, 0))
		d.top.Resize(fyne.NewSize(width, head))
		d.bottom.Move(fyne.NewPos(side, size.Height-foot))
		d.bottom.Resize(fyne.NewSize(width, foot))
		d.content.Move(fyne.NewPos(side, head))
		d.content.Resize(fyne.NewSize(width, max(size.Height-head-foot, 0)))
	}
	v.min = func() fyne.Size { return fyne.NewSize(d.left.MinSize().Width+200, 200) }
	v.refresh = func() {
		v.layout(d.Size())
		for _, o := range v.objects {
			o.Refresh()
		}
	}
	return v
}

// Margin keeps an object away from what is around it.
type Margin struct {
	widget.BaseWidget
	object fyne.CanvasObject
	x, y   float32
}

// NewMargin makes a margin of x at the sides, and y above and below.
func NewMargin(x, y float32, o fyne.CanvasObject) *Margin {
	m := &Margin{object: o, x: x, y: y}
	m.ExtendBaseWidget(m)
	return m
}

// HeightFor implements Flowing.
func (m *Margin) HeightFor(width float32) float32 { return HeightFor(m.object, width-2*m.x) + 2*m.y }

// CreateRenderer implements fyne.Widget.
func (m *Margin) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: []fyne.CanvasObject{m.object}}
	v.layout = func(size fyne.Size) {
		m.object.Move(fyne.NewPos(m.x, m.y))
		m.object.Resize(size.SubtractWidthHeight(2*m.x, 2*m.y))
	}
	v.min = func() fyne.Size {
		least := m.object.MinSize()
		return fyne.NewSize(least.Width+2*m.x, m.HeightFor(max(m.Size().Width, least.Width+2*m.x)))
	}
	v.refresh = m.object.Refresh
	return v
}

// NewWidth gives an object that could shrink a fixed width.
func NewWidth(width float32, o fyne.CanvasObject) fyne.CanvasObject {
	n := NewNarrow(width, o)
	n.least = width
	return n
}

// Page scrolls a column that is as wide as the page, and as high as it needs.
type Page struct {
	widget.BaseWidget
	content Flowing
	holder  *holder
	scroll  *container.Scroll
}

// holder gives the scroller the height at the page's width.
type holder struct {
	widget.BaseWidget
	content Flowing
	width   float32
}

func (h *holder) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: []fyne.CanvasObject{h.content}}
	v.layout = func(size fyne.Size) { h.content.Resize(size) }
	v.min = func() fyne.Size { return fyne.NewSize(1, h.content.HeightFor(h.width)) }
	v.refresh = h.content.Refresh
	return v
}

// NewPage makes a page.
func NewPage(content Flowing) *Page {
	p := &Page{content: content, holder: &holder{content: content}}
	p.holder.ExtendBaseWidget(p.holder)
	p.scroll = container.NewVScroll(p.holder)
	p.ExtendBaseWidget(p)
	return p
}

// Offset is how far the page is scrolled.
func (p *Page) Offset() float32 { return p.scroll.Offset.Y }

// ScrollTo scrolls the page.
func (p *Page) ScrollTo(offset float32) { p.scroll.ScrollToOffset(fyne.NewPos(0, offset)) }

// Reveal scrolls an object of the page into view, if nothing of it is: one that a
// finger or the mouse is on stays where it is.
func (p *Page) Reveal(o fyne.CanvasObject) {
	const margin = 12
	d := fyne.CurrentApp().Driver()
	top := d.AbsolutePositionForObject(o).Y - d.AbsolutePositionForObject(p.scroll).Y
	bottom, height := top+o.Size().Height, p.scroll.Size().Height
	switch {
	case bottom == top: // not laid out yet
	case bottom <= 0:
		p.ScrollTo(p.Offset() + top - margin)
	case top >= height:
		p.ScrollTo(p.Offset() + bottom - height + margin)
	}
}

// HeightFor implements Flowing: all of the content, so that a sheet can be as
// high as what is in it. A page that gets less scrolls.
func (p *Page) HeightFor(width float32) float32 { return p.content.HeightFor(width) }

// CreateRenderer implements fyne.Widget.
func (p *Page) CreateRenderer() fyne.WidgetRenderer {
	v := &renderer{objects: []fyne.CanvasObject{p.scroll}}
	v.layout = func(size fyne.Size) {
		p.holder.width = size.Width
		p.scroll.Resize(size)
		p.scroll.Refresh()
	}
	v.min = func() fyne.Size { return fyne.NewSize(p.content.MinSize().Width, 80) }
	v.refresh = p.scroll.Refresh
	return v
}

// Space is an empty object of a fixed size.
func Space(width, height float32) fyne.CanvasObject {
	s := &space{size: fyne.NewSize(width, height)}
	s.ExtendBaseWidget(s)
	return s
}

type space struct {
	widget.BaseWidget
	size fyne.Size
}

func (s *space) CreateRenderer() fyne.WidgetRenderer {
	return &renderer{layout: func(fyne.Size) {}, min: func() fyne.Size { return s.size }}
}
