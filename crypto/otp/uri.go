package otp

import (
	"net/url"
	"strconv"
	"strings"
)

// URI writes the key as one canonical link, with every parameter said:
// otpauth://, or motp:// for Mobile-OTP. It holds the secret, and the PIN if
// the key does. [ParseURI] gives the same key back, given that Validate
// accepts it and that its names have no spaces at the ends.
func (k Key) URI() string {
	var b strings.Builder
	switch k.Type {
	case MOTP:
		b.WriteString("motp://")
	case Yandex:
		b.WriteString("otpauth://yaotp/")
	default:
		b.WriteString("otpauth://" + string(k.Type) + "/")
	}
	// A name with a colon keeps it by an empty prefix.
	if k.Issuer != "" || strings.Contains(k.Name, ":") {
		b.WriteString(escape(k.Issuer) + ":")
	}
	b.WriteString(escape(k.Name) + "?secret=")
	if k.Type == MOTP {
		b.WriteString(k.Secret.Hex())
	} else {
		b.WriteString(k.Secret.Base32())
	}
	if k.Issuer != "" {
		b.WriteString("&issuer=" + escape(k.Issuer))
	}
	b.WriteString("&algorithm=" + string(k.Algorithm) + "&digits=" + strconv.Itoa(k.Digits))
	if k.Type.TimeBased() {
		b.WriteString("&period=" + strconv.Itoa(k.Period))
	} else {
		b.WriteString("&counter=" + strconv.FormatUint(k.Counter, 10))
	}
	switch {
	case k.PIN == "":
	case k.Type == Yandex: // base32, as Aegis reads it
		b.WriteString("&pin=" + base32NoPadding.EncodeToString([]byte(k.PIN)))
	default:
		b.WriteString("&pin=" + escape(string(k.PIN)))
	}
	return b.String()
}

// escape leaves only unreserved characters: some readers take + for a space
// anywhere, others nowhere.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
