package challenge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/rules"
	"countersign/verifier/store"
)

const experienceTOTP = policy.TOTP

// starting is one transaction's work on a new challenge.
type starting struct {
	record  record
	facts   rules.Facts
	asked   []directory.Device // those of the user's devices that may answer
	account account
	ended   []change // challenges that gave way to this one
	refusal *Refusal // what stood against it, where a decoy hides that
	byName  bool     // on a page that takes a name only
}

// Start begins a sign-in: policy decides what it asks, limits decide whether it
// may. It returns a *Refusal where they forbid it. A user who does not exist and
// one without a method get the same challenge, denied from the start, after the
// same work.
func (s *Service) Start(ctx context.Context, req Request) (Challenge, error) {
	if req.Decoy {
		// A request for a code would tell that the name has TOTP.
		req.Method = policy.MethodPush
	}
	var st starting
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		st, err = s.start(tx, req)
		return err
	})
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return Challenge{}, s.refuse(ctx, st.record, refusal)
	}
	if err != nil {
		return Challenge{}, err
	}
	if st.refusal != nil {
		s.refused.WithLabelValues(st.refusal.Code).Inc()
	}
	for _, c := range st.ended {
		s.tell(ctx, c)
	}
	s.started.WithLabelValues(string(st.record.Experience)).Inc()
	s.ask(st.record)
	return st.record.view(), nil
}

// refuse records a start that limits forbid, whose own transaction left nothing
// behind: starts that come in spite of a limit are what an attack looks like.
func (s *Service) refuse(ctx context.Context, r record, refusal *Refusal) error {
	s.refused.WithLabelValues(refusal.Code).Inc()
	err := s.Store.Update(ctx, func(tx store.Tx) error { return s.auditRefusal(tx, r, refusal.Code) })
	if err != nil {
		return fmt.Errorf("challenge: recording a refused start: %w", err)
	}
	return refusal
}

func (s *Service) auditRefusal(tx store.Tx, r record, reason string) error {
	return s.Audit.Append(tx, audit.Event{
		Kind: audit.KindChallengeRefused, User: cmp.Or(r.User, nobody), Client: r.Client, Source: r.Source,
		Scenario: string(r.Scenario), Experience: string(r.Experience), Reason: reason,
	})
}

// ask sends a stored challenge to its devices, each with its own sealed copy.
func (s *Service) ask(r record) {
	if r.State != Pending || r.halfway() {
		return
	}
	for _, to := range r.Asked {
		s.Post.Post(to.Encryption, to.Signing, r.message(s.Issuer, to.Signing))
	}
}

