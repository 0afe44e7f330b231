package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"countersign/verifier/store"
)

// request is an update on its way through a commit. Its function always runs on
// its caller's goroutine: so a goroutine that ends in the middle (runtime.Goexit)
// ends nobody else's.
type request struct {
	state atomic.Int32
	ctx   context.Context
	f     func(store.Tx) error

	// Of one that does not lead:
	news chan news  // from the leader
	ran  chan error // the caller gives its turn back, with the function's error
}

// news is what the caller of a waiting update hears, one of the three. Its turn
// may come more than once.
type news struct {
	turn   *tx
	leads  bool
	ended  bool
	result error
}

// The states of a request: its caller may take it back until its turn.
const (
	queued int32 = iota
	running
	withdrawn
)

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, f: f}
	switch leads, err := s.queue.join(r); {
	case err != nil:
		return err
	case leads:
		return s.lead(r)
	}
	cancelled := ctx.Done()
	for {
		select {
		case n := <-r.news:
			switch {
			case n.leads:
				return s.lead(r)
			case n.ended:
				return n.result
			}
			r.give(n.turn)
		case <-cancelled:
			if r.state.CompareAndSwap(queued, withdrawn) {
				return ctx.Err()
			}
			cancelled = nil // its turn has come: only the result tells what holds
		}
	}
}

// errExit is what the leader hears where the function's goroutine ended.
var errExit = errors.New("store: the update's goroutine ended")

// give runs the function in its turn, and gives the turn back.
func (r *request) give(t *tx) {
	err := errExit
	defer func() { r.ran <- err }()
	err = r.take(t)
}

// take runs the function. A panic is returned as an error.
func (r *request) take(t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: an update panicked: %v", p)
		}
		t.ended = true
	}()
	return r.f(t)
}

// queue is who waits to write. One of them leads, and alone uses the writer's
// connection: it commits its own update with those of the others who wait by
// then, and hands on to the next. So an update that comes alone, as on most
// days, runs without a word to another goroutine.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	led     bool
	closed  bool
	idle    chan struct{} // closed when it is closed, and nobody leads
}

// join tells whether the update leads. If not, it waits for news.
func (q *queue) join(r *request) (leads bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return false, store.ErrClosed
	case !q.led:
		q.led = true
		return true, nil
	}
	r.news, r.ran = make(chan news, 1), make(chan error, 1)
	q.waiting = append(q.waiting, r)
	return false, nil
}

// take gives who shares the next commit, the leader first: if its goroutine ends
// with its function, nothing of the others has been committed.
func (q *queue) take(leader *request) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := []*request{leader}
	for len(batch) < maxBatch {
		r := q.next()
		if r == nil {
			break
		}
		batch = append(batch, r)
	}
	return batch
}

// handOn makes the next who waits the leader.
func (q *queue) handOn() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r := q.next(); r != nil {
		r.news <- news{leads: true}
		return
	}
	q.led = false
	if q.closed {
		close(q.idle)
	}
}

// next takes the first who waits still, with the lock held.
func (q *queue) next() *request {
	for len(q.waiting) > 0 {
		r := q.waiting[0]
		q.waiting = q.waiting[1:]
		if r.state.CompareAndSwap(queued, running) {
			return r
		}
	}
	return nil
}

// close lets nobody join any more, and waits for those who have.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	if !q.led {
		close(q.idle)
	}
	q.mu.Unlock()
	<-q.idle
}

// lead commits the update, and those that wait by then.
func (s *Store) lead(r *request) error {
	// Whoever is ready to run goes first, and may bring what can share this
	// commit. On an idle machine nobody is, and nothing waits.
	runtime.Gosched()
	batch := s.queue.take(r)
	ended := false
	defer func() {
		if !ended { // with its function this goroutine ends: the others go on
			go s.follow(batch[1:])
		}
	}()
	result := s.commit(r, batch)
	ended = true
	s.queue.handOn()
	return result
}

// follow commits updates whose leader is gone.
func (s *Store) follow(batch []*request) {
	if len(batch) > 0 {
		_ = s.commit(nil, batch) // each is told its own result
	}
	s.queue.handOn()
}

// commit runs a batch in one transaction, tells the others their results, and
// returns the leader's. Where the database itself fails in the middle, the whole
// transaction is gone: then each update gets one of its own, so that only those
// that cannot be done fail.
func (s *Store) commit(leader *request, batch []*request) (result error) {
	c := s.writer
	results, err := attempt(c, leader, batch)
	switch {
	case err == nil:
	case len(batch) == 1:
		results = []error{err}
	default:
		for i, r := range batch {
			one, err := attempt(c, leader, []*request{r})
			if err != nil {
				one = []error{err}
			}
			results[i] = one[0]
		}
	}
	for i, r := range batch {
		if r == leader {
			result = results[i]
			continue
		}
		r.news <- news{ended: true, result: results[i]}
	}
	if s.written += c.written; s.written >= foldEvery {
		s.written = 0
		select {
		case s.due <- struct{}{}:
		default: // it will hear of the last time
		}
	}
	c.written = 0
	return result
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
func attempt(c *conn, leader *request, batch []*request) (results []error, err error) {
	results = make([]error, len(batch))
	if err := c.beginWriting(); err != nil {
		return results, c.failed(err)
	}
	ended := false
	defer func() {
		if !ended { // failed, or the leader's goroutine ends
			// It fails where SQLite has rolled back by itself already.
			_ = c.run(c.rollback)
			c.pending.clear()
			c.cache.empty()
		}
	}()
	if err := c.refresh(); err != nil {
		return results, c.failed(err)
	}
	wrote := false
	for i, r := range batch {
		t := &tx{conn: c, ctx: context.WithoutCancel(r.ctx), shared: len(batch) > 1}
		if results[i], err = r.run(t, r == leader); err != nil {
			return results, err
		}
		wrote = wrote || (t.wrote && results[i] == nil)
	}
	end := c.commit
	if !wrote {
		end = c.rollback
	}
	if err := c.flush(&c.pending); err != nil {
		return results, c.failed(err)
	}
	if err := c.run(end); err != nil {
		return results, c.failed(err)
	}
	ended = true
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

// run gives the caller its turn. What the update did is then kept for the
// commit; what it did in the database already is undone if it failed.
func (r *request) run(t *tx, leads bool) (result, err error) {
	if leads {
		result = r.take(t)
	} else {
		r.news <- news{turn: t}
		result = <-r.ran
	}
	c := t.conn
	switch {
	case t.broken != nil:
		return nil, t.broken
	case result == nil:
		t.keep()
	case t.flushed:
		c.cache.empty()
	}
	switch {
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
