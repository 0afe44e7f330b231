package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/crypto/keyring"
)

// Automatic backups: each change of an account is followed, soon, by a new
// encrypted version in a folder of the user's choice, and the oldest goes. The
// passphrase lies in the keyring, sealed as the accounts are.
const (
	backupItem   = "backup-passphrase"
	backupPrefix = "countersign-accounts"
	// backupQuiet is how long after the last change a backup is made, and
	// backupEvery how long at least after the one before.
	backupQuiet = time.Minute
	backupEvery = time.Hour
)

// What backups refuse, for errors.Is.
var (
	ErrNoBackups          = errors.New("automatic backups do not exist here")
	ErrNoBackupPassphrase = errors.New("set a passphrase for the backups first")
	ErrNoBackupFolder     = errors.New("choose a folder for the backups first")
)

// BackupPlace opens a folder of the user's choice; backup.Dir does on desktops.
type BackupPlace func(folder string) backup.Folder

// BackupState is how the automatic backups are doing.
type BackupState struct {
	Possible bool      // there are folders on this platform
	Folder   string    // "" is none
	Last     time.Time // since the app was started; zero: none yet
	Err      error     // of the latest try
}

// backups is what the app knows of them. Under App.mu.
type backups struct {
	due     time.Time // zero: nothing has changed
	last    time.Time
	err     error
	running bool
}

// Export gives the accounts with their secrets, the trash included, to write
// them to a file. Push keys never leave: a new phone enrols again.
func (a *App) Export() ([]transfer.Entry, error) {
	a.mu.Lock()
	x := a.index
	a.mu.Unlock()
	var out []transfer.Entry
	for _, e := range x.Accounts {
		if !e.visible() || e.Code == nil {
			continue
		}
		k, err := a.Key(e.ID)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Issuer, err)
		}
		out = append(out, transfer.Entry{Key: k, Groups: e.Groups, Note: e.Note, Icon: e.Icon, Pinned: e.Pinned, Trashed: !e.Deleted.IsZero()})
	}
	return out, nil
}

// SetBackup begins automatic backups into a folder, and makes the first at once;
// with folder "" it ends them. What cannot be written is told, and not begun.
func (a *App) SetBackup(ctx context.Context, folder, passphrase string) error {
	if folder == "" {
		if err := a.cfg.Keyring.Delete(ctx, backupItem); err != nil {
			return fmt.Errorf("deleting the backups' passphrase: %w", err)
		}
		return a.UpdateSettings(ctx, func(s *Settings) { s.BackupFolder = "" })
	}
	key, err := a.vaultKey()
	if err != nil {
		return err
	}
	if err := a.writeBackup(ctx, folder, passphrase); err != nil {
		return err
	}
	if err := a.cfg.Keyring.Set(ctx, backupItem, seal(key, []byte(passphrase), backupItem)); err != nil {
		return fmt.Errorf("storing the backups' passphrase: %w", err)
	}
	return a.UpdateSettings(ctx, func(s *Settings) { s.BackupFolder = folder })
}

// BackupState tells how the automatic backups are doing.
func (a *App) BackupState() BackupState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return BackupState{Possible: a.cfg.Backups != nil, Folder: a.settings.BackupFolder, Last: a.backups.last, Err: a.backups.err}
}

// backupSoon notes that something changed.
func (a *App) backupSoon() {
	defer a.wake()
	a.mu.Lock()
	defer a.mu.Unlock()
	due := a.now().Add(backupQuiet)
	if earliest := a.backups.last.Add(backupEvery); !a.backups.last.IsZero() && due.Before(earliest) {
		due = earliest
	}
	a.backups.due = due
}

// nextBackup gives the time of the next backup. A locked app makes none: it
// cannot read what it would write.
func (a *App) nextBackup(time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.Backups == nil || a.settings.BackupFolder == "" || a.vault.key == nil || a.backups.running {
		return time.Time{}
	}
	return a.backups.due
}

