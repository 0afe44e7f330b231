package verifier_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestASignInThroughTheRelay(t *testing.T) {
	s := run(t, unlimited())
	d := s.enrolled("zoe")
	c := s.start("zoe")
	asked := next[message.Challenge](d)
	if asked.ID != c.ID {
		t.Fatalf("asked for %s, started %s", asked.ID, c.ID)
	}
	d.send(d.answer(c.ID, c.Number))
	got := s.get(c.ID, 10*time.Second)
	if got.State != challenge.Approved {
		t.Fatalf("%+v", got)
	}
	// The receipt is the device's own signature, which anyone can check.
	signed, err := envelope.Verify(got.Receipt, envelope.Thumbprint(d.signing.Thumbprint(), message.TypeAnswer))
	if err != nil {
		t.Fatal(err)
	}
	m, err := message.Decode(signed.Type, signed.Payload)
	if answer, ok := m.(message.Answer); err != nil || !ok || answer.Challenge != c.ID || answer.Number != c.Number {
		t.Errorf("the receipt says %+v, %v", m, err)
	}
	if o := next[message.Outcome](d); o.State != message.StateApproved || o.Challenge != c.ID {
		t.Errorf("the device was told %+v", o)
	}
}

func TestNoByteOfTheNumberReachesRelayOrDevice(t *testing.T) {
	s := run(t, unlimited())
	s.digits(6)
	d := s.enrolled("zoe")
	for range 5 {
		c := s.start("zoe")
		if asked := next[message.Challenge](d); asked.ID != c.ID {
			t.Fatalf("asked for %s", asked.ID)
		}
		for where, text := range map[string]string{"the relay's traffic": s.tap.text(), "the device's messages": d.claims.text()} {
			encoded := base64.RawURLEncoding.EncodeToString([]byte(c.Number))
			if strings.Contains(text, c.Number) || strings.Contains(text, encoded) {
				t.Errorf("the number stands in %s", where)
			}
		}
		d.send(d.answer(c.ID, c.Number))
		s.get(c.ID, 10*time.Second)
	}
	if s.tap.text() == "" || d.claims.text() == "" {
		t.Fatal("nothing was tapped")
	}
}

func TestCombinedRegistrationGivesTOTPToBothEnds(t *testing.T) {
	s := run(t, unlimited())
	d, outcome := s.enrolledWith("zoe", true)
	if !outcome.Account.TOTP {
		t.Fatal("no TOTP secret")
	}
	if strings.Contains(d.claims.text(), "secret") {
		t.Error("a secret travelled")
	}
	check(t, s.v.Store.View(context.Background(), func(tx store.Tx) error {
		u, err := s.v.Directory.FindUser(tx, "zoe")
		check(t, err)
		has, err := s.v.Directory.HasTOTP(tx, u.ID)
		if !has {
			t.Error("the verifier has none")
		}
		return err
	}))
}

func TestADeviceThatWasAwayGetsWhatIsPending(t *testing.T) {
	s := run(t, unlimited())
	d := s.enrolled("zoe")
	first := s.start("zoe")
	next[message.Challenge](d)
	_, err := s.v.Challenges.Cancel(context.Background(), s.web.ID, first.ID)
	check(t, err)
	second := s.start("zoe")
	next[message.Challenge](d)
	d.send(message.Sync{
		Claims: d.head(), Open: []string{first.ID, "neverwasachallenge"},
		About: message.About{Platform: message.PlatformAndroid, FormFactor: message.FormPhone, AppVersion: "0.2.0"},
	})
	if again := next[message.Challenge](d); again.ID != second.ID {
		t.Errorf("asked again for %s, pending is %s", again.ID, second.ID)
	}
	if o := next[message.Outcome](d); o.Challenge != first.ID || o.State != message.StateCancelled {
		t.Errorf("told %+v", o)
	}
	check(t, s.v.Store.View(context.Background(), func(tx store.Tx) error {
		device, err := s.v.Directory.DeviceByID(tx, d.signing.Thumbprint())
		if device.AppVersion != "0.2.0" {
			t.Errorf("the app's version is still %s", device.AppVersion)
		}
		return err
	}))
}

// A device that kept its own connection has no reason to ask with a Sync.
func TestWhatWasStartedWithoutTheRelayIsAskedWhenItIsBack(t *testing.T) {
	s := run(t, unlimited())
	d := s.enrolled("zoe")
	waitFor(t, s.v.Connected)
	s.cut()
	waitFor(t, func() bool { return !s.v.Connected() })
	c := s.start("zoe")
	if asked := next[message.Challenge](d); asked.ID != c.ID {
		t.Fatalf("asked for %s, started %s", asked.ID, c.ID)
	}
	d.send(d.answer(c.ID, c.Number))
	if got := s.get(c.ID, 10*time.Second); got.State != challenge.Approved {
		t.Errorf("%+v", got)
	}
}

