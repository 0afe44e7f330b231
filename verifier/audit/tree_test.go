package audit_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"countersign/verifier/audit"
	"countersign/verifier/store"
)

func TestTreeIsWhatVerifyComputes(t *testing.T) {
	f := newFixture(t)
	tree := func() (size int64, hash tlog.Hash, signed audit.Head) {
		f.update(func(tx store.Tx) (err error) {
			size, hash, signed, err = f.Tree(tx)
			return err
		})
		return size, hash, signed
	}
	if size, _, signed := tree(); size != 0 || signed.Size != 0 {
		t.Errorf("an empty log has %d events, %d of them signed", size, signed.Size)
	}
	f.write(21)
	size, hash, signed := tree()
	report, err := f.Verify(t.Context(), signed.Note)
	if err != nil {
		t.Fatal(err)
	}
	if size != report.Size || hash != report.Hash || signed.Size != 16 {
		t.Errorf("size %d, hash %v, signed %d; verified %+v", size, hash, signed.Size, report)
	}
}
