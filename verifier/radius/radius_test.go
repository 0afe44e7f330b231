package radius

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/vendors/microsoft"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/events"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/verifiertest"
)

// prompted signs zoe in up to the prompt with the number.
func (c *caller) prompted(user string) (number, state string) {
	c.Helper()
	reply := c.exchange(ask(user, password))
	return shownNumber(c.T, reply), string(reply.Get(rfc2865.State_Type))
}

// pressEnter is the request after a prompt.
func pressEnter(user, state string) *radius.Packet {
	return ask(user, "", with(rfc2865.State_Type, state))
}

func TestNumberStandsInThePrompt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(*rig, *verifiertest.Device, string)
		want   radius.Code
	}{
		{"the right number is accepted", func(r *rig, d *verifiertest.Device, n string) { r.approve(d, n) }, radius.CodeAccessAccept},
		{"a wrong number is rejected", func(r *rig, d *verifiertest.Device, n string) {
			if n == "10" {
				n = "11"
			} else {
				n = "10"
			}
			r.approve(d, n)
		}, radius.CodeAccessReject},
		{"a denial is rejected", func(r *rig, d *verifiertest.Device, _ string) {
			asked, _ := verifiertest.Last[message.Challenge](d)
			r.check(d.Send(d.Answer(asked.ID, "", func(a *message.Answer) { a.Decision, a.Number = message.DecisionDeny, "" })))
		}, radius.CodeAccessReject},
		{"silence is rejected", func(r *rig, _ *verifiertest.Device, _ string) {
			c := <-r.started
			r.Clock.Move(challenge.DefaultTTL)
			_, err := r.Challenges.Get(r.Context(), c.Client, c.ID, 0)
			r.check(err)
		}, radius.CodeAccessReject},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Settings{}, clientAt("127.0.0.2"))
			phone, c := r.person("zoe", false), r.from("127.0.0.2")
			number, state := c.prompted("zoe")
			raw := r.signed(pressEnter("zoe", state))
			c.send(raw)
			c.silence() // it waits
			tt.answer(r, phone, number)
			reply, _ := c.receive(raw)
			wantCode(t, reply, tt.want)
			wantCode(t, c.exchange(pressEnter("zoe", state)), radius.CodeAccessReject) // State is good once
		})
	}
}

func TestNoPushBeforeTheFirstFactor(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3", nps("1.2.2216.1", policy.OverrideFalse)))
	phone := r.person("zoe", false)
	for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
		c := r.from(address)
		for _, p := range []*radius.Packet{
			ask("zoe", "not the password"), ask("zoe", ""), ask("nobody", password), ask("zoe", password+",123456"),
			ask("zoe", password, func(p *radius.Packet) { p.Del(rfc2865.UserPassword_Type) }),
			ask("zoe", "", func(p *radius.Packet) {
				p.Del(rfc2865.UserPassword_Type)
				p.Add(rfc2865.CHAPPassword_Type, random(17))
			}),
			ask("zoe", password, with(rfc2865.UserName_Type, "other")),
			ask("zoe", password, with(rfc2865.State_Type, "made up")),
		} {
			wantCode(t, c.exchange(p), radius.CodeAccessReject)
		}
	}
	if _, asked := verifiertest.Last[message.Challenge](phone); asked {
		t.Fatal("the phone was asked")
	}
}

func TestCodeByAccessChallenge(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideUnset)), clientAt("127.0.0.3"))
	r.person("zoe", true)
	r.passworded("kim", true) // has a code alone
	for _, tt := range []struct {
		name, address, user string
		code                func() string
		want                radius.Code
	}{
		{"the NPS extension asks who has a phone and a code for the code", "127.0.0.2", "zoe", r.code, radius.CodeAccessAccept},
		{"a used code is refused", "127.0.0.2", "zoe", r.code, radius.CodeAccessReject},
		{"a wrong code is refused", "127.0.0.2", "kim", func() string { return "000000" }, radius.CodeAccessReject},
		{"our own kind asks who has a code alone for it", "127.0.0.3", "kim", r.code, radius.CodeAccessAccept},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.from(tt.address)
			reply := c.exchange(ask(tt.user, password))
			wantCode(t, reply, radius.CodeAccessChallenge)
			state := string(reply.Get(rfc2865.State_Type))
			answer := func() *radius.Packet { return ask(tt.user, tt.code(), with(rfc2865.State_Type, state)) }
			wantCode(t, c.exchange(answer()), tt.want)
			wantCode(t, c.exchange(answer()), radius.CodeAccessReject)
		})
	}
}

func TestClientWithoutPromptSendsTheCodeWithThePassword(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", noPrompt))
	phone, c := r.person("zoe", true), r.from("127.0.0.2")
	r.person("kim", false) // has no code
	for _, tt := range []struct {
		user, password string
		want           radius.Code
	}{
		{"zoe", password, radius.CodeAccessReject},
		{"zoe", password + ",000000", radius.CodeAccessReject},
		{"zoe", "wrong," + r.code(), radius.CodeAccessReject},
		{"zoe", password + "," + r.code(), radius.CodeAccessAccept},
		{"zoe", password + "," + r.code(), radius.CodeAccessReject}, // used
		{"kim", password, radius.CodeAccessReject},
		{"kim", password + "," + r.code(), radius.CodeAccessReject},
	} {
		wantCode(t, c.exchange(ask(tt.user, tt.password)), tt.want)
	}
	if _, asked := verifiertest.Last[message.Challenge](phone); asked {
		t.Fatal("a client without prompts made the phone ring")
	}
}

func TestNPSWaitsForApprovalInOneRequest(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideFalse)))
	phone, c := r.person("zoe", true), r.from("127.0.0.2")
	raw := r.signed(ask("zoe", password))
	c.send(raw)
	if started := <-r.started; started.Experience != policy.ApproveDeny {
		t.Fatalf("experience %s", started.Experience)
	}
	r.approve(phone, "")
	reply, _ := c.receive(raw)
	wantCode(t, reply, radius.CodeAccessAccept)
}

func TestApproveDenyIsOnlyForTheNPSExtension(t *testing.T) {
	// In the preview a user outside the target gets Approve/Deny from the web
	// page; our own kind shows the number even then.
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	r.person("zoe", false)
	r.setRollout(policy.Preview)
	shownNumber(t, r.from("127.0.0.2").exchange(ask("zoe", password)))
}

func TestRequestThatComesAgainStartsNothing(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideFalse)))
	phone, c := r.person("zoe", false), r.from("127.0.0.2")
	raw := r.signed(ask("zoe", password))
	c.send(raw)
	<-r.started
	c.send(raw)
	c.silence()
	elsewhere := r.from("127.0.0.2") // another port
	elsewhere.send(raw)
	elsewhere.silence()
	if n := len(r.Post.To(phone.Signing.Thumbprint())); n != 1 {
		t.Fatalf("%d pushes were sent, want 1", n)
	}
	r.approve(phone, "")
	_, first := c.receive(raw)
	c.send(raw)
	_, again := c.receive(raw)
	if !bytes.Equal(first, again) {
		t.Fatalf("the reply changed:\n%x\n%x", first, again)
	}
	// Other octets under the same identifier and authenticator are no
	// retransmission.
	p := ask("zoe", password, with(rfc2865.NASIdentifier_Type, "x"))
	p.Identifier, p.Authenticator = raw[1], [16]byte(raw[4:20])
	c.send(r.signed(p))
	c.silence()
	select {
	case <-r.started:
		t.Fatal("a second challenge was started")
	default:
	}
}

func TestStateIsForOneClientAndUser(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3"))
	phone := r.person("zoe", false)
	r.person("mallory", false)
	mine, other := r.from("127.0.0.2"), r.from("127.0.0.3")
	number, state := mine.prompted("zoe")
	r.approve(phone, number)
	wantCode(t, other.exchange(pressEnter("zoe", state)), radius.CodeAccessReject)
	wantCode(t, mine.exchange(pressEnter("mallory", state)), radius.CodeAccessReject)
	wantCode(t, mine.exchange(pressEnter("zoe", state)), radius.CodeAccessReject) // used up
}

func TestStateOfAnotherClientStaysGood(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3"))
	phone := r.person("zoe", false)
	number, state := r.from("127.0.0.2").prompted("zoe")
	wantCode(t, r.from("127.0.0.3").exchange(pressEnter("zoe", state)), radius.CodeAccessReject)
	r.approve(phone, number)
	wantCode(t, r.from("127.0.0.2").exchange(pressEnter("zoe", state)), radius.CodeAccessAccept)
}

func TestProxyStateIsEchoedInOrder(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	r.person("zoe", false)
	c := r.from("127.0.0.2")
	for _, p := range []*radius.Packet{
		ask("zoe", "wrong", with(rfc2865.ProxyState_Type, "one"), with(rfc2865.ProxyState_Type, "two")),
		ask("zoe", password, with(rfc2865.ProxyState_Type, "one"), with(rfc2865.ProxyState_Type, "two")),
	} {
		states, err := rfc2865.ProxyState_GetStrings(c.exchange(p))
		if err != nil || strings.Join(states, ",") != "one,two" {
			t.Fatalf("Proxy-State %q, %v", states, err)
		}
	}
}

