// Package storetest is the conformance suite of store.Store: what every
// implementation must do, called in three lines of its tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"countersign/verifier/store"
)

// Open opens the store that lives at path, and makes it where there is none.
// What was made at a path is found there again after a Close.
type Open func(ctx context.Context, path string) (store.Store, error)

// Test runs the suite.
func Test(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"a record that was put is got, replaced and deleted", testRecords},
		{"keys and values are any bytes", testBytes},
		{"scans follow byte order", testScanOrder},
		{"a scan's function may read, write and stop", testScanFunction},
		{"an update that fails changes nothing", testRollback},
		{"a panic in an update is an error and changes nothing", testPanic},
		{"an update whose goroutine ends changes nothing", testGoexit},
		{"an update sees what it wrote", testOwnWrites},
		{"a view cannot write", testReadOnly},
		{"a view sees one state", testIsolation},
		{"parallel updates lose nothing", testParallel},
		{"failures among parallel updates stay alone", testParallelFailures},
		{"a transaction is over when its function returns", testEnded},
		{"a cancelled context stops what has not begun", testCancelled},
		{"a closed store refuses", testClosed},
		{"what was written is there after reopening", testReopen},
		{"two stores on the same data see each other", testTwoStores},
		{"a backup is one state, and a store", testBackup},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{open: open, path: filepath.Join(t.TempDir(), "data", "store")}
			f.Store = f.openAt(t, f.path)
			test.run(t, f)
		})
	}
}

type fixture struct {
	store.Store
	open Open
	path string
}

func (f *fixture) openAt(t *testing.T, path string) store.Store {
	t.Helper()
	s, err := f.open(t.Context(), path)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func update(t *testing.T, s store.Store, f func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, s store.Store, f func(store.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), f); err != nil {
		t.Fatalf("View: %v", err)
	}
}

func put(t *testing.T, s store.Store, bucket string, keys ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for _, key := range keys {
			if err := tx.Put(bucket, key, []byte("value of "+key)); err != nil {
				return err
			}
		}
		return nil
	})
}

// keys scans in a view of its own.
func keys(t *testing.T, s store.Store, bucket string, r store.Range) []string {
	t.Helper()
	var found []string
	view(t, s, func(tx store.Tx) (err error) {
		found, err = scan(tx, bucket, r)
		return err
	})
	return found
}

