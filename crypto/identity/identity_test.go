package identity_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"countersign/crypto/identity"
)

func generate(t testing.TB) identity.PrivateKey {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestThumbprintIsTheOneThatGoJoseComputes(t *testing.T) {
	for range 50 {
		key := generate(t)
		sum, err := (&jose.JSONWebKey{Key: key.Public().ECDSA()}).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if want := base64.RawURLEncoding.EncodeToString(sum); string(key.Thumbprint()) != want {
			t.Fatalf("thumbprint %s, want %s", key.Thumbprint(), want)
		}
	}
}

func TestKeysSurviveTheirEncodings(t *testing.T) {
	key := generate(t)
	fromText, err := identity.ParsePublicKey(key.Public().Text())
	if err != nil || fromText.Thumbprint() != key.Thumbprint() {
		t.Fatalf("text: %v, %v", fromText, err)
	}
	b, err := json.Marshal(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var fromJWK identity.PublicKey
	if err := json.Unmarshal(b, &fromJWK); err != nil || fromJWK.Thumbprint() != key.Thumbprint() {
		t.Fatalf("jwk: %v, %v", fromJWK, err)
	}
	der, err := key.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	private, err := identity.ParsePrivateKey(der)
	if err != nil || private.Thumbprint() != key.Thumbprint() {
		t.Fatalf("PKCS #8: %v, %v", private, err)
	}
	if got, err := identity.ParseThumbprint(string(key.Thumbprint())); err != nil || got != key.Thumbprint() {
		t.Fatalf("thumbprint: %v, %v", got, err)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	key := generate(t)
	good, _ := json.Marshal(key.Public())
	jwks := map[string]string{
		"an unknown member":      strings.Replace(string(good), `{`, `{"use":"sig",`, 1),
		"a duplicate member":     strings.Replace(string(good), `{`, `{"kty":"EC",`, 1),
		"a member in upper case": strings.Replace(string(good), `"kty"`, `"KTY"`, 1),
		"another curve":          strings.Replace(string(good), `P-256`, `P-384`, 1),
		"a point off the curve":  `{"crv":"P-256","kty":"EC","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		"a short coordinate":     `{"crv":"P-256","kty":"EC","x":"AA","y":"AA"}`,
		"trailing data":          string(good) + "{}",
		"no object":              `"key"`,
	}
	for name, in := range jwks {
		var k identity.PublicKey
		if err := json.Unmarshal([]byte(in), &k); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, in := range []string{"", "AA", strings.Repeat("=", 43), strings.Repeat("_", 43)} {
		if _, err := identity.ParseThumbprint(in); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("thumbprint %q: %v", in, err)
		}
	}
	if _, err := identity.ParsePrivateKey([]byte("secret")); !errors.Is(err, identity.ErrInvalid) || strings.Contains(err.Error(), "secret") {
		t.Errorf("private key: %v", err)
	}
}

func TestAPrivateKeyIsNeverPrinted(t *testing.T) {
	key := generate(t)
	der, _ := key.Marshal()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", key)
	out := fmt.Sprintf("%v %+v %#v %s", key, key, key, key) + log.String()
	if want := strings.Count(out, string(key.Thumbprint())); want != 5 {
		t.Errorf("named %d times, want 5: %s", want, out)
	}
	if strings.Contains(out, string(der[36:68])) {
		t.Error("the private key was printed")
	}
}

func FuzzPublicKeyJSON(f *testing.F) {
	key := generate(f)
	good, _ := json.Marshal(key.Public())
	f.Add(good)
	f.Add([]byte(`{"crv":"P-256","kty":"EC","x":"","y":""}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var k identity.PublicKey
		if json.Unmarshal(in, &k) != nil {
			return
		}
		again, err := identity.ParsePublicKey(k.Text())
		if err != nil || again.Thumbprint() != k.Thumbprint() {
			t.Fatalf("%s reads as a key that does not survive its text: %v", in, err)
		}
	})
}
