package ui

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/skip2/go-qrcode"

	"countersign/app/transfer"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// The side of a QR code on a phone's screen and on a desktop's.
const (
	phoneCode   = 340
	desktopCode = 460
)

// exportCodes shows the accounts as Google Authenticator's QR codes, one after
// the other: whole, and never more than another phone reads off a screen.
func (u *UI) exportCodes() {
	entries, _, err := u.entries()
	if err != nil {
		u.fail("export.failed", err)
		return
	}
	links, left, err := transfer.MigrationURIs(entries)
	if err != nil {
		u.fail("export.failed", err)
		return
	}
	u.showCodes(links, left)
}

// showCodes draws links as QR codes, and lists what is in none of them.
func (u *UI) showCodes(links []string, left []transfer.Unsupported) {
	pictures := make([]image.Image, len(links))
	for i, l := range links {
		code, err := qrcode.New(l, qrcode.Low) // a screen is neither dirty nor torn
		if err != nil {
			u.fail("export.failed", err)
			return
		}
		pictures[i] = code.Image(-8) // eight pixels a module, and the quiet zone
	}
	at := 0
	u.pushSecret(func() fyne.CanvasObject { return u.codesOutPage(pictures, left, &at) })
}

func (u *UI) codesOutPage(pictures []image.Image, left []transfer.Unsupported, at *int) fyne.CanvasObject {
	var content []fyne.CanvasObject
	side := float32(desktopCode)
	if u.phone {
		side = phoneCode
	}
	if len(pictures) > 0 {
		turn := func(by int) func() {
			return func() {
				*at += by
				u.rebuild()
			}
		}
		before := kit.NewButton(u.style, kit.Secondary, u.T("action.back"), "", turn(-1))
		after := kit.NewButton(u.style, kit.Primary, u.T("export.google.next"), "", turn(1))
		if *at == 0 {
			before.Disable()
		}
		if *at == len(pictures)-1 {
			after = kit.NewButton(u.style, kit.Primary, u.T("action.done"), "check", u.back)
		}
		title := u.F("export.google.part", args{"n": *at + 1, "parts": len(pictures)})
		content = append(content, u.body(u.T("export.google.scan")),
			kit.NewNarrow(side, newPicture(pictures[*at], side)),
			kit.NewText(u.style, kit.Look{Points: design.Body, Bold: true, Colour: u.style.Ink, Align: fyne.TextAlignCenter}, title),
			kit.NewGrid(design.S3, 140, before, after))
	}
	if len(left) > 0 {
		rows := make([]fyne.CanvasObject, len(left))
		for i, n := range left {
			name, reason := u.unsupported("export.google.field.", n)
			rows[i] = u.item("warning", name, reason, nil)
		}
		content = append(content, u.note("warn", "warning", u.p.N("export.google.left", len(left), nil)), u.group(rows...))
	}
	return u.framed(u.T("export.google"), content...)
}

// newPicture shows a square picture. It is scaled smoothly: modules of uneven
// widths, as the nearest pixel gives them, are what readers stumble over.
func newPicture(picture image.Image, side float32) *canvas.Image {
	i := canvas.NewImageFromImage(picture)
	i.FillMode = canvas.ImageFillContain
	i.SetMinSize(fyne.NewSquareSize(side))
	return i
}
