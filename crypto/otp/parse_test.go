package otp_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign/crypto/otp"
)

const b32 = "JBSWY3DPEHPK3PXP"

// want builds the key that a table line expects.
func want(kind otp.Type, issuer, name string, change ...func(*otp.Key)) otp.Key {
	k := otp.Defaults(kind)
	k.Issuer, k.Name, k.Secret = issuer, name, "Hello!\xde\xad\xbe\xef"
	for _, f := range change {
		f(&k)
	}
	return k
}

func TestParseURITakes(t *testing.T) {
	for _, c := range []struct {
		name, link string
		want       otp.Key
	}{
		{"the plain form", "otpauth://totp/ACME:alice?secret=" + b32 + "&issuer=ACME", want(otp.TOTP, "ACME", "alice")},
		{"every parameter", "otpauth://totp/ACME:alice?secret=" + b32 + "&issuer=ACME&algorithm=SHA512&digits=8&period=60", want(otp.TOTP, "ACME", "alice", func(k *otp.Key) { k.Algorithm, k.Digits, k.Period = otp.SHA512, 8, 60 })},
		{"hotp with its counter", "otpauth://hotp/ACME:alice?secret=" + b32 + "&counter=7", want(otp.HOTP, "ACME", "alice", func(k *otp.Key) { k.Counter = 7 })},
		{"hotp with a period that means nothing", "otpauth://hotp/alice?secret=" + b32 + "&counter=7&period=30", want(otp.HOTP, "", "alice", func(k *otp.Key) { k.Counter = 7 })},
		{"hotp from its beginning", "otpauth://hotp/alice?secret=" + b32, want(otp.HOTP, "", "alice")},
		{"an escaped colon", "otpauth://totp/ACME%3Aalice?secret=" + b32, want(otp.TOTP, "ACME", "alice")},
		{"an escaped colon and space", "otpauth://totp/ACME%3A%20alice?secret=" + b32, want(otp.TOTP, "ACME", "alice")},
		{"an empty prefix", "otpauth://totp/:alice?secret=" + b32, want(otp.TOTP, "", "alice")},
		{"an empty prefix and an issuer", "otpauth://totp/:alice?secret=" + b32 + "&issuer=ACME", want(otp.TOTP, "ACME", "alice")},
		{"no label", "otpauth://totp?secret=" + b32, want(otp.TOTP, "", "")},
		{"an empty label", "otpauth://totp/?secret=" + b32, want(otp.TOTP, "", "")},
		{"a lower-case algorithm", "otpauth://totp/alice?secret=" + b32 + "&algorithm=sha256", want(otp.TOTP, "", "alice", func(k *otp.Key) { k.Algorithm = otp.SHA256 })},
		{"an algorithm with a dash", "otpauth://totp/alice?secret=" + b32 + "&algorithm=HMAC-SHA-256", want(otp.TOTP, "", "alice", func(k *otp.Key) { k.Algorithm = otp.SHA256 })},
		{"an algorithm left empty", "otpauth://totp/alice?secret=" + b32 + "&algorithm=", want(otp.TOTP, "", "alice")},
		{"a lower-case secret", "otpauth://totp/alice?secret=" + strings.ToLower(b32), want(otp.TOTP, "", "alice")},
		{"padding", "otpauth://totp/alice?secret=" + b32 + "====&digits=7", want(otp.TOTP, "", "alice", func(k *otp.Key) { k.Digits = 7 })},
		{"escaped padding", "otpauth://totp/alice?secret=" + b32 + "%3D%3D", want(otp.TOTP, "", "alice")},
		{"spaces and dashes in the secret", "otpauth://totp/alice?secret=JBSW Y3DP-EHPK%203P+XP", want(otp.TOTP, "", "alice")},
		{"an unescaped # in the label", "otpauth://totp/Team #1:alice?secret=" + b32, want(otp.TOTP, "Team #1", "alice")},
		{"an unescaped # in the issuer", "otpauth://totp/alice?issuer=C#&secret=" + b32, want(otp.TOTP, "C#", "alice")},
		{"an unescaped space", "otpauth://totp/Big Co:alice b?secret=" + b32 + "&issuer=Big Co", want(otp.TOTP, "Big Co", "alice b")},
		{"plus as a space in the query", "otpauth://totp/alice?secret=" + b32 + "&issuer=Big+Co", want(otp.TOTP, "Big Co", "alice")},
		{"plus as a plus in the label", "otpauth://totp/alice+home@example.com?secret=" + b32, want(otp.TOTP, "", "alice+home@example.com")},
		{"a per cent sign that is no escape", "otpauth://totp/50%25 or 100%:al%69ce?secret=" + b32, want(otp.TOTP, "50% or 100%", "alice")},
		{"encoder=steam", "otpauth://totp/Steam:alice?secret=" + b32 + "&encoder=steam", want(otp.Steam, "Steam", "alice")},
		{"the type steam", "otpauth://steam/Steam:alice?secret=" + b32 + "&digits=5", want(otp.Steam, "Steam", "alice")},
		{"steam with the digits of TOTP", "otpauth://totp/Steam:alice?secret=" + b32 + "&encoder=steam&digits=6", want(otp.Steam, "Steam", "alice")},
		{"steam://SECRET", "steam://" + b32, want(otp.Steam, "Steam", "")},
		{"the issuer parameter before the prefix", "otpauth://totp/Old:alice?secret=" + b32 + "&issuer=New", want(otp.TOTP, "New", "alice")},
		{"the prefix where the parameter is empty", "otpauth://totp/ACME:alice?secret=" + b32 + "&issuer=", want(otp.TOTP, "ACME", "alice")},
		{"an issuer with a colon", "otpauth://totp/A: B:alice?secret=" + b32 + "&issuer=A%3A%20B", want(otp.TOTP, "A: B", "alice")},
		{"an escaped colon before a plain one", "otpauth://totp/A%3AB:alice?secret=" + b32, want(otp.TOTP, "A:B", "alice")},
		{"any case of scheme, type and parameter", "OTPAUTH://TOTP/alice?Secret=" + b32 + "&DIGITS=7", want(otp.TOTP, "", "alice", func(k *otp.Key) { k.Digits = 7 })},
		{"spaces around the link", " \n otpauth://totp/alice?secret=" + b32 + "\r\n", want(otp.TOTP, "", "alice")},
		{"the same parameter twice alike", "otpauth://totp/alice?secret=" + b32 + "&secret=" + b32, want(otp.TOTP, "", "alice")},
		{"parameters of other apps", "otpauth://totp/alice?secret=" + b32 + "&image=https%3A%2F%2Fexample.com%2Fa.png&lock=true", want(otp.TOTP, "", "alice")},
		{"a name that is not UTF-8", "otpauth://totp/Caf%E9:alice?secret=" + b32, want(otp.TOTP, "Caf\ufffd", "alice")},
		{"a line break in a name", "otpauth://totp/al%0Aice?secret=" + b32, want(otp.TOTP, "", "al ice")},
		{"five digits", "otpauth://totp/alice?digits=5&secret=" + b32, want(otp.TOTP, "", "alice", func(k *otp.Key) { k.Digits = 5 })},
		{"ten digits", "otpauth://totp/alice?digits=10&secret=" + b32, want(otp.TOTP, "", "alice", func(k *otp.Key) { k.Digits = 10 })},
		{"motp", "motp://ACME:alice?secret=48656C6C6F21deadbeef", want(otp.MOTP, "ACME", "alice")},
		{"motp with a PIN and another slash", "motp:///ACME:alice?secret=48656c6c6f21deadbeef&pin=1234", want(otp.MOTP, "ACME", "alice", func(k *otp.Key) { k.PIN = "1234" })},
		{"yaotp", "otpauth://yaotp/user@yandex.ru?secret=LA2V6KMCGYMWWVEW64RNP3JA3I&name=user", want(otp.Yandex, "", "user@yandex.ru", func(k *otp.Key) { k.Secret = "X5_)\x826\x19kT\x96\xf7\"\xd7\xed \xda" })},
		{"yaotp with a PIN as typed", "otpauth://yaotp/user?secret=LA2V6KMCGYMWWVEW64RNP3JA3I&pin=7586", want(otp.Yandex, "", "user", func(k *otp.Key) { k.Secret = "X5_)\x826\x19kT\x96\xf7\"\xd7\xed \xda"; k.PIN = "7586" })},
		{"yaotp with a PIN in base32", "otpauth://yaotp/user?secret=LA2V6KMCGYMWWVEW64RNP3JA3I&pin=G42TQNQ", want(otp.Yandex, "", "user", func(k *otp.Key) { k.Secret = "X5_)\x826\x19kT\x96\xf7\"\xd7\xed \xda"; k.PIN = "7586" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := otp.ParseURI(c.link)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got  %s secret %s pin %q\nwant %s secret %s pin %q", got.URI(), got.Secret.Hex(), string(got.PIN), c.want.URI(), c.want.Secret.Hex(), string(c.want.PIN))
			}
		})
	}
}

