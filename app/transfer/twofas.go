package transfer

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"countersign/crypto/otp"
)

type twoFASFile struct {
	SchemaVersion     int             `json:"schemaVersion"`
	Services          []twoFASService `json:"services"`
	Groups            []twoFASGroup   `json:"groups"`
	ServicesEncrypted string          `json:"servicesEncrypted"`
	Reference         string          `json:"reference"` // a known text under the same password
}

type twoFASGroup struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type twoFASService struct {
	Name    string  `json:"name"`
	Secret  string  `json:"secret"`
	GroupID *string `json:"groupId"`
	OTP     struct {
		Label     string  `json:"label"`
		Account   string  `json:"account"`
		Issuer    string  `json:"issuer"`
		Digits    *int    `json:"digits"`
		Period    *int    `json:"period"`
		Counter   *int64  `json:"counter"`
		Algorithm *string `json:"algorithm"`
		TokenType *string `json:"tokenType"`
	} `json:"otp"`
}

// twoFASIterations is fixed by the format.
const twoFASIterations = 10_000

// maxTwoFASSchema is the newest schema known; a later one may mean something
// else by the same names.
const maxTwoFASSchema = 4

func read2FAS(r *run, data []byte) error {
	var file twoFASFile
	if err := decode(data, &file); err != nil {
		return err
	}
	return add2FAS(r, file, file.Services)
}

func read2FASEncrypted(r *run, data []byte) error {
	var file twoFASFile
	if err := decode(data, &file); err != nil {
		return err
	}
	box, err := parse2FASBox("servicesEncrypted", file.ServicesEncrypted)
	if err != nil {
		return err
	}
	password, err := r.password(0)
	if err != nil {
		return err
	}
	plain, ok, err := box.open(r, password)
	if err != nil {
		return err
	}
	if !ok {
		return why2FASClosed(r, file.Reference, password)
	}
	var services []twoFASService
	if err := decode(plain, &services); err != nil {
		return err
	}
	return add2FAS(r, file, services)
}

// why2FASClosed asks the reference text, which newer versions add, whether it
// was the password.
func why2FASClosed(r *run, reference, password string) error {
	if reference == "" {
		return errBoxClosed()
	}
	box, err := parse2FASBox("reference", reference)
	if err != nil {
		return err
	}
	_, ok, err := box.open(r, password)
	switch {
	case err != nil:
		return err
	case ok:
		return fmt.Errorf("%w: its accounts were changed or cut short", ErrDamaged)
	default:
		return fmt.Errorf("%w: type the password of the 2FAS backup again", ErrWrongPassword)
	}
}

// twoFASBox is base64 of ciphertext, salt and nonce, with colons between.
type twoFASBox struct{ sealed, salt, nonce []byte }

func parse2FASBox(field, text string) (twoFASBox, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return twoFASBox{}, fmt.Errorf("%w: its field %s is cut short", ErrDamaged, field)
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = fromBase64(field, part); err != nil {
			return twoFASBox{}, err
		}
	}
	return twoFASBox{raw[0], raw[1], raw[2]}, nil
}

func (b twoFASBox) open(r *run, password string) ([]byte, bool, error) {
	key, err := r.pbkdf2(sha256.New, password, b.salt, twoFASIterations)
	if err != nil {
		return nil, false, err
	}
	return openGCM(key, b.nonce, b.sealed, nil)
}

func add2FAS(r *run, file twoFASFile, services []twoFASService) error {
	if file.SchemaVersion > maxTwoFASSchema {
		return fmt.Errorf("%w: 2FAS schema %d is newer than this app; update it", ErrUnknownFormat, file.SchemaVersion)
	}
	names := make(map[string]string, len(file.Groups))
	for _, group := range file.Groups {
		names[group.ID] = group.Name
	}
	for _, s := range services {
		f := fields{
			Type: otp.TOTP, Issuer: s.OTP.Issuer, Name: s.OTP.Account, Secret: s.Secret,
			Digits: nonZero(s.OTP.Digits), Period: nonZero(s.OTP.Period), Counter: s.OTP.Counter,
		}
		if f.Issuer == "" {
			f.Issuer = s.Name
		}
		if f.Name == "" && s.OTP.Label != f.Issuer {
			f.Name = strings.TrimPrefix(s.OTP.Label, f.Issuer+":")
		}
		if s.OTP.TokenType != nil {
			f.Type = otp.Type(strings.ToLower(*s.OTP.TokenType))
		}
		if s.OTP.Algorithm != nil {
			f.Algorithm = *s.OTP.Algorithm
		}
		var entry Entry
		if s.GroupID != nil {
			entry.Groups = []string{names[*s.GroupID]}
		}
		if err := r.addFields(f, entry); err != nil {
			return err
		}
	}
	return nil
}
