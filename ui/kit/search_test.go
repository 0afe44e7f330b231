package kit

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"countersign/ui/design"
)

// TestSearchIsMadeWhenUsed holds every way to begin a search: by key, by mouse, by
// finger, and with what was typed elsewhere.
func TestSearchIsMadeWhenUsed(t *testing.T) {
	for name, begin := range map[string]func(c fyne.Canvas, s *Search){
		"tab":   func(c fyne.Canvas, _ *Search) { c.FocusNext() },
		"mouse": func(_ fyne.Canvas, s *Search) { s.likely.MouseDown(&desktop.MouseEvent{}) },
		"tap":   func(_ fyne.Canvas, s *Search) { test.Tap(s.likely) },
		"typed": func(_ fyne.Canvas, s *Search) { s.Type("") },
	} {
		t.Run(name, func(t *testing.T) {
			app := test.NewTempApp(t)
			style := design.NewStyle(false, 1)
			app.Settings().SetTheme(design.NewTheme(style))
			s := NewSearch(style, "Search", "")
			var typed, entered string
			s.OnChanged = func(text string) { typed = text }
			s.OnSubmitted = func(text string) { entered = text }
			w := test.NewTempWindow(t, s)
			w.Resize(fyne.NewSize(300, 60))
			before := s.MinSize()
			if s.entry != nil || w.Canvas().Focused() != nil {
				t.Fatal("the entry is there before anybody uses it")
			}
			begin(w.Canvas(), s)
			if s.entry == nil || w.Canvas().Focused() != s.entry {
				t.Fatalf("the keyboard is on %v, want the entry", w.Canvas().Focused())
			}
			test.Type(s.entry, "git")
			s.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
			if typed != "git" || entered != "git" {
				t.Errorf("typed %q and entered %q, want git", typed, entered)
			}
			if s.entry.Size() != s.Size() || s.entry.MinSize() != before {
				t.Errorf("the entry takes %v of %v and wants %v, its likeness wanted %v", s.entry.Size(), s.Size(), s.entry.MinSize(), before)
			}
			w.Canvas().FocusNext()
			if w.Canvas().Focused() != s.entry {
				t.Errorf("the search has a second place to stop at: %v", w.Canvas().Focused())
			}
		})
	}
}

func TestSearchKeepsItsText(t *testing.T) {
	test.NewTempApp(t)
	s := NewSearch(design.NewStyle(false, 1), "Search", "git")
	w := test.NewTempWindow(t, s)
	s.OnChanged = func(text string) { t.Errorf("told of %q, which nobody typed", text) }
	if s.entry == nil || s.entry.Text != "git" {
		t.Fatal("the text of before is gone")
	}
	s.OnChanged = nil
	s.Type("gith")
	if s.entry.Text != "gith" || s.entry.CursorColumn != 4 || w.Canvas().Focused() != s.entry {
		t.Errorf("typed on: %q, cursor at %d", s.entry.Text, s.entry.CursorColumn)
	}
}
