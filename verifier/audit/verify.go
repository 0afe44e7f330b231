package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign/verifier/store"
)

// Report is what Verify found where nothing is wrong.
type Report struct {
	Size   int64     // events in the log
	Hash   tlog.Hash // the head of all of them
	Signed int64     // how many of them stand under a signed head
	Heads  int       // sizes of the log for which a signed head was checked
}

// Verify walks the whole log: it computes every hash anew from the events,
// and compares with what is stored and with every signed head. kept are heads
// (the text of Head.Note) that were kept elsewhere; they must fit too, which
// finds an older copy put in the log's place. What is wrong comes as an error
// that wraps ErrTampered and names the first place.
func (l *Log) Verify(ctx context.Context, kept ...[]byte) (Report, error) {
	var report Report
	err := l.store.View(ctx, func(tx store.Tx) (err error) {
		report, err = l.verify(ctx, tx, kept)
		return err
	})
	return report, err
}

func (l *Log) verify(ctx context.Context, tx store.Tx, kept [][]byte) (Report, error) {
	stored, err := loadFrontier(tx)
	if err != nil {
		return Report{}, err
	}
	heads, err := l.heads(tx, kept)
	if err != nil {
		return Report{}, err
	}
	w := walk{frontier: &frontier{roots: make(map[int64]tlog.Hash)}, heads: heads}
	err = tx.Scan(bucketRecords, store.Range{}, func(key string, record []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return w.step(tx, key, record)
	})
	if err != nil {
		return Report{}, err
	}
	return w.finish(stored, l.headEvery)
}

// heads reads the signed heads, stored and kept, by size.
func (l *Log) heads(tx store.Tx, kept [][]byte) (map[int64][]Head, error) {
	heads := make(map[int64][]Head)
	var notes [][]byte
	err := tx.Scan(bucketHeads, store.Range{}, func(_ string, signed []byte) error {
		notes = append(notes, slices.Clone(signed))
		return nil
	})
	notes = append(notes, kept...)
	if err != nil || len(notes) == 0 {
		return heads, err
	}
	verifier, err := l.verifierKey(tx)
	if err != nil {
		return nil, err
	}
	for _, signed := range notes {
		head, err := openHead(signed, verifier)
		if err != nil {
			return nil, err
		}
		heads[head.Size] = append(heads[head.Size], head)
	}
	return heads, nil
}

// verifierKey is keys for a transaction that cannot write.
func (l *Log) verifierKey(tx store.Tx) (note.Verifier, error) {
	_, verifier, err := l.keys(tx)
	if errors.Is(err, store.ErrReadOnly) {
		return nil, fmt.Errorf("%w: there are signed heads, but the signing key is gone", ErrTampered)
	}
	return verifier, err
}

// walk is a verification on its way through the log.
type walk struct {
	frontier *frontier
	heads    map[int64][]Head
	signed   int64
	checked  int
}

func (w *walk) step(tx store.Tx, key string, record []byte) error {
	n := w.frontier.size
	if key != numberKey(n) {
		return fmt.Errorf("%w: event %d is missing", ErrTampered, n)
	}
	if err := json.Unmarshal(record, new(Event), json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: event %d does not read", ErrTampered, n)
	}
	hashes, err := w.frontier.add(record)
	if err != nil {
		return err
	}
	storedHashes, err := tx.Get(bucketHashes, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if string(storedHashes) != string(joinHashes(hashes)) {
		return fmt.Errorf("%w: event %d is not the one that was written", ErrTampered, n)
	}
	return w.checkHeads()
}

// checkHeads compares the heads of the size that the walk has reached.
func (w *walk) checkHeads() error {
	heads := w.heads[w.frontier.size]
	if len(heads) == 0 {
		return nil
	}
	hash, err := w.frontier.treeHash()
	if err != nil {
		return err
	}
	for _, head := range heads {
		if hash != head.Hash {
			return fmt.Errorf("%w: the first %d events are not those that were signed", ErrTampered, head.Size)
		}
	}
	w.signed = w.frontier.size
	w.checked++
	return nil
}

func (w *walk) finish(stored *frontier, headEvery int64) (Report, error) {
	size := w.frontier.size
	for n := range w.heads {
		if n > size {
			return Report{}, fmt.Errorf("%w: %d events were signed, %d are there", ErrTampered, n, size)
		}
	}
	if string(stored.marshal()) != string(w.frontier.marshal()) {
		return Report{}, fmt.Errorf("%w: %d events were written, %d are there, or others", ErrTampered, stored.size, size)
	}
	// Append signs so often; a longer tail had its heads taken away.
	if size-w.signed >= headEvery {
		return Report{}, fmt.Errorf("%w: the last %d events are not under a signed head", ErrTampered, size-w.signed)
	}
	report := Report{Size: size, Signed: w.signed, Heads: w.checked}
	if size == 0 {
		return report, nil
	}
	var err error
	report.Hash, err = w.frontier.treeHash()
	return report, err
}
