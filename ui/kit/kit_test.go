package kit

import (
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/mobile"
	"fyne.io/fyne/v2/test"

	"countersign/ui/design"
)

func window(t *testing.T, o fyne.CanvasObject) fyne.Window {
	t.Helper()
	a := test.NewTempApp(t)
	a.Settings().SetTheme(design.NewTheme(design.NewStyle(false, 1)))
	w := test.NewTempWindow(t, o)
	w.Resize(fyne.NewSize(400, 600))
	return w
}

func TestNumberField(t *testing.T) {
	for _, c := range []struct {
		rule, typed string
		digits      int
		want        string
		submits     bool
	}{
		{"takes digits only", "a4x2-", 2, "42", true},
		{"takes no more than asked for", "4217", 2, "42", true},
		{"does not submit before all are there", "4", 2, "4", false},
		{"keeps leading zeros", "000042", 6, "000042", true},
		{"reads Thai digits", "๔๒", 2, "42", true},
		{"takes no other digits", "４２٤٢", 2, "", false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var submitted []string
			n := NewNumberField(design.NewStyle(false, 1), c.digits, "number", nil, func(s string) { submitted = append(submitted, s) })
			w := window(t, n)
			w.Canvas().Focus(n)
			test.Type(n, c.typed)
			n.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
			if n.Number() != c.want || (len(submitted) == 1) != c.submits {
				t.Errorf("number %q, submitted %q", n.Number(), submitted)
			}
			if c.submits && submitted[0] != c.want {
				t.Errorf("submitted %q, want %q", submitted[0], c.want)
			}
		})
	}
}

func TestNumberFieldBackspaceAndDisabled(t *testing.T) {
	var complete []bool
	n := NewNumberField(design.NewStyle(false, 1), 2, "number", func(c bool) { complete = append(complete, c) }, nil)
	window(t, n)
	test.Type(n, "42")
	n.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
	if n.Number() != "4" || n.Complete() {
		t.Errorf("after Backspace: %q", n.Number())
	}
	if got := fmt.Sprint(complete); got != "[false true false]" {
		t.Errorf("told of %s", got)
	}
	n.Disable()
	test.Type(n, "2")
	if n.Number() != "4" {
		t.Errorf("a disabled field took %q", n.Number())
	}
}

func TestNumberFieldAsksForTheNumberKeyboard(t *testing.T) {
	n := NewNumberField(design.NewStyle(false, 1), 2, "number", nil, nil)
	if n.Keyboard() != mobile.NumberKeyboard {
		t.Error("not the number keyboard")
	}
	if _, takesShortcuts := any(n).(fyne.Shortcutable); takesShortcuts {
		t.Error("the field takes shortcuts, so a number could be pasted")
	}
}

func TestButtonByKeyboard(t *testing.T) {
	pressed := 0
	b := NewButton(design.NewStyle(false, 1), Primary, "Go", "check", func() { pressed++ })
	w := window(t, b)
	w.Canvas().Focus(b)
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	b.Disable()
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	test.Tap(b)
	if pressed != 2 {
		t.Errorf("pressed %d times, want 2", pressed)
	}
	if b.AccessibilityLabel() != "Go" || b.AccessibilityRole() != fyne.AccessibleRoleButton {
		t.Error("not labelled for a screen reader")
	}
}

func TestEscapeBubblesToTheCanvas(t *testing.T) {
	n := NewNumberField(design.NewStyle(false, 1), 2, "number", nil, nil)
	w := window(t, n)
	var got []fyne.KeyName
	w.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) { got = append(got, e.Name) })
	n.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if len(got) != 1 || got[0] != fyne.KeyEscape {
		t.Errorf("the canvas saw %v", got)
	}
}

func TestRingCountsBegunSeconds(t *testing.T) {
	r := NewRing(design.NewStyle(false, 1), 40)
	window(t, r)
	for left, want := range map[time.Duration]int{29*time.Second + time.Millisecond: 30, 5 * time.Second: 5, 0: 0, -time.Second: 0} {
		r.Set(left, 30*time.Second)
		if r.Seconds() != want {
			t.Errorf("%v left: %d, want %d", left, r.Seconds(), want)
		}
	}
	if Low(6*time.Second, 30*time.Second) || !Low(5*time.Second, 30*time.Second) || !Low(10*time.Second, time.Minute) {
		t.Error("turns amber at the wrong time")
	}
}

// cell is a deck's cell that remembers what it shows.
type cell struct {
	Tap
	index int
}

func (c *cell) Bind(index int) { c.index = index }
func (c *cell) CreateRenderer() fyne.WidgetRenderer {
	return &renderer{layout: func(fyne.Size) {}, min: func() fyne.Size { return fyne.NewSize(100, 50) }}
}

func TestDeckOfAThousandHasFewCells(t *testing.T) {
	style := design.NewStyle(false, 1)
	made := 0
	d := NewDeck(50, 150, 10, 10, func() Cell {
		made++
		c := &cell{}
		c.Extend(c, style, nil)
		return c
	})
	window(t, d)
	d.SetCount(1000)
	if d.columns != 2 {
		t.Fatalf("%d columns, want 2 in 400 pixels", d.columns)
	}
	for _, i := range []int{0, 999, 500, 3} {
		d.FocusItem(i)
		c, ok := d.Cell(i)
		if !ok || c.(*cell).index != i {
			t.Errorf("item %d is not on the screen after it got the focus", i)
		}
	}
	if made > 60 {
		t.Errorf("%d cells made for a screen of 600 pixels", made)
	}
	if got := d.Neighbour(10, fyne.KeyDown); got != 12 {
		t.Errorf("below 10 is %d, want 12", got)
	}
	d.SetCount(1)
	shown := 0
	d.Each(func(Cell) { shown++ })
	if shown != 1 {
		t.Errorf("%d cells for one item", shown)
	}
}

func TestTextHeightFollowsWidth(t *testing.T) {
	style := design.NewStyle(false, 1)
	text := NewText(style, Look{Points: design.Body, Colour: style.Ink}, "A text that needs more than one line in a narrow column, and one in a wide one.")
	window(t, text)
	if narrow, wide := text.HeightFor(120), text.HeightFor(2000); narrow < 3*wide {
		t.Errorf("height %v at 120, %v at 2000", narrow, wide)
	}
}

func TestGridHasRowsOfLikeLength(t *testing.T) {
	objects := make([]fyne.CanvasObject, 4)
	for i := range objects {
		objects[i] = Space(10, 10)
	}
	g := NewGrid(0, 100, objects...)
	if n, _ := g.columns(350); n != 2 {
		t.Errorf("%d columns for four where three fit, want two rows of two", n)
	}
	if n, _ := g.columns(400); n != 4 {
		t.Errorf("%d columns for four where four fit", n)
	}
}

func TestLineIsCutBetweenClusters(t *testing.T) {
	style := design.NewStyle(false, 1)
	l := NewLine(style, Look{Points: design.Body, Colour: style.Ink}, "ก่ก่ก่ก่ก่ก่ก่ก่ก่ก่")
	window(t, l)
	for width := float32(10); width < 120; width += 3 {
		cut := []rune(l.cut(width))
		if n := len(cut); n > 1 && cut[n-1] == '…' && cut[n-2] == 'ก' {
			t.Fatalf("cut at %v parts a mark from its letter: %q", width, string(cut))
		}
	}
}
