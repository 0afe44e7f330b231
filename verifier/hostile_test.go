package verifier_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/transport"
	"countersign/verifier"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/vault"
)

// hostile is a relay in the attacker's hands: it drops, repeats, swaps, flips,
// delays and replays whatever it is given, and lies about delivery. It has no
// keys but its own.
type hostile struct {
	t    *testing.T
	mu   sync.Mutex
	dice *rand.Rand
	live map[identity.Thumbprint]*hostileConn
	seen []parcel // everything that ever came, to replay
	held []parcel // delayed
}

type parcel struct {
	from, to identity.Thumbprint
	body     string
}

type hostileConn struct {
	mu   sync.Mutex
	conn *websocket.Conn
}

func (c *hostileConn) write(f transport.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.WriteMessage(websocket.TextMessage, f.Encode())
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = ws.Close() }()
	c := &hostileConn{conn: ws}
	c.write(transport.Hello{Nonce: transport.NewNonce(), Relay: "ws://" + r.Host + "/relay"})
	auth, ok := readFrame(ws).(transport.Auth)
	if !ok {
		return
	}
	who := signerOf(h.t, auth.Token)
	h.mu.Lock()
	h.live[who] = c
	h.mu.Unlock()
	c.write(transport.Ready{})
	for {
		send, ok := readFrame(ws).(transport.Send)
		if !ok {
			return
		}
		h.take(c, parcel{from: who, to: send.To, body: send.Body}, send.ID)
	}
}

func readFrame(ws *websocket.Conn) transport.Frame {
	_, b, err := ws.ReadMessage()
	if err != nil {
		return nil
	}
	f, _ := transport.Decode(b)
	return f
}

// take does something hostile, or for once the right thing.
func (h *hostile) take(c *hostileConn, p parcel, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.write(transport.Ack{ID: id, Delivered: h.dice.IntN(8) > 0})
	h.seen = append(h.seen, p)
	switch h.dice.IntN(10) {
	case 0: // drop
	case 1: // repeat
		for range 3 {
			h.deliver(p)
		}
	case 2: // swap: to anybody
		for to := range h.live {
			q := p
			q.to = to
			h.deliver(q)
		}
	case 3: // flip a bit
		b := []byte(p.body)
		b[h.dice.IntN(len(b))] ^= 1
		p.body = string(b)
		h.deliver(p)
	case 4: // delay
		h.held = append(h.held, p)
	case 5: // replay something old, under another name
		old := h.seen[h.dice.IntN(len(h.seen))]
		h.deliver(old)
		old.from = p.from
		h.deliver(old)
		h.deliver(p)
	default:
		h.deliver(p)
		for _, late := range h.held {
			h.deliver(late)
		}
		h.held = nil
	}
}

func (h *hostile) deliver(p parcel) {
	if to := h.live[p.to]; to != nil {
		to.write(transport.Receive{ID: transport.NewID(), From: p.from, Body: p.body})
	}
}

func TestAHostileRelayNeverGetsAnApproval(t *testing.T) {
	evil := &hostile{t: t, dice: rand.New(rand.NewPCG(1, 2)), live: map[identity.Thumbprint]*hostileConn{}}
	web := httptest.NewServer(evil)
	defer web.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	s, keys := behind(ctx, t, "ws://"+web.Listener.Addr().String()+"/relay", &ended)
	users := []*person{s.person(ctx, "zoe", keys, &ended), s.person(ctx, "yan", keys, &ended)}
	waitFor(t, func() bool {
		evil.mu.Lock()
		defer evil.mu.Unlock()
		return len(evil.live) == 3
	})
	approved := 0
	for round := range 90 {
		u := users[round%2]
		attack := round%3 == 0 // a sign-in that nobody sees: its number is typed nowhere
		c, err := s.v.Challenges.Start(ctx, challenge.Request{User: u.name, Client: s.web, TTL: time.Second})
		check(t, err)
		if !attack {
			u.sees(c)
		}
		got := s.get(c.ID, 60*time.Millisecond)
		if !got.Final() {
			got, err = s.v.Challenges.Cancel(ctx, s.web.ID, c.ID)
			check(t, err)
		}
		if got.State != challenge.Approved {
			continue
		}
		approved++
		if attack || !u.typed(c.ID) {
			t.Fatalf("round %d: approved without its user: %+v", round, got)
		}
	}
	if approved == 0 {
		t.Error("no sign-in came through at all, so nothing was tested")
	}
}

