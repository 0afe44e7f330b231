package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"

	"countersign/verifier/store"
)

// conn is a connection with its statements prepared. It speaks to the driver
// itself: of what database/sql adds (a pool, conversions, a context's end in the
// middle of a statement) nothing is needed here, and it costs as much as a read.
type conn struct {
	driver driver.Conn
	path   string
	cache  cache // the writer's alone; a reader's keeps nothing
	// pending is what the updates of the writer's transaction have written.
	pending buffer
	get, put, del,
	forward, forwardOpen, reverse, reverseOpen,
	begin, beginWrite, commit, rollback,
	savepoint, release, rollbackTo, dataVersion statement
	all     []driver.Stmt
	written int // records
}

// statement is a prepared one. The driver's are.
type statement interface {
	driver.StmtExecContext
	driver.StmtQueryContext
}

// dial opens a connection with no statements prepared.
func dial(ctx context.Context, c driver.Connector, path string) (*conn, error) {
	opened, err := c.Connect(ctx)
	return &conn{driver: opened, path: path}, err
}

// failed names the file: what is wrong with a disk is mended by who knows which.
func (c *conn) failed(err error) error { return fmt.Errorf("%s: %w", c.path, translate(err)) }

// prepare prepares the statements.
func (c *conn) prepare() error {
	const rows = "SELECT key, value FROM records WHERE bucket = ? AND key >= ?"
	for _, s := range []struct {
		to    *statement
		query string
	}{
		{&c.get, "SELECT value FROM records WHERE bucket = ? AND key = ?"},
		{&c.put, "INSERT OR REPLACE INTO records (bucket, key, value) VALUES (?, ?, ?)"},
		{&c.del, "DELETE FROM records WHERE bucket = ? AND key = ?"},
		{&c.forward, rows + " AND key < ? ORDER BY key LIMIT ?"},
		{&c.forwardOpen, rows + " ORDER BY key LIMIT ?"},
		{&c.reverse, rows + " AND key < ? ORDER BY key DESC LIMIT ?"},
		{&c.reverseOpen, rows + " ORDER BY key DESC LIMIT ?"},
		{&c.begin, "BEGIN"},
		{&c.beginWrite, "BEGIN IMMEDIATE"},
		{&c.commit, "COMMIT"},
		{&c.rollback, "ROLLBACK"},
		{&c.savepoint, "SAVEPOINT one"},
		{&c.release, "RELEASE one"},
		{&c.rollbackTo, "ROLLBACK TO one"},
		{&c.dataVersion, "PRAGMA data_version"},
	} {
		var err error
		if *s.to, err = c.statement(s.query); err != nil {
			return err
		}
	}
	return nil
}

// statement prepares one, which close closes.
func (c *conn) statement(query string) (statement, error) {
	prepared, err := c.driver.Prepare(query)
	if err != nil {
		return nil, err
	}
	c.all = append(c.all, prepared)
	return prepared.(statement), nil
}

// close closes the connection, its statements first: one left open keeps SQLite
// from tidying the journal away.
func (c *conn) close() error {
	var err error
	for _, stmt := range c.all {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, c.driver.Close())
}

// run executes statements that have no arguments.
func (c *conn) run(stmts ...statement) error {
	for _, stmt := range stmts {
		if err := execute(stmt); err != nil {
			return err
		}
	}
	return nil
}

// exec prepares and executes statements that are needed once.
func (c *conn) exec(queries ...string) error {
	for _, query := range queries {
		prepared, err := c.driver.Prepare(query)
		if err != nil {
			return err
		}
		_, err = prepared.(statement).ExecContext(context.Background(), nil)
		if err := errors.Join(err, prepared.Close()); err != nil {
			return err
		}
	}
	return nil
}

// execute and query follow no caller's context: statements are short, and must
// not be cut off in the middle.
func execute(stmt statement, args ...driver.Value) error {
	_, err := stmt.ExecContext(context.Background(), named(args))
	return err
}

// query calls f with each row of so many columns; what the row holds is f's to keep.
func query(stmt statement, columns int, f func(row []driver.Value) error, args ...driver.Value) (err error) {
	rows, err := stmt.QueryContext(context.Background(), named(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, columns)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values
}

// blob is a column's value, which is never NULL in our tables.
func blob(v driver.Value) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%w: a value that is no blob", store.ErrCorrupt)
	}
	if b == nil {
		b = []byte{} // there is a record, and it is empty
	}
	return b, nil
}

