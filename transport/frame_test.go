package transport_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/transport"
)

const (
	thumbprint = identity.Thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs") // RFC 7638 §3.1
	id         = "0123456789abcdef"
)

func frames() []transport.Frame {
	return []transport.Frame{
		transport.Hello{Nonce: transport.NewNonce(), Relay: "wss://contoso.example/relay?a=\"b\"&c=å"},
		transport.Auth{Token: "a.b.c"},
		transport.Ready{},
		transport.Send{ID: id, To: thumbprint, Body: "a.b-c_d"},
		transport.Receive{ID: transport.NewID(), From: thumbprint, Body: strings.Repeat("x", transport.MaxBody)},
		transport.Ack{ID: id, Delivered: true},
		transport.Ack{ID: id},
	}
}

func TestFramesComeBackAsTheyWere(t *testing.T) {
	for _, frame := range frames() {
		b := frame.Encode()
		if len(b) > transport.MaxFrame {
			t.Errorf("%T of %d octets", frame, len(b))
		}
		got, err := transport.Decode(b)
		if err != nil || !reflect.DeepEqual(got, frame) {
			t.Errorf("%s: %+v, %v", b[:min(len(b), 80)], got, err)
		}
	}
}

func TestDecodingIsStrict(t *testing.T) {
	to := string(thumbprint)
	for name, text := range map[string]string{
		"nothing":                       ``,
		"no object":                     `[]`,
		"no type":                       `{}`,
		"null":                          `null`,
		"type null":                     `{"type":null}`,
		"an unknown type":               `{"type":"steal"}`,
		"a type in another case":        `{"type":"READY"}`,
		"a member in another case":      `{"Type":"ready"}`,
		"an unknown member":             `{"type":"ready","x":1}`,
		"a member of another type":      `{"type":"ready","id":"` + id + `"}`,
		"an empty one of another":       `{"type":"ready","id":""}`,
		"a member twice":                `{"type":"ack","id":"` + id + `","delivered":false,"delivered":true}`,
		"something after the frame":     `{"type":"ready"}{"type":"ready"}`,
		"a comma at the end":            `{"type":"ready",}`,
		"not UTF-8":                     "{\"type\":\"hello\",\"nonce\":\"" + id + "\",\"relay\":\"\xff\"}",
		"a number for a string":         `{"type":"ack","id":1,"delivered":true}`,
		"a string for a boolean":        `{"type":"ack","id":"` + id + `","delivered":"true"}`,
		"an ack without its verdict":    `{"type":"ack","id":"` + id + `"}`,
		"a short id":                    `{"type":"ack","id":"` + id[1:] + `","delivered":true}`,
		"a long id":                     `{"type":"ack","id":"` + strings.Repeat("a", 65) + `","delivered":true}`,
		"an id of other characters":     `{"type":"ack","id":"0123456789abcde ","delivered":true}`,
		"a send without body":           `{"type":"send","id":"` + id + `","to":"` + to + `"}`,
		"a send with an empty body":     `{"type":"send","id":"` + id + `","to":"` + to + `","body":""}`,
		"a body that is no envelope":    `{"type":"send","id":"` + id + `","to":"` + to + `","body":"a b"}`,
		"a send to no thumbprint":       `{"type":"send","id":"` + id + `","to":"alex","body":"a"}`,
		"a thumbprint's other spelling": `{"type":"send","id":"` + id + `","to":"` + to[:42] + `t","body":"a"}`,
		"a send from somebody":          `{"type":"send","id":"` + id + `","to":"` + to + `","from":"` + to + `","body":"a"}`,
		"a hello without nonce":         `{"type":"hello","relay":"wss://contoso.example"}`,
		"a hello without relay":         `{"type":"hello","nonce":"` + id + `"}`,
		"an auth without token":         `{"type":"auth"}`,
		"a body beyond the limit":       `{"type":"send","id":"` + id + `","to":"` + to + `","body":"` + strings.Repeat("x", transport.MaxBody+1) + `"}`,
		"a frame beyond the limit":      strings.Repeat(" ", transport.MaxFrame) + `{"type":"ready"}`,
	} {
		if frame, err := transport.Decode([]byte(text)); !errors.Is(err, transport.ErrFrame) {
			t.Errorf("%s: taken as %+v, %v", name, frame, err)
		}
	}
}

func TestASealedEnvelopeFitsIntoAFrame(t *testing.T) {
	if transport.MaxBody < envelope.MaxSize {
		t.Errorf("bodies of %d octets, envelopes of %d", transport.MaxBody, envelope.MaxSize)
	}
	sealed, err := envelope.Seal(generate(t), generate(t).Public(), "countersign-test+jwt", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := transport.CheckBody(sealed); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, frame := range frames() {
		f.Add(frame.Encode())
	}
	f.Add([]byte(`{"type":"ack","id":"0123456789abcdef","delivered":false,"DELIVERED":true}`))
	f.Add([]byte(`{"type":"\u0061ck","id":"0123456789abcdef","delivered":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := transport.Decode(b)
		if err != nil {
			if !errors.Is(err, transport.ErrFrame) || frame != nil {
				t.Fatalf("an error of another kind: %v, %+v", err, frame)
			}
			return
		}
		// Whatever passes can be written without escaping, and means the same.
		again, err := transport.Decode(frame.Encode())
		if err != nil || !reflect.DeepEqual(again, frame) {
			t.Fatalf("%q became %+v, then %+v, %v", b, frame, again, err)
		}
		if bytes.Count(frame.Encode(), []byte(`"type"`)) != 1 {
			t.Fatalf("%q smuggles a member into %q", b, frame.Encode())
		}
	})
}
