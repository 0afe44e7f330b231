package sqlite

import (
	"context"
	"errors"
	"fmt"

	"countersign/verifier/store"
)

// reader is a place for a reading connection, opened when it is first needed.
type reader struct{ conn *conn }

func (r *reader) close() error {
	if r.conn == nil {
		return nil
	}
	err := r.conn.close()
	r.conn = nil
	return err
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	select {
	case <-s.closing: // or the select below might choose the reader
		return store.ErrClosed
	default:
	}
	select {
	case r := <-s.readers:
		defer func() { s.readers <- r }()
		return s.view(ctx, r, f)
	case <-s.closing:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) view(ctx context.Context, r *reader, f func(store.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.conn == nil {
		if r.conn, err = s.openReader(ctx); err != nil {
			return fmt.Errorf("store: opening a reader: %w", translate(err))
		}
	}
	if err := r.conn.run(r.conn.begin); err != nil {
		return errors.Join(fmt.Errorf("store: beginning a view: %w", translate(err)), r.close())
	}
	t := &tx{conn: r.conn, ctx: ctx, readOnly: true}
	defer func() { // also when f panics: the connection must be left clean
		t.ended = true
		if rolledBack := r.conn.run(r.conn.rollback); rolledBack != nil {
			err = errors.Join(err, fmt.Errorf("store: ending a view: %w", translate(rolledBack)), r.close())
		}
	}()
	return f(t)
}

func (s *Store) openReader(ctx context.Context) (*conn, error) {
	c, err := s.reads.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return prepareConn(ctx, c)
}
