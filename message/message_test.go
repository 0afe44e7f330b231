package message_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/message"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestAnIDBeginsWithItsTime(t *testing.T) {
	early, late := now, now.Add(time.Millisecond)
	seen := map[string]bool{}
	for _, at := range []time.Time{early, early, late} {
		id := message.NewIDAt(at)
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(id) != 22 || len(raw) != 16 {
			t.Fatalf("%q: %d octets, %v", id, len(raw), err)
		}
		if ms := int64(binary.BigEndian.Uint64(append([]byte{0, 0}, raw[:6]...))); ms != at.UnixMilli() {
			t.Errorf("%s is of %d, want %d", id, ms, at.UnixMilli())
		}
		if random := string(raw[6:]); seen[random] {
			t.Error("the same octets twice")
		} else {
			seen[random] = true
		}
	}
}

func generate(t testing.TB) identity.PrivateKey {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// largest gives one message of each type, filled to its limits. "é" and "ไ"
// take more octets than characters.
func largest(t testing.TB, from, to identity.PrivateKey) []message.Message {
	t.Helper()
	head := message.NewClaims(from.Thumbprint(), to.Thumbprint(), now, message.Lifetime)
	head.ID = strings.Repeat("x", 64)
	about := message.About{Platform: message.PlatformAndroid, FormFactor: message.FormDesktop, AppVersion: "999999.999999.999999.999999"}
	proof, err := envelope.Sign(from, message.TypeRekeyProof, []byte(from.Thumbprint()))
	if err != nil {
		t.Fatal(err)
	}
	open := make([]string, 8)
	for i := range open {
		open[i] = head.ID
	}
	devices := make([]message.ListedDevice, 5)
	for i := range devices {
		devices[i] = message.ListedDevice{
			Name: strings.Repeat(`"`, 64), Platform: message.PlatformAndroid, FormFactor: message.FormDesktop, // two octets each, written
			EnrolledAt: 1<<53 - 1, SeenAt: 1<<53 - 1, This: i == 4,
		}
	}
	challenge := message.Challenge{
		Claims: head, Scenario: message.ScenarioBroker, Mode: message.ModeNumber, Digits: 6,
		App: strings.Repeat("ไ", 32), Origin: strings.Repeat("o", 192), IP: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		Location: strings.Repeat("ไ", 32), Client: strings.Repeat("c", 64), MinAppVersion: "999999.999999.999999.999999",
		BrokerSession: strings.Repeat("b", 64), UserVerification: true, NewLocation: true,
	}
	return []message.Message{
		message.Enrol{
			Claims: head, About: about, Enrolment: head.ID, Encryption: to.Public(), Name: strings.Repeat("é", 32),
			MAC: strings.Repeat("M", 43),
		},
		message.Sync{Claims: head, About: about, Open: open, Devices: true},
		message.Answer{
			Claims: head, Challenge: head.ID, Decision: message.DecisionApprove, Number: "123456", UserVerification: true,
			FormFactor: message.FormDesktop, AppVersion: about.AppVersion,
		},
		message.Rekey{Claims: head, Signing: from.Public(), Encryption: to.Public(), Proof: proof},
		challenge,
		message.Outcome{
			Claims: head, Challenge: head.ID, State: message.StateCancelled, Reason: message.ReasonUserVerificationMissing,
			Account: &message.Account{Organisation: strings.Repeat("ไ", 32), User: strings.Repeat("u", 128), TOTP: true},
		},
		message.Notice{Claims: head, Kind: message.NoticePasswordChanged, Detail: strings.Repeat("é", 32)},
		message.Devices{Claims: head, List: devices},
		message.Revoked{Claims: head},
	}
}

func TestTheLargestMessagesFitTheirEnvelope(t *testing.T) {
	from, to := generate(t), generate(t)
	for _, m := range largest(t, from, to) {
		sealed, err := message.Seal(m, from, to.Public())
		if err != nil {
			t.Errorf("%s: %v", m.Type(), err)
			continue
		}
		got, signed, err := message.Open(sealed, to, to.Thumbprint(), now, envelope.Thumbprint(from.Thumbprint(), m.Type()))
		if err != nil {
			t.Errorf("%s: %v", m.Type(), err)
			continue
		}
		if fmt.Sprint(got) != fmt.Sprint(m) && m.Type() != message.TypeRekey && m.Type() != message.TypeEnrol && m.Type() != message.TypeOutcome {
			t.Errorf("%s came out as\n%+v, went in as\n%+v", m.Type(), got, m)
		}
		again, err := json.Marshal(got)
		if err != nil || !bytes.Equal(again, signed.Payload) {
			t.Errorf("%s does not survive: %s, %v", m.Type(), again, err)
		}
	}
}

// A Sync that does not ask for the list is the same as before there was one, for
// verifiers that refuse members which they do not know.
func TestASyncThatDoesNotAskIsAsItWas(t *testing.T) {
	from, to := generate(t), generate(t)
	m, ok := largest(t, from, to)[1].(message.Sync)
	if !ok {
		t.Fatal("no Sync")
	}
	m.Devices = false
	if b, err := json.Marshal(m); err != nil || strings.Contains(string(b), "devices") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestDecodingIsStrict(t *testing.T) {
	from, to := generate(t), generate(t)
	for _, m := range largest(t, from, to) {
		good, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := message.Decode(m.Type(), good); err != nil {
			t.Errorf("%s: the good one: %v", m.Type(), err)
		}
		inner := string(good[1:])
		for name, bad := range map[string]string{
			"an unknown member":      `{"extra":1,` + inner,
			"a duplicate member":     `{"v":1,` + inner,
			"a member in upper case": strings.Replace(string(good), `"exp":`, `"EXP":`, 1),
			"trailing data":          string(good) + "{}",
			"another version":        strings.Replace(string(good), `"v":1`, `"v":2`, 1),
			"no version":             strings.Replace(string(good), `"v":1,`, ``, 1),
			"not JSON":               "x",
		} {
			if _, err := message.Decode(m.Type(), []byte(bad)); err == nil {
				t.Errorf("%s with %s was taken", m.Type(), name)
			}
		}
	}
	if _, err := message.Decode("other+jwt", []byte("{}")); !errors.Is(err, message.ErrMalformed) {
		t.Errorf("an unknown type: %v", err)
	}
}

func TestNullIsNoValue(t *testing.T) {
	from, to := generate(t), generate(t)
	head := message.NewClaims(from.Thumbprint(), to.Thumbprint(), now, time.Minute)
	good, err := json.Marshal(message.Answer{
		Claims: head, Challenge: head.ID, Decision: message.DecisionDeny, FormFactor: message.FormPhone, AppVersion: "1.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(good), `"user_verification":false`, `"user_verification":null`, 1)
	if _, err := message.Decode(message.TypeAnswer, []byte(bad)); bad == string(good) || !errors.Is(err, message.ErrMalformed) {
		t.Errorf("%s: %v", bad, err)
	}
}

func TestApproveDenyHasNoDigits(t *testing.T) {
	from, to := generate(t), generate(t)
	head := message.NewClaims(from.Thumbprint(), to.Thumbprint(), now, time.Minute)
	claims, err := json.Marshal(message.Challenge{Claims: head, Scenario: message.ScenarioMFA, Mode: message.ModeApproveDeny, MinAppVersion: "1.0"})
	if err != nil || strings.Contains(string(claims), "digits") {
		t.Errorf("%s, %v", claims, err)
	}
}

func TestWhatNobodyMaySeal(t *testing.T) {
	from, to := generate(t), generate(t)
	for _, m := range largest(t, from, to) {
		var bad []message.Message
		switch m := m.(type) {
		case message.Challenge:
			for _, edit := range []func(*message.Challenge){
				func(c *message.Challenge) { c.App += "x" },
				func(c *message.Challenge) { c.App = "Bank\u202emoc.live" },
				func(c *message.Challenge) { c.Origin = "a\u200bb" },
				func(c *message.Challenge) { c.Location = "a\nb" },
				func(c *message.Challenge) { c.IP = "here" },
				func(c *message.Challenge) { c.Digits = 4 },
				func(c *message.Challenge) { c.Mode = message.ModeApproveDeny },
				func(c *message.Challenge) { c.Scenario = "other" },
				func(c *message.Challenge) { c.Scenario = message.ScenarioMFA }, // with a broker session
				func(c *message.Challenge) { c.Expires += 1 },
			} {
				b := m
				edit(&b)
				bad = append(bad, b)
			}
		case message.Devices:
			for _, edit := range []func(*message.Devices){
				func(d *message.Devices) { d.List = append(d.List, d.List[0]) },
				func(d *message.Devices) { d.List = nil },
				func(d *message.Devices) { d.List[4].This = false },
				func(d *message.Devices) { d.List[0].This = true },
				func(d *message.Devices) { d.List[0].Name = "" },
				func(d *message.Devices) { d.List[0].Name = "a\u202eb" },
				func(d *message.Devices) { d.List[0].Platform = "other" },
				func(d *message.Devices) { d.List[0].FormFactor = "" },
				func(d *message.Devices) { d.List[0].EnrolledAt = 0 },
				func(d *message.Devices) { d.List[0].SeenAt = -1 },
			} {
				b := m
				b.List = slices.Clone(m.List)
				edit(&b)
				bad = append(bad, b)
			}
		case message.Answer:
			for _, edit := range []func(*message.Answer){
				func(a *message.Answer) { a.Number = "123" },
				func(a *message.Answer) { a.Number = "1x" },
				func(a *message.Answer) { a.Decision = message.DecisionDeny }, // with a number
				func(a *message.Answer) { a.Decision = "APPROVE" },
				func(a *message.Answer) { a.FormFactor = "" },
				func(a *message.Answer) { a.AppVersion = "new" },
				func(a *message.Answer) { a.ID = "short" },
			} {
				b := m
				edit(&b)
				bad = append(bad, b)
			}
		}
		for i, b := range bad {
			if _, err := message.Seal(b, from, to.Public()); !errors.Is(err, message.ErrMalformed) {
				t.Errorf("%s, case %d: %v", m.Type(), i, err)
			}
		}
	}
}

func TestCheckComparesPartiesAndClocks(t *testing.T) {
	from, to, other := generate(t), generate(t), generate(t)
	m := message.Revoked{Claims: message.NewClaims(from.Thumbprint(), to.Thumbprint(), now, time.Minute)}
	for _, test := range []struct {
		name             string
		signer, audience identity.PrivateKey
		at               time.Time
		want             error
	}{
		{"at once", from, to, now, nil},
		{"as late as clocks may differ", from, to, now.Add(time.Minute + message.Leeway), nil},
		{"later", from, to, now.Add(time.Minute + message.Leeway + time.Second), message.ErrExpired},
		{"as early as clocks may differ", from, to, now.Add(-message.Leeway), nil},
		{"earlier", from, to, now.Add(-message.Leeway - time.Second), message.ErrNotYet},
		{"signed by another", other, to, now, message.ErrIssuer},
		{"for another", from, other, now, message.ErrAudience},
	} {
		if err := message.Check(m, test.signer.Thumbprint(), test.audience.Thumbprint(), test.at); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestEnrolMACBindsEverything(t *testing.T) {
	from, to, other := generate(t), generate(t), generate(t)
	secret := bytes.Repeat([]byte{7}, 32)
	m := message.Enrol{
		Claims:     message.NewClaims(from.Thumbprint(), to.Thumbprint(), now, time.Minute),
		Enrolment:  message.NewID(),
		Encryption: from.Public(), Name: "phone",
		About: message.About{Platform: message.PlatformIOS, FormFactor: message.FormPhone, AppVersion: "1.0"},
	}
	var err error
	if m.MAC, err = message.EnrolMAC(secret, m); err != nil || !message.VerifyEnrolMAC(secret, m) {
		t.Fatalf("the good one: %v", err)
	}
	for i, edit := range []func(*message.Enrol){
		func(m *message.Enrol) { m.Issuer = other.Thumbprint() },
		func(m *message.Enrol) { m.Audience = other.Thumbprint() },
		func(m *message.Enrol) { m.Encryption = other.Public() },
		func(m *message.Enrol) { m.Enrolment = message.NewID() },
		func(m *message.Enrol) { m.Name = "phon"; m.Platform = "eios" },
		func(m *message.Enrol) { m.FormFactor = message.FormWatch },
		func(m *message.Enrol) { m.AppVersion = "2.0" },
		func(m *message.Enrol) { m.ID = message.NewID() },
	} {
		b := m
		edit(&b)
		if message.VerifyEnrolMAC(secret, b) {
			t.Errorf("case %d: a changed message has the same MAC", i)
		}
	}
	if message.VerifyEnrolMAC(bytes.Repeat([]byte{8}, 32), m) {
		t.Error("another secret gives the same MAC")
	}
	totp, err := message.TOTPSecret(secret)
	if err != nil || len(totp) != 20 || bytes.Contains(secret, totp) {
		t.Errorf("TOTP secret of %d octets, %v", len(totp), err)
	}
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		before bool
	}{
		{"0.0.1", message.MinAppVersion, true},
		{message.MinAppVersion, message.MinAppVersion, false},
		{"0.10.0", "0.9.0", false},
		{"1", "1.0.0.0", false},
		{"1.0", "1.0.0.1", true},
		{"", "0.0.0", true},
		{"nonsense", "0.0.0", true},
		{"1.2.3.4.5", "0.0.0", true},
		{"-1", "0.0.0", true},
		{"1..2", "0.0.0", true},
	} {
		if got := message.VersionBefore(test.a, test.b); got != test.before {
			t.Errorf("%q before %q: %v", test.a, test.b, got)
		}
	}
}

func link(t testing.TB) message.Link {
	return message.Link{
		Relay: "wss://relay.example:8443/relay", Verifier: generate(t).Thumbprint(), Encryption: generate(t).Public(),
		ID: message.NewID(), Secret: bytes.Repeat([]byte{9}, 32),
	}
}

func TestLinksSurvive(t *testing.T) {
	plain := link(t)
	full := plain
	full.Pin, full.Organisation = bytes.Repeat([]byte{3}, 32), "Contoso & Söner 50% กข"
	for _, l := range []message.Link{plain, full} {
		got, err := message.ParseLink(" " + l.String() + "\n")
		if err != nil || got.String() != l.String() {
			t.Errorf("%v\ncame out as %v, %v", l, got, err)
		}
	}
	if !strings.HasPrefix(plain.String(), "countersign://enrol?v=1&r=wss%3A%2F%2Frelay.example%3A8443%2Frelay&k=") {
		t.Errorf("the link is %s", plain)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("link", "link", plain)
	if strings.Contains(log.String(), "s=") || strings.Contains(log.String(), "CQkJ") {
		t.Errorf("a secret in the log: %s", log.String())
	}
}

func TestBadLinksSayWhatToDo(t *testing.T) {
	good := link(t).String()
	for _, test := range []struct{ name, link, want string }{
		{"empty", "", "countersign://enrol?"},
		{"another scheme", strings.Replace(good, "countersign", "https", 1), "countersign://enrol?"},
		{"another action", strings.Replace(good, "enrol?", "other?", 1), "countersign://enrol?"},
		{"a later version", strings.Replace(good, "v=1", "v=2", 1), "update the app"},
		{"an unknown parameter", good + "&x=1", "unknown"},
		{"a parameter that is a space", good + "&+=1", "unknown"},
		{"a parameter twice", good + "&v=1", "twice"},
		{"cut off", good[:len(good)-5], "s is not a secret"},
		{"no secret", strings.Split(good, "&s=")[0], "s is not a secret"},
		{"an open relay in the open", strings.Replace(good, "wss", "ws", 1), "ws://"},
		{"too long", good + "&o=" + strings.Repeat("x", 3000), "too long"},
		{"a name that reverses", good + "&o=%E2%80%AEabc", "o is not a name"},
	} {
		_, err := message.ParseLink(test.link)
		if !errors.Is(err, message.ErrLink) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "CQkJCQ") {
			t.Errorf("%s: the error quotes the secret", test.name)
		}
	}
}

func TestCleanMakesTextFit(t *testing.T) {
	for in, want := range map[string]string{
		"Payroll": "Payroll", "a\u202eb\nc": "abc", "ไทย": "ไท", "\xff\xfeok": "ok", "": "",
	} {
		if got := message.Clean(in, 7); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	from, to := generate(f), generate(f)
	for _, m := range largest(f, from, to) {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Type(), b)
	}
	f.Fuzz(func(t *testing.T, typ string, b []byte) {
		m, err := message.Decode(typ, b)
		if err != nil {
			return
		}
		// What decodes can be sealed again: the limits are the same both ways.
		if _, err := message.Seal(m, from, to.Public()); err != nil {
			t.Fatalf("%s decodes from %q and does not seal: %v", typ, b, err)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add(link(f).String())
	f.Add("countersign://enrol?v=1&r=ws://127.0.0.1/relay&k=&e=&i=&s=")
	f.Fuzz(func(t *testing.T, in string) {
		l, err := message.ParseLink(in)
		if err != nil {
			return
		}
		again, err := message.ParseLink(l.String())
		if err != nil || again.String() != l.String() {
			t.Fatalf("%q parses as %v, which does not: %v", in, l, err)
		}
	})
}
