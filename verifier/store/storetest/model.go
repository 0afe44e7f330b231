package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign/verifier/store"
)

// TestModel does random transactions on a store and on a map, and compares them
// after each: reads inside the transaction, and what is left when it has ended,
// one way or the other.
func TestModel(t *testing.T, open Open) {
	f := &fixture{open: open}
	f.Store = f.openAt(t, t.TempDir()+"/store")
	undo := errors.New("undo")
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		bucket := fmt.Sprint("model", round) // every check begins with nothing
		kept := map[string]string{}
		for range rapid.IntRange(1, 4).Draw(t, "transactions") {
			ops := rapid.SliceOfN(rapid.Custom(drawOp), 0, 12).Draw(t, "ops")
			outcome := rapid.SampledFrom([]string{"commit", "error", "panic"}).Draw(t, "outcome")
			var m map[string]string
			err := f.Update(t.Context(), func(tx store.Tx) error {
				m = maps.Clone(kept) // from the start each time
				for _, op := range ops {
					if err := op.do(tx, bucket, m); err != nil {
						return err
					}
				}
				switch outcome {
				case "error":
					return undo
				case "panic":
					panic("on purpose")
				}
				return nil
			})
			if (err == nil) != (outcome == "commit") || (outcome == "error" && !errors.Is(err, undo)) {
				t.Fatalf("%s: Update gives %v", outcome, err)
			}
			if outcome == "commit" {
				kept = m
			}
			err = f.View(t.Context(), func(tx store.Tx) error {
				return op{kind: "scan"}.do(tx, bucket, kept)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// op is one operation of a random transaction.
type op struct {
	kind, key, value string
	r                store.Range
}

func drawOp(t *rapid.T) op {
	key := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\u00ff")), 1, 4, -1)
	part := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\u00ff")), 0, 2, -1)
	return op{
		kind:  rapid.SampledFrom([]string{"put", "put", "delete", "get", "scan"}).Draw(t, "kind"),
		key:   key.Draw(t, "key"),
		value: rapid.String().Draw(t, "value"),
		r: store.Range{
			Prefix: part.Draw(t, "prefix"), After: part.Draw(t, "after"),
			Reverse: rapid.Bool().Draw(t, "reverse"), Limit: rapid.IntRange(0, 3).Draw(t, "limit"),
		},
	}
}

// do does the operation on both, and says where they differ.
func (o op) do(tx store.Tx, bucket string, m map[string]string) error {
	switch o.kind {
	case "put":
		m[o.key] = o.value
		return tx.Put(bucket, o.key, []byte(o.value))
	case "delete":
		delete(m, o.key)
		return tx.Delete(bucket, o.key)
	case "get":
		value, err := tx.Get(bucket, o.key)
		want, ok := m[o.key]
		if ok != (err == nil) || (!ok && !errors.Is(err, store.ErrNotFound)) || string(value) != want {
			return fmt.Errorf("Get(%q) = %q, %w; the model has %q, %v", o.key, value, err, want, ok)
		}
		return nil
	}
	var got, want []string
	err := tx.Scan(bucket, o.r, func(key string, value []byte) error {
		got = append(got, key+"="+string(value))
		return nil
	})
	for _, key := range selected(m, o.r) {
		want = append(want, key+"="+m[key])
	}
	if err != nil || !slices.Equal(got, want) {
		return fmt.Errorf("Scan(%+v) gives %q, %w; the model has %q", o.r, got, err, want)
	}
	return nil
}

// selected gives the model's keys of a range, in the range's order.
func selected(m map[string]string, r store.Range) []string {
	keys := slices.Sorted(maps.Keys(m))
	if r.Reverse {
		slices.Reverse(keys)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		outside := r.After != "" && (key == r.After || (key < r.After) != r.Reverse)
		return outside || !strings.HasPrefix(key, r.Prefix)
	})
	if r.Limit > 0 && len(keys) > r.Limit {
		keys = keys[:r.Limit]
	}
	return keys
}
