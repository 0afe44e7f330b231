package transfer_test

import (
	"reflect"
	"testing"

	"countersign/app/transfer"
)

func TestFindDuplicates(t *testing.T) {
	existing := entries(t, []entry{
		{link: "otpauth://totp/ACME:alice?secret=" + secretA},
		{link: "otpauth://totp/Big:bob?secret=" + secretB},
		{link: "otpauth://totp/?secret=" + secretY},
	})
	for _, c := range []struct {
		name  string
		links []string
		want  []transfer.Match
	}{
		{"new", []string{"otpauth://totp/New:n?secret=AAAA"}, []transfer.Match{{}}},
		{"the same secret under another name", []string{"otpauth://totp/Other:o?secret=" + secretB}, []transfer.Match{{Kind: transfer.SameSecret, Index: 1}}},
		{"the same name in another case", []string{"otpauth://totp/acme:ALICE?secret=AAAA"}, []transfer.Match{{Kind: transfer.SameName, Index: 0}}},
		{"the secret goes before the name", []string{"otpauth://totp/ACME:alice?secret=" + secretB}, []transfer.Match{{Kind: transfer.SameSecret, Index: 1}}},
		{"the same secret of another kind", []string{"otpauth://hotp/New:n?secret=" + secretA}, []transfer.Match{{}}},
		{"the same account at another issuer", []string{"otpauth://totp/Other:alice?secret=AAAA"}, []transfer.Match{{}}},
		{"no name is no name in common", []string{"otpauth://totp/?secret=AAAA"}, []transfer.Match{{}}},
		{"twice in the file", []string{"otpauth://totp/New:n?secret=AAAA", "otpauth://totp/New:n?secret=AAAA", "otpauth://totp/New:n?secret=BBBB"}, []transfer.Match{{}, {Kind: transfer.SameSecret, Index: 0, InFile: true}, {Kind: transfer.SameName, Index: 0, InFile: true}}},
		{"an existing account goes before one of the file", []string{"otpauth://totp/ACME:alice?secret=" + secretA, "otpauth://totp/ACME:alice?secret=" + secretA}, []transfer.Match{{Kind: transfer.SameSecret, Index: 0}, {Kind: transfer.SameSecret, Index: 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var imported []entry
			for _, link := range c.links {
				imported = append(imported, entry{link: link})
			}
			if got := transfer.FindDuplicates(entries(t, imported), existing); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name                     string
		existing, imported, want entry
	}{
		{
			"what is there stays",
			entry{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work"}, note: "mine", icon: "a"},
			entry{link: "otpauth://totp/Other:o?secret=" + secretA, groups: []string{"Mail", "Work"}, note: "theirs", icon: "b", pinned: true},
			entry{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work", "Mail"}, note: "mine", icon: "a", pinned: true},
		},
		{
			"what is missing comes",
			entry{link: "motp://?secret=e3152afee62599c8", trashed: true},
			entry{link: "motp://M:m?pin=1234&secret=e3152afee62599c8", note: "n", icon: "i"},
			entry{link: "motp://M:m?pin=1234&secret=e3152afee62599c8", note: "n", icon: "i"},
		},
		{
			"a counter goes forward",
			entry{link: "otpauth://hotp/a?counter=3&secret=" + secretA},
			entry{link: "otpauth://hotp/a?counter=9&secret=" + secretA},
			entry{link: "otpauth://hotp/a?counter=9&secret=" + secretA},
		},
		{
			"a counter never goes back",
			entry{link: "otpauth://hotp/a?counter=9&secret=" + secretA},
			entry{link: "otpauth://hotp/a?counter=3&secret=" + secretA},
			entry{link: "otpauth://hotp/a?counter=9&secret=" + secretA},
		},
		{
			"a counter of another secret means nothing",
			entry{link: "otpauth://hotp/a?counter=3&secret=" + secretA},
			entry{link: "otpauth://hotp/a?counter=9&secret=" + secretB},
			entry{link: "otpauth://hotp/a?counter=3&secret=" + secretA},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := entries(t, []entry{c.existing, c.imported, c.want})
			if got := transfer.Merge(all[0], all[1]); !reflect.DeepEqual(got, all[2]) {
				t.Errorf("got %s\nwant %s", show([]transfer.Entry{got}), show(all[2:]))
			}
		})
	}
}

func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	groups := make([]string, 1, 4)
	groups[0] = "Work"
	existing := transfer.Entry{Key: key(t, "otpauth://totp/a?secret="+secretA), Groups: groups}
	transfer.Merge(existing, transfer.Entry{Key: existing.Key, Groups: []string{"Mail"}})
	if got := groups[:2][1]; got != "" {
		t.Errorf("Merge wrote %q into the existing account's groups", got)
	}
}
