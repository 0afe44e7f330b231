// Package membership reads and evaluates the rules of dynamic groups, in the
// syntax of Microsoft Entra's dynamic membership rules:
//
//	user.department -eq "Sales" -and (user.country -in ["SE","TH"] -or -not (user.jobTitle -startsWith "Chief"))
//
// The operators are -eq, -ne, -contains, -notContains, -startsWith,
// -notStartsWith, -match, -notMatch, -in and -notIn on a property; -not, -and
// and -or, binding in this order, on conditions; and parentheses. Operators,
// properties and values are compared without case, as Entra does. The values
// are strings, true, false and null. The dash before a logical operator may be
// left out.
//
// A rule that does not read is refused with the place where it does not; there
// is no partial meaning, because a group that is larger than its author thought
// may be excluded from a policy.
package membership

import (
	"regexp"
	"strings"
)

// Limits of a rule.
const (
	// MaxRule is the longest rule, in octets: Entra's own limit in characters.
	MaxRule = 3072
	// maxDepth bounds parentheses and -not, and so the parser's stack.
	maxDepth = 32
	// maxList bounds the values of -in.
	maxList = 256
)

// Rule is a rule that was read. Its zero value matches nobody.
type Rule struct {
	root node
	text string
}

// String is the rule as it was written.
func (r Rule) String() string { return r.text }

// Match reports whether a user is a member. property gives the value of a
// property, by its name in lower case without "user."; ok is false for one that
// the user does not have, which is null in a rule.
func (r Rule) Match(property func(name string) (value string, ok bool)) bool {
	return r.root != nil && r.root.match(property)
}

// lookup is how a rule asks for a property.
type lookup = func(name string) (value string, ok bool)

type node interface{ match(lookup) bool }

type not struct{ of node }

func (n not) match(p lookup) bool { return !n.of.match(p) }

type both struct{ left, right node }

func (n both) match(p lookup) bool { return n.left.match(p) && n.right.match(p) }

type either struct{ left, right node }

func (n either) match(p lookup) bool { return n.left.match(p) || n.right.match(p) }

// operator is how a property is compared. The negative ones are written as
// negated positive ones.
type operator int

const (
	opEqual operator = iota
	opContains
	opStartsWith
	opMatch
	opIn
)

// value is a literal: a string, or null. true and false are the strings, as
// properties are.
type value struct {
	text string // folded
	null bool
}

type comparison struct {
	property string
	op       operator
	values   []value
	pattern  *regexp.Regexp // of -match
}

func (c comparison) match(p lookup) bool {
	text, ok := p(c.property)
	folded := fold(text)
	switch c.op {
	case opMatch:
		return ok && c.pattern.MatchString(text)
	case opContains:
		return ok && strings.Contains(folded, c.values[0].text)
	case opStartsWith:
		return ok && strings.HasPrefix(folded, c.values[0].text)
	default: // opEqual, opIn
		for _, v := range c.values {
			// An empty property is null, as in Entra.
			if v.null && (!ok || text == "") || !v.null && ok && v.text == folded {
				return true
			}
		}
		return false
	}
}

// fold makes strings comparable without case. ToUpper first, or the letters
// with two lower-case forms (final sigma, long s) would stay apart.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }
