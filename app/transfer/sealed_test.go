package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"countersign/app/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEncryptedFormats(t *testing.T) {
	for _, f := range sealedFiles() {
		t.Run(f.name, func(t *testing.T) {
			plain, want := f.content(t)
			data := f.encode(plain.file)

			result, err := read(t, data, f.filename, password(right))
			if err != nil {
				t.Fatal(err)
			}
			if result.Format != f.format || !same(result.Entries, want) || len(result.Unsupported) != len(plain.unsupported) {
				t.Errorf("%s, %v unsupported, got %s\nwant %s", result.Format, result.Unsupported, show(result.Entries), show(want))
			}
			if _, err := read(t, data, f.filename, transfer.Options{}); !errors.Is(err, transfer.ErrPasswordNeeded) {
				t.Errorf("without a password: %v", err)
			}
			if _, err := read(t, data, f.filename, password("")); !errors.Is(err, transfer.ErrPasswordNeeded) {
				t.Errorf("with an empty password: %v", err)
			}
			if _, err := read(t, data, f.filename, password("wrong horse")); !errors.Is(err, transfer.ErrWrongPassword) || errors.Is(err, transfer.ErrDamaged) {
				t.Errorf("with a wrong password: %v", err)
			}
		})
	}
}

// refused tells whether the error says that a file is not as it was.
func refused(err error) bool {
	for _, want := range []error{transfer.ErrDamaged, transfer.ErrWrongPassword, transfer.ErrUnknownFormat, transfer.ErrTooCostly, transfer.ErrRestricted} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

func TestTruncatedEncryptedFilesGiveNothing(t *testing.T) {
	for _, f := range sealedFiles() {
		t.Run(f.name, func(t *testing.T) {
			plain, _ := f.content(t)
			data := f.encode(plain.file)
			for _, cut := range []int{len(data) - 1, len(data) - 17, len(data) / 2, 45, 17, 4} {
				result, err := read(t, data[:cut], f.filename, password(right))
				if !refused(err) {
					t.Errorf("cut after %d bytes of %d: %d entries, %v", cut, len(data), len(result.Entries), err)
				}
			}
		})
	}
}

// TestFlippedBitsGiveNothingOrTheSame flips bits all over the file. A bit in a
// part that means nothing (a UUID) may pass; changed accounts may not.
func TestFlippedBitsGiveNothingOrTheSame(t *testing.T) {
	for _, f := range sealedFiles() {
		t.Run(f.name, func(t *testing.T) {
			plain, want := f.content(t)
			data := f.encode(plain.file)
			for i := 1; i <= 7; i++ {
				flipped := bytes.Clone(data)
				flipped[len(data)*i/8] ^= 1 << (i % 8)
				result, err := read(t, flipped, f.filename, password(right))
				if err == nil && !same(result.Entries, want) {
					t.Errorf("a flip at %d changed the accounts to %s", len(data)*i/8, show(result.Entries))
				}
				if err != nil && !refused(err) {
					t.Errorf("a flip at %d: %v", len(data)*i/8, err)
				}
			}
		})
	}
}

// TestDamageIsToldFromAWrongPassword changes the box and leaves the password
// check alone, in the formats that have one.
func TestDamageIsToldFromAWrongPassword(t *testing.T) {
	damage := map[string]func(string) string{
		"Aegis": func(file string) string {
			return flipBase64(file, `"db":"`)
		},
		"2FAS": func(file string) string {
			return flipBase64(file, `"servicesEncrypted":"`)
		},
		"Bitwarden with PBKDF2": func(file string) string {
			return flipBase64(file, "|"+strings.Split(file, "|")[3][:8])
		},
		"Bitwarden with Argon2": func(file string) string {
			return flipBase64(file, "|"+strings.Split(file, "|")[3][:8])
		},
	}
	for _, f := range sealedFiles() {
		if !f.checks {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			plain, _ := f.content(t)
			file := damage[f.name](string(f.encode(plain.file)))
			if _, err := read(t, []byte(file), f.filename, password(right)); !errors.Is(err, transfer.ErrDamaged) || errors.Is(err, transfer.ErrWrongPassword) {
				t.Errorf("right password, damaged box: %v", err)
			}
			if _, err := read(t, []byte(file), f.filename, password("wrong horse")); !errors.Is(err, transfer.ErrWrongPassword) {
				t.Errorf("wrong password, damaged box: %v", err)
			}
		})
	}
}

