package app

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/crypto/keyring"
	"countersign/message"
)

func TestAPINSealsTheSecrets(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, totpKey("GitHub", "alex"), hotpKey(0))
	if _, err := d.NextCode(t.Context(), a[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
		t.Fatal(err)
	}
	item, err := d.ring.Get(t.Context(), keyItem)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(item), `"key"`) {
		t.Error("the key lies open beside the sealed one")
	}
	d.Lock()
	if !d.LockState().Locked {
		t.Fatal("not locked")
	}
	for _, account := range a {
		if _, err := d.Code(account.ID); !errors.Is(err, ErrLocked) {
			t.Errorf("a code while locked: %v", err)
		}
		if _, err := d.Key(account.ID); !errors.Is(err, ErrLocked) {
			t.Errorf("a key while locked: %v", err)
		}
	}
	if _, err := d.NextCode(t.Context(), a[1].ID); !errors.Is(err, ErrLocked) {
		t.Errorf("a code was counted while locked: %v", err)
	}
	if _, err := d.Add(t.Context(), Addition{Key: totpKey("New", "")}); !errors.Is(err, ErrLocked) {
		t.Errorf("added while locked: %v", err)
	}

	d.boot(t) // a restart does not open it
	d.open(t)
	if _, err := d.Code(a[0].ID); !errors.Is(err, ErrLocked) {
		t.Errorf("after a restart: %v", err)
	}
	if err := d.Unlock(t.Context(), "739182"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Code(a[0].ID); err != nil {
		t.Error(err)
	}
}

func TestChangingAndRemovingThePIN(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, totpKey("GitHub", "alex"))[0]
	for _, weak := range []string{"1", "123", "å12"} {
		if err := d.SetPIN(t.Context(), "", weak); !errors.Is(err, ErrWeakPIN) {
			t.Errorf("%q: %v", weak, err)
		}
	}
	steps := []struct {
		old, pin string
		want     error
	}{
		{"", "739182", nil},
		{"", "000000", ErrWrongPIN},
		{"000000", "111111", ErrWrongPIN},
		{"739182", "a long passphrase", nil},
		{"a long passphrase", "", nil},
	}
	for _, s := range steps {
		if err := d.SetPIN(t.Context(), s.old, s.pin); !errors.Is(err, s.want) {
			t.Fatalf("from %q to %q: %v", s.old, s.pin, err)
		}
	}
	if d.LockState().Set {
		t.Error("a lock is left")
	}
	d.Lock() // nothing to lock with
	if _, err := d.Code(a.ID); err != nil {
		t.Error(err)
	}
	if err := d.Unlock(t.Context(), "739182"); !errors.Is(err, ErrNoLock) {
		t.Errorf("%v", err)
	}
	d.boot(t)
	d.open(t)
	if _, err := d.Code(a.ID); err != nil {
		t.Error(err)
	}
}

func TestTenTriesWithGrowingDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		d.open(t)
		mustAdd(t, d, totpKey("GitHub", "alex"))
		if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
			t.Fatal(err)
		}
		d.Lock()
		var last time.Duration
		for try := 1; try <= MaxTries; try++ {
			if until := d.LockState().Until; !until.IsZero() {
				wait := time.Until(until)
				if wait < last {
					t.Errorf("try %d waits %v, less than %v", try, wait, last)
				}
				last = wait
				// A restart, and the right PIN, do not shorten the wait.
				d.boot(t)
				d.open(t)
				if err := d.Unlock(t.Context(), "739182"); !errors.Is(err, ErrWait) {
					t.Fatalf("try %d at once: %v", try, err)
				}
				pass(wait)
			}
			want := ErrWrongPIN
			if try == MaxTries {
				want = ErrLockedOut
			}
			if err := d.Unlock(t.Context(), "000000"); !errors.Is(err, want) {
				t.Fatalf("try %d: %v", try, err)
			}
			if left := d.LockState().TriesLeft; left != MaxTries-try {
				t.Errorf("%d tries left after %d", left, try)
			}
		}
		if last < 10*time.Minute {
			t.Errorf("the last wait was %v", last)
		}
		pass(1000 * time.Hour)
		if err := d.Unlock(t.Context(), "739182"); !errors.Is(err, ErrLockedOut) {
			t.Errorf("the right PIN after the last try: %v", err)
		}
		if err := d.Erase(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := d.LockState(); s.Set || len(d.List(Filter{})) != 0 {
			t.Error("something is left after Erase")
		}
		mustAdd(t, d, totpKey("New", "life"))
	})
}

