package transport

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"countersign/crypto/identity"
	"countersign/crypto/strict"
)

// ErrFrame is wrapped by every error about octets that are no frame.
var ErrFrame = errors.New("transport: not a frame")

// Frame is one of Hello, Auth, Ready, Send, Receive and Ack.
type Frame interface {
	// Encode writes the frame as JSON. It does not check it.
	Encode() []byte
}

// Hello is the relay's first frame: what the client must sign.
type Hello struct {
	Nonce string // 256 random bits, base64url; new for every connection
	Relay string // the relay's public URL
}

// Auth is the client's first frame: Token is what SignToken makes.
type Auth struct {
	Token string
}

// Ready says that the relay took the token, and delivers from now on.
type Ready struct{}

// Send asks the relay to deliver a body.
type Send struct {
	ID   string // random, MinID characters or more
	To   identity.Thumbprint
	Body string // 1 to MaxBody octets of a compact serialization
}

// Receive delivers a body. ID is the sender's, From the identity that the
// relay says it is from: the seal alone proves it.
type Receive struct {
	ID   string
	From identity.Thumbprint
	Body string
}

// Ack answers a Send. Not delivered means that the recipient is connected
// nowhere, or does not hear this sender: a relay tells strangers no more.
type Ack struct {
	ID        string
	Delivered bool
}

// NewID makes a frame id of 128 random bits, 22 base64url characters.
func NewID() string { return random(16) }

// NewNonce makes the nonce of a Hello.
func NewNonce() string { return random(nonceSize) }

func random(octets int) string {
	b := make([]byte, octets)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// CheckBody refuses a body that is not 1 to MaxBody characters of a compact
// serialization (RFC 7515 §7.1: base64url and dots). So nothing in a frame ever
// needs escaping, and a relay carries nothing but what can be an envelope.
func CheckBody(body string) error {
	if len(body) == 0 || len(body) > MaxBody {
		return fmt.Errorf("%w: a body of %d octets", ErrFrame, len(body))
	}
	if !compact(body) {
		return fmt.Errorf("%w: the body is no compact serialization", ErrFrame)
	}
	return nil
}

// Encode writes the frame.
func (f Hello) Encode() []byte {
	return encode(256+len(f.Relay), `{"type":"hello","nonce":"`, f.Nonce, `","relay":`, quote(f.Relay), `}`)
}

// Encode writes the frame.
func (f Auth) Encode() []byte {
	return encode(64+len(f.Token), `{"type":"auth","token":"`, f.Token, `"}`)
}

// Encode writes the frame.
func (Ready) Encode() []byte { return []byte(`{"type":"ready"}`) }

// Encode writes the frame.
func (f Send) Encode() []byte {
	return encode(192+len(f.Body), `{"type":"send","id":"`, f.ID, `","to":"`, string(f.To), `","body":"`, f.Body, `"}`)
}

// Encode writes the frame.
func (f Receive) Encode() []byte {
	return encode(192+len(f.Body), `{"type":"receive","id":"`, f.ID, `","from":"`, string(f.From), `","body":"`, f.Body, `"}`)
}

// Encode writes the frame.
func (f Ack) Encode() []byte {
	delivered := "false}"
	if f.Delivered {
		delivered = "true}"
	}
	return encode(128, `{"type":"ack","id":"`, f.ID, `","delivered":`, delivered)
}

// encode joins the parts. Every value but a URL is of an alphabet that JSON
// leaves as it is: Decode takes no other.
func encode(size int, parts ...string) []byte {
	b := make([]byte, 0, size)
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // not UTF-8: such a URL is refused where it is configured
		return `""`
	}
	return string(b)
}

// members is every member that a frame can have. A pointer tells an empty
// member from one that is missing.
type members struct {
	Type      *string `json:"type"`
	Nonce     *string `json:"nonce"`
	Relay     *string `json:"relay"`
	Token     *string `json:"token"`
	ID        *string `json:"id"`
	To        *string `json:"to"`
	From      *string `json:"from"`
	Body      *string `json:"body"`
	Delivered *bool   `json:"delivered"`
}

// Decode reads a frame, strictly: each type has exactly its own members, once,
// with values that are well-formed. Its errors quote nothing of the frame.
func Decode(b []byte) (Frame, error) {
	if len(b) > MaxFrame {
		return nil, fmt.Errorf("%w: %d octets", ErrFrame, len(b))
	}
	var m members
	if err := strict.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: not the JSON of one", ErrFrame)
	}
	if m.Type == nil {
		return nil, fmt.Errorf("%w: no type", ErrFrame)
	}
	frame, count, err := m.frame()
	if err != nil {
		return nil, err
	}
	if m.count() != count {
		return nil, fmt.Errorf("%w: members of another type", ErrFrame)
	}
	return frame, nil
}

// frame makes the frame of m's type, and tells how many members it takes.
func (m *members) frame() (Frame, int, error) {
	switch *m.Type {
	case "hello":
		nonce, relay := value(m.Nonce), value(m.Relay)
		if len(nonce) < MinID || len(nonce) > MaxID || !compact(nonce) || relay == "" {
			return nil, 0, fmt.Errorf("%w: a hello without nonce or relay", ErrFrame)
		}
		return Hello{Nonce: nonce, Relay: relay}, 3, nil
	case "auth":
		token := value(m.Token)
		if token == "" || len(token) > MaxToken || !compact(token) {
			return nil, 0, fmt.Errorf("%w: an auth without a token", ErrFrame)
		}
		return Auth{Token: token}, 2, nil
	case "ready":
		return Ready{}, 1, nil
	case "send":
		f := Send{ID: value(m.ID), To: identity.Thumbprint(value(m.To)), Body: value(m.Body)}
		return f, 4, checkLetter(f.ID, f.To, f.Body)
	case "receive":
		f := Receive{ID: value(m.ID), From: identity.Thumbprint(value(m.From)), Body: value(m.Body)}
		return f, 4, checkLetter(f.ID, f.From, f.Body)
	case "ack":
		f := Ack{ID: value(m.ID)}
		if m.Delivered == nil || !validID(f.ID) {
			return nil, 0, fmt.Errorf("%w: an ack without id or delivered", ErrFrame)
		}
		f.Delivered = *m.Delivered
		return f, 3, nil
	default:
		return nil, 0, fmt.Errorf("%w: of no known type", ErrFrame)
	}
}

func (m *members) count() int {
	n := 0
	for _, s := range [...]*string{m.Type, m.Nonce, m.Relay, m.Token, m.ID, m.To, m.From, m.Body} {
		if s != nil {
			n++
		}
	}
	if m.Delivered != nil {
		n++
	}
	return n
}

func checkLetter(id string, other identity.Thumbprint, body string) error {
	if !validID(id) {
		return fmt.Errorf("%w: no valid id", ErrFrame)
	}
	if _, err := identity.ParseThumbprint(string(other)); err != nil {
		return fmt.Errorf("%w: no valid thumbprint", ErrFrame)
	}
	return CheckBody(body)
}

func validID(id string) bool { return len(id) >= MinID && len(id) <= MaxID && compact(id) }

// compact reports whether s is of the alphabet of a compact serialization.
func compact(s string) bool {
	for i := range len(s) {
		if !alphabet[s[i]] {
			return false
		}
	}
	return true
}

var alphabet = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_." {
		set[c] = true
	}
	return set
}()

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