func TestParseURIRefusesAndNamesTheField(t *testing.T) {
	for _, c := range []struct{ name, link, field string }{
		{"nothing", "", "link"},
		{"a web address", "https://example.com/?secret=" + b32, "link"},
		{"an enrolment link", "countersign://enrol?v=1", "link"},
		{"an export of several accounts", "otpauth-migration://offline?data=AAAA", "link"},
		{"a link without end", "otpauth://totp/a?secret=" + b32 + "&x=" + strings.Repeat("a", otp.MaxURIBytes), "link"},
		{"no type", "otpauth:///alice?secret=" + b32, "type"},
		{"an unknown type", "otpauth://uotp/alice?secret=" + b32, "type"},
		{"no secret", "otpauth://totp/alice?issuer=ACME", "secret"},
		{"an empty secret", "otpauth://totp/alice?secret=", "secret"},
		{"a secret of padding", "otpauth://totp/alice?secret=====", "secret"},
		{"a secret that is not base32", "otpauth://totp/alice?secret=JBSWY3DPEHPK3PX1", "secret"},
		{"a secret of impossible length", "otpauth://totp/alice?secret=JBS", "secret"},
		{"a secret with padding inside", "otpauth://totp/alice?secret=JBSWY3DP====EHPK", "secret"},
		{"a secret too long", "otpauth://totp/alice?secret=" + strings.Repeat("A", 8*otp.MaxSecretBytes), "secret"},
		{"two secrets", "otpauth://totp/alice?secret=" + b32 + "&secret=AAAAAAAA", "secret"},
		{"an unknown algorithm", "otpauth://totp/alice?secret=" + b32 + "&algorithm=SHA3", "algorithm"},
		{"MD5, whose MAC is too short", "otpauth://totp/alice?secret=" + b32 + "&algorithm=MD5", "algorithm"},
		{"steam with a hundred digits", "otpauth://steam/alice?secret=" + b32 + "&digits=100", "digits"},
		{"four digits", "otpauth://totp/alice?secret=" + b32 + "&digits=4", "digits"},
		{"eleven digits", "otpauth://totp/alice?secret=" + b32 + "&digits=11", "digits"},
		{"a hundred digits", "otpauth://totp/alice?secret=" + b32 + "&digits=100", "digits"},
		{"digits beyond a machine word", "otpauth://totp/alice?secret=" + b32 + "&digits=99999999999999999999", "digits"},
		{"digits in words", "otpauth://totp/alice?secret=" + b32 + "&digits=six", "digits"},
		{"negative digits", "otpauth://totp/alice?secret=" + b32 + "&digits=-6", "digits"},
		{"period 0", "otpauth://totp/alice?secret=" + b32 + "&period=0", "period"},
		{"a negative period", "otpauth://totp/alice?secret=" + b32 + "&period=-30", "period"},
		{"a period in words", "otpauth://totp/alice?secret=" + b32 + "&period=30s", "period"},
		{"a period beyond bounds", "otpauth://totp/alice?secret=" + b32 + "&period=4294967296", "period"},
		{"a counter in words", "otpauth://hotp/alice?secret=" + b32 + "&counter=x", "counter"},
		{"a negative counter", "otpauth://hotp/alice?secret=" + b32 + "&counter=-1", "counter"},
		{"a counter beyond bounds", "otpauth://hotp/alice?secret=" + b32 + "&counter=9223372036854775808", "counter"},
		{"an unknown encoder", "otpauth://totp/alice?secret=" + b32 + "&encoder=baudot", "encoder"},
		{"steam that counts", "otpauth://hotp/alice?secret=" + b32 + "&encoder=steam", "encoder"},
		{"steam without a secret", "steam://", "secret"},
		{"motp without a secret", "motp://ACME:alice", "secret"},
		{"motp with a base32 secret", "motp://ACME:alice?secret=" + b32, "secret"},
		{"yaotp with another hash", "otpauth://yaotp/a?secret=LA2V6KMCGYMWWVEW64RNP3JA3I&algorithm=SHA1", "algorithm"},
		{"a PIN that no keyboard writes", "motp://a?secret=e3152afee62599c8&pin=%00", "pin"},
		{"a name without end", "otpauth://totp/" + strings.Repeat("a", otp.MaxTextBytes+1) + "?secret=" + b32, "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := otp.ParseURI(c.link)
			var refused *otp.FieldError
			if !errors.As(err, &refused) || got != (otp.Key{}) {
				t.Fatalf("ParseURI = %v, %v; want a FieldError", got, err)
			}
			if refused.Field != c.field {
				t.Errorf("refused for %s, want %s", err, c.field)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 200 {
				t.Errorf("the error is not one short line: %q", err)
			}
		})
	}
}