func TestARightPINForgetsTheWrongOnes(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Unlock(t.Context(), "000000"); !errors.Is(err, ErrWrongPIN) {
			t.Fatal(err)
		}
	}
	if err := d.Unlock(t.Context(), "739182"); err != nil {
		t.Fatal(err)
	}
	if left := d.LockState().TriesLeft; left != MaxTries {
		t.Errorf("%d tries left", left)
	}
}

// A program killed while it looks at a PIN has used up a try.
func TestTheCountIsKeptBeforeTheCheck(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
		t.Fatal(err)
	}
	// The keyring is away: a try that cannot be counted is not made.
	d.ring.failing(keyring.ErrUnavailable)
	if err := d.Unlock(t.Context(), "739182"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("an uncounted try: %v", err)
	}
	d.ring.failing(nil)
	counted := 0
	d.ring.onSet = func(string) { counted++ }
	_ = d.Unlock(t.Context(), "000000")
	if counted != 1 {
		t.Errorf("a wrong try was stored %d times", counted)
	}
}

func TestAClockSetBackWinsNothing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := keyHeader{Failures: 5, LastTry: now}
	if wait := h.wait(now.Add(-time.Hour)); wait != 30*time.Second {
		t.Errorf("waits %v", wait)
	}
}

func TestTheIdleLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		mustAdd(t, d, totpKey("GitHub", "alex"))
		if err := d.SetPIN(t.Context(), "", "739182"); err != nil {
			t.Fatal(err)
		}
		d.Touch()
		for range 4 {
			pass(4 * time.Minute)
			d.Touch()
			synctest.Wait()
			if d.LockState().Locked {
				t.Fatal("locked under the user's hands")
			}
		}
		pass(5*time.Minute + 16*time.Second)
		synctest.Wait()
		if !d.LockState().Locked {
			t.Error("not locked after five minutes")
		}
		if err := d.Unlock(t.Context(), "739182"); err != nil {
			t.Fatal(err)
		}
		if err := d.UpdateSettings(t.Context(), func(s *Settings) { s.LockMinutes = 0 }); err != nil {
			t.Fatal(err)
		}
		pass(24 * time.Hour)
		synctest.Wait()
		if d.LockState().Locked {
			t.Error("locked although never is set")
		}
	})
}

