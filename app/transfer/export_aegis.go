package transfer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/crypto/scrypt"

	"countersign/crypto/backup"
	"countersign/crypto/otp"
)

// What Aegis itself takes of scrypt: 32 MiB.
const (
	aegisScryptN = 1 << 15
	aegisScryptR = 8
	aegisScryptP = 1
)

// MarshalAegis writes the accounts as a vault that Aegis imports, in plain
// text: whoever reads the file has all accounts. Trashed accounts are left out,
// since Aegis has no place for them.
func MarshalAegis(entries []Entry) ([]byte, error) {
	db, err := toAegis(entries)
	if err != nil {
		return nil, err
	}
	// Aegis wants slots and params to be there, and null.
	vault := struct {
		Version int `json:"version"`
		Header  struct {
			Slots  *[]aegisSlot `json:"slots"`
			Params *aegisParams `json:"params"`
		} `json:"header"`
		DB aegisDB `json:"db"`
	}{Version: aegisVersion, DB: db}
	return marshal(vault)
}

// MarshalAegisEncrypted is MarshalAegis under a password of
// backup.MinPassphraseSize bytes or more. Deriving the key takes 32 MiB and a
// tenth of a second.
func MarshalAegisEncrypted(entries []Entry, password string) ([]byte, error) {
	if len(password) < backup.MinPassphraseSize {
		return nil, fmt.Errorf("exporting to Aegis: %w", backup.ErrWeakPassphrase)
	}
	db, err := toAegis(entries)
	if err != nil {
		return nil, err
	}
	plain, err := marshal(db)
	if err != nil {
		return nil, err
	}
	key, salt := random(keySize), random(keySize)
	wrapping, err := scrypt.Key([]byte(password), salt, aegisScryptN, aegisScryptR, aegisScryptP, keySize)
	if err != nil {
		return nil, fmt.Errorf("exporting to Aegis: %w", err)
	}
	wrapped, wrappedParams, err := sealAegis(wrapping, key)
	if err != nil {
		return nil, err
	}
	sealed, params, err := sealAegis(key, plain)
	if err != nil {
		return nil, err
	}
	slot := aegisSlot{
		Type: aegisPasswordSlot, UUID: newUUID(), Key: hex.EncodeToString(wrapped), KeyParams: wrappedParams,
		N: aegisScryptN, R: aegisScryptR, P: aegisScryptP, Salt: hex.EncodeToString(salt), Repaired: true,
	}
	return marshal(aegisVault[string]{
		Version: aegisVersion,
		Header:  aegisHeader{Slots: []aegisSlot{slot}, Params: &params},
		DB:      base64.StdEncoding.EncodeToString(sealed),
	})
}

func toAegis(entries []Entry) (aegisDB, error) {
	if err := checkCount(entries); err != nil {
		return aegisDB{}, err
	}
	db := aegisDB{Version: aegisDBVersion, Entries: []aegisEntry{}, Groups: []aegisGroup{}}
	uuids := make(map[string]string)
	for _, e := range entries {
		if e.Trashed {
			continue
		}
		if err := e.Key.Validate(); err != nil {
			return aegisDB{}, fmt.Errorf("exporting %s: %w", title(e.Key.Issuer, e.Key.Name), err)
		}
		out := aegisEntry{
			Type: string(e.Key.Type), UUID: newUUID(), Name: e.Key.Name, Issuer: e.Key.Issuer,
			Note: e.Note, Favorite: e.Pinned, Info: aegisInfoOf(e.Key),
		}
		for _, group := range e.Groups {
			if uuids[group] == "" {
				uuids[group] = newUUID()
				db.Groups = append(db.Groups, aegisGroup{UUID: uuids[group], Name: group})
			}
			out.Groups = append(out.Groups, uuids[group])
		}
		db.Entries = append(db.Entries, out)
	}
	return db, nil
}

func aegisInfoOf(k otp.Key) aegisInfo {
	info := aegisInfo{Secret: k.Secret.Base32(), Algo: string(k.Algorithm), Digits: &k.Digits, PIN: string(k.PIN)}
	if k.Type == otp.HOTP {
		counter := int64(k.Counter)
		info.Counter = &counter
	} else {
		info.Period = &k.Period
	}
	return info
}

// sealAegis is AES-256-GCM with the tag kept apart.
func sealAegis(key, plain []byte) ([]byte, aegisParams, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, aegisParams{}, fmt.Errorf("exporting to Aegis: %w", err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return nil, aegisParams{}, fmt.Errorf("exporting to Aegis: %w", err)
	}
	nonce := random(box.NonceSize())
	sealed := box.Seal(nil, nonce, plain, nil)
	cut := len(sealed) - box.Overhead()
	return sealed[:cut], aegisParams{Nonce: hex.EncodeToString(nonce), Tag: hex.EncodeToString(sealed[cut:])}, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: the program stops instead
	return b
}

// newUUID is a random UUID (RFC 9562 §5.4).
func newUUID() string {
	b := random(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v, jsontext.WithIndent("    "))
	if err != nil {
		return nil, fmt.Errorf("exporting accounts: %w", err)
	}
	return data, nil
}
