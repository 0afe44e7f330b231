package transfer_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"countersign/app/transfer"
)

// The targets share one check and differ in their seeds, so that each explores
// one importer. Whatever the bytes: no panic, an error brings no entries, and
// what is taken survives our own format.

var errNoPassword = errors.New("no derivation while fuzzing")

func fuzzImport(f *testing.F, format string) {
	f.Helper()
	for _, p := range plainFiles() {
		if strings.HasPrefix(p.name, format) {
			f.Add([]byte(p.file), "")
		}
	}
	for _, s := range sealedFiles() {
		if strings.HasPrefix(s.name, format) {
			for _, p := range plainFiles() {
				if p.name == s.plain {
					f.Add(s.encode(p.file), s.filename)
				}
			}
		}
	}
	f.Fuzz(checkImport)
}

func checkImport(t *testing.T, data []byte, filename string) {
	opts := transfer.Options{Password: func(context.Context, transfer.Challenge) (string, error) { return "", errNoPassword }}
	result, err := transfer.NewImporter().Read(t.Context(), data, filename, opts)
	if err != nil {
		if result.Entries != nil || result.Unsupported != nil || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%d entries came with the error %q", len(result.Entries), err)
		}
		return
	}
	if len(result.Entries) == 0 {
		return
	}
	own, err := transfer.MarshalAccounts(result.Entries, noon)
	if err != nil {
		t.Fatalf("what was imported does not export: %v", err)
	}
	again, err := transfer.NewImporter().Read(t.Context(), own, "", opts)
	if err != nil || !same(again.Entries, result.Entries) {
		t.Fatalf("%v, got %s\nwant %s", err, show(again.Entries), show(result.Entries))
	}
}

func FuzzRead(f *testing.F) {
	f.Add(enteEncrypted(f), "ente.txt")
	f.Add([]byte("\ufeff{}"), "x.json")
	f.Add([]byte("\x00\x02\x22\xe0 short"), "otp.json.aes")
	f.Add([]byte(`{"encrypted":true,"items":[]}`), "")
	fuzzImport(f, "")
}

func FuzzAegis(f *testing.F)     { fuzzImport(f, "Aegis") }
func Fuzz2FAS(f *testing.F)      { fuzzImport(f, "2FAS") }
func FuzzEnte(f *testing.F)      { fuzzImport(f, "Ente") }
func FuzzStratum(f *testing.F)   { fuzzImport(f, "Stratum") }
func FuzzAndOTP(f *testing.F)    { fuzzImport(f, "andOTP") }
func FuzzBitwarden(f *testing.F) { fuzzImport(f, "Bitwarden") }
func FuzzProton(f *testing.F)    { fuzzImport(f, "Proton") }
func FuzzFreeOTP(f *testing.F)   { fuzzImport(f, "FreeOTP+") }
func FuzzLastPass(f *testing.F)  { fuzzImport(f, "LastPass") }
func FuzzDuo(f *testing.F)       { fuzzImport(f, "Duo") }
func FuzzSteam(f *testing.F)     { fuzzImport(f, "Steam") }
func FuzzRaivo(f *testing.F)     { fuzzImport(f, "Raivo") }
func FuzzLinks(f *testing.F)     { fuzzImport(f, "links") }
func FuzzOwn(f *testing.F)       { fuzzImport(f, "our own") }

func FuzzMigration(f *testing.F) {
	f.Add([]byte("otpauth-migration://offline?data=Cg0KBPvv++8SATEgASgBMAI="), "")
	f.Add([]byte("otpauth-migration://offline?data=CgMKAQEYAiAE\notpauth-migration://offline?data=EAE%3D"), "")
	f.Fuzz(checkImport)
}
