package words_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign/verifier/words"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func load(t *testing.T) words.Catalogue {
	t.Helper()
	all, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryTextExistsInEveryLanguage(t *testing.T) {
	all := load(t)
	first := all[words.English]
	if len(first) < 100 || len(all) < 3 {
		t.Fatalf("only %d texts in %d languages", len(first), len(all))
	}
	for tag, texts := range all {
		for key, text := range first {
			other, ok := texts[key]
			switch {
			case !ok:
				t.Errorf("%s lacks %s", tag, key)
			case strings.TrimSpace(other) == "":
				t.Errorf("%s: %s is empty", tag, key)
			case !slices.Equal(placeholders(text), placeholders(other)):
				t.Errorf("%s: %s has other placeholders", tag, key)
			}
		}
		for key := range maps.Keys(texts) {
			if _, ok := first[key]; !ok {
				t.Errorf("%s has %s, which no other language has", tag, key)
			}
		}
	}
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// alike are texts that are the same in two languages: names of operators.
func alike() []string {
	return []string{"refused.rule_wants_next"}
}

func TestThaiAndSwedishAreThemselves(t *testing.T) {
	all := load(t)
	for key, text := range all["th"] {
		if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x0e00 && r <= 0x0e7f }) {
			t.Errorf("th: %s is not in Thai: %q", key, text)
		}
	}
	same := 0
	for key, text := range all["sv"] {
		if text == all[words.English][key] && !slices.Contains(alike(), key) {
			same++
		}
	}
	if same > 10 {
		t.Errorf("%d Swedish texts are English", same)
	}
}

func TestATextThatIsMissingIsAnError(t *testing.T) {
	if _, err := load(t).Text(words.English, "no.such.text"); !errors.Is(err, words.ErrNoText) {
		t.Errorf("%v", err)
	}
}

func TestPlaceholdersAreFilledOnce(t *testing.T) {
	all := words.Catalogue{"en": {"k": "{a} and {b}"}}
	// What fills one placeholder is not searched for others.
	if got, _ := all.Text("en", "k", "a", "{b}", "b", 2); got != "{b} and 2" {
		t.Error(got)
	}
}

func TestAPartIsSaidInTheLanguageOfTheWhole(t *testing.T) {
	all := load(t)
	whole := words.Of("refused.text", "what", words.Of("refused.what_display_name"), "most", 256)
	if got := whole.String(); got != "A display name has at most 256 bytes of text on one line." {
		t.Error(got)
	}
	if got, err := all.Text("sv", whole.Key, whole.Args...); err != nil || got != "Ett visningsnamn har högst 256 byte text på en rad." {
		t.Error(got, err)
	}
	if _, err := all.Text("sv", "refused.text", "what", words.Of("no.such.text")); !errors.Is(err, words.ErrNoText) {
		t.Errorf("a part without a text: %v", err)
	}
}

func TestARefusalIsItsKindAndItsWords(t *testing.T) {
	kind := errors.New("kind")
	err := words.Refuse(kind, "refused.no_user", "name", "zoe")
	if !errors.Is(err, kind) || err.Error() != "There is no user zoe." {
		t.Errorf("%v", err)
	}
}

// source is the verifier's Go files without their tests.
func source(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[path], err = parser.ParseFile(token.NewFileSet(), path, body, parser.SkipObjectResolution)
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// TestWhatIsRaisedCanBeSaid finds every key of a refusal that the verifier's
// code has, and holds the translations to them: each has its text, and no text
// is left over.
func TestWhatIsRaisedCanBeSaid(t *testing.T) {
	english := load(t)[words.English]
	raised := map[string]bool{}
	for path, file := range source(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			key, err := strconv.Unquote(literal.Value)
			if err != nil || !strings.HasPrefix(key, "refused.") {
				return true
			}
			if _, ok := english[key]; !ok {
				t.Errorf("%s raises %s, which has no text", path, key)
			}
			raised[key] = true
			return true
		})
	}
	if len(raised) < 80 {
		t.Fatalf("only %d keys found", len(raised))
	}
	for key := range english {
		if strings.HasPrefix(key, "refused.") && !raised[key] {
			t.Errorf("nothing raises %s", key)
		}
	}
}

// kinds are the sentinel errors of what a person can mend.
func kinds() []string {
	return []string{"ErrInvalid", "ErrExists", "ErrOverridden", "ErrInput", "ErrDocument", "ErrTooManyDevices"}
}

// TestNobodyIsToldASentenceWithoutAKey finds refusals that are made with words of
// their own: they would be English on a page in Thai.
func TestNobodyIsToldASentenceWithoutAKey(t *testing.T) {
	for path, file := range source(t) {
		if file.Name.Name == "audit" {
			continue // its ErrInvalid is a fault of the program
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
				name = selector.Sel.Name
			}
			for _, argument := range call.Args {
				if name == "Errorf" && slices.Contains(kinds(), lastName(argument)) {
					t.Errorf("%s wraps %s in words without a key", path, lastName(argument))
				}
			}
			return true
		})
	}
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