func scan(tx store.Tx, bucket string, r store.Range) ([]string, error) {
	found := []string{}
	err := tx.Scan(bucket, r, func(key string, _ []byte) error {
		found = append(found, key)
		return nil
	})
	return found, err
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func expectError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func testRecords(t *testing.T, f *fixture) {
	put(t, f, "a", "k")
	update(t, f, func(tx store.Tx) error { return tx.Put("a", "k", []byte("second")) })
	view(t, f, func(tx store.Tx) error {
		value, err := tx.Get("a", "k")
		if string(value) != "second" || err != nil {
			t.Errorf("Get = %q, %v; want the second value", value, err)
		}
		_, err = tx.Get("b", "k")
		expectError(t, "the same key in another bucket", err, store.ErrNotFound)
		return nil
	})
	for range 2 { // the second deletes nothing, without an error
		update(t, f, func(tx store.Tx) error { return tx.Delete("a", "k") })
	}
	view(t, f, func(tx store.Tx) error {
		_, err := tx.Get("a", "k")
		expectError(t, "a deleted key", err, store.ErrNotFound)
		return nil
	})
}

func testBytes(t *testing.T, f *fixture) {
	want := map[string][]byte{
		"nul\x00inside": []byte("a\x00b"), "\x00": {}, "\xff\xfe": {0xff}, "é": nil,
		"big": []byte(strings.Repeat("x", 1<<20)),
	}
	update(t, f, func(tx store.Tx) error {
		for key, value := range want {
			if err := tx.Put("b", key, value); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, f, func(tx store.Tx) error {
		for key, value := range want {
			got, err := tx.Get("b", key)
			if string(got) != string(value) || err != nil {
				t.Errorf("Get(%q) gives %d bytes, %v; want %d", key, len(got), err, len(value))
			}
		}
		_, err := tx.Get("b", "nul")
		expectError(t, "a key up to its zero byte", err, store.ErrNotFound)
		return nil
	})
	for _, bad := range [][2]string{{"", "k"}, {"b", ""}} {
		if err := f.Update(t.Context(), func(tx store.Tx) error { return tx.Put(bad[0], bad[1], nil) }); err == nil {
			t.Errorf("Put(%q, %q) is taken", bad[0], bad[1])
		}
	}
	// Whoever looks for what a client names asks for this, too.
	update(t, f, func(tx store.Tx) error {
		_, err := tx.Get("b", "")
		expectError(t, "Get of no key", err, store.ErrNotFound)
		return tx.Delete("b", "")
	})
}

func testScanOrder(t *testing.T, f *fixture) {
	put(t, f, "other", "a/1", "zz")
	put(t, f, "s", "b", "a/2", "A", "a/10", "a/1", "a0", "a\xff", "a\xff\xff1", "\xff\xff", "\xff\xffx", "é")
	for _, test := range []struct {
		name string
		r    store.Range
		want []string
	}{
		{"all", store.Range{}, []string{"A", "a/1", "a/10", "a/2", "a0", "a\xff", "a\xff\xff1", "b", "é", "\xff\xff", "\xff\xffx"}},
		{"all, reversed", store.Range{Reverse: true}, []string{"\xff\xffx", "\xff\xff", "é", "b", "a\xff\xff1", "a\xff", "a0", "a/2", "a/10", "a/1", "A"}},
		{"prefix", store.Range{Prefix: "a/"}, []string{"a/1", "a/10", "a/2"}},
		{"prefix, reversed", store.Range{Prefix: "a/", Reverse: true}, []string{"a/2", "a/10", "a/1"}},
		{"prefix that ends in 0xff", store.Range{Prefix: "a\xff"}, []string{"a\xff", "a\xff\xff1"}},
		{"prefix of 0xff alone", store.Range{Prefix: "\xff\xff"}, []string{"\xff\xff", "\xff\xffx"}},
		{"prefix of 0xff alone, reversed", store.Range{Prefix: "\xff\xff", Reverse: true}, []string{"\xff\xffx", "\xff\xff"}},
		{"prefix of nothing", store.Range{Prefix: "nothing"}, []string{}},
		{"after", store.Range{After: "a0"}, []string{"a\xff", "a\xff\xff1", "b", "é", "\xff\xff", "\xff\xffx"}},
		{"after a key that is not there", store.Range{After: "a/11", Limit: 2}, []string{"a/2", "a0"}},
		{"after, reversed", store.Range{After: "a/10", Reverse: true}, []string{"a/1", "A"}},
		{"after and prefix", store.Range{Prefix: "a/", After: "a/1"}, []string{"a/10", "a/2"}},
		{"after and prefix, reversed", store.Range{Prefix: "a/", After: "a/2", Reverse: true}, []string{"a/10", "a/1"}},
		{"after, before the prefix", store.Range{Prefix: "a/", After: "A"}, []string{"a/1", "a/10", "a/2"}},
		{"after, beyond the prefix, reversed", store.Range{Prefix: "a/", After: "b", Reverse: true}, []string{"a/2", "a/10", "a/1"}},
		{"after, beyond the prefix", store.Range{Prefix: "a/", After: "b"}, []string{}},
		{"limit", store.Range{Limit: 3}, []string{"A", "a/1", "a/10"}},
		{"limit, reversed", store.Range{Limit: 2, Reverse: true}, []string{"\xff\xffx", "\xff\xff"}},
		{"limit beyond the end", store.Range{Prefix: "b", Limit: 9}, []string{"b"}},
	} {
		expect(t, test.name, keys(t, f, "s", test.r), test.want)
	}
}

func testScanFunction(t *testing.T, f *fixture) {
	const n = 1000 // more than an implementation would read at once
	update(t, f, func(tx store.Tx) error {
		for i := range n {
			if err := tx.Put("s", fmt.Sprintf("%04d", i), []byte(strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, f, func(tx store.Tx) error {
		i := 0
		err := tx.Scan("s", store.Range{}, func(key string, value []byte) error {
			if string(value) != strconv.Itoa(i) {
				t.Fatalf("record %d has the value %q", i, value)
			}
			i++
			if _, err := tx.Get("s", key); err != nil {
				return err
			}
			if i%2 == 0 {
				return tx.Delete("s", key)
			}
			return nil
		})
		if i != n {
			t.Errorf("the scan gave %d records, want %d", i, n)
		}
		return err
	})
	if left := keys(t, f, "s", store.Range{}); len(left) != n/2 {
		t.Errorf("%d records are left, want %d", len(left), n/2)
	}
	if some := keys(t, f, "s", store.Range{Limit: 300}); len(some) != 300 {
		t.Errorf("a limit of 300 gives %d", len(some))
	}
	calls := 0
	view(t, f, func(tx store.Tx) error {
		return tx.Scan("s", store.Range{}, func(string, []byte) error { calls++; return store.Stop })
	})
	if calls != 1 {
		t.Errorf("a scan that was stopped went on for %d calls", calls)
	}
	want := errors.New("own")
	got := f.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("s", store.Range{}, func(string, []byte) error { return want })
	})
	expectError(t, "a scan whose function fails", got, want)
}

func testRollback(t *testing.T, f *fixture) {
	put(t, f, "r", "kept", "changed")
	want := errors.New("own")
	err := f.Update(t.Context(), func(tx store.Tx) error {
		if err := errors.Join(tx.Put("r", "new", nil), tx.Put("r", "changed", []byte("x")), tx.Delete("r", "kept")); err != nil {
			return err
		}
		return want
	})
	expectError(t, "Update", err, want)
	expect(t, "keys", keys(t, f, "r", store.Range{}), []string{"changed", "kept"})
	view(t, f, func(tx store.Tx) error {
		value, err := tx.Get("r", "changed")
		if string(value) != "value of changed" {
			t.Errorf("a value was changed to %q", value)
		}
		return err
	})
}

func testPanic(t *testing.T, f *fixture) {
	err := f.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.Put("p", "k", nil); err != nil {
			return err
		}
		panic("on purpose")
	})
	if err == nil || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("Update gives %v, want an error that tells of the panic", err)
	}
	put(t, f, "p", "after")
	expect(t, "keys", keys(t, f, "p", store.Range{}), []string{"after"})
}

func testGoexit(t *testing.T, f *fixture) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Update(context.Background(), func(tx store.Tx) error {
			_ = tx.Put("g", "k", nil)
			runtime.Goexit()
			return nil
		})
	}()
	<-ended
	put(t, f, "g", "after")
	expect(t, "keys", keys(t, f, "g", store.Range{}), []string{"after"})
}

