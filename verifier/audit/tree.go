package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"countersign/verifier/store"
)

// Tree gives the size and the hash of the log as it stands, and the last head
// that was signed; its size is 0 where none was. Nothing is verified: that is
// Verify's, which reads the whole log.
func (l *Log) Tree(tx store.Tx) (size int64, hash tlog.Hash, signed Head, err error) {
	f, err := loadFrontier(tx)
	if err != nil {
		return 0, hash, signed, fmt.Errorf("audit: reading the head: %w", err)
	}
	if f.size == 0 {
		return 0, hash, signed, nil
	}
	if hash, err = f.treeHash(); err != nil {
		return 0, hash, signed, fmt.Errorf("audit: computing the head: %w", err)
	}
	err = tx.Scan(bucketHeads, store.Range{Reverse: true, Limit: 1}, func(key string, raw []byte) error {
		signed.Note = append([]byte(nil), raw...)
		signed.Size, err = parseNumberKey(key)
		return err
	})
	if err != nil {
		return 0, hash, signed, fmt.Errorf("audit: reading the signed head: %w", err)
	}
	return f.size, hash, signed, nil
}
