// Package backup writes and reads encrypted exports: the authenticator's
// accounts and the verifier's data.
//
// A backup is an age file (age-encryption.org/v1), so that it can be opened
// with the age program in twenty years' time. It is locked with a passphrase,
// or to recipients whose identities are kept elsewhere. Inside, one line names
// the kind of data; the rest is the caller's. Both directions stream.
//
// A reader must reach io.EOF before it acts on what it has read: a file that
// was cut short is sound up to the cut. [ReadAll] sees to that.
package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// The errors of reading, to be compared with errors.Is.
var (
	// ErrNotBackup: the file is no age file at all.
	ErrNotBackup = errors.New("backup: not an encrypted backup")
	// ErrWrongKey: neither the passphrase nor any identity opens the file.
	// A file whose header decayed in the few bytes that wrap the key says
	// the same; its body is covered by ErrDamaged.
	ErrWrongKey = errors.New("backup: wrong passphrase or key")
	// ErrDamaged: the file is cut short or was changed.
	ErrDamaged = errors.New("backup: damaged")
	// ErrWrongKind: a sound backup of something else.
	ErrWrongKind = errors.New("backup: holds another kind of data")
	// ErrTooLarge: more data than the caller of ReadAll allowed.
	ErrTooLarge = errors.New("backup: too large")
	// ErrWeakPassphrase: a new passphrase is shorter than MinPassphraseSize.
	ErrWeakPassphrase = errors.New("backup: passphrase must have at least 8 bytes")
)

const (
	// MinPassphraseSize is the shortest passphrase in bytes that locks a
	// backup: whoever has the file can guess at leisure.
	MinPassphraseSize = 8

	// scryptLogN is the work of a passphrase, 2^18: about a second and 256
	// MiB (age's own default).
	scryptLogN = 18
	// maxScryptLogN bounds what a file from outside may demand: 1 GiB.
	maxScryptLogN = 20

	// magic begins every age file.
	magic = "age-encryption.org/v1\n"

	maxKindSize = 32
)

// Lock is what a backup is encrypted to.
type Lock struct{ recipients []age.Recipient }

// Key is what opens a backup.
type Key struct{ identities []age.Identity }

// PassphraseLock locks with a passphrase (scrypt).
func PassphraseLock(passphrase string) (Lock, error) {
	return passphraseLock(passphrase, scryptLogN)
}

// passphraseLock lets tests take less work.
func passphraseLock(passphrase string, logN int) (Lock, error) {
	if len(passphrase) < MinPassphraseSize {
		return Lock{}, ErrWeakPassphrase
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return Lock{}, fmt.Errorf("lock a backup: %w", err)
	}
	r.SetWorkFactor(logN)
	return Lock{recipients: []age.Recipient{r}}, nil
}

// PassphraseKey opens what PassphraseLock locked.
func PassphraseKey(passphrase string) (Key, error) {
	if passphrase == "" {
		return Key{}, ErrWrongKey
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return Key{}, fmt.Errorf("open a backup: %w", err)
	}
	id.SetMaxWorkFactor(maxScryptLogN)
	return Key{identities: []age.Identity{id}}, nil
}

// RecipientLock locks to public keys as age-keygen prints them (age1…, one a
// line). The server can then make backups that it cannot itself read.
func RecipientLock(recipients string) (Lock, error) {
	rs, err := age.ParseRecipients(strings.NewReader(recipients))
	if err != nil {
		return Lock{}, fmt.Errorf("read the backup's recipients: %w", err)
	}
	return Lock{recipients: rs}, nil
}

// IdentityKey opens with secret keys as age-keygen writes them
// (AGE-SECRET-KEY-…, one a line).
func IdentityKey(identities string) (Key, error) {
	ids, err := age.ParseIdentities(strings.NewReader(identities))
	if err != nil {
		return Key{}, fmt.Errorf("read the backup's identities: %w", err)
	}
	return Key{identities: ids}, nil
}

