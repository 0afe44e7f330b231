package membership

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"countersign/verifier/words"
)

// SyntaxError says where a rule does not read, and why.
type SyntaxError struct {
	Column int // in characters, from 1
	Reason words.Text
}

// Text is both in one sentence.
func (e *SyntaxError) Text() words.Text {
	return words.Of("refused.rule_at", "column", e.Column, "problem", e.Reason)
}

func (e *SyntaxError) Error() string { return e.Text().String() }

type kind int

const (
	end       kind = iota
	word           // -eq, and, user.department, true
	text           // "Sales"
	openParen      // (
	closeParen
	openBracket // [
	closeBracket
	comma
)

type token struct {
	kind kind
	text string // the word as written, the string's value
	at   int    // octets from the beginning
}

// describe is the token as a value of a text.
func (t token) describe() any {
	switch t.kind {
	case end:
		return words.Of("refused.rule_end")
	case text:
		return words.Of("refused.rule_string")
	default:
		return strconv.Quote(t.text)
	}
}

// lexer splits a rule into tokens.
type lexer struct {
	rule string
	at   int
}

func (l *lexer) fail(at int, key string, args ...any) *SyntaxError {
	return &SyntaxError{Column: utf8.RuneCountInString(l.rule[:at]) + 1, Reason: words.Of(key, args...)}
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.rule) && strings.IndexByte(" \t\r\n", l.rule[l.at]) >= 0 {
		l.at++
	}
	start := l.at
	if start == len(l.rule) {
		return token{kind: end, at: start}, nil
	}
	signs := map[byte]kind{'(': openParen, ')': closeParen, '[': openBracket, ']': closeBracket, ',': comma}
	c := l.rule[start]
	if sign, ok := signs[c]; ok {
		l.at++
		return token{kind: sign, text: string(c), at: start}, nil
	}
	if c == '"' || c == '\'' {
		return l.str(c)
	}
	for l.at < len(l.rule) && isWord(l.rule[l.at]) {
		l.at++
	}
	if l.at == start {
		r, _ := utf8.DecodeRuneInString(l.rule[start:])
		return token{}, l.fail(start, "refused.rule_character", "character", strconv.QuoteRune(r))
	}
	return token{kind: word, text: l.rule[start:l.at], at: start}, nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_$", c) >= 0
}

// str reads a quoted string. A backtick takes the character after it as it is,
// as in Entra (and PowerShell).
func (l *lexer) str(quote byte) (token, error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.rule); l.at++ {
		switch c := l.rule[l.at]; {
		case c == quote:
			l.at++
			return token{kind: text, text: b.String(), at: start}, nil
		case c == '`' && l.at+1 < len(l.rule):
			l.at++
			b.WriteByte(l.rule[l.at])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, l.fail(start, "refused.rule_open_string", "quote", string(quote))
}
