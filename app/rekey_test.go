package app

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
)

// pair is the keys that an account has in the keyring, and those beside them.
func (d *device) pair(t *testing.T, id string) (now, next identity.Thumbprint) {
	t.Helper()
	key, err := d.vaultKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := readSecret(d.getter(t.Context(), 1), key, id)
	if err != nil {
		t.Fatal(err)
	}
	if s.push.next != nil {
		next = s.push.next.signing.Thumbprint()
	}
	return s.push.signing.Thumbprint(), next
}

// answers an ordinary sign-in: what a device with the verifier's keys can do.
func signsIn(t *testing.T, d *device, v *fakeVerifier) {
	t.Helper()
	v.ask()
	in := d.Inbox()
	if in.Current == nil {
		t.Fatal("no prompt")
	}
	if result, err := d.Answer(t.Context(), in.Current.ID, Approve("42")); err != nil || result.State != message.StateApproved {
		t.Fatalf("signing in: %+v, %v", result, err)
	}
	d.Dismiss(in.Current.ID)
	synctest.Wait()
}

func TestKeysChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		old := v.device()
		if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		now, next := d.pair(t, account.ID)
		if next != "" || now == old || v.device() != now {
			t.Fatalf("the device has %s and %s, the verifier knows %s; before it was %s", now, next, v.device(), old)
		}
		if len(d.links) != 1 || len(d.renewals) != 0 || d.links[account.ID].keys.signing.Thumbprint() != now {
			t.Error("not the new link alone is left")
		}
		if a, err := d.Account(account.ID); err != nil || a.Push.ChangingKeys || !a.Push.Connected {
			t.Errorf("%+v, %v", a.Push, err)
		}
		if got := d.Activity()[0]; got.Notice != message.NoticeDeviceRekeyed {
			t.Errorf("the activity ends with %+v", got)
		}
		signsIn(t, d, v)
		if err := d.ChangeKeys(t.Context(), account.ID); err != nil { // once more
			t.Fatal(err)
		}
		synctest.Wait()
		if v.device() == now {
			t.Error("the keys did not change a second time")
		}
		signsIn(t, d, v)
	})
}

// TestKeysChangeWhateverIsLost loses each message of the exchange a few times.
// All the while, one of the two pairs is the verifier's, and signs in.
func TestKeysChangeWhateverIsLost(t *testing.T) {
	for name, loses := range map[string]func(message.Message) bool{
		"the rekey":            func(m message.Message) bool { return m.Type() == message.TypeRekey },
		"the notice":           func(m message.Message) bool { return m.Type() == message.TypeNotice },
		"the notice, the list": func(m message.Message) bool { return m.Type() == message.TypeNotice || m.Type() == message.TypeDevices },
		"the notice, the sync": func(m message.Message) bool { return m.Type() == message.TypeNotice || m.Type() == message.TypeSync },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, v, account := enrolled(t, phone)
				old := v.device()
				lost := 0
				v.mu.Lock()
				v.lose = func(m message.Message) bool {
					if !loses(m) || lost == 4 {
						return false
					}
					lost++
					return true
				}
				v.mu.Unlock()
				if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if a, _ := d.Account(account.ID); !a.Push.ChangingKeys || !a.Push.Connected {
					t.Errorf("meanwhile: %+v", a.Push)
				}
				if now, next := d.pair(t, account.ID); now != old || next == "" {
					t.Error("the old keys are gone before the verifier spoke under the new")
				}
				if name != "the rekey" && v.device() == old {
					t.Error("the verifier never got the new keys")
				}
				pass(5 * time.Minute)
				if lost == 0 {
					t.Error("nothing was lost")
				}
				if now, next := d.pair(t, account.ID); now != v.device() || next != "" || now == old {
					t.Errorf("the device has %s and %s, the verifier knows %s", now, next, v.device())
				}
				if len(v.rekeys) != 1 {
					t.Errorf("the keys changed %d times", len(v.rekeys))
				}
				signsIn(t, d, v)
			})
		})
	}
}

// A prompt that comes before the exchange has ended is answered with the keys it
// came under, old or new.
func TestSignInsGoOnWhileKeysChange(t *testing.T) {
	for name, loses := range map[string]string{"under the old": message.TypeRekey, "under the new": message.TypeNotice} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, v, account := enrolled(t, phone)
				v.mu.Lock()
				v.lose = func(m message.Message) bool { return m.Type() == loses || m.Type() == message.TypeDevices }
				v.mu.Unlock()
				if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				signsIn(t, d, v)
				// A challenge under the new keys is the verifier's word as well.
				now, next := d.pair(t, account.ID)
				if v.device() != now || (next == "") != (loses == message.TypeNotice) {
					t.Errorf("the device has %s and %s, the verifier knows %s", now, next, v.device())
				}
			})
		})
	}
}

