package transfer

import (
	"bytes"
	"fmt"

	"countersign/crypto/otp"
)

// enteFile is Ente Auth's encrypted export: otpauth lines in one box.
type enteFile struct {
	Version   int `json:"version"`
	KDFParams struct {
		MemLimit int64  `json:"memLimit"` // bytes
		OpsLimit int64  `json:"opsLimit"` // passes
		Salt     string `json:"salt"`
	} `json:"kdfParams"`
	EncryptedData   string `json:"encryptedData"`
	EncryptionNonce string `json:"encryptionNonce"` // the stream's header
}

// enteDisplay is what Ente appends to a link as codeDisplay.
type enteDisplay struct {
	Pinned  bool     `json:"pinned"`
	Trashed bool     `json:"trashed"`
	Note    string   `json:"note"`
	Tags    []string `json:"tags"`
	IconID  string   `json:"iconID"`
}

const enteVersion = 1

func readEnteEncrypted(r *run, data []byte) error {
	var file enteFile
	if err := decode(data, &file); err != nil {
		return err
	}
	if file.Version != enteVersion {
		return fmt.Errorf("%w: Ente export version %d is not known; update this app", ErrUnknownFormat, file.Version)
	}
	params := argon2id{passes: file.KDFParams.OpsLimit, memory: file.KDFParams.MemLimit, threads: 1}
	if err := params.check(); err != nil {
		return err
	}
	salt, err := fromBase64("salt", file.KDFParams.Salt)
	if err != nil {
		return err
	}
	header, err := fromBase64("encryptionNonce", file.EncryptionNonce)
	if err != nil {
		return err
	}
	sealed, err := fromBase64("encryptedData", file.EncryptedData)
	if err != nil {
		return err
	}
	password, err := r.password(params.memory)
	if err != nil {
		return err
	}
	key, err := r.argon2id(params, password, salt)
	if err != nil {
		return err
	}
	plain, ok, err := openSecretStream(key, header, sealed)
	if err != nil {
		return err
	}
	if !ok {
		return errBoxClosed()
	}
	return readLinks(r, bytes.TrimSpace(plain))
}

// enteEntry takes what Ente keeps beside the key from a link, if it is Ente's. Where
// that does not read, the key is worth more than its tags.
func enteEntry(link string) Entry {
	var display enteDisplay
	if text := otp.Parameter(link, "codeDisplay"); text == "" || decode([]byte(text), &display) != nil {
		return Entry{}
	}
	return Entry{
		Groups: display.Tags, Note: display.Note, Icon: display.IconID,
		Pinned: display.Pinned, Trashed: display.Trashed,
	}
}
