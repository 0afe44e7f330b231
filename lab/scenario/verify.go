package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign/app"
	"countersign/verifier/store"
)

// mismatches gathers what differs from what was expected.
type mismatches []string

func (m *mismatches) add(what string, want, got any) {
	*m = append(*m, fmt.Sprintf("expected %s %v, got %v", what, want, got))
}

// word compares where something was expected.
func (m *mismatches) word(what, want, got string) {
	if want != "" && want != cmp.Or(got, none) {
		m.add(what, want, cmp.Or(got, none))
	}
}

// value compares where something was expected.
func value[T comparable](m *mismatches, what string, want *T, got T) {
	if want != nil && *want != got {
		m.add(what, quoted(*want), quoted(got))
	}
}

func quoted(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(v)
}

func (m mismatches) err() error {
	if len(m) == 0 {
		return nil
	}
	return errors.New(strings.Join(m, "; "))
}

// states compares a state with those allowed.
func (m *mismatches) states(what string, want []state, got, words string) {
	if len(want) > 0 && !slices.Contains(want, state(got)) {
		m.add(what, orList(want), words)
	}
}

func orList[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, " or ")
}

// compare tells how a sign-in that stands as v differs from what is wanted.
func (w *signInWant) compare(p *play, s *signIn, v view) error {
	var m mismatches
	code := none
	if s.refused != nil {
		code = s.refused.Code
	}
	if w.Refused == "" && s.refused != nil {
		return fmt.Errorf("expected the sign-in to go ahead, but it was %w", s.refused)
	}
	m.word("refusal", string(w.Refused), code)
	if s.refused != nil && w.RetryAfter != nil && s.refused.RetryAfter != time.Duration(*w.RetryAfter) {
		m.add("a wait of", time.Duration(*w.RetryAfter), s.refused.RetryAfter)
	}
	m.word("experience", string(w.Experience), v.Experience)
	m.states("state", w.State, v.State, v.words())
	m.word("reason", string(w.Reason), v.Reason)
	if is := visible(v.Number != ""); w.Number != "" && w.Number != is {
		m.add("the number", w.Number, is)
	}
	value(&m, "digits", w.Digits, len(v.Number))
	m.word("event", string(w.Event), s.event)
	if w.Device != "" {
		p.compareDevice(&m, w.Device, v)
	}
	return m.err()
}

func visible(is bool) shown {
	if is {
		return isShown
	}
	return isHidden
}

// compareDevice compares the device that settled a sign-in.
func (p *play) compareDevice(m *mismatches, want string, v view) {
	for name, d := range p.scenario.Given.Devices {
		if p.own == nil {
			break
		}
		if record, err := p.own.record(p.ctx, d.User, name); err == nil && string(record.ID) == v.Device {
			if name != want {
				m.add("the deciding device", want, name)
			}
			return
		}
	}
	if v.Device == "" || p.own != nil {
		m.add("the deciding device", want, cmp.Or(v.Device, none))
	}
}

func (e *signInExpect) verify(p *play) error {
	s, err := p.find(e.SignIn)
	if err != nil {
		return err
	}
	v, err := p.look(s)
	if err != nil {
		return err
	}
	if err := e.compare(p, s, v); err != nil {
		return fmt.Errorf("sign-in %q: %w", e.SignIn, err)
	}
	return nil
}

func (w *answerWant) compare(r app.Result) error {
	var m mismatches
	m.word("the device to be told", string(w.State), r.State)
	m.word("reason", string(w.Reason), r.Reason)
	return m.err()
}

func (w *enrolWant) compare(account app.Account, err error) error {
	var m mismatches
	word := none
	if err != nil {
		word = err.Error()
		for _, known := range enrolmentErrors() {
			if errors.Is(err, known.err) {
				word = string(known.word)
				break
			}
		}
	}
	m.word("the enrolment's refusal", string(w.Refused), word)
	if w.Refused == "" && w.Enrolled != nil && *w.Enrolled && err != nil {
		return fmt.Errorf("expected the device to be enrolled, but: %w", err)
	}
	value(&m, "enrolled", w.Enrolled, err == nil)
	value(&m, "codes from the same link", w.TOTP, err == nil && account.Code != nil)
	return m.err()
}

func (w *policyWant) compare(p *play, status int, msg string) error {
	var m mismatches
	value(&m, "status", w.Status, status)
	if w.Message != "" && p.message(w.Message) != msg {
		m.add("the message", quoted(p.message(w.Message)), quoted(msg))
	}
	return m.err()
}

// message puts ids where an expected message names users or groups: <sales>.
func (p *play) message(text string) string {
	if p.own == nil {
		return text
	}
	for _, name := range slices.Sorted(maps.Keys(p.own.ids)) {
		text = strings.ReplaceAll(text, "<"+name+">", p.own.ids[name])
	}
	return text
}

func (w *evaluateWant) compare(got evaluation) error {
	var m mismatches
	m.word("experience", string(w.Experience), got.Experience)
	m.word("reason", string(w.Reason), got.Reason)
	channel := none
	if got.Event != nil {
		channel = *got.Event
	}
	m.word("event", string(w.Event), channel)
	return m.err()
}

func (e *deviceExpect) verify(p *play) error {
	d := p.devices[e.Device]
	var m mismatches
	if e.For != "" {
		s, err := p.find(e.For)
		if err != nil {
			return err
		}
		if err := e.verifyPrompt(p, &m, d, s); err != nil {
			return err
		}
		e.verifyScreen(&m, s)
	}
	e.verifyDevice(&m, d)
	if err := m.err(); err != nil {
		return fmt.Errorf("device %s: %w", e.Device, err)
	}
	return nil
}

