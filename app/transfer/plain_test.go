package transfer_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"countersign/app/transfer"
	"countersign/crypto/otp"
)

// The secrets of all fixtures: "Hello!" and four bytes, RFC 4226's, and the
// 16 bytes of a Yandex key.
const (
	secretA = "JBSWY3DPEHPK3PXP"
	secretB = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	secretY = "LA2V6KMCGYMWWVEW64RNP3JA3I"
)

// key builds the key of a link, for the expected side of a table.
func key(t *testing.T, link string) otp.Key {
	t.Helper()
	k, err := otp.ParseURI(link)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// entry is an account as a table line expects it.
type entry struct {
	link            string
	groups          []string
	note, icon      string
	pinned, trashed bool
}

func entries(t *testing.T, list []entry) []transfer.Entry {
	t.Helper()
	var out []transfer.Entry
	for _, e := range list {
		out = append(out, transfer.Entry{Key: key(t, e.link), Groups: e.groups, Note: e.note, Icon: e.icon, Pinned: e.pinned, Trashed: e.trashed})
	}
	return out
}

// password answers with a fixed password.
func password(p string) transfer.Options {
	return transfer.Options{Password: func(context.Context, transfer.Challenge) (string, error) { return p, nil }}
}

func read(t *testing.T, data []byte, filename string, opts transfer.Options) (transfer.Result, error) {
	t.Helper()
	result, err := transfer.NewImporter().Read(t.Context(), data, filename, opts)
	if err != nil && (result.Entries != nil || result.Unsupported != nil) {
		t.Errorf("an error came with entries: %v", err)
	}
	return result, err
}

// inUTF16 writes a text as 16-bit units.
func inUTF16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// show prints entries with what hides itself.
func show(list []transfer.Entry) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "\n  %s groups %q note %q icon %q pinned %v trashed %v", e.Key.URI(), e.Groups, e.Note, e.Icon, e.Pinned, e.Trashed)
	}
	return b.String()
}

func same(a, b []transfer.Entry) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

type plainFile struct {
	name, file  string
	format      transfer.Format
	want        []entry
	unsupported map[string]string // name to a part of the reason
}

