package transfer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"countersign/crypto/otp"
)

// The formats in this file are one JSON document each, without encryption.

type freeOTPToken struct {
	Algo      string  `json:"algo"`
	Counter   *int64  `json:"counter"`
	Digits    *int    `json:"digits"`
	IssuerExt string  `json:"issuerExt"` // from the label's prefix
	IssuerInt string  `json:"issuerInt"` // from the issuer parameter
	IssuerAlt string  `json:"issuerAlt"` // as the user edited it
	Label     string  `json:"label"`
	LabelAlt  string  `json:"labelAlt"`
	Period    *int    `json:"period"`
	Secret    []int16 `json:"secret"` // signed bytes
	Type      string  `json:"type"`
	Category  *string `json:"category"`
	IconKey   *string `json:"iconKey"`
}

func readFreeOTPPlus(r *run, data []byte) error {
	var file struct {
		Tokens []freeOTPToken `json:"tokens"`
	}
	if err := decode(data, &file); err != nil {
		return err
	}
	for _, t := range file.Tokens {
		f := fields{
			Type: otp.Type(strings.ToLower(t.Type)), Issuer: firstOf(t.IssuerAlt, t.IssuerExt, t.IssuerInt), Name: firstOf(t.LabelAlt, t.Label),
			Algorithm: t.Algo, Digits: t.Digits, Period: t.Period,
		}
		if f.Type == otp.TOTP && f.Issuer == "Steam" { // FreeOTP+ shows Steam's letters by the issuer
			f.Type = otp.Steam
		}
		if t.Counter != nil { // it keeps the counter last used, and goes on with the one after
			next := *t.Counter + 1
			f.Counter = &next
		}
		secret, err := fromSignedBytes(t.Secret)
		if err == nil {
			err = r.addRaw(f, secret, Entry{Groups: []string{orEmpty(t.Category)}, Icon: orEmpty(t.IconKey)})
		} else {
			err = r.leaveOut(title(f.Issuer, f.Name), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fromSignedBytes takes -128 to 127 as Java writes bytes, and 128 to 255 too.
func fromSignedBytes(numbers []int16) (otp.Secret, error) {
	raw := make([]byte, len(numbers))
	for i, n := range numbers {
		if n < -128 || n > 255 {
			return "", &otp.FieldError{Field: "secret", Reason: "has numbers that are no bytes"}
		}
		raw[i] = byte(n)
	}
	return otp.Secret(raw), nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

type lastPassAccount struct {
	IssuerName         string `json:"issuerName"`
	OriginalIssuerName string `json:"originalIssuerName"`
	UserName           string `json:"userName"`
	OriginalUserName   string `json:"originalUserName"`
	Secret             string `json:"secret"`
	TimeStep           *int   `json:"timeStep"`
	Digits             *int   `json:"digits"`
	IsFavorite         bool   `json:"isFavorite"`
	Algorithm          string `json:"algorithm"`
	FolderData         *struct {
		FolderID jsonID `json:"folderId"`
	} `json:"folderData"`
}

// jsonID is an identifier that files write as a number or as text.
type jsonID string

// UnmarshalJSON takes either form.
func (id *jsonID) UnmarshalJSON(data []byte) error {
	*id = jsonID(strings.Trim(string(data), `"`))
	return nil
}

func readLastPass(r *run, data []byte) error {
	var file struct {
		Accounts []lastPassAccount `json:"accounts"`
		Folders  []struct {
			ID   jsonID `json:"id"`
			Name string `json:"name"`
		} `json:"folders"`
	}
	if err := decode(data, &file); err != nil {
		return err
	}
	folders := make(map[jsonID]string, len(file.Folders))
	for _, f := range file.Folders {
		folders[f.ID] = f.Name
	}
	for _, a := range file.Accounts {
		f := fields{
			Type: otp.TOTP, Issuer: firstOf(a.IssuerName, a.OriginalIssuerName), Name: firstOf(a.UserName, a.OriginalUserName),
			Secret: a.Secret, Algorithm: a.Algorithm, Digits: nonZero(a.Digits), Period: nonZero(a.TimeStep),
		}
		entry := Entry{Pinned: a.IsFavorite}
		if a.FolderData != nil {
			entry.Groups = []string{folders[a.FolderData.FolderID]}
		}
		if err := r.addFields(f, entry); err != nil {
			return err
		}
	}
	return nil
}

func readDuo(r *run, data []byte) error {
	var list []struct {
		Name         string `json:"name"`
		OTPGenerator *struct {
			OTPSecret string `json:"otpSecret"`
			Counter   *int64 `json:"counter"`
		} `json:"otpGenerator"`
	}
	if err := decode(data, &list); err != nil {
		return err
	}
	for _, account := range list {
		generator := account.OTPGenerator
		if generator == nil {
			reason := &otp.FieldError{Field: "otpGenerator", Reason: "is missing: Duo's push accounts stay in Duo"}
			if err := r.leaveOut(account.Name, reason); err != nil {
				return err
			}
			continue
		}
		f := fields{Type: otp.TOTP, Name: account.Name, Secret: generator.OTPSecret}
		if generator.Counter != nil {
			f.Type, f.Counter = otp.HOTP, generator.Counter
		}
		if err := r.addFields(f, Entry{}); err != nil {
			return err
		}
	}
	return nil
}

// steamAccount is one account as the Steam app and its desktop kin keep it.
type steamAccount struct {
	SharedSecret string `json:"shared_secret"` // base64
	AccountName  string `json:"account_name"`
}

func readSteam(r *run, data []byte) error {
	var account steamAccount
	if err := decode(data, &account); err != nil {
		return err
	}
	return addSteam(r, account)
}

// readSteamAccounts reads the newer form: accounts by Steam's number, which
// gives them their order here.
func readSteamAccounts(r *run, data []byte) error {
	var file struct {
		Accounts map[string]steamAccount `json:"accounts"`
	}
	if err := decode(data, &file); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(file.Accounts)) {
		if err := addSteam(r, file.Accounts[id]); err != nil {
			return err
		}
	}
	return nil
}

func addSteam(r *run, a steamAccount) error {
	secret, err := fromBase64("shared_secret", a.SharedSecret)
	if err != nil {
		return err
	}
	return r.addRaw(fields{Type: otp.Steam, Issuer: "Steam", Name: a.AccountName}, otp.Secret(secret), Entry{})
}

// raivoEntry has numbers and truth values as text.
type raivoEntry struct {
	Issuer    string `json:"issuer"`
	Account   string `json:"account"`
	Secret    string `json:"secret"`
	Kind      string `json:"kind"`
	Algorithm string `json:"algorithm"`
	Digits    string `json:"digits"`
	Timer     string `json:"timer"`
	Counter   string `json:"counter"`
	Pinned    string `json:"pinned"`
	IconValue string `json:"iconValue"`
}

func readRaivo(r *run, data []byte) error {
	var list []raivoEntry
	if err := decode(data, &list); err != nil {
		return err
	}
	for _, e := range list {
		f, err := e.fields()
		if err == nil {
			err = r.addFields(f, Entry{Icon: e.IconValue, Pinned: e.Pinned == "true"})
		} else {
			err = r.leaveOut(title(e.Issuer, e.Account), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e raivoEntry) fields() (fields, error) {
	f := fields{Type: otp.Type(strings.ToLower(e.Kind)), Issuer: e.Issuer, Name: e.Account, Secret: e.Secret, Algorithm: e.Algorithm}
	var numbers [3]int64
	for i, field := range []struct{ name, text string }{{"digits", e.Digits}, {"timer", e.Timer}, {"counter", e.Counter}} {
		if field.text == "" {
			continue
		}
		n, err := strconv.ParseInt(field.text, 10, 63)
		if err != nil {
			return f, &otp.FieldError{Field: field.name, Reason: "is not a number"}
		}
		numbers[i] = n
	}
	digits, period := int(numbers[0]), int(numbers[1])
	f.Digits, f.Period, f.Counter = nonZero(&digits), nonZero(&period), &numbers[2]
	return f, nil
}
