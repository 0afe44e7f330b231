package otp_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"countersign/crypto/otp"
)

// rfcKey is the key of RFC 6238 appendix B with six digits.
func rfcKey() otp.Key {
	k := otp.Defaults(otp.TOTP)
	k.Secret = "12345678901234567890"
	return k
}

func mustCode(t *testing.T, k otp.Key, factor uint64) string {
	t.Helper()
	code, err := k.CodeAt(factor)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestNextIsTheCodeOfTheFollowingPeriod(t *testing.T) {
	k, at := rfcKey(), time.Unix(59, 0)
	next, err := k.Next(at)
	if err != nil || next != mustCode(t, k, 2) {
		t.Errorf("Next = %q, %v; want %q", next, err, mustCode(t, k, 2))
	}
}

func TestRemainingCountsDownToTheNextPeriod(t *testing.T) {
	counting := otp.Defaults(otp.HOTP)
	for _, c := range []struct {
		name string
		key  otp.Key
		at   time.Time
		want time.Duration
	}{
		{"at the start of a period all of it", rfcKey(), time.Unix(60, 0), 30 * time.Second},
		{"within it the rest", rfcKey(), time.Unix(60, int64(500*time.Millisecond)), 29500 * time.Millisecond},
		{"in its last second", rfcKey(), time.Unix(59, 0), time.Second},
		{"before 1970 too", rfcKey(), time.Unix(-1, 0), time.Second},
		{"nothing where a counter moves", counting, time.Unix(60, 0), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.key.Remaining(c.at); got != c.want {
				t.Errorf("Remaining = %v, want %v", got, c.want)
			}
		})
	}
}

func TestCodesThatCannotBe(t *testing.T) {
	pin := otp.Defaults(otp.Yandex)
	pin.Secret = "1234567890123456"
	motp := otp.Defaults(otp.MOTP)
	motp.Secret = "12345678"
	counting := otp.Defaults(otp.HOTP)
	counting.Secret = "12345678901234567890"
	for _, c := range []struct {
		name string
		key  otp.Key
		at   time.Time
		want error
	}{
		{"yandex without its PIN", pin, time.Unix(1, 0), otp.ErrPINNeeded},
		{"mobile-otp without its PIN", motp, time.Unix(1, 0), otp.ErrPINNeeded},
		{"a time before the first step", rfcKey(), time.Unix(-1, 0), otp.ErrBeforeEpoch},
		{"a counter asked by time", counting, time.Unix(1, 0), otp.ErrCounterBased},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, err := c.key.Code(c.at); !errors.Is(err, c.want) || code != "" {
				t.Errorf("Code = %q, %v; want %v", code, err, c.want)
			}
		})
	}
	if code, err := (otp.Key{}).Code(time.Unix(1, 0)); err == nil || code != "" {
		t.Errorf("the zero key gave %q, %v", code, err)
	}
}

func TestValidateTOTP(t *testing.T) {
	k, at := rfcKey(), time.Unix(3000, 0) // step 100
	for _, c := range []struct {
		name     string
		code     string
		window   uint
		lastStep uint64
		step     uint64
		ok       bool
	}{
		{"the code of now", mustCode(t, k, 100), 1, 0, 100, true},
		{"as people type it", " " + mustCode(t, k, 100)[:3] + " " + mustCode(t, k, 100)[3:], 1, 0, 100, true},
		{"a slow typist", mustCode(t, k, 99), 1, 0, 99, true},
		{"a fast clock", mustCode(t, k, 101), 1, 0, 101, true},
		{"out of the window", mustCode(t, k, 98), 1, 0, 0, false},
		{"no window", mustCode(t, k, 99), 0, 0, 0, false},
		{"used once already", mustCode(t, k, 100), 1, 100, 0, false},
		{"older than one used", mustCode(t, k, 99), 1, 100, 0, false},
		{"newer than one used", mustCode(t, k, 101), 1, 100, 101, true},
		{"wrong", "000000", 1, 0, 0, false},
		{"too short", mustCode(t, k, 100)[:5], 1, 0, 0, false},
		{"empty", "", 1, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			step, ok := otp.ValidateTOTP(k, c.code, at, c.window, c.lastStep)
			if step != c.step || ok != c.ok {
				t.Errorf("ValidateTOTP = %d, %v; want %d, %v", step, ok, c.step, c.ok)
			}
		})
	}
}

func TestValidateTOTPAtTheFirstSteps(t *testing.T) {
	k := rfcKey()
	if step, ok := otp.ValidateTOTP(k, mustCode(t, k, 1), time.Unix(10, 0), 5, 0); step != 1 || !ok {
		t.Errorf("ValidateTOTP = %d, %v; want 1, true", step, ok)
	}
}

func TestSecretsNeverShow(t *testing.T) {
	k := otp.Defaults(otp.Yandex)
	k.Secret, k.PIN = "1234567890123456", "5239"
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("key", "key", k, "secret", k.Secret, "pin", k.PIN)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", k, "secret", k.Secret, "pin", k.PIN)
	shown := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown += fmt.Sprintf(verb+verb+verb+verb, k, k.Secret, k.PIN, []any{k, &k})
	}
	shown += k.Secret.String() + k.Secret.GoString() + k.PIN.String() + k.PIN.GoString()
	for _, secret := range []string{"12345678", "5239", k.Secret.Base32(), k.Secret.Hex(), "49 50 51", "35323339"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q shows in %s", secret, shown)
		}
	}
}

func TestNewTOTPHasAFreshSecretOf160Bits(t *testing.T) {
	a, b := otp.NewTOTP("Example", "alice"), otp.NewTOTP("Example", "alice")
	if len(a.Secret) != 20 || a.Secret == b.Secret {
		t.Errorf("secrets of %d bytes, equal %v", len(a.Secret), a.Secret == b.Secret)
	}
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
}