// IsBackup tells whether data, the beginning of a file, is that of an age file:
// what the import screen asks before it asks for a passphrase.
func IsBackup(data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) }

// NewWriter begins a backup of the given kind (1 to 32 lower-case letters,
// digits or '-'). What is written to it arrives encrypted in dst. Close ends
// the backup, and without it the file is damaged; it does not close dst.
func NewWriter(dst io.Writer, kind string, lock Lock) (io.WriteCloser, error) {
	if !validKind(kind) {
		return nil, fmt.Errorf("begin a backup: invalid kind %q", kind)
	}
	w, err := age.Encrypt(dst, lock.recipients...)
	if err != nil {
		return nil, fmt.Errorf("begin a backup: %w", err)
	}
	if _, err := io.WriteString(w, firstLine(kind)); err != nil {
		return nil, fmt.Errorf("begin a backup: %w", err)
	}
	return w, nil
}

// NewReader opens a backup and checks that it is of the given kind. Deriving
// the key of a passphrase takes about a second. The reader's own errors are
// ErrDamaged, or those of src.
func NewReader(src io.Reader, kind string, key Key) (io.Reader, error) {
	in := &source{src: src}
	head := make([]byte, len(magic))
	n, err := io.ReadFull(in, head)
	if in.failed != nil {
		return nil, fmt.Errorf("read a backup: %w", in.failed)
	}
	if err != nil || !IsBackup(head[:n]) {
		return nil, ErrNotBackup
	}
	plain, err := age.Decrypt(io.MultiReader(bytes.NewReader(head), in), key.identities...)
	if err != nil {
		return nil, in.openError(err)
	}
	r := &reader{plain: plain, in: in}
	line := make([]byte, len(firstLine(kind)))
	if _, err := io.ReadFull(r, line); err != nil {
		if r.failed || (!errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)) {
			return nil, err
		}
		return nil, ErrWrongKind // sound, and too short to be one of ours
	}
	if string(line) != firstLine(kind) {
		return nil, ErrWrongKind
	}
	return r, nil
}

// ReadAll returns the whole content of a backup, of limit bytes at most, or
// nothing.
func ReadAll(src io.Reader, kind string, key Key, limit int64) ([]byte, error) {
	r, err := NewReader(src, kind, key)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return data, nil
}

// firstLine begins the plaintext. It ends in a newline that no kind contains,
// so one kind is never the beginning of another.
func firstLine(kind string) string { return "countersign backup 1 " + kind + "\n" }

func validKind(kind string) bool {
	if kind == "" || len(kind) > maxKindSize {
		return false
	}
	return strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// source remembers an error of the medium, so that a disk that fails is not
// reported as a file that was tampered with.
type source struct {
	src    io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// openError sorts the errors of age.Decrypt.
func (s *source) openError(err error) error {
	var noMatch *age.NoIdentityMatchError
	switch {
	case s.failed != nil:
		return fmt.Errorf("read a backup: %w", s.failed)
	case errors.As(err, &noMatch):
		return fmt.Errorf("%w: %w", ErrWrongKey, err)
	default:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}

type reader struct {
	plain  io.Reader
	in     *source
	failed bool
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.plain.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	r.failed = true
	if r.in.failed != nil {
		return n, fmt.Errorf("read a backup: %w", r.in.failed)
	}
	return n, fmt.Errorf("%w: %w", ErrDamaged, err)
}

// Write makes a backup in dst by calling content, and ends it. It stops with
// ctx's error at the next write when ctx ends.
func Write(ctx context.Context, dst io.Writer, kind string, lock Lock, content func(io.Writer) error) error {
	w, err := NewWriter(dst, kind, lock)
	if err != nil {
		return err
	}
	if err := content(cancellable{ctx, w}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end a backup: %w", err)
	}
	return nil
}

type cancellable struct {
	ctx context.Context
	w   io.Writer
}

func (c cancellable) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
