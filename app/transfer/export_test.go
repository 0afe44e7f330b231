package transfer_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/crypto/otp"
)

// sample is an account of every kind, one of them in the trash.
func sample(t *testing.T) []transfer.Entry {
	t.Helper()
	return entries(t, []entry{
		{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work", "Mail"}, note: "n", pinned: true},
		{link: "otpauth://totp/Big%20Co:bob%3Ab?algorithm=SHA512&digits=8&secret=" + secretB, groups: []string{"Mail"}},
		{link: "otpauth://hotp/Count:c?counter=9223372036854775807&digits=6&secret=" + secretB},
		{link: "otpauth://steam/Steam:s?secret=" + secretA},
		{link: "motp://M:m?pin=1234&secret=e3152afee62599c8"},
		{link: "otpauth://yaotp/Yandex:y?pin=7586&secret=" + secretY},
		{link: "otpauth://totp/Long:l?digits=10&period=60&secret=" + secretA},
		{link: "otpauth://totp/Gone:g?secret=" + secretA, trashed: true},
	})
}

func TestExportsReadBack(t *testing.T) {
	all := sample(t)
	kept := all[:len(all)-1] // without the trash
	bare := make([]transfer.Entry, len(kept))
	for i, e := range kept {
		bare[i] = transfer.Entry{Key: e.Key}
	}
	for _, c := range []struct {
		name   string
		format transfer.Format
		write  func() ([]byte, error)
		want   []transfer.Entry
	}{
		{"our own", transfer.FormatOwn, func() ([]byte, error) { return transfer.MarshalAccounts(all, noon) }, all},
		{"Aegis", transfer.FormatAegis, func() ([]byte, error) { return transfer.MarshalAegis(all) }, kept},
		{"Aegis, encrypted", transfer.FormatAegisEncrypted, func() ([]byte, error) { return transfer.MarshalAegisEncrypted(all, right) }, kept},
		{"links", transfer.FormatURIs, func() ([]byte, error) { return transfer.MarshalURIs(all) }, bare},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := c.write()
			if err != nil {
				t.Fatal(err)
			}
			result, err := read(t, data, "", password(right))
			if err != nil || result.Format != c.format || len(result.Unsupported) > 0 || !same(result.Entries, c.want) {
				t.Errorf("%s, %v, %v, got %s\nwant %s", result.Format, err, result.Unsupported, show(result.Entries), show(c.want))
			}
		})
	}
}

func TestExportsRefuseWhatCannotBeRead(t *testing.T) {
	bad := []transfer.Entry{{Key: otp.Key{Type: otp.TOTP, Issuer: "ACME"}}}
	many := make([]transfer.Entry, transfer.MaxEntries+1)
	for name, write := range map[string]func([]transfer.Entry) ([]byte, error){
		"our own":          func(e []transfer.Entry) ([]byte, error) { return transfer.MarshalAccounts(e, noon) },
		"Aegis":            transfer.MarshalAegis,
		"Aegis, encrypted": func(e []transfer.Entry) ([]byte, error) { return transfer.MarshalAegisEncrypted(e, right) },
		"links":            transfer.MarshalURIs,
	} {
		if data, err := write(bad); err == nil || data != nil || !strings.Contains(err.Error(), "ACME") {
			t.Errorf("%s: a key without a secret: %v", name, err)
		}
		if _, err := write(many); !errors.Is(err, transfer.ErrTooLarge) {
			t.Errorf("%s: too many: %v", name, err)
		}
	}
	if _, err := transfer.MarshalAegisEncrypted(sample(t), "short"); !errors.Is(err, backup.ErrWeakPassphrase) {
		t.Errorf("a short password: %v", err)
	}
	if err := transfer.WriteEncrypted(t.Context(), &bytes.Buffer{}, bad, right, noon); err == nil {
		t.Error("an encrypted export with a key without a secret")
	}
}