// tx is a transaction on a connection. Its writes are kept until a scan must see
// them or the batch is committed: so most updates that fail have nothing to
// undo, most that share a commit need no savepoint, and of a record that is
// written twice SQLite sees the last.
type tx struct {
	conn     *conn
	ctx      context.Context // ends long scans
	readOnly bool
	shared   bool // others have a part in SQLite's transaction
	ended    bool
	own      buffer
	wrote    bool // it has written something
	flushed  bool // SQLite has some of it
	saved    bool // which can be undone by a savepoint
	// broken is an error of the database's own. After one, SQLite may have
	// rolled back the whole transaction, whatever savepoints it had.
	broken error
}

// record names one.
type record struct{ bucket, key string }

// change is a write.
type change struct {
	record  record
	value   []byte
	deleted bool
}

// buffer holds writes that SQLite has not seen yet, of each record the last.
type buffer struct {
	changes []change
	places  map[record]int // in changes
}

func (b *buffer) get(r record) (change, bool) {
	i, ok := b.places[r]
	if !ok {
		return change{}, false
	}
	return b.changes[i], true
}

func (b *buffer) put(c change) {
	if i, ok := b.places[c.record]; ok {
		b.changes[i] = c
		return
	}
	if b.places == nil {
		b.places = make(map[record]int)
	}
	b.places[c.record] = len(b.changes)
	b.changes = append(b.changes, c)
}

// touches tells whether a scan of the bucket would miss something.
func (b *buffer) touches(bucket string) bool {
	return slices.ContainsFunc(b.changes, func(c change) bool { return c.record.bucket == bucket })
}

func (b *buffer) clear() {
	clear(b.changes)
	b.changes = b.changes[:0]
	clear(b.places)
}

func (t *tx) check(bucket string) error {
	switch {
	case t.ended:
		return fmt.Errorf("%w: the transaction has ended", store.ErrClosed)
	case t.broken != nil:
		return t.broken
	case bucket == "":
		return errors.New("store: a record has a bucket")
	}
	return nil
}

func (t *tx) fail(err error) error {
	t.broken = t.conn.failed(err)
	return t.broken
}

// Get implements store.Tx.
func (t *tx) Get(bucket, key string) ([]byte, error) {
	if err := t.check(bucket); err != nil {
		return nil, err
	}
	for _, b := range []*buffer{&t.own, &t.conn.pending} {
		if c, ok := b.get(record{bucket, key}); ok {
			if c.deleted {
				return nil, store.ErrNotFound
			}
			return bytes.Clone(c.value), nil
		}
	}
	if value, ok := t.conn.cache.get(record{bucket, key}); ok {
		if value == nil {
			return nil, store.ErrNotFound
		}
		return bytes.Clone(value), nil
	}
	var value []byte
	err := query(t.conn.get, 1, func(row []driver.Value) (err error) {
		value, err = blob(row[0])
		return err
	}, bucket, []byte(key))
	if err != nil {
		return nil, t.fail(err)
	}
	t.conn.cache.put(record{bucket, key}, bytes.Clone(value))
	if value == nil {
		return nil, store.ErrNotFound
	}
	return value, nil
}

// Put implements store.Tx.
func (t *tx) Put(bucket, key string, value []byte) error {
	// Not nil, which would be NULL.
	return t.change(change{record: record{bucket, key}, value: append([]byte{}, value...)})
}

// Delete implements store.Tx.
func (t *tx) Delete(bucket, key string) error {
	return t.change(change{record: record{bucket, key}, deleted: true})
}

func (t *tx) change(c change) error {
	if err := t.check(c.record.bucket); err != nil {
		return err
	}
	switch {
	case t.readOnly:
		return store.ErrReadOnly
	case c.record.key != "":
	case c.deleted:
		return nil // there is no such record
	default:
		return errors.New("store: a record has a key")
	}
	t.wrote = true
	t.own.put(c)
	return nil
}

