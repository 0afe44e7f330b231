package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"countersign/verifier/store"
)

// conn is a connection with its statements prepared.
type conn struct {
	conn *sql.Conn
	get, put, del,
	forward, forwardOpen, reverse, reverseOpen,
	begin, beginWrite, commit, rollback,
	savepoint, release, rollbackTo *sql.Stmt
	all []*sql.Stmt
}

// prepareConn prepares the statements on c, and closes c where it cannot.
func prepareConn(ctx context.Context, c *sql.Conn) (*conn, error) {
	p := &conn{conn: c}
	const rows = "SELECT key, value FROM records WHERE bucket = ? AND key >= ?"
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&p.get, "SELECT value FROM records WHERE bucket = ? AND key = ?"},
		{&p.put, "INSERT OR REPLACE INTO records (bucket, key, value) VALUES (?, ?, ?)"},
		{&p.del, "DELETE FROM records WHERE bucket = ? AND key = ?"},
		{&p.forward, rows + " AND key < ? ORDER BY key LIMIT ?"},
		{&p.forwardOpen, rows + " ORDER BY key LIMIT ?"},
		{&p.reverse, rows + " AND key < ? ORDER BY key DESC LIMIT ?"},
		{&p.reverseOpen, rows + " ORDER BY key DESC LIMIT ?"},
		{&p.begin, "BEGIN"},
		{&p.beginWrite, "BEGIN IMMEDIATE"},
		{&p.commit, "COMMIT"},
		{&p.rollback, "ROLLBACK"},
		{&p.savepoint, "SAVEPOINT one"},
		{&p.release, "RELEASE one"},
		{&p.rollbackTo, "ROLLBACK TO one"},
	} {
		stmt, err := c.PrepareContext(ctx, s.query) //nolint:sqlclosecheck // conn.close closes it
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		*s.to, p.all = stmt, append(p.all, stmt)
	}
	return p, nil
}

// close gives the connection back, its statements closed: one left open keeps
// SQLite from tidying the journal away.
func (c *conn) close() error {
	var err error
	for _, stmt := range c.all {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, c.conn.Close())
}

// run executes statements that have no arguments. They are short and must not
// be cut off in the middle, so they follow no caller's context.
func (c *conn) run(stmts ...*sql.Stmt) error {
	for _, stmt := range stmts {
		if _, err := stmt.ExecContext(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// tx is a transaction on a connection.
type tx struct {
	conn     *conn
	ctx      context.Context // ends long scans
	readOnly bool
	ended    bool
	wrote    bool
	// broken is an error of the database's own. After one, SQLite may have
	// rolled back the whole transaction, whatever savepoints it had.
	broken error
}

func (t *tx) check(bucket, key string) error {
	switch {
	case t.ended:
		return fmt.Errorf("%w: the transaction has ended", store.ErrClosed)
	case t.broken != nil:
		return t.broken
	case bucket == "" || key == "":
		return errors.New("store: a record has a bucket and a key")
	}
	return nil
}

func (t *tx) fail(err error) error {
	t.broken = translate(err)
	return t.broken
}

// Get implements store.Tx.
func (t *tx) Get(bucket, key string) ([]byte, error) {
	if err := t.check(bucket, key); err != nil {
		return nil, err
	}
	var value []byte
	err := t.conn.get.QueryRowContext(context.Background(), bucket, []byte(key)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, t.fail(err)
	}
	return value, nil
}

// Put implements store.Tx.
func (t *tx) Put(bucket, key string, value []byte) error {
	if value == nil {
		value = []byte{} // nil would be NULL
	}
	return t.change(t.conn.put, bucket, key, value)
}

// Delete implements store.Tx.
func (t *tx) Delete(bucket, key string) error { return t.change(t.conn.del, bucket, key) }

func (t *tx) change(stmt *sql.Stmt, bucket, key string, more ...any) error {
	if err := t.check(bucket, key); err != nil {
		return err
	}
	if t.readOnly {
		return store.ErrReadOnly
	}
	if _, err := stmt.ExecContext(context.Background(), append([]any{bucket, []byte(key)}, more...)...); err != nil {
		return t.fail(err)
	}
	t.wrote = true
	return nil
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
func (t *tx) portion(bucket string, r store.Range, most int) (_ []row, err error) {
	low, high, bounded := bounds(r)
	if err := t.check(bucket, "any"); err != nil {
		return nil, err
	}
	stmt, args := t.conn.forwardOpen, []any{bucket, []byte(low), most}
	switch {
	case bounded && r.Reverse:
		stmt, args = t.conn.reverse, []any{bucket, []byte(low), []byte(high), most}
	case bounded:
		stmt, args = t.conn.forward, []any{bucket, []byte(low), []byte(high), most}
	case r.Reverse:
		stmt = t.conn.reverseOpen
	}
	found, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return nil, t.fail(err)
	}
	defer func() {
		if closed := found.Close(); err == nil && closed != nil {
			err = t.fail(closed)
		}
	}()
	rows := make([]row, 0, min(most, 16))
	for found.Next() {
		var key, value []byte
		if err := found.Scan(&key, &value); err != nil {
			return nil, t.fail(err)
		}
		rows = append(rows, row{string(key), value})
	}
	if err := found.Err(); err != nil {
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
