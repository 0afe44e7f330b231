package app

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"countersign/crypto/envelope"
	"countersign/crypto/identity"
	"countersign/crypto/keyring"
	"countersign/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store that can fail.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	fail  error // of every write, while set
	after int   // writes that still pass before fail, where positive
}

func newMemory() *memory { return &memory{files: map[string][]byte{}} }

func (m *memory) Read(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data), nil
}

func (m *memory) Write(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if m.after == 0 {
			return m.fail
		}
		m.after--
	}
	m.files[name] = slices.Clone(data)
	return nil
}

func (m *memory) Remove(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := newMemory()
	for name, data := range m.files {
		out.files[name] = slices.Clone(data)
	}
	return out
}

// ring is a keyring that can fail, and that tells of each write.
type ring struct {
	*keyring.Memory
	mu    sync.Mutex
	fail  error
	onSet func(key string)
}

func newRing() *ring { return &ring{Memory: keyring.NewMemory()} }

func (r *ring) failing(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *ring) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fail
}

func (r *ring) Get(ctx context.Context, key string) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return r.Memory.Get(ctx, key)
}

func (r *ring) Set(ctx context.Context, key string, value []byte) error {
	if err := r.check(); err != nil {
		return err
	}
	if r.onSet != nil {
		r.onSet(key)
	}
	return r.Memory.Set(ctx, key, value)
}

// desktop records what the app does to the platform.
type desktop struct {
	mu     sync.Mutex
	notes  []Notification
	raised int
	clip   string
}

func (d *desktop) Notify(n Notification) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, n)
}

func (d *desktop) Raise() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.raised++
}

func (d *desktop) SetClipboard(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clip = text
}

func (d *desktop) Clipboard() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clip
}

// device is an App with everything around it that a test may look at.
type device struct {
	*App
	store   *memory
	ring    *ring
	desktop *desktop
	relay   *fakeRelay
	about   message.About
}

var phone = message.About{Platform: message.PlatformIOS, FormFactor: message.FormPhone, AppVersion: Version}

func newDevice(t *testing.T, about message.About, change ...func(*Config)) *device {
	t.Helper()
	d := &device{store: newMemory(), ring: newRing(), desktop: &desktop{}, relay: newFakeRelay(), about: about}
	d.boot(t, change...)
	return d
}

