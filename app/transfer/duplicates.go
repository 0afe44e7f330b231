package transfer

import (
	"slices"
	"strings"
)

// MatchKind tells how an entry of an import is known already.
type MatchKind int

// The kinds of match, from none to the surest.
const (
	NoMatch    MatchKind = iota
	SameName             // issuer and account alike, another secret: perhaps renewed
	SameSecret           // the same kind and secret: the same account
)

// Match is the account that an entry duplicates.
type Match struct {
	Kind MatchKind
	// Index is the account's place among the existing ones; where InFile is
	// set, its place among the entries before this one. 0 without a match.
	Index  int
	InFile bool
}

// FindDuplicates marks each entry against the accounts that are there, and
// against the entries before it in the same file. A same secret goes before a
// same name, and an existing account before one of the file. Names compare
// without regard to case.
func FindDuplicates(entries, existing []Entry) []Match {
	secrets, names := make(map[string]Match), make(map[string]Match)
	remember := func(e Entry, m Match) {
		if _, known := secrets[secretKey(e)]; !known {
			m.Kind = SameSecret
			secrets[secretKey(e)] = m
		}
		if _, known := names[nameKey(e)]; !known && nameKey(e) != "\n" {
			m.Kind = SameName
			names[nameKey(e)] = m
		}
	}
	for i, e := range existing {
		remember(e, Match{Index: i})
	}
	matches := make([]Match, len(entries))
	for i, e := range entries {
		if m, ok := secrets[secretKey(e)]; ok {
			matches[i] = m
		} else {
			matches[i] = names[nameKey(e)]
		}
		remember(e, Match{Index: i, InFile: true})
	}
	return matches
}

func secretKey(e Entry) string { return string(e.Key.Type) + "\n" + e.Key.Secret.Base32() }

func nameKey(e Entry) string {
	return strings.ToLower(e.Key.Issuer) + "\n" + strings.ToLower(e.Key.Name)
}

// Merge adds to an existing account what an imported copy of it knows more:
// groups, and note, icon and names where the account has none. A counter never
// goes back, or the codes already used would come again. The key stays.
func Merge(existing, imported Entry) Entry {
	merged := existing
	merged.Groups = slices.Clone(existing.Groups)
	for _, group := range imported.Groups {
		if !slices.Contains(merged.Groups, group) {
			merged.Groups = append(merged.Groups, group)
		}
	}
	merged.Key.Issuer = firstOf(existing.Key.Issuer, imported.Key.Issuer)
	merged.Key.Name = firstOf(existing.Key.Name, imported.Key.Name)
	merged.Note = firstOf(existing.Note, imported.Note)
	merged.Icon = firstOf(existing.Icon, imported.Icon)
	if merged.Key.PIN == "" {
		merged.Key.PIN = imported.Key.PIN
	}
	merged.Pinned = existing.Pinned || imported.Pinned
	merged.Trashed = existing.Trashed && imported.Trashed
	if existing.Key.Type == imported.Key.Type && existing.Key.Secret == imported.Key.Secret {
		merged.Key.Counter = max(existing.Key.Counter, imported.Key.Counter)
	}
	return merged
}