func TestRefusedSecretsAreNotQuoted(t *testing.T) {
	for _, link := range []string{"otpauth://totp/a?secret=HUNTER218", "motp://a?secret=HUNTER218", "steam://HUNTER218"} {
		if _, err := otp.ParseURI(link); err == nil || strings.Contains(err.Error(), "HUNTER") {
			t.Errorf("%s: error %v", link, err)
		}
	}
}

func TestURIIsCanonical(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"otpauth://totp/Big Co:alice+x@example.com?secret=jbswy3dpehpk3pxp", "otpauth://totp/Big%20Co:alice%2Bx%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Big%20Co&algorithm=SHA1&digits=6&period=30"},
		{"otpauth://hotp/a?secret=" + b32 + "&counter=9", "otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP&algorithm=SHA1&digits=6&counter=9"},
		{"steam://" + b32, "otpauth://steam/Steam:?secret=JBSWY3DPEHPK3PXP&issuer=Steam&algorithm=SHA1&digits=5&period=30"},
		{"motp://A:b?secret=E3152AFEE62599C8&pin=1234", "motp://A:b?secret=e3152afee62599c8&issuer=A&algorithm=MD5&digits=6&period=10&pin=1234"},
		{"otpauth://yaotp/u?secret=LA2V6KMCGYMWWVEW64RNP3JA3I&pin=7586", "otpauth://yaotp/u?secret=LA2V6KMCGYMWWVEW64RNP3JA3I&algorithm=SHA256&digits=8&period=30&pin=G42TQNQ"},
	} {
		k, err := otp.ParseURI(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := k.URI(); got != c.out {
			t.Errorf("URI of %s\n got %s\nwant %s", c.in, got, c.out)
		}
	}
}

