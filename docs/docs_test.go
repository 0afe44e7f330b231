// Package docs holds the documentation to the code: a page that names a test, a
// limit, a file or an example that is not there does not pass.
package docs

import (
	"encoding/base64"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"

	"countersign/crypto/envelope"
	"countersign/transport"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources parses the Go files of a folder that are no tests.
func sources(t *testing.T, folder string) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("no Go files in %s", folder)
	}
	return set, files
}

// literals gives the string constants of a folder whose names begin so.
func literals(t *testing.T, folder string, prefixes ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	_, files := sources(t, folder)
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			for _, prefix := range prefixes {
				if strings.HasPrefix(spec.Names[0].Name, prefix) {
					found[spec.Names[0].Name] = unquote(t, literal)
				}
			}
			return true
		})
	}
	return found
}

// words gives the string literals in a function's body.
func words(t *testing.T, folder, function string) []string {
	t.Helper()
	var found []string
	_, files := sources(t, folder)
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != function {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					found = append(found, unquote(t, literal))
				}
				return true
			})
		}
	}
	return found
}

func unquote(t *testing.T, literal *ast.BasicLit) string {
	t.Helper()
	s, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheProtocolPageNamesEveryWordOfTheCode(t *testing.T) {
	page := read(t, "protocol.md")
	want := map[string]string{}
	for name, value := range literals(t, "../message", "Type", "Reason", "State", "Scenario", "Mode", "Notice", "Decision", "Platform", "Form", "label") {
		want["message."+name] = value
	}
	for name, value := range literals(t, "../transport", "Type", "Role") {
		want["transport."+name] = value
	}
	for _, word := range words(t, "../verifier", "refusal") {
		want["a refusal of the verifier: "+word] = word
	}
	for _, word := range words(t, "../app", "refusalReason") {
		want["a refusal of the device: "+word] = word
	}
	for name, value := range literals(t, "../relay", "linkSubject", "linkTaken", "linkRefused") {
		want["relay."+name] = value
	}
	if len(want) < 70 {
		t.Errorf("found %d words only: the code has moved, and this test with it", len(want))
	}
	for name, value := range want {
		if value != "" && !strings.Contains(page, "`"+value+"`") && !strings.Contains(page, "`"+value+".") {
			t.Errorf("%s, %q, is not on the page", name, value)
		}
	}
}

func TestTheProtocolPageNamesEveryCloseCode(t *testing.T) {
	page := read(t, "protocol.md")
	count := 0
	for code := transport.CloseCode(4000); code < 5000; code++ {
		if code.String() == fmt.Sprintf("close_%d", code) {
			continue
		}
		count++
		if !strings.Contains(page, fmt.Sprintf("| %d | `%s` |", code, code)) {
			t.Errorf("%d, %s, is not on the page", code, code)
		}
	}
	if count < 10 {
		t.Errorf("%d close codes", count)
	}
}

// TestTheProtocolPagesLimitsAreTheCodes compares each constant of a limits.go,
// as the compiler computes it, with its row.
func TestTheProtocolPagesLimitsAreTheCodes(t *testing.T) {
	page := read(t, "protocol.md")
	for _, folder := range []string{"../message", "../transport"} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(folder, "limits.go"), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		config := types.Config{Importer: importer.ForCompiler(set, "source", nil)}
		checked, err := config.Check(folder, set, []*ast.File{file}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range checked.Scope().Names() {
			limit, ok := checked.Scope().Lookup(name).(*types.Const)
			if !ok {
				continue
			}
			value, exact := constant.Int64Val(limit.Val())
			if !exact {
				t.Errorf("%s is no whole number", name)
			}
			row := fmt.Sprintf("| `%s` | %d", name, value)
			if limit.Type().String() == "time.Duration" {
				row = fmt.Sprintf("| `%s` | %d s |", name, int64(time.Duration(value).Seconds()))
			}
			if !strings.Contains(page, row+" ") && !strings.Contains(page, row+"\n") {
				t.Errorf("%s/limits.go: the page has no row %q", folder, row)
			}
		}
	}
	for name, value := range map[string]int{"PlaintextSize": envelope.PlaintextSize, "MaxSize": envelope.MaxSize} {
		if !strings.Contains(page, fmt.Sprintf("| `%s` | %d octets |", name, value)) {
			t.Errorf("%s is not %d octets on the page", name, value)
		}
	}
}

// TestTestsAndFilesThatPagesNameExist keeps the threat model honest.
func TestTestsAndFilesThatPagesNameExist(t *testing.T) {
	tests := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "bin", "build"}, d.Name())) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(b, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "threat-model.md")
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(page, -1)
	if len(named) < 50 {
		t.Errorf("the threat model names %d tests", len(named))
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("the threat model names %s, which is no test", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+/[\\w./-]+\\.(?:go|pml|c|sh))`").FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Errorf("the threat model names a file that is not there: %s", m[1])
		}
	}
}

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../README.md", "../SECURITY.md")
	link := regexp.MustCompile(`(?:\]\(|src=")([^)"]+)[)"]`)
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue // another site
			}
			path := page
			if target != "" {
				path = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if fragment != "" && !slices.Contains(anchors(read(t, path)), fragment) {
				t.Errorf("%s links to %s: no such heading", page, m[1])
			}
		}
	}
}

