package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"countersign/crypto/keyring"
	"countersign/crypto/otp"
	"countersign/message"
)

func totpKey(issuer, name string) otp.Key { return otp.NewTOTP(issuer, name) }

func hotpKey(counter uint64) otp.Key {
	k := otp.Defaults(otp.HOTP)
	k.Issuer, k.Name, k.Secret, k.Counter = "Bank", "alex", "12345678901234567890", counter
	return k
}

func mustAdd(t *testing.T, d *device, keys ...otp.Key) []Account {
	t.Helper()
	var additions []Addition
	for _, k := range keys {
		additions = append(additions, Addition{Key: k})
	}
	accounts, err := d.Add(t.Context(), additions...)
	if err != nil {
		t.Fatal(err)
	}
	return accounts
}

func names(list []Account) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Issuer)
	}
	return strings.Join(out, " ")
}

func TestAccountsSurviveARestart(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	added := mustAdd(t, d, totpKey("GitHub", "alex"), hotpKey(3), totpKey("Zulip", "alex"))
	want, err := d.Key(added[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	d.boot(t)
	d.open(t)
	if got := names(d.List(Filter{})); got != "GitHub Bank Zulip" {
		t.Fatalf("list: %s", got)
	}
	if got, err := d.Key(added[0].ID); err != nil || got != want {
		t.Errorf("key: %v, %v", got, err)
	}
}

func TestNoSecretInTheStore(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	k := totpKey("GitHub", "alex")
	mustAdd(t, d, k)
	for name, data := range d.store.files {
		for _, secret := range []string{string(k.Secret), k.Secret.Base32(), k.Secret.Hex()} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds the secret", name)
			}
		}
	}
	// The keyring's items are sealed under the app's key, so that a PIN seals all.
	for id := range d.secrets {
		item, _ := d.ring.Get(t.Context(), accountPrefix+id)
		if strings.Contains(string(item), string(k.Secret)) {
			t.Error("the keyring's item is not sealed")
		}
	}
}