func plainFiles() []plainFile {
	return []plainFile{
		{
			name: "Aegis with groups by name", format: transfer.FormatAegis,
			file: `{"version":1,"header":{"slots":null,"params":null},"db":{"version":1,"entries":[
				{"type":"totp","uuid":"u","name":"alice","issuer":"ACME","group":"Work","note":"n","icon":null,"info":{"secret":"` + secretA + `","algo":"SHA256","digits":8,"period":60}},
				{"type":"hotp","uuid":"u","name":"bob","issuer":"","icon":null,"info":{"secret":"` + secretB + `","algo":"SHA1","digits":6,"counter":5}}]}}`,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?algorithm=SHA256&digits=8&period=60&secret=" + secretA, groups: []string{"Work"}, note: "n"},
				{link: "otpauth://hotp/bob?counter=5&secret=" + secretB},
			},
		},
		{
			name: "Aegis version 3 with every kind", format: transfer.FormatAegis,
			file: `{"version":1,"header":{"slots":null,"params":null},"db":{"version":3,"icons_optimized":true,
				"groups":[{"uuid":"1","name":"Work"},{"uuid":"2","name":"Mail"}],"entries":[
				{"type":"steam","uuid":"u","name":"alice","issuer":"Steam","note":"","favorite":true,"icon":null,"info":{"secret":"` + secretA + `","algo":"SHA1","digits":5,"period":30},"groups":["2","1","gone"]},
				{"type":"yandex","uuid":"u","name":"ya","issuer":"Yandex","note":"","favorite":false,"icon":null,"info":{"secret":"` + secretY + `","algo":"SHA256","digits":8,"period":30,"pin":"7586"},"groups":[]},
				{"type":"motp","uuid":"u","name":"m","issuer":"M","note":"","favorite":false,"icon":null,"info":{"secret":"4MKSV7XGEWM4Q","algo":"MD5","digits":6,"period":10,"pin":"1234"},"groups":[]},
				{"type":"totp","uuid":"u","name":"five","issuer":"MD","note":"","favorite":false,"icon":null,"info":{"secret":"` + secretA + `","algo":"MD5","digits":6,"period":30},"groups":[]},
				{"type":"brandnew","uuid":"u","name":"x","issuer":"New","info":{"secret":"` + secretA + `","algo":"SHA1","digits":6,"period":30}},
				{"type":"totp","uuid":"u","name":"x","issuer":"Bad","info":{"secret":"1","algo":"SHA1","digits":6,"period":30}}]}}`,
			want: []entry{
				{link: "otpauth://steam/Steam:alice?secret=" + secretA, groups: []string{"Mail", "Work"}, pinned: true},
				{link: "otpauth://yaotp/Yandex:ya?pin=7586&secret=" + secretY},
				{link: "motp://M:m?pin=1234&secret=e3152afee62599c8"},
				{link: "otpauth://totp/MD:five?secret=" + secretA},
			},
			unsupported: map[string]string{"New (x)": "type:", "Bad (x)": "secret:"},
		},
		{
			name: "2FAS", format: transfer.Format2FAS,
			file: `{"services":[
				{"name":"ACME","secret":"` + secretA + `","groupId":"g1","otp":{"label":"alice","account":"alice","issuer":"ACME","digits":8,"period":60,"algorithm":"SHA512","tokenType":"TOTP"}},
				{"name":"Zero","secret":"` + secretA + `","otp":{"label":"","account":"z","issuer":null,"digits":0,"period":0,"algorithm":null,"tokenType":null}},
				{"name":"Old","secret":"` + secretA + `","otp":{"account":"o"}},
				{"name":"Label","secret":"` + secretA + `","otp":{"label":"Label:l","issuer":"Label"}},
				{"name":"Alone","secret":"` + secretA + `","otp":{"label":"Alone","account":""}},
				{"name":"Count","secret":"` + secretB + `","groupId":null,"otp":{"account":"c","issuer":"Count","counter":9,"digits":6,"algorithm":"SHA1","tokenType":"HOTP"}},
				{"name":"Steam","secret":"` + secretA + `","otp":{"account":"s","issuer":"Steam","digits":5,"period":30,"tokenType":"STEAM"}}],
				"groups":[{"id":"g1","name":"Work","isExpanded":true}],"schemaVersion":4}`,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?algorithm=SHA512&digits=8&period=60&secret=" + secretA, groups: []string{"Work"}},
				{link: "otpauth://totp/Zero:z?secret=" + secretA},
				{link: "otpauth://totp/Old:o?secret=" + secretA},
				{link: "otpauth://totp/Label:l?secret=" + secretA},
				{link: "otpauth://totp/Alone:?secret=" + secretA},
				{link: "otpauth://hotp/Count:c?counter=9&secret=" + secretB},
				{link: "otpauth://steam/Steam:s?secret=" + secretA},
			},
		},
		{
			name: "Ente lines", format: transfer.FormatEnte,
			file: "otpauth://totp/ACME:alice?secret=" + secretA + "&issuer=ACME&codeDisplay=%7B%22pinned%22%3Atrue%2C%22trashed%22%3Atrue%2C%22tags%22%3A%5B%22Work%22%2C%22Work%22%5D%2C%22note%22%3A%22a%20b%22%2C%22iconID%22%3A%22acme%22%7D\n" +
				"otpauth://steam/Steam:s?secret=" + secretA + "&codeDisplay=%7B%22tags%22%3A%5B%5D%7D\n" +
				"otpauth://totp/X:y?secret=" + secretA + "&codeDisplay=%7Boops\n",
			want: []entry{
				{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work"}, note: "a b", icon: "acme", pinned: true, trashed: true},
				{link: "otpauth://steam/Steam:s?secret=" + secretA},
				{link: "otpauth://totp/X:y?secret=" + secretA},
			},
		},
		{
			name: "Stratum", format: transfer.FormatStratum,
			file: `{"Authenticators":[
				{"Type":2,"Icon":"acme","Issuer":"ACME","Username":"alice","Secret":"` + secretA + `","Pin":null,"Algorithm":1,"Digits":9,"Period":60,"Counter":0,"Ranking":0},
				{"Type":1,"Icon":"@custom","Issuer":"Count","Username":null,"Secret":"` + secretB + `","Pin":null,"Algorithm":2,"Digits":6,"Period":30,"Counter":3},
				{"Type":3,"Issuer":"M","Username":"m","Secret":"e3152afee62599c8","Pin":"1234","Algorithm":0,"Digits":6,"Period":10,"Counter":0},
				{"Type":3,"Issuer":"M","Username":"old","Secret":"e3152afee62599c81234","Algorithm":0,"Digits":6,"Period":10,"Counter":0},
				{"Type":4,"Issuer":"Steam","Username":"s","Secret":"` + secretA + `","Pin":null,"Algorithm":0,"Digits":5,"Period":30,"Counter":0},
				{"Type":5,"Issuer":"Yandex","Username":"y","Secret":"` + secretY + `","Pin":"7586","Algorithm":1,"Digits":8,"Period":30,"Counter":0},
				{"Type":9,"Issuer":"New","Username":"n","Secret":"` + secretA + `","Algorithm":0,"Digits":6,"Period":30,"Counter":0},
				{"Type":2,"Issuer":"Hash","Username":"h","Secret":"` + secretA + `","Algorithm":7,"Digits":6,"Period":30,"Counter":0}],
				"Categories":[{"Id":"c1","Name":"Work","Ranking":0}],"AuthenticatorCategories":[{"CategoryId":"c1","AuthenticatorSecret":"` + secretB + `","Ranking":0}],"CustomIcons":[]}`,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?algorithm=SHA256&digits=9&period=60&secret=" + secretA, icon: "acme"},
				{link: "otpauth://hotp/Count:?algorithm=SHA512&counter=3&secret=" + secretB, groups: []string{"Work"}},
				{link: "motp://M:m?pin=1234&secret=e3152afee62599c8"},
				{link: "motp://M:old?pin=1234&secret=e3152afee62599c8"},
				{link: "otpauth://steam/Steam:s?secret=" + secretA},
				{link: "otpauth://yaotp/Yandex:y?pin=7586&secret=" + secretY},
			},
			unsupported: map[string]string{"New (n)": "type:", "Hash (h)": "algorithm:"},
		},
		{
			name: "andOTP", format: transfer.FormatAndOTP,
			file: `[{"secret":"` + secretA + `====","issuer":"ACME","label":"alice","digits":6,"type":"TOTP","algorithm":"SHA1","thumbnail":"Default","last_used":1,"period":30,"tags":["Work","Mail"]},
				{"secret":"` + secretB + `","label":"Count - bob","digits":6,"type":"HOTP","algorithm":"SHA256","thumbnail":"Bird","counter":4,"tags":[]},
				{"secret":"` + secretA + `","issuer":"Steam","label":"s","digits":5,"type":"STEAM","algorithm":"SHA1","tags":[]},
				{"secret":"` + secretA + `","issuer":"Neg","label":"n","digits":6,"type":"HOTP","algorithm":"SHA1","counter":-1,"tags":[]}]`,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work", "Mail"}},
				{link: "otpauth://hotp/Count:bob?algorithm=SHA256&counter=4&secret=" + secretB, icon: "Bird"},
				{link: "otpauth://steam/Steam:s?secret=" + secretA},
			},
			unsupported: map[string]string{"Neg (n)": "counter:"},
		},
		{
			name: "Bitwarden", format: transfer.FormatBitwarden, file: bitwardenPlain,
			want: bitwardenWant(),
			unsupported: map[string]string{
				"Odd (o)": "algorithm:",
			},
		},
		{
			name: "Bitwarden CSV", format: transfer.FormatBitwardenCSV,
			file: "\"folder\",favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,\"login_totp\"\r\n" +
				"Work,1,login,ACME,\"a \"\"note\"\",\nof two lines\",,0,,alice,pw,JBSW Y3DP EHPK 3PXP\n" +
				",,login,None,,,0,,bob,pw,\n" +
				",,note,A note,text,,0,,,,\n" +
				",,login,Item,,,0,,carol,pw,otpauth://totp/Big%20Co:dave?secret=" + secretB + "\n",
			want: []entry{
				{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work"}, note: "a \"note\",\nof two lines", pinned: true},
				{link: "otpauth://totp/Big%20Co:dave?secret=" + secretB},
			},
		},
		{
			name: "Proton", format: transfer.FormatProton, file: protonPlain,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?algorithm=SHA256&secret=" + secretA, note: "n"},
				{link: "otpauth://steam/Steam:gamer?secret=" + secretA},
			},
			unsupported: map[string]string{"broken": "secret:"},
		},
		{
			name: "FreeOTP+", format: transfer.FormatFreeOTPPlus,
			file: `{"tokenOrder":["Count:bob"],"tokens":[
				{"algo":"SHA1","counter":4,"digits":6,"issuerExt":"Count","issuerInt":"Count","label":"bob","period":30,"secret":[72,101,108,108,111,33,-34,-83,-66,-17],"type":"HOTP"},
				{"algo":"SHA1","counter":-1,"digits":6,"issuerExt":"New","issuerInt":"New","label":"n","period":30,"secret":[72,101,108,108,111,33,-34,-83,-66,-17],"type":"HOTP"},
				{"algo":"SHA256","counter":0,"digits":8,"issuerExt":"","issuerInt":"ACME","label":"alice","labelAlt":"Alice","period":60,"secret":[72,101,108,108,111,33,222,173,190,239],"type":"TOTP","category":"Work","iconKey":"acme"},
				{"algo":"SHA1","counter":0,"digits":5,"issuerExt":"Steam","label":"s","period":30,"secret":[72,101,108,108,111,33,-34,-83,-66,-17],"type":"TOTP","category":null},
				{"algo":"MD5","counter":0,"digits":6,"issuerExt":"Old","label":"o","period":30,"secret":[1],"type":"TOTP"},
				{"algo":"SHA1","counter":0,"digits":6,"issuerExt":"Wide","label":"w","period":30,"secret":[256],"type":"TOTP"}]}`,
			want: []entry{
				{link: "otpauth://hotp/Count:bob?counter=5&secret=" + secretA},
				{link: "otpauth://hotp/New:n?counter=0&secret=" + secretA},
				{link: "otpauth://totp/ACME:Alice?algorithm=SHA256&digits=8&period=60&secret=" + secretA, groups: []string{"Work"}, icon: "acme"},
				{link: "otpauth://steam/Steam:s?secret=" + secretA},
			},
			unsupported: map[string]string{"Old (o)": "algorithm:", "Wide (w)": "secret:"},
		},
		{
			name: "LastPass", format: transfer.FormatLastPass,
			file: `{"deviceId":"d","version":3,"accounts":[
				{"accountID":"1","issuerName":"ACME","originalIssuerName":"old","userName":"alice","originalUserName":"old","pushNotification":false,"secret":"` + secretA + `","timeStep":60,"digits":8,"creationTimestamp":1,"isFavorite":true,"algorithm":"SHA256","folderData":{"folderId":2,"position":0}},
				{"accountID":"2","issuerName":"","originalIssuerName":"Big","userName":"","originalUserName":"bob","secret":"` + secretB + `","timeStep":30,"digits":6,"isFavorite":false,"algorithm":"SHA1","folderData":null}],
				"folders":[{"id":1,"name":"Favorites","isOpened":true},{"id":2,"name":"Work","isOpened":true}]}`,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?algorithm=SHA256&digits=8&period=60&secret=" + secretA, groups: []string{"Work"}, pinned: true},
				{link: "otpauth://totp/Big:bob?secret=" + secretB},
			},
		},
		{
			name: "Duo", format: transfer.FormatDuo,
			file: `[{"name":"push only","accountType":"Duo"},{"name":"ACME","otpGenerator":{"otpSecret":"` + secretA + `"}},{"name":"Count","otpGenerator":{"otpSecret":"` + secretB + `","counter":2}}]`,
			want: []entry{
				{link: "otpauth://totp/ACME?secret=" + secretA},
				{link: "otpauth://hotp/Count?counter=2&secret=" + secretB},
			},
			unsupported: map[string]string{"push only": "otpGenerator:"},
		},
		{
			name: "Steam", format: transfer.FormatSteam,
			file: `{"shared_secret":"SGVsbG8h3q2+7w==","account_name":"gamer","steamguard_scheme":"2"}`,
			want: []entry{{link: "otpauth://steam/Steam:gamer?secret=" + secretA}},
		},
		{
			name: "Steam with several accounts", format: transfer.FormatSteam,
			file: `{"accounts":{"76561198000000002":{"shared_secret":"SGVsbG8h3q2+7w==","account_name":"second"},"76561198000000001":{"shared_secret":"SGVsbG8h3q2+7w==","account_name":"first","server_time":"1"}},"version":1}`,
			want: []entry{{link: "otpauth://steam/Steam:first?secret=" + secretA}, {link: "otpauth://steam/Steam:second?secret=" + secretA}},
		},
		{
			name: "Raivo", format: transfer.FormatRaivo,
			file: `[{"issuer":"ACME","account":"alice","secret":"` + secretA + `","kind":"TOTP","algorithm":"SHA256","digits":"8","timer":"60","counter":"0","pinned":"true","iconType":"raivo","iconValue":"acme"},
				{"issuer":"Count","account":"bob","secret":"` + secretB + `","kind":"HOTP","algorithm":"SHA1","digits":"6","timer":"0","counter":"7","pinned":"false","iconValue":""},
				{"issuer":"Odd","account":"o","secret":"` + secretB + `","kind":"TOTP","algorithm":"SHA1","digits":"six","timer":"30","counter":"0","pinned":"false"}]`,
			want: []entry{
				{link: "otpauth://totp/ACME:alice?algorithm=SHA256&digits=8&period=60&secret=" + secretA, icon: "acme", pinned: true},
				{link: "otpauth://hotp/Count:bob?counter=7&secret=" + secretB},
			},
			unsupported: map[string]string{"Odd (o)": "digits:"},
		},
		{
			name: "links with a stray line and a byte order mark", format: transfer.FormatURIs,
			file: "\ufeff\r\notpauth://totp/ACME:alice?secret=" + secretA + "\r\n\r\nmotp://M:m?secret=e3152afee62599c8\r\nsteam://" + secretA + "\r\nnot a link " + secretB + "\r\n",
			want: []entry{
				{link: "otpauth://totp/ACME:alice?secret=" + secretA},
				{link: "motp://M:m?secret=e3152afee62599c8"},
				{link: "steam://" + secretA},
			},
			unsupported: map[string]string{"line 6": "link:"},
		},
		{
			name: "our own", format: transfer.FormatOwn,
			file: `{"format":"countersign-accounts","version":1,"created":"2026-01-02T03:04:05Z","entries":[{"uri":"otpauth://totp/ACME:alice?secret=` + secretA + `","groups":["Work"],"note":"n","pinned":true}]}`,
			want: []entry{{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work"}, note: "n", pinned: true}},
		},
		{
			name: "links with comments, of a Mac of old", format: transfer.FormatURIs,
			file: "# work\rotpauth://totp/ACME:alice?secret=" + secretA + "\r// home\r\rotpauth://totp/B:b?secret=" + secretB + "&digits=4\r",
			want: []entry{{link: "otpauth://totp/ACME:alice?secret=" + secretA}},

			unsupported: map[string]string{"line 5": "digits:"},
		},
		{
			name: "links in 16 bits, little end first", format: transfer.FormatURIs,
			file: inUTF16(binary.LittleEndian, "\ufeffotpauth://totp/ไทย:a?secret="+secretA+"\r\n"),
			want: []entry{{link: "otpauth://totp/ไทย:a?secret=" + secretA}},
		},
		{
			name: "links in 16 bits, big end first", format: transfer.FormatURIs,
			file: inUTF16(binary.BigEndian, "\ufeffotpauth://totp/😀:a?secret="+secretA+"\r\n"),
			want: []entry{{link: "otpauth://totp/😀:a?secret=" + secretA}},
		},
		{
			name: "andOTP before there were kinds", format: transfer.FormatAndOTP,
			file: `[{"secret":"` + secretA + `","label":"ACME - alice","period":30}]`,
			want: []entry{{link: "otpauth://totp/ACME:alice?secret=" + secretA}},
		},
		{
			name: "Bitwarden CSV with short lines", format: transfer.FormatBitwardenCSV,
			file: "\ufefffolder,name,login_totp,notes\n,ACME," + secretA + "\n,Short\n,Long," + secretB + ",n,,\n",
			want: []entry{{link: "otpauth://totp/ACME:?secret=" + secretA}, {link: "otpauth://totp/Long:?secret=" + secretB, note: "n"}},
		},
	}
}

