package transfer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/crypto/backup"
	"countersign/crypto/otp"
)

// reader reads one format out of data that detect has recognised.
type reader func(*run) error

// detect tells the format by the content: fixed first bytes, then JSON by its
// members, then text by its lines, and last andOTP's encrypted form, which has
// no mark at all.
func detect(data []byte, filename string) (Format, reader, error) {
	data = fromUTF16(data)
	body := bytes.TrimPrefix(data, []byte("\ufeff"))
	text := bytes.TrimSpace(body)
	switch {
	case len(text) == 0:
		return "", nil, fmt.Errorf("%w: the file is empty", ErrUnknownFormat)
	case backup.IsBackup(data):
		return FormatOwnEncrypted, func(r *run) error { return readOwnEncrypted(r, data) }, nil
	case bytes.HasPrefix(data, []byte(stratumMagic)):
		return FormatStratumSealed, func(r *run) error { return readStratumSealed(r, data) }, nil
	case bytes.HasPrefix(data, []byte(stratumLegacyMagic)):
		return FormatStratumLegacy, func(r *run) error { return readStratumLegacy(r, data) }, nil
	case utf8.Valid(text):
		return detectText(text, body)
	case looksLikeAndOTP(data, filename):
		return FormatAndOTPEncrypted, func(r *run) error { return readAndOTPEncrypted(r, data) }, nil
	default:
		return "", nil, fmt.Errorf("%w: %s", ErrUnknownFormat, binaryHint(data))
	}
}

// fromUTF16 turns a text of 16-bit units with a byte order mark, as an editor may
// have saved a list of links, into UTF-8. Anything else stays as it is.
func fromUTF16(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case len(data)%2 != 0:
		return data
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data
	}
	units := make([]uint16, 0, len(data)/2)
	for rest := data[2:]; len(rest) > 0; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return []byte(string(utf16.Decode(units)))
}

// binaryHint says what to do about a file that is no export itself.
func binaryHint(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return "this is a zip archive; unpack it and import the file inside"
	case isPicture(data):
		return "this is a picture; read its QR code instead"
	default:
		return "export from the other app again, and choose that file"
	}
}

func isPicture(data []byte) bool {
	for _, magic := range []string{"\x89PNG", "\xff\xd8\xff", "GIF8", "RIFF", "BM"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

// detectText looks at text without the space around it. Lines of links are
// read from the whole body, so that they count as an editor counts them.
func detectText(text, body []byte) (Format, reader, error) {
	switch {
	case text[0] == '{':
		var object map[string]jsontext.Value
		if err := decode(text, &object); err != nil {
			return "", nil, err
		}
		return detectObject(text, object)
	case text[0] == '[':
		var array []jsontext.Value
		if err := decode(text, &array); err != nil {
			return "", nil, err
		}
		return detectArray(text, array)
	case isBitwardenCSV(text):
		return FormatBitwardenCSV, func(r *run) error { return readBitwardenCSV(r, text) }, nil
	case hasLinks(text):
		return linkFormat(text), func(r *run) error { return readLinks(r, body) }, nil
	default:
		return "", nil, fmt.Errorf("%w: export from the other app again, and choose that file", ErrUnknownFormat)
	}
}

// detectObject knows a JSON object by members that no other format has.
func detectObject(text []byte, object map[string]jsontext.Value) (Format, reader, error) {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := object[name]; !ok {
				return false
			}
		}
		return true
	}
	filled := func(name string) bool {
		value := object[name]
		return len(value) > 0 && value.Kind() != 'n' && string(value) != `""`
	}
	choose := func(format Format, read func(*run, []byte) error) (Format, reader, error) {
		return format, func(r *run) error { return read(r, text) }, nil
	}
	switch {
	case has("format", "entries") && string(object["format"]) == `"`+ownFormat+`"`:
		return choose(FormatOwn, readOwn)
	case has("db", "header") && object["db"].Kind() == '"':
		return choose(FormatAegisEncrypted, readAegisEncrypted)
	case has("db", "header"):
		return choose(FormatAegis, readAegis)
	case filled("servicesEncrypted"):
		return choose(Format2FASEncrypted, read2FASEncrypted)
	case has("services"):
		return choose(Format2FAS, read2FAS)
	case has("kdfParams", "encryptedData"):
		return choose(FormatEnteEncrypted, readEnteEncrypted)
	case has("Authenticators"):
		return choose(FormatStratum, readStratum)
	case has("encrypted") && object["encrypted"].Kind() == 't':
		return choose(FormatBitwardenSealed, readBitwardenSealed)
	case has("items"):
		return choose(FormatBitwarden, readBitwarden)
	case has("tokens"):
		return choose(FormatFreeOTPPlus, readFreeOTPPlus)
	case has("salt", "content"):
		return choose(FormatProtonEncrypted, readProtonEncrypted)
	case has("entries"):
		return choose(FormatProton, readProton)
	case has("accounts") && object["accounts"].Kind() == '{':
		return choose(FormatSteam, readSteamAccounts)
	case has("accounts"):
		return choose(FormatLastPass, readLastPass)
	case has("shared_secret"):
		return choose(FormatSteam, readSteam)
	default:
		return "", nil, fmt.Errorf("%w: this JSON comes from no app that is known here", ErrUnknownFormat)
	}
}

// detectArray knows a JSON array by its first element.
func detectArray(text []byte, array []jsontext.Value) (Format, reader, error) {
	if len(array) == 0 {
		return "", nil, fmt.Errorf("%w: an empty list", ErrEmpty)
	}
	for _, element := range array {
		var probe map[string]jsontext.Value
		if element.Kind() != '{' || decode(element, &probe) != nil {
			break
		}
		if _, ok := probe["otpGenerator"]; ok {
			return FormatDuo, func(r *run) error { return readDuo(r, text) }, nil
		}
		if _, ok := probe["kind"]; ok {
			return FormatRaivo, func(r *run) error { return readRaivo(r, text) }, nil
		}
		if _, ok := probe["label"]; ok {
			return FormatAndOTP, func(r *run) error { return readAndOTP(r, text) }, nil
		}
	}
	return "", nil, fmt.Errorf("%w: this JSON list comes from no app that is known here", ErrUnknownFormat)
}

// decode reads JSON of another app: strictly (no duplicate names, exact case,
// valid UTF-8), but with members that this app has no use for.
func decode(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	// The library quotes the offending value, which may be a secret: the place is
	// enough.
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONPointer != "" {
		place := otp.CleanText(string(semantic.JSONPointer))
		return fmt.Errorf("%w: its %s is of another kind than the app writes; export it again", ErrDamaged, place[:min(len(place), maxPlace)])
	}
	return fmt.Errorf("%w: its JSON does not read; export it again", ErrDamaged)
}

// maxPlace bounds what an error says of a place in a file, in octets.
const maxPlace = 200

// hasLinks tells whether some line is a link that carries keys.
func hasLinks(text []byte) bool {
	for line := range strings.Lines(lineEnds.Replace(string(text))) {
		if isLink(line) {
			return true
		}
	}
	return false
}
