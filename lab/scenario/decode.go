package scenario

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Limits on what a file may hold: it may come from anywhere.
const (
	maxFile      = 256 << 10 // octets
	maxScenarios = 256       // documents
	maxDepth     = 32        // levels of nesting
)

// FileError is what is wrong with a scenario file, and where.
type FileError struct {
	Path string
	Line int // from 1
	Msg  string
}

// Error gives file:line: and what was expected there.
func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Msg) }

// Line is where something stands in its file, from 1.
type Line int

// Duration is written as Go's durations are: 90s, 5m, 1h30m.
type Duration time.Duration

// UnmarshalText refuses what is no duration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed > 366*24*time.Hour || parsed < -366*24*time.Hour {
		return fmt.Errorf("%q is no duration such as 30s, 5m or 1h", text)
	}
	*d = Duration(parsed)
	return nil
}

// Document is a JSON document written in YAML: a policy, or the input of a
// what-if.
type Document struct {
	Line  Line
	Value map[string]any // nil: not given
}

// decoder fills Go values from a file's syntax tree. Types with YAML's own
// decoder would do, but for the errors: people write these files, and "line 12:
// unknown key "os"; allowed are ..." is what they need.
type decoder struct {
	path  string
	depth int
}

// fromNode is a type that reads itself.
type fromNode interface {
	fromNode(d *decoder, n ast.Node) error
}

func (d *decoder) fail(line int, format string, args ...any) error {
	return &FileError{Path: d.path, Line: max(line, 1), Msg: fmt.Sprintf(format, args...)}
}

// parseFile gives the documents of a file.
func (d *decoder) parseFile(data []byte) (docs []ast.Node, err error) {
	if len(data) > maxFile {
		return nil, d.fail(1, "the file is larger than %d bytes", maxFile)
	}
	// The parser is not ours, and is given whatever a file holds: what breaks it
	// is a broken file.
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, d.fail(1, "this is no YAML that can be read")
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, d.syntax(err)
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			docs = append(docs, doc.Body)
		}
	}
	switch {
	case len(docs) == 0:
		return nil, d.fail(1, "the file holds no scenario")
	case len(docs) > maxScenarios:
		return nil, d.fail(line(docs[maxScenarios]), "a file holds at most %d scenarios", maxScenarios)
	}
	return docs, nil
}

// syntax says where a file is no YAML.
func (d *decoder) syntax(err error) error {
	at, msg := 1, err.Error()
	var positioned yaml.Error
	if errors.As(err, &positioned) {
		msg = positioned.GetMessage()
		if t := positioned.GetToken(); t != nil && t.Position != nil {
			at = t.Position.Line
		}
	}
	msg, _, _ = strings.Cut(msg, "\n")
	return d.fail(at, "this is not YAML: %s", msg)
}

// line is where a node stands.
func line(n ast.Node) int {
	if m, ok := n.(ast.MapNode); ok {
		// The mapping's own token is its first colon.
		if pairs := entries(m); len(pairs) > 0 {
			return line(pairs[0].Key)
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func entries(m ast.MapNode) []*ast.MappingValueNode {
	var out []*ast.MappingValueNode
	for it := m.MapRange(); it.Next(); {
		out = append(out, it.KeyValue())
	}
	return out
}

// what names a node's kind as people know it.
func what(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return fmt.Sprintf("the text %q", text(n))
	case *ast.IntegerNode, *ast.FloatNode:
		return "the number " + text(n)
	case *ast.BoolNode:
		return text(n)
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, alias, merge or tag, which scenario files do not have"
	default:
		return "something else"
	}
}

// text is a scalar as it was written.
func text(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	default:
		if t := n.GetToken(); t != nil {
			return t.Value
		}
		return ""
	}
}

// scalar gives the text of a scalar; ok is false for all else.
func scalar(n ast.Node) (string, bool) {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return text(n), true
	}
	return "", false
}

// value fills v, which is settable, from a node. Name is for errors.
func (d *decoder) value(n ast.Node, v reflect.Value, name string) error {
	if d.depth++; d.depth > maxDepth {
		return d.fail(line(n), "more than %d levels of nesting", maxDepth)
	}
	defer func() { d.depth-- }()
	if n == nil {
		return d.fail(1, "%s has no value", name)
	}
	if own, ok := v.Addr().Interface().(fromNode); ok {
		return own.fromNode(d, n)
	}
	if own, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := scalar(n)
		if !ok {
			return d.fail(line(n), "%s: expected a word, got %s", name, what(n))
		}
		if err := own.UnmarshalText([]byte(s)); err != nil {
			return d.fail(line(n), "%s: %s", name, err)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), name)
	case reflect.Struct:
		return d.structure(n, v, name)
	case reflect.Slice:
		return d.list(n, v, name)
	case reflect.Map:
		return d.mapping(n, v, name)
	default:
		return d.plain(n, v, name)
	}
}

func (d *decoder) plain(n ast.Node, v reflect.Value, name string) error {
	switch v.Kind() {
	case reflect.String:
		// A version such as 0.1 or a name such as 007 is a text whatever YAML
		// takes it for.
		s, ok := scalar(n)
		if !ok || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return d.fail(line(n), "%s: expected a text of one line, got %s", name, what(n))
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return d.fail(line(n), "%s: expected true or false, got %s", name, what(n))
		}
		v.SetBool(b.Value)
	case reflect.Int:
		if _, ok := n.(*ast.IntegerNode); ok {
			if i, err := strconv.Atoi(text(n)); err == nil && i >= 0 && i <= 1<<20 {
				v.SetInt(int64(i))
				return nil
			}
		}
		return d.fail(line(n), "%s: expected a whole number, got %s", name, what(n))
	default:
		return d.fail(line(n), "%s cannot be given in a file", name)
	}
	return nil
}

