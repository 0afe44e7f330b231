package transfer

import (
	"fmt"
	"strings"

	"countersign/crypto/otp"
)

// aegisVault is the file of Aegis; db is the database, or its base64 where it
// is encrypted.
type aegisVault[DB any] struct {
	Version int         `json:"version"`
	Header  aegisHeader `json:"header"`
	DB      DB          `json:"db"`
}

type aegisHeader struct {
	Slots  []aegisSlot  `json:"slots"`
	Params *aegisParams `json:"params"`
}

// aegisSlot wraps the vault's key with one of the ways to unlock it.
type aegisSlot struct {
	Type      int         `json:"type"`
	UUID      string      `json:"uuid"`
	Key       string      `json:"key"`
	KeyParams aegisParams `json:"key_params"`
	N         int64       `json:"n"`
	R         int64       `json:"r"`
	P         int64       `json:"p"`
	Salt      string      `json:"salt"`
	Repaired  bool        `json:"repaired"`
	IsBackup  bool        `json:"is_backup"`
}

type aegisParams struct {
	Nonce string `json:"nonce"`
	Tag   string `json:"tag"`
}

type aegisDB struct {
	Version int          `json:"version"`
	Entries []aegisEntry `json:"entries"`
	Groups  []aegisGroup `json:"groups,omitzero"`
}

type aegisGroup struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

type aegisEntry struct {
	Type     string    `json:"type"`
	UUID     string    `json:"uuid"`
	Name     string    `json:"name"`
	Issuer   string    `json:"issuer"`
	Note     string    `json:"note"`
	Favorite bool      `json:"favorite"`
	Icon     *string   `json:"icon"` // the picture; it has no name
	Info     aegisInfo `json:"info"`
	Group    string    `json:"group,omitzero"`  // versions 1 and 2: a name
	Groups   []string  `json:"groups,omitzero"` // from version 3: UUIDs
}

type aegisInfo struct {
	Secret  string `json:"secret"`
	Algo    string `json:"algo"`
	Digits  *int   `json:"digits"`
	Period  *int   `json:"period,omitzero"`
	Counter *int64 `json:"counter,omitzero"`
	PIN     string `json:"pin,omitzero"`
}

const (
	aegisPasswordSlot = 1
	aegisVersion      = 1
	aegisDBVersion    = 3
)

func readAegis(r *run, data []byte) error {
	var vault aegisVault[aegisDB]
	if err := decode(data, &vault); err != nil {
		return err
	}
	return addAegis(r, vault.DB)
}

func readAegisEncrypted(r *run, data []byte) error {
	var vault aegisVault[string]
	if err := decode(data, &vault); err != nil {
		return err
	}
	key, err := aegisKey(r, vault.Header.Slots)
	if err != nil {
		return err
	}
	if vault.Header.Params == nil {
		return fmt.Errorf("%w: it lacks header.params", ErrDamaged)
	}
	sealed, err := fromBase64("db", vault.DB)
	if err != nil {
		return err
	}
	plain, ok, err := openAegis(key, sealed, *vault.Header.Params)
	if err != nil {
		return err
	}
	if !ok { // the password is right: a slot opened
		return fmt.Errorf("%w: its database was changed or cut short", ErrDamaged)
	}
	var db aegisDB
	if err := decode(plain, &db); err != nil {
		return err
	}
	return addAegis(r, db)
}

// aegisKey unwraps the vault's key from the first password slot that opens.
func aegisKey(r *run, all []aegisSlot) ([]byte, error) {
	slots, memory, err := passwordSlots(all)
	if err != nil {
		return nil, err
	}
	password, err := r.password(memory)
	if err != nil {
		return nil, err
	}
	for _, slot := range slots {
		salt, err := fromHex("salt", slot.Salt)
		if err != nil {
			return nil, err
		}
		wrapped, err := fromHex("key", slot.Key)
		if err != nil {
			return nil, err
		}
		wrapping, err := r.scrypt(scryptParams{slot.N, slot.R, slot.P}, password, salt)
		if err != nil {
			return nil, err
		}
		key, ok, err := openAegis(wrapping, wrapped, slot.KeyParams)
		if err != nil {
			return nil, err
		}
		if ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: type the password of the Aegis vault again", ErrWrongPassword)
}

// passwordSlots picks the slots that a password opens, checks what they cost
// before anybody types, and gives the memory that the largest takes.
func passwordSlots(all []aegisSlot) (slots []aegisSlot, memory int64, err error) {
	for _, slot := range all {
		if slot.Type != aegisPasswordSlot {
			continue
		}
		params := scryptParams{slot.N, slot.R, slot.P}
		if err := params.check(); err != nil {
			return nil, 0, err
		}
		memory = max(memory, params.memory())
		slots = append(slots, slot)
	}
	switch {
	case len(slots) == 0:
		return nil, 0, fmt.Errorf("%w: only the phone's fingerprint opens this vault; set a password in Aegis and export again", ErrRestricted)
	case len(slots) > MaxAegisSlots:
		return nil, 0, fmt.Errorf("%w: %d password slots", ErrTooCostly, len(slots))
	}
	return slots, memory, nil
}

// openAegis opens AES-GCM whose nonce and tag are kept apart in hexadecimal.
func openAegis(key, sealed []byte, params aegisParams) ([]byte, bool, error) {
	nonce, err := fromHex("nonce", params.Nonce)
	if err != nil {
		return nil, false, err
	}
	tag, err := fromHex("tag", params.Tag)
	if err != nil {
		return nil, false, err
	}
	return openGCM(key, nonce, append(sealed[:len(sealed):len(sealed)], tag...), nil)
}

func addAegis(r *run, db aegisDB) error {
	names := make(map[string]string, len(db.Groups))
	for _, group := range db.Groups {
		names[group.UUID] = group.Name
	}
	for _, e := range db.Entries {
		groups := []string{e.Group}
		for _, uuid := range e.Groups {
			groups = append(groups, names[uuid])
		}
		entry := Entry{Groups: groups, Note: e.Note, Pinned: e.Favorite}
		if err := addAegisEntry(r, e, entry); err != nil {
			return err
		}
	}
	return nil
}

func addAegisEntry(r *run, e aegisEntry, entry Entry) error {
	f := fields{
		Type: otp.Type(strings.ToLower(e.Type)), Issuer: e.Issuer, Name: e.Name, Algorithm: e.Info.Algo,
		Digits: e.Info.Digits, Period: e.Info.Period, Counter: e.Info.Counter, PIN: e.Info.PIN,
	}
	// Aegis lets MD5 be chosen for any kind by mistake, and computes SHA-1.
	if f.Algorithm == string(otp.MD5) && f.Type != otp.MOTP {
		f.Algorithm = string(otp.SHA1)
	}
	// Aegis keeps all secrets in base32, Mobile-OTP's too.
	secret, err := otp.ParseSecret(e.Info.Secret)
	if err != nil {
		return r.leaveOut(title(e.Issuer, e.Name), err)
	}
	return r.addRaw(f, secret, entry)
}
