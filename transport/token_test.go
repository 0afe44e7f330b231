package transport_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/transport"
)

func TestATokenProvesOneConnectionToOneRelay(t *testing.T) {
	key := generate(t)
	hello := transport.Hello{Nonce: transport.NewNonce(), Relay: "wss://contoso.example/relay"}
	good := transport.Token{Nonce: hello.Nonce, Relay: hello.Relay, Role: transport.RoleDevice, Verifiers: []identity.Thumbprint{thumbprint}}
	signed, err := transport.SignToken(key, good)
	if err != nil {
		t.Fatal(err)
	}
	who, got, err := transport.VerifyToken(signed, hello)
	if err != nil || who != key.Thumbprint() || got.Role != good.Role || !slices.Equal(got.Verifiers, good.Verifiers) {
		t.Errorf("%s, %+v, %v", who, got, err)
	}

	other := hello
	other.Nonce = transport.NewNonce()
	if _, _, err := transport.VerifyToken(signed, other); !errors.Is(err, transport.ErrToken) {
		t.Errorf("a token was taken for a second connection: %v", err)
	}
	other = hello
	other.Relay = "wss://fabrikam.example/relay"
	if _, _, err := transport.VerifyToken(signed, other); !errors.Is(err, transport.ErrToken) {
		t.Errorf("a token was taken by another relay: %v", err)
	}
}

func TestTokensThatProveNothing(t *testing.T) {
	key := generate(t)
	hello := transport.Hello{Nonce: "nonce-nonce-nonce", Relay: "wss://contoso.example/relay"}
	claims := func(rest string) string {
		return `{"nonce":"` + hello.Nonce + `","relay":"` + hello.Relay + `"` + rest + `}`
	}
	verifier := claims(`,"role":"verifier"`)
	sign := func(typ, payload string) string {
		s, err := envelope.Sign(key, typ, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, _, err := transport.VerifyToken(sign(transport.TypeAuth, verifier), hello); err != nil {
		t.Fatal(err)
	}
	mine, theirs := strings.Split(sign(transport.TypeAuth, verifier), "."), strings.Split(sign(transport.TypeAuth, claims(`,"role":"device","verifiers":["`+string(thumbprint)+`"]`)), ".")
	many := `"` + strings.Repeat(string(thumbprint)+`","`, transport.MaxVerifiers) + string(thumbprint) + `"`
	for name, token := range map[string]string{
		"nothing":                         "",
		"a message's signature":           sign("countersign-answer+jwt", verifier),
		"claims of another token":         mine[0] + "." + theirs[1] + "." + mine[2],
		"no signature":                    mine[0] + "." + mine[1] + ".",
		"a token too long":                sign(transport.TypeAuth, claims(`,"role":"verifier","x":"`+strings.Repeat("x", transport.MaxToken)+`"`)),
		"no role":                         sign(transport.TypeAuth, claims(``)),
		"an unknown role":                 sign(transport.TypeAuth, claims(`,"role":"relay"`)),
		"a role in another case":          sign(transport.TypeAuth, claims(`,"role":"Verifier"`)),
		"a claim in another case":         sign(transport.TypeAuth, claims(`,"ROLE":"verifier"`)),
		"a claim twice":                   sign(transport.TypeAuth, claims(`,"role":"device","role":"verifier"`)),
		"an unknown claim":                sign(transport.TypeAuth, claims(`,"role":"verifier","admin":true`)),
		"a verifier that names others":    sign(transport.TypeAuth, claims(`,"role":"verifier","verifiers":["`+string(thumbprint)+`"]`)),
		"a device that names nobody":      sign(transport.TypeAuth, claims(`,"role":"device"`)),
		"a device that names too many":    sign(transport.TypeAuth, claims(`,"role":"device","verifiers":[`+many+`]`)),
		"a device that names no verifier": sign(transport.TypeAuth, claims(`,"role":"device","verifiers":["alex"]`)),
	} {
		if who, got, err := transport.VerifyToken(token, hello); !errors.Is(err, transport.ErrToken) {
			t.Errorf("%s: taken for %s, %+v, %v", name, who, got, err)
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	key := generate(f)
	hello := transport.Hello{Nonce: transport.NewNonce(), Relay: "wss://contoso.example/relay"}
	good, err := transport.SignToken(key, transport.Token{Nonce: hello.Nonce, Relay: hello.Relay, Role: transport.RoleVerifier})
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(good, ".")
	f.Add(good)
	f.Add("a.b.c")
	f.Add(parts[0] + ".e30." + parts[2])
	f.Add("eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Fuzz(func(t *testing.T, token string) {
		who, claims, err := transport.VerifyToken(token, hello)
		if err == nil && (token != good || who != key.Thumbprint() || claims.Role != transport.RoleVerifier) {
			t.Fatalf("a token that nobody signed was taken for %s: %q", who, token)
		}
	})
}