// genKey draws any valid key whose names survive trimming.
func genKey(t *rapid.T) otp.Key {
	k := otp.Defaults(rapid.SampledFrom([]otp.Type{otp.TOTP, otp.HOTP, otp.Steam, otp.MOTP, otp.Yandex}).Draw(t, "type"))
	text := rapid.Map(rapid.StringN(0, 40, 160), otp.CleanText)
	k.Issuer, k.Name = text.Draw(t, "issuer"), text.Draw(t, "name")
	k.Digits = rapid.IntRange(otp.MinDigits, otp.MaxDigits).Draw(t, "digits")
	size := rapid.IntRange(1, 64).Draw(t, "size")
	switch k.Type {
	case otp.Yandex:
		size = 16
	case otp.Steam:
		k.Digits = otp.SteamDigits
	case otp.MOTP:
	case otp.TOTP, otp.HOTP:
		k.Algorithm = rapid.SampledFrom([]otp.Algorithm{otp.SHA1, otp.SHA256, otp.SHA512}).Draw(t, "algorithm")
	}
	if k.Type == otp.Yandex || k.Type == otp.MOTP {
		k.PIN = otp.PIN(rapid.StringMatching(`[!-~]{0,16}`).Draw(t, "pin"))
	}
	k.Secret = otp.Secret(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "secret"))
	if k.Type == otp.HOTP {
		k.Counter = rapid.Uint64Max(otp.MaxCounter).Draw(t, "counter")
	} else {
		k.Period = rapid.IntRange(1, otp.MaxPeriod).Draw(t, "period")
	}
	return k
}

func TestParseURIReadsWhatURIWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := genKey(t)
		got, err := otp.ParseURI(k.URI())
		if err != nil || got != k {
			t.Fatalf("%s\nread back as %s, %v", k.URI(), got.URI(), err)
		}
	})
}

func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{
		"otpauth://totp/ACME:alice?secret=" + b32 + "&issuer=ACME&algorithm=SHA256&digits=8&period=60",
		"otpauth://hotp/Team #1%3Aalice?secret=JBSW-Y3DP%20EHPK+3PXP====&counter=12",
		"otpauth://totp/Steam:x?secret=" + b32 + "&encoder=steam&issuer=Ste+am",
		"otpauth://yaotp/u?secret=LA2V6KMCGYMWWVEW64RNP3JA3IAAAAAAHTSG4HRZPI&pin=G42TQNQ",
		"motp:///A:b?secret=e3152afee62599c8&pin=1234", "steam://" + b32, "otpauth://totp/%E9%:%3A:?secret=AA",
		"otpauth://totp?secret=" + b32 + "&secret=A", "otpauth-migration://offline?data=AA%3D%3D",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		k, err := otp.ParseURI(link)
		if err != nil {
			var refused *otp.FieldError
			if !errors.As(err, &refused) || refused.Field == "" {
				t.Fatalf("%q: the error %v names no field", link, err)
			}
			return
		}
		again, err := otp.ParseURI(k.URI())
		if err != nil || again != k {
			t.Fatalf("%q gives %s, which reads back as %s, %v", link, k.URI(), again.URI(), err)
		}
		if _, err := k.CodeAt(1); err != nil && !errors.Is(err, otp.ErrPINNeeded) {
			t.Fatalf("%q parses, but gives no code: %v", link, err)
		}
	})
}
