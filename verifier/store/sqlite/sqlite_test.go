package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.KillChild(open)
	goleak.VerifyTestMain(m)
}

func open(ctx context.Context, path string) (store.Store, error) { return sqlite.Open(ctx, path) }

func TestConformance(t *testing.T) { storetest.Test(t, open) }

func TestModel(t *testing.T) { storetest.TestModel(t, open) }

func TestNothingAcknowledgedIsLostToKill(t *testing.T) { storetest.TestKill(t, open, 8) }

func mustOpen(t testing.TB, path string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(s store.Store, key string, value []byte) error {
	return s.Update(context.Background(), func(tx store.Tx) error { return tx.Put("b", key, value) })
}

func TestFolderAndFilesAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such bits; the folder inherits its access list")
		return
	}
	folder := filepath.Join(t.TempDir(), "data")
	s := mustOpen(t, filepath.Join(folder, "db"))
	if err := put(s, "k", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), filepath.Join(folder, "copy")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) < 3 {
		t.Fatalf("the folder has %d files, %v", len(entries), err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has the mode %v, %v", info.Mode(), err)
	}
}

func TestNothingIsLeftBesideAClosedFile(t *testing.T) {
	folder := t.TempDir()
	s := mustOpen(t, filepath.Join(folder, "db"))
	err := errors.Join(put(s, "k", nil), s.View(t.Context(), func(tx store.Tx) error { _, err := tx.Get("b", "k"); return err }), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(folder); len(entries) != 1 || err != nil {
		t.Errorf("there are %v", entries)
	}
}

func TestAPathMayHaveAnyCharacters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20é", "d&b;c")
	s := mustOpen(t, path)
	if err := put(s, "k", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
}

func TestManyFirstStartsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			s, err := sqlite.Open(context.Background(), path)
			if err != nil {
				t.Errorf("opening: %v", err)
				return
			}
			if err := errors.Join(put(s, fmt.Sprint(i), nil), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestWhatCannotBeOpenedIsSaidAndKept(t *testing.T) {
	damaged := func(t *testing.T) []byte {
		path := filepath.Join(t.TempDir(), "db")
		s := mustOpen(t, path)
		for i := range 300 {
			if err := put(s, fmt.Sprint(i), bytes.Repeat([]byte{1}, 500)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copy(raw[100:], bytes.Repeat([]byte{0xff}, 4000)) // the schema's page
		return raw
	}(t)
	for _, test := range []struct {
		name    string
		content []byte
		want    error
		words   string
	}{
		{"another kind of file", []byte(strings.Repeat("hello world\n", 1000)), store.ErrCorrupt, "damaged"},
		{"a damaged file", damaged, store.ErrCorrupt, "damaged"},
		{"a file cut short", damaged[:5000], store.ErrCorrupt, "damaged"},
	} {
		path := filepath.Join(t.TempDir(), "db")
		if err := os.WriteFile(path, test.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sqlite.Open(t.Context(), path)
		if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.words) || !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("%s: %v", test.name, err)
		}
		if kept, err := os.ReadFile(path); !bytes.Equal(kept, test.content) || err != nil {
			t.Errorf("%s: the file was changed", test.name)
		}
	}
	if _, err := sqlite.Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder opens")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(file, "db")); err == nil {
		t.Error("a file serves as folder")
	}
}

// TestDamageThatIsMetLaterIsSaid: a page in the middle goes bad while the
// database is closed.
func TestDamageThatIsMetLaterIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, path)
	for i := range 300 {
		if err := put(s, fmt.Sprintf("%03d", i), bytes.Repeat([]byte{1}, 500)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(bytes.Repeat([]byte{0xff}, 4096*20), 4096*5); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path)
	read := s.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("b", store.Range{}, func(string, []byte) error { return nil })
	})
	if !errors.Is(read, store.ErrCorrupt) {
		t.Errorf("reading gives %v", read)
	}
	// What is not damaged still works.
	if err := put(s, "\x00", nil); err != nil && !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("writing gives %v", err)
	}
}

