package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/crypto/backup"
	"countersign/crypto/otp"
)

// Our own format is one JSON document. A key is its canonical link, so that
// any other app can be fed by hand; what surrounds it is plain members.
const (
	ownFormat  = "countersign-accounts"
	ownVersion = 1

	// backupKind names the content of an encrypted export.
	backupKind = "accounts"

	// ownKDFMemory is what opening an encrypted export may take: scrypt with
	// N 2^20, the most that crypto/backup allows.
	ownKDFMemory = 1 << 30
)

type ownFile struct {
	Format  string     `json:"format"`
	Version int        `json:"version"`
	Created time.Time  `json:"created"`
	Entries []ownEntry `json:"entries"`
}

type ownEntry struct {
	URI     string   `json:"uri"`
	Groups  []string `json:"groups,omitzero"`
	Note    string   `json:"note,omitzero"`
	Icon    string   `json:"icon,omitzero"`
	Pinned  bool     `json:"pinned,omitzero"`
	Trashed bool     `json:"trashed,omitzero"`
}

// MarshalAccounts writes the accounts in this app's own JSON, unencrypted: it
// is meant to be sealed, by WriteEncrypted or an automatic backup.
func MarshalAccounts(entries []Entry, now time.Time) ([]byte, error) {
	if err := checkCount(entries); err != nil {
		return nil, err
	}
	file := ownFile{Format: ownFormat, Version: ownVersion, Created: now.UTC(), Entries: make([]ownEntry, 0, len(entries))}
	for _, e := range entries {
		if err := e.Key.Validate(); err != nil {
			return nil, fmt.Errorf("exporting %s: %w", title(e.Key.Issuer, e.Key.Name), err)
		}
		file.Entries = append(file.Entries, ownEntry{
			URI: e.Key.URI(), Groups: e.Groups, Note: e.Note, Icon: e.Icon, Pinned: e.Pinned, Trashed: e.Trashed,
		})
	}
	data, err := json.Marshal(file, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("exporting accounts: %w", err)
	}
	return data, nil
}

// checkCount bounds what is written as what is read is bounded.
func checkCount(entries []Entry) error {
	if len(entries) > MaxEntries {
		return fmt.Errorf("%w: %d accounts at most", ErrTooLarge, MaxEntries)
	}
	return nil
}

// WriteEncrypted writes the accounts as an age file that the passphrase opens,
// here or with the age program. Deriving the key takes about a second and
// 256 MiB. The errors are backup's: ErrWeakPassphrase among them.
func WriteEncrypted(ctx context.Context, dst io.Writer, entries []Entry, passphrase string, now time.Time) error {
	data, err := MarshalAccounts(entries, now)
	if err != nil {
		return err
	}
	lock, err := backup.PassphraseLock(passphrase)
	if err != nil {
		return fmt.Errorf("exporting accounts: %w", err)
	}
	err = backup.Write(ctx, dst, backupKind, lock, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("exporting accounts: %w", err)
	}
	return nil
}

// ageMemory is what the key of an age file takes by its header, "-> scrypt SALT
// LOG2N": 128·r·N octets with r 8 (RFC 7914 §5; C2SP age, scrypt recipient).
// Whatever is no such header is refused later, and counts as the most.
func ageMemory(data []byte) int64 {
	lines := bytes.SplitN(data[:min(len(data), 256)], []byte("\n"), 3)
	if len(lines) < 3 {
		return ownKDFMemory
	}
	fields := strings.Fields(string(lines[1]))
	if len(fields) != 4 || fields[1] != "scrypt" {
		return ownKDFMemory
	}
	logN, err := strconv.Atoi(fields[3])
	if err != nil || logN < 1 || logN > 20 {
		return ownKDFMemory
	}
	return 1 << (10 + logN)
}

func readOwnEncrypted(r *run, data []byte) error {
	memory := ageMemory(data)
	passphrase, err := r.password(memory)
	if err != nil {
		return err
	}
	key, err := backup.PassphraseKey(passphrase)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrongPassword, err)
	}
	plain, err := r.derive(memory, func() ([]byte, error) {
		return backup.ReadAll(bytes.NewReader(data), backupKind, key, MaxFileBytes)
	})
	switch {
	case err == nil:
		return readOwn(r, plain)
	case errors.Is(err, backup.ErrWrongKey):
		return fmt.Errorf("%w: type the passphrase of the export again", ErrWrongPassword)
	case errors.Is(err, backup.ErrWrongKind):
		return fmt.Errorf("%w: this backup holds other data than accounts", ErrUnknownFormat)
	case errors.Is(err, backup.ErrTooLarge):
		return fmt.Errorf("%w: %d MiB at most", ErrTooLarge, MaxFileBytes>>20)
	case errors.Is(err, backup.ErrDamaged), errors.Is(err, backup.ErrNotBackup):
		return fmt.Errorf("%w: it was changed or cut short", ErrDamaged)
	default:
		return err
	}
}

func readOwn(r *run, data []byte) error {
	var file ownFile
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: its JSON does not read, or a newer version of this app wrote it", ErrDamaged)
	}
	if file.Version != ownVersion {
		return fmt.Errorf("%w: export version %d is newer than this app; update it", ErrUnknownFormat, file.Version)
	}
	for _, e := range file.Entries {
		entry := Entry{Groups: e.Groups, Note: e.Note, Icon: e.Icon, Pinned: e.Pinned, Trashed: e.Trashed}
		key, err := otp.ParseURI(e.URI)
		if err != nil { // nobody else writes this format: a bad key is damage
			return fmt.Errorf("%w: an account's %w", ErrDamaged, err)
		}
		entry.Key = key
		if err := r.add(entry); err != nil {
			return err
		}
	}
	return nil
}
