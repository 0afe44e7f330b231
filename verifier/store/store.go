// Package store is where the verifier keeps its state: a small transactional
// interface of named buckets of records, in key order, and typed access to
// them. What a record means is the business of the package that owns its
// bucket; the implementations (sqlite) know none of it, and all pass storetest.
package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// What a store refuses, for errors.Is.
var (
	ErrNotFound = errors.New("store: not found")
	ErrReadOnly = errors.New("store: write in a read-only transaction")
	ErrClosed   = errors.New("store: closed")
	ErrFull     = errors.New("store: the disk is full; free some space")
	ErrCorrupt  = errors.New("store: the data is damaged; restore a backup")
)

// Store runs transactions.
type Store interface {
	// View runs f on one consistent state. It does not wait for writers.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f alone among the updates, and returns nil only when what f
	// did is on disk and will survive a kill or a power failure. If f returns an
	// error, nothing of it happened, and Update returns that error. f may be run
	// more than once, so it must do nothing but read and write tx and set
	// variables of its own from the start.
	Update(ctx context.Context, f func(Tx) error) error
	// Backup writes a consistent copy of everything to a new file.
	Backup(ctx context.Context, path string) error
	Close() error
}

// Tx is a transaction. It is used by one goroutine, and not after its function
// has returned.
type Tx interface {
	// Get returns the record's value, or ErrNotFound. No record has an empty key.
	Get(bucket, key string) ([]byte, error)
	Put(bucket, key string, value []byte) error
	// Delete removes the record; it is no error if there is none.
	Delete(bucket, key string) error
	// Scan calls f with the records of the range in key order (byte-wise) until
	// it returns an error. Stop ends the scan without one.
	Scan(bucket string, r Range, f func(key string, value []byte) error) error
}

// Stop returned by Scan's function ends the scan.
var Stop = errors.New("store: stop") //nolint:revive,staticcheck // a control value like io.EOF, not a failure

// Range selects keys. The zero value selects all.
type Range struct {
	Prefix  string // keys that begin with it
	After   string // keys after it (before it, when Reverse), exclusive; empty for no bound
	Reverse bool   // last first
	Limit   int    // at most so many; 0 for all
}

// Bucket is typed access to a bucket whose values are JSON.
type Bucket[T any] struct{ name string }

// NewBucket names a bucket. Every bucket has one owner: the package that calls this.
func NewBucket[T any](name string) Bucket[T] { return Bucket[T]{name} }

// Get returns the record, or ErrNotFound.
func (b Bucket[T]) Get(tx Tx, key string) (T, error) {
	var v T
	raw, err := tx.Get(b.name, key)
	if err != nil {
		return v, err
	}
	return b.decode(key, raw)
}

// Has reports whether there is such a record.
func (b Bucket[T]) Has(tx Tx, key string) (bool, error) {
	_, err := tx.Get(b.name, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Put writes the record.
func (b Bucket[T]) Put(tx Tx, key string, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store: writing %s: %w", b.name, err)
	}
	return tx.Put(b.name, key, raw)
}

// Delete removes the record, if there is one.
func (b Bucket[T]) Delete(tx Tx, key string) error { return tx.Delete(b.name, key) }

// Scan calls f with the records of the range, in key order.
func (b Bucket[T]) Scan(tx Tx, r Range, f func(key string, v T) error) error {
	return tx.Scan(b.name, r, func(key string, raw []byte) error {
		v, err := b.decode(key, raw)
		if err != nil {
			return err
		}
		return f(key, v)
	})
}

// All returns the records of the range.
func (b Bucket[T]) All(tx Tx, r Range) ([]T, error) {
	var all []T
	err := b.Scan(tx, r, func(_ string, v T) error {
		all = append(all, v)
		return nil
	})
	return all, err
}

func (b Bucket[T]) decode(key string, raw []byte) (T, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		// Without the decoder's words: they may quote a value.
		return v, fmt.Errorf("store: record %s of %s does not decode", key, b.name)
	}
	return v, nil
}