func TestFindingAndOrder(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, totpKey("GitHub", "alex@work"), totpKey("Zulip", "alex"), totpKey("amazon", "shop"))
	edit := func(i int, f func(*Details)) {
		t.Helper()
		if err := d.Edit(t.Context(), a[i].ID, f); err != nil {
			t.Fatal(err)
		}
	}
	edit(0, func(x *Details) { x.Groups = []string{"Work", " Work ", ""} })
	edit(2, func(x *Details) { x.Groups, x.Note = []string{"Home", "Work"}, "the big shop" })
	for _, test := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "GitHub Zulip amazon"},
		{Filter{Order: OrderName}, "amazon GitHub Zulip"},
		{Filter{Query: "ALEX"}, "GitHub Zulip"},
		{Filter{Query: "alex work"}, "GitHub"},
		{Filter{Query: "big"}, "amazon"},
		{Filter{Query: "home"}, "amazon"},
		{Filter{Query: "nobody"}, ""},
		{Filter{Group: "Work"}, "GitHub amazon"},
		{Filter{Group: "Work", Query: "shop"}, "amazon"},
	} {
		if got := names(d.List(test.f)); got != test.want {
			t.Errorf("%+v: %s", test.f, got)
		}
	}
	if got := d.Groups(); !slices.Equal(got, []string{"Home", "Work"}) {
		t.Errorf("groups: %v", got)
	}
	if err := d.RenameGroup(t.Context(), "Home", "Work"); err != nil {
		t.Fatal(err)
	}
	if got := d.Groups(); !slices.Equal(got, []string{"Work"}) {
		t.Errorf("groups: %v", got)
	}
	edit(2, func(x *Details) { x.Pinned = true })
	if got := names(d.List(Filter{})); got != "amazon GitHub Zulip" {
		t.Errorf("pinned: %s", got)
	}
	edit(2, func(x *Details) { x.Pinned = false })
	if err := d.Move(t.Context(), a[2].ID, a[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := d.Move(t.Context(), a[0].ID, ""); err != nil {
		t.Fatal(err)
	}
	if got := names(d.List(Filter{})); got != "amazon Zulip GitHub" {
		t.Errorf("moved: %s", got)
	}
	for range 2 {
		if err := d.Copy(t.Context(), a[1].ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(d.List(Filter{Order: OrderUse})); got != "Zulip amazon GitHub" {
		t.Errorf("by use: %s", got)
	}
}

func TestRefusedEditsChangeNothing(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, totpKey("GitHub", "alex"))[0]
	for name, change := range map[string]func(*Details){
		"a control character": func(x *Details) { x.Issuer = "a\nb" },
		"bad UTF-8":           func(x *Details) { x.Name = "\xff" },
		"too long":            func(x *Details) { x.Name = strings.Repeat("a", 2000) },
		"a long note":         func(x *Details) { x.Note = strings.Repeat("a", maxNote+1) },
		"a long group":        func(x *Details) { x.Groups = []string{strings.Repeat("a", 100)} },
	} {
		if err := d.Edit(t.Context(), a.ID, change); !errors.Is(err, ErrName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Edit(t.Context(), "nobody", func(*Details) {}); !errors.Is(err, ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
	if now, _ := d.Account(a.ID); now.Issuer != "GitHub" || now.Name != "alex" {
		t.Errorf("%+v", now)
	}
}

func TestTrashAndUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		a := mustAdd(t, d, totpKey("GitHub", "alex"), totpKey("Zulip", "alex"))
		if err := d.Purge(t.Context(), a[0].ID); !errors.Is(err, ErrNoAccount) {
			t.Errorf("purged without the trash: %v", err)
		}
		if err := d.Delete(t.Context(), a[0].ID); err != nil {
			t.Fatal(err)
		}
		if names(d.List(Filter{})) != "Zulip" || names(d.Trash()) != "GitHub" {
			t.Error("it is not in the trash")
		}
		if err := d.Restore(t.Context(), a[0].ID); err != nil {
			t.Fatal(err)
		}
		if names(d.List(Filter{})) != "GitHub Zulip" {
			t.Error("it lost its place")
		}
		if err := d.Delete(t.Context(), a[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := d.Purge(t.Context(), a[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := d.ring.Get(t.Context(), accountPrefix+a[0].ID); !errors.Is(err, keyring.ErrNotFound) {
			t.Errorf("the secret is left: %v", err)
		}
		if len(d.Trash()) != 0 || len(d.index.Accounts) != 1 {
			t.Error("it is left")
		}
	})
}

func TestTheTrashEmptiesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		stop := d.start(t)
		a := mustAdd(t, d, totpKey("GitHub", "alex"), totpKey("Zulip", "alex"))
		for i := range a {
			if err := d.Delete(t.Context(), a[i].ID); err != nil {
				t.Fatal(err)
			}
			pass(15 * 24 * time.Hour)
		}
		stop()
		d.boot(t)
		defer d.start(t)()
		if got := names(d.Trash()); got != "Zulip" {
			t.Errorf("after 30 and 15 days: %s", got)
		}
	})
}

func TestDuplicatesAreFoundByKey(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	k := totpKey("GitHub", "alex")
	a := mustAdd(t, d, k)[0]
	k.Issuer = "another name"
	if found, ok := d.Duplicate(k); !ok || found.ID != a.ID {
		t.Errorf("%v, %v", found.ID, ok)
	}
	if _, ok := d.Duplicate(totpKey("GitHub", "alex")); ok {
		t.Error("another key is no duplicate")
	}
	fresh := totpKey("GitHub", "alex")
	if _, err := d.Add(t.Context(), Addition{Key: fresh, Replace: a.ID}); err != nil {
		t.Fatal(err)
	}
	if len(d.List(Filter{})) != 1 || len(d.Trash()) != 1 {
		t.Error("a replaced account belongs into the trash")
	}
}

// writes fails the nth write of what is stored, counted over index and keyring,
// and every one after it: the program is dead.
type writes struct {
	left int
	dead bool
}

var errCrash = errors.New("the program is dead")

func (w *writes) write() error {
	if w.left == 0 {
		w.dead = true
	}
	w.left--
	if w.dead {
		return errCrash
	}
	return nil
}

type crashStore struct {
	*memory
	w *writes
}

func (c crashStore) Write(ctx context.Context, name string, data []byte) error {
	if err := c.w.write(); err != nil {
		return err
	}
	return c.memory.Write(ctx, name, data)
}

type crashRing struct {
	*ring
	w *writes
}

func (c crashRing) Set(ctx context.Context, key string, value []byte) error {
	if err := c.w.write(); err != nil {
		return err
	}
	return c.ring.Set(ctx, key, value)
}

func (c crashRing) Delete(ctx context.Context, key string) error {
	if err := c.w.write(); err != nil {
		return err
	}
	return c.ring.Delete(ctx, key)
}

// A program that dies at any write loses no account and half adds none.
func TestACrashAtAnyWriteLosesNoAccount(t *testing.T) {
	for name, act := range map[string]func(d *device, old []Account) error{
		"add": func(d *device, _ []Account) error {
			_, err := d.Add(context.Background(), Addition{Key: totpKey("New", "1")}, Addition{Key: totpKey("New", "2")})
			return err
		},
		"purge": func(d *device, old []Account) error {
			if err := d.Delete(context.Background(), old[0].ID); err != nil {
				return err
			}
			return d.Purge(context.Background(), old[0].ID)
		},
		"count": func(d *device, old []Account) error {
			_, err := d.NextCode(context.Background(), old[2].ID)
			return err
		},
		"set a PIN": func(d *device, _ []Account) error { return d.SetPIN(context.Background(), "", "739182") },
	} {
		t.Run(name, func(t *testing.T) {
			for crash := 0; ; crash++ {
				d := newDevice(t, phone)
				d.open(t)
				old := mustAdd(t, d, totpKey("Old", "0"), totpKey("Old", "1"), hotpKey(7))
				w := &writes{left: crash}
				d.boot(t, func(c *Config) { c.Store, c.Keyring = crashStore{d.store, w}, crashRing{d.ring, w} })
				d.open(t)
				err := act(d, old)
				if err == nil {
					break // it needs no more writes than that
				}
				d.boot(t)
				d.open(t)
				if d.LockState().Locked {
					if err := d.Unlock(t.Context(), "739182"); err != nil {
						t.Fatal(err)
					}
				}
				checkNothingLost(t, d, name, crash)
			}
		})
	}
}

func checkNothingLost(t *testing.T, d *device, act string, crash int) {
	t.Helper()
	all := slices.Concat(d.List(Filter{}), d.Trash())
	counts := map[string]int{}
	for _, a := range all {
		if a.Err != nil {
			t.Errorf("%s, write %d: %s has no secret: %v", act, crash, a.Issuer, a.Err)
		}
		counts[a.Issuer]++
		if _, err := d.ring.Get(t.Context(), accountPrefix+a.ID); err != nil {
			t.Errorf("%s, write %d: %v", act, crash, err)
		}
	}
	if counts["Bank"] != 1 || counts["Old"] < 1 || act != "purge" && counts["Old"] != 2 || counts["New"] > 2 {
		t.Errorf("%s, write %d: %v", act, crash, counts)
	}
	for _, e := range d.index.Accounts {
		if e.Mark != markNone {
			t.Errorf("%s, write %d: a mark is left", act, crash)
		}
	}
}

func TestOnlyNotFoundMeansNew(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, totpKey("GitHub", "alex"))[0]
	key, err := d.ring.Get(t.Context(), keyItem)
	if err != nil {
		t.Fatal(err)
	}

	d.ring.failing(keyring.ErrUnavailable)
	d.boot(t)
	if err := d.Open(t.Context()); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("a keyring that is away: %v", err)
	}
	d.ring.failing(nil)

	if err := d.ring.Delete(t.Context(), keyItem); err != nil {
		t.Fatal(err)
	}
	d.boot(t)
	if err := d.Open(t.Context()); !errors.Is(err, ErrKeyLost) {
		t.Errorf("the key is gone: %v", err)
	}
	if _, err := d.ring.Get(t.Context(), keyItem); !errors.Is(err, keyring.ErrNotFound) {
		t.Error("a new key was written over the old accounts")
	}
	if err := d.ring.Set(t.Context(), keyItem, key); err != nil {
		t.Fatal(err)
	}

	d.store.files[indexFile] = []byte(`{"version":1,"accounts":[`)
	d.boot(t)
	if err := d.Open(t.Context()); err == nil {
		t.Error("a damaged list was taken for an empty one")
	}
	_ = a
}

func TestALostSecretIsAnAccountsNotTheApps(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, totpKey("GitHub", "alex"), totpKey("Zulip", "alex"))
	if err := d.ring.Delete(t.Context(), accountPrefix+a[0].ID); err != nil {
		t.Fatal(err)
	}
	other, err := d.ring.Get(t.Context(), accountPrefix+a[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	d.boot(t)
	d.open(t)
	if _, err := d.Code(a[0].ID); !errors.Is(err, ErrNoSecret) {
		t.Errorf("%v", err)
	}
	if _, err := d.Code(a[1].ID); err != nil {
		t.Error(err)
	}
	// One account's item in another's place must not open: its codes would go to
	// the wrong service.
	if err := d.ring.Set(t.Context(), accountPrefix+a[0].ID, other); err != nil {
		t.Fatal(err)
	}
	d.boot(t)
	d.open(t)
	if _, err := d.Code(a[0].ID); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestAFullDiskAddsNothing(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	mustAdd(t, d, totpKey("GitHub", "alex"))
	full := errors.New("no space left on device")
	d.store.fail = full
	if _, err := d.Add(t.Context(), Addition{Key: totpKey("Zulip", "alex")}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	d.store.fail = nil
	if got := names(d.List(Filter{})); got != "GitHub" {
		t.Errorf("list: %s", got)
	}
}

func TestCodesFollowTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		d.open(t)
		k := totpKey("GitHub", "alex")
		a := mustAdd(t, d, k)[0]
		for range 40 {
			code, err := d.Code(a.ID)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := k.Code(time.Now())
			next, _ := k.Code(time.Now().Add(code.Remaining))
			if code.Text != want || code.Next != next || code.Remaining <= 0 || code.Remaining > code.Period {
				t.Fatalf("%+v, want %s then %s", code, want, next)
			}
			pass(1700 * time.Millisecond)
		}
	})
}

// The counter never goes back, whatever happens between.
func TestHOTPCountersNeverGoBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDevice(t, phone)
		d.open(t)
		k := hotpKey(rapid.Uint64Range(0, 1<<40).Draw(rt, "counter"))
		a := mustAdd(t, d, k)[0]
		if _, err := d.Code(a.ID); !errors.Is(err, ErrPressNext) {
			rt.Fatalf("shown unasked: %v", err)
		}
		shown := map[uint64]bool{}
		next := k.Counter
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0: // a restart
				d.boot(t)
				d.open(t)
			case 1: // the keyring is away
				d.ring.failing(keyring.ErrUnavailable)
				if _, err := d.NextCode(t.Context(), a.ID); err == nil {
					rt.Fatal("a code was shown whose counter was not stored")
				}
				d.ring.failing(nil)
			default:
				code, err := d.NextCode(t.Context(), a.ID)
				if err != nil {
					rt.Fatal(err)
				}
				want, _ := k.CodeAt(code.Counter)
				if code.Text != want || code.Counter < next || shown[code.Counter] {
					rt.Fatalf("counter %d after %d", code.Counter, next)
				}
				shown[code.Counter], next = true, code.Counter+1
			}
		}
	})
}

