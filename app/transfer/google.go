package transfer

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"countersign/crypto/otp"
)

const migrationPrefix = "otpauth-migration://"

// migration is the protobuf message in one of Google Authenticator's QR codes.
type migration struct {
	accounts []migrationAccount
	version  int32
	size     int32 // QR codes in the batch
	index    int32 // of this one, from 0
	id       int32 // the same in all of a batch; may be negative
}

type migrationAccount struct {
	secret    []byte
	name      string
	issuer    string
	algorithm int32
	digits    int32
	kind      int32
	counter   int64
}

// Values of the enumerations in the message. 0 is "not said" in all of them.
const (
	migrationSHA1    = 1
	migrationSHA256  = 2
	migrationSHA512  = 3
	migrationMD5     = 4
	migrationSix     = 1
	migrationEight   = 2
	migrationHOTP    = 1
	migrationTOTP    = 2
	migrationVersion = 1
)

// Batch collects the QR codes of one Google Authenticator export, which come
// one after the other and in any order. The zero value is empty.
type Batch struct {
	id    int32
	size  int
	parts map[int]migration
}

// Add takes one otpauth-migration:// link and tells whether it was new. A code
// of another export is refused: mixed, the two would hide each other's gaps.
func (b *Batch) Add(link string) (added bool, err error) {
	part, err := parseMigration(link)
	if err != nil {
		return false, err
	}
	size, index := int(part.size), int(part.index)
	if size == 0 { // old versions write one code and no batch
		size = 1
	}
	switch {
	case size < 1 || size > MaxBatchParts || index < 0 || index >= size:
		return false, fmt.Errorf("%w: part %d of %d", ErrDamaged, index+1, size)
	case b.parts == nil:
		b.id, b.size, b.parts = part.id, size, make(map[int]migration)
	case b.id != part.id || b.size != size:
		return false, fmt.Errorf("%w: this code belongs to another export; finish this one first", ErrIncomplete)
	}
	_, twice := b.parts[index]
	b.parts[index] = part
	return !twice, nil
}

// Size is the number of codes in the export; 0 while none was added.
func (b *Batch) Size() int { return b.size }

// Missing lists the codes still to come, counted from 1.
func (b *Batch) Missing() []int {
	var missing []int
	for i := range b.size {
		if _, ok := b.parts[i]; !ok {
			missing = append(missing, i+1)
		}
	}
	return missing
}

// Result gives the accounts once all codes are there, and ErrIncomplete before.
func (b *Batch) Result() (Result, error) {
	r := &run{result: Result{Format: FormatGoogle}}
	if err := b.addTo(r); err != nil {
		return Result{}, err
	}
	if len(r.result.Entries) == 0 && len(r.result.Unsupported) == 0 {
		return Result{}, ErrEmpty
	}
	return r.result, nil
}

func (b *Batch) addTo(r *run) error {
	if missing := b.Missing(); len(missing) > 0 || b.size == 0 {
		return fmt.Errorf("%w: of %d codes, these are still to be read: %s", ErrIncomplete, b.size, strings.Trim(fmt.Sprint(missing), "[]"))
	}
	for i := range b.size {
		for _, account := range b.parts[i].accounts {
			if err := addMigrated(r, account); err != nil {
				return err
			}
		}
	}
	return nil
}

func addMigrated(r *run, a migrationAccount) error {
	f, err := a.fields()
	if err != nil {
		return r.leaveOut(title(f.Issuer, f.Name), err)
	}
	return r.addRaw(f, otp.Secret(a.secret), Entry{})
}

// fields maps the message's numbers.
func (a migrationAccount) fields() (fields, error) {
	f := fields{Issuer: otp.CleanText(a.issuer), Name: otp.CleanText(a.name), Counter: &a.counter}
	// The name repeats the issuer as a prefix.
	if prefix, name, found := strings.Cut(f.Name, ":"); found && (f.Issuer == "" || strings.TrimSpace(prefix) == f.Issuer) {
		f.Issuer, f.Name = strings.TrimSpace(prefix), strings.TrimSpace(name)
	}
	switch a.kind {
	case 0, migrationTOTP:
		f.Type = otp.TOTP
	case migrationHOTP:
		f.Type = otp.HOTP
	default:
		return f, &otp.FieldError{Field: "type", Reason: fmt.Sprintf("%d is not known", a.kind)}
	}
	switch a.algorithm {
	case 0, migrationSHA1:
		f.Algorithm = string(otp.SHA1)
	case migrationSHA256:
		f.Algorithm = string(otp.SHA256)
	case migrationSHA512:
		f.Algorithm = string(otp.SHA512)
	case migrationMD5:
		f.Algorithm = string(otp.MD5) // which Validate refuses, by name
	default:
		return f, &otp.FieldError{Field: "algorithm", Reason: fmt.Sprintf("%d is not known", a.algorithm)}
	}
	digits := 6
	switch a.digits {
	case 0, migrationSix:
	case migrationEight:
		digits = 8
	default:
		return f, &otp.FieldError{Field: "digits", Reason: fmt.Sprintf("%d is not known", a.digits)}
	}
	f.Digits = &digits
	return f, nil
}

