package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/message"
)

// brokerFake is the verifier's side of the same-device sign-in.
type brokerFake struct {
	v        *fakeVerifier
	id       string
	early    bool // the challenge overtakes the response
	session  string
	err      error
	late     time.Duration
	ended    chan string // the state that ends it
	password string
}

func (b *brokerFake) Start(_ context.Context, _, password string) (BrokerSession, error) {
	b.password = password
	if b.err != nil {
		return BrokerSession{}, b.err
	}
	if b.early {
		b.push()
		<-time.After(time.Millisecond) // the challenge is there before the response
	} else {
		time.AfterFunc(b.late, b.push)
	}
	return BrokerSession{ID: b.id, Number: "42", State: message.StatePending, Expires: time.Now().Add(time.Minute)}, nil
}

func (b *brokerFake) push() {
	c := b.v.challenge(b.v.device(), func(c *message.Challenge) {
		c.Scenario, c.BrokerSession = message.ScenarioBroker, b.session
	})
	b.v.send(b.v.device(), c)
}

func (b *brokerFake) Wait(ctx context.Context, id string, wait time.Duration) (BrokerSession, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case state := <-b.ended:
		return BrokerSession{ID: id, State: state}, nil
	case <-timer.C:
		return BrokerSession{ID: id, State: message.StatePending}, nil
	case <-ctx.Done():
		return BrokerSession{}, ctx.Err()
	}
}

// signIn enrols a device and starts a same-device sign-in on it.
func signIn(t *testing.T, about message.About, change func(*brokerFake)) (*device, *brokerFake, *Broker) {
	t.Helper()
	fake := &brokerFake{id: message.NewID(), ended: make(chan string, 1)}
	fake.session = fake.id
	if change != nil {
		change(fake)
	}
	d, v, account := enrolled(t, about, func(c *Config) {
		c.Broker = func(string, []byte) (BrokerService, error) { return fake, nil }
	})
	fake.v = v
	b, err := d.SignIn(t.Context(), account.ID, "password")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = b.Run(ctx, func() {})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return d, fake, b
}

func TestTheRequestAppearsAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, b := signIn(t, phone, nil)
		synctest.Wait()
		if s := b.State(); s.Number != "42" || s.Prompt != nil || s.Covered || s.CanShowNumber {
			t.Fatalf("at 0 s: %+v", s)
		}
		pass(1900 * time.Millisecond)
		synctest.Wait()
		if s := b.State(); s.Prompt != nil || s.Covered || s.CanShowNumber {
			t.Fatalf("at 1.9 s: %+v", s)
		}
		pass(100 * time.Millisecond)
		synctest.Wait()
		if s := b.State(); s.Prompt == nil || !s.Covered || !s.CanShowNumber {
			t.Fatalf("at 2.0 s: %+v", s)
		}
		if d.Inbox().Current != nil {
			t.Error("the request stands in the inbox, too")
		}
	})
}

func TestShowMeTheNumberAgainUncoversForTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, b := signIn(t, phone, nil)
		b.ShowNumberAgain() // before there is a request: nothing
		pass(3 * time.Second)
		synctest.Wait()
		if s := b.State(); !s.Covered {
			t.Fatalf("%+v", s)
		}
		for range 3 {
			b.ShowNumberAgain()
			if s := b.State(); s.Covered || s.CanShowNumber || s.Prompt == nil || s.Number != "42" {
				t.Fatalf("uncovered: %+v", s)
			}
			pass(1900 * time.Millisecond)
			synctest.Wait()
			if s := b.State(); s.Covered {
				t.Fatalf("after 1.9 s: %+v", s)
			}
			pass(100 * time.Millisecond)
			synctest.Wait()
			if s := b.State(); !s.Covered || !s.CanShowNumber {
				t.Fatalf("after 2.0 s: %+v", s)
			}
		}
	})
}

func TestChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &brokerFake{id: message.NewID(), ended: make(chan string, 1)}
		fake.session = fake.id
		d, v, account := enrolled(t, phone, func(c *Config) {
			c.Broker = func(string, []byte) (BrokerService, error) { return fake, nil }
		})
		fake.v = v
		b, err := d.SignIn(t.Context(), account.ID, "password")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		covered := make(chan time.Duration, 1)
		answered := make(chan Result, 1)
		go func() {
			result, _ := b.Run(t.Context(), func() {
				if s := b.State(); s.Covered && len(covered) == 0 {
					covered <- time.Since(start)
				}
			})
			answered <- result
		}()
		if at := <-covered; at != RequestDelay {
			t.Errorf("told after %v", at)
		}
		if result, err := d.Answer(t.Context(), b.State().Prompt.ID, Approve("42")); err != nil || result.State != message.StateApproved {
			t.Fatalf("%+v, %v", result, err)
		}
		fake.ended <- message.StateApproved
		if result := <-answered; result.State != message.StateApproved {
			t.Errorf("%+v", result)
		}
		if !b.State().Done || b.State().CanShowNumber {
			t.Errorf("%+v", b.State())
		}
		synctest.Wait()
		if d.broker != nil || len(d.Prompts()) != 0 {
			t.Error("the sign-in is left")
		}
	})
}

func TestAChallengeThatOvertakesTheResponseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, b := signIn(t, phone, func(f *brokerFake) { f.early = true })
		if d.Inbox().Current != nil || b.State().Prompt != nil {
			t.Fatal("the request is there at once")
		}
		pass(RequestDelay)
		synctest.Wait()
		if !b.State().CanShowNumber {
			t.Errorf("%+v", b.State())
		}
	})
}

func TestALateChallengeAppearsWhenItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, b := signIn(t, phone, func(f *brokerFake) { f.late = 10 * time.Second })
		pass(9 * time.Second)
		synctest.Wait()
		if b.State().Prompt != nil {
			t.Fatal("a request without a challenge")
		}
		pass(time.Second)
		synctest.Wait()
		if !b.State().Covered {
			t.Error("it did not come")
		}
	})
}

func TestAnotherSessionsChallengeIsAnOrdinaryPrompt(t *testing.T) {
	for _, early := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d, _, b := signIn(t, phone, func(f *brokerFake) { f.session, f.early = message.NewID(), early })
			pass(3 * time.Second)
			synctest.Wait()
			if s := b.State(); s.Prompt != nil || s.CanShowNumber {
				t.Errorf("another's challenge came into the sign-in: %+v", s)
			}
			if d.Inbox().Current == nil {
				t.Error("the prompt is lost")
			}
		})
	}
}

func TestAnOrdinaryPushStaysOutOfTheSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f, b := signIn(t, phone, func(f *brokerFake) { f.late = time.Hour })
		f.v.ask()
		pass(3 * time.Second)
		synctest.Wait()
		if s := b.State(); s.Prompt != nil || s.CanShowNumber {
			t.Errorf("%+v", s)
		}
		if d.Inbox().Current == nil {
			t.Error("the prompt is lost")
		}
	})
}

func TestOnlyOnIOS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, platform := range message.Platforms() {
			if platform == message.PlatformIOS {
				continue
			}
			d := newDevice(t, message.About{Platform: platform, FormFactor: message.FormPhone, AppVersion: Version})
			if _, err := d.SignIn(t.Context(), "", "password"); !errors.Is(err, ErrNotIOS) {
				t.Errorf("%s: %v", platform, err)
			}
		}
	})
}

func TestARefusedSignInLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &brokerFake{err: ErrSignIn}
		d, _, account := enrolled(t, phone, func(c *Config) {
			c.Broker = func(string, []byte) (BrokerService, error) { return fake, nil }
		})
		for range 2 { // the second is not told that one is under way
			if _, err := d.SignIn(t.Context(), account.ID, "wrong"); !errors.Is(err, ErrSignIn) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestBrokerHTTP(t *testing.T) {
	var reply string
	status := http.StatusCreated
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/broker/v1/sessions" && r.URL.Path != "/broker/v1/sessions/abc" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(reply))
	}))
	defer server.Close()
	service, err := BrokerHTTP("ws"+strings.TrimPrefix(server.URL, "http")+"/relay", nil)
	if err != nil {
		t.Fatal(err)
	}
	reply = `{"id":"abc","number":"42","state":"pending","expires_at":"2026-11-22T05:00:00Z"}`
	s, err := service.Start(t.Context(), "zoe", "password")
	if err != nil || s.Number != "42" || s.ID != "abc" || s.Expires.IsZero() {
		t.Fatalf("%+v, %v", s, err)
	}
	status = http.StatusOK
	reply = `{"id":"abc","state":"denied","reason":"user","expires_at":"2026-11-22T05:00:00Z","decided_at":"2026-11-22T04:59:00Z"}`
	if s, err = service.Wait(t.Context(), "abc", time.Second); err != nil || s.State != message.StateDenied || s.Reason != message.ReasonUser {
		t.Errorf("%+v, %v", s, err)
	}
	for name, bad := range map[string]string{
		"an unknown member": `{"id":"abc","state":"pending","x":1}`, "another case": `{"ID":"abc","state":"pending"}`,
		"a member twice": `{"id":"abc","id":"abc","state":"pending"}`, "no JSON": `<html>`, "no state": `{"id":"abc"}`,
	} {
		reply = bad
		if _, err := service.Wait(t.Context(), "abc", time.Second); !errors.Is(err, ErrSignIn) {
			t.Errorf("%s: %v", name, err)
		}
	}
	status, reply = http.StatusUnauthorized, `{"type":"x","title":"The name or the password is wrong","status":401,"code":"wrong_password"}`
	if _, err := service.Start(t.Context(), "zoe", "x"); !errors.Is(err, ErrSignIn) || !strings.Contains(err.Error(), "password is wrong") {
		t.Errorf("%v", err)
	}
	if _, err := BrokerHTTP("ws://example.com/relay", nil); err == nil {
		t.Error("a password would travel in the open")
	}
}