// TestAKillWhileKeysChangeLosesNoAccount stops the app at each step and starts it
// anew over what is stored.
func TestAKillWhileKeysChangeLosesNoAccount(t *testing.T) {
	for name, c := range map[string]struct {
		lose  func(message.Message) bool
		taken bool // the verifier has the new keys when the app is killed
	}{
		"stored, nothing sent":     {func(m message.Message) bool { return m.Type() == message.TypeRekey }, false},
		"taken, not heard of":      {func(m message.Message) bool { return m.Type() == message.TypeNotice || m.Type() == message.TypeDevices }, true},
		"taken, heard, not stored": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevice(t, phone)
				stop := d.start(t)
				v := newVerifier(t, d.relay)
				account := enrolWith(t, d, v)
				old := v.device()
				v.mu.Lock()
				v.lose = c.lose
				v.mu.Unlock()
				sets := 0
				d.ring.onSet = func(string) {
					if sets++; c.lose == nil && sets == 2 {
						d.ring.failing(errDisk) // as if killed before the second write
					}
				}
				if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				stop()
				d.ring.onSet = nil
				d.ring.failing(nil)
				if (v.device() != old) != c.taken {
					t.Fatalf("the verifier has taken the keys: %v", v.device() != old)
				}
				v.mu.Lock()
				v.lose = nil
				v.mu.Unlock()
				d.boot(t)
				defer d.start(t)()
				pass(time.Minute)
				if now, next := d.pair(t, account.ID); now != v.device() || now == old || next != "" {
					t.Errorf("the device has %s and %s, the verifier knows %s", now, next, v.device())
				}
				signsIn(t, d, v)
			})
		})
	}
}

var errDisk = errors.New("the disk is full")

// Keys that cannot be stored are never told to anybody.
func TestKeysThatCannotBeStoredAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		d.ring.failing(errDisk)
		if err := d.ChangeKeys(t.Context(), account.ID); !errors.Is(err, errDisk) {
			t.Fatalf("%v", err)
		}
		pass(time.Minute)
		d.ring.failing(nil)
		if len(v.rekeys) != 0 {
			t.Error("a Rekey was sent")
		}
		signsIn(t, d, v)
	})
}

func TestALateOrRepeatedRekeyChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		old := v.device()
		if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		now := v.device()
		for range 3 { // the relay repeats it, while it is current
			v.handle(old, v.rekeys[0])
		}
		if v.device() != now || len(v.rekeys) != 1 {
			t.Error("a repeated Rekey was taken")
		}
		signsIn(t, d, v)
	})
}

// A relay that knows the new key's name cannot make the device drop the old one.
func TestOnlyTheVerifiersWordEndsTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		v.setMute(true)
		if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, next := d.pair(t, account.ID)
		d.mu.Lock()
		to := d.renewals[account.ID].keys.encryption.Public()
		d.mu.Unlock()
		mallory := newKey(t)
		notice := message.Notice{Claims: message.NewClaims(mallory.Thumbprint(), next, time.Now(), time.Minute), Kind: message.NoticeDeviceRekeyed}
		for _, body := range []string{forge(t, mallory, to, notice, notice.Type()), forge(t, mallory, to, notice, message.TypeSync), "rubbish"} {
			d.relay.deliver(next, v.id(), body)
			d.relay.deliver(next, mallory.Thumbprint(), body)
		}
		synctest.Wait()
		if now, left := d.pair(t, account.ID); now != v.device() || left != next {
			t.Error("the old keys were dropped without the verifier's word")
		}
		v.setMute(false)
		signsIn(t, d, v)
	})
}

