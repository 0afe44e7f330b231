// Command typecheck checks the types of packages for systems whose C compiler
// and headers are not here.
//
//	go run ./tools/typecheck -tags migrated_fynedo ios/arm64 android/arm64 -- ./...
//
// The app's mobile builds need Xcode or Android's NDK. What Go code they are
// made of can be checked without: packages are read from source, for that
// system, and whatever comes from "C" is taken as given. This finds a missing
// method or a wrong argument, not an error in the C.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit status: 0 when all types are right, 1 when not, 2 for a
// wrong command line.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("typecheck", flag.ContinueOnError)
	flags.SetOutput(stderr)
	tags := flags.String("tags", "", "build tags, with commas between them")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	rest := flags.Args()
	cut := slices.Index(rest, "--")
	if cut < 1 || cut == len(rest)-1 {
		fmt.Fprintln(stderr, "usage: typecheck [-tags TAGS] OS/ARCH... -- PACKAGE...")
		return 2
	}
	status := 0
	for _, target := range rest[:cut] {
		goos, goarch, ok := strings.Cut(target, "/")
		if !ok {
			fmt.Fprintf(stderr, "typecheck: %q is not OS/ARCH\n", target)
			return 2
		}
		n, err := check(context.Background(), goos, goarch, *tags, rest[cut+1:])
		if err != nil {
			fmt.Fprintf(stderr, "typecheck %s: %v\n", target, err)
			status = 1
			continue
		}
		fmt.Fprintf(stdout, "%s: the types of %d packages are right\n", target, n)
	}
	return status
}

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	ImportMap  map[string]string
	DepOnly    bool // not asked for, but imported by one that was
}

// check type-checks the packages for a system, and everything that they import
// as far as its declarations go. It returns how many packages it was asked for.
func check(ctx context.Context, goos, goarch, tags string, patterns []string) (int, error) {
	packages, err := list(ctx, goos, goarch, tags, patterns)
	if err != nil {
		return 0, err
	}
	c := checker{fset: token.NewFileSet(), sizes: types.SizesFor("gc", goarch), done: map[string]*types.Package{"unsafe": types.Unsafe}}
	var failed []error
	asked := 0
	for _, p := range packages { // dependencies come first
		err := c.check(p)
		if !p.DepOnly {
			asked++
			failed = append(failed, err)
		}
	}
	return asked, errors.Join(failed...)
}

func list(ctx context.Context, goos, goarch, tags string, patterns []string) ([]listed, error) {
	args := append([]string{"list", "-deps", "-tags", tags, "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap,DepOnly", "--"}, patterns...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=1")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, complaints.Bytes())
	}
	var packages []listed
	for in := jsontext.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := json.UnmarshalDecode(in, &p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode go list's answer: %w", err)
		}
		packages = append(packages, p)
	}
}

type checker struct {
	fset  *token.FileSet
	sizes types.Sizes
	done  map[string]*types.Package
}

func (c *checker) check(p listed) error {
	if p.ImportPath == "unsafe" {
		return nil
	}
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		f, err := parser.ParseFile(c.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	var found []error
	conf := types.Config{
		Importer:         importer{c, p.ImportMap},
		Sizes:            c.sizes,
		FakeImportC:      true,
		IgnoreFuncBodies: p.DepOnly,
		Error:            func(err error) { found = append(found, err) },
	}
	pkg, _ := conf.Check(p.ImportPath, c.fset, files, nil)
	c.done[p.ImportPath] = pkg
	return errors.Join(found...)
}

// importer resolves imports among the packages that have been checked.
type importer struct {
	c      *checker
	mapped map[string]string
}

// Import implements types.Importer.
func (i importer) Import(path string) (*types.Package, error) {
	if to, ok := i.mapped[path]; ok {
		path = to
	}
	if pkg := i.c.done[path]; pkg != nil {
		return pkg, nil
	}
	return nil, fmt.Errorf("package %s is not among the dependencies", path)
}
