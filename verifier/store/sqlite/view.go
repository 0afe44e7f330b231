package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"countersign/verifier/store"
)

// readers are the reading connections that are idle. The last to come back goes
// out next: a connection keeps the pages that it has read until somebody commits,
// so that few connections with many views read less than many with a few each.
type readers struct {
	places chan struct{} // held by every view

	mu   sync.Mutex
	idle []*conn
}

// get gives the connection that was used last, or nil where one must be opened.
func (r *readers) get() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	last := len(r.idle) - 1
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c
}

func (r *readers) put(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

// close waits for the views that run, and lets no other begin.
func (r *readers) close() error {
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	var err error
	for c := r.get(); c != nil; c = r.get() {
		err = errors.Join(err, c.close())
	}
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
	case s.readers.places <- struct{}{}:
		defer func() { <-s.readers.places }()
		return s.view(ctx, f)
	case <-s.closing:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) view(ctx context.Context, f func(store.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := s.readers.get()
	if c == nil {
		if c, err = s.openReader(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.path, translate(err))
		}
	}
	if err := c.run(c.begin); err != nil {
		return errors.Join(c.failed(err), c.close())
	}
	t := &tx{conn: c, ctx: ctx, readOnly: true}
	defer func() { // also when f panics: the connection must be left clean
		t.ended = true
		if rolledBack := c.run(c.rollback); rolledBack != nil {
			err = errors.Join(err, c.failed(rolledBack), c.close())
			return
		}
		s.readers.put(c)
	}()
	return f(t)
}

func (s *Store) openReader(ctx context.Context) (*conn, error) {
	c, err := dial(ctx, s.reads, s.path)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}
