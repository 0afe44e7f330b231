package radius

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/events"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sharedSecret = "a shared secret of more than 16"
	password     = "correct horse battery"
)

// totpSecret is the one of every user that has a TOTP secret here.
func totpSecret() []byte { return []byte("12345678901234567890") }

// rig is a verifier with a RADIUS server on loopback.
type rig struct {
	*testing.T
	*verifiertest.Fixture
	server  *Server
	addr    string
	events  string // path
	log     *bytes.Buffer
	started chan challenge.Challenge // every challenge that the server starts
	stop    func()
}

// spy tells of starts.
type spy struct {
	Challenges
	started chan challenge.Challenge
}

func (s spy) Start(ctx context.Context, req challenge.Request) (challenge.Challenge, error) {
	c, err := s.Challenges.Start(ctx, req)
	if err == nil {
		s.started <- c
	}
	return c, err
}

// clientAt is a RADIUS client of our own kind on an address of loopback,
// changed by edit.
func clientAt(address string, edit ...func(*directory.NewClient)) directory.NewClient {
	c := directory.NewClient{
		Name: "client at " + address, Kind: policy.KindRADIUS, RADIUSSecret: []byte(sharedSecret),
		RADIUS: &directory.RADIUSClient{Address: netip.MustParseAddr(address), RequireMessageAuthenticator: true},
	}
	for _, e := range edit {
		e(&c)
	}
	return c
}

func nps(version string, override policy.Override) func(*directory.NewClient) {
	return func(c *directory.NewClient) {
		c.Kind, c.RADIUS.NPSVersion, c.RADIUS.Override = policy.KindNPS, version, override
	}
}

func noPrompt(c *directory.NewClient) { c.RADIUS.NoPrompt = true }

func unsigned(c *directory.NewClient) { c.RADIUS.RequireMessageAuthenticator = false }