// flipBase64 changes one character of the base64 that follows the mark.
func flipBase64(file, mark string) string {
	i := strings.Index(file, mark) + len(mark) + 20
	other := byte('A')
	if file[i] == other {
		other = 'B'
	}
	return file[:i] + string(other) + file[i+1:]
}

func TestEnteEncryptedByLibsodium(t *testing.T) {
	want := entries(t, []entry{
		{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work", "Mail"}, note: "by the door", icon: "acme", pinned: true},
		{link: "otpauth://hotp/Big%20Co:bob?algorithm=SHA256&digits=8&counter=7&secret=" + secretB, trashed: true},
	})
	data := enteEncrypted(t)
	result, err := read(t, data, "ente.txt", password(right))
	if err != nil || !same(result.Entries, want) || result.Format != transfer.FormatEnteEncrypted {
		t.Errorf("%s, %v, got %s\nwant %s", result.Format, err, show(result.Entries), show(want))
	}
	if _, err := read(t, data, "ente.txt", password("wrong")); !errors.Is(err, transfer.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := read(t, data[:len(data)/2], "ente.txt", password(right)); !errors.Is(err, transfer.ErrDamaged) {
		t.Errorf("truncated: %v", err)
	}
	if _, err := read(t, []byte(flipBase64(string(data), `"encryptedData": "`)), "ente.txt", password(right)); !errors.Is(err, transfer.ErrWrongPassword) {
		t.Errorf("flipped: %v", err)
	}
}

// TestHostileCostsAreRefusedBeforeThePassword sets the parameters of each key
// derivation to what would hang or fill the device.
func TestHostileCostsAreRefusedBeforeThePassword(t *testing.T) {
	plain := func(name string) string {
		for _, p := range plainFiles() {
			if p.name == name {
				return p.file
			}
		}
		t.Fatalf("no plain file %q", name)
		return ""
	}
	aegis := string(encodeAegis(plain("Aegis version 3 with every kind")))
	argon := string(encodeBitwardenArgon2(bitwardenPlain))
	for _, c := range []struct {
		name, file string
		want       error
	}{
		{"scrypt with N 2^31", strings.Replace(aegis, `"n":1024`, `"n":2147483648`, 1), transfer.ErrTooCostly},
		{"scrypt with r 2^30", strings.Replace(aegis, `"r":8`, `"r":1073741824`, 1), transfer.ErrTooCostly},
		{"scrypt with an overflowing product", strings.Replace(strings.Replace(aegis, `"r":8`, `"r":8388608`, 1), `"n":1024`, `"n":8388608`, 1), transfer.ErrTooCostly},
		{"scrypt with p 1000", strings.Replace(aegis, `"p":1,`, `"p":1000,`, 1), transfer.ErrTooCostly},
		{"scrypt with N 1000", strings.Replace(aegis, `"n":1024`, `"n":1000`, 1), transfer.ErrDamaged},
		{"scrypt with N 0", strings.Replace(aegis, `"n":1024`, `"n":0`, 1), transfer.ErrDamaged},
		{"a hundred slots", strings.Replace(aegis, `"slots":[`, `"slots":[`+strings.Repeat(`{"type":1,"n":1024,"r":8,"p":1},`, 100), 1), transfer.ErrTooCostly},
		{"PBKDF2 with 2^31 iterations", strings.Replace(string(encodeBitwardenPBKDF2(bitwardenPlain)), `"kdfIterations":5000`, `"kdfIterations":2147483648`, 1), transfer.ErrTooCostly},
		{"PBKDF2 with none", strings.Replace(string(encodeBitwardenPBKDF2(bitwardenPlain)), `"kdfIterations":5000`, `"kdfIterations":0`, 1), transfer.ErrDamaged},
		{"Argon2 with 2 GiB", strings.Replace(argon, `"kdfMemory":16`, `"kdfMemory":2048`, 1), transfer.ErrTooCostly},
		{"Argon2 with memory that overflows", strings.Replace(argon, `"kdfMemory":16`, `"kdfMemory":17592186044416`, 1), transfer.ErrTooCostly},
		{"Argon2 with negative memory", strings.Replace(argon, `"kdfMemory":16`, `"kdfMemory":-1`, 1), transfer.ErrDamaged},
		{"Argon2 with a million passes", strings.Replace(argon, `"kdfIterations":2`, `"kdfIterations":1000000`, 1), transfer.ErrTooCostly},
		{"Argon2 with 300 threads", strings.Replace(argon, `"kdfParallelism":4`, `"kdfParallelism":300`, 1), transfer.ErrTooCostly},
		{"an unknown derivation", strings.Replace(argon, `"kdfType":1`, `"kdfType":2`, 1), transfer.ErrUnknownFormat},
		{"Ente with 4 GiB", strings.Replace(string(enteEncrypted(t)), `"memLimit": 8388608`, `"memLimit": 4294967296`, 1), transfer.ErrTooCostly},
		{"Ente with a billion passes", strings.Replace(string(enteEncrypted(t)), `"opsLimit": 2`, `"opsLimit": 1000000000`, 1), transfer.ErrTooCostly},
		{"Ente of the future", strings.Replace(string(enteEncrypted(t)), `"version": 1`, `"version": 2`, 1), transfer.ErrUnknownFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := transfer.Options{Password: func(context.Context, transfer.Challenge) (string, error) {
				t.Error("a password was asked for")
				return right, nil
			}}
			if _, err := read(t, []byte(c.file), "", opts); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestACancelledImportReturnsAtOnce cancels as the derivation begins, and
// finds the importer whole afterwards.
func TestACancelledImportReturnsAtOnce(t *testing.T) {
	data := encodeStratum(plainFiles()[4].file)
	ctx, cancel := context.WithCancel(t.Context())
	importer := transfer.NewImporter()
	var asked transfer.Challenge
	opts := transfer.Options{
		Password: func(_ context.Context, c transfer.Challenge) (string, error) {
			asked = c
			return right, nil
		},
		Progress: func(p transfer.Progress) {
			if p.Stage == transfer.StageDeriving && p.Memory == 64<<20 {
				cancel()
			}
		},
	}
	result, err := importer.Read(ctx, data, "", opts)
	if !errors.Is(err, context.Canceled) || result.Entries != nil {
		t.Errorf("got %d entries, %v", len(result.Entries), err)
	}
	if asked.Format != transfer.FormatStratumSealed || asked.Memory != 64<<20 {
		t.Errorf("the challenge was %+v", asked)
	}
	importer.Wait()
	if result, err := importer.Read(t.Context(), data, "", password(right)); err != nil || len(result.Entries) == 0 {
		t.Errorf("afterwards: %d entries, %v", len(result.Entries), err)
	}
	if _, err := importer.Read(ctx, []byte(plainFiles()[0].file), "", transfer.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a plain file in a cancelled import: %v", err)
	}
}

func TestAPasswordPromptCanBeLeft(t *testing.T) {
	left := errors.New("the user closed the dialog")
	opts := transfer.Options{Password: func(context.Context, transfer.Challenge) (string, error) { return "", left }}
	if _, err := read(t, encodeProton(protonPlain), "", opts); !errors.Is(err, left) {
		t.Errorf("got %v", err)
	}
}

func TestOwnEncryptedExport(t *testing.T) {
	want := entries(t, plainFiles()[1].want)
	var file bytes.Buffer
	if err := transfer.WriteEncrypted(t.Context(), &file, want, right, noon); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(file.String(), secretA) || !strings.HasPrefix(file.String(), "age-encryption.org/v1\n") {
		t.Fatal("the export is no age file")
	}
	data := file.Bytes()
	result, err := read(t, data, "", password(right))
	if err != nil || !same(result.Entries, want) || result.Format != transfer.FormatOwnEncrypted {
		t.Errorf("%s, %v, got %s", result.Format, err, show(result.Entries))
	}
	if _, err := read(t, data, "", password("wrong horse")); !errors.Is(err, transfer.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := read(t, data[:len(data)-1], "", password(right)); !errors.Is(err, transfer.ErrDamaged) {
		t.Errorf("truncated: %v", err)
	}
	flipped := bytes.Clone(data)
	flipped[len(data)-3] ^= 4
	if _, err := read(t, flipped, "", password(right)); !errors.Is(err, transfer.ErrDamaged) {
		t.Errorf("flipped: %v", err)
	}
	if err := transfer.WriteEncrypted(t.Context(), &file, want, "short", noon); err == nil {
		t.Error("a short passphrase was taken")
	}
}
