package envelope_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
)

const typ = "countersign-test+jwt"

func generate(t testing.TB) identity.PrivateKey {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestWhatIsSealedOpens(t *testing.T) {
	signer, recipient := generate(t), generate(t)
	sealed, err := envelope.Seal(signer, recipient.Public(), typ, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := envelope.Open(sealed, recipient, envelope.Thumbprint(signer.Thumbprint(), typ))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Payload) != `{"a":1}` || got.Type != typ || got.Signer.Thumbprint() != signer.Thumbprint() {
		t.Errorf("opened %+v", got)
	}
	again, err := envelope.Verify(got.Compact, envelope.Thumbprint(signer.Thumbprint(), typ))
	if err != nil || string(again.Payload) != `{"a":1}` {
		t.Errorf("the signed message does not verify by itself: %v", err)
	}
}

func TestEveryEnvelopeHasOneLength(t *testing.T) {
	signer, recipient := generate(t), generate(t)
	lengths := map[int]bool{}
	for _, n := range []int{0, 1, 100, 1000, 1700} {
		sealed, err := envelope.Seal(signer, recipient.Public(), typ, []byte(strings.Repeat("x", n)))
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) > envelope.MaxSize {
			t.Errorf("%d octets, over the limit", len(sealed))
		}
		lengths[len(sealed)] = true
	}
	if len(lengths) != 1 {
		t.Errorf("lengths differ: %v", lengths)
	}
	if _, err := envelope.Seal(signer, recipient.Public(), typ, make([]byte, envelope.PlaintextSize)); !errors.Is(err, envelope.ErrTooLarge) {
		t.Errorf("a message that does not fit: %v", err)
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	signer, recipient := generate(t), generate(t)
	sealed, err := envelope.Seal(signer, recipient.Public(), typ, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	trust := envelope.Thumbprint(signer.Thumbprint(), typ)
	for i := 0; i < len(sealed); i += 7 {
		changed := []byte(sealed)
		changed[i] ^= 1
		if _, err := envelope.Open(string(changed), recipient, trust); err == nil {
			t.Fatalf("octet %d changed and nobody noticed", i)
		}
	}
}

func TestRefusals(t *testing.T) {
	signer, recipient, stranger := generate(t), generate(t), generate(t)
	trust := envelope.Thumbprint(signer.Thumbprint(), typ)
	seal := func(k identity.PrivateKey, to identity.PublicKey, typ string) string {
		s, err := envelope.Seal(k, to, typ, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, test := range []struct {
		name, sealed string
		want         error
	}{
		{"another sender", seal(stranger, recipient.Public(), typ), envelope.ErrUntrusted},
		{"another recipient", seal(signer, stranger.Public(), typ), envelope.ErrSealed},
		{"another type", seal(signer, recipient.Public(), "other+jwt"), envelope.ErrType},
		{"too long", strings.Repeat("x", envelope.MaxSize+1), envelope.ErrTooLarge},
		{"not a compact serialization", "abc", envelope.ErrMalformed},
		{"empty", "", envelope.ErrMalformed},
		{"an unpadded plaintext", encrypt(t, recipient, jose.A256GCM, sign(t, signer, jose.ES256, typ)), envelope.ErrMalformed},
		{"another content encryption", encrypt(t, recipient, jose.A128GCM, "x"), envelope.ErrAlgorithm},
		{"header members that nobody asked for", header(`{"alg":"ECDH-ES","enc":"A256GCM","zip":"DEF","epk":{}}`, 5), envelope.ErrAlgorithm},
		{"a header that names a member twice", header(`{"alg":"ECDH-ES","alg":"dir","enc":"A256GCM"}`, 5), envelope.ErrAlgorithm},
	} {
		if _, err := envelope.Open(test.sealed, recipient, trust); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestSignaturesOfOtherKindsAreRefused(t *testing.T) {
	signer := generate(t)
	trust := envelope.Thumbprint(signer.Thumbprint(), typ)
	good := sign(t, signer, jose.ES256, typ)
	parts := strings.Split(good, ".")
	for name, compact := range map[string]string{
		"alg none":                          header(`{"alg":"none","typ":"`+typ+`"}`, 3),
		"an empty signature":                parts[0] + "." + parts[1] + ".",
		"another payload":                   parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"a":2}`)) + "." + parts[2],
		"an HMAC keyed with what is public": hmacSigned(t, signer),
		"white space around":                " " + good + " ",
	} {
		if got, err := envelope.Verify(compact, trust); err == nil {
			t.Errorf("%s was taken: %+v", name, got)
		}
	}
	if _, err := envelope.Verify(good, trust); err != nil {
		t.Errorf("the good one was refused: %v", err)
	}
}

func sign(t *testing.T, key identity.PrivateKey, alg jose.SignatureAlgorithm, typ jose.ContentType) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key.ECDSA()}, (&jose.SignerOptions{EmbedJWK: true}).WithType(typ))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	compact, _ := signed.CompactSerialize()
	return compact
}

func hmacSigned(t *testing.T, key identity.PrivateKey) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(key.Public().Text())},
		(&jose.SignerOptions{}).WithType(typ).WithHeader("jwk", key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	compact, _ := signed.CompactSerialize()
	return compact
}

func encrypt(t *testing.T, to identity.PrivateKey, enc jose.ContentEncryption, plaintext string) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.ECDH_ES, Key: to.Public().ECDSA()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.Encrypt([]byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	compact, _ := sealed.CompactSerialize()
	return compact
}

func header(h string, parts int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(h)) + strings.Repeat(".AA", parts-1)
}

func FuzzOpen(f *testing.F) {
	signer, recipient := generate(f), generate(f)
	sealed, err := envelope.Seal(signer, recipient.Public(), typ, []byte(`{"a":1}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(header(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{}}`, 5))
	f.Add(header(`{"alg":"none"}`, 3))
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := envelope.Open(in, recipient, envelope.Thumbprint(signer.Thumbprint(), typ)); err == nil && in != sealed {
			t.Fatalf("an envelope that nobody sealed was opened: %q", in)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	signer, recipient := generate(b), generate(b)
	for b.Loop() {
		if _, err := envelope.Seal(signer, recipient.Public(), typ, make([]byte, 600)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	signer, recipient := generate(b), generate(b)
	sealed, _ := envelope.Seal(signer, recipient.Public(), typ, make([]byte, 600))
	trust := envelope.Thumbprint(signer.Thumbprint(), typ)
	for b.Loop() {
		if _, err := envelope.Open(sealed, recipient, trust); err != nil {
			b.Fatal(err)
		}
	}
}