func TestARevokedDeviceIsRefusedAndTold(t *testing.T) {
	s := run(t, unlimited())
	d := s.enrolled("zoe")
	c := s.start("zoe")
	next[message.Challenge](d)
	check(t, s.v.RevokeDevice(context.Background(), "test", d.signing.Thumbprint()))
	next[message.Revoked](d)
	d.send(d.answer(c.ID, c.Number))
	waitFor(t, func() bool { return s.refused("unknown_key") == 1 })
	if got := s.get(c.ID, 0); got.State != challenge.Pending {
		t.Errorf("%+v", got)
	}
	d.send(message.Sync{Claims: d.head(), Open: []string{}, About: d.enrolMessage().About})
	next[message.Revoked](d)
}

func TestTheOthersAreToldOfANewDeviceAndItIsNot(t *testing.T) {
	s := run(t, unlimited())
	first := s.enrolled("zoe")
	second := s.another("zoe")
	if got := next[message.Notice](first); got.Kind != message.NoticeDeviceAdded {
		t.Errorf("the first was told %s", got.Kind)
	}
	var owner string
	check(t, s.v.Store.View(context.Background(), func(tx store.Tx) error {
		found, err := s.v.Directory.DeviceByID(tx, first.signing.Thumbprint())
		owner = found.User
		return err
	}))
	s.v.Challenges.Notify(context.Background(), owner, message.NoticePasswordChanged, "")
	for _, d := range []*device{first, second} {
		if got := next[message.Notice](d); got.Kind != message.NoticePasswordChanged {
			t.Errorf("the next that a device was told is %s of %q", got.Kind, got.Detail)
		}
	}
}

func TestARekeyReplacesTheKeysOfTheOldOnesOwner(t *testing.T) {
	s := run(t, unlimited())
	d := s.enrolled("zoe")
	fresh, err := identity.Generate()
	check(t, err)
	rekey := func(proofFor identity.Thumbprint) message.Rekey {
		proof, err := envelope.Sign(fresh, message.TypeRekeyProof, []byte(proofFor))
		check(t, err)
		return message.Rekey{Claims: d.head(), Signing: fresh.Public(), Encryption: d.encryption.Public(), Proof: proof}
	}
	known := func(id identity.Thumbprint) bool {
		err := s.v.Store.View(context.Background(), func(tx store.Tx) error {
			_, err := s.v.Directory.DeviceByID(tx, id)
			return err
		})
		return err == nil
	}
	d.send(rekey(fresh.Thumbprint())) // a proof made for another purpose
	waitFor(t, func() bool { return s.refused("proof") == 1 })
	if known(fresh.Thumbprint()) {
		t.Fatal("a key without proof was taken")
	}
	c := s.start("zoe")
	d.send(rekey(d.signing.Thumbprint())) // what is pending was asked of the old key
	waitFor(t, func() bool { return s.refused("challenge_pending") == 1 })
	if next[message.Challenge](d).ID != c.ID || known(fresh.Thumbprint()) {
		t.Fatal("the keys changed under a pending challenge")
	}
	d.send(d.answer(c.ID, c.Number))
	next[message.Outcome](d)
	other := s.another("zoe")
	good := rekey(d.signing.Thumbprint())
	d.send(good)
	waitFor(t, func() bool { return known(fresh.Thumbprint()) })
	if known(d.signing.Thumbprint()) {
		t.Error("the old key is still a device")
	}
	for kind := ""; kind != message.NoticeDeviceRekeyed; { // the user's other device is told
		kind = next[message.Notice](other).Kind
	}
	before := s.refused("unknown_key")
	d.send(good) // a repetition, as after a lost ack
	waitFor(t, func() bool { return s.refused("unknown_key") == before+1 })
	if !known(fresh.Thumbprint()) {
		t.Error("a repeated Rekey changed something")
	}
	audited := map[string]string{}
	check(t, s.v.Store.View(context.Background(), func(tx store.Tx) error {
		found, err := s.v.Audit.Query(tx, audit.Filter{}, audit.Page{})
		for _, r := range found.Records {
			if audited[r.Kind] == "" {
				audited[r.Kind] = r.Device // the latest of its kind
			}
		}
		return err
	}))
	if audited[audit.KindDeviceRemoved] != string(d.signing.Thumbprint()) || audited[audit.KindDeviceAdded] != string(fresh.Thumbprint()) {
		t.Errorf("audited %v", audited)
	}
}

