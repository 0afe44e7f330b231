package transfer

import (
	"crypto/sha1" //nolint:gosec // andOTP derives its keys with PBKDF2-SHA1
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"

	"countersign/crypto/otp"
)

type andOTPEntry struct {
	Secret    string   `json:"secret"`
	Issuer    *string  `json:"issuer"` // absent in old files, where the label has it
	Label     string   `json:"label"`
	Digits    *int     `json:"digits"`
	Type      string   `json:"type"`
	Algorithm string   `json:"algorithm"`
	Thumbnail string   `json:"thumbnail"`
	Period    *int     `json:"period"`
	Counter   *int64   `json:"counter"`
	Tags      []string `json:"tags"`
}

const (
	andOTPIterationsSize = 4
	andOTPSaltSize       = 12
	andOTPNonceSize      = 12
	andOTPTagSize        = 16
)

func readAndOTP(r *run, data []byte) error {
	var list []andOTPEntry
	if err := decode(data, &list); err != nil {
		return err
	}
	for _, a := range list {
		f := fields{
			Type: otp.Type(strings.ToLower(a.Type)), Name: a.Label, Secret: a.Secret,
			Algorithm: a.Algorithm, Digits: a.Digits, Period: a.Period, Counter: a.Counter,
		}
		if f.Type == "" { // files from before there were others
			f.Type = otp.TOTP
		}
		if a.Issuer != nil {
			f.Issuer = *a.Issuer
		} else if issuer, name, found := strings.Cut(a.Label, " - "); found {
			f.Issuer, f.Name = issuer, name
		}
		entry := Entry{Groups: a.Tags}
		if a.Thumbnail != "Default" {
			entry.Icon = a.Thumbnail
		}
		if err := r.addFields(f, entry); err != nil {
			return err
		}
	}
	return nil
}

// looksLikeAndOTP guesses: an encrypted file begins with a number of
// iterations that makes sense, or is named as such files are. Old files are
// random throughout, so that only the name tells.
func looksLikeAndOTP(data []byte, filename string) bool {
	if len(data) < andOTPNonceSize+andOTPTagSize || isPicture(data) {
		return false
	}
	ending := strings.ToLower(filepath.Ext(filename))
	return ending == ".aes" || ending == ".bin" || andOTPIterations(data) != 0
}

// andOTPIterations is the number at the head of a file of the newer form, 0 if
// it is none.
func andOTPIterations(data []byte) int64 {
	const fewest = 1000 // andOTP takes 140,000 and more
	n := int64(binary.BigEndian.Uint32(data))
	if n < fewest || n > MaxPBKDF2Iterations || len(data) < andOTPIterationsSize+andOTPSaltSize+andOTPNonceSize+andOTPTagSize {
		return 0
	}
	return n
}

func readAndOTPEncrypted(r *run, data []byte) error {
	password, err := r.password(0)
	if err != nil {
		return err
	}
	plain, err := openAndOTP(r, data, password)
	if err != nil {
		return err
	}
	return readAndOTP(r, plain)
}

// openAndOTP tries both forms: iterations | salt | nonce | GCM under PBKDF2,
// and the older nonce | GCM under SHA-256 of the password.
func openAndOTP(r *run, data []byte, password string) ([]byte, error) {
	if iterations := andOTPIterations(data); iterations != 0 {
		salt, rest := data[andOTPIterationsSize:][:andOTPSaltSize], data[andOTPIterationsSize+andOTPSaltSize:]
		key, err := r.pbkdf2(sha1.New, password, salt, iterations)
		if err != nil {
			return nil, err
		}
		plain, ok, err := openGCM(key, rest[:andOTPNonceSize], rest[andOTPNonceSize:], nil)
		if err != nil || ok {
			return plain, err
		}
	}
	key := sha256.Sum256([]byte(password))
	plain, ok, err := openGCM(key[:], data[:andOTPNonceSize], data[andOTPNonceSize:], nil)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: type it again; %w or not andOTP's", ErrWrongPassword, ErrOrDamaged)
	}
	return plain, nil
}
