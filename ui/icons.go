package ui

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"golang.org/x/image/draw"

	"countersign/app"
	"countersign/assets/icons"
	"countersign/ui/design"
	"countersign/ui/kit"
	"countersign/ui/qr"
)

// kindPrefix begins the names of the pictures for kinds of account: a bank, a
// shop. Brands have none: their marks are theirs.
const kindPrefix = "kind-"

// kinds are what an account's Icon can be, beside a picture of the user's own.
func kinds() []string {
	var names []string
	for _, n := range icons.Names() {
		if kind, ok := strings.CutPrefix(n, kindPrefix); ok {
			names = append(names, kind)
		}
	}
	return names
}

// knownKind is an icon's name if there is such a picture here: other apps' names
// mean other pictures.
func knownKind(icon string) string {
	if _, ok := icons.SVG(kindPrefix + icon); ok && icon != "" {
		return icon
	}
	return ""
}

// signOf is what stands for an account in place of its first letter: an icon, or
// a picture, which is read in the background the first time.
func (u *UI) signOf(a app.Account) (icon string, picture image.Image) {
	if a.Icon != app.OwnPicture {
		if kind := knownKind(a.Icon); kind != "" {
			return kindPrefix + kind, nil
		}
		return "", nil
	}
	if picture, ok := u.codes.pictures[a.ID]; ok {
		return "", picture
	}
	if u.codes.pictures == nil {
		u.codes.pictures = map[string]image.Image{}
	}
	u.codes.pictures[a.ID] = nil // asked for once
	var read image.Image
	u.task(func(ctx context.Context) error {
		content, err := u.core.Picture(ctx, a.ID)
		if err != nil {
			return fmt.Errorf("reading the picture: %w", err)
		}
		read, err = png.Decode(bytes.NewReader(content))
		return err
	}, func(err error) {
		if err == nil { // without it the letter stays
			u.codes.pictures[a.ID] = read
			u.tickCodes()
			u.refreshPages()
		}
	})
	return "", u.codes.pictures[a.ID]
}

// sign is an account's round sign.
func (u *UI) sign(a app.Account, side float32) *kit.Monogram {
	m := kit.NewMonogram(u.style, title(a), side)
	m.SetSign(u.signOf(a))
	return m
}

func (u *UI) openIcons(id string) {
	u.push(func() fyne.CanvasObject { return u.iconsPage(id) })
}

// iconsPage offers the pictures that an account can have.
func (u *UI) iconsPage(id string) fyne.CanvasObject {
	a, err := u.core.Account(id)
	if err != nil {
		return u.framed(u.T("icon.title"), u.note("warn", "warning", u.explain(err)))
	}
	chip := func(kind, label string) fyne.CanvasObject {
		sign := kit.NewMonogram(u.style, title(a), 44)
		if kind != "" {
			sign.SetSign(kindPrefix+kind, nil)
		}
		name := kit.NewText(u.style, kit.Look{Points: design.Caption, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, label)
		ground, outline := u.style.Surface, u.style.Line
		if a.Icon == kind {
			ground, outline = u.style.AccentSoft, u.style.Accent
		}
		return kit.NewPanel(u.style, label, kit.NewColumn(design.S1, kit.NewNarrow(u.style.Size(44), sign), name), func() { u.setIcon(a, kind) }).On(ground, outline)
	}
	chips := []fyne.CanvasObject{chip("", u.T("icon.monogram"))}
	for _, k := range kinds() {
		chips = append(chips, chip(k, u.T("icon."+k)))
	}
	return u.framed(u.T("icon.title"), kit.NewGrid(design.S2, 104, chips...),
		u.group(u.item("image", u.T("icon.own"), u.T("icon.own.hint"), func() { u.choosePicture(id) })))
}

// setIcon gives an account one of the bundled icons, or with "" its letter.
func (u *UI) setIcon(a app.Account, kind string) {
	page := u.top()
	u.task(func(ctx context.Context) error {
		if a.Icon == app.OwnPicture {
			if err := u.core.SetPicture(ctx, a.ID, nil); err != nil {
				return err
			}
		}
		return u.core.Edit(ctx, a.ID, func(d *app.Details) { d.Icon = kind })
	}, func(err error) {
		delete(u.codes.pictures, a.ID)
		u.iconSet(page, err)
	})
}

func (u *UI) iconSet(page *page, err error) {
	if err != nil {
		u.fail("icon.failed", err)
		return
	}
	u.close(page)
	u.toasts.say(u.T("edit.saved"))
}

func (u *UI) choosePicture(id string) {
	page := u.top()
	d := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		switch {
		case err != nil:
			u.fail("icon.failed", err)
		case f != nil:
			path := f.URI().Path()
			_ = f.Close() // nothing has been read: the file is opened anew in the background
			u.setPicture(id, path, page)
		}
	}, u.win)
	d.SetFilter(storage.NewExtensionFileFilter(pictureEndings()))
	u.openDialog(d)
}

// setPicture gives an account a picture from a file.
func (u *UI) setPicture(id, path string, page *page) {
	u.task(func(ctx context.Context) error {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("opening the picture: %w", err)
		}
		defer f.Close()
		picture, err := qr.Picture(f)
		if err != nil {
			return err
		}
		var content bytes.Buffer
		if err := png.Encode(&content, rounded(picture)); err != nil {
			return fmt.Errorf("writing the picture: %w", err)
		}
		return u.core.SetPicture(ctx, id, content.Bytes())
	}, func(err error) {
		if err == nil {
			delete(u.codes.pictures, id) // read anew
		}
		u.iconSet(page, err)
	})
}

// pictureSide is the side in pixels of an account's own picture: what its sign
// takes on the finest screens, and 64 KiB at most.
const pictureSide = 128

// rounded is the middle of a picture, made small, in a circle.
func rounded(picture image.Image) image.Image {
	b := picture.Bounds()
	side := min(b.Dx(), b.Dy())
	at := b.Min.Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	square := image.NewNRGBA(image.Rect(0, 0, pictureSide, pictureSide))
	draw.CatmullRom.Scale(square, square.Bounds(), picture, image.Rectangle{Min: at, Max: at.Add(image.Pt(side, side))}, draw.Src, nil)
	round := image.NewNRGBA(square.Bounds())
	draw.DrawMask(round, round.Bounds(), square, image.Point{}, disc{}, image.Point{}, draw.Src)
	return round
}

// disc is a mask of a circle, with a soft edge of a pixel.
type disc struct{}

func (disc) ColorModel() color.Model { return color.AlphaModel }
func (disc) Bounds() image.Rectangle { return image.Rect(0, 0, pictureSide, pictureSide) }
func (disc) At(x, y int) color.Color {
	const r = float64(pictureSide) / 2
	dx, dy := float64(x)+0.5-r, float64(y)+0.5-r
	inside := r - math.Hypot(dx, dy)
	return color.Alpha{A: uint8(255 * min(max(inside+0.5, 0), 1))}
}