func TestADamagedKeyIsNotTakenForAWrongPIN(t *testing.T) {
	for name, item := range map[string]string{
		"no JSON":       `{`,
		"huge memory":   `{"version":1,"kdf":{"time":1,"memory_kib":4294967295,"threads":1},"salt":"AAAAAAAAAAAAAAAAAAAAAA==","sealed":"AAAA"}`,
		"no threads":    `{"version":1,"kdf":{"time":1,"memory_kib":8,"threads":0},"salt":"AAAAAAAAAAAAAAAAAAAAAA==","sealed":"AAAA"}`,
		"a short key":   `{"version":1,"key":"AAAA"}`,
		"a new version": `{"version":2,"key":"AAAA"}`,
		"both":          `{"version":1,"key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","kdf":{"time":1,"memory_kib":8,"threads":1},"salt":"AAAAAAAAAAAAAAAAAAAAAA==","sealed":"AAAA"}`,
		"negative":      `{"version":1,"key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","failures":-5}`,
	} {
		d := newDevice(t, phone)
		if err := d.ring.Set(t.Context(), keyItem, []byte(item)); err != nil {
			t.Fatal(err)
		}
		if err := d.Open(t.Context()); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	if d.Settings() != DefaultSettings() {
		t.Error("not the defaults at first")
	}
	if err := d.UpdateSettings(t.Context(), func(s *Settings) { s.Language, s.Theme = "th", ThemeDark }); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Settings){
		"language": func(s *Settings) { s.Language = "xx" }, "theme": func(s *Settings) { s.Theme = "pink" },
		"layout": func(s *Settings) { s.Layout = "" }, "reveal": func(s *Settings) { s.Reveal = "" },
		"order": func(s *Settings) { s.Order = "random" }, "scale": func(s *Settings) { s.TextScale = 9 },
		"clipboard": func(s *Settings) { s.ClipboardSeconds = -1 }, "lock": func(s *Settings) { s.LockMinutes = 1e6 },
		"backups": func(s *Settings) { s.BackupKeep = 0 },
	} {
		if err := d.UpdateSettings(t.Context(), change); !errors.Is(err, ErrSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.boot(t)
	d.open(t)
	if s := d.Settings(); s.Language != "th" || s.Theme != ThemeDark {
		t.Errorf("%+v", s)
	}
	d.store.files[settingsFile] = []byte(`{"language":"xx"}`)
	d.store.files[activityFile] = []byte(`[{"time":1}`)
	d.boot(t)
	d.open(t)
	if d.Settings() != DefaultSettings() || len(d.Activity()) != 0 {
		t.Error("damaged settings were not replaced by the defaults")
	}
}

func TestActivityIsBoundedAndKept(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	for i := range maxActivity + 10 {
		d.record(t.Context(), Activity{Time: time.Unix(int64(i), 0), Kind: ActivityNotice, Notice: message.NoticeLocked})
	}
	d.boot(t)
	d.open(t)
	list := d.Activity()
	if len(list) != maxActivity || list[0].Time.Unix() != maxActivity+9 {
		t.Errorf("%d entries, the first of %d", len(list), list[0].Time.Unix())
	}
}

// While the app that runs is locked, prompts come; after a restart the keys that
// they come with are sealed, and the lock says so.
func TestTheLockTellsWhetherPromptsCanCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		stop := d.start(t)
		v := newVerifier(t, d.relay)
		account := enrolWith(t, d, v)
		if err := d.SetPIN(t.Context(), "", "246810"); err != nil {
			t.Fatal(err)
		}
		if d.LockState().Silent {
			t.Error("silent while open")
		}
		d.Lock()
		v.ask()
		if s := d.LockState(); !s.Locked || s.Silent || d.Inbox().Current == nil {
			t.Fatalf("locked: %+v", s)
		}
		id := d.Inbox().Current.ID
		if _, err := d.Answer(t.Context(), id, Approve("42")); !errors.Is(err, ErrLocked) {
			t.Errorf("approving while locked: %v", err)
		}
		if err := d.Unlock(t.Context(), "246810"); err != nil {
			t.Fatal(err)
		}
		if result, err := d.Answer(t.Context(), id, Approve("42")); err != nil || result.State != message.StateApproved {
			t.Errorf("after unlocking: %+v, %v", result, err)
		}
		stop()
		d.boot(t)
		stop = d.start(t)
		if s := d.LockState(); !s.Locked || !s.Silent {
			t.Errorf("after a restart: %+v", s)
		}
		if err := d.Unlock(t.Context(), "246810"); err != nil {
			t.Fatal(err)
		}
		if err := d.Delete(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		stop()
		d.boot(t)
		defer d.start(t)()
		if s := d.LockState(); !s.Locked || s.Silent {
			t.Errorf("with nobody to ask: %+v", s)
		}
	})
}

// Where the organisation wants the PIN with the approval, that one opens the app.
func TestTheApprovalsPINOpensTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, _ := enrolled(t, phone)
		if err := d.SetPIN(t.Context(), "", "246810"); err != nil {
			t.Fatal(err)
		}
		d.Lock()
		v.ask(func(c *message.Challenge) { c.UserVerification = true })
		id := d.Inbox().Current.ID
		for name, c := range map[string]struct {
			pin  string
			want error
		}{"no PIN": {"", ErrLocked}, "a wrong PIN": {"111111", ErrWrongPIN}} {
			if _, err := d.Answer(t.Context(), id, Decision{Kind: message.DecisionApprove, Number: "42", PIN: c.pin}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if s := d.LockState(); !s.Locked || d.Inbox().Current.State != PromptOpen {
				t.Fatalf("%s: %+v, the prompt %s", name, s, d.Inbox().Current.State)
			}
		}
		result, err := d.Answer(t.Context(), id, Decision{Kind: message.DecisionApprove, Number: "42", PIN: "246810"})
		if err != nil || result.State != message.StateApproved || d.LockState().Locked {
			t.Errorf("%+v, %v, locked %v", result, err, d.LockState().Locked)
		}
	})
}
