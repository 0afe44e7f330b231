package radius

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

// Two hundred people wait for their phones at once: each gets their own
// outcome, whoever answers first, and those who never answer a reject.
func TestTwoHundredPushesAtOnce(t *testing.T) {
	const people = 200
	mode := "none" // the gateway has checked the passwords: argon2id is not what is tried here
	r := newRig(t, Settings{Clients: map[string]ClientSettings{"client at 127.0.0.2": {Primary: &mode}}},
		clientAt("127.0.0.2", nps("1.2.2216.1", policy.OverrideFalse)))
	phones := make([]*verifiertest.Device, people)
	names := map[string]int{}
	for i := range phones {
		u := r.User(fmt.Sprintf("user%d", i))
		names[u.ID] = i
		phones[i] = r.Enrolled(u)
	}
	replies := make([]radius.Code, people)
	var group sync.WaitGroup
	for i := range people {
		c, raw := r.from("127.0.0.2"), r.signed(ask(fmt.Sprintf("user%d", i), "ignored"))
		c.send(raw)
		group.Go(func() {
			reply, _ := c.receive(raw)
			replies[i] = reply.Code
		})
	}
	asked := make([]challenge.Challenge, people)
	for range people {
		c := <-r.started
		asked[names[c.User]] = c
	}
	// A third approves in random order, a third denies, a third stays silent.
	for _, i := range rand.Perm(people) {
		switch i % 3 {
		case 0:
			r.check(phones[i].Send(phones[i].Answer(asked[i].ID, "")))
		case 1:
			r.check(phones[i].Send(phones[i].Answer(asked[i].ID, "", func(a *message.Answer) { a.Decision = message.DecisionDeny })))
		}
	}
	r.Clock.Move(challenge.DefaultTTL)
	for i := range people {
		_, err := r.Challenges.Get(t.Context(), asked[i].Client, asked[i].ID, 0)
		r.check(err)
	}
	group.Wait()
	for i, code := range replies {
		want := radius.CodeAccessReject
		if i%3 == 0 {
			want = radius.CodeAccessAccept
		}
		if code != want {
			t.Errorf("user %d got %s, want %s", i, code, want)
		}
	}
}

// Garbage costs neither memory nor goroutines, and leaves the server answering.
func TestGarbageIsBounded(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3", unsigned))
	r.person("zoe", false)
	conn := discard{}
	ctx := t.Context()
	before := memory()
	goroutines := runtime.NumGoroutine()
	for i := range 100_000 {
		packet := random(20 + i%300)
		from := netip.MustParseAddr([]string{"127.0.0.2", "127.0.0.3", "127.0.0.9"}[i%3])
		if i%2 == 0 { // looks right as far as a stranger can make it
			packet[0], packet[2], packet[3] = byte(radius.CodeAccessRequest), byte(len(packet)>>8), byte(len(packet))
		}
		if i%5 == 0 { // well-formed, and without a name: answered, and remembered
			p := &radius.Packet{Code: radius.CodeAccessRequest, Authenticator: [16]byte(random(16)), Secret: []byte(sharedSecret)}
			p.Add(rfc2865.NASIdentifier_Type, radius.Attribute(random(100)))
			raw, err := p.Encode()
			r.check(err)
			packet = raw
		}
		r.server.receive(ctx, conn, nil, from, packet)
	}
	for range maxRunning { // until the last request is answered
		r.server.slots <- struct{}{}
	}
	for range maxRunning {
		<-r.server.slots
	}
	r.server.replies.mu.Lock()
	n := r.server.replies.order.Len()
	r.server.replies.mu.Unlock()
	if n > maxReplies {
		t.Fatalf("%d requests are remembered, want %d at most", n, maxReplies)
	}
	if grown := memory() - before; grown > 32<<20 {
		t.Fatalf("the heap grew by %d MiB", grown>>20)
	}
	if n := runtime.NumGoroutine(); n > goroutines+10 {
		t.Fatalf("%d goroutines, %d before", n, goroutines)
	}
	shownNumber(t, r.from("127.0.0.2").exchange(ask("zoe", password)))
}

// memory is what the heap holds.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// discard is a socket that takes replies and forgets them.
type discard struct{ net.PacketConn }

func (discard) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

func TestRepliesAreBounded(t *testing.T) {
	clock := &verifiertest.Clock{}
	r := newReplies(clock.Now, 3)
	key := func(i byte) requestKey { return requestKey{identifier: i} }
	for i := range byte(3) {
		if v, _ := r.begin(key(i), []byte{i}); v != fresh {
			t.Fatalf("request %d: %v", i, v)
		}
	}
	if v, _ := r.begin(key(3), []byte{3}); v != full {
		t.Fatalf("with three being answered a fourth is %v, want full", v)
	}
	r.end(key(1), []byte("reply"))
	if v, _ := r.begin(key(3), []byte{3}); v != fresh {
		t.Fatalf("with one answered a fourth is %v, want fresh", v)
	}
	if v, _ := r.begin(key(0), []byte{0}); v != pending {
		t.Fatalf("the one that is being answered is %v, want pending", v)
	}
	r.end(key(0), []byte("reply"))
	clock.Move(replyFor)
	if v, _ := r.begin(key(0), []byte{0}); v != fresh {
		t.Fatalf("after %s a request is %v, want fresh", replyFor, v)
	}
}

func TestBegunRequestsAreForgotten(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"))
	count := func() int {
		n := 0
		r.check(r.Store.View(t.Context(), func(tx store.Tx) error {
			n = 0
			return begun.Scan(tx, store.Range{}, func(string, time.Time) error { n++; return nil })
		}))
		return n
	}
	for i := range begunBatch + 7 {
		first, err := r.server.begin(t.Context(), requestKey{authenticator: [16]byte{byte(i), byte(i >> 8)}})
		r.check(err)
		if !first {
			t.Fatal("a new request was known")
		}
	}
	r.check(r.server.sweepBegun(t.Context()))
	if n := count(); n != begunBatch+7 {
		t.Fatalf("%d are known, want %d", n, begunBatch+7)
	}
	r.Clock.Move(begunFor + 1)
	r.check(r.server.sweepBegun(t.Context()))
	if n := count(); n != 0 {
		t.Fatalf("%d are known, want none", n)
	}
}