func TestMessageAuthenticator(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3", unsigned))
	r.person("zoe", false)
	strict, excused := r.from("127.0.0.2"), r.from("127.0.0.3")
	bare := func() []byte {
		raw, err := ask("zoe", "wrong").Encode()
		r.check(err)
		return raw
	}
	flipped := func() []byte {
		raw := r.signed(ask("zoe", "wrong"))
		raw[25] ^= 1
		return raw
	}
	twice := func() []byte {
		p := ask("zoe", "wrong")
		raw := r.signed(p)
		raw = append(raw, raw[20:38]...)
		raw[3] += 18
		return raw
	}
	for name, raw := range map[string][]byte{"without": bare(), "wrong": flipped(), "two": twice()} {
		t.Run(name, func(*testing.T) {
			strict.send(raw)
			strict.silence()
		})
	}
	for name, raw := range map[string][]byte{"wrong": flipped(), "two": twice()} {
		t.Run("excused, "+name, func(*testing.T) {
			excused.send(raw)
			excused.silence()
		})
	}
	raw := bare()
	excused.send(raw)
	reply, _ := excused.receive(raw)
	wantCode(t, reply, radius.CodeAccessReject)
	// EAP needs it whoever sends it (RFC 3579 §3.2).
	raw, err := ask("zoe", "wrong", with(typeEAPMessage, "\x02\x01\x00\x08\x01zoe")).Encode()
	r.check(err)
	excused.send(raw)
	excused.silence()
	r.stop() // before its log is read
	if log := r.log.String(); strings.Count(log, "CVE-2024-3596") != 1 || !strings.Contains(log, "client at 127.0.0.3") {
		t.Fatalf("the excused client was not warned of once:\n%s", log)
	}
}

func TestStrangersGetNoAnswer(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	r.person("zoe", false)
	stranger, c := r.from("127.0.0.9"), r.from("127.0.0.2")
	stranger.send(r.signed(ask("zoe", password)))
	wantCode(t, c.exchange(ask("zoe", "wrong")), radius.CodeAccessReject)
	r.check(stranger.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)))
	if n, err := stranger.conn.Read(make([]byte, 100)); err == nil {
		t.Fatalf("a stranger got %d octets", n)
	}
}

func TestRestartDenies(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3", nps("1.2.2216.1", policy.OverrideFalse)))
	phone := r.person("zoe", false)
	number, state := r.from("127.0.0.2").prompted("zoe")
	<-r.started
	r.approve(phone, number)
	r.serve(Settings{})
	wantCode(t, r.from("127.0.0.2").exchange(pressEnter("zoe", state)), radius.CodeAccessReject)

	raw := r.signed(ask("zoe", password))
	r.from("127.0.0.3").send(raw)
	<-r.started
	r.serve(Settings{}) // during the push
	r.approve(phone, "")
	c := r.from("127.0.0.3")
	c.send(raw)
	reply, _ := c.receive(raw)
	wantCode(t, reply, radius.CodeAccessReject)
}

func TestMSCHAPv2CannotCarryACode(t *testing.T) {
	fake := newUpstreamServer(t, "zoe")
	for name, settings := range map[string]Settings{"with the password checked": fake.settings(t), "with nobody to check it": {}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, settings, clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideUnset)))
			phone := r.person("zoe", true)
			wantCode(t, r.from("127.0.0.2").exchange(mschap("zoe", password)), radius.CodeAccessReject)
			wantCode(t, r.from("127.0.0.2").exchange(mschap("nobody", password)), radius.CodeAccessReject)
			const want = "NPS Extension for Azure MFA: Challenge requested in Authentication extension for the user zoe"
			found := 0
			for _, e := range r.eventLog() {
				if strings.HasPrefix(e.Message, "NPS Extension") {
					found++
					if e.Channel != events.AuthZOptCh || e.Message != want || e.Code != "REQUEST_MISSING_CODE" || e.Client != "client at 127.0.0.2" {
						t.Fatalf("the event is %+v", e)
					}
				}
			}
			if n := r.audited(audit.KindChallengeRequested); n != 1 || found != 1 {
				t.Fatalf("%d audit events and %d lines, want one of each", n, found)
			}
			if _, asked := verifiertest.Last[message.Challenge](phone); asked {
				t.Fatal("the phone was asked")
			}
		})
	}
}

