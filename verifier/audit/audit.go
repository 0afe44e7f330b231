// Package audit is the verifier's log of every decision and of every change by
// an administrator: append-only, and such that tampering shows.
//
// Events are the leaves of a Merkle tree (golang.org/x/mod/sumdb/tlog, the
// design of RFC 6962), and every so often the tree's head is signed. Append
// works inside the caller's transaction: a sign-in that settled has its event,
// and an event stands for something that happened.
//
// Who can write to the database, but does not have the vault's key file, cannot
// change, add, remove or reorder an event under a signed head without Verify
// telling: the signing key is sealed by the vault. Who has both, or puts back
// an older copy of the whole database, is found by a head that was kept
// elsewhere: every signed head also goes to the process log, and Verify takes
// one.
package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"countersign/verifier/store"
	"countersign/verifier/vault"
)

// What the log reports, for errors.Is.
var (
	// ErrTampered says that the log is not as it was written.
	ErrTampered = errors.New("audit: the log was tampered with or damaged")
	// ErrInvalid says that an event or a filter is not well formed.
	ErrInvalid = errors.New("audit: invalid")
)

// maxEvent bounds the JSON of one event, in bytes.
const maxEvent = 8 << 10

// The buckets of this package. Keys of records and hashes are the record's
// number, big-endian in hexadecimal, so that key order is the log's order.
const (
	bucketRecords = "audit_records"
	bucketHashes  = "audit_hashes" // the hashes that this record completed, lowest level first
	bucketByUser  = "audit_by_user"
	bucketHeads   = "audit_heads" // signed heads by the size of their tree
	bucketState   = "audit_state"
	keyFrontier   = "frontier"
	keySigner     = "signer"
)

// Config is what New needs.
type Config struct {
	Store  store.Store
	Vault  *vault.Vault
	Now    func() time.Time
	Logger *slog.Logger
	// HeadEvery is how many events may follow a signed head before the next;
	// 0 means 256.
	HeadEvery int64
}

// Log appends to, reads and verifies the log. It is safe for use by several
// goroutines; its state is the store's.
type Log struct {
	store     store.Store
	vault     *vault.Vault
	now       func() time.Time
	logger    *slog.Logger
	headEvery int64
}

// New makes a Log.
func New(cfg Config) *Log {
	if cfg.HeadEvery <= 0 {
		cfg.HeadEvery = 256
	}
	return &Log{store: cfg.Store, vault: cfg.Vault, now: cfg.Now, logger: cfg.Logger, headEvery: cfg.HeadEvery}
}

// Append writes the event in the caller's transaction.
func (l *Log) Append(tx store.Tx, e Event) error {
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	e.Time = e.Time.UTC().Round(0)
	if e.Kind == "" {
		return fmt.Errorf("%w: an event without a kind", ErrInvalid)
	}
	record, err := json.Marshal(e, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("audit: writing an event: %w", err)
	}
	if len(record) > maxEvent {
		return fmt.Errorf("%w: an event of %d bytes; %d is the most", ErrInvalid, len(record), maxEvent)
	}
	size, err := l.appendRecord(tx, record)
	if err != nil {
		return fmt.Errorf("audit: appending: %w", err)
	}
	if e.User != "" {
		if err := tx.Put(bucketByUser, userKey(e.User, size-1), nil); err != nil {
			return fmt.Errorf("audit: appending: %w", err)
		}
	}
	if size%l.headEvery == 0 {
		_, err = l.signHead(tx)
	}
	return err
}

// appendRecord writes the record and the hashes that it completes, and returns
// the log's new size.
func (l *Log) appendRecord(tx store.Tx, record []byte) (int64, error) {
	f, err := loadFrontier(tx)
	if err != nil {
		return 0, err
	}
	n := f.size
	hashes, err := f.add(record)
	if err != nil {
		return 0, err
	}
	if err := tx.Put(bucketRecords, numberKey(n), record); err != nil {
		return 0, err
	}
	if err := tx.Put(bucketHashes, numberKey(n), joinHashes(hashes)); err != nil {
		return 0, err
	}
	return f.size, tx.Put(bucketState, keyFrontier, f.marshal())
}

// frontier is the right edge of the tree: the size, and the roots of the
// complete subtrees that a tree of that size is made of. With it an append
// reads one record, not the logarithm of the log's size.
type frontier struct {
	size  int64
	roots map[int64]tlog.Hash // by stored hash index
}

// edge lists the stored hash indexes of the complete subtrees of a tree of
// size n, largest first.
func edge(n int64) []int64 {
	var indexes []int64
	var before int64
	for level := 62; level >= 0; level-- {
		if n&(1<<level) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, before>>level))
			before += 1 << level
		}
	}
	return indexes
}

// add takes the next record in and returns the hashes that it completed.
func (f *frontier) add(record []byte) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashes(f.size, record, tlog.HashReaderFunc(f.read))
	if err != nil {
		return nil, err
	}
	first := tlog.StoredHashIndex(0, f.size)
	for i, hash := range hashes {
		f.roots[first+int64(i)] = hash
	}
	f.size++
	kept := make(map[int64]tlog.Hash, 8)
	for _, index := range edge(f.size) {
		kept[index] = f.roots[index]
	}
	f.roots = kept
	return hashes, nil
}

// treeHash is the hash of the tree of the frontier's size.
func (f *frontier) treeHash() (tlog.Hash, error) {
	return tlog.TreeHash(f.size, tlog.HashReaderFunc(f.read))
}

func (f *frontier) read(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hash, ok := f.roots[index]
		if !ok {
			return nil, fmt.Errorf("%w: a hash of the tree is missing", ErrTampered)
		}
		hashes[i] = hash
	}
	return hashes, nil
}

// marshal writes the size, 8 bytes big-endian, and the roots, largest first.
func (f *frontier) marshal() []byte {
	raw := binary.BigEndian.AppendUint64(nil, uint64(f.size))
	for _, index := range edge(f.size) {
		hash := f.roots[index]
		raw = append(raw, hash[:]...)
	}
	return raw
}

func loadFrontier(tx store.Tx) (*frontier, error) {
	f := &frontier{roots: make(map[int64]tlog.Hash)}
	raw, err := tx.Get(bucketState, keyFrontier)
	if errors.Is(err, store.ErrNotFound) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if len(raw) < 8 {
		return nil, fmt.Errorf("%w: the size is not readable", ErrTampered)
	}
	f.size = int64(binary.BigEndian.Uint64(raw))
	indexes, hashes := edge(f.size), splitHashes(raw[8:])
	if f.size < 0 || len(raw)%tlog.HashSize != 8 || len(hashes) != len(indexes) {
		return nil, fmt.Errorf("%w: the size is not readable", ErrTampered)
	}
	for i, index := range indexes {
		f.roots[index] = hashes[i]
	}
	return f, nil
}

func joinHashes(hashes []tlog.Hash) []byte {
	raw := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, hash := range hashes {
		raw = append(raw, hash[:]...)
	}
	return raw
}

func splitHashes(raw []byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(raw)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], raw[i*tlog.HashSize:])
	}
	return hashes
}

func numberKey(n int64) string { return fmt.Sprintf("%016x", uint64(n)) }

func parseNumberKey(key string) (int64, error) {
	n, err := strconv.ParseUint(key, 16, 63)
	if err != nil || len(key) != 16 {
		return 0, fmt.Errorf("%w: a record with a key that is none", ErrTampered)
	}
	return int64(n), nil
}

// userKey separates with a byte that no id has, so that no user's events are
// found under the prefix of another's id.
func userKey(user string, n int64) string { return user + "\x00" + numberKey(n) }