const bitwardenPlain = `{"encrypted":false,"folders":[{"id":"f1","name":"Work"}],"items":[
	{"id":"1","folderId":"f1","type":1,"name":"ACME","notes":"n","favorite":true,"login":{"uris":null,"username":"alice","password":"pw","totp":"jbsw y3dp ehpk 3pxp"}},
	{"id":"2","folderId":null,"type":1,"name":"Item","notes":null,"favorite":false,"login":{"username":"carol","totp":"otpauth://totp/Big%20Co:dave?secret=` + secretB + `&issuer=Big%20Co"}},
	{"id":"3","type":1,"name":"Play","favorite":false,"deletedDate":"2024-01-01T00:00:00Z","login":{"username":null,"totp":"steam://` + secretA + `"}},
	{"id":"4","type":1,"name":"Bare","favorite":false,"login":{"username":"eve","totp":"otpauth://totp/?secret=` + secretB + `"}},
	{"id":"5","type":1,"name":"No code","favorite":false,"login":{"username":"x","totp":null}},
	{"id":"6","type":2,"name":"A note","favorite":false,"secureNote":{"type":0}},
	{"id":"7","type":1,"name":"Odd","favorite":false,"login":{"username":"o","totp":"otpauth://totp/x?algorithm=SHA9&secret=` + secretB + `"}}]}`