func TestIPWhitelist(t *testing.T) {
	list, wide := "127.0.0.2; 192.0.2.9", "192.0.2.9"
	settings := Settings{
		ClientSettings: ClientSettings{IPWhitelist: &list},
		Clients:        map[string]ClientSettings{"Client at 127.0.0.4": {IPWhitelist: &wide}},
	}
	r := newRig(t, settings, clientAt("127.0.0.2"), clientAt("127.0.0.3"), clientAt("127.0.0.4"), clientAt("127.0.0.5", unsigned))
	r.passworded("zoe", false)
	nas := func(address string) func(*radius.Packet) {
		a := netip.MustParseAddr(address).As4()
		return with(rfc2865.NASIPAddress_Type, string(a[:]))
	}
	for _, tt := range []struct {
		name, from string
		edit       func(*radius.Packet)
		password   string
		want       radius.Code
	}{
		{"a client's own address", "127.0.0.2", nas("127.0.0.2"), password, radius.CodeAccessAccept},
		{"but not without the first factor", "127.0.0.2", nas("127.0.0.2"), "wrong password", radius.CodeAccessReject},
		{"another's address in a client's mouth", "127.0.0.3", nas("127.0.0.2"), password, radius.CodeAccessReject},
		{"an address behind a client that may not speak for it", "127.0.0.2", nas("192.0.2.9"), password, radius.CodeAccessReject},
		{"an address behind a client that may", "127.0.0.4", nas("192.0.2.9"), password, radius.CodeAccessAccept},
		{"an address that is not listed", "127.0.0.3", nas("127.0.0.3"), password, radius.CodeAccessReject},
		{"no address", "127.0.0.2", func(*radius.Packet) {}, password, radius.CodeAccessReject},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantCode(t, r.from(tt.from).exchange(ask("zoe", tt.password, tt.edit)), tt.want)
		})
	}
	if n := r.audited(audit.KindSecondFactorSkipped); n != 2 {
		t.Fatalf("%d skipped second factors were recorded, want 2", n)
	}
	warned := false
	for _, e := range r.eventLog() {
		warned = warned || strings.HasPrefix(e.Message, "IP_WHITELIST is ignored")
	}
	if !warned {
		t.Fatal("nobody was told of the missing NAS-IP-Address")
	}
}

func TestRequireUserMatch(t *testing.T) {
	no := false
	r := newRig(t, Settings{Clients: map[string]ClientSettings{"client at 127.0.0.3": {RequireUserMatch: &no}}},
		clientAt("127.0.0.2"), clientAt("127.0.0.3"))
	r.passworded("zoe", false)
	r.person("kim", false)
	wantCode(t, r.from("127.0.0.2").exchange(ask("zoe", password)), radius.CodeAccessReject)
	wantCode(t, r.from("127.0.0.3").exchange(ask("zoe", password)), radius.CodeAccessAccept)
	shownNumber(t, r.from("127.0.0.3").exchange(ask("kim", password)))
	wantCode(t, r.from("127.0.0.3").exchange(ask("zoe", "wrong password")), radius.CodeAccessReject)
}

func TestDisabledUserSkipsNothing(t *testing.T) {
	no := false
	fake := newUpstreamServer(t, "zoe")
	settings := fake.settings(t)
	settings.RequireUserMatch = &no
	r := newRig(t, settings, clientAt("127.0.0.2"))
	u := r.passworded("zoe", false)
	r.Update(func(tx store.Tx) error {
		u.Disabled = true
		return r.Directory.PutUser(tx, u)
	})
	wantCode(t, r.from("127.0.0.2").exchange(ask("zoe", password)), radius.CodeAccessReject)
}

func TestGatewayWithoutPasswords(t *testing.T) {
	mode := "none"
	settings := Settings{Clients: map[string]ClientSettings{"client at 127.0.0.2": {Primary: &mode}}}
	r := newRig(t, settings, clientAt("127.0.0.2", unsigned), clientAt("127.0.0.3"))
	phone := r.person("zoe", false)
	bare := func(p *radius.Packet) { p.Del(rfc2865.UserPassword_Type) }
	c := r.from("127.0.0.2")
	raw, err := ask("zoe", "", bare).Encode()
	r.check(err)
	c.send(raw) // even this client must sign
	c.silence()
	reply := c.exchange(ask(`CONTOSO\zoe`, "", bare))
	r.approve(phone, shownNumber(t, reply))
	wantCode(t, c.exchange(pressEnter(`CONTOSO\zoe`, string(reply.Get(rfc2865.State_Type)))), radius.CodeAccessAccept)
	wantCode(t, r.from("127.0.0.3").exchange(ask("zoe", "", bare)), radius.CodeAccessReject)
}

