package policy

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/verifier/words"
)

// MaxInputBytes bounds the JSON of an Input.
const MaxInputBytes = 16 << 10

// ErrInput is the kind of every error of ParseInput, a *words.Error. It names
// the member and what is allowed, and may be shown to the caller.
var ErrInput = errors.New("policy: input refused")

// Tenant holds the organisation-wide settings that an input may leave out.
type Tenant struct {
	Rollout          Rollout
	AllowApproveDeny bool
}

// DefaultTenant is an organisation that has changed nothing.
func DefaultTenant() Tenant {
	return Tenant{Rollout: Enforced, AllowApproveDeny: true}
}

// ParseInput reads the JSON of an Input for an organisation that has changed
// nothing; see [Tenant.ParseInput].
func ParseInput(body []byte) (Input, error) { return DefaultTenant().ParseInput(body) }

// ParseInput reads the JSON of an Input: an object with the members rollout,
// scenario, method, client, device or devices, policy and user. It is strict:
// unknown, duplicate and mistyped members are refused. A member that is absent
// or null describes an untouched organisation: the tenant's rollout, a
// multifactor sign-in on the web, the user's default method, one up-to-date
// phone, a policy that is enabled and targets the user. The user's methods have
// no default: a user without members has none.
func (t Tenant) ParseInput(body []byte) (Input, error) {
	if len(body) > MaxInputBytes {
		return Input{}, words.Refuse(ErrInput, "refused.input_long", "most", MaxInputBytes)
	}
	wire := struct {
		Input
		Device *Device `json:"device"`
	}{Input: t.defaultInput()}
	if err := unmarshalStrict(body, &wire, anyNullKeeps); err != nil {
		return Input{}, words.Refuse(ErrInput, "refused.input", "problem", err.Text)
	}
	in := wire.Input
	switch {
	case wire.Device != nil && in.Devices != nil:
		return Input{}, words.Refuse(ErrInput, "refused.input_devices")
	case wire.Device != nil:
		in.Devices = []Device{*wire.Device}
	case in.Devices == nil:
		in.Devices = []Device{capablePhone()}
	}
	return in, nil
}

func (t Tenant) defaultInput() Input {
	return Input{
		Rollout:  t.Rollout,
		Scenario: ScenarioMFA,
		Client:   Client{Kind: KindWeb, RADIUSAuth: RADIUSPAP},
		Policy: Settings{
			State: Enabled, AuthenticationMode: ModeAny,
			NumberMatchingRequiredState: FeatureDefault,
			AllowApproveDeny:            t.AllowApproveDeny,
		},
		User: User{Targeted: true},
	}
}

func capablePhone() Device { return Device{FormFactor: Phone, NumberMatching: true} }

// anyNullKeeps takes every null for an absent member.
func anyNullKeeps(any) bool { return true }

// UnmarshalJSONFrom reads a device whose absent members are those of an
// up-to-date phone.
func (d *Device) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Device
	device := plain(capablePhone())
	if err := json.UnmarshalDecode(dec, &device); err != nil {
		return err
	}
	*d = Device(device)
	return nil
}

// unmarshalStrict decodes one JSON object into the struct at v: names are
// case-sensitive, unknown and duplicate ones are refused. A member that is null
// keeps v's value if nullKeeps says so of a pointer to that value, and is
// refused otherwise. Errors name the member.
func unmarshalStrict(body []byte, v any, nullKeeps func(v any) bool) *words.Error {
	if kind := jsontext.Value(body).Kind(); kind != jsontext.KindBeginObject {
		return refusal("refused.json_object")
	}
	read := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error {
		if dec.PeekKind() != jsontext.KindNull {
			return readEnum(dec, v)
		}
		if parent, _ := dec.StackIndex(dec.StackDepth()); parent == jsontext.KindBeginObject && nullKeeps(v) {
			return dec.SkipValue()
		}
		return refusal("refused.json_null")
	})
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(read)); err != nil {
		return describe(err)
	}
	return nil
}

// readEnum reads an enum that is no string, so that the error lists what is
// allowed. It leaves all else to the decoder.
func readEnum(dec *jsontext.Decoder, v any) error {
	enum, isEnum := v.(encoding.TextUnmarshaler)
	if !isEnum || dec.PeekKind() == jsontext.KindString {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if err := enum.UnmarshalText(raw); err != nil {
		return err
	}
	return refusal("refused.json_must", "wanted", words.Of("refused.json_string"))
}

// describe turns a decoding error into words for the one who wrote the JSON.
func describe(err error) *words.Error {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return describeSyntax(err)
	}
	member := memberName(semantic.JSONPointer)
	if errors.Is(semantic.Err, json.ErrUnknownName) {
		return refusal("refused.json_unknown", "member", member)
	}
	problem := words.Of("refused.json_type", "wanted", wanted(semantic.GoType), "found", found(semantic.JSONKind))
	var said *words.Error
	switch {
	case errors.As(semantic.Err, &said):
		problem = said.Text
	case semantic.Err != nil:
		problem = words.Of("refused.json_value")
	}
	return refusal("refused.json_member", "member", member, "problem", problem)
}

// describeSyntax says where a text stops being JSON.
func describeSyntax(err error) *words.Error {
	var syntax *jsontext.SyntacticError
	switch {
	case !errors.As(err, &syntax):
		return refusal("refused.json_cut")
	case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		return refusal("refused.json_twice", "member", memberName(syntax.JSONPointer))
	case errors.Is(syntax.Err, io.ErrUnexpectedEOF):
		return refusal("refused.json_cut")
	}
	return refusal("refused.json_syntax", "at", syntax.ByteOffset+1)
}

// refusal is a problem whose kind whoever reports it gives it.
func refusal(key string, args ...any) *words.Error { return &words.Error{Text: words.Of(key, args...)} }

// memberName writes a JSON pointer (RFC 6901) the way people name members:
// client.kind, devices.0.platform.
func memberName(pointer jsontext.Pointer) string {
	var names []string
	for token := range pointer.Tokens() {
		names = append(names, token)
	}
	return fmt.Sprintf("%q", strings.Join(names, "."))
}

func wanted(t reflect.Type) words.Text {
	kind := reflect.Invalid
	if t != nil {
		kind = t.Kind()
	}
	switch kind {
	case reflect.Bool:
		return words.Of("refused.json_truth")
	case reflect.String:
		return words.Of("refused.json_string")
	case reflect.Slice:
		return words.Of("refused.json_list")
	default: // the members of all other kinds are structs
		return words.Of("refused.json_struct")
	}
}

func found(kind jsontext.Kind) words.Text {
	switch kind {
	case jsontext.KindString:
		return words.Of("refused.json_string")
	case jsontext.KindNumber:
		return words.Of("refused.json_number")
	case jsontext.KindBeginArray:
		return words.Of("refused.json_list")
	case jsontext.KindBeginObject:
		return words.Of("refused.json_struct")
	default: // null is refused before
		return words.Of("refused.json_boolean")
	}
}