// Who asks is told of its own user's devices, and of nobody else's.
func TestADeviceIsToldOfItsOwnUsersDevices(t *testing.T) {
	s := run(t, unlimited())
	d := s.enrolled("zoe")
	s.enrolled("mallory")
	second := s.another("zoe")
	ask := message.Sync{Claims: second.head(), Open: []string{}, About: second.enrolMessage().About, Devices: true}
	second.send(ask)
	list := next[message.Devices](second).List
	if len(list) != 2 || !list[0].This || list[1].This || list[0].Name != "Zoe's phone" || list[0].Platform != message.PlatformAndroid || list[0].SeenAt == 0 {
		t.Errorf("listed %+v", list)
	}
	ask = message.Sync{Claims: d.head(), Open: []string{}, About: d.enrolMessage().About}
	d.send(ask) // does not ask
	check(t, s.v.RevokeDevice(context.Background(), "test", second.signing.Thumbprint()))
	next[message.Revoked](second)
	second.send(message.Sync{Claims: second.head(), Open: []string{}, About: second.enrolMessage().About, Devices: true})
	next[message.Revoked](second) // a removed device is told that, and not the list
	for _, one := range []*device{d, second} {
		if strings.Contains(one.claims.text(), `"list"`) != (one == second) || strings.Count(second.claims.text(), `"list"`) != 1 {
			t.Error("a list came unasked, or to a device that is none")
		}
	}
}

// waitFor polls for what happens on another goroutine of the service.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it does not happen")
		case <-tick.C:
		}
	}
}

func TestMessagesThatAreRefusedChangeNothing(t *testing.T) {
	s := run(t, unlimited())
	d, mallory := s.enrolled("zoe"), s.enrolled("mallory")
	c := s.start("zoe")
	next[message.Challenge](d)
	good := d.answer(c.ID, c.Number)
	sign := func(key identity.PrivateKey, typ string, payload string) string {
		sealed, err := envelope.Seal(key, d.link.Encryption, typ, []byte(payload))
		check(t, err)
		return sealed
	}
	claims := func(edit func(*message.Answer)) string {
		a := good
		edit(&a)
		return fmt.Sprintf(`{"v":%d,"iss":%q,"aud":%q,"jti":%q,"iat":%d,"exp":%d,"challenge":%q,"decision":"approve","number":%q,"user_verification":false,"form_factor":"phone","app_version":"1.0.0"`,
			a.Version, a.Issuer, a.Audience, a.ID, a.IssuedAt, a.Expires, a.Challenge, a.Number)
	}
	same := func(*message.Answer) {}
	now := time.Now()
	for _, test := range []struct{ name, body, reason string }{
		{"not an envelope", "hello", "malformed"},
		{"oversized", strings.Repeat("x", envelope.MaxSize+1), "too_large"},
		{"sealed to somebody else", func() string {
			b, err := message.Seal(good, d.signing, mallory.encryption.Public())
			check(t, err)
			return b
		}(), "not_for_us"},
		{"changed", func() string {
			b := []byte(d.seal(good))
			if b[len(b)/2]++; !strings.ContainsRune("BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz123456789", rune(b[len(b)/2])) {
				b[len(b)/2] = 'A' // the relay carries no other alphabet
			}
			return string(b)
		}(), "not_for_us"},
		{"a verifier's type", sign(d.signing, message.TypeChallenge, claims(same)+"}"), "type"},
		{"a type that is none", sign(d.signing, "JWT", claims(same)+"}"), "type"},
		{"an unknown signer", func() string {
			k, err := identity.Generate()
			check(t, err)
			return sign(k, message.TypeAnswer, claims(same)+"}")
		}(), "unknown_key"},
		{"another device's name on it", sign(mallory.signing, message.TypeAnswer, claims(same)+"}"), "issuer"},
		{"another user's device", func() string { return mallory.seal(mallory.answer(c.ID, c.Number)) }(), "not_asked"},
		{"meant for another verifier", sign(d.signing, message.TypeAnswer, claims(func(a *message.Answer) { a.Audience = mallory.signing.Thumbprint() })+"}"), "audience"},
		{"expired", sign(d.signing, message.TypeAnswer, claims(func(a *message.Answer) {
			a.IssuedAt, a.Expires = now.Add(-time.Hour).Unix(), now.Add(-30*time.Minute).Unix()
		})+"}"), "expired"},
		{"from the future", sign(d.signing, message.TypeAnswer, claims(func(a *message.Answer) {
			a.IssuedAt, a.Expires = now.Add(time.Hour).Unix(), now.Add(2*time.Hour).Unix()
		})+"}"), "from_the_future"},
		{"another version", sign(d.signing, message.TypeAnswer, claims(func(a *message.Answer) { a.Version = 2 })+"}"), "version"},
		{"a member twice", sign(d.signing, message.TypeAnswer, claims(same)+`,"decision":"deny"}`), "malformed"},
		{"a member in upper case", sign(d.signing, message.TypeAnswer, claims(same)+`,"DECISION":"approve"}`), "malformed"},
		{"an unknown member", sign(d.signing, message.TypeAnswer, claims(same)+`,"trusted":true}`), "malformed"},
		{"trailing data", sign(d.signing, message.TypeAnswer, claims(same)+`}{}`), "malformed"},
		{"a challenge that never was", d.seal(d.answer("neverwasachallenge", c.Number)), "unknown_challenge"},
		{"a used enrolment link", d.seal(d.enrolMessage()), "enrolment"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := s.refused(test.reason)
			if _, err := d.client.Send(context.Background(), d.link.Verifier, test.body); err != nil {
				// The relay itself may refuse a body that is too large or none.
				if test.reason == "too_large" || test.reason == "malformed" {
					return
				}
				t.Fatal(err)
			}
			waitFor(t, func() bool { return s.refused(test.reason) == before+1 })
			if got := s.get(c.ID, 0); got.State != challenge.Pending {
				t.Errorf("it settled: %+v", got)
			}
		})
	}
	d.send(good)
	if got := s.get(c.ID, 10*time.Second); got.State != challenge.Approved {
		t.Errorf("the good answer after them: %+v", got)
	}
}