func TestHOTPCounterIsStoredBeforeShown(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	a := mustAdd(t, d, hotpKey(0))[0]
	stored := false
	d.ring.onSet = func(key string) { stored = key == accountPrefix+a.ID }
	code, err := d.NextCode(t.Context(), a.ID)
	if err != nil || !stored {
		t.Fatalf("stored: %v, %v", stored, err)
	}
	if code.Text != "755224" { // RFC 4226, appendix D, count 0
		t.Errorf("code %s", code.Text)
	}
	if again, _ := d.Code(a.ID); again.Text != code.Text {
		t.Error("the code that was asked for does not stay")
	}
}

func TestTheClipboardClearsItselfIfItIsStillOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		defer d.start(t)()
		a := mustAdd(t, d, totpKey("GitHub", "alex"))[0]
		copied := func() string {
			t.Helper()
			if err := d.Copy(t.Context(), a.ID); err != nil {
				t.Fatal(err)
			}
			return d.desktop.Clipboard()
		}
		if code := copied(); len(code) != 6 {
			t.Fatalf("copied %q", code)
		}
		pass(29 * time.Second)
		synctest.Wait()
		if d.desktop.Clipboard() == "" {
			t.Error("cleared too early")
		}
		pass(time.Second)
		synctest.Wait()
		if d.desktop.Clipboard() != "" {
			t.Error("not cleared")
		}
		copied()
		d.desktop.SetClipboard("the user's own")
		pass(time.Minute)
		synctest.Wait()
		if d.desktop.Clipboard() != "the user's own" {
			t.Error("the user's own text was cleared")
		}
		if err := d.UpdateSettings(t.Context(), func(s *Settings) { s.ClipboardSeconds = 0 }); err != nil {
			t.Fatal(err)
		}
		code := copied()
		pass(time.Hour)
		synctest.Wait()
		if d.desktop.Clipboard() != code {
			t.Error("cleared although never is set")
		}
	})
}