func TestPromptNamesTheServiceAndTheAddress(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	phone := r.person("zoe", false)
	r.from("127.0.0.2").exchange(ask("zoe", password, with(rfc2865.NASIdentifier_Type, "sshd"), with(rfc2865.CallingStationID_Type, "192.0.2.7")))
	asked, ok := verifiertest.Last[message.Challenge](phone)
	if !ok || asked.App != "sshd" || asked.IP != "192.0.2.7" || asked.Client != "client at 127.0.0.2" {
		t.Fatalf("the device was asked %+v", asked)
	}
}

func TestLimitsRefuse(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	r.person("zoe", false)
	c := r.from("127.0.0.2")
	c.prompted("zoe")
	reply := c.exchange(ask("zoe", password))
	wantCode(t, reply, radius.CodeAccessReject)
	if text := string(reply.Get(rfc2865.ReplyMessage_Type)); !strings.HasPrefix(text, "Another sign-in of yours waits") {
		t.Fatalf("Reply-Message %q", text)
	}
}

func TestClientAddedWhileServingIsKnownWithinASecond(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	r.from("127.0.0.2").silence()
	r.Update(func(tx store.Tx) error {
		_, _, err := r.Directory.AddClient(tx, clientAt("127.0.0.3"))
		return err
	})
	r.Clock.Move(clientsFor)
	r.from("127.0.0.3").silence()
}

// audited counts the audit events of a kind.
func (r *rig) audited(kind string) int {
	r.Helper()
	var result audit.Result
	r.check(r.Store.View(r.Context(), func(tx store.Tx) (err error) {
		result, err = r.Audit.Query(tx, audit.Filter{Kinds: []string{kind}}, audit.Page{})
		return err
	}))
	return len(result.Records)
}

func TestMPPEKeysPassThrough(t *testing.T) {
	fake := newUpstreamServer(t, "zoe")
	r := newRig(t, fake.settings(t), clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideFalse)), clientAt("127.0.0.3"))
	phone := r.person("zoe", false)
	for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
		c, request := r.from(address), mschap("zoe", password)
		raw := r.signed(request)
		c.send(raw)
		var reply *radius.Packet
		if address == "127.0.0.2" {
			<-r.started
			r.approve(phone, "")
			reply, _ = c.receive(raw)
		} else {
			prompt, _ := c.receive(raw)
			r.approve(phone, shownNumber(t, prompt))
			request = mschap("zoe", "", with(rfc2865.State_Type, string(prompt.Get(rfc2865.State_Type))))
			reply = c.exchange(request)
		}
		wantCode(t, reply, radius.CodeAccessAccept)
		send, receive := microsoft.MSMPPESendKey_Get(reply, request), microsoft.MSMPPERecvKey_Get(reply, request)
		if want := *fake.keys.Load(); !bytes.Equal(send, want[0]) || !bytes.Equal(receive, want[1]) {
			t.Fatalf("keys %x and %x, want %x", send, receive, want)
		}
		if success := microsoft.MSCHAP2Success_Get(reply); len(success) != 43 {
			t.Fatalf("MS-CHAP2-Success %q", success)
		}
		if class := string(reply.Get(rfc2865.Class_Type)); class != "staff" {
			t.Fatalf("Class %q", class)
		}
		if tunnel := tunnelPassword(t, reply, request); tunnel != "to the tunnel" {
			t.Fatalf("Tunnel-Password %q", tunnel)
		}
	}
}

func TestUpstreamRefusalReachesTheClient(t *testing.T) {
	fake := newUpstreamServer(t, "zoe")
	r := newRig(t, fake.settings(t), clientAt("127.0.0.2"))
	phone := r.person("zoe", false)
	reply := r.from("127.0.0.2").exchange(mschap("zoe", "wrong password"))
	wantCode(t, reply, radius.CodeAccessReject)
	if text := microsoft.MSCHAPError_GetString(reply); !strings.Contains(text, "E=691") {
		t.Fatalf("MS-CHAP-Error %q", text)
	}
	for _, forge := range []bool{true, false} {
		fake.forge.Store(forge)
		fake.unsigned.Store(!forge)
		wantCode(t, r.from("127.0.0.2").exchange(ask("zoe", password)), radius.CodeAccessReject)
	}
	if _, asked := verifiertest.Last[message.Challenge](phone); asked {
		t.Fatal("a forged or unsigned accept made the phone ring")
	}
}

func (r *rig) setRollout(rollout policy.Rollout) {
	r.Helper()
	r.Update(func(tx store.Tx) error {
		return r.Tenant.Update(tx, "test", func(s *tenant.Settings) error {
			s.Rollout = rollout
			return nil
		})
	})
}
