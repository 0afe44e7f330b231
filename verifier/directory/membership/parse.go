package membership

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"countersign/verifier/words"
)

// Parse reads a rule. What it refuses comes as a *SyntaxError.
func Parse(rule string) (Rule, error) {
	switch {
	case len(rule) > MaxRule:
		return Rule{}, &SyntaxError{Column: 1, Reason: words.Of("refused.rule_long", "most", MaxRule)}
	case !utf8.ValidString(rule):
		return Rule{}, &SyntaxError{Column: 1, Reason: words.Of("refused.rule_encoding")}
	}
	p := parser{lexer: lexer{rule: rule}}
	if err := p.advance(); err != nil {
		return Rule{}, err
	}
	root, err := p.either(0)
	if err != nil {
		return Rule{}, err
	}
	if p.token.kind != end {
		return Rule{}, p.unexpected("refused.rule_wants_end")
	}
	return Rule{root: root, text: rule}, nil
}

// parser is a recursive descent over or > and > not > condition, one token
// ahead.
type parser struct {
	lexer
	token    token
	lastText string // the last string, as written: -match wants its case
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

// unexpected refuses the token; wanted is the key of the words for what should
// stand in its place.
func (p *parser) unexpected(wanted string) error {
	return p.fail(p.token.at, "refused.rule_unexpected", "found", p.token.describe(), "wanted", words.Of(wanted))
}

// is reports whether the token is the operator, with or without its dash.
func (p *parser) is(operator string) bool {
	return p.token.kind == word && strings.EqualFold(strings.TrimPrefix(p.token.text, "-"), operator)
}

func (p *parser) either(depth int) (node, error) {
	left, err := p.both(depth)
	for err == nil && p.is("or") {
		var right node
		if err = p.advance(); err == nil {
			right, err = p.both(depth)
			left = either{left, right}
		}
	}
	return left, err
}

func (p *parser) both(depth int) (node, error) {
	left, err := p.not(depth)
	for err == nil && p.is("and") {
		var right node
		if err = p.advance(); err == nil {
			right, err = p.not(depth)
			left = both{left, right}
		}
	}
	return left, err
}

func (p *parser) not(depth int) (node, error) {
	if depth > maxDepth {
		return nil, p.fail(p.token.at, "refused.rule_deep", "most", maxDepth)
	}
	if p.is("not") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		of, err := p.not(depth + 1)
		return not{of}, err
	}
	if p.token.kind != openParen {
		return p.comparison()
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	inner, err := p.either(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.token.kind != closeParen {
		return nil, p.unexpected("refused.rule_wants_close")
	}
	return inner, p.advance()
}

// comparison reads: property operator value.
func (p *parser) comparison() (node, error) {
	property, found := strings.CutPrefix(strings.ToLower(p.token.text), "user.")
	if p.token.kind != word || !found || property == "" {
		return nil, p.unexpected("refused.rule_wants_property")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	op, negative, ok := operatorOf(p.token)
	if !ok {
		return nil, p.unexpected("refused.rule_wants_operator")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	at := p.token.at
	values, err := p.values(op)
	if err != nil {
		return nil, err
	}
	c := comparison{property: property, op: op, values: values}
	if op == opMatch {
		// RE2: linear in the input, whatever an administrator writes.
		if c.pattern, err = regexp.Compile("(?i)" + p.lastText); err != nil {
			return nil, p.fail(at, "refused.rule_pattern")
		}
	}
	if negative {
		return not{c}, nil
	}
	return c, nil
}

func operatorOf(t token) (op operator, negative, ok bool) {
	name, dash := strings.CutPrefix(strings.ToLower(t.text), "-")
	if t.kind != word || !dash {
		return 0, false, false
	}
	switch name {
	case "eq":
		return opEqual, false, true
	case "ne":
		return opEqual, true, true
	}
	name, negative = strings.CutPrefix(name, "not")
	op, ok = map[string]operator{"contains": opContains, "startswith": opStartsWith, "match": opMatch, "in": opIn}[name]
	return op, negative, ok
}

func (p *parser) values(op operator) ([]value, error) {
	if op != opIn {
		v, err := p.value(op)
		return []value{v}, err
	}
	if p.token.kind != openBracket {
		return nil, p.unexpected("refused.rule_wants_list")
	}
	var values []value
	for {
		if len(values) == maxList {
			return nil, p.fail(p.token.at, "refused.rule_values", "most", maxList)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		v, err := p.value(op)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		if p.token.kind == closeBracket {
			return values, p.advance()
		}
		if p.token.kind != comma {
			return nil, p.unexpected("refused.rule_wants_next")
		}
	}
}

func (p *parser) value(op operator) (value, error) {
	t := p.token
	switch {
	case t.kind == text:
		p.lastText = t.text
		return value{text: fold(t.text)}, p.advance()
	case op == opMatch || op == opContains || op == opStartsWith:
		return value{}, p.unexpected("refused.rule_string")
	case t.kind != word:
	case strings.EqualFold(t.text, "null") || strings.EqualFold(t.text, "$null"):
		return value{null: true}, p.advance()
	case strings.EqualFold(t.text, "true") || strings.EqualFold(t.text, "false"):
		return value{text: fold(t.text)}, p.advance()
	}
	return value{}, p.unexpected("refused.rule_wants_value")
}