// anchors are the names that headings get on the usual hosts.
func anchors(page string) []string {
	var found []string
	for line := range strings.Lines(page) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		title = strings.ToLower(strings.TrimSpace(title))
		title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(title, "")
		found = append(found, strings.ReplaceAll(title, " ", "-"))
	}
	return found
}

func TestTheThirdPartyPageIsGoMods(t *testing.T) {
	mod, err := modfile.Parse("go.mod", []byte(read(t, "../go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, r := range mod.Require {
		want[r.Mod.Path] = r.Mod.Version
	}
	listed := map[string]string{}
	row := regexp.MustCompile(`(?m)^\| (\S+) \| (v[0-9]\S*) \| ([^|]+) \|`)
	for _, m := range row.FindAllStringSubmatch(read(t, "third-party.md"), -1) {
		listed[m[1]] = m[2]
		if regexp.MustCompile(`\b(A|L)?GPL`).MatchString(m[3]) || strings.TrimSpace(m[3]) == "" {
			t.Errorf("%s is under %q", m[1], m[3])
		}
	}
	for path, version := range want {
		if listed[path] != version {
			t.Errorf("%s: go.mod has %s, the page %q", path, version, listed[path])
		}
	}
	for path := range listed {
		if want[path] == "" {
			t.Errorf("%s is on the page, and not in go.mod", path)
		}
	}
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryMetricAndSettingIsDocumented(t *testing.T) {
	page := read(t, "operations.md")
	for pattern, names := range map[string]*regexp.Regexp{
		"../verifier/*.go":              regexp.MustCompile(`Name: "(countersign_\w+)"`),
		"../verifier/*/*.go":            regexp.MustCompile(`Name: "(countersign_\w+)"`),
		"../relay/metrics.go":           regexp.MustCompile(`counter\("(\w+)"`),
		"../cmd/countersignd/config.go": regexp.MustCompile("`yaml:\"(\\w+)\"`"),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, file := range files {
			for _, m := range names.FindAllStringSubmatch(read(t, file), -1) {
				count++
				if !regexp.MustCompile(`\b(countersign_relay_)?` + m[1] + `\b`).MatchString(page) {
					t.Errorf("%s: %s is not documented", file, m[1])
				}
			}
		}
		if count == 0 {
			t.Errorf("nothing found in %s", pattern)
		}
	}
}

func TestTheProtocolPageNamesEveryMember(t *testing.T) {
	page := read(t, "protocol.md")
	member := regexp.MustCompile(`json:"(\w+)`)
	count := 0
	for _, file := range []string{"../message/message.go", "../message/device.go", "../message/verifier.go", "../transport/token.go", "../transport/frame.go"} {
		for _, m := range member.FindAllStringSubmatch(read(t, file), -1) {
			count++
			if !strings.Contains(page, "`"+m[1]+"`") {
				t.Errorf("%s: the member %s is not on the page", file, m[1])
			}
		}
	}
	if count < 50 {
		t.Errorf("found %d members only", count)
	}
}
