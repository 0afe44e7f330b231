// Package sqlite keeps the verifier's state in one SQLite file, in the process.
//
// An update is durable when Update returns: the database is in WAL mode with
// synchronous FULL, so that a commit is one append and one fsync. The fsync is
// the cost, so updates share it: whatever has queued up while one commit ran is
// run next in a single transaction, each update in a savepoint of its own, and
// all of them return when its commit does (group commit). An update that fails
// is rolled back alone.
//
// Reads have connections of their own and never wait for a writer. Other
// processes may use the same file at the same time: the command line does,
// while the server runs.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
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
)

// Store is a store.Store in a file. It is safe for use by several goroutines.
// A view or update must not begin another update inside itself: it would wait
// for itself.
type Store struct {
	path    string
	writes  *sql.DB
	reads   *sql.DB
	readers chan *reader

	requests chan *request
	closing  chan struct{}
	stopped  chan struct{} // closed when the writer has ended
	close    sync.Once
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
		path:     path,
		readers:  make(chan *reader, maxReaders),
		requests: make(chan *request, maxBatch),
		closing:  make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	if s.writes, err = connect(path, 1, "_pragma=synchronous(FULL)"); err != nil {
		return nil, err
	}
	if s.reads, err = connect(path, maxReaders, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.writes.Close())
	}
	w, err := s.prepare(ctx)
	if err != nil {
		return nil, errors.Join(translate(err), s.reads.Close(), s.writes.Close())
	}
	for range maxReaders {
		s.readers <- &reader{}
	}
	go s.write(w)
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

func connect(path string, most int, options string) (*sql.DB, error) {
	file := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	file.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&%s", busyTimeout.Milliseconds(), options)
	connector, err := sqlite.NewConnector(file.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// prepare takes the writer's connection, and makes the schema where the file is
// new.
func (s *Store) prepare(ctx context.Context) (*conn, error) {
	c, err := s.writes.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	// From here on the writer waits for its turn itself; see beginWriting.
	if _, err := c.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return prepareConn(ctx, c)
}

// migrate makes the schema in a new file, and refuses a file that is not ours.
func migrate(ctx context.Context, c *sql.Conn) (err error) {
	fresh, err := isNew(ctx, c)
	if err != nil || !fresh {
		return err
	}
	// Immediate: of two processes that start together one makes the schema.
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // the error is the one to tell
		}
	}()
	if fresh, err = isNew(ctx, c); err != nil {
		return err
	}
	if fresh {
		if err := makeSchema(ctx, c); err != nil {
			return err
		}
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}

// isNew tells a file that is empty from one that is ours; any other is an error.
func isNew(ctx context.Context, c *sql.Conn) (bool, error) {
	var id, version, tables int
	err := c.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version").Scan(&id, &version, &tables)
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

func makeSchema(ctx context.Context, c *sql.Conn) error {
	for _, statement := range []string{
		// BLOB keys compare byte-wise, whatever is in them.
		"CREATE TABLE records (bucket TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	} {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the updates and views that run, and closes the file. Those
// that come afterwards get store.ErrClosed.
func (s *Store) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closing)
		<-s.stopped
		for range maxReaders {
			err = errors.Join(err, (<-s.readers).close())
		}
		// The readers first: the last connection to go folds the journal into
		// the file, and a read-only one cannot.
		err = errors.Join(err, s.reads.Close(), s.writes.Close())
	})
	return translate(err)
}
