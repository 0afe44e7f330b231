package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
)

func TestASweepForgetsInBoundedSteps(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "countersign.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	bucket := store.NewBucket[int]("swept")
	err = db.Update(t.Context(), func(tx store.Tx) error {
		for i := range 100 {
			if err := bucket.Put(tx, fmt.Sprintf("%03d", i), i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	sweep := store.Sweep[int]{
		Bucket: bucket, Batch: 10,
		Stale: func(_ store.Tx, _ string, v int) (bool, error) { looked++; return v < 30 || v == 75, nil },
		Drop:  func(tx store.Tx, key string, _ int) error { return bucket.Delete(tx, key) },
	}
	left := func() (n int) {
		err := db.View(t.Context(), func(tx store.Tx) error {
			all, err := bucket.All(tx, store.Range{})
			n = len(all)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, step := range []struct {
		name         string
		most, remain int
		looks        int // at records of the batches, and once more at those that go
	}{
		{"as many steps as it may take", 2, 80, 40},
		{"until one finds nothing", 5, 70, 10 + 10 + 10},
		{"one step where there is nothing", 5, 70, 10},
		{"on through the keys", 5, 70, 10},
		{"to what comes late", 5, 70, 10},
		{"and further", 5, 69, 10 + 1 + 10},
		{"to the end of the circle", 5, 69, 10},
		{"which begins again", 5, 69, 0},
	} {
		before := looked
		if err := sweep.Run(t.Context(), db, step.most); err != nil {
			t.Fatal(err)
		}
		if n := left(); n != step.remain || looked-before != step.looks {
			t.Errorf("%s: %d left after %d looks, want %d after %d", step.name, n, looked-before, step.remain, step.looks)
		}
	}
}
