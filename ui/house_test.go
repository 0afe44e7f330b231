package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"countersign/assets/icons"
	"countersign/assets/translations"
	"countersign/ui/i18n"
)

// source is every file of the screens that is not a test.
func source(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files[path] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("%d files found", len(files))
	}
	return files
}

// called is the name of a called function: "u.do", "fyne.Do", "time.AfterFunc".
func called(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return called(x.X) + "." + x.Sel.Name
	}
	return ""
}

// TestWidgetsAreTouchedOnFynesGoroutineOnly holds the first rule of package ui.
// The test driver runs everything on its caller, so no test would notice.
func TestWidgetsAreTouchedOnFynesGoroutineOnly(t *testing.T) {
	drawing := []string{"Refresh", "Resize", "Move", "Show", "Hide", "Focus", "Unfocus", "SetText", "SetError", "Set", "Enable", "Disable", "rebuild", "push", "pushForm", "pushSecret", "back", "close", "finish", "home", "say", "offer", "alert", "ask", "fail", "closeSheet", "openSheet", "syncPrompt", "SetContent", "RequestFocus"}
	for path, f := range source(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok && path != "ui.go" {
				t.Errorf("%s starts a goroutine; background work goes through UI.task", path)
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := called(call.Fun)
			if path != "ui.go" && (name == "fyne.Do" || name == "fyne.DoAndWait") {
				t.Errorf("%s calls %s; only UI.do does", path, name)
			}
			var background ast.Expr
			switch {
			case strings.HasSuffix(name, ".task") && len(call.Args) == 2:
				background = call.Args[0]
			case name == "time.AfterFunc", strings.HasSuffix(name, ".Spawn"), strings.HasSuffix(name, ".After") && len(call.Args) == 2:
				background = call.Args[len(call.Args)-1]
			}
			if literal, ok := background.(*ast.FuncLit); ok {
				inBackground(t, path, literal.Body, drawing)
			}
			return true
		})
	}
}

// inBackground refuses drawing outside of what is handed to do.
func inBackground(t *testing.T, path string, body ast.Node, drawing []string) {
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := called(call.Fun)
		last := name[strings.LastIndex(name, ".")+1:]
		if last == "do" || last == "Do" {
			return false // what is in it runs on Fyne's goroutine
		}
		if slices.Contains(drawing, last) && !strings.Contains(name, "core.") { // the core draws nothing
			t.Errorf("%s: %s in background work", path, name)
		}
		return true
	})
}

// TestCheckerSeesAFault: the checker above is no decoration.
func TestCheckerSeesAFault(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
func f() { a.SetText("x"); u.do(func() { a.Refresh() }) }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	inner := &testing.T{}
	inBackground(inner, "x.go", f, []string{"SetText"})
	if !inner.Failed() {
		t.Error("SetText outside of do passed")
	}
	inner = &testing.T{}
	inBackground(inner, "x.go", f, []string{"Refresh"})
	if inner.Failed() {
		t.Error("Refresh within do was refused")
	}
}

var key = regexp.MustCompile(`^[a-z]+(\.[a-z_]+)+$`)

// texts gives every string of the source, with its place.
func texts(t *testing.T, visit func(path, text string)) {
	for path, f := range source(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.BasicLit:
				if x.Kind == token.STRING {
					if s, err := strconv.Unquote(x.Value); err == nil {
						visit(path, s)
					}
				}
			}
			return true
		})
	}
}

func TestEveryKeyInUseExists(t *testing.T) {
	c, err := i18n.Load(translations.Files())
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]bool{}
	var begins []string
	texts(t, func(path, s string) {
		if strings.HasSuffix(s, ".") && key.MatchString(s+"x") {
			begins = append(begins, s)
		}
		if !key.MatchString(s) || strings.HasSuffix(s, ".svg") {
			return
		}
		whole[s] = true
		if !c.Has(s) && !c.Has(s+".title") {
			t.Errorf("%s: no text for %q", path, s)
		}
	})
	for _, k := range c.Keys() {
		used := whole[k] || whole[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(k, ".title"), ".text"), ".button")] || whole[strings.TrimSuffix(k, ".hint")]
		for _, b := range begins {
			used = used || strings.HasPrefix(k, b)
		}
		if !used {
			t.Errorf("%q is not in use", k)
		}
	}
}

// TestNoTextBypassesTheTranslations: whatever has two words in it is a sentence
// for a person, and comes from the catalogue. Errors and log messages are
// English, and exempt.
func TestNoTextBypassesTheTranslations(t *testing.T) {
	exempt := map[string]bool{"otpauth://…  countersign://…": true}
	for path, f := range source(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := called(call.Fun)
			if strings.HasPrefix(name, "errors.") || strings.HasPrefix(name, "fmt.Errorf") || strings.Contains(name, "log.") || strings.Contains(name, "regexp.") {
				return false
			}
			for _, a := range call.Args {
				lit, ok := a.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				s, err := strconv.Unquote(lit.Value)
				words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
				if err == nil && len(words) > 1 && strings.Contains(s, " ") && !exempt[s] {
					t.Errorf("%s: %q is not from the translations", path, s)
				}
			}
			return true
		})
	}
}

func TestEveryIconInUseExists(t *testing.T) {
	names := icons.Names()
	for path, f := range source(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := called(call.Fun)
			at, takes := map[string]int{"kit.NewIcon": 1, "kit.NewIconButton": 1, "kit.NewButton": 3, "u.item": 0, "u.item2": 0, "u.fact": 0, "u.note": 1, "u.alert": 0, "u.ask": 0, "u.toggle": 0, "u.choose": 0, "u.empty": 0, "row": 0, "u.railItem": 0}[name]
			if !takes || at >= len(call.Args) {
				return true
			}
			if lit, ok := call.Args[at].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, _ := strconv.Unquote(lit.Value); s != "" && !slices.Contains(names, s) {
					t.Errorf("%s: no icon %q", path, s)
				}
			}
			return true
		})
	}
}

// TestHouse holds what may be imported: the screens know the app, and nothing
// that speaks to a network.
func TestHouse(t *testing.T) {
	forbidden := []string{"net", "net/http", "countersign/transport", "countersign/relay", "countersign/verifier", "fyne.io/fyne/v2/app", "countersign/message"}
	for path, f := range source(t) {
		for _, i := range f.Imports {
			if p, _ := strconv.Unquote(i.Path.Value); slices.Contains(forbidden, p) {
				t.Errorf("%s imports %s", path, p)
			}
		}
	}
}
