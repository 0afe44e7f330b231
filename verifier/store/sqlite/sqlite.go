// Package sqlite keeps the verifier's state in one SQLite file, in the process.
//
// An update is durable when Update returns: the database is in WAL mode with
// synchronous FULL, so that a commit is one append and one fsync. The fsync is
// the cost, so updates share it: whatever has queued up while one commit ran is
// run next in a single transaction, and all of it returns when its commit does
// (group commit). An update that fails leaves nothing, and the others stand.
//
// Reads have connections of their own and never wait for a writer. Other
// processes may use the same file at the same time: the command line does,
// while the server runs.
package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

const (
	// applicationID stands in the file's header (PRAGMA application_id), so
	// that another program's database is not taken for ours: "CSGN".
	applicationID = 0x4353474e
	// schemaVersion is PRAGMA user_version.
	schemaVersion = 1

	// busyTimeout is how long to wait for another process's transaction.
	busyTimeout = 15 * time.Second
	// maxReaders is how many views run at once.
	maxReaders = 16
	// maxBatch is how many updates share a commit.
	maxBatch = 256
	// foldEvery is after how many written records the journal is folded into the
	// file, and maxJournal how many of its pages (of 4 KiB) the writer lets pass
	// until it does that itself.
	foldEvery  = 2000
	maxJournal = 8000
)

// Store is a store.Store in a file. It is safe for use by several goroutines.
// A view or update must not begin another update inside itself: it would wait
// for itself.
type Store struct {
	path    string
	writer  *conn
	folder  *conn
	reads   driver.Connector
	readers readers

	queue   queue
	due     chan struct{} // the journal wants folding
	written int           // the leader's: records since it last did
	closing chan struct{}
	folded  chan struct{} // closed when the folder has ended
	close   sync.Once
}

// Open opens the database at path, and makes it, with its folder (0700, the
// file 0600), where there is none.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	s := &Store{
		path:    path,
		readers: readers{places: make(chan struct{}, maxReaders)},
		queue:   queue{idle: make(chan struct{})},
		due:     make(chan struct{}, 1),
		closing: make(chan struct{}),
		folded:  make(chan struct{}),
	}
	if s.reads, err = connector(path, "_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	writes, err := connector(path, "_pragma=synchronous(FULL)", fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", maxJournal))
	if err != nil {
		return nil, err
	}
	if s.writer, err = openWriter(ctx, writes, path); err != nil {
		return nil, translate(err)
	}
	if s.folder, err = dial(ctx, writes, path); err != nil {
		return nil, errors.Join(translate(err), s.writer.close())
	}
	go s.fold()
	return s, nil
}

// makeFile makes the folder and an empty file, both for their owner alone.
// SQLite gives its journal the file's own mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // not opened here: closing it would drop SQLite's locks on it
	}
	if err != nil {
		return err
	}
	return file.Close()
}

func connector(path string, options ...string) (driver.Connector, error) {
	file := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	always := []string{fmt.Sprintf("_pragma=busy_timeout(%d)", busyTimeout.Milliseconds()), "_pragma=journal_mode(WAL)"}
	file.RawQuery = strings.Join(append(always, options...), "&")
	return sqlite.NewConnector(file.String())
}

// openWriter opens the writer's connection, and makes the schema where the file
// is new.
func openWriter(ctx context.Context, writes driver.Connector, path string) (*conn, error) {
	c, err := dial(ctx, writes, path)
	if err != nil {
		return nil, err
	}
	err = migrate(c)
	if err == nil {
		// From here on the writer waits for its turn itself; see beginWriting.
		err = c.exec("PRAGMA busy_timeout = 0")
	}
	if err == nil {
		err = c.prepare()
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// migrate makes the schema in a new file, and refuses a file that is not ours.
func migrate(c *conn) (err error) {
	fresh, err := isNew(c)
	if err != nil || !fresh {
		return err
	}
	// Immediate: of two processes that start together one makes the schema.
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.exec("ROLLBACK") // the error is the one to tell
		}
	}()
	if fresh, err = isNew(c); err != nil {
		return err
	}
	if fresh {
		if err := makeSchema(c); err != nil {
			return err
		}
	}
	return c.exec("COMMIT")
}

// isNew tells a file that is empty from one that is ours; any other is an error.
func isNew(c *conn) (bool, error) {
	stmt, err := c.statement("SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version")
	if err != nil {
		return false, err
	}
	var id, version, tables int64
	err = query(stmt, 3, func(row []driver.Value) error {
		for i, n := range []*int64{&id, &version, &tables} {
			*n, _ = row[i].(int64)
		}
		return nil
	})
	switch {
	case err != nil:
		return false, err
	case id == 0 && version == 0 && tables == 0:
		return true, nil
	case id != applicationID:
		return false, errors.New("this is another program's database")
	case version != schemaVersion:
		return false, fmt.Errorf("it was written by a newer version of this program (schema %d, this one knows %d)", version, schemaVersion)
	}
	return false, nil
}

func makeSchema(c *conn) error {
	return c.exec(
		// BLOB keys compare byte-wise, whatever is in them.
		"CREATE TABLE records (bucket TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	)
}

// Close waits for the updates and views that run, and closes the file. Those
// that come afterwards get store.ErrClosed.
func (s *Store) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closing)
		s.queue.close()
		<-s.folded
		// The readers first: the last connection to go folds the journal into
		// the file, and a read-only one cannot.
		err = errors.Join(s.readers.close(), s.folder.close(), s.writer.close())
	})
	return translate(err)
}