// boot makes the App anew over what is stored, as a start of the program does.
func (d *device) boot(t *testing.T, change ...func(*Config)) {
	t.Helper()
	cfg := Config{
		Store: d.store, Keyring: d.ring, Desktop: d.desktop, Device: d.about,
		Logger: slog.New(slog.DiscardHandler), Connect: d.relay.connect,
		KDF: keyring.KDF{Time: 1, MemoryKiB: 8, Threads: 1},
	}
	for _, f := range change {
		f(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.App = a
}

func (d *device) open(t *testing.T) {
	t.Helper()
	if err := d.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// start opens the app and runs it until stop is called.
func (d *device) start(t *testing.T) (stop func()) {
	t.Helper()
	d.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// fakeRelay carries between Apps and verifiers in this process.
type fakeRelay struct {
	mu        sync.Mutex
	down      bool
	refusal   error // why nobody connects, while it is down
	verifiers map[identity.Thumbprint]*fakeVerifier
	carriers  map[identity.Thumbprint]*fakeCarrier
	sent      []string // every body that a device sent
	received  []string // every body that a device was given
}

func newFakeRelay() *fakeRelay {
	return &fakeRelay{verifiers: map[identity.Thumbprint]*fakeVerifier{}, carriers: map[identity.Thumbprint]*fakeCarrier{}}
}

func (r *fakeRelay) connect(c Connection) (Carrier, error) {
	return &fakeCarrier{relay: r, c: c, in: make(chan delivery, 64), woken: make(chan struct{}, 1)}, nil
}

// deliver gives a body to a device, as any relay can.
func (r *fakeRelay) deliver(to, from identity.Thumbprint, body string) bool {
	r.mu.Lock()
	c := r.carriers[to]
	if c != nil {
		r.received = append(r.received, body)
	}
	r.mu.Unlock()
	if c == nil {
		return false
	}
	c.in <- delivery{from, body}
	return true
}

// setDown takes the relay away, or brings it back.
func (r *fakeRelay) setDown(down bool) { r.turn(down, nil) }

// refuse takes the relay away, for a reason.
func (r *fakeRelay) refuse(reason error) { r.turn(true, reason) }

func (r *fakeRelay) turn(down bool, refusal error) {
	r.mu.Lock()
	r.down, r.refusal = down, refusal
	carriers := make([]*fakeCarrier, 0, len(r.carriers))
	for _, c := range r.carriers {
		carriers = append(carriers, c)
	}
	r.mu.Unlock()
	for _, c := range carriers {
		c.c.State(!down, refusal)
	}
}

type delivery struct {
	from identity.Thumbprint
	body string
}

type fakeCarrier struct {
	relay *fakeRelay
	c     Connection
	in    chan delivery
	woken chan struct{}
}

var errDown = errors.New("no relay")

func (c *fakeCarrier) Run(ctx context.Context) error {
	id := c.c.Key.Thumbprint()
	c.relay.mu.Lock()
	c.relay.carriers[id] = c
	down, refusal := c.relay.down, c.relay.refusal
	c.relay.mu.Unlock()
	defer func() {
		c.relay.mu.Lock()
		delete(c.relay.carriers, id)
		c.relay.mu.Unlock()
	}()
	c.c.State(!down, refusal)
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-c.in:
			c.c.Receive(ctx, d.from, d.body)
		}
	}
}

func (c *fakeCarrier) Wake() {}

func (c *fakeCarrier) Send(_ context.Context, to identity.Thumbprint, body string) (bool, error) {
	c.relay.mu.Lock()
	v, down := c.relay.verifiers[to], c.relay.down
	c.relay.sent = append(c.relay.sent, body)
	c.relay.mu.Unlock()
	switch {
	case down:
		return false, errDown
	case v == nil:
		return false, nil
	}
	v.handle(c.c.Key.Thumbprint(), body)
	return true, nil
}

// fakeVerifier is an honest verifier of one user, with real keys and messages,
// that a test can make say anything.
type fakeVerifier struct {
	t          *testing.T
	relay      *fakeRelay
	signing    identity.PrivateKey
	encryption identity.PrivateKey
	link       message.Link

	mu        sync.Mutex
	mute      bool                                  // takes messages and says nothing
	refuse    string                                // the reason given to an Enrol
	totp      bool                                  // the link registers a TOTP secret too
	number    string                                // of the pending challenge
	pending   *message.Challenge                    // as sent
	outcomes  map[string]message.Outcome            // by challenge
	devices   map[identity.Thumbprint]message.Enrol // by signing key
	got       []message.Message                     // everything received
	bodies    map[string]int                        // answers, and how often each came
	mutate    func(*message.Challenge)              // changes enrolment challenges
	approving int                                   // answers that approved
	enrolment message.Challenge                     // the one that ended in an account
	lose      func(message.Message) bool            // what the relay swallows, after it said "delivered"
	rekeys    []string                              // the bodies that changed keys
}

func newVerifier(t *testing.T, r *fakeRelay) *fakeVerifier {
	t.Helper()
	v := &fakeVerifier{
		t: t, relay: r, signing: newKey(t), encryption: newKey(t), totp: true,
		outcomes: map[string]message.Outcome{}, devices: map[identity.Thumbprint]message.Enrol{}, bodies: map[string]int{},
	}
	v.link = message.Link{
		Relay: "wss://relay.contoso.example/relay", Verifier: v.id(), Encryption: v.encryption.Public(),
		ID: message.NewID(), Secret: []byte("0123456789abcdef0123456789abcdef"), Organisation: "Contoso",
	}
	r.mu.Lock()
	r.verifiers[v.id()] = v
	r.mu.Unlock()
	return v
}

// pass lets virtual time pass, and what it set off come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func newKey(t *testing.T) identity.PrivateKey {
	t.Helper()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (v *fakeVerifier) id() identity.Thumbprint { return v.signing.Thumbprint() }

// handle is the verifier's side of Send.
func (v *fakeVerifier) handle(from identity.Thumbprint, body string) {
	any := func(string, identity.PublicKey) error { return nil }
	m, signed, err := message.Open(body, v.encryption, v.id(), time.Now(), any)
	if err != nil {
		v.t.Errorf("the device sent what does not open: %v", err)
		return
	}
	if signed.Signer.Thumbprint() != from {
		v.t.Errorf("the device sent under another name than its own")
	}
	v.mu.Lock()
	v.got = append(v.got, m)
	mute := v.mute || v.lose != nil && v.lose(m)
	_, known := v.devices[from]
	v.mu.Unlock()
	if _, enrols := m.(message.Enrol); mute || !known && !enrols {
		return // an unknown key is refused in silence
	}
	switch m := m.(type) {
	case message.Enrol:
		v.enrol(m)
	case message.Answer:
		v.mu.Lock()
		v.bodies[body]++
		v.mu.Unlock()
		v.answer(m)
	case message.Sync:
		v.sync(m)
	case message.Rekey:
		v.rekey(m, body)
	}
}

// rekey puts other keys in the place of a device's, and tells all of them.
func (v *fakeVerifier) rekey(m message.Rekey, body string) {
	proof, err := envelope.Verify(m.Proof, envelope.Thumbprint(m.Signing.Thumbprint(), message.TypeRekeyProof))
	if err != nil || string(proof.Payload) != string(m.Issuer) {
		v.t.Errorf("the new key's proof: %q, %v", proof.Payload, err)
		return
	}
	fresh := m.Signing.Thumbprint()
	v.mu.Lock()
	device := v.devices[m.Issuer]
	device.Encryption = m.Encryption
	delete(v.devices, m.Issuer)
	v.devices[fresh] = device
	v.rekeys = append(v.rekeys, body)
	v.mu.Unlock()
	v.send(fresh, message.Notice{Claims: v.claims(fresh), Kind: message.NoticeDeviceRekeyed, Detail: device.Name})
}

func (v *fakeVerifier) enrol(m message.Enrol) {
	if !message.VerifyEnrolMAC(v.link.Secret, m) {
		v.t.Error("the device's MAC does not verify")
		return
	}
	v.mu.Lock()
	v.devices[m.Issuer] = m
	refuse, pending, mutate := v.refuse, v.pending, v.mutate
	v.mu.Unlock()
	if refuse != "" {
		v.send(m.Issuer, message.Outcome{Claims: v.claims(m.Issuer), Challenge: m.Enrolment, State: message.StateDenied, Reason: refuse})
		return
	}
	if pending == nil {
		c := v.challenge(m.Issuer, func(c *message.Challenge) {
			c.Scenario = message.ScenarioCombinedRegistration
			if mutate != nil {
				mutate(c)
			}
		})
		pending = &c
	}
	v.send(m.Issuer, *pending)
}

// challenge makes a challenge pending with the number 42.
func (v *fakeVerifier) challenge(to identity.Thumbprint, change ...func(*message.Challenge)) message.Challenge {
	c := message.Challenge{
		Claims: message.NewClaims(v.id(), to, time.Now(), time.Minute), Scenario: message.ScenarioMFA,
		Mode: message.ModeNumber, Digits: 2, App: "Payroll", IP: "203.0.113.7", MinAppVersion: message.MinAppVersion,
	}
	for _, f := range change {
		f(&c)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.number, v.pending = "42", &c
	return c
}

func (v *fakeVerifier) claims(to identity.Thumbprint) message.Claims {
	return message.NewClaims(v.id(), to, time.Now(), time.Minute)
}

func (v *fakeVerifier) answer(m message.Answer) {
	v.mu.Lock()
	out, settled := v.outcomes[m.Challenge]
	if !settled {
		if v.pending == nil || v.pending.ID != m.Challenge {
			v.mu.Unlock()
			return
		}
		out = v.judge(m)
		v.outcomes[m.Challenge] = out
		v.pending = nil
	}
	v.mu.Unlock()
	out.Claims = v.claims(m.Issuer)
	v.send(m.Issuer, out)
}

// judge needs mu.
func (v *fakeVerifier) judge(m message.Answer) message.Outcome {
	out := message.Outcome{Challenge: m.Challenge, State: message.StateDenied}
	switch {
	case m.FormFactor == message.FormWatch:
		out.Reason = message.ReasonWearable
	case m.Decision == message.DecisionDeny:
		out.Reason = message.ReasonUser
	case m.Decision == message.DecisionReport:
		out.Reason = message.ReasonReported
	case v.pending.UserVerification && !m.UserVerification:
		out.Reason = message.ReasonUserVerificationMissing
	case v.pending.Mode == message.ModeNumber && m.Number != v.number:
		out.Reason = message.ReasonNumberMismatch
	default:
		out.State = message.StateApproved
		v.approving++
		if v.pending.Scenario == message.ScenarioCombinedRegistration {
			v.enrolment = *v.pending
			out.Account = &message.Account{Organisation: "Contoso", User: "alex@contoso.example", TOTP: v.totp}
		}
	}
	return out
}

func (v *fakeVerifier) sync(m message.Sync) {
	v.mu.Lock()
	pending := v.pending
	var outs []message.Outcome
	for _, id := range m.Open {
		if out, ok := v.outcomes[id]; ok {
			outs = append(outs, out)
		}
	}
	v.mu.Unlock()
	if pending != nil {
		again := *pending
		again.Audience = m.Issuer
		v.send(m.Issuer, again)
	}
	if m.Devices {
		v.send(m.Issuer, message.Devices{Claims: v.claims(m.Issuer), List: []message.ListedDevice{
			{Name: "Alex's phone", Platform: message.PlatformIOS, FormFactor: message.FormPhone, EnrolledAt: time.Now().Unix(), This: true},
			{Name: "Old tablet", Platform: message.PlatformAndroid, FormFactor: message.FormTablet, EnrolledAt: 1, SeenAt: 2},
		}})
	}
	for _, out := range outs {
		out.Claims = v.claims(m.Issuer)
		v.send(m.Issuer, out)
	}
}

// send seals a message to a device and gives it to the relay.
func (v *fakeVerifier) send(to identity.Thumbprint, m message.Message) {
	body := v.seal(to, m)
	v.mu.Lock()
	relay, lost := v.relay, v.lose != nil && v.lose(m)
	v.mu.Unlock()
	if lost {
		return
	}
	relay.deliver(to, v.id(), body)
}

func (v *fakeVerifier) seal(to identity.Thumbprint, m message.Message) string {
	v.mu.Lock()
	encryption := v.devices[to].Encryption
	v.mu.Unlock()
	body, err := message.Seal(m, v.signing, encryption)
	if err != nil {
		v.t.Errorf("sealing a %s: %v", m.Type(), err)
	}
	return body
}

// ask sends a new challenge to the one device that the verifier knows.
func (v *fakeVerifier) ask(change ...func(*message.Challenge)) message.Challenge {
	to := v.device()
	c := v.challenge(to, change...)
	v.send(to, c)
	synctest.Wait()
	return c
}

func (v *fakeVerifier) device() identity.Thumbprint {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range v.devices {
		return id
	}
	v.t.Fatal("no device")
	return ""
}

func (v *fakeVerifier) setMute(mute bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mute = mute
}

func (v *fakeVerifier) approvals() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.approving
}

// answers counts the answers received, and the different bodies among them.
func (v *fakeVerifier) answers() (all, different int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.bodies {
		all += n
	}
	return all, len(v.bodies)
}

// enrolled gives a running device with one account of a verifier.
func enrolled(t *testing.T, about message.About, change ...func(*Config)) (*device, *fakeVerifier, Account) {
	t.Helper()
	d := newDevice(t, about, change...)
	stop := d.start(t)
	t.Cleanup(stop)
	v := newVerifier(t, d.relay)
	return d, v, enrolWith(t, d, v)
}

func enrolWith(t *testing.T, d *device, v *fakeVerifier) Account {
	t.Helper()
	e, err := d.Begin(v.link.String())
	if err != nil {
		t.Fatal(err)
	}
	wait := confirm(t, e)
	p := d.Inbox().Current
	if p == nil {
		t.Fatal("no prompt for the number")
	}
	if result, err := d.Answer(t.Context(), p.ID, Approve("42")); err != nil || result.State != message.StateApproved {
		t.Fatalf("answering the enrolment: %+v, %v", result, err)
	}
	account, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	d.Dismiss(p.ID)
	synctest.Wait()
	return account
}

// confirm runs Confirm beside the test.
func confirm(t *testing.T, e *Enrolment) (wait func() (Account, error)) {
	t.Helper()
	type end struct {
		account Account
		err     error
	}
	done := make(chan end, 1)
	ctx := t.Context()
	go func() {
		account, err := e.Confirm(ctx, "Alex's phone")
		done <- end{account, err}
	}()
	synctest.Wait()
	return func() (Account, error) {
		x := <-done
		return x.account, x.err
	}
}

// forge makes an envelope to a device by somebody who is not its verifier.
func forge(t *testing.T, signer identity.PrivateKey, to identity.PublicKey, m message.Message, typ string) string {
	t.Helper()
	body, err := message.Seal(m, signer, to)
	if err == nil && typ == m.Type() {
		return body
	}
	body, err = envelope.Seal(signer, to, typ, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// encode64 writes a migration's payload as its link carries it.
func encode64(payload string) string {
	return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(payload)))
}

func newFuzzDevice(f *testing.F) *App {
	f.Helper()
	a, err := New(Config{Store: newMemory(), Keyring: newRing(), Device: phone, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	return a
}