func TestClockDriftWarns(t *testing.T) {
	for _, test := range []struct {
		name    string
		samples []time.Duration // how far this clock is ahead
		ahead   time.Duration
		warn    bool
	}{
		{"none", nil, 0, false},
		{"agreeing", []time.Duration{0, 1, 2}, 0, false},
		{"behind is certain at once", []time.Duration{-20}, -20, true},
		{"one that waited proves nothing", []time.Duration{40}, 40, false},
		{"ahead", []time.Duration{40, 41}, 40, true},
		{"the least counts", []time.Duration{40, 1, 50}, 1, false},
		{"old ones are forgotten", []time.Duration{0, 40, 40, 40, 40, 40, 40, 40, 40}, 40, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDevice(t, phone)
			base := time.Unix(1_800_000_000, 0)
			d.now = func() time.Time { return base }
			for _, s := range test.samples {
				d.observe(base.Add(-s * time.Second))
			}
			if ahead, warn := d.Drift(); ahead != test.ahead*time.Second || warn != test.warn {
				t.Errorf("%v, %v", ahead, warn)
			}
		})
	}
}

// A clock that is off by minutes refuses every message, and must be told of all
// the same: by what the verifier signed in its future, or by the relay's word.
func TestAClockThatIsFarOffIsToldOf(t *testing.T) {
	for name, c := range map[string]struct {
		off   time.Duration // of this clock
		relay bool          // the relay says its time
		warn  bool
	}{
		"behind":                        {-10 * time.Minute, false, true},
		"behind, with the relay's word": {-10 * time.Minute, true, true},
		"ahead":                         {10 * time.Minute, false, false}, // indistinguishable from old messages
		"ahead, with the relay's word":  {10 * time.Minute, true, true},
		"right, with the relay's word":  {0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				off := time.Duration(0)
				d, v, account := enrolled(t, phone, func(cfg *Config) { cfg.Now = func() time.Time { return time.Now().Add(off) } })
				d.mu.Lock()
				d.drift = drift{}
				d.mu.Unlock()
				off = c.off
				v.ask()
				if c.relay {
					d.links[account.ID].carrier.(*fakeCarrier).c.Clock(time.Now())
				}
				if ahead, warn := d.Drift(); warn != c.warn || warn && ahead != c.off {
					t.Errorf("%v, %v", ahead, warn)
				}
			})
		})
	}
}