// TestLongView: a view that stays open holds up no update, and reads on.
func TestUpdatesGoOnBesideALongView(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "db"))
	err := s.View(t.Context(), func(tx store.Tx) error {
		for i := range 50 {
			if err := put(s, fmt.Sprint(i), nil); err != nil {
				return err
			}
		}
		_, err := tx.Get("b", "k")
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("Get gives %w", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkUpdate measures durable updates a second at 1, 64 and 256 at once,
// beside the limit of the disk in the same run: an append of a page's size and
// an fsync, one after the other.
func BenchmarkUpdate(b *testing.B) {
	value := bytes.Repeat([]byte{1}, 600)
	b.Run("limit=append+fsync", func(b *testing.B) {
		file, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		page := bytes.Repeat([]byte{1}, 4096+24) // a WAL frame
		for b.Loop() {
			if _, err := file.Write(page); err != nil {
				b.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		if err := file.Close(); err != nil {
			b.Fatal(err)
		}
	})
	for _, atOnce := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("at_once=%d", atOnce), func(b *testing.B) {
			s := mustOpen(b, filepath.Join(b.TempDir(), "db"))
			var wait sync.WaitGroup
			calls := make(chan int)
			for range atOnce {
				wait.Go(func() {
					for i := range calls {
						if err := put(s, fmt.Sprintf("%08d", i), value); err != nil {
							b.Error(err)
						}
					}
				})
			}
			started := time.Now()
			b.ResetTimer()
			for i := range b.N {
				calls <- i
			}
			close(calls)
			wait.Wait()
			b.ReportMetric(float64(b.N)/time.Since(started).Seconds(), "updates/s")
		})
	}
}

func BenchmarkView(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "db"))
	if err := put(s, "k", make([]byte, 600)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := s.View(b.Context(), func(tx store.Tx) error { _, err := tx.Get("b", "k"); return err })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// TestWhatSharesACommitStaysApart queues updates behind one that holds, so that
// they share the next commit: each sees what those before it did, unless they
// failed, whether that is in memory only or in the database already.
func TestWhatSharesACommitStaysApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, filepath.Join(t.TempDir(), "db"))
		release := make(chan struct{})
		holding := make(chan error, 1)
		go func() {
			holding <- s.Update(t.Context(), func(store.Tx) error { <-release; return nil })
		}()
		own := errors.New("own")
		sees := func(tx store.Tx, want string) error {
			var found []string
			err := tx.Scan("b", store.Range{}, func(key string, value []byte) error {
				found = append(found, key+"="+string(value))
				return nil
			})
			if got := strings.Join(found, " "); got != want {
				t.Errorf("seen %q, want %q", got, want)
			}
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		type result struct {
			told bool
			err  error
		}
		updates := []struct {
			name string
			f    func(store.Tx) error
			want result
		}{
			{"whose goroutine ends", func(tx store.Tx) error {
				if err := errors.Join(tx.Put("b", "ended", nil), sees(tx, "ended=")); err != nil {
					t.Error(err)
				}
				runtime.Goexit()
				return nil
			}, result{}},
			{"that writes", func(tx store.Tx) error { return tx.Put("b", "x", []byte("1")) }, result{told: true}},
			{"that fails after a scan", func(tx store.Tx) error {
				return errors.Join(sees(tx, "x=1"), tx.Put("b", "x", []byte("2")), sees(tx, "x=2"), tx.Put("b", "y", nil), own)
			}, result{true, own}},
			{"that fails without one", func(tx store.Tx) error { return errors.Join(tx.Delete("b", "x"), own) }, result{true, own}},
			{"that reads what stands", func(tx store.Tx) error {
				if value, err := tx.Get("b", "x"); string(value) != "1" || err != nil {
					t.Errorf("x is %q, %v", value, err)
				}
				return errors.Join(sees(tx, "x=1"), tx.Put("b", "y", []byte("3")))
			}, result{told: true}},
			{"that is cancelled while it waits", func(store.Tx) error { t.Error("called"); return nil }, result{true, context.Canceled}},
			{"that deletes and scans", func(tx store.Tx) error {
				return errors.Join(tx.Delete("b", "x"), sees(tx, "y=3"), tx.Put("b", "z", []byte("4")))
			}, result{told: true}},
			{"that scans at the end", func(tx store.Tx) error { return sees(tx, "y=3 z=4") }, result{told: true}},
		}
		results := make([]result, len(updates))
		for i, u := range updates {
			synctest.Wait() // those before it wait
			ctx := ctx
			if !errors.Is(u.want.err, context.Canceled) {
				ctx = t.Context()
			}
			go func() {
				err := s.Update(ctx, u.f)
				results[i] = result{true, err}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		synctest.Wait()
		if err := <-holding; err != nil {
			t.Error(err)
		}
		for i, u := range updates {
			if got := results[i]; got.told != u.want.told || !errors.Is(got.err, u.want.err) {
				t.Errorf("an update %s: %+v, want %+v", u.name, got, u.want)
			}
		}
		if err := s.View(t.Context(), func(tx store.Tx) error { return sees(tx, "y=3 z=4") }); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
