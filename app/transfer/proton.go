package transfer

import (
	"fmt"
	"strings"

	"countersign/crypto/otp"
)

type protonFile struct {
	Version int           `json:"version"`
	Entries []protonEntry `json:"entries"`
}

type protonEntry struct {
	Content struct {
		URI  string `json:"uri"`
		Name string `json:"name"`
	} `json:"content"`
	Note *string `json:"note"`
}

type protonSealed struct {
	Version int    `json:"version"`
	Salt    string `json:"salt"`
	Content string `json:"content"` // nonce and AES-GCM
}

const (
	protonVersion    = 1
	protonSaltSize   = 16
	protonNonceSize  = 12
	protonAdditional = "proton.authenticator.export.v1"
)

func checkProtonVersion(version int) error {
	if version != protonVersion {
		return fmt.Errorf("%w: Proton export version %d is not known; update this app", ErrUnknownFormat, version)
	}
	return nil
}

func readProton(r *run, data []byte) error {
	var file protonFile
	if err := decode(data, &file); err != nil {
		return err
	}
	if err := checkProtonVersion(file.Version); err != nil {
		return err
	}
	for _, e := range file.Entries {
		key, err := otp.ParseURI(e.Content.URI)
		if err != nil {
			if err := r.leaveOut(e.Content.Name, err); err != nil {
				return err
			}
			continue
		}
		// The name is edited apart from the link.
		if name := strings.TrimSpace(e.Content.Name); name != "" {
			key.Name = name
		}
		if err := r.add(Entry{Key: key, Note: orEmpty(e.Note)}); err != nil {
			return err
		}
	}
	return nil
}

func readProtonEncrypted(r *run, data []byte) error {
	var file protonSealed
	if err := decode(data, &file); err != nil {
		return err
	}
	if err := checkProtonVersion(file.Version); err != nil {
		return err
	}
	salt, err := fromBase64("salt", file.Salt)
	if err != nil {
		return err
	}
	content, err := fromBase64("content", file.Content)
	if err != nil {
		return err
	}
	if len(salt) != protonSaltSize || len(content) < protonNonceSize {
		return fmt.Errorf("%w: it is cut short", ErrDamaged)
	}
	params := argon2id{passes: 2, memory: 19 << 20, threads: 1}
	password, err := r.password(params.memory)
	if err != nil {
		return err
	}
	key, err := r.argon2id(params, password, salt)
	if err != nil {
		return err
	}
	plain, ok, err := openGCM(key, content[:protonNonceSize], content[protonNonceSize:], []byte(protonAdditional))
	if err != nil {
		return err
	}
	if !ok {
		return errBoxClosed()
	}
	return readProton(r, plain)
}
