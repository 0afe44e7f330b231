package codes_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/app/transfer"
	"countersign/crypto/otp"
	"countersign/lab/codes"
)

const secret = "JBSWY3DPEHPK3PXP"

func TestImportURIPrintsTheShapeOfTheContract(t *testing.T) {
	for _, c := range []struct{ name, uri, want string }{
		{"totp", "otpauth://totp/ACME:alice?secret=" + secret + "&issuer=ACME", `[
  {
    "type": "totp",
    "issuer": "ACME",
    "account": "alice",
    "secret": "JBSWY3DPEHPK3PXP",
    "algorithm": "SHA1",
    "digits": 6,
    "period": 30
  }
]
`},
		{"hotp at counter 0", "otpauth://hotp/alice?secret=" + secret + "&algorithm=sha512&digits=8&counter=0", `[
  {
    "type": "hotp",
    "issuer": "",
    "account": "alice",
    "secret": "JBSWY3DPEHPK3PXP",
    "algorithm": "SHA512",
    "digits": 8,
    "counter": 0
  }
]
`},
		{"motp in hexadecimal", "motp://ACME:alice?secret=E3152AFEE62599C8", `[
  {
    "type": "motp",
    "issuer": "ACME",
    "account": "alice",
    "secret": "e3152afee62599c8",
    "algorithm": "MD5",
    "digits": 6,
    "period": 10
  }
]
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, notes bytes.Buffer
			if err := codes.ImportURI(t.Context(), &out, &notes, c.uri); err != nil || out.String() != c.want || notes.Len() != 0 {
				t.Errorf("%v, notes %q, printed %s", err, &notes, &out)
			}
		})
	}
}

func TestImportURITakesAGoogleExport(t *testing.T) {
	key, err := otp.ParseURI("otpauth://totp/ACME:alice?secret=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	links, _, err := transfer.MigrationURIs([]transfer.Entry{{Key: key}})
	if err != nil || len(links) != 1 {
		t.Fatal(links, err)
	}
	var out, notes bytes.Buffer
	if err := codes.ImportURI(t.Context(), &out, &notes, links[0]); err != nil || !strings.Contains(out.String(), `"account": "alice"`) {
		t.Errorf("%v, printed %s", err, &out)
	}
}

func TestRefusalsAreOneLineThatNamesTheField(t *testing.T) {
	for _, c := range []struct{ uri, field string }{
		{"otpauth://totp/alice", "secret: "},
		{"otpauth://totp/alice?secret=" + secret + "&digits=100", "digits: "},
		{"otpauth://totp/alice?secret=" + secret + "&algorithm=CRC32", "algorithm: "},
		{"otpauth://totp/alice?secret=" + secret + "&period=0", "period: "},
		{"otpauth-migration://offline?data=!", "base64"},
		{"https://example.com", "link: "},
	} {
		var out, notes bytes.Buffer
		err := codes.ImportURI(t.Context(), &out, &notes, c.uri)
		if err == nil || !strings.Contains(err.Error(), c.field) || strings.Contains(err.Error(), "\n") || out.Len() != 0 {
			t.Errorf("%s: %v, printed %q", c.uri, err, &out)
		}
	}
}

func TestImportFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.txt")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, notes bytes.Buffer
	write("otpauth://totp/ACME:alice?secret=" + secret + "\notpauth://totp/bob?secret=1\n")
	if err := codes.ImportFile(t.Context(), &out, &notes, path, ""); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), `"type"`) != 1 || !strings.HasPrefix(notes.String(), "left out: line 2: secret: ") {
		t.Errorf("printed %s, notes %q", &out, &notes)
	}

	out.Reset()
	write("otpauth://totp/bob?secret=1\n")
	if err := codes.ImportFile(t.Context(), &out, &notes, path, ""); err == nil || !strings.Contains(err.Error(), "secret: ") || out.Len() != 0 {
		t.Errorf("nothing usable: %v, printed %q", err, &out)
	}
	if err := codes.ImportFile(t.Context(), &out, &notes, path+".gone", ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestImportFileAsksForThePassword(t *testing.T) {
	key, err := otp.ParseURI("otpauth://totp/ACME:alice?secret=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	data, err := transfer.MarshalAegisEncrypted([]transfer.Entry{{Key: key}}, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "aegis.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		password string
		want     error
	}{{"", transfer.ErrPasswordNeeded}, {"wrong", transfer.ErrWrongPassword}, {"correct horse", nil}} {
		var out, notes bytes.Buffer
		err := codes.ImportFile(t.Context(), &out, &notes, path, c.password)
		if !errors.Is(err, c.want) || (c.want == nil) != strings.Contains(out.String(), secret) {
			t.Errorf("password %q: %v, printed %q", c.password, err, &out)
		}
	}
}

func TestCode(t *testing.T) {
	const rfc = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for _, c := range []struct {
		name, uri string
		at        int64
		want      string
	}{
		{"RFC 6238", "otpauth://totp/a?digits=8&secret=" + rfc, 59, "94287082\n"},
		{"RFC 4226", "otpauth://hotp/a?counter=9&secret=" + rfc, 59, "520489\n"},
		{"mobile-otp", "motp://a?secret=e3152afee62599c8&pin=1234", 123456789, "4ebfb2\n"},
		{"steam", "steam://63BEDWCQZKTQWPESARIERL5DTTQFCJTK", 1511200518, "FR8RV\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := codes.Code(&out, c.uri, time.Unix(c.at, 0)); err != nil || out.String() != c.want {
				t.Errorf("%v, printed %q, want %q", err, &out, c.want)
			}
		})
	}
	var out bytes.Buffer
	for _, uri := range []string{"otpauth://totp/a", "motp://a?secret=e3152afee62599c8"} {
		var refused *otp.FieldError
		if err := codes.Code(&out, uri, time.Unix(1, 0)); !errors.As(err, &refused) || out.Len() != 0 {
			t.Errorf("%s: %v, printed %q", uri, err, &out)
		}
	}
}
