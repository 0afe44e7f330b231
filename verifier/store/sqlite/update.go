package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"countersign/verifier/store"
)

// request is an update on its way through the writer. The update's function
// runs on its caller's goroutine, while the writer waits: so a panic has its
// caller's stack, and a goroutine that ends in the middle (runtime.Goexit) ends
// nobody else's.
type request struct {
	state atomic.Int32
	ctx   context.Context
	turn  chan *tx   // the writer gives the caller its turn, maybe more than once
	ran   chan error // the caller gives the turn back, with the function's error
	done  chan error // the update's result
}

// The states of a request: its caller may take it back until its turn.
const (
	queued int32 = iota
	running
	withdrawn
)

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	r := &request{ctx: ctx, turn: make(chan *tx, 1), ran: make(chan error, 1), done: make(chan error, 1)}
	select {
	case <-s.closing: // or the select below might choose to send
		return store.ErrClosed
	default:
	}
	select {
	case s.requests <- r:
	case <-s.closing:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	cancelled := ctx.Done()
	for {
		select {
		case t := <-r.turn:
			r.take(t, f)
		case err := <-r.done:
			return err
		case <-s.stopped:
			// The writer has ended. It may have served this request last.
			select {
			case err := <-r.done:
				return err
			default:
				return store.ErrClosed
			}
		case <-cancelled:
			if r.state.CompareAndSwap(queued, withdrawn) {
				return ctx.Err()
			}
			cancelled = nil // its turn has come: only the result tells what holds
		}
	}
}

// errExit is what the writer hears where the function's goroutine ended.
var errExit = errors.New("store: the update's goroutine ended")

// take runs the function in its turn. A panic is returned as an error.
func (r *request) take(t *tx, f func(store.Tx) error) {
	err := errExit
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: an update panicked: %v", p)
		}
		t.ended = true
		r.ran <- err
	}()
	err = f(t)
}

// write is the writer: one goroutine that runs the updates, in batches.
func (s *Store) write() {
	defer close(s.stopped)
	for {
		batch := s.collect()
		if batch == nil {
			return
		}
		s.commit(batch)
	}
}

// collect waits for an update and takes all that wait with it. It gives nil
// when the store is closing and nothing waits.
func (s *Store) collect() []*request {
	var batch []*request
	select {
	case r := <-s.requests:
		batch = append(batch, r)
	case <-s.closing:
	}
	// Whoever is ready to run goes first, and may bring what can share this
	// commit. On an idle machine nobody is, and nothing waits.
	runtime.Gosched()
	for len(batch) < maxBatch {
		select {
		case r := <-s.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction. Where the database itself fails in
// the middle, the whole transaction is gone: then each update gets one of its
// own, so that only those that cannot be done fail.
func (s *Store) commit(batch []*request) {
	c := s.writer
	started := batch[:0]
	for _, r := range batch {
		if r.state.CompareAndSwap(queued, running) {
			started = append(started, r)
		}
	}
	if len(started) == 0 {
		return
	}
	results, err := attempt(c, started)
	switch {
	case err == nil:
	case len(started) == 1:
		results = []error{err}
	default:
		for i, r := range started {
			one, err := attempt(c, []*request{r})
			if err != nil {
				one = []error{err}
			}
			results[i] = one[0]
		}
	}
	for i, r := range started {
		r.done <- results[i]
	}
	if s.written += c.written; s.written >= foldEvery {
		s.written = 0
		select {
		case s.due <- struct{}{}:
		default: // it will hear of the last time
		}
	}
	c.written = 0
}

// fold folds the journal into the file (a passive checkpoint) beside the writer:
// in the writer, one sign-in of fifty would wait for it. Under constant load it
// never catches up, and the writer folds what is left when the journal is long.
func (s *Store) fold() {
	defer close(s.folded)
	for {
		select {
		case <-s.due:
			// What fails here the writer meets, too, and tells.
			_ = s.folder.exec("PRAGMA wal_checkpoint(PASSIVE)")
		case <-s.closing:
			return
		}
	}
}

// attempt runs the updates in one transaction and commits it. The results are
// the updates' own errors. An error says that the database failed, and that
// nothing of the transaction holds.
func attempt(c *conn, batch []*request) (results []error, err error) {
	results = make([]error, len(batch))
	if err := c.beginWriting(); err != nil {
		return results, c.failed(err)
	}
	defer func() {
		if err != nil {
			// It fails where SQLite has rolled back by itself already.
			_ = c.run(c.rollback)
			c.cache.empty()
		}
	}()
	if err := c.refresh(); err != nil {
		return results, c.failed(err)
	}
	wrote, undone := false, false
	for i, r := range batch {
		t := &tx{conn: c, ctx: context.WithoutCancel(r.ctx), shared: len(batch) > 1}
		if results[i], err = r.run(t); err != nil {
			return results, err
		}
		wrote = wrote || (t.wrote && results[i] == nil)
		undone = undone || (t.wrote && results[i] != nil)
	}
	if undone {
		c.cache.empty()
	}
	end := c.commit
	if !wrote {
		end = c.rollback
	}
	if err := c.run(end); err != nil {
		return results, c.failed(err)
	}
	return results, nil
}

// beginWriting waits for the write lock, which another process may hold. SQLite's
// own waiting looks again every 100 ms: beside a server that writes all the time,
// and lets go for microseconds, the command line could look for minutes.
func (c *conn) beginWriting() error {
	deadline := time.Now().Add(busyTimeout)
	for {
		err := c.run(c.beginWrite)
		if !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(rand.N(time.Millisecond)) //nolint:gosec // at random, or two would keep step; no secret
	}
}

// refresh empties the cache if another process has written.
func (c *conn) refresh() error {
	return query(c.dataVersion, 1, func(row []driver.Value) error {
		c.cache.at(row[0])
		return nil
	})
}

// run gives the caller its turn, and then does in the database what the update
// did, or undoes what it did there already.
func (r *request) run(t *tx) (result, err error) {
	r.turn <- t
	result = <-r.ran
	if result == nil && t.broken == nil {
		_ = t.flush() // or t is broken
	}
	c := t.conn
	switch {
	case t.broken != nil:
		return nil, t.broken
	case !t.saved: // alone in its transaction, which ends as the update did, or it failed before it wrote
		return result, nil
	case result != nil:
		err = c.run(c.rollbackTo, c.release)
	default:
		err = c.run(c.release)
	}
	if err != nil {
		return nil, c.failed(err)
	}
	return result, nil
}
