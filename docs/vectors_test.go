package docs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base32"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/transport"
)

// vectors is protocol-vectors.json.
type vectors struct {
	About      string               `json:"about"`
	Now        int64                `json:"now"`
	Keys       map[string]vectorKey `json:"keys"`
	Link       string               `json:"link"`
	LinkSecret string               `json:"link_secret"`
	EnrolMAC   string               `json:"enrol_mac"`
	TOTPSecret string               `json:"totp_secret"`
	Hello      string               `json:"hello"`
	Auth       string               `json:"auth"`
	Messages   []struct {
		Name     string         `json:"name"`
		Type     string         `json:"type"`
		From     string         `json:"from"`
		To       string         `json:"to"`
		Claims   jsontext.Value `json:"claims"`
		JWS      string         `json:"jws"`
		Envelope string         `json:"envelope"`
	} `json:"messages"`
}

type vectorKey struct {
	Kty        string `json:"kty"`
	Crv        string `json:"crv"`
	X          string `json:"x"`
	Y          string `json:"y"`
	D          string `json:"d"`
	Thumbprint string `json:"thumbprint"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	var v vectors
	if err := json.Unmarshal([]byte(read(t, "protocol-vectors.json")), &v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v vectors) key(t *testing.T, name string) identity.PrivateKey {
	t.Helper()
	k := v.Keys[name]
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), decode(t, k.D))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.ParsePrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	if want := append(decode(t, k.X), decode(t, k.Y)...); string(key.Thumbprint()) != k.Thumbprint || !bytes.Equal(decode(t, key.Public().Text()), want) {
		t.Fatalf("%s is another key: %s", name, key.Thumbprint())
	}
	return key
}

func TestTheVectorsOpen(t *testing.T) {
	v := readVectors(t)
	seen := map[string]bool{}
	for _, m := range v.Messages {
		from, to := v.key(t, m.From+" signing"), v.key(t, m.To+" signing")
		at := time.Unix(v.Now, 0).Add(time.Minute) // all are current then
		trust := envelope.Thumbprint(from.Thumbprint(), m.Type)
		got, signed, err := message.Open(m.Envelope, v.key(t, m.To+" encryption"), to.Thumbprint(), at, trust)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if signed.Compact != m.JWS || got.Type() != m.Type {
			t.Errorf("%s: another message is in the envelope", m.Name)
		}
		if !sameJSON(t, signed.Payload, m.Claims) {
			t.Errorf("%s: the claims are %s", m.Name, signed.Payload)
		}
		seen[m.Type] = true
		if r, ok := got.(message.Rekey); ok {
			proof, err := envelope.Verify(r.Proof, envelope.Thumbprint(r.Signing.Thumbprint(), message.TypeRekeyProof))
			if err != nil || string(proof.Payload) != string(from.Thumbprint()) {
				t.Errorf("the rekey's proof: %v", err)
			}
		}
	}
	for name, typ := range literals(t, "../message", "Type") {
		if name != "TypeRekeyProof" && !seen[typ] {
			t.Errorf("no vector of type %s", typ)
		}
	}
}

func TestTheVectorsDerivationsHold(t *testing.T) {
	v := readVectors(t)
	secret := decode(t, v.LinkSecret)
	link, err := message.ParseLink(v.Link)
	if err != nil || string(link.Secret) != string(secret) {
		t.Fatalf("link: %v", err)
	}
	if link.Verifier != v.key(t, "verifier signing").Thumbprint() || link.Encryption.Thumbprint() != v.key(t, "verifier encryption").Thumbprint() {
		t.Error("the link is another verifier's")
	}
	decoded, err := message.Decode(message.TypeEnrol, v.Messages[0].Claims)
	if err != nil {
		t.Fatal(err)
	}
	enrol, ok := decoded.(message.Enrol)
	if mac, err := message.EnrolMAC(secret, enrol); !ok || err != nil || mac != v.EnrolMAC || enrol.MAC != mac {
		t.Errorf("MAC: %s, %v", mac, err)
	}
	totp, err := message.TOTPSecret(secret)
	if got := base32.StdEncoding.EncodeToString(totp); err != nil || got != v.TOTPSecret {
		t.Errorf("TOTP secret: %s, %v", got, err)
	}
	hello, err := transport.Decode([]byte(v.Hello))
	if err != nil {
		t.Fatal(err)
	}
	auth, err := transport.Decode([]byte(v.Auth))
	if err != nil {
		t.Fatal(err)
	}
	who, _, err := transport.VerifyToken(auth.(transport.Auth).Token, hello.(transport.Hello))
	if err != nil || who != v.key(t, "device signing").Thumbprint() {
		t.Errorf("auth token: %v", err)
	}
}

// TestAnotherLanguageReadsTheVectors runs an implementation that shares no code
// with this one.
func TestAnotherLanguageReadsTheVectors(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v (on Debian: apt-get install nodejs, or make deps)", err)
	}
	script := filepath.Join("testdata", "vectors.mjs")
	out, err := exec.CommandContext(t.Context(), node, script, "protocol-vectors.json").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if opened := strings.Count(string(out), "opened "); opened != len(readVectors(t).Messages) || !strings.Contains(string(out), "derived") {
		t.Errorf("it opened %d messages:\n%s", opened, out)
	}
}

// TestThePagesExamplesAreTheVectors: what is printed is what was made.
func TestThePagesExamplesAreTheVectors(t *testing.T) {
	v := readVectors(t)
	page := read(t, "protocol.md")
	for _, want := range []string{v.Link, v.EnrolMAC, v.TOTPSecret, v.Hello} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	var blocks []jsontext.Value
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(page, -1) {
		block := jsontext.Value(m[1])
		if !block.IsValid() {
			t.Errorf("no JSON: %s", block)
		}
		blocks = append(blocks, block)
	}
	printed := 0
	for _, m := range v.Messages {
		for _, block := range blocks {
			if sameJSON(t, block, m.Claims) {
				printed++
			}
		}
	}
	// Of the enrolment's own challenge and answer the page shows the kind once.
	if want := len(v.Messages) - 2; printed != want {
		t.Errorf("the page shows %d of the messages, want %d", printed, want)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}
