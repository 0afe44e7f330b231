package otp

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// MaxURIBytes bounds a link. A QR code holds under 3 KB; other apps' backups
// append notes.
const MaxURIBytes = 16 << 10

// ParseURI reads one key from an otpauth://, motp:// or steam:// link. The
// format is the one of Google Authenticator's wiki page "Key Uri Format", with
// the kinds that other apps added. Every error is a [*FieldError].
//
// Parsing is by hand: [url.Parse] loses what follows an unescaped # in a name,
// secret included, and turns spaces into errors.
func ParseURI(link string) (Key, error) {
	link = strings.TrimSpace(link)
	if len(link) > MaxURIBytes {
		return Key{}, fieldError("link", "is longer than %d bytes", MaxURIBytes)
	}
	scheme, rest, found := strings.Cut(link, ":")
	if !found {
		return Key{}, errScheme()
	}
	rest, isLink := strings.CutPrefix(rest, "//")
	scheme = strings.ToLower(scheme)
	switch {
	case scheme == "otpauth" && isLink:
		return parseOtpauth(rest)
	case scheme == "motp":
		return parseMotp(rest)
	case scheme == "steam" && isLink:
		return parseSteam(rest)
	case scheme == "otpauth-migration":
		return Key{}, fieldError("link", "is a Google Authenticator export, which holds several accounts; import it instead")
	default:
		return Key{}, errScheme()
	}
}

func errScheme() error {
	return fieldError("link", "does not start with otpauth://; copy the whole link")
}

func parseOtpauth(rest string) (Key, error) {
	rest, query, _ := strings.Cut(rest, "?")
	kind, label, _ := strings.Cut(rest, "/")
	params, err := parseQuery(query)
	if err != nil {
		return Key{}, err
	}
	k, err := defaultsFor(kind, params)
	if err != nil {
		return Key{}, err
	}
	if k.Secret, err = ParseSecret(params["secret"]); err != nil {
		return Key{}, err
	}
	return finish(k, label, params)
}

// defaultsFor maps the link's type and encoder to a kind of key.
func defaultsFor(kind string, params map[string]string) (Key, error) {
	kind = strings.ToLower(kind)
	switch encoder := strings.ToLower(params["encoder"]); {
	case encoder == "":
	case encoder == "steam" && (kind == "totp" || kind == "steam"):
		kind = "steam"
	default:
		return Key{}, fieldError("encoder", "%s is not known; only steam is, for totp", quote(params["encoder"]))
	}
	switch kind {
	case "totp":
		return Defaults(TOTP), nil
	case "hotp":
		return Defaults(HOTP), nil
	case "steam":
		return Defaults(Steam), nil
	case "yaotp":
		return Defaults(Yandex), nil
	case "":
		return Key{}, fieldError("type", "is missing; the link must go on with totp or hotp")
	default:
		return Key{}, fieldError("type", "%s is not known; use totp, hotp, steam or yaotp", quote(kind))
	}
}

// parseMotp reads motp://LABEL?secret=HEX. Apps differ in the number of
// slashes.
func parseMotp(rest string) (Key, error) {
	label, query, _ := strings.Cut(strings.TrimLeft(rest, "/"), "?")
	params, err := parseQuery(query)
	if err != nil {
		return Key{}, err
	}
	k := Defaults(MOTP)
	if k.Secret, err = ParseHexSecret(params["secret"]); err != nil {
		return Key{}, err
	}
	return finish(k, label, params)
}

// parseSteam reads steam://SECRET, which password managers store.
func parseSteam(rest string) (Key, error) {
	text, query, _ := strings.Cut(rest, "?")
	params, err := parseQuery(query)
	if err != nil {
		return Key{}, err
	}
	k := Defaults(Steam)
	if k.Secret, err = ParseSecret(unescape(strings.TrimSuffix(text, "/"))); err != nil {
		return Key{}, err
	}
	if params["issuer"] == "" {
		params["issuer"] = "Steam"
	}
	return finish(k, "", params)
}