// newRig makes a verifier with user zoe, whose first factor is password, and
// serves clients.
func newRig(t *testing.T, settings Settings, clients ...directory.NewClient) *rig {
	t.Helper()
	r := &rig{T: t, Fixture: verifiertest.New(t), started: make(chan challenge.Challenge, 512), log: &bytes.Buffer{}}
	r.Update(func(tx store.Tx) error {
		for _, c := range clients {
			if _, _, err := r.Directory.AddClient(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	r.serve(settings)
	return r
}

// serve starts a server, in place of the one before.
func (r *rig) serve(settings Settings) {
	r.Helper()
	if r.stop != nil {
		r.stop()
	}
	r.events = filepath.Join(r.TempDir(), "events.ndjson")
	log, err := events.Open(r.events)
	r.check(err)
	r.server, err = New(Config{
		Store: r.Store, Directory: r.Directory, Challenges: spy{r.Challenges, r.started}, Rules: r.Rules, Audit: r.Audit, Events: log,
		Settings: settings, Now: r.Clock.Now, Logger: slog.New(slog.NewTextHandler(r.log, nil)), Metrics: prometheus.NewRegistry(),
	})
	r.check(err)
	conn, err := (&net.ListenConfig{}).ListenPacket(r.Context(), "udp", "127.0.0.1:0")
	r.check(err)
	r.addr = conn.LocalAddr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx, conn) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		r.check(errors.Join(<-done, log.Close()))
	}
	r.Cleanup(r.stop)
}

func (r *rig) check(err error) {
	if err != nil {
		r.Helper()
		r.Fatal(err)
	}
}

// person adds a user with a password, a device and, with totp, a TOTP secret.
func (r *rig) person(name string, totp bool) *verifiertest.Device {
	r.Helper()
	u := r.passworded(name, totp)
	return r.Enrolled(u)
}

// passworded adds a user without a device.
func (r *rig) passworded(name string, totp bool) directory.User {
	r.Helper()
	u := r.User(name)
	r.Update(func(tx store.Tx) error {
		if totp {
			if err := r.Directory.RegisterTOTP(tx, u.ID, totpSecret()); err != nil {
				return err
			}
		}
		return r.Directory.SetPassword(tx, u.ID, password)
	})
	return u
}

// code is the users' TOTP code of now.
func (r *rig) code() string {
	r.Helper()
	key := otp.NewTOTP("", "")
	key.Secret = otp.Secret(totpSecret())
	code, err := key.Code(r.Clock.Now())
	r.check(err)
	return code
}

// approve answers the challenge that was started last as its device would.
func (r *rig) approve(d *verifiertest.Device, number string) {
	r.Helper()
	asked, ok := verifiertest.Last[message.Challenge](d)
	if !ok {
		r.Fatal("the device was not asked")
	}
	r.check(d.Send(d.Answer(asked.ID, number)))
}

// eventLog is what the event log holds.
func (r *rig) eventLog() []events.Event {
	r.Helper()
	raw, err := os.ReadFile(r.events)
	r.check(err)
	var all []events.Event
	for line := range strings.Lines(string(raw)) {
		var e events.Event
		r.check(json.Unmarshal([]byte(line), &e))
		all = append(all, e)
	}
	return all
}

// caller is a RADIUS client.
type caller struct {
	*rig
	conn net.Conn
}

// from opens a socket on an address of loopback.
func (r *rig) from(address string) *caller {
	r.Helper()
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.DialContext(r.Context(), "udp", r.addr)
	r.check(err)
	r.Cleanup(func() { _ = conn.Close() })
	return &caller{r, conn}
}

// ask is an Access-Request over PAP, changed by edit.
func ask(user, password string, edit ...func(*radius.Packet)) *radius.Packet {
	p := radius.New(radius.CodeAccessRequest, []byte(sharedSecret))
	p.Add(rfc2865.UserName_Type, radius.Attribute(user))
	sealed, err := radius.NewUserPassword([]byte(password), p.Secret, p.Authenticator[:])
	if err != nil {
		panic(err)
	}
	p.Add(rfc2865.UserPassword_Type, sealed)
	for _, e := range edit {
		e(p)
	}
	return p
}

// with adds an attribute.
func with(t radius.Type, value string) func(*radius.Packet) {
	return func(p *radius.Packet) { p.Add(t, radius.Attribute(value)) }
}

// signed is the packet's octets with a Message-Authenticator.
func (r *rig) signed(p *radius.Packet) []byte {
	r.Helper()
	raw, err := sign(p)
	r.check(err)
	return raw
}

func (c *caller) send(raw []byte) {
	c.Helper()
	_, err := c.conn.Write(raw)
	c.check(err)
}

// receive reads a reply to a request and checks what holds for all of them.
func (c *caller) receive(request []byte) (*radius.Packet, []byte) {
	c.Helper()
	c.check(c.conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
	buffer := make([]byte, radius.MaxPacketLength)
	n, err := c.conn.Read(buffer)
	c.check(err)
	raw := buffer[:n]
	if raw[1] != request[1] || !radius.IsAuthenticResponse(raw, request, []byte(sharedSecret)) {
		c.Fatalf("the reply does not belong to the request: %x", raw)
	}
	if raw[20] != byte(rfc2869.MessageAuthenticator_Type) {
		c.Fatalf("the reply's first attribute is %d, not Message-Authenticator", raw[20])
	}
	if signed, err := verify(raw, request[4:20], []byte(sharedSecret)); err != nil || !signed {
		c.Fatalf("the reply's Message-Authenticator: %v, %v", signed, err)
	}
	p, err := radius.Parse(raw, []byte(sharedSecret))
	c.check(err)
	return p, raw
}

// exchange sends a signed request and gives its reply.
func (c *caller) exchange(p *radius.Packet) *radius.Packet {
	c.Helper()
	raw := c.signed(p)
	c.send(raw)
	reply, _ := c.receive(raw)
	return reply
}

// silence checks that nothing came back for what was sent: packets are taken in
// order, so the reply to a Status-Server comes after any other.
func (c *caller) silence() {
	c.Helper()
	p := radius.New(radius.CodeStatusServer, []byte(sharedSecret))
	if reply := c.exchange(p); reply.Code != radius.CodeAccessAccept {
		c.Fatalf("Status-Server got %s", reply.Code)
	}
}

func wantCode(t *testing.T, p *radius.Packet, want radius.Code) {
	t.Helper()
	if p.Code != want {
		t.Fatalf("got %s %q, want %s", p.Code, p.Get(rfc2865.ReplyMessage_Type), want)
	}
}

// shownNumber is the number in a prompt.
func shownNumber(t *testing.T, p *radius.Packet) string {
	t.Helper()
	wantCode(t, p, radius.CodeAccessChallenge)
	text := string(p.Get(rfc2865.ReplyMessage_Type))
	number, found := strings.CutPrefix(text, "Enter ")
	number, rest := number[:2], number[2:]
	if !found || rest != " in your authenticator app, then press Enter" {
		t.Fatalf("the prompt is %q", text)
	}
	return number
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
