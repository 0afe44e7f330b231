package transfer_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/scrypt"

	"countersign/app/transfer"
)

// The encoders here write each app's encrypted form with fixed salts and
// nonces, so that a failure repeats.

const right = "correct horse"

func fixed(n int, first byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func pbkdf(h func() hash.Hash, pass string, salt []byte, n int) []byte {
	key, err := pbkdf2.Key(h, pass, salt, n, 32)
	if err != nil {
		panic(err)
	}
	return key
}

func sealGCM(key, nonce []byte, plain, additional string) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return box.Seal(nil, nonce, []byte(plain), []byte(additional))
}

func sealCBC(key, iv []byte, plain string) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	out := append([]byte(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out
}

// split parts GCM's tag from the ciphertext, as Aegis keeps them.
func split(sealed []byte) (text, tag []byte) {
	return sealed[:len(sealed)-16], sealed[len(sealed)-16:]
}

func encodeAegis(plain string) []byte {
	var db string
	if _, rest, ok := strings.Cut(plain, `"db":`); ok {
		db = strings.TrimSuffix(rest, "}")
	}
	const n, r, p = 1024, 8, 1
	salt, vaultKey := fixed(32, 1), fixed(32, 101)
	wrapping, err := scrypt.Key([]byte(right), salt, n, r, p, 32)
	if err != nil {
		panic(err)
	}
	key, keyTag := split(sealGCM(wrapping, fixed(12, 7), string(vaultKey), ""))
	text, tag := split(sealGCM(vaultKey, fixed(12, 9), db, ""))
	return fmt.Appendf(nil, `{"version":1,"header":{"slots":[
		{"type":2,"uuid":"bio","key":"00","key_params":{"nonce":"00","tag":"00"}},
		{"type":1,"uuid":"pw","key":"%x","key_params":{"nonce":"%x","tag":"%x"},"n":%d,"r":%d,"p":%d,"salt":"%x","repaired":true}],
		"params":{"nonce":"%x","tag":"%x"}},"db":"%s"}`,
		key, fixed(12, 7), keyTag, n, r, p, salt, fixed(12, 9), tag, b64(text))
}

func encode2FAS(plain string) []byte {
	_, services, _ := strings.Cut(plain, `"services":`)
	services, rest, _ := strings.Cut(services, `"groups":`)
	services = strings.TrimSuffix(strings.TrimSpace(services), ",")
	box := func(plain string, first byte) string {
		salt, nonce := fixed(256, first), fixed(12, first)
		return b64(sealGCM(pbkdf(sha256.New, right, salt, 10_000), nonce, plain, "")) + ":" + b64(salt) + ":" + b64(nonce)
	}
	return fmt.Appendf(nil, `{"services":[],"servicesEncrypted":"%s","reference":"%s","groups":%s`, box(services, 3), box("a known text", 50), rest)
}

func encode2FASWithoutReference(plain string) []byte {
	whole := string(encode2FAS(plain))
	before, rest, _ := strings.Cut(whole, `"reference":"`)
	_, after, _ := strings.Cut(rest, `",`)
	return []byte(before + after)
}

func encodeStratum(plain string) []byte {
	salt, nonce := fixed(16, 3), fixed(12, 5)
	key := argon2.IDKey([]byte(right), salt, 3, 64<<10, 4, 32)
	return bytes.Join([][]byte{[]byte("AUTHENTICATORPRO"), salt, nonce, sealGCM(key, nonce, plain, "")}, nil)
}

func encodeStratumLegacy(plain string) []byte {
	salt, iv := fixed(20, 3), fixed(16, 5)
	key := pbkdf(sha1.New, right, salt, 64_000)
	return bytes.Join([][]byte{[]byte("AuthenticatorPro"), salt, iv, sealCBC(key, iv, plain)}, nil)
}

func encodeAndOTP(plain string) []byte {
	const iterations = 140_123
	salt, nonce := fixed(12, 0xf0), fixed(12, 5)
	key := pbkdf(sha1.New, right, salt, iterations)
	return bytes.Join([][]byte{binary.BigEndian.AppendUint32(nil, iterations), salt, nonce, sealGCM(key, nonce, plain, "")}, nil)
}

func encodeAndOTPOld(plain string) []byte {
	key, nonce := sha256.Sum256([]byte(right)), fixed(12, 0xf0)
	return append(nonce, sealGCM(key[:], nonce, plain, "")...)
}

func bitwardenBox(key []byte, plain string, first byte) string {
	encryption, err := hkdf.Expand(sha256.New, key, "enc", 32)
	if err != nil {
		panic(err)
	}
	authentication, err := hkdf.Expand(sha256.New, key, "mac", 32)
	if err != nil {
		panic(err)
	}
	iv := fixed(16, first)
	sealed := sealCBC(encryption, iv, plain)
	mac := hmac.New(sha256.New, authentication)
	mac.Write(iv)
	mac.Write(sealed)
	return "2." + b64(iv) + "|" + b64(sealed) + "|" + b64(mac.Sum(nil))
}

func encodeBitwardenPBKDF2(plain string) []byte {
	salt := b64(fixed(16, 1))
	key := pbkdf(sha256.New, right, []byte(salt), 5000)
	return fmt.Appendf(nil, `{"encrypted":true,"passwordProtected":true,"salt":"%s","kdfType":0,"kdfIterations":5000,"kdfMemory":null,"kdfParallelism":null,"encKeyValidation_DO_NOT_EDIT":"%s","data":"%s"}`,
		salt, bitwardenBox(key, "a-uuid", 1), bitwardenBox(key, plain, 2))
}

func encodeBitwardenArgon2(plain string) []byte {
	salt := b64(fixed(16, 1))
	hashed := sha256.Sum256([]byte(salt))
	key := argon2.IDKey([]byte(right), hashed[:], 2, 16<<10, 4, 32)
	return fmt.Appendf(nil, `{"encrypted":true,"passwordProtected":true,"salt":"%s","kdfType":1,"kdfIterations":2,"kdfMemory":16,"kdfParallelism":4,"encKeyValidation_DO_NOT_EDIT":"%s","data":"%s"}`,
		salt, bitwardenBox(key, "a-uuid", 1), bitwardenBox(key, plain, 2))
}

func encodeProton(plain string) []byte {
	salt, nonce := fixed(16, 1), fixed(12, 1)
	key := argon2.IDKey([]byte(right), salt, 2, 19<<10, 1, 32)
	return fmt.Appendf(nil, `{"version":1,"salt":"%s","content":"%s"}`, b64(salt), b64(append(nonce, sealGCM(key, nonce, plain, "proton.authenticator.export.v1")...)))
}

// encodeProtonBare leaves the padding of base64 out, as early versions did.
func encodeProtonBare(plain string) []byte {
	return bytes.ReplaceAll(encodeProton(plain), []byte("="), nil)
}

// sealedFile is one encrypted form, with the plain file that it holds.
type sealedFile struct {
	name     string
	format   transfer.Format
	filename string
	plain    string // the name of a plain file
	encode   func(plain string) []byte
	// checks: the form has a check value of its own for the password.
	checks bool
}

func sealedFiles() []sealedFile {
	return []sealedFile{
		{"Aegis", transfer.FormatAegisEncrypted, "aegis.json", "Aegis version 3 with every kind", encodeAegis, true},
		{"2FAS", transfer.Format2FASEncrypted, "x.2fas", "2FAS", encode2FAS, true},
		{"2FAS without a reference", transfer.Format2FASEncrypted, "x.2fas", "2FAS", encode2FASWithoutReference, false},
		{"Stratum", transfer.FormatStratumSealed, "x.authpro", "Stratum", encodeStratum, false},
		{"Authenticator Pro", transfer.FormatStratumLegacy, "x.authpro", "Stratum", encodeStratumLegacy, false},
		{"andOTP", transfer.FormatAndOTPEncrypted, "", "andOTP", encodeAndOTP, false},
		{"andOTP of old", transfer.FormatAndOTPEncrypted, "otp_accounts.json.aes", "andOTP", encodeAndOTPOld, false},
		{"Bitwarden with PBKDF2", transfer.FormatBitwardenSealed, "", "Bitwarden", encodeBitwardenPBKDF2, true},
		{"Bitwarden with Argon2", transfer.FormatBitwardenSealed, "", "Bitwarden", encodeBitwardenArgon2, true},
		{"Proton", transfer.FormatProtonEncrypted, "", "Proton", encodeProton, false},
		{"Proton without padding", transfer.FormatProtonEncrypted, "", "Proton", encodeProtonBare, false},
	}
}

// content is the plain file and what it holds.
func (f sealedFile) content(t *testing.T) (plainFile, []transfer.Entry) {
	t.Helper()
	for _, p := range plainFiles() {
		if p.name == f.plain {
			return p, entries(t, p.want)
		}
	}
	t.Fatalf("no plain file %q", f.plain)
	return plainFile{}, nil
}

// enteEncrypted is an export whose key and box libsodium itself made.
func enteEncrypted(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/ente_encrypted.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