// finish fills in what all the schemes share.
func finish(k Key, label string, params map[string]string) (Key, error) {
	k.Issuer, k.Name = splitLabel(label, CleanText(params["issuer"]))
	if text := params["algorithm"]; text != "" {
		algorithm, err := ParseAlgorithm(text)
		if err != nil {
			return Key{}, err
		}
		k.Algorithm = algorithm
	}
	if err := setNumbers(&k, params); err != nil {
		return Key{}, err
	}
	if k.Type == MOTP {
		k.PIN = PIN(params["pin"])
	}
	if k.Type == Yandex {
		k.PIN = yandexPIN(params["pin"])
	}
	if err := k.Validate(); err != nil {
		return Key{}, err
	}
	return k, nil
}

// setNumbers reads digits, period and counter. Some apps write a period for
// counter-based keys, a counter for the others, and TOTP's six digits for
// Steam: such a value must be a number, and means nothing.
func setNumbers(k *Key, params map[string]string) error {
	for _, field := range []string{"digits", "period", "counter"} {
		text, given := params[field]
		if !given {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return fieldError(field, "%s is not a whole number in range", quote(text))
		}
		switch {
		case field == "digits" && k.Type == Steam && n >= MinDigits && n <= MaxDigits:
		case field == "digits":
			k.Digits = int(min(n, MaxDigits+1))
		case field == "period" && k.Type.TimeBased():
			k.Period = int(min(n, MaxPeriod+1))
		case field == "counter" && k.Type == HOTP:
			k.Counter = n
		}
	}
	return nil
}

// ParseAlgorithm reads the name of a hash as apps write it: any case, with a
// dash, with HMAC before it. The error is a [*FieldError].
func ParseAlgorithm(text string) (Algorithm, error) {
	name := strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(text))
	switch algorithm := Algorithm(strings.TrimPrefix(name, "HMAC")); algorithm {
	case SHA1, SHA256, SHA512, MD5:
		return algorithm, nil
	default:
		return "", fieldError("algorithm", "%s is not known; use SHA1, SHA256 or SHA512", quote(text))
	}
}

// yandexPIN reads the PIN as typed, or in base32 as Aegis writes it. The two
// cannot be confused: base32 of ASCII text begins with a letter.
func yandexPIN(text string) PIN {
	if strings.Trim(text, "0123456789") == "" {
		return PIN(text)
	}
	if decoded, err := ParseSecret(text); err == nil {
		return PIN(decoded)
	}
	return PIN(text)
}

// splitLabel parts "issuer:name". The issuer parameter wins over the prefix,
// and may hold a colon itself; an escaped colon parts only where there is no
// plain one.
func splitLabel(label, issuer string) (string, string) {
	whole := CleanText(unescape(label))
	if issuer != "" {
		if name, ok := strings.CutPrefix(whole, issuer+":"); ok {
			return issuer, strings.TrimSpace(name)
		}
	}
	prefix, name, found := strings.Cut(label, ":")
	prefix, name = CleanText(unescape(prefix)), CleanText(unescape(name))
	if !found {
		prefix, name, found = strings.Cut(whole, ":")
		prefix, name = strings.TrimSpace(prefix), strings.TrimSpace(name)
	}
	switch {
	case !found:
		return issuer, whole
	case issuer == "":
		return prefix, name
	default:
		return issuer, name
	}
}

// CleanText makes an outside name showable: invalid UTF-8 is replaced, control
// characters become spaces, and the ends are trimmed.
func CleanText(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// parseQuery splits the parameters. Names match in any case; the same one
// twice with different values is refused, because apps disagree on which wins.
func parseQuery(query string) (map[string]string, error) {
	params := make(map[string]string)
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name = strings.ToLower(unescape(name))
		value = strings.TrimSpace(unescape(strings.ReplaceAll(value, "+", " ")))
		if before, twice := params[name]; twice && before != value && isField(name) {
			return nil, fieldError(name, "is given twice, with different values")
		}
		params[name] = value
	}
	return params, nil
}

// isField tells the parameters that this package reads.
func isField(name string) bool {
	switch name {
	case "secret", "issuer", "algorithm", "digits", "period", "counter", "pin", "encoder":
		return true
	default:
		return false
	}
}

// unescape decodes %XX. What is no valid escape stands for itself, as a
// percent sign in a name does.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if plain, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(plain)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Parameter is the value of one query parameter of a link, unescaped, or empty:
// for what other apps append, such as Ente's codeDisplay.
func Parameter(link, name string) string {
	_, query, _ := strings.Cut(link, "?")
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(unescape(key), name) {
			return unescape(strings.ReplaceAll(value, "+", " "))
		}
	}
	return ""
}
