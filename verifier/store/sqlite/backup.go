package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Backup implements store.Store. The copy is one state of the database, and a
// database itself; updates go on meanwhile. A file that exists is not replaced.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	// Made here, for its mode: 0600.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			_ = os.Remove(path) // half a backup is none
		}
	}()
	if err := s.vacuumInto(ctx, path); err != nil {
		return fmt.Errorf("store: backup: %w", translate(err))
	}
	// SQLite leaves the flush to us.
	if err := file.Sync(); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

func (s *Store) vacuumInto(ctx context.Context, path string) error {
	full, err := connector(s.path, "_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	c, err := dial(ctx, full, s.path)
	if err != nil {
		return err
	}
	stmt, err := c.statement("VACUUM INTO ?")
	if err == nil {
		_, err = stmt.ExecContext(ctx, named([]driver.Value{path})) // long: ctx may end it
	}
	return errors.Join(err, c.close())
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // has no such call and needs none
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("store: backup: flushing the folder: %w", err)
	}
	return nil
}