func TestEnrolmentRefusals(t *testing.T) {
	s := run(t, unlimited())
	ctx := context.Background()
	var user directory.User
	check(t, s.v.Store.Update(ctx, func(tx store.Tx) (err error) {
		user, err = s.v.Directory.CreateUser(tx, directory.User{Name: "zoe"})
		return err
	}))
	begin := func() (message.Link, enrol.Enrolment) {
		link, e, err := s.v.Enrolments.Begin(ctx, enrol.Request{User: user.ID, Actor: "test"})
		check(t, err)
		return link, e
	}
	t.Run("a MAC under another secret uses nothing up", func(t *testing.T) {
		link, _ := begin()
		d := s.device(link)
		m := d.enrolMessage()
		m.MAC, _ = message.EnrolMAC(make([]byte, 32), m)
		before := s.refused("enrolment")
		d.send(m)
		waitFor(t, func() bool { return s.refused("enrolment") == before+1 })
		d.send(d.enrolMessage())
		next[message.Challenge](d)
	})
	t.Run("a watch is turned away and the link still stands", func(t *testing.T) {
		link, e := begin()
		d := s.device(link)
		m := d.enrolMessage()
		m.Platform, m.FormFactor = message.PlatformWatchOS, message.FormWatch
		var err error
		m.MAC, err = message.EnrolMAC(link.Secret, m)
		check(t, err)
		d.send(m)
		if o := next[message.Outcome](d); o.Reason != message.ReasonWearable {
			t.Errorf("told %+v", o)
		}
		e, err = s.v.Enrolments.Get(ctx, link.ID, e, 10*time.Second)
		if err != nil || e.Notice != message.ReasonWearable || e.State != enrol.Waiting {
			t.Errorf("%+v, %v", e, err)
		}
		phone := s.device(link)
		phone.send(phone.enrolMessage())
		next[message.Challenge](phone)
	})
	t.Run("a wrong number ends it and enrols nothing", func(t *testing.T) {
		link, e := begin()
		d := s.device(link)
		d.send(d.enrolMessage())
		asked := next[message.Challenge](d)
		e, err := s.v.Enrolments.Get(ctx, link.ID, e, 10*time.Second)
		check(t, err)
		wrong := "10"
		if e.Number == wrong {
			wrong = "11"
		}
		d.send(d.answer(asked.ID, wrong))
		if o := next[message.Outcome](d); o.State != message.StateDenied || o.Account != nil {
			t.Errorf("told %+v", o)
		}
		e, err = s.v.Enrolments.Get(ctx, link.ID, e, 10*time.Second)
		if err != nil || e.State != enrol.Refused || e.Reason != message.ReasonNumberMismatch {
			t.Errorf("%+v, %v", e, err)
		}
		push, _, err := s.v.Challenges.Locks(ctx, user.ID)
		if err != nil || !push.IsZero() {
			t.Errorf("locked %v, %v", push, err)
		}
		second := s.device(link)
		second.send(second.enrolMessage())
		if o := next[message.Outcome](second); o.Reason != message.ReasonEnrolmentUnknown {
			t.Errorf("the link was taken twice: %+v", o)
		}
	})
}