// base64Kinds makes the usual alphabet of what writers and copies make of it: the
// one for URLs (RFC 4648 §5), and a + that was taken for a space on the way.
var base64Kinds = strings.NewReplacer("-", "+", "_", "/", " ", "+")

// parseMigration decodes one link. In its data + is a plus: base64's, which
// some writers leave unescaped.
func parseMigration(link string) (migration, error) {
	_, query, found := strings.Cut(link, "?")
	if !found || !isMigration(link) {
		return migration{}, fmt.Errorf("%w: the link has no data; scan the code again", ErrDamaged)
	}
	for part := range strings.SplitSeq(query, "&") {
		name, text, _ := strings.Cut(part, "=")
		if !strings.EqualFold(name, "data") {
			continue
		}
		plain, err := url.PathUnescape(text)
		if err != nil {
			return migration{}, fmt.Errorf("%w: the link's data is cut short; scan the code again", ErrDamaged)
		}
		raw, err := base64.RawStdEncoding.DecodeString(base64Kinds.Replace(strings.TrimRight(plain, "= ")))
		if err != nil {
			return migration{}, fmt.Errorf("%w: the link's data is not base64; scan the code again", ErrDamaged)
		}
		return parseMigrationMessage(raw)
	}
	return migration{}, fmt.Errorf("%w: the link has no data; scan the code again", ErrDamaged)
}

func parseMigrationMessage(raw []byte) (migration, error) {
	var m migration
	err := eachField(raw, func(number int, value field) error {
		switch number {
		case 1:
			account, err := parseMigrationAccount(value.bytes)
			if err != nil {
				return err
			}
			if len(m.accounts) == MaxEntries {
				return fmt.Errorf("%w: %d accounts at most", ErrTooLarge, MaxEntries)
			}
			m.accounts = append(m.accounts, account)
		case 2:
			m.version = value.int32()
		case 3:
			m.size = value.int32()
		case 4:
			m.index = value.int32()
		case 5:
			m.id = value.int32()
		}
		return nil
	})
	if err == nil && len(m.accounts) == 0 {
		err = fmt.Errorf("%w: the code holds no accounts", ErrEmpty)
	}
	return m, err
}

func parseMigrationAccount(raw []byte) (migrationAccount, error) {
	var a migrationAccount
	err := eachField(raw, func(number int, value field) error {
		switch number {
		case 1:
			a.secret = slices.Clone(value.bytes)
		case 2:
			a.name = string(value.bytes)
		case 3:
			a.issuer = string(value.bytes)
		case 4:
			a.algorithm = value.int32()
		case 5:
			a.digits = value.int32()
		case 6:
			a.kind = value.int32()
		case 7:
			a.counter = int64(value.number)
		}
		return nil
	})
	return a, err
}

// field is one value of a protobuf message, a number or bytes.
type field struct {
	number uint64
	bytes  []byte
}

// int32 cuts a varint as protobuf does: negative numbers come in 64 bits.
func (f field) int32() int32 { return int32(f.number) }

// eachField walks a protobuf message; unknown fields are stepped over.
func eachField(raw []byte, visit func(number int, value field) error) error {
	damaged := fmt.Errorf("%w: the code's message is cut short or changed; scan it again", ErrDamaged)
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return damaged
		}
		raw = raw[n:]
		var value field
		switch kind {
		case protowire.VarintType:
			value.number, n = protowire.ConsumeVarint(raw)
		case protowire.BytesType:
			value.bytes, n = protowire.ConsumeBytes(raw)
		default:
			n = protowire.ConsumeFieldValue(number, kind, raw)
		}
		if n < 0 {
			return damaged
		}
		raw = raw[n:]
		if err := visit(int(number), value); err != nil {
			return err
		}
	}
	return nil
}