// keep leaves what was written to be committed.
func (t *tx) keep() {
	for _, c := range t.own.changes {
		t.conn.pending.put(c)
	}
	t.own.clear()
}

// flushEarly gives SQLite what was written, so that a scan of the bucket sees
// it. The update may still fail, and the others of its batch must not.
func (t *tx) flushEarly(bucket string) error {
	own := t.own.touches(bucket)
	if !own && !t.conn.pending.touches(bucket) {
		return nil
	}
	if err := t.conn.flush(&t.conn.pending); err != nil { // the older first
		return t.fail(err)
	}
	if !own {
		return nil
	}
	if t.shared && !t.saved {
		if err := t.conn.run(t.conn.savepoint); err != nil {
			return t.fail(err)
		}
		t.saved = true
	}
	t.flushed = true
	if err := t.conn.flush(&t.own); err != nil {
		return t.fail(err)
	}
	return nil
}

// flush gives SQLite what is in the buffer.
func (c *conn) flush(b *buffer) error {
	for _, w := range b.changes {
		if err := c.write(w); err != nil {
			return err
		}
	}
	b.clear()
	return nil
}

func (c *conn) write(w change) error {
	c.written++
	if w.deleted {
		c.cache.put(w.record, nil)
		return execute(c.del, w.record.bucket, []byte(w.record.key))
	}
	c.cache.put(w.record, w.value)
	return execute(c.put, w.record.bucket, []byte(w.record.key), w.value)
}

// scanRows is how many records a scan reads ahead. Between the portions no
// statement is open, so that its function may read and write as it likes.
const scanRows = 128

type row struct {
	key   string
	value []byte
}

// Scan implements store.Tx.
func (t *tx) Scan(bucket string, r store.Range, f func(key string, value []byte) error) error {
	left := r.Limit
	for {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		want := scanRows
		if r.Limit > 0 {
			want = min(want, left)
		}
		rows, err := t.portion(bucket, r, want)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row.key, row.value); err != nil {
				if errors.Is(err, store.Stop) {
					return nil
				}
				return err
			}
		}
		left -= len(rows)
		if len(rows) < want || (r.Limit > 0 && left == 0) {
			return nil
		}
		r.After = rows[len(rows)-1].key
	}
}

// portion reads the first records of a range.
func (t *tx) portion(bucket string, r store.Range, most int) ([]row, error) {
	low, high, bounded := bounds(r)
	if err := t.check(bucket); err != nil {
		return nil, err
	}
	if err := t.flushEarly(bucket); err != nil {
		return nil, err
	}
	stmt, args := t.conn.forwardOpen, []driver.Value{bucket, []byte(low), int64(most)}
	switch {
	case bounded && r.Reverse:
		stmt, args = t.conn.reverse, []driver.Value{bucket, []byte(low), []byte(high), int64(most)}
	case bounded:
		stmt, args = t.conn.forward, []driver.Value{bucket, []byte(low), []byte(high), int64(most)}
	case r.Reverse:
		stmt = t.conn.reverseOpen
	}
	rows := make([]row, 0, min(most, 16))
	err := query(stmt, 2, func(columns []driver.Value) error {
		key, err := blob(columns[0])
		if err != nil {
			return err
		}
		value, err := blob(columns[1])
		rows = append(rows, row{string(key), value})
		return err
	}, args...)
	if err != nil {
		return nil, t.fail(err)
	}
	return rows, nil
}

// bounds gives the range as low <= key < high; without bounded there is no
// high. The key that follows k next in byte order is k and a zero byte.
func bounds(r store.Range) (low, high string, bounded bool) {
	low = r.Prefix
	high, bounded = after(r.Prefix)
	switch {
	case r.After == "":
	case r.Reverse:
		if !bounded || r.After < high {
			high, bounded = r.After, true
		}
	default:
		low = max(low, r.After+"\x00")
	}
	return low, high, bounded
}

// after gives the first key that comes after all keys with the prefix; none
// does where the prefix is empty or all 0xff.
func after(prefix string) (string, bool) {
	b := []byte(prefix)
	for len(b) > 0 {
		last := len(b) - 1
		if b[last] < 0xff {
			b[last]++
			return string(b), true
		}
		b = b[:last]
	}
	return "", false
}