// Locked, the new keys cannot be stored as the only ones: both stay, and unlocking
// goes on.
func TestKeysChangeAroundTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		if err := d.SetPIN(t.Context(), "", "246810"); err != nil {
			t.Fatal(err)
		}
		v.mu.Lock()
		v.lose = func(m message.Message) bool { return m.Type() == message.TypeNotice }
		v.mu.Unlock()
		if err := d.ChangeKeys(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the verifier took them
		d.Lock()
		pass(10 * time.Minute)
		v.ask()
		if d.Inbox().Current == nil {
			t.Fatal("no prompt under the new keys while locked")
		}
		d.Dismiss(d.Inbox().Current.ID)
		if err := d.ChangeKeys(t.Context(), account.ID); !errors.Is(err, ErrLocked) {
			t.Errorf("changing keys while locked: %v", err)
		}
		pass(2 * time.Minute) // the prompt expires
		if err := d.Unlock(t.Context(), "246810"); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if now, next := d.pair(t, account.ID); now != v.device() || next != "" {
			t.Errorf("the device has %s and %s, the verifier knows %s", now, next, v.device())
		}
		signsIn(t, d, v)
	})
}

func TestWhoseKeysDoNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		if err := d.ChangeKeys(t.Context(), "none"); !errors.Is(err, ErrNoAccount) {
			t.Errorf("no such account: %v", err)
		}
		v.send(v.device(), message.Revoked{Claims: v.claims(v.device())})
		synctest.Wait()
		if err := d.ChangeKeys(t.Context(), account.ID); !errors.Is(err, ErrNoPush) {
			t.Errorf("a removed device: %v", err)
		}
	})
}

func TestTheListOfDevicesIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, phone)
		stop := d.start(t)
		v := newVerifier(t, d.relay)
		account := enrolWith(t, d, v)
		list := d.Devices(account.ID) // asked for with the enrolment
		if len(list.Devices) != 2 || !list.Devices[0].This || list.Devices[1].Name != "Old tablet" || list.Devices[1].SeenAt.Unix() != 2 || !list.At.Equal(time.Now()) {
			t.Fatalf("%+v", list)
		}
		asked := func() int {
			v.mu.Lock()
			defer v.mu.Unlock()
			return len(slices.DeleteFunc(slices.Clone(v.got), func(m message.Message) bool { s, ok := m.(message.Sync); return !ok || !s.Devices }))
		}
		if asked() != 1 {
			t.Errorf("asked %d times", asked())
		}
		d.Wake() // an ordinary Sync does not ask
		synctest.Wait()
		d.relay.setDown(true)
		pass(time.Hour)
		d.AskDevices(account.ID)
		pass(time.Hour)
		if again := d.Devices(account.ID); !again.At.Equal(list.At) {
			t.Error("a list without a connection")
		}
		stop()
		d.boot(t)
		stop = d.start(t)
		if again := d.Devices(account.ID); !again.At.Equal(list.At) || len(again.Devices) != 2 {
			t.Errorf("after a restart: %+v", again)
		}
		d.AskDevices(account.ID)
		synctest.Wait()
		d.relay.setDown(false)
		synctest.Wait()
		if again := d.Devices(account.ID); !again.At.After(list.At) || asked() != 2 {
			t.Errorf("the question was lost: %v, asked %d times", again.At, asked())
		}
		if err := d.Delete(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		if err := d.Purge(t.Context(), account.ID); err != nil {
			t.Fatal(err)
		}
		stop()
		d.boot(t)
		defer d.start(t)()
		if left := d.Devices(account.ID); len(left.Devices) != 0 {
			t.Errorf("of a deleted account is left %+v", left)
		}
	})
}

// Another organisation, or a relay, cannot put a list in this one's place.
func TestAListOfDevicesIsTheVerifiersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, v, account := enrolled(t, phone)
		before := d.Devices(account.ID)
		pass(time.Second)
		mallory := newKey(t)
		m := message.Devices{Claims: message.NewClaims(mallory.Thumbprint(), v.device(), time.Now(), time.Minute), List: []message.ListedDevice{
			{Name: "x", Platform: message.PlatformLinux, FormFactor: message.FormDesktop, EnrolledAt: 1, This: true},
		}}
		body, err := message.Seal(m, mallory, v.devices[v.device()].Encryption)
		if err != nil {
			t.Fatal(err)
		}
		d.relay.deliver(v.device(), v.id(), body)
		m.Claims = v.claims(v.device())
		once := v.seal(v.device(), m)
		d.relay.deliver(v.device(), v.id(), once)
		synctest.Wait()
		if got := d.Devices(account.ID); len(got.Devices) != 1 || !got.At.After(before.At) {
			t.Errorf("%+v", got)
		}
		d.relay.deliver(v.device(), v.id(), once)
		synctest.Wait()
		if n := d.Refusals(); n["untrusted"] != 1 || n["replay"] != 1 {
			t.Errorf("refused %v", n)
		}
	})
}