// verifyPrompt compares what the device asks its user for a sign-in, and what
// it was told of it in the end.
func (e *deviceExpect) verifyPrompt(p *play, m *mismatches, d *device, s *signIn) error {
	prompt, there := p.promptOf(d, s)
	open := there && prompt.State == app.PromptOpen
	if e.Prompt == isShown && !open && p.own == nil {
		// Elsewhere it may be on its way.
		var err error
		if prompt, err = p.awaitPrompt(d, s); err != nil {
			return err
		}
		there, open = true, true
	}
	if is := visible(open); e.Prompt != "" && e.Prompt != is {
		m.add("the request", e.Prompt, is)
		return nil
	}
	c := prompt.Challenge
	if asks := e.Mode != "" || e.Digits != nil || e.App != nil || e.Origin != nil || e.IP != nil || e.Location != nil; asks && !there {
		m.add("a request", "of the sign-in "+e.For, none)
		return nil
	}
	m.word("mode", string(e.Mode), c.Mode)
	value(m, "digits", e.Digits, c.Digits)
	for _, text := range []struct {
		what string
		want *string
		got  string
	}{{"app", e.App, c.App}, {"origin", e.Origin, c.Origin}, {"ip", e.IP, c.IP}, {"location", e.Location, c.Location}} {
		value(m, text.what, text.want, text.got)
	}
	e.verifyTold(p, m, d, s)
	return nil
}

func (e *deviceExpect) verifyTold(_ *play, m *mismatches, d *device, s *signIn) {
	if len(e.Told) == 0 && e.Reason == "" && e.Elsewhere == nil {
		return
	}
	id := s.view.ID
	if s.broker != nil {
		if request := s.broker.State().Prompt; request != nil {
			id = request.Challenge.ID
		}
	}
	result, _ := d.told(id)
	m.states("the device to be told", e.Told, result.State, cmp.Or(result.State, "nothing"))
	m.word("reason", string(e.Reason), result.Reason)
	value(m, "decided elsewhere", e.Elsewhere, result.Elsewhere)
}

// verifyScreen compares the sign-in screen on the device itself.
func (e *deviceExpect) verifyScreen(m *mismatches, s *signIn) {
	if e.Number == "" && e.ShowNumberAgain == "" {
		return
	}
	if s.broker == nil {
		m.add("a sign-in on the device", "", none)
		return
	}
	state := s.broker.State()
	if is := visible(state.Number != "" && !state.Covered && !state.Done); e.Number != "" && e.Number != is {
		m.add("the number", e.Number, is)
	}
	if is := visible(state.CanShowNumber); e.ShowNumberAgain != "" && e.ShowNumberAgain != is {
		m.add(`"Show me the number again"`, e.ShowNumberAgain, is)
	}
}

func (e *deviceExpect) verifyDevice(m *mismatches, d *device) {
	if e.Notice != "" {
		var notices []string
		for _, a := range d.Activity() {
			if a.Kind == app.ActivityNotice {
				notices = append(notices, a.Notice)
			}
		}
		if had := slices.Contains(notices, string(e.Notice)); e.Notice == none && len(notices) > 0 || e.Notice != none && !had {
			m.add("the notice", e.Notice, cmp.Or(strings.Join(notices, ", "), none))
		}
	}
	if len(e.Refusals) > 0 {
		got := d.refused()
		want := slices.Sorted(slices.Values(e.Refusals))
		if slices.Equal(want, []string{none}) {
			want = nil
		}
		if !slices.Equal(want, got) {
			m.add("refused messages", cmp.Or(strings.Join(want, ", "), none), cmp.Or(strings.Join(got, ", "), none))
		}
	}
	_, enrolled := d.account()
	value(m, "enrolled", e.Enrolled, enrolled)
}

func (e *userExpect) verify(p *play) error {
	var m mismatches
	id := p.own.ids[e.User]
	push, totp, err := p.own.verifier.Challenges.Locks(p.ctx, id)
	if err != nil {
		return fmt.Errorf("looking at the locks of %s: %w", e.User, err)
	}
	value(&m, "push locked", e.PushLocked, !push.IsZero())
	value(&m, "TOTP locked", e.TOTPLocked, !totp.IsZero())
	var devices int
	var codes bool
	err = p.own.store.View(p.ctx, func(tx store.Tx) error {
		all, err := p.own.verifier.Directory.Devices(tx, id)
		if err != nil {
			return err
		}
		devices = len(all)
		codes, err = p.own.verifier.Directory.HasTOTP(tx, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("looking at %s in the directory: %w", e.User, err)
	}
	value(&m, "devices", e.Devices, devices)
	value(&m, "TOTP registered", e.TOTP, codes)
	if err := m.err(); err != nil {
		return fmt.Errorf("user %s: %w", e.User, err)
	}
	return nil
}

func (e *countExpect) verify(p *play) error {
	got := 0
	var how []string
	for _, name := range e.Of {
		s, err := p.find(name)
		if err != nil {
			return err
		}
		v, err := p.look(s)
		if err != nil {
			return err
		}
		code, words := none, v.words()
		if s.refused != nil {
			code, words = s.refused.Code, s.refused.Code
		}
		if (e.Refused == "" || string(e.Refused) == code) && (len(e.State) == 0 || s.refused == nil && slices.Contains(e.State, state(v.State))) {
			got++
		}
		how = append(how, name+" "+words)
	}
	if got != e.Count {
		return fmt.Errorf("expected %d of the sign-ins to be %s, got %d: %s", e.Count,
			cmp.Or(orList(e.State), string(e.Refused)), got, strings.Join(how, ", "))
	}
	return nil
}