// backupIfDue makes a backup beside Run: deriving its key takes a second.
func (a *App) backupIfDue(ctx context.Context, work *sync.WaitGroup) {
	at := a.nextBackup(a.now())
	if at.IsZero() || a.now().Before(at) {
		return
	}
	a.mu.Lock()
	folder := a.settings.BackupFolder
	a.backups.running, a.backups.due = true, time.Time{}
	a.mu.Unlock()
	work.Go(func() {
		err := a.backUp(ctx, folder)
		a.mu.Lock()
		a.backups.running, a.backups.err = false, err
		if err != nil && a.backups.due.IsZero() {
			a.backups.due = a.now().Add(backupEvery) // the folder may come back
		}
		a.mu.Unlock()
		if err != nil {
			a.log.WarnContext(ctx, "automatic backup failed", slogError(err))
		}
		a.wake()
		a.emit(SettingsChanged, "")
	})
}

// backUp makes a version under the passphrase that SetBackup stored.
func (a *App) backUp(ctx context.Context, folder string) error {
	passphrase, err := a.backupPassphrase(ctx)
	if err != nil {
		return err
	}
	return a.writeBackup(ctx, folder, passphrase)
}

// BackupNow makes a backup at once, whatever is due.
func (a *App) BackupNow(ctx context.Context) error {
	folder := a.Settings().BackupFolder
	if folder == "" {
		return ErrNoBackupFolder
	}
	return a.backUp(ctx, folder)
}

// BackupVersions lists the backups in the folder, the newest first. They may be
// another device's: a folder can be shared.
func (a *App) BackupVersions(ctx context.Context) ([]backup.Version, error) {
	folder := a.Settings().BackupFolder
	if folder == "" {
		return nil, ErrNoBackupFolder
	}
	if a.cfg.Backups == nil {
		return nil, ErrNoBackups
	}
	found, err := a.versions(folder).List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the backups: %w", err)
	}
	return found, nil
}

// ReadBackup gives the content of a backup that BackupVersions listed, still
// encrypted: it is restored as any other file is imported, with its preview.
func (a *App) ReadBackup(ctx context.Context, name string) ([]byte, error) {
	found, err := a.BackupVersions(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, func(v backup.Version) bool { return v.Name == name }) { // no way out of the folder
		return nil, fmt.Errorf("reading the backup %q: %w", name, fs.ErrNotExist)
	}
	f, err := a.cfg.Backups(a.Settings().BackupFolder).Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("opening the backup: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, transfer.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the backup: %w", err)
	}
	if len(data) > transfer.MaxFileBytes {
		return nil, transfer.ErrTooLarge
	}
	return data, nil
}

func (a *App) versions(folder string) backup.Versions {
	return backup.Versions{Folder: a.cfg.Backups(folder), Prefix: backupPrefix, Keep: a.Settings().BackupKeep, Now: a.now}
}

func (a *App) backupPassphrase(ctx context.Context) (string, error) {
	key, err := a.vaultKey()
	if err != nil {
		return "", err
	}
	sealed, err := a.cfg.Keyring.Get(ctx, backupItem)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", ErrNoBackupPassphrase
	}
	if err != nil {
		return "", fmt.Errorf("reading the backups' passphrase: %w", err)
	}
	passphrase, err := open(key, sealed, backupItem)
	return string(passphrase), err
}

// writeBackup makes one version.
func (a *App) writeBackup(ctx context.Context, folder, passphrase string) error {
	if a.cfg.Backups == nil {
		return ErrNoBackups
	}
	entries, err := a.Export()
	if err != nil {
		return err
	}
	version, err := a.versions(folder).Write(ctx, func(w io.Writer) error {
		return a.encrypt(ctx, w, entries, passphrase, a.now())
	})
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	a.mu.Lock()
	a.backups.last, a.backups.err = version.Time, nil
	a.mu.Unlock()
	return nil
}
