package transfer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"countersign/crypto/otp"
)

// MarshalURIs writes one link a line, in plain text: whoever reads the file
// has all accounts. Groups, notes and trashed accounts are left out.
func MarshalURIs(entries []Entry) ([]byte, error) {
	if err := checkCount(entries); err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, e := range entries {
		if e.Trashed {
			continue
		}
		if err := e.Key.Validate(); err != nil {
			return nil, fmt.Errorf("exporting %s: %w", title(e.Key.Issuer, e.Key.Name), err)
		}
		b.WriteString(e.Key.URI() + "\n")
	}
	return []byte(b.String()), nil
}

// MigrationURIs writes the accounts as Google Authenticator's links, each to
// be drawn as one QR code, in plain text. That app knows TOTP with 30 seconds
// and HOTP, of six or eight digits: the rest is given back as unsupported.
// Trashed accounts are left out.
func MigrationURIs(entries []Entry) (links []string, left []Unsupported, err error) {
	if err := checkCount(entries); err != nil {
		return nil, nil, err
	}
	var groups [][]byte
	for _, e := range entries {
		if e.Trashed {
			continue
		}
		account, err := migrationMessage(e.Key)
		if err == nil && migrationLength(len(account)) > MaxMigrationURI {
			err = &otp.FieldError{Field: "name", Reason: "is too long for one QR code, with the issuer"}
		}
		if err != nil {
			left = append(left, unsupported(title(e.Key.Issuer, e.Key.Name), err))
			continue
		}
		if last := len(groups) - 1; last >= 0 && migrationLength(len(groups[last])+len(account)) <= MaxMigrationURI {
			groups[last] = append(groups[last], account...)
		} else {
			groups = append(groups, account)
		}
	}
	if len(groups) > MaxBatchParts {
		return nil, nil, fmt.Errorf("%w: %d QR codes; export to a file instead", ErrTooLarge, len(groups))
	}
	id := uint64(binary.BigEndian.Uint32(random(4)) >> 1)
	for i, group := range groups {
		links = append(links, migrationLink(group, len(groups), i, id))
	}
	return links, left, nil
}

// migrationTrailer is the most that version, size, index and id take.
const migrationTrailer = 2 + 3 + 3 + 6

// migrationLength is how long a link of so many message bytes can get:
// base64's + and / and = are escaped, and all of it could be those.
func migrationLength(bytes int) int {
	return len(migrationPrefix+"offline?data=") + base64.RawURLEncoding.EncodedLen(bytes+migrationTrailer)*5/4
}

func migrationLink(accounts []byte, size, index int, id uint64) string {
	message := accounts[:len(accounts):len(accounts)]
	for i, value := range []uint64{migrationVersion, uint64(size), uint64(index), id} {
		message = protowire.AppendTag(message, protowire.Number(2+i), protowire.VarintType)
		message = protowire.AppendVarint(message, value)
	}
	return migrationPrefix + "offline?data=" + url.QueryEscape(base64.StdEncoding.EncodeToString(message))
}

// migrationMessage is one account as field 1 of the message.
func migrationMessage(k otp.Key) ([]byte, error) {
	kind, algorithm, digits, err := migrationNumbers(k)
	if err != nil {
		return nil, err
	}
	name := k.Name
	if k.Issuer != "" {
		name = k.Issuer + ":" + k.Name
	}
	var b []byte
	for i, value := range []string{string(k.Secret), name, k.Issuer} {
		b = protowire.AppendTag(b, protowire.Number(1+i), protowire.BytesType)
		b = protowire.AppendString(b, value)
	}
	for i, value := range []uint64{algorithm, digits, kind} {
		b = protowire.AppendTag(b, protowire.Number(4+i), protowire.VarintType)
		b = protowire.AppendVarint(b, value)
	}
	if k.Type == otp.HOTP {
		b = protowire.AppendTag(b, 7, protowire.VarintType)
		b = protowire.AppendVarint(b, k.Counter)
	}
	field := protowire.AppendTag(nil, 1, protowire.BytesType)
	return protowire.AppendBytes(field, b), nil
}

func migrationNumbers(k otp.Key) (kind, algorithm, digits uint64, err error) {
	if err := k.Validate(); err != nil {
		return 0, 0, 0, err
	}
	switch {
	case k.Type == otp.HOTP:
		kind = migrationHOTP
	case k.Type == otp.TOTP && k.Period == 30:
		kind = migrationTOTP
	case k.Type == otp.TOTP:
		return 0, 0, 0, &otp.FieldError{Field: "period", Reason: fmt.Sprintf("Google Authenticator knows 30 seconds only, not %d", k.Period)}
	default:
		return 0, 0, 0, &otp.FieldError{Field: "type", Reason: fmt.Sprintf("Google Authenticator does not know %s", k.Type)}
	}
	switch k.Algorithm {
	case otp.SHA256:
		algorithm = migrationSHA256
	case otp.SHA512:
		algorithm = migrationSHA512
	default: // Validate lets no other hash through for these types
		algorithm = migrationSHA1
	}
	switch k.Digits {
	case 6:
		digits = migrationSix
	case 8:
		digits = migrationEight
	default:
		return 0, 0, 0, &otp.FieldError{Field: "digits", Reason: fmt.Sprintf("Google Authenticator knows 6 and 8 only, not %d", k.Digits)}
	}
	return kind, algorithm, digits, nil
}