// behind runs a verifier whose relay is the given one.
func behind(ctx context.Context, t *testing.T, url string, ended *sync.WaitGroup) (*service, verifier.Keys) {
	t.Helper()
	s := &service{t: t, metrics: prometheus.NewRegistry(), tap: &tap{}}
	dir := t.TempDir()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "countersign.db"))
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	sealer, err := vault.Open(filepath.Join(dir, "key"))
	check(t, err)
	s.v, err = verifier.New(ctx, verifier.Config{
		Store: db, Vault: sealer, Relay: url, Limits: unlimited(), Now: time.Now,
		Logger: slog.New(slog.DiscardHandler), Metrics: s.metrics,
	})
	check(t, err)
	keys, err := verifier.LoadKeys(ctx, db, sealer)
	check(t, err)
	ended.Go(func() { check(t, s.v.Run(ctx)) })
	check(t, db.Update(ctx, func(tx store.Tx) (err error) {
		s.web, _, err = s.v.Directory.AddClient(tx, directory.NewClient{Name: "Contoso Web", Kind: policy.KindWeb})
		return err
	}))
	return s, keys
}

// person is a user with a device, who types the numbers of their own sign-ins
// and nothing else.
type person struct {
	name  string
	mu    sync.Mutex
	sight map[string]string // challenge → number on the screen
	typen map[string]bool
}

func (p *person) sees(c challenge.Challenge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sight[c.ID] = c.Number
}

func (p *person) typed(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.typen[id]
}

func (s *service) person(ctx context.Context, name string, keys verifier.Keys, ended *sync.WaitGroup) *person {
	s.t.Helper()
	p := &person{name: name, sight: map[string]string{}, typen: map[string]bool{}}
	d := &device{s: s, link: message.Link{Relay: "", Verifier: keys.Signing.Thumbprint(), Encryption: keys.Encryption.Public()}}
	var err error
	d.signing, err = identity.Generate()
	check(s.t, err)
	d.encryption, err = identity.Generate()
	check(s.t, err)
	check(s.t, s.v.Store.Update(ctx, func(tx store.Tx) error {
		u, err := s.v.Directory.CreateUser(tx, directory.User{Name: name})
		check(s.t, err)
		return s.v.Directory.AddDevice(tx, directory.Device{
			ID: d.signing.Thumbprint(), User: u.ID, Name: "phone", Signing: d.signing.Public(), Encryption: d.encryption.Public(),
			Platform: policy.Android, FormFactor: policy.Phone, AppVersion: message.MinAppVersion,
		})
	}))
	var relay string
	check(s.t, s.v.Store.View(ctx, func(tx store.Tx) error {
		link, err := s.v.Enrolments.Endpoint(tx)
		relay = link.Relay
		return err
	}))
	answers := make(chan message.Answer, 64)
	client, err := transport.NewClient(transport.Config{
		URL: relay, Key: d.signing, Role: transport.RoleDevice,
		Verifiers: func() []identity.Thumbprint { return []identity.Thumbprint{d.link.Verifier} },
		Receive: func(_ context.Context, _ identity.Thumbprint, body string) {
			m, _, err := message.Open(body, d.encryption, d.signing.Thumbprint(), time.Now(),
				trustVerifier(d.link.Verifier))
			if c, ok := m.(message.Challenge); err == nil && ok {
				p.prompt(d, c, answers)
			}
		},
	})
	check(s.t, err)
	ended.Go(func() { _ = client.Run(ctx) })
	ended.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case a := <-answers:
				sealed, err := message.Seal(a, d.signing, d.link.Encryption)
				check(s.t, err)
				short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				_, _ = client.Send(short, d.link.Verifier, sealed)
				cancel()
			}
		}
	})
	return p
}

// prompt is a person in front of a prompt: is this the sign-in that I see?
func (p *person) prompt(d *device, c message.Challenge, answers chan<- message.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number, mine := p.sight[c.ID]
	if !mine {
		return
	}
	p.typen[c.ID] = true
	select {
	case answers <- d.answer(c.ID, number):
	default:
	}
}