func testOwnWrites(t *testing.T, f *fixture) {
	put(t, f, "o", "a", "b")
	update(t, f, func(tx store.Tx) error {
		if err := errors.Join(tx.Put("o", "c", []byte("new")), tx.Delete("o", "a")); err != nil {
			return err
		}
		found, err := scan(tx, "o", store.Range{})
		expect(t, "keys", found, []string{"b", "c"})
		if value, err := tx.Get("o", "c"); string(value) != "new" || err != nil {
			t.Errorf("Get = %q, %v; want the new value", value, err)
		}
		return err
	})
}

func testReadOnly(t *testing.T, f *fixture) {
	put(t, f, "v", "k")
	view(t, f, func(tx store.Tx) error {
		expectError(t, "Put in a view", tx.Put("v", "x", nil), store.ErrReadOnly)
		expectError(t, "Delete in a view", tx.Delete("v", "k"), store.ErrReadOnly)
		return nil
	})
	expect(t, "keys", keys(t, f, "v", store.Range{}), []string{"k"})
}

func testIsolation(t *testing.T, f *fixture) {
	put(t, f, "i", "before")
	view(t, f, func(tx store.Tx) error {
		if _, err := tx.Get("i", "before"); err != nil {
			return err
		}
		put(t, f, "i", "meanwhile") // a view holds up no update
		_, err := tx.Get("i", "meanwhile")
		expectError(t, "what was written after the view began", err, store.ErrNotFound)
		found, err := scan(tx, "i", store.Range{})
		expect(t, "keys of the view", found, []string{"before"})
		return err
	})
	update(t, f, func(tx store.Tx) error {
		if err := tx.Put("i", "unfinished", nil); err != nil {
			return err
		}
		expect(t, "keys beside an update", keys(t, f, "i", store.Range{}), []string{"before", "meanwhile"})
		return nil
	})
}

