package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

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
	b.swipe(cell.(*accountCell).grip, dx, dy)
}

// swipe drags as a phone's driver does: two moves of the finger, each with where
// it is, and after it has gone some that slow down and are nowhere else.
func (b *bench) swipe(o fyne.Draggable, dx, dy float32) {
	at := fyne.NewPos(20, 20)
	move := func(by fyne.Delta) {
		o.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: at}, Dragged: by})
	}
	for range 2 {
		at = at.AddXY(dx/2, dy/2)
		move(fyne.NewDelta(dx/2, dy/2))
	}
	for by := fyne.NewDelta(dx/2, dy/2); by.DY > 2 || by.DY < -2; by.DX, by.DY = by.DX*0.92, by.DY*0.92 {
		move(by)
	}
	o.DragEnd()
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

// On a phone a finger on the sign sorts, and one on the rest of the card scrolls;
// with a mouse the whole card sorts.
func TestWhereACardIsDragged(t *testing.T) {
	row := float32(cellHeight + 12)
	for name, c := range map[string]struct {
		phone bool
		x     float32 // on the card
		moves bool
	}{
		"the sign, on a phone":          {true, 30, true},
		"the code, on a phone":          {true, 200, false},
		"the sign, on a desktop":        {false, 30, true},
		"beside the code, on a desktop": {false, 200, true},
	} {
		b := newBench(t, populated(t), options{language: "en", phone: c.phone})
		cell, _ := b.codes.deck.Cell(1)
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(cell)
		test.Drag(b.win.Canvas(), at.AddXY(c.x, 30), 2, row)
		if moved := len(b.core.moved) == 1; moved != c.moves {
			t.Errorf("%s: moved %q", name, b.core.moved)
		}
	}
}

// A card that is dragged to the edge scrolls the list, and stays under the finger.
func TestADraggedCardScrollsTheList(t *testing.T) {
	b := phone(t)
	for i := range 40 {
		b.core.accounts = append(b.core.accounts, account("more"+strconv.Itoa(i), "More", strconv.Itoa(i)))
	}
	b.core.emit(app.AccountsChanged)
	cell, _ := b.codes.deck.Cell(1)
	g := cell.(*accountCell).grip
	height := b.codes.deck.Size().Height
	for range 200 { // the finger trembles at the lower edge
		g.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(20, height)}, Dragged: fyne.NewDelta(0, height-20)})
	}
	if b.codes.deck.Offset() < 1000 || b.codes.deck.Under() < 10 {
		t.Errorf("scrolled %v, over %d", b.codes.deck.Offset(), b.codes.deck.Under())
	}
	over := b.core.accounts[b.codes.deck.Under()].ID
	g.DragEnd()
	if len(b.core.moved) != 1 || !strings.HasPrefix(b.core.moved[0], "github before ") || strings.HasSuffix(b.core.moved[0], " "+over) {
		t.Errorf("moved %q, was over %s", b.core.moved, over)
	}
}

func TestTheKeyboardSortsToo(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*bench)
		from    int
		keys    desktop.CustomShortcut
		want    []string
	}{
		"down":               {nil, 1, desktop.CustomShortcut{KeyName: fyne.KeyDown, Modifier: fyne.KeyModifierAlt}, []string{"github before steam"}},
		"up":                 {nil, 3, desktop.CustomShortcut{KeyName: fyne.KeyUp, Modifier: fyne.KeyModifierAlt}, []string{"steam before bank"}},
		"to the end":         {nil, 1, desktop.CustomShortcut{KeyName: fyne.KeyEnd, Modifier: fyne.KeyModifierAlt}, []string{"github before "}},
		"past a pinned one":  {nil, 1, desktop.CustomShortcut{KeyName: fyne.KeyUp, Modifier: fyne.KeyModifierAlt}, nil},
		"with another key":   {nil, 1, desktop.CustomShortcut{KeyName: fyne.KeyDown, Modifier: fyne.KeyModifierControl}, nil},
		"in another's order": {func(b *bench) { b.core.settings.Order = app.OrderName }, 1, desktop.CustomShortcut{KeyName: fyne.KeyDown, Modifier: fyne.KeyModifierAlt}, nil},
	} {
		b := phone(t)
		if c.prepare != nil {
			c.prepare(b)
		}
		b.codes.deck.FocusItem(c.from)
		focused, ok := b.win.Canvas().Focused().(fyne.Shortcutable)
		if !ok {
			t.Fatal("the card takes no keys")
		}
		focused.TypedShortcut(&c.keys)
		if !slices.Equal(b.core.moved, c.want) {
			t.Errorf("%s: moved %q, want %q", name, b.core.moved, c.want)
		}
	}
}

func TestAListThatChangesEndsTheDrag(t *testing.T) {
	b := phone(t)
	cell, _ := b.codes.deck.Cell(1)
	cell.(*accountCell).grip.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(0, 200)}, Dragged: fyne.NewDelta(0, 200)})
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
	b.setPicture("github", path, b.top())
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
	b.setPicture("github", path, b.top())
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