// A relay that lies about the time is not believed against a verifier's signature.
func TestTheVerifiersTimeGoesBeforeTheRelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, account := enrolled(t, phone)
		d.links[account.ID].carrier.(*fakeCarrier).c.Clock(time.Now().Add(time.Hour))
		if ahead, warn := d.Drift(); warn {
			t.Errorf("warns of %v", ahead)
		}
	})
}

func TestLinksAreRead(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	k := totpKey("GitHub", "alex")
	in, err := d.Read("  " + k.URI() + "\n\n" + hotpKey(1).URI() + "\r\n")
	if err != nil || len(in.Keys) != 2 || in.Keys[0] != k || in.Enrolment != nil {
		t.Errorf("%+v, %v", in, err)
	}
	v := newVerifier(t, d.relay)
	if in, err = d.Read(v.link.String()); err != nil || in.Enrolment == nil {
		t.Errorf("%+v, %v", in, err)
	}
	// One TOTP key "Hello!\xde\xad\xbe\xef" in a migration of two codes: secret 1, name 2, issuer 3, algorithm 4, digits 5, type 6.
	part := func(index int, name string) string {
		entry := "\x0a\x0aHello!\xde\xad\xbe\xef\x12" + string(rune(len(name))) + name + "\x20\x01\x28\x01\x30\x02"
		payload := "\x0a" + string(rune(len(entry))) + entry + "\x10\x01\x18\x02\x20" + string(rune(index)) + "\x28\x05"
		return "otpauth-migration://offline?data=" + encode64(payload)
	}
	r := d.Reader()
	if in, err = r.Read(part(1, "second")); err != nil || !slices.Equal(in.Missing, []int{1}) || in.Parts != 2 || len(in.Keys) != 0 {
		t.Fatalf("%+v, %v", in, err)
	}
	if in, err = r.Read(part(0, "first")); err != nil || len(in.Missing) != 0 || len(in.Keys) != 2 {
		t.Errorf("%+v, %v", in, err)
	}
	for _, bad := range []string{"", "hello", "https://example.com", "otpauth:", "countersign://enrol?v=1", "otpauth://totp/x?secret=1", k.URI() + "\nhello"} {
		if in, err := d.Read(bad); err == nil {
			t.Errorf("%q was read: %+v", bad, in)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("otpauth://totp/GitHub:alex?secret=JBSWY3DPEHPK3PXP&issuer=GitHub")
	f.Add("otpauth-migration://offline?data=CjEKCkhlbGxvIb6t3u8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoHRXhhbXBsZTACEAEYASAA")
	f.Add("countersign://enrol?v=1&r=wss://relay.example/relay&k=x&e=x&i=x&s=x")
	f.Add("steam://JBSWY3DPEHPK3PXP\nmotp://a:b?secret=e3152afee62599c8")
	d := newFuzzDevice(f)
	f.Fuzz(func(t *testing.T, text string) {
		in, err := d.Read(text)
		if err != nil {
			return
		}
		for _, k := range in.Keys {
			if err := k.Validate(); err != nil {
				t.Errorf("a key that gives no codes was read: %v", err)
			}
		}
	})
}

func TestAThousandAccounts(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	var keys []otp.Key
	for i := range 1000 {
		keys = append(keys, totpKey(fmt.Sprintf("Service %d", i), "alex"))
	}
	mustAdd(t, d, keys...)
	d.boot(t)
	d.open(t)
	if n := len(d.List(Filter{Query: "service"})); n != 1000 {
		t.Errorf("%d accounts", n)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, about := range []message.About{
		{},
		{Platform: "beos", FormFactor: message.FormPhone, AppVersion: Version},
		{Platform: message.PlatformIOS, FormFactor: "fridge", AppVersion: Version},
		{Platform: message.PlatformIOS, FormFactor: message.FormPhone, AppVersion: "one"},
	} {
		if _, err := New(Config{Store: newMemory(), Keyring: newRing(), Device: about, Logger: newDevice(t, phone).log}); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", about, err)
		}
	}
}

// An export of Mobile-OTP need not hold the PIN: it is asked for once, and lies
// with the secret.
func TestAPINOfCodesIsKeptWithTheSecret(t *testing.T) {
	d := newDevice(t, phone)
	d.open(t)
	k, err := otp.ParseURI("motp://ACME:alice?secret=e3152afee62599c8")
	if err != nil {
		t.Fatal(err)
	}
	added, err := d.Add(t.Context(), Addition{Key: k}, Addition{Key: totpKey("GitHub", "alex")})
	if err != nil {
		t.Fatal(err)
	}
	id := added[0].ID
	if _, err := d.Code(id); !errors.Is(err, otp.ErrPINNeeded) {
		t.Fatalf("without a PIN: %v", err)
	}
	for name, err := range map[string]error{
		"a line break":   d.SetCodePIN(t.Context(), id, "12\n34"),
		"a TOTP account": d.SetCodePIN(t.Context(), added[1].ID, "1234"),
		"no account":     d.SetCodePIN(t.Context(), "none", "1234"),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := d.SetCodePIN(t.Context(), id, "1234"); err != nil {
		t.Fatal(err)
	}
	d.boot(t)
	d.open(t)
	k.PIN = "1234"
	want, err := k.Code(d.now())
	if got, codeErr := d.Code(id); err != nil || codeErr != nil || got.Text != want {
		t.Errorf("after a restart %q, want %q; %v, %v", got.Text, want, codeErr, err)
	}
}
