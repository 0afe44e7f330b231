// Package strict reads JSON that a stranger wrote. Whatever two readers could
// understand differently is refused: a member twice, one in another case, an
// unknown one, anything after the value. {"decision":"deny","DECISION":"approve"}
// was once an approval to one reader and a denial to another. So is null, which
// a reader may take for false, for zero, for empty or for absent.
//
// It stands at the bottom of the house, because frames, tokens and messages must
// be read alike.
package strict

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// errNull is a null where a value has to be.
var errNull = errors.New("null is no value here")

// options are made once: package json keeps with them what it has worked out of
// each type, and would do that again for every message.
var options = json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFromFunc(refuseNull)))

// Unmarshal decodes one JSON value into out, a pointer. Its errors may quote
// the input.
func Unmarshal(data []byte, out any) error { return json.Unmarshal(data, out, options) }

// refuseNull looks at each value, at every depth, before it is read.
func refuseNull(decoder *jsontext.Decoder, _ any) error {
	if decoder.PeekKind() == 'n' {
		return errNull
	}
	return errors.ErrUnsupported // read it as usual
}