// AskAgain sends every pending challenge once more: for when messages could not
// reach the devices for a while. A device shows one prompt for a challenge
// however often it comes.
func (s *Service) AskAgain(ctx context.Context) error {
	var pending []record
	err := s.Store.View(ctx, func(tx store.Tx) error {
		pending = pending[:0]
		return pendings.Scan(tx, store.Range{Limit: askAgainMost}, func(id string, _ time.Time) error {
			r, err := get(tx, id)
			switch {
			case errors.Is(err, ErrUnknown):
				return nil
			case err == nil && s.Now().Before(r.ExpiresAt):
				pending = append(pending, r)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, r := range pending {
		s.ask(r)
	}
	return nil
}

// askAgainMost bounds what is asked again at once, to half of what the post
// holds. Who is not among them asks for it with the next Sync.
const askAgainMost = 2048

func (s *Service) start(tx store.Tx, req Request) (starting, error) {
	st, err := s.prepare(tx, req)
	if err != nil {
		return st, err
	}
	if st.needsSecond() {
		req.Method, st.record.Second = policy.MethodPush, true
	}
	decision := st.decide(req)
	st.record.Experience, st.record.Reason = decision.Experience, string(decision.Reason)
	if decision.Event != nil {
		st.record.Event = *decision.Event
	}
	err = s.admit(tx, &st)
	if reason := st.hidden(req, err); reason != "" {
		// The page must not tell; the log does, of every name alike: what is
		// written takes its time, too.
		err = s.auditRefusal(tx, st.record, reason)
		st.record.Experience = policy.None
	}
	if err != nil {
		return st, err
	}
	if st.record.Experience == policy.None {
		if err := st.deny(req.Decoy); err != nil {
			return st, err
		}
	}
	return st, s.keep(tx, &st)
}

// hidden says why a start is refused behind a decoy, or is empty where it is not.
func (st *starting) hidden(req Request, err error) string {
	switch {
	case !req.Decoy:
		return ""
	case errors.As(err, &st.refusal):
		return st.refusal.Code
	case err == nil && st.record.Experience == policy.None:
		return st.record.Reason
	}
	return ""
}

// prepare reads who is asked, and begins the record.
func (s *Service) prepare(tx store.Tx, req Request) (starting, error) {
	now := s.Now()
	ttl := req.TTL
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	st := starting{byName: req.Decoy, record: record{
		ID: message.NewIDAt(now), Client: req.Client.ID, ClientName: req.Client.Name, Scenario: req.Scenario, State: Pending,
		Context: req.Context, Source: source(req), CreatedAt: now, ExpiresAt: now.Add(min(ttl, message.Lifetime)), Broker: req.Broker,
	}}
	if st.record.Scenario == "" {
		st.record.Scenario = policy.ScenarioMFA
	}
	user, err := s.Directory.FindUser(tx, req.User)
	if errors.Is(err, directory.ErrUnknownUser) {
		// The same reads for a name that nobody has: the time tells nothing.
		user, err = directory.User{}, nil
	}
	if err != nil {
		return st, err
	}
	if st.facts, err = s.Rules.Of(tx, user); err != nil {
		return st, err
	}
	if st.account, err = accountOf(tx, user.ID); err != nil {
		return st, err
	}
	st.record.User = user.ID
	st.record.Verify = st.record.open()
	st.record.Open = st.record.open()
	return st, nil
}

// open tells the scenarios that start without a verified first factor. They
// require the device's own user verification instead.
func (r record) open() bool {
	return r.Scenario == policy.ScenarioPhoneSignIn || r.Scenario == policy.ScenarioSSPR
}

// source is what a report blocks and what is new or known: the address, or the
// client where it gives none.
func source(req Request) string {
	if req.Context.IP != "" {
		return req.Context.IP
	}
	return "client:" + req.Client.ID
}

// decide asks policy, and chooses mode, devices and what they are shown.
func (st *starting) decide(req Request) policy.Decision {
	r, in := &st.record, st.facts.Input
	in.Scenario, in.Method = r.Scenario, req.Method
	in.Client = req.Client.Policy()
	in.Client.RADIUSAuth = req.RADIUSAuth
	st.asked = st.facts.Devices
	if r.Scenario == policy.ScenarioBroker {
		// The same-device flow exists on iOS alone.
		st.asked = slices.DeleteFunc(slices.Clone(st.asked), func(d directory.Device) bool { return d.Platform != policy.IOS })
		in.Devices = nil
		for _, d := range st.asked {
			in.Devices = append(in.Devices, d.Policy())
		}
	}
	decision := policy.Decide(in)
	r.Shown = shown(req.Context, st.facts.Resolution)
	r.Mode, r.MinVersion = mode(decision.Experience), minVersion(in.Rollout, decision.Experience)
	st.asked = slices.DeleteFunc(slices.Clone(st.asked), func(d directory.Device) bool {
		return d.FormFactor == policy.Watch || message.VersionBefore(d.AppVersion, r.MinVersion)
	})
	return decision
}

// mode is empty for experiences that send no push.
func mode(e policy.Experience) string {
	switch e {
	case policy.NumberMatch, policy.PhoneSignIn:
		return message.ModeNumber
	case policy.ApproveDeny:
		return message.ModeApproveDeny
	default:
		return ""
	}
}

// minVersion is the oldest app that may answer: one that can match numbers,
// but in the preview an older one could still answer Approve/Deny.
func minVersion(rollout policy.Rollout, e policy.Experience) string {
	if rollout == policy.Preview && e == policy.ApproveDeny {
		return "0.0.0"
	}
	return message.MinAppVersion
}

// shown leaves out what the policy's display settings keep from the prompt.
func shown(c Context, r policy.Resolution) Context {
	if !r.DisplayApp {
		c.App, c.Origin = "", ""
	}
	if !r.DisplayLocation {
		c.IP, c.Location = "", ""
	}
	return c
}

// admit applies locks, blocks, the one pending challenge, and the limits.
func (s *Service) admit(tx store.Tx, st *starting) error {
	now, a, r := s.Now(), &st.account, &st.record
	switch r.Experience {
	case policy.None:
		return nil
	case policy.TOTP:
		// Push limits never stop a code.
		if !a.TOTPLocked.IsZero() {
			return &Refusal{Code: RefusedTOTP}
		}
		return nil
	default:
	}
	if !a.PushLocked.IsZero() {
		return &Refusal{Code: RefusedLocked}
	}
	if wait := a.blocked(r.Source, now); wait > 0 {
		return &Refusal{Code: RefusedBlocked, RetryAfter: wait}
	}
	if err := s.admitOnePending(tx, st); err != nil {
		return err
	}
	return s.admitBudget(tx, st)
}

// admitOnePending keeps to one pending push a user: two at once would let an
// attacker's ride on the user's own. The first stands, except that one started
// by name alone yields to a start after a right password: otherwise anybody who
// knows a name could keep its owner out.
func (s *Service) admitOnePending(tx store.Tx, st *starting) error {
	if st.account.Pending == "" {
		return nil
	}
	earlier, err := get(tx, st.account.Pending)
	if errors.Is(err, ErrUnknown) {
		st.account.Pending = ""
		return nil
	}
	if err != nil {
		return err
	}
	c := change{record: earlier, account: st.account}
	switch {
	case earlier.State != Pending:
		c.account.Pending = ""
	case !s.Now().Before(earlier.ExpiresAt):
		err = s.expire(tx, &c)
	case earlier.Open && !st.record.Open:
		err = s.settle(tx, &c, Cancelled, "")
	default:
		return &Refusal{Code: RefusedPending, RetryAfter: earlier.ExpiresAt.Sub(s.Now())}
	}
	if err == nil {
		err = c.write(tx)
	}
	st.account = c.account
	st.ended = append(st.ended, c)
	return err
}

func (s *Service) admitBudget(tx store.Tx, st *starting) error {
	now := s.Now()
	mine := &st.account.Push
	if st.record.Open {
		mine = &st.account.Open
		network := directory.Network(st.record.Source)
		shared, err := sources.Get(tx, network)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		limits := s.Limits.times(s.Limits.PerAddress)
		if wait := shared.wait(limits, now); wait > 0 {
			return &Refusal{Code: RefusedLimit, RetryAfter: wait}
		}
		shared.start(now)
		if err := sources.Put(tx, network, shared); err != nil {
			return err
		}
	}
	if wait := mine.wait(s.Limits, now); wait > 0 {
		return &Refusal{Code: RefusedLimit, RetryAfter: wait}
	}
	mine.start(now)
	return nil
}

// deny makes the record one that nobody can answer: denied at once for a client
// that may know why, pending with a number for a page that must not tell.
func (st *starting) deny(decoy bool) error {
	r := &st.record
	r.Mode, r.Asked = "", nil
	if !decoy {
		r.State, r.DecidedAt = Denied, r.CreatedAt
		return nil
	}
	r.User, r.Reason = "", string(policy.ReasonNumberMatchingRequired)
	r.Experience = policy.NumberMatch
	if r.Scenario == policy.ScenarioPhoneSignIn {
		r.Experience, r.Reason = policy.PhoneSignIn, string(policy.ReasonPartOfPhoneSignIn)
	}
	var err error
	r.Number, err = newNumber(st.facts.Settings.NumberDigits)
	return err
}

// keep draws the number and writes everything, before anyone is asked.
func (s *Service) keep(tx store.Tx, st *starting) error {
	r := &st.record
	// A page that takes a name only shows a number for every name: in the preview
	// a device that is asked to approve without one would else tell that the name
	// is somebody's.
	if r.State == Pending && (r.Mode == message.ModeNumber || st.byName && r.Mode != "") {
		var err error
		if r.Number, err = newNumber(st.facts.Settings.NumberDigits); err != nil {
			return err
		}
	}
	if r.Mode != "" {
		for _, d := range st.asked {
			r.Asked = append(r.Asked, recipient{Signing: d.ID, Encryption: d.Encryption})
		}
		r.NewSource = st.account.isNew(r.Source)
		st.account.Pending = r.ID
	}
	if err := challenges.Put(tx, r.ID, *r); err != nil {
		return err
	}
	if r.State == Pending {
		if err := st.keepPending(tx); err != nil {
			return err
		}
	}
	return s.Audit.Append(tx, audit.Event{
		Kind: audit.KindChallengeStarted, User: cmp.Or(r.User, nobody), Client: r.Client, Challenge: r.ID, Source: r.Source,
		Scenario: string(r.Scenario), Experience: string(r.Experience), State: string(r.State), Reason: r.Reason,
	})
}

// keepPending writes what a challenge that waits needs beside its record. For a
// decoy it writes as much, where nobody looks: the time must not tell.
func (st *starting) keepPending(tx store.Tx) error {
	return errors.Join(
		pendings.Put(tx, st.record.ID, st.record.ExpiresAt),
		accounts.Put(tx, cmp.Or(st.record.User, decoys), st.account),
	)
}

// decoys is whose challenges the decoys are. It is no user's id.
const decoys = "-decoys"

// EnrolmentRequest asks for the challenge that ends an enrolment.
type EnrolmentRequest struct {
	Enrolment string           // the enrolment's id
	Device    directory.Device // as it will be when it is approved
	App       string           // the organisation's name, for the prompt
	Number    bool             // false only in the preview
	Digits    int
	ExpiresAt time.Time // the link's end: the challenge does not outlive it
}

// StartEnrolment writes the challenge that asks a new device for the number on
// the enrolment's page. It counts as no start, and a wrong number ends the
// enrolment and counts nowhere else. The function returned sends it; it is
// called once the transaction is on disk.
func (s *Service) StartEnrolment(tx store.Tx, req EnrolmentRequest) (Challenge, func(), error) {
	now := s.Now()
	r := record{
		ID: message.NewIDAt(now), User: req.Device.User, Scenario: policy.ScenarioCombinedRegistration, State: Pending,
		Experience: policy.ApproveDeny, Mode: message.ModeApproveDeny, Enrolment: req.Enrolment, DeviceName: req.Device.Name,
		Context: Context{App: req.App}, Shown: Context{App: req.App}, MinVersion: message.MinAppVersion,
		CreatedAt: now, ExpiresAt: now.Add(message.Lifetime),
		Asked: []recipient{{Signing: req.Device.ID, Encryption: req.Device.Encryption}},
	}
	if req.ExpiresAt.Before(r.ExpiresAt) {
		r.ExpiresAt = req.ExpiresAt
	}
	if req.Number {
		var err error
		if r.Number, err = newNumber(req.Digits); err != nil {
			return Challenge{}, nil, err
		}
		r.Experience, r.Mode = policy.NumberMatch, message.ModeNumber
	}
	if err := challenges.Put(tx, r.ID, r); err != nil {
		return Challenge{}, nil, err
	}
	if err := pendings.Put(tx, r.ID, r.ExpiresAt); err != nil {
		return Challenge{}, nil, err
	}
	return r.view(), func() { s.ask(r) }, nil
}