func bitwardenWant() []entry {
	return []entry{
		{link: "otpauth://totp/ACME:alice?secret=" + secretA, groups: []string{"Work"}, note: "n", pinned: true},
		{link: "otpauth://totp/Big%20Co:dave?secret=" + secretB},
		{link: "otpauth://steam/Play:?secret=" + secretA, trashed: true},
		{link: "otpauth://totp/Bare:eve?secret=" + secretB},
	}
}

const protonPlain = `{"version":1,"entries":[
	{"id":"1","content":{"uri":"otpauth://totp/ACME:old?secret=` + secretA + `&issuer=ACME&algorithm=SHA256","entry_type":"Totp","name":"alice"},"note":"n"},
	{"id":"2","content":{"uri":"steam://` + secretA + `","entry_type":"Steam","name":"gamer"},"note":null},
	{"id":"3","content":{"uri":"otpauth://totp/x","entry_type":"Totp","name":"broken"},"note":null}]}`

func TestPlainFormats(t *testing.T) {
	for _, f := range plainFiles() {
		t.Run(f.name, func(t *testing.T) {
			result, err := read(t, []byte(f.file), "", transfer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if result.Format != f.format {
				t.Errorf("format %s, want %s", result.Format, f.format)
			}
			if want := entries(t, f.want); !same(result.Entries, want) {
				t.Errorf("got %s\nwant %s", show(result.Entries), show(want))
			}
			if len(result.Unsupported) != len(f.unsupported) {
				t.Errorf("unsupported: %v, want %v", result.Unsupported, f.unsupported)
			}
			for _, u := range result.Unsupported {
				if part, ok := f.unsupported[u.Name]; !ok || !strings.Contains(u.Reason, part) {
					t.Errorf("unsupported %q: %q, want %q", u.Name, u.Reason, part)
				}
			}
		})
	}
}

// TestTruncatedPlainFilesGiveNothing cuts each JSON file at many places: all
// or nothing.
func TestTruncatedPlainFilesGiveNothing(t *testing.T) {
	for _, f := range plainFiles() {
		if f.file[0] != '{' && f.file[0] != '[' {
			continue // a list of lines is whole at every line
		}
		t.Run(f.name, func(t *testing.T) {
			for cut := 1; cut < len(f.file); cut += 7 {
				if _, err := read(t, []byte(f.file[:cut]), "", transfer.Options{}); !errors.Is(err, transfer.ErrDamaged) {
					t.Fatalf("cut after %d bytes: %v, want ErrDamaged", cut, err)
				}
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, file, filename string
		want                 error
	}{
		{"an empty file", "", "", transfer.ErrUnknownFormat},
		{"spaces", " \n\t", "", transfer.ErrUnknownFormat},
		{"prose", "Dear diary,\nnothing happened.", "", transfer.ErrUnknownFormat},
		{"a zip archive", "PK\x03\x04\x14\x00\xff\xfe and more of it, so that it is long enough", "raivo.zip", transfer.ErrUnknownFormat},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\xff and more of it, so that it is long enough", "qr.png", transfer.ErrUnknownFormat},
		{"JSON of another kind", `{"hello":"world"}`, "", transfer.ErrUnknownFormat},
		{"a JSON list of another kind", `[1,2,3]`, "", transfer.ErrUnknownFormat},
		{"an empty list", `[]`, "", transfer.ErrEmpty},
		{"a vault without accounts", `{"version":1,"header":{},"db":{"version":3,"entries":[]}}`, "", transfer.ErrEmpty},
		{"JSON with a member twice", `{"tokens":[],"tokens":[]}`, "", transfer.ErrDamaged},
		{"JSON with the wrong types", `{"tokens":[{"digits":"six"}]}`, "", transfer.ErrDamaged},
		{"a 2FAS schema of the future", `{"services":[{}],"schemaVersion":9}`, "", transfer.ErrUnknownFormat},
		{"a Proton export of the future", `{"version":2,"entries":[]}`, "", transfer.ErrUnknownFormat},
		{"our own of the future", `{"format":"countersign-accounts","version":2,"created":"2026-01-02T03:04:05Z","entries":[]}`, "", transfer.ErrUnknownFormat},
		{"our own with a member more", `{"format":"countersign-accounts","version":1,"created":"2026-01-02T03:04:05Z","entries":[],"x":1}`, "", transfer.ErrDamaged},
		{"our own with a bad key", `{"format":"countersign-accounts","version":1,"created":"2026-01-02T03:04:05Z","entries":[{"uri":"otpauth://totp/x"}]}`, "", transfer.ErrDamaged},
		{"Bitwarden bound to its account", `{"encrypted":true,"encKeyValidation_DO_NOT_EDIT":"2.a|b|c","items":[]}`, "", transfer.ErrRestricted},
		{"an Aegis vault that only a fingerprint opens", `{"version":1,"header":{"slots":[{"type":2}],"params":{"nonce":"","tag":""}},"db":"AAAA"}`, "", transfer.ErrRestricted},
		{"a broken table", "folder,login_totp\n\"open,x\n", "", transfer.ErrDamaged},
		{"a file beyond the limit", "otpauth://totp/" + strings.Repeat("a", transfer.MaxFileBytes), "", transfer.ErrTooLarge},
		{"more accounts than the limit", strings.Repeat("otpauth://totp/a?secret="+secretA+"\n", transfer.MaxEntries+1), "", transfer.ErrTooLarge},
		{"more bad lines than the limit", "otpauth://totp/a?secret=" + secretA + strings.Repeat("\nx", transfer.MaxEntries), "", transfer.ErrTooLarge},
		{"a note beyond the limit", `{"version":1,"header":{},"db":{"version":3,"entries":[{"type":"totp","note":"` + strings.Repeat("n", transfer.MaxNoteBytes+1) + `","info":{"secret":"` + secretA + `","algo":"SHA1","digits":6,"period":30}}]}}`, "", transfer.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			result, err := read(t, []byte(c.file), c.filename, password("x"))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, %v; want %v", result, err, c.want)
			}
		})
	}
}

// A member of another type is named by its place, and its value is not said.
func TestAWrongTypeIsNamedByItsPlace(t *testing.T) {
	aegis := func(info string) string {
		return `{"version":1,"header":{},"db":{"version":3,"entries":[{"type":"hotp","name":"n","issuer":"i","info":` + info + `}]}}`
	}
	for file, place := range map[string]string{
		aegis(`{"secret":"` + secretA + `","algo":"SHA1","digits":"six"}`):                            "/db/entries/0/info/digits",
		aegis(`{"secret":"` + secretA + `","algo":"SHA1","digits":6.5}`):                              "/db/entries/0/info/digits",
		aegis(`{"secret":"` + secretA + `","algo":"SHA1","digits":6,"counter":18446744073709551616}`): "/db/entries/0/info/counter",
		aegis(`{"secret":["` + secretA + `"],"algo":"SHA1","digits":6}`):                              "/db/entries/0/info/secret",
		`{"tokens":[{"secret":[1,"` + secretA + `"]}]}`:                                               "/tokens/0/secret/1",
		`{"schemaVersion":4,"services":[{"name":"x","secret":7}]}`:                                    "/services/0/secret",
	} {
		_, err := read(t, []byte(file), "", transfer.Options{})
		if !errors.Is(err, transfer.ErrDamaged) || !strings.Contains(err.Error(), place+" ") || strings.Contains(err.Error(), secretA[:8]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestErrorsNeverQuoteSecrets(t *testing.T) {
	for _, file := range []string{
		`{"tokens":[{"secret":"` + secretA + `"}]}`,
		`{"shared_secret":"` + secretA + `!"}`,
		"otpauth://totp/a?secret=" + secretA + "!\n" + secretA,
	} {
		result, err := read(t, []byte(file), "", transfer.Options{})
		if shown := fmt.Sprint(result, err); strings.Contains(shown, secretA[:8]) {
			t.Errorf("the secret shows in %s", shown)
		}
	}
}