func increment(tx store.Tx, key string) error {
	n := 0
	value, err := tx.Get("n", key)
	if err == nil {
		n, err = strconv.Atoi(string(value))
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.Put("n", key, []byte(strconv.Itoa(n+1)))
}

func number(t *testing.T, s store.Store, key string) int {
	t.Helper()
	n := 0
	view(t, s, func(tx store.Tx) error {
		value, err := tx.Get("n", key)
		if err != nil {
			return err
		}
		n, err = strconv.Atoi(string(value))
		return err
	})
	return n
}

// inParallel calls f from many goroutines and collects what they return.
func inParallel(goroutines, calls int, f func(call int) error) []error {
	var wait sync.WaitGroup
	errs := make([]error, goroutines*calls)
	for g := range goroutines {
		wait.Go(func() {
			for c := range calls {
				errs[g*calls+c] = f(g*calls + c)
			}
		})
	}
	wait.Wait()
	return errs
}

func testParallel(t *testing.T, f *fixture) {
	const goroutines, calls = 32, 25
	errs := inParallel(goroutines, calls, func(int) error {
		return f.Update(t.Context(), func(tx store.Tx) error { return increment(tx, "count") })
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := number(t, f, "count"); n != goroutines*calls {
		t.Errorf("the count is %d, want %d", n, goroutines*calls)
	}
}

func testParallelFailures(t *testing.T, f *fixture) {
	const goroutines, calls = 32, 25
	own := errors.New("own")
	errs := inParallel(goroutines, calls, func(call int) error {
		return f.Update(t.Context(), func(tx store.Tx) error {
			if err := increment(tx, "count"); err != nil {
				return err
			}
			switch call % 5 {
			case 1:
				return own
			case 2:
				panic("on purpose")
			}
			return nil
		})
	})
	for call, err := range errs {
		switch call % 5 {
		case 1:
			expectError(t, "an update that failed", err, own)
		case 2:
			if err == nil {
				t.Error("an update that panicked gives no error")
			}
		default:
			if err != nil {
				t.Errorf("an update beside one that failed: %v", err)
			}
		}
	}
	if n, want := number(t, f, "count"), goroutines*calls*3/5; n != want {
		t.Errorf("the count is %d, want %d", n, want)
	}
}

func testEnded(t *testing.T, f *fixture) {
	var kept []store.Tx
	keep := func(tx store.Tx) error { kept = append(kept, tx); return tx.Scan("e", store.Range{}, nil) }
	update(t, f, keep)
	view(t, f, keep)
	for _, tx := range kept {
		if err := tx.Put("e", "k", nil); err == nil {
			t.Error("Put works after the transaction")
		}
		_, err := tx.Get("e", "k")
		expectError(t, "Get after the transaction", err, store.ErrClosed)
	}
	expect(t, "keys", keys(t, f, "e", store.Range{}), []string{})
}

// neverCalled is a transaction's function that must not run.
func neverCalled(t *testing.T) func(store.Tx) error {
	return func(store.Tx) error {
		t.Error("the function is called")
		return errors.New("called")
	}
}

func testCancelled(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := neverCalled(t)
	expectError(t, "View", f.View(ctx, never), context.Canceled)
	expectError(t, "Update", f.Update(ctx, never), context.Canceled)

	// Behind another update; it must not happen after its caller was told that
	// it did not.
	ctx, cancel = context.WithCancel(t.Context())
	told := make(chan error, 1)
	update(t, f, func(store.Tx) error {
		go func() { told <- f.Update(ctx, never) }()
		cancel()
		expectError(t, "an update that waits", <-told, context.Canceled)
		return nil
	})
	// Once begun, the result tells what holds.
	ctx, cancel = context.WithCancel(t.Context())
	err := f.Update(ctx, func(tx store.Tx) error {
		cancel()
		return tx.Put("c", "k", nil)
	})
	if found := slices.Contains(keys(t, f, "c", store.Range{}), "k"); (err == nil) != found {
		t.Errorf("Update = %v, but the record is there: %v", err, found)
	}
}

func testClosed(t *testing.T, f *fixture) {
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	never := neverCalled(t)
	expectError(t, "View", f.View(t.Context(), never), store.ErrClosed)
	expectError(t, "Update", f.Update(t.Context(), never), store.ErrClosed)
}

func testReopen(t *testing.T, f *fixture) {
	put(t, f, "x", "k")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := f.openAt(t, f.path)
	expect(t, "keys", keys(t, again, "x", store.Range{}), []string{"k"})
	put(t, again, "x", "l")
}

func testTwoStores(t *testing.T, f *fixture) {
	other := f.openAt(t, f.path)
	errs := inParallel(2, 40, func(call int) error {
		s := store.Store(f)
		if call >= 40 {
			s = other
		}
		return s.Update(t.Context(), func(tx store.Tx) error { return increment(tx, "count") })
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, s := range []store.Store{f, other} {
		if n := number(t, s, "count"); n != 80 {
			t.Errorf("the count is %d, want 80", n)
		}
	}
}

func testBackup(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	put(t, f, "n", "pad")
	update(t, f, func(tx store.Tx) error { return errors.Join(increment(tx, "a"), increment(tx, "b")) })
	wait.Go(func() { // both or neither, all the time
		for ctx.Err() == nil {
			err := f.Update(ctx, func(tx store.Tx) error { return errors.Join(increment(tx, "a"), increment(tx, "b")) })
			if err != nil && ctx.Err() == nil {
				t.Errorf("an update beside a backup: %v", err)
			}
		}
	})
	path := filepath.Join(t.TempDir(), "backup")
	err := f.Backup(t.Context(), path)
	cancel()
	wait.Wait()
	if err != nil {
		t.Fatalf("Backup: %v", err)
	}
	if err := f.Backup(t.Context(), path); err == nil {
		t.Error("a backup replaces a file")
	}
	copied := f.openAt(t, path)
	if a, b := number(t, copied, "a"), number(t, copied, "b"); a != b || a == 0 {
		t.Errorf("the backup has a = %d and b = %d: no state that ever was", a, b)
	}
	before := number(t, copied, "a")
	update(t, f, func(tx store.Tx) error { return increment(tx, "a") })
	if number(t, copied, "a") != before {
		t.Error("the backup follows the original")
	}
}
