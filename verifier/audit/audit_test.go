package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"countersign/verifier/audit"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixture struct {
	*testing.T
	*audit.Log
	store store.Store
	now   time.Time
	logs  *bytes.Buffer
}

// newFixture makes a log that signs a head every 16 events.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	v, err := vault.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, store: s, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), logs: &bytes.Buffer{}}
	f.Log = audit.New(audit.Config{
		Store: s, Vault: v, HeadEvery: 16, Logger: slog.New(slog.NewTextHandler(f.logs, nil)),
		Now: func() time.Time { return f.now },
	})
	return f
}

func (f *fixture) update(do func(store.Tx) error) {
	f.Helper()
	if err := f.store.Update(f.Context(), do); err != nil {
		f.Fatal(err)
	}
}

// write appends n events, a second apart, about the users u0, u1 and u2 in turn.
func (f *fixture) write(n int) {
	f.Helper()
	f.update(func(tx store.Tx) error {
		for i := range n {
			f.now = f.now.Add(time.Second)
			err := f.Append(tx, audit.Event{
				Kind: audit.KindChallengeSettled, User: fmt.Sprintf("u%d", i%3), Client: "web", Source: "192.0.2.1",
				State: []string{"approved", "denied"}[i%2], Challenge: fmt.Sprintf("c%d", i), Detail: map[string]string{"b": "1", "a": "2"},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) verify(kept ...[]byte) audit.Report {
	f.Helper()
	report, err := f.Verify(f.Context(), kept...)
	if err != nil {
		f.Fatal(err)
	}
	return report
}

func (f *fixture) tampered(what string, kept ...[]byte) {
	f.Helper()
	if _, err := f.Verify(f.Context(), kept...); !errors.Is(err, audit.ErrTampered) {
		f.Errorf("%s: Verify gives %v", what, err)
	}
}

// TestAHeadIsSignedEveryMinuteAndAtTheEnd: on a quiet day, too, little is left
// that could be rewritten unseen.
func TestAHeadIsSignedEveryMinuteAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Log.Run(ctx) }()
		signed := func(want int64) {
			t.Helper()
			if got := f.verify().Signed; got != want {
				t.Errorf("%d events are signed, not %d", got, want)
			}
		}
		<-time.After(90 * time.Second) // an empty log has no head
		signed(0)
		f.write(3)
		signed(0)
		<-time.After(time.Minute)
		signed(3)
		heads := strings.Count(f.logs.String(), "audit head signed")
		<-time.After(time.Hour)
		if again := strings.Count(f.logs.String(), "audit head signed"); heads != 1 || again != heads {
			t.Errorf("%d heads of 3 events, and %d when nothing happened", heads, again)
		}
		f.write(1)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		signed(4)
	})
}

func TestAnUntouchedLogVerifiesAtEverySize(t *testing.T) {
	f := newFixture(t)
	if report := f.verify(); report != (audit.Report{}) {
		t.Errorf("an empty log gives %+v", report)
	}
	var heads [][]byte
	for size := int64(1); size <= 70; size++ {
		f.write(1)
		report := f.verify(heads...)
		if report.Size != size || report.Signed/16 < size/16 {
			t.Fatalf("at %d events: %+v", size, report)
		}
		if size%9 == 0 {
			head, err := f.SignHead(t.Context())
			if err != nil || head.Size != size || head.Hash != report.Hash {
				t.Fatalf("the head is %+v, %v", head, err)
			}
			heads = append(heads, head.Note)
		}
	}
	if report := f.verify(heads...); report.Signed != 64 || report.Heads != 4+7 {
		t.Errorf("the report is %+v", report)
	}
	if !strings.Contains(f.logs.String(), "size=64") {
		t.Error("the process log has no head")
	}
}

// TestTamperingShows edits the database as somebody could who has it, but not
// the vault's key.
func TestTamperingShows(t *testing.T) {
	const record, hashes = "audit_records", "audit_hashes"
	key := func(n int) string { return fmt.Sprintf("%016x", n) }
	for name, tamper := range map[string]func(tx store.Tx) error{
		"an event changed": func(tx store.Tx) error {
			raw, err := tx.Get(record, key(5))
			return errors.Join(err, tx.Put(record, key(5), bytes.Replace(raw, []byte("denied"), []byte("approved"), 1)))
		},
		"an event changed with its hash": func(tx store.Tx) error {
			raw, err := tx.Get(record, key(5))
			other, err2 := tx.Get(hashes, key(6))
			return errors.Join(err, err2, tx.Put(record, key(5), bytes.Replace(raw, []byte("denied"), []byte("approved"), 1)), tx.Put(hashes, key(5), other))
		},
		"an event in the middle removed": func(tx store.Tx) error { return tx.Delete(record, key(5)) },
		"the last event removed":         func(tx store.Tx) error { return tx.Delete(record, key(39)) },
		"the first event removed":        func(tx store.Tx) error { return tx.Delete(record, key(0)) },
		"an event added": func(tx store.Tx) error {
			return tx.Put(record, key(40), []byte(`{"time":"2026-01-02T03:04:05Z","kind":"x"}`))
		},
		"an event that does not read": func(tx store.Tx) error { return tx.Put(record, key(3), []byte("{")) },
		"two events swapped": func(tx store.Tx) error {
			a, err := tx.Get(record, key(3))
			b, err2 := tx.Get(record, key(4))
			return errors.Join(err, err2, tx.Put(record, key(3), b), tx.Put(record, key(4), a))
		},
		"a hash removed":     func(tx store.Tx) error { return tx.Delete(hashes, key(7)) },
		"the size removed":   func(tx store.Tx) error { return tx.Delete("audit_state", "frontier") },
		"the size cut short": func(tx store.Tx) error { return tx.Put("audit_state", "frontier", []byte{0, 0}) },
		"a head replaced":    func(tx store.Tx) error { return tx.Put("audit_heads", key(16), []byte("no head\n\n— x y\n")) },
		"all heads removed": func(tx store.Tx) error {
			return errors.Join(tx.Delete("audit_heads", key(16)), tx.Delete("audit_heads", key(32)))
		},
		"the signing key removed": func(tx store.Tx) error { return tx.Delete("audit_state", "signer") },
		"another size's head in place": func(tx store.Tx) error {
			head, err := tx.Get("audit_heads", key(16))
			return errors.Join(err, tx.Delete("audit_heads", key(32)), tx.Put("audit_heads", key(32), head))
		},
		"the log cut to nothing": func(tx store.Tx) error {
			var errs []error
			for n := range 40 {
				errs = append(errs, tx.Delete(record, key(n)))
			}
			return errors.Join(errs...)
		},
	} {
		f := newFixture(t)
		f.write(40)
		f.verify()
		f.update(tamper)
		f.tampered(name)
	}
}

// TestARewrittenLogShows: whoever writes the whole log anew, hashes and all,
// cannot sign it, and an older copy does not fit a head kept elsewhere.
func TestARewrittenLogShows(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	f.write(40)
	head, err := f.SignHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.verify(head.Note)
	other.write(20) // as if an older copy had been put back
	other.tampered("an older copy", head.Note)
	other.write(20)
	other.tampered("another log of the same key and size", head.Note)
	other.tampered("a head that is none", []byte("hello"))

	// The forger's own log in the place of ours: same events but one.
	forged := newFixture(t)
	forged.write(39)
	forged.now = forged.now.Add(time.Hour)
	forged.write(1)
	copyBuckets(t, forged.store, f.store, "audit_records", "audit_hashes")
	f.tampered("a forged log under our heads")
}

func copyBuckets(t *testing.T, from, to store.Store, buckets ...string) {
	t.Helper()
	err := from.View(t.Context(), func(source store.Tx) error {
		return to.Update(t.Context(), func(target store.Tx) error {
			for _, bucket := range buckets {
				err := source.Scan(bucket, store.Range{}, func(key string, value []byte) error { return target.Put(bucket, key, value) })
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnEventIsInItsTransactionAlone(t *testing.T) {
	f := newFixture(t)
	f.write(3)
	own := errors.New("own")
	err := f.store.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(f.Append(tx, audit.Event{Kind: "x"}), own)
	})
	if !errors.Is(err, own) {
		t.Fatal(err)
	}
	if report := f.verify(); report.Size != 3 {
		t.Errorf("the log has %d events", report.Size)
	}
}

func TestEventsAreRefusedWith(t *testing.T) {
	f := newFixture(t)
	for name, e := range map[string]audit.Event{
		"no kind": {}, "too much": {Kind: "x", Reason: strings.Repeat("x", 10_000)},
	} {
		err := f.store.Update(t.Context(), func(tx store.Tx) error { return f.Append(tx, e) })
		if !errors.Is(err, audit.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (f *fixture) query(filter audit.Filter, page audit.Page) audit.Result {
	f.Helper()
	var result audit.Result
	err := f.store.View(f.Context(), func(tx store.Tx) (err error) {
		result, err = f.Query(tx, filter, page)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return result
}

func numbers(records []audit.Record) []int64 {
	n := []int64{}
	for _, record := range records {
		n = append(n, record.Number)
	}
	return n
}

func TestQuery(t *testing.T) {
	f := newFixture(t)
	start := f.now
	f.write(12)
	f.update(func(tx store.Tx) error {
		return f.Append(tx, audit.Event{Kind: audit.KindUserAdded, Actor: "cli", User: "u"}) // a prefix of the others' ids
	})
	for _, test := range []struct {
		name   string
		filter audit.Filter
		want   []int64
	}{
		{"all", audit.Filter{}, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{"a user", audit.Filter{User: "u1"}, []int64{10, 7, 4, 1}},
		{"a user whose id begins another's", audit.Filter{User: "u"}, []int64{12}},
		{"an unknown user", audit.Filter{User: "u9"}, []int64{}},
		{"a user and a state", audit.Filter{User: "u1", State: "denied"}, []int64{7, 1}},
		{"kinds", audit.Filter{Kinds: []string{audit.KindUserAdded, "other"}}, []int64{12}},
		{"a challenge", audit.Filter{Challenge: "c3"}, []int64{3}},
		{"a client and a source", audit.Filter{Client: "web", Source: "192.0.2.2"}, []int64{}},
		{"a time", audit.Filter{From: start.Add(3 * time.Second), Until: start.Add(6 * time.Second)}, []int64{4, 3, 2}},
	} {
		if got := f.query(test.filter, audit.Page{}); !slices.Equal(numbers(got.Records), test.want) || got.Next != 0 {
			t.Errorf("%s: got %v and next %d, want %v", test.name, numbers(got.Records), got.Next, test.want)
		}
		// The same, page by page.
		var paged []audit.Record
		for page := (audit.Page{Limit: 2}); ; {
			got := f.query(test.filter, page)
			paged = append(paged, got.Records...)
			if page.Before = got.Next; page.Before == 0 {
				break
			}
		}
		if !slices.Equal(numbers(paged), test.want) {
			t.Errorf("%s, in pages: got %v, want %v", test.name, numbers(paged), test.want)
		}
	}
	got := f.query(audit.Filter{}, audit.Page{Limit: 1}).Records[0]
	if got.Actor != "cli" || !got.Time.Equal(f.now) {
		t.Errorf("an event reads back as %+v", got)
	}
	err := f.store.View(t.Context(), func(tx store.Tx) error { _, err := f.Query(tx, audit.Filter{}, audit.Page{Before: -1}); return err })
	if !errors.Is(err, audit.ErrInvalid) {
		t.Errorf("a page before the beginning gives %v", err)
	}
}

func TestAPageThatIsExactlyFullHasNoNext(t *testing.T) {
	f := newFixture(t)
	f.write(4)
	if got := f.query(audit.Filter{}, audit.Page{Limit: 4}); len(got.Records) != 4 || got.Next != 0 {
		t.Errorf("got %d records and next %d", len(got.Records), got.Next)
	}
}

func BenchmarkAppend(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	v, err := vault.New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	l := audit.New(audit.Config{Store: s, Vault: v, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	err = s.Update(b.Context(), func(tx store.Tx) error {
		for b.Loop() {
			if err := l.Append(tx, audit.Event{Kind: audit.KindChallengeSettled, User: "zoe", State: "approved"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