func TestAnEncryptedAegisExportHidesItsContent(t *testing.T) {
	data, err := transfer.MarshalAegisEncrypted(sample(t), right)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{secretA, "ACME", "alice", "Work"} {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("%q shows", word)
		}
	}
	again, err := transfer.MarshalAegisEncrypted(sample(t), right)
	if err != nil || bytes.Equal(data, again) {
		t.Errorf("two exports are alike (%v): salts or nonces repeat", err)
	}
}

// many makes n accounts that Google Authenticator takes.
func many(t *testing.T, n int) []transfer.Entry {
	t.Helper()
	var list []entry
	for i := range n {
		list = append(list, entry{link: fmt.Sprintf("otpauth://totp/Issuer%%20%d:account%d%%40example.com?digits=%d&algorithm=SHA256&secret=%s", i, i, 6+i%2*2, secretB)})
	}
	return entries(t, list)
}

func TestMigrationURIsReadBackInAnyOrder(t *testing.T) {
	want := many(t, 40)
	links, left, err := transfer.MigrationURIs(want)
	if err != nil || len(left) != 0 || len(links) < 2 {
		t.Fatal(len(links), left, err)
	}
	for _, link := range links {
		if len(link) > transfer.MaxMigrationURI {
			t.Errorf("a link of %d characters is too long for a QR code", len(link))
		}
	}
	rand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	var batch transfer.Batch
	for i, link := range links {
		if _, err := batch.Result(); !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("after %d codes: %v", i, err)
		}
		if added, err := batch.Add(link); !added || err != nil {
			t.Fatalf("code %d: %v, %v", i, added, err)
		}
		if added, err := batch.Add(link); added || err != nil {
			t.Fatalf("code %d again: %v, %v", i, added, err)
		}
		if len(batch.Missing()) != len(links)-i-1 || batch.Size() != len(links) {
			t.Errorf("after %d codes of %d, missing %v", i+1, batch.Size(), batch.Missing())
		}
	}
	result, err := batch.Result()
	if err != nil || !same(result.Entries, want) || result.Format != transfer.FormatGoogle {
		t.Errorf("%v, got %s", err, show(result.Entries))
	}

	text := []byte(strings.Join(links, "\n"))
	if result, err := read(t, text, "", transfer.Options{}); err != nil || !same(result.Entries, want) {
		t.Errorf("from a file: %v, got %s", err, show(result.Entries))
	}
	text = []byte(strings.Join(links[1:], "\n"))
	if _, err := read(t, text, "", transfer.Options{}); !errors.Is(err, transfer.ErrIncomplete) {
		t.Errorf("from a file that lacks one: %v", err)
	}
}

func TestTwoGoogleExportsInOneFile(t *testing.T) {
	want := many(t, 30)
	first, _, err := transfer.MigrationURIs(want[:15])
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := transfer.MigrationURIs(want[15:])
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Join(append(first, second...), "\n"))
	if result, err := read(t, text, "", transfer.Options{}); err != nil || !same(result.Entries, want) {
		t.Errorf("%v, got %s", err, show(result.Entries))
	}
	var batch transfer.Batch
	if _, err := batch.Add(first[0]); err != nil {
		t.Fatal(err)
	}
	if added, err := batch.Add(second[0]); added || !errors.Is(err, transfer.ErrIncomplete) {
		t.Errorf("a code of another export: %v, %v", added, err)
	}
}

func TestMigrationListsWhatGoogleDoesNotKnow(t *testing.T) {
	all := sample(t)
	all = append(all, transfer.Entry{Key: key(t, "otpauth://totp/"+strings.Repeat("n", 1000)+"?secret="+secretA)})
	links, left, err := transfer.MigrationURIs(all)
	if err != nil || len(links) != 1 {
		t.Fatal(links, err)
	}
	var names []string
	for _, u := range left {
		names = append(names, u.Name[:1])
	}
	if !reflect.DeepEqual(names, []string{"S", "M", "Y", "L", "n"}) {
		t.Errorf("left out %v", left)
	}
	result, err := read(t, []byte(links[0]), "", transfer.Options{})
	if err != nil || len(result.Entries) != 3 || result.Entries[1].Key != all[1].Key || result.Entries[2].Key != all[2].Key {
		t.Errorf("%v, got %s", err, show(result.Entries))
	}
}

func TestMigrationLinksThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, link string
		want       error
	}{
		{"no data", "otpauth-migration://offline", transfer.ErrDamaged},
		{"other parameters", "otpauth-migration://offline?x=1", transfer.ErrDamaged},
		{"no base64", "otpauth-migration://offline?data=%21", transfer.ErrDamaged},
		{"half an escape", "otpauth-migration://offline?data=CgA%3", transfer.ErrDamaged},
		{"half a message", "otpauth-migration://offline?data=CioKFKW3", transfer.ErrDamaged},
		{"no accounts", "otpauth-migration://offline?data=EAE%3D", transfer.ErrEmpty},
		{"part 5 of 2", "otpauth-migration://offline?data=CgMKAQEYAiAE", transfer.ErrDamaged},
		{"a million parts", "otpauth-migration://offline?data=CgMKAQEYwIQ9", transfer.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			var batch transfer.Batch
			if added, err := batch.Add(c.link); added || !errors.Is(err, c.want) {
				t.Errorf("%v, %v; want %v", added, err, c.want)
			}
		})
	}
}

func TestAPlusInMigrationDataIsAPlus(t *testing.T) {
	// One account whose secret's base64 has a plus, unescaped.
	for name, link := range map[string]string{
		"as it is":              "otpauth-migration://offline?data=Cg0KBPvv++8SATEgASgBMAI=",
		"escaped":               "otpauth-migration://offline?data=Cg0KBPvv%2B%2B8SATEgASgBMAI%3D",
		"taken for a space":     "otpauth-migration://offline?data=Cg0KBPvv  8SATEgASgBMAI=",
		"of URLs' alphabet":     "otpauth-migration://offline?data=Cg0KBPvv--8SATEgASgBMAI",
		"in capitals, and more": "OTPAUTH-MIGRATION://OFFLINE?x=1&DATA=Cg0KBPvv++8SATEgASgBMAI=&y=2",
	} {
		result, err := read(t, []byte(link), "", transfer.Options{})
		if err != nil || len(result.Entries) != 1 || result.Entries[0].Key.Secret != "\xfb\xef\xfb\xef" {
			t.Errorf("%s: %v, got %s", name, err, show(result.Entries))
		}
	}
}

func TestAnyAccountsSurviveOurOwnFormat(t *testing.T) {
	text := rapid.Map(rapid.StringN(0, 20, 80), otp.CleanText)
	gen := rapid.Custom(func(t *rapid.T) transfer.Entry {
		k := otp.Defaults(rapid.SampledFrom([]otp.Type{otp.TOTP, otp.HOTP, otp.Steam, otp.MOTP}).Draw(t, "type"))
		k.Issuer, k.Name = text.Draw(t, "issuer"), text.Draw(t, "name")
		k.Secret = otp.Secret(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "secret"))
		e := transfer.Entry{Key: k, Note: rapid.String().Draw(t, "note"), Icon: text.Draw(t, "icon"), Pinned: rapid.Bool().Draw(t, "pinned"), Trashed: rapid.Bool().Draw(t, "trashed")}
		for _, group := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "groups") {
			if group != "" {
				e.Groups = append(e.Groups, group)
			}
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(gen, 1, 5).Draw(t, "entries")
		data, err := transfer.MarshalAccounts(want, noon)
		if err != nil {
			t.Fatal(err)
		}
		result, err := transfer.NewImporter().Read(t.Context(), data, "", transfer.Options{})
		if err != nil || !same(result.Entries, want) {
			t.Fatalf("%v, got %s\nwant %s", err, show(result.Entries), show(want))
		}
	})
}
