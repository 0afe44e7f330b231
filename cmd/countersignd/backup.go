package main

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"countersign/crypto/backup"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/vault"
)

// backupKind names what is inside: a tar archive of the database and its key.
const backupKind = "verifier"

// The members of the archive.
const (
	memberKey      = "key"
	memberDatabase = "countersign.db"
)

type backupCmd struct {
	File string `arg:"" type:"path" help:"File to write; it must not exist."`
	dataFlag
	Recipient []string `help:"Encrypt to this age public key (age1…) instead of a passphrase; may be repeated." placeholder:"KEY"`
}

// Run writes the backup, of one moment, while the server may run.
func (c backupCmd) Run(e *env) error {
	lock, made, err := c.lock(e)
	if err != nil {
		return err
	}
	if err := c.save(e, lock); err != nil || made == "" {
		return err
	}
	// Only now: a passphrase of a backup that was not written is confusing.
	_, err = fmt.Fprintf(e.stdout, "Passphrase: %s\nKeep it: without it nobody can open the backup, and it is shown this once.\n", made)
	return err
}

func (c backupCmd) save(e *env, lock backup.Lock) error {
	return e.with(c.Data, func(d *data) (err error) {
		// A copy in the data folder, which is as protected as the original.
		folder, err := os.MkdirTemp(c.Data, "backup-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		copied := filepath.Join(folder, memberDatabase)
		if err := d.store.Backup(e.ctx, copied); err != nil {
			return err
		}
		return c.write(e.ctx, lock, e.keyFile(c.Data), copied)
	})
}

// lock says how the backup is encrypted: to recipients, or by the passphrase
// that is given. Where none is, as in a nightly job, it makes one and returns
// it, as age itself does.
func (c backupCmd) lock(e *env) (lock backup.Lock, made string, err error) {
	if len(c.Recipient) > 0 {
		lock, err = backup.RecipientLock(strings.Join(c.Recipient, "\n"))
		return lock, "", err
	}
	passphrase, err := e.backupPassphrase(true)
	if errors.Is(err, errNoSecret) {
		made, err = newPassphrase(), nil
		passphrase = made
	}
	if err != nil {
		return backup.Lock{}, "", err
	}
	lock, err = backup.PassphraseLock(passphrase)
	return lock, made, err
}

// newPassphrase makes a passphrase of 125 bits that can be read out: five
// groups of five characters of base32 (RFC 4648 §6).
func newPassphrase() string {
	text := strings.ToLower(rand.Text())
	return strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:20], text[20:25]}, "-")
}

// write makes the encrypted file, whole or not at all.
func (c backupCmd) write(ctx context.Context, lock backup.Lock, key, database string) (err error) {
	file, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			_ = os.Remove(c.File) // half a backup is none
		}
	}()
	err = backup.Write(ctx, file, backupKind, lock, func(w io.Writer) error {
		archive := tar.NewWriter(w)
		err := errors.Join(addMember(archive, memberKey, key), addMember(archive, memberDatabase, database))
		return errors.Join(err, archive.Close())
	})
	if err != nil {
		return err
	}
	return file.Sync()
}

func addMember(archive *tar.Writer, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}

type restoreCmd struct {
	File string `arg:"" type:"existingfile" help:"The backup."`
	dataFlag
	Identity string `help:"File with the age secret key that the backup is encrypted to." type:"existingfile" placeholder:"FILE"`
}

// Run makes a data folder of the backup. A folder that has data is left alone.
func (c restoreCmd) Run(e *env) error {
	key, err := c.key(e)
	if err != nil {
		return err
	}
	for _, path := range []string{databasePath(c.Data), e.keyFile(c.Data)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists; restore into an empty folder", path)
		}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	// Everything is read and checked before anything gets its name: a backup
	// that was cut short is sound up to the cut.
	folder, err := os.MkdirTemp(c.Data, "restore-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := c.unpack(folder, key); err != nil {
		return err
	}
	if err := check(e.ctx, folder); err != nil {
		return fmt.Errorf("the backup does not hold a verifier's data: %w", err)
	}
	if err := move(filepath.Join(folder, memberKey), e.keyFile(c.Data)); err != nil {
		return err
	}
	return os.Rename(filepath.Join(folder, memberDatabase), databasePath(c.Data))
}

func (c restoreCmd) key(e *env) (backup.Key, error) {
	if c.Identity != "" {
		text, err := os.ReadFile(c.Identity)
		if err != nil {
			return backup.Key{}, err
		}
		return backup.IdentityKey(string(text))
	}
	passphrase, err := e.backupPassphrase(false)
	if err != nil {
		return backup.Key{}, err
	}
	return backup.PassphraseKey(passphrase)
}

func (c restoreCmd) unpack(folder string, key backup.Key) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	content, err := backup.NewReader(file, backupKind, key)
	if err != nil {
		return err
	}
	archive := tar.NewReader(content)
	for _, name := range []string{memberKey, memberDatabase} {
		header, err := archive.Next()
		if err != nil {
			return fmt.Errorf("reading the backup: %w", err)
		}
		if header.Name != name {
			return errors.New("the backup does not hold a verifier's data")
		}
		if err := writeFile(filepath.Join(folder, name), archive); err != nil {
			return err
		}
	}
	// To the very end, where what was cut off shows.
	_, err = io.Copy(io.Discard, content)
	return err
}

func writeFile(path string, content io.Reader) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Sync(), file.Close())
}

// check opens what was unpacked, as the server would.
func check(ctx context.Context, folder string) error {
	s, err := sqlite.Open(ctx, filepath.Join(folder, memberDatabase))
	if err != nil {
		return err
	}
	_, err = vault.OpenFor(ctx, filepath.Join(folder, memberKey), s)
	return errors.Join(err, s.Close())
}

// move renames, also to another file system: the key file may have a place of
// its own.
func move(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	return writeFile(to, file)
}

const (
	passphraseEnv     = "COUNTERSIGN_BACKUP_PASSPHRASE"
	passphraseFileEnv = passphraseEnv + "_FILE"
)

// backupPassphrase asks for the passphrase: the environment, the file that the
// environment names, a person at a terminal, or standard input's first line.
func (e *env) backupPassphrase(fresh bool) (string, error) {
	if passphrase := e.getenv(passphraseEnv); passphrase != "" {
		return passphrase, nil
	}
	if path := e.getenv(passphraseFileEnv); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	if terminal, ok := e.stdin.(*os.File); ok && term.IsTerminal(int(terminal.Fd())) {
		return e.askPassphrase(terminal, fresh)
	}
	return e.secret("passphrase; give one there, in " + passphraseEnv + " or in the file named by " + passphraseFileEnv)
}

func (e *env) askPassphrase(terminal *os.File, fresh bool) (string, error) {
	ask := func(prompt string) (string, error) {
		_, _ = fmt.Fprint(e.stderr, prompt)
		text, err := term.ReadPassword(int(terminal.Fd()))
		_, _ = fmt.Fprintln(e.stderr)
		return string(text), err
	}
	passphrase, err := ask("Passphrase of the backup: ")
	if err != nil || !fresh {
		return passphrase, err
	}
	// A slip of the finger would make a backup that nobody can open.
	again, err := ask("Once more: ")
	if err == nil && again != passphrase {
		return "", errors.New("the two passphrases differ")
	}
	return passphrase, err
}
