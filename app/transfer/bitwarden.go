package transfer

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"countersign/crypto/otp"
)

type bitwardenFile struct {
	Folders []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"folders"`
	Items []bitwardenItem `json:"items"`
}

type bitwardenItem struct {
	FolderID    *string `json:"folderId"`
	Name        string  `json:"name"`
	Notes       *string `json:"notes"`
	Favorite    bool    `json:"favorite"`
	DeletedDate *string `json:"deletedDate"`
	Login       *struct {
		Username *string `json:"username"`
		TOTP     *string `json:"totp"`
	} `json:"login"`
}

// bitwardenSealed is the outer form of an encrypted export.
type bitwardenSealed struct {
	PasswordProtected bool   `json:"passwordProtected"`
	Salt              string `json:"salt"` // taken as text, not decoded
	KDFType           int    `json:"kdfType"`
	KDFIterations     int64  `json:"kdfIterations"`
	KDFMemory         *int64 `json:"kdfMemory"` // MiB
	KDFParallelism    *int64 `json:"kdfParallelism"`
	Validation        string `json:"encKeyValidation_DO_NOT_EDIT"`
	Data              string `json:"data"`
}

const (
	bitwardenPBKDF2   = 0
	bitwardenArgon2id = 1
)

func readBitwarden(r *run, data []byte) error {
	var file bitwardenFile
	if err := decode(data, &file); err != nil {
		return err
	}
	folders := make(map[string]string, len(file.Folders))
	for _, f := range file.Folders {
		folders[f.ID] = f.Name
	}
	for _, item := range file.Items {
		if item.Login == nil || orEmpty(item.Login.TOTP) == "" {
			continue // a vault holds much that is no account of ours
		}
		entry := Entry{Note: orEmpty(item.Notes), Pinned: item.Favorite, Trashed: orEmpty(item.DeletedDate) != ""}
		if item.FolderID != nil {
			entry.Groups = []string{folders[*item.FolderID]}
		}
		if err := addBitwarden(r, *item.Login.TOTP, item.Name, orEmpty(item.Login.Username), entry); err != nil {
			return err
		}
	}
	return nil
}

// orEmpty is what an optional JSON string says, or nothing.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// addBitwarden reads the field totp: a link, steam://SECRET, or a bare secret.
// The item's name stands in for the issuer where the field has none.
func addBitwarden(r *run, totp, item, username string, entry Entry) error {
	totp = strings.TrimSpace(totp)
	if !isLink(totp) {
		return r.addFields(fields{Type: otp.TOTP, Issuer: item, Name: username, Secret: totp}, entry)
	}
	key, err := otp.ParseURI(totp)
	if err != nil {
		return r.leaveOut(title(item, username), err)
	}
	if key.Issuer == "" || strings.HasPrefix(strings.ToLower(totp), "steam:") {
		key.Issuer = item
	}
	if key.Name == "" {
		key.Name = username
	}
	entry.Key = key
	return r.add(entry)
}

// isBitwardenCSV knows the table by the one column that matters.
func isBitwardenCSV(text []byte) bool {
	head, _, _ := bytes.Cut(text, []byte("\n"))
	names, err := csv.NewReader(bytes.NewReader(head)).Read()
	return err == nil && slices.Contains(names, "login_totp")
}

func readBitwardenCSV(r *run, text []byte) error {
	table := csv.NewReader(bytes.NewReader(text))
	table.FieldsPerRecord = -1 // a spreadsheet leaves empty cells at the end out
	rows, err := table.ReadAll()
	if err != nil {
		return fmt.Errorf("%w: the table does not read; export it again", ErrDamaged)
	}
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[strings.TrimSpace(name)] = i
	}
	for _, row := range rows[1:] {
		cell := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		if strings.TrimSpace(cell("login_totp")) == "" {
			continue
		}
		entry := Entry{Groups: []string{cell("folder")}, Note: cell("notes"), Pinned: cell("favorite") == "1"}
		if err := addBitwarden(r, cell("login_totp"), cell("name"), cell("login_username"), entry); err != nil {
			return err
		}
	}
	return nil
}

func readBitwardenSealed(r *run, data []byte) error {
	var file bitwardenSealed
	if err := decode(data, &file); err != nil {
		return err
	}
	if !file.PasswordProtected {
		return fmt.Errorf("%w: Bitwarden's account-restricted export opens in that account only; export again with \"password protected\"", ErrRestricted)
	}
	var boxes [2]bitwardenBox
	for i, field := range []struct{ name, text string }{{"encKeyValidation_DO_NOT_EDIT", file.Validation}, {"data", file.Data}} {
		var err error
		if boxes[i], err = parseBitwardenBox(field.name, field.text); err != nil {
			return err
		}
	}
	encryption, authentication, err := bitwardenKeys(r, file)
	if err != nil {
		return err
	}
	if !boxes[0].authentic(authentication) {
		return fmt.Errorf("%w: type the password of the export again", ErrWrongPassword)
	}
	if !boxes[1].authentic(authentication) {
		return fmt.Errorf("%w: its data was changed or cut short", ErrDamaged)
	}
	plain, ok, err := openCBC(encryption, boxes[1].iv, boxes[1].sealed)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: its data ends wrong", ErrDamaged)
	}
	return readBitwarden(r, plain)
}

// bitwardenKeys derives the two keys: the password's, stretched by HKDF-Expand.
func bitwardenKeys(r *run, file bitwardenSealed) (encryption, authentication []byte, err error) {
	master, err := bitwardenMaster(r, file)
	if err != nil {
		return nil, nil, err
	}
	if encryption, err = hkdf.Expand(sha256.New, master, "enc", keySize); err != nil {
		return nil, nil, fmt.Errorf("expanding the key: %w", err)
	}
	if authentication, err = hkdf.Expand(sha256.New, master, "mac", keySize); err != nil {
		return nil, nil, fmt.Errorf("expanding the key: %w", err)
	}
	return encryption, authentication, nil
}

func bitwardenMaster(r *run, file bitwardenSealed) ([]byte, error) {
	switch file.KDFType {
	case bitwardenPBKDF2:
		if err := checkIterations(file.KDFIterations); err != nil {
			return nil, err
		}
		password, err := r.password(0)
		if err != nil {
			return nil, err
		}
		return r.pbkdf2(sha256.New, password, []byte(file.Salt), file.KDFIterations)
	case bitwardenArgon2id:
		if file.KDFMemory == nil || file.KDFParallelism == nil {
			return nil, fmt.Errorf("%w: it lacks kdfMemory or kdfParallelism", ErrDamaged)
		}
		if *file.KDFMemory > MaxKDFMemory>>20 { // before the shift can overflow
			return nil, fmt.Errorf("%w: Argon2 with %d MiB", ErrTooCostly, *file.KDFMemory)
		}
		params := argon2id{passes: file.KDFIterations, memory: *file.KDFMemory << 20, threads: *file.KDFParallelism}
		if err := params.check(); err != nil {
			return nil, err
		}
		password, err := r.password(params.memory)
		if err != nil {
			return nil, err
		}
		salt := sha256.Sum256([]byte(file.Salt))
		return r.argon2id(params, password, salt[:])
	default:
		return nil, fmt.Errorf("%w: key derivation %d is newer than this app; update it", ErrUnknownFormat, file.KDFType)
	}
}

// bitwardenBox is "2.iv|ciphertext|mac": AES-256-CBC and HMAC-SHA256.
type bitwardenBox struct{ iv, sealed, mac []byte }

func parseBitwardenBox(field, text string) (bitwardenBox, error) {
	body, ok := strings.CutPrefix(text, "2.")
	parts := strings.Split(body, "|")
	if !ok || len(parts) != 3 {
		return bitwardenBox{}, fmt.Errorf("%w: its field %s is not of the form 2.iv|data|mac", ErrDamaged, field)
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = fromBase64(field, part); err != nil {
			return bitwardenBox{}, err
		}
	}
	return bitwardenBox{raw[0], raw[1], raw[2]}, nil
}

// authentic checks the MAC, which covers IV and ciphertext.
func (b bitwardenBox) authentic(key []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(b.iv)
	mac.Write(b.sealed)
	return hmac.Equal(mac.Sum(nil), b.mac)
}
