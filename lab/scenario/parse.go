package scenario

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Load reads a file and checks all that can be known before it runs. The error
// of a broken file is a *FileError.
func Load(path string) ([]*Scenario, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a scenario file: %w", err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return Parse(path, data)
}

// Parse reads the content of a file; path is for errors.
func Parse(path string, data []byte) ([]*Scenario, error) {
	d := &decoder{path: path}
	docs, err := d.parseFile(data)
	if err != nil {
		return nil, err
	}
	out := make([]*Scenario, len(docs))
	for i, doc := range docs {
		out[i] = &Scenario{Path: path}
		if err := d.value(doc, reflect.ValueOf(out[i]).Elem(), "a scenario"); err != nil {
			return nil, err
		}
		if err := check(out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UnmarshalText refuses what is no rule's number.
func (r *rule) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > lastRule {
		return fmt.Errorf("%q is no rule; they are numbered 1 to %d", text, lastRule)
	}
	*r = rule(n)
	return nil
}

// action is a step of any verb.
type action interface {
	// check tells what is wrong with it before anything runs.
	check(c *checker) error
	// run does it. The error says what was expected and what came instead.
	run(p *play) error
}

// expectation is what must hold, of any subject.
type expectation interface {
	check(c *checker) error
	verify(p *play) error
}

// verbs are the steps by their first key.
func verbs() []verb[action] {
	return []verb[action]{
		{"start", func() action { return &startStep{} }},
		{"answer", func() action { return &answerStep{} }},
		{"code", func() action { return &codeStep{} }},
		{"cancel", func() action { return &cancelStep{} }},
		{"wait", func() action { return &waitStep{} }},
		{"together", func() action { return &togetherStep{} }},
		{"repeat", func() action { return &repeatStep{} }},
		{"away", func() action { return &awayStep{} }},
		{"back", func() action { return &backStep{} }},
		{"skew", func() action { return &skewStep{} }},
		{"relay", func() action { return &relayStep{} }},
		{"enrol", func() action { return &enrolStep{} }},
		{"revoke", func() action { return &revokeStep{} }},
		{"release", func() action { return &releaseStep{} }},
		{"tenant", func() action { return &tenantStep{} }},
		{"policy", func() action { return &policyStep{} }},
		{"evaluate", func() action { return &evaluateStep{} }},
		{"sign_in_here", func() action { return &brokerStep{} }},
		{"show_number_again", func() action { return &showAgainStep{} }},
		{"expect", func() action { return &expectStep{} }},
	}
}

// subjects are the expectations by their first key.
func subjects() []verb[expectation] {
	return []verb[expectation]{
		{"sign_in", func() expectation { return &signInExpect{} }},
		{"device", func() expectation { return &deviceExpect{} }},
		{"user", func() expectation { return &userExpect{} }},
		{"count", func() expectation { return &countExpect{} }},
	}
}

type verb[T any] struct {
	word string
	make func() T
}

// pick reads a mapping as what its first key says.
func pick[T any](d *decoder, n ast.Node, name string, verbs []verb[T]) (word string, out T, err error) {
	words := make([]string, len(verbs))
	for i, v := range verbs {
		words[i] = v.word
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		return "", out, d.fail(line(n), "expected %s, which begins with one of %s; got %s", name, strings.Join(words, ", "), what(n))
	}
	pairs := entries(m)
	if len(pairs) == 0 {
		return "", out, d.fail(line(n), "expected %s, got an empty mapping", name)
	}
	key, err := d.key(pairs[0])
	if err != nil {
		return "", out, err
	}
	i := slices.Index(words, key)
	if i < 0 {
		return "", out, d.fail(line(pairs[0].Key), "%s begins with one of %s, not with %q", name, strings.Join(words, ", "), key)
	}
	out = verbs[i].make()
	return key, out, d.value(n, reflect.ValueOf(out).Elem(), name+" "+strconv.Quote(key))
}

func (s *step) fromNode(d *decoder, n ast.Node) (err error) {
	s.Line = Line(line(n))
	s.Verb, s.Do, err = pick(d, n, "a step", verbs())
	return err
}

func (e *expect) fromNode(d *decoder, n ast.Node) (err error) {
	e.Line = Line(line(n))
	_, e.Want, err = pick(d, n, "an expectation", subjects())
	return err
}