// list takes a list, or one element alone.
func (d *decoder) list(n ast.Node, v reflect.Value, name string) error {
	nodes := []ast.Node{n}
	if seq, ok := n.(*ast.SequenceNode); ok {
		nodes = seq.Values
	} else if _, ok := scalar(n); !ok {
		return d.fail(line(n), "%s: expected a list, got %s", name, what(n))
	}
	out := reflect.MakeSlice(v.Type(), len(nodes), len(nodes))
	for i, node := range nodes {
		entry := name
		if node != n {
			entry = fmt.Sprintf("%s, entry %d", name, i+1)
		}
		if err := d.value(node, out.Index(i), entry); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, name string) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return d.fail(line(n), "%s: expected a mapping, got %s", name, what(n))
	}
	out := reflect.MakeMap(v.Type())
	for _, pair := range entries(m) {
		key, err := d.key(pair)
		if err != nil {
			return err
		}
		k := reflect.ValueOf(key).Convert(v.Type().Key())
		if out.MapIndex(k).IsValid() {
			return d.fail(line(pair.Key), "%s: %q is given twice", name, key)
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		// "phone:" alone is a phone with every default.
		if _, null := pair.Value.(*ast.NullNode); !null || elem.Kind() != reflect.Struct {
			if err := d.value(pair.Value, elem, name+"."+key); err != nil {
				return err
			}
		}
		setLine(elem, line(pair.Key))
		out.SetMapIndex(k, elem)
	}
	v.Set(out)
	return nil
}

func (d *decoder) key(pair *ast.MappingValueNode) (string, error) {
	key, ok := scalar(pair.Key)
	if !ok || key == "" {
		return "", d.fail(line(pair.Key), "expected a name and a colon, got %s", what(pair.Key))
	}
	return key, nil
}

// field is a member of a struct that a file may give.
type field struct {
	key      string
	index    []int
	required bool
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("yaml")
		if !ok {
			continue
		}
		key, option, _ := strings.Cut(tag, ",")
		out = append(out, field{key, f.Index, option == "required"})
	}
	return out
}

func (d *decoder) structure(n ast.Node, v reflect.Value, name string) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return d.fail(line(n), "%s: expected a mapping, got %s", name, what(n))
	}
	setLine(v, line(n))
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for _, pair := range entries(m) {
		key, err := d.key(pair)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		switch {
		case i < 0:
			return d.fail(line(pair.Key), "%s: unknown key %q; allowed are %s", name, key, keysOf(fields))
		case seen[key]:
			return d.fail(line(pair.Key), "%s: %q is given twice", name, key)
		}
		seen[key] = true
		if err := d.value(pair.Value, v.FieldByIndex(fields[i].index), key); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if f.required && !seen[f.key] {
			return d.fail(line(n), "%s: %q is missing", name, f.key)
		}
	}
	return nil
}

func keysOf(fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return strings.Join(keys, ", ")
}

// setLine notes where a struct stands, if it wants to know.
func setLine(v reflect.Value, at int) {
	if v.Kind() != reflect.Struct {
		return
	}
	if f := v.FieldByName("Line"); f.IsValid() && f.Type() == reflect.TypeFor[Line]() && f.CanSet() {
		f.SetInt(int64(at))
	}
}

// fromNode reads a document as JSON would have it.
func (doc *Document) fromNode(d *decoder, n ast.Node) error {
	if _, ok := n.(ast.MapNode); !ok {
		return d.fail(line(n), "expected a mapping, got %s", what(n))
	}
	v, err := d.any(n)
	if err != nil {
		return err
	}
	doc.Line = Line(line(n))
	doc.Value, _ = v.(map[string]any)
	return nil
}

func (d *decoder) any(n ast.Node) (any, error) {
	if d.depth++; d.depth > maxDepth {
		return nil, d.fail(line(n), "more than %d levels of nesting", maxDepth)
	}
	defer func() { d.depth-- }()
	switch n := n.(type) {
	case ast.MapNode:
		out := map[string]any{}
		for _, pair := range entries(n) {
			key, err := d.key(pair)
			if err != nil {
				return nil, err
			}
			if _, twice := out[key]; twice {
				return nil, d.fail(line(pair.Key), "%q is given twice", key)
			}
			if out[key], err = d.any(pair.Value); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *ast.SequenceNode:
		out := make([]any, len(n.Values))
		for i, node := range n.Values {
			var err error
			if out[i], err = d.any(node); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.IntegerNode:
		if i, err := strconv.ParseInt(text(n), 10, 64); err == nil {
			return i, nil
		}
	case nil, *ast.NullNode:
		return nil, nil
	}
	if s, ok := scalar(n); ok {
		return s, nil
	}
	return nil, d.fail(line(n), "expected a value, got %s", what(n))
}

// wordOf stores text in v if it is one of allowed, and otherwise says what is.
func wordOf[E ~string](v *E, text []byte, allowed ...E) error {
	if !slices.Contains(allowed, E(text)) {
		words := make([]string, len(allowed))
		for i, a := range allowed {
			words[i] = string(a)
		}
		return fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
	}
	*v = E(text)
	return nil
}
