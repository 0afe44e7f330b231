package otp_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/crypto/otp"
)

// vectors is testdata/algorithms.json: RFC 4226 appendix D, RFC 6238
// appendix B, and values from other implementations.
type vectors struct {
	HOTP []struct {
		Secret    string `json:"secret_b32"`
		SecretHex string `json:"secret_hex"`
		Counter   uint64 `json:"counter"`
		Digits    int    `json:"digits"`
		OTP       string `json:"otp"`
	} `json:"hotp_rfc4226"`
	TOTP   []timeVector `json:"totp_rfc6238"`
	Cross  []timeVector `json:"oathtool_cross"`
	Long   []timeVector `json:"nine_ten_digits"`
	Steam  []timeVector `json:"steam"`
	Yandex []timeVector `json:"yandex"`
	MOTP   []struct {
		timeVector
		SecretHex string `json:"secret_hex"`
	} `json:"motp"`
	YandexSecrets []struct {
		Secret string `json:"secret"`
		Valid  bool   `json:"valid"`
		Why    string `json:"why"`
	} `json:"yandex_secret_validation"`
}

type timeVector struct {
	Secret    string        `json:"secret_b32"`
	Algorithm otp.Algorithm `json:"algorithm"`
	Digits    int           `json:"digits"`
	Period    int           `json:"period"`
	Time      int64         `json:"time"`
	PIN       string        `json:"pin"`
	OTP       string        `json:"otp"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/algorithms.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func secret(t *testing.T, text string) otp.Secret {
	t.Helper()
	s, err := otp.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (v timeVector) key(t *testing.T, kind otp.Type) otp.Key {
	t.Helper()
	k := otp.Defaults(kind)
	k.Secret, k.PIN = secret(t, v.Secret), otp.PIN(v.PIN)
	if v.Algorithm != "" {
		k.Algorithm, k.Digits, k.Period = v.Algorithm, v.Digits, v.Period
	}
	return k
}

func (v timeVector) check(t *testing.T, k otp.Key) {
	t.Helper()
	if got, err := k.Code(time.Unix(v.Time, 0)); err != nil || got != v.OTP {
		t.Errorf("code at %d of %s, %s, %d digits, %d s = %q, %v; want %q", v.Time, k.Type, k.Algorithm, k.Digits, k.Period, got, err, v.OTP)
	}
}

func TestHOTPVectorsOfRFC4226(t *testing.T) {
	all := readVectors(t).HOTP
	if len(all) != 10 {
		t.Fatalf("read %d vectors, want the ten of appendix D", len(all))
	}
	for _, v := range all {
		k := otp.Defaults(otp.HOTP)
		k.Secret, k.Digits = secret(t, v.Secret), v.Digits
		if k.Secret.Hex() != v.SecretHex {
			t.Errorf("secret %s decodes to %s, want %s", v.Secret, k.Secret.Hex(), v.SecretHex)
		}
		if got, err := k.CodeAt(v.Counter); err != nil || got != v.OTP {
			t.Errorf("counter %d = %q, %v; want %q", v.Counter, got, err, v.OTP)
		}
	}
}

func TestTimeBasedVectors(t *testing.T) {
	all := readVectors(t)
	for _, group := range []struct {
		name    string
		kind    otp.Type
		vectors []timeVector
		want    int
	}{
		{"RFC 6238", otp.TOTP, all.TOTP, 18},
		{"other sizes", otp.TOTP, all.Cross, 36},
		{"nine and ten digits", otp.TOTP, all.Long, 2},
		{"steam", otp.Steam, all.Steam, 2},
		{"yandex", otp.Yandex, all.Yandex, 5},
	} {
		t.Run(group.name, func(t *testing.T) {
			if len(group.vectors) != group.want {
				t.Fatalf("read %d vectors, want %d", len(group.vectors), group.want)
			}
			for _, v := range group.vectors {
				v.check(t, v.key(t, group.kind))
			}
		})
	}
}

func TestMobileOTPVectors(t *testing.T) {
	all := readVectors(t).MOTP
	if len(all) != 8 {
		t.Fatalf("read %d vectors, want 8", len(all))
	}
	for _, v := range all {
		k := otp.Defaults(otp.MOTP)
		raw, err := hex.DecodeString(v.SecretHex)
		if err != nil {
			t.Fatal(err)
		}
		k.Secret, k.PIN = otp.Secret(raw), otp.PIN(v.PIN)
		v.check(t, k)
	}
}

func TestYandexSecretChecksum(t *testing.T) {
	all := readVectors(t).YandexSecrets
	if len(all) != 4 {
		t.Fatalf("read %d vectors, want 4", len(all))
	}
	for _, v := range all {
		_, err := otp.ParseURI("otpauth://yaotp/user?secret=" + v.Secret)
		if (err == nil) != v.Valid {
			t.Errorf("secret %s: %v, want valid %v (%s)", v.Secret, err, v.Valid, v.Why)
		}
	}
}

// TestYandexIgnoresTheTailOfATypedSecret compares the two forms of one secret.
func TestYandexIgnoresTheTailOfATypedSecret(t *testing.T) {
	full, short := otp.Defaults(otp.Yandex), otp.Defaults(otp.Yandex)
	full.Secret, full.PIN = secret(t, "LA2V6KMCGYMWWVEW64RNP3JA3IAAAAAAHTSG4HRZPI"), "7586"
	short.Secret, short.PIN = full.Secret[:16], "7586"
	at := time.Unix(1581064020, 0)
	a, errA := full.Code(at)
	b, errB := short.Code(at)
	if a != b || errA != nil || errB != nil {
		t.Errorf("codes %q (%v) and %q (%v) differ", a, errA, b, errB)
	}
}

// TestAgainstOathtool asks an independent implementation about keys made here.
func TestAgainstOathtool(t *testing.T) {
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatalf("install oathtool (make deps): %v", err)
	}
	for i, algorithm := range []otp.Algorithm{otp.SHA1, otp.SHA256, otp.SHA512} {
		for _, digits := range []int{6, 7, 8} {
			k := otp.NewTOTP("", "")
			k.Algorithm, k.Digits, k.Period = algorithm, digits, 17+i
			at := time.Unix(1_700_000_000+int64(digits)*7919, 0)
			out, err := exec.CommandContext(t.Context(), tool,
				"--totp="+strings.ToLower(string(algorithm)), "--base32",
				"--digits="+strconv.Itoa(digits), "--time-step-size="+strconv.Itoa(k.Period)+"s",
				"--now="+at.UTC().Format("2006-01-02 15:04:05 UTC"), k.Secret.Base32()).Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Code(at); err != nil || got != strings.TrimSpace(string(out)) {
				t.Errorf("%s, %d digits: %q, %v; oathtool says %q", algorithm, digits, got, err, out)
			}
		}
	}
}
