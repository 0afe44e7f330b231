package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// previewRow is one line of what would be added.
type previewRow struct{ icon, name, detail string }

// previewHeight is the height of a row at text scale 1: a name, and two lines
// below it.
const previewHeight = 74

// preview is a page whose head scrolls with rows of which there may be thousands:
// only those in view are drawn.
func (u *UI) preview(title string, head []fyne.CanvasObject, rows []previewRow) fyne.CanvasObject {
	u.scroll.page = nil
	deck := kit.NewDeck(u.style.Size(previewHeight), 10_000, design.S1, design.S4, func() kit.Cell { return newPreviewCell(u, rows) })
	deck.Headed(kit.NewColumn(design.S4, head...).Padded(design.S4))
	deck.SetCount(len(rows))
	return kit.NewDock(u.pageHead(title), nil, nil, kit.NewNarrow(design.ReadingWidth+2*design.S4, deck))
}

// previewCell draws one row.
type previewCell struct {
	kit.Tap
	u      *UI
	rows   []previewRow
	icons  map[string]fyne.CanvasObject
	plate  *canvas.Rectangle
	name   *kit.Line
	detail *kit.Text
}

func newPreviewCell(u *UI, rows []previewRow) *previewCell {
	s := u.style
	c := &previewCell{
		u: u, rows: rows, icons: map[string]fyne.CanvasObject{},
		name:   kit.NewLine(s, kit.Look{Points: design.Body, Bold: true, Colour: s.Ink}, ""),
		detail: kit.NewText(s, kit.Look{Points: design.Caption + 0.5, Colour: s.Muted}, ""),
	}
	for _, name := range []string{"key", "copy", "trash", "warning"} {
		colour := s.Accent
		if name == "warning" {
			colour = s.Amber
		}
		c.icons[name] = kit.NewIcon(s, name, colour, 21)
	}
	c.Extend(c, s, nil)
	return c
}

// Bind implements kit.Cell.
func (c *previewCell) Bind(index int) {
	r := c.rows[index]
	for name, icon := range c.icons {
		show(icon, name == r.icon)
	}
	c.name.Set(r.name, c.u.style.Ink)
	c.detail.SetText(r.detail)
	c.SetLabel(r.name + " " + r.detail)
	c.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (c *previewCell) CreateRenderer() fyne.WidgetRenderer {
	c.plate = canvas.NewRectangle(c.u.style.Surface)
	c.plate.CornerRadius = design.RadiusM
	objects := []fyne.CanvasObject{c.plate, c.name, c.detail}
	for _, icon := range c.icons {
		objects = append(objects, icon)
	}
	return &previewRenderer{c: c, objects: objects}
}

type previewRenderer struct {
	c       *previewCell
	objects []fyne.CanvasObject
}

func (r *previewRenderer) Destroy()                     {}
func (r *previewRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *previewRenderer) MinSize() fyne.Size {
	return fyne.NewSize(200, r.c.u.style.Size(previewHeight))
}

func (r *previewRenderer) Refresh() {
	c, s := r.c, r.c.u.style
	c.plate.FillColor, c.plate.StrokeColor, c.plate.StrokeWidth = s.Surface, s.Line, design.Hairline
	if c.Focused() {
		c.plate.StrokeColor, c.plate.StrokeWidth = s.Accent, 2
	}
	r.Layout(c.Size())
	canvas.Refresh(c.plate)
}

func (r *previewRenderer) Layout(size fyne.Size) {
	c, s := r.c, r.c.u.style
	c.plate.Resize(size)
	side := s.Size(21)
	for _, icon := range c.icons {
		icon.Move(fyne.NewPos(design.S3, (size.Height-side)/2))
		icon.Resize(fyne.NewSquareSize(side))
	}
	left := 2*design.S3 + side
	width := size.Width - left - design.S3
	name := c.name.MinSizeOf("M").Height
	detail := min(kit.HeightFor(c.detail, width), size.Height-name-design.S1)
	if c.detail.Text() == "" {
		detail = 0
	}
	y := (size.Height - name - detail) / 2
	c.name.Move(fyne.NewPos(left, y))
	c.name.Resize(fyne.NewSize(width, name))
	c.detail.Move(fyne.NewPos(left, y+name))
	c.detail.Resize(fyne.NewSize(width, detail))
}

// previewRows says what would be added, what is here already, and what cannot be
// used and why.
func (u *UI) previewRows(entries []transfer.Entry, matches []transfer.Match, left []transfer.Unsupported) (rows []previewRow, known int) {
	for i, e := range entries {
		row := previewRow{"key", e.Key.Issuer, e.Key.Name}
		if row.name == "" {
			row.name, row.detail = e.Key.Name, ""
		}
		note := ""
		switch m := matches[i]; {
		case e.Trashed:
			row.icon, note = "trash", u.T("import.trashed")
		case isCopy(m):
			row.icon, note = "copy", u.T("import.copy")
		case m.Kind != transfer.NoMatch && !m.InFile:
			row.icon, note = "copy", u.T("import.duplicate")
			known++
		}
		row.detail = joined(row.detail, note)
		rows = append(rows, row)
	}
	for _, n := range left {
		name, reason := u.unsupported("field.", n)
		rows = append(rows, previewRow{"warning", name, reason})
	}
	return rows, known
}

// isCopy reports whether an entry stands twice in its file. Two of one name with
// different secrets are two accounts.
func isCopy(m transfer.Match) bool { return m.InFile && m.Kind == transfer.SameSecret }

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}

// plan says what to add, by what is to become of duplicates. A copy within the
// file, and what the other app had in its trash, are left out always.
func plan(entries []transfer.Entry, matches []transfer.Match, existing []transfer.Entry, here []app.Account, choice string) []app.Addition {
	var additions []app.Addition
	for i, e := range entries {
		m := matches[i]
		addition := app.Addition{Key: e.Key, Details: app.Details{Issuer: e.Key.Issuer, Name: e.Key.Name, Note: e.Note, Groups: e.Groups, Icon: knownKind(e.Icon), Pinned: e.Pinned}}
		switch {
		case e.Trashed || isCopy(m):
			continue
		case m.Kind == transfer.NoMatch || m.InFile:
		case choice == duplicatesSkip || here[m.Index].Push != nil:
			continue // what takes over an account would throw its push keys away
		case choice == duplicatesMerge:
			merged := transfer.Merge(existing[m.Index], e)
			addition.Key, addition.Replace = merged.Key, here[m.Index].ID
			addition.Details = app.Details{Issuer: merged.Key.Issuer, Name: merged.Key.Name, Note: merged.Note, Groups: merged.Groups, Icon: iconAfter(existing[m.Index], merged), Pinned: merged.Pinned}
		default:
			addition.Replace = here[m.Index].ID
			addition.Details.Icon = iconAfter(existing[m.Index], e)
		}
		additions = append(additions, addition)
	}
	return additions
}

// iconAfter is the icon of an account that takes over another's: its own picture
// stays, because no export has one.
func iconAfter(here, imported transfer.Entry) string {
	if kind := knownKind(imported.Icon); kind != "" && here.Icon == "" {
		return kind
	}
	return here.Icon
}
