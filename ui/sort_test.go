package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"github.com/skip2/go-qrcode"

	"countersign/app"
	"countersign/crypto/otp"
)

// drag moves a card and lets go of it.
func (b *bench) drag(t *testing.T, from int, dx, dy float32) {
	t.Helper()
	cell, ok := b.codes.deck.Cell(from)
	if !ok {
		t.Fatalf("no card %d", from)
	}
	grip := cell.(*accountCell).grip
	grip.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(dx/2, dy/2)})
	grip.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(dx-dx/2, dy-dy/2)})
	grip.DragEnd()
}

func TestDraggingSortsByHand(t *testing.T) {
	row := float32(cellHeight + 12)
	for name, c := range map[string]struct {
		prepare func(*bench)
		from    int
		dy      float32
		want    []string
	}{
		"down":                    {nil, 1, 2 * row, []string{"github before counter"}},
		"up":                      {nil, 3, -2 * row, []string{"steam before github"}},
		"a little":                {nil, 1, row / 3, nil},
		"past the end":            {nil, 5, 9 * row, []string{"push before "}},
		"over a pinned one":       {nil, 1, -row, nil},
		"in another order":        {func(b *bench) { b.core.settings.Order = app.OrderName }, 1, row, nil},
		"among what was searched": {func(b *bench) { b.codes.query = "a"; b.rebuild() }, 1, row, nil},
	} {
		b := phone(t)
		if c.prepare != nil {
			c.prepare(b)
		}
		b.drag(t, c.from, 4, c.dy)
		if !slices.Equal(b.core.moved, c.want) {
			t.Errorf("%s: moved %q, want %q", name, b.core.moved, c.want)
		}
		if b.codes.deck.Lifted() >= 0 {
			t.Errorf("%s: a card is still lifted", name)
		}
	}
}

func TestAListThatChangesEndsTheDrag(t *testing.T) {
	b := phone(t)
	cell, _ := b.codes.deck.Cell(1)
	cell.(*accountCell).grip.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(0, 200)})
	b.core.accounts = b.core.accounts[:3]
	b.core.emit(app.AccountsChanged)
	cell.(*accountCell).grip.DragEnd()
	if len(b.core.moved) != 0 {
		t.Errorf("moved %q, by a place that is another's now", b.core.moved)
	}
}

func TestOwnPictureIsMadeSmallAndRound(t *testing.T) {
	b := phone(t)
	path := filepath.Join(t.TempDir(), "wide.png")
	wide := image.NewNRGBA(image.Rect(0, 0, 900, 300))
	for i := range wide.Pix {
		wide.Pix[i] = 0xff
	}
	write(t, path, wide)
	b.setPicture("github", path)
	content := b.core.pictures["github"]
	small, err := png.Decode(bytes.NewReader(content))
	if err != nil || small.Bounds() != image.Rect(0, 0, pictureSide, pictureSide) || len(content) > app.MaxPicture {
		t.Fatalf("%v, %d octets, %v", small.Bounds(), len(content), err)
	}
	if _, _, _, a := small.At(1, 1).RGBA(); a != 0 {
		t.Error("the corner is not clear")
	}
	if r, _, _, a := small.At(pictureSide/2, 2).RGBA(); r != 0xffff || a != 0xffff {
		t.Error("the edge of the circle is not the picture's")
	}
	a, err := b.core.Account("github")
	if err != nil || a.Icon != app.OwnPicture {
		t.Fatalf("icon %q, %v", a.Icon, err)
	}
	if _, picture := b.signOf(a); picture == nil {
		t.Error("the picture is not shown")
	}
	b.setIcon(a, "bank")
	if a, _ = b.core.Account("github"); a.Icon != "bank" || b.core.pictures["github"] != nil {
		t.Errorf("icon %q, and the picture is left", a.Icon)
	}
	if icon, picture := b.signOf(a); icon != "kind-bank" || picture != nil {
		t.Errorf("shows %q", icon)
	}
}

func TestAFileThatIsNoPictureChangesNothing(t *testing.T) {
	b := phone(t)
	path := filepath.Join(t.TempDir(), "text.png")
	if err := os.WriteFile(path, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.setPicture("github", path)
	if a, _ := b.core.Account("github"); a.Icon != "" || len(b.core.pictures) != 0 {
		t.Errorf("icon %q", a.Icon)
	}
	if !shows(b, b.T("error.picture")) {
		t.Error("nothing is said")
	}
}

func TestForeignIconsAreLetters(t *testing.T) {
	b := phone(t)
	for _, name := range []string{"", "own", "../app", "github", "app"} {
		if got := knownKind(name); got != "" {
			t.Errorf("%q is the icon %q", name, got)
		}
	}
	for _, k := range kinds() {
		if knownKind(k) != k || !b.cfg.Catalogue.Has("icon."+k) {
			t.Errorf("%q has no picture or no name", k)
		}
	}
}

func TestDroppedPicturesAreReadTogether(t *testing.T) {
	b := phone(t)
	b.core.input = app.Input{Keys: []otp.Key{otp.NewTOTP("A", "a")}}
	folder := t.TempDir()
	var files []fyne.URI
	for _, name := range []string{"one.png", "two.PNG"} {
		path := filepath.Join(folder, name)
		code, err := qrcode.New("otpauth://totp/"+name, qrcode.Medium)
		if err != nil {
			t.Fatal(err)
		}
		code.ForegroundColor = color.Black
		write(t, path, code.Image(300))
		files = append(files, storage.NewFileURI(path))
	}
	b.dropped(fyne.Position{}, files)
	if want := []string{"otpauth://totp/one.png", "otpauth://totp/two.PNG"}; !slices.Equal(b.core.read, want) {
		t.Errorf("read %q, want %q", b.core.read, want)
	}
	if len(b.pages) != 1 {
		t.Errorf("%d pages; one was to ask before adding", len(b.pages))
	}
}
