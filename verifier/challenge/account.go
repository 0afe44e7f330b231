package challenge

import (
	"slices"
	"time"

	"countersign/verifier/directory"
)

// Limits bound what may be asked of one user.
type Limits struct {
	Starts5m, Starts1h, Starts1d int
	// Backoff is the wait after the third, fourth, … unapproved start in a row;
	// its last value stays. Empty means none.
	Backoff []time.Duration
	// WrongNumbers in a row lock push, WrongCodes in a row lock TOTP.
	WrongNumbers, WrongCodes int
	// ReportBlock is how long "No, it's not me" blocks its source.
	ReportBlock time.Duration
	// PerAddress multiplies the start limits for one address's starts without a
	// first factor: many people may stand behind one.
	PerAddress int
}

// DefaultLimits are the design's.
func DefaultLimits() Limits {
	return Limits{
		Starts5m: 3, Starts1h: 10, Starts1d: 30,
		Backoff:      []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour},
		WrongNumbers: 5, WrongCodes: 20, ReportBlock: time.Hour, PerAddress: 10,
	}
}

// freeUnapproved starts go without back-off.
const freeUnapproved = 3

const (
	maxBlocks = 32 // blocked sources a user; the oldest gives way
	maxKnown  = 16 // sources that have approved sign-ins
)

// account is what is counted of one user. It survives restarts: an attacker
// who can make the server restart must gain no tries.
type account struct {
	Pending      string    `json:"pending,omitempty"`
	Push         budget    `json:"push,omitzero"` // starts after a verified first factor
	Open         budget    `json:"open,omitzero"` // starts by name alone
	WrongNumbers int       `json:"wrong_numbers,omitempty"`
	PushLocked   time.Time `json:"push_locked,omitzero"`
	WrongCodes   int       `json:"wrong_codes,omitempty"`
	TOTPLocked   time.Time `json:"totp_locked,omitzero"`
	Blocks       []block   `json:"blocks,omitempty"`
	Known        []string  `json:"known,omitempty"`
}

type block struct {
	Source string    `json:"source"`
	Until  time.Time `json:"until"`
}

// budget counts starts and the unapproved ones among the latest.
type budget struct {
	Starts     []starts  `json:"starts,omitempty"` // oldest first
	Unapproved int       `json:"unapproved,omitempty"`
	Last       time.Time `json:"last,omitzero"` // when the latest unapproved one was settled
}

// starts are so many starts up to a time, in seconds since 1970.
type starts struct {
	At    int64 `json:"t"`
	Count int   `json:"n"`
}

// maxStarts bounds the list. The design's limits need no more than 30; where
// an operator allows more, the oldest are counted together as if all had come
// with the last of them, which never lets more through.
const maxStarts = 64

// wait says how long a start must wait, zero if it may go on.
func (b budget) wait(l Limits, now time.Time) time.Duration {
	var wait time.Duration
	for _, limit := range []struct {
		starts int
		within time.Duration
	}{{l.Starts5m, 5 * time.Minute}, {l.Starts1h, time.Hour}, {l.Starts1d, 24 * time.Hour}} {
		// The limit-th latest start must leave the window before another may come.
		if at, ok := b.latest(limit.starts); ok {
			wait = max(wait, at.Add(limit.within).Sub(now))
		}
	}
	if over := b.Unapproved - freeUnapproved; over >= 0 && len(l.Backoff) > 0 {
		wait = max(wait, b.Last.Add(l.Backoff[min(over, len(l.Backoff)-1)]).Sub(now))
	}
	return max(wait, 0)
}

// latest is when the n-th latest start was, if there were so many.
func (b budget) latest(n int) (time.Time, bool) {
	for _, s := range slices.Backward(b.Starts) {
		if n -= s.Count; n <= 0 {
			return time.Unix(s.At, 0), true
		}
	}
	return time.Time{}, false
}

func (b *budget) start(now time.Time) {
	b.Starts = slices.DeleteFunc(b.Starts, func(s starts) bool { return now.Sub(time.Unix(s.At, 0)) > 24*time.Hour })
	b.Starts = append(b.Starts, starts{At: now.Unix(), Count: 1})
	if len(b.Starts) > maxStarts {
		b.Starts[1].Count += b.Starts[0].Count
		b.Starts = b.Starts[1:]
	}
}

func (b *budget) settled(approved bool, now time.Time) {
	if approved {
		b.Unapproved = 0
		return
	}
	b.Unapproved++
	b.Last = now
}

// times multiplies the limits for an address that many users share.
func (l Limits) times(n int) Limits {
	l.Starts5m, l.Starts1h, l.Starts1d, l.Backoff = l.Starts5m*n, l.Starts1h*n, l.Starts1d*n, nil
	return l
}

// blocked says for how long the source is blocked, zero if it is not.
func (a account) blocked(source string, now time.Time) time.Duration {
	network := directory.Network(source)
	for _, b := range a.Blocks {
		if directory.Network(b.Source) == network && b.Until.After(now) {
			return b.Until.Sub(now)
		}
	}
	return 0
}

func (a *account) block(source string, until, now time.Time) {
	a.Blocks = slices.DeleteFunc(a.Blocks, func(b block) bool { return b.Source == source || !b.Until.After(now) })
	a.Blocks = append(a.Blocks, block{Source: source, Until: until})
	if len(a.Blocks) > maxBlocks {
		a.Blocks = a.Blocks[1:]
	}
}

// learn remembers a source from which a sign-in was approved.
func (a *account) learn(source string) {
	a.Known = append(slices.DeleteFunc(a.Known, func(s string) bool { return s == source }), source)
	if len(a.Known) > maxKnown {
		a.Known = a.Known[1:]
	}
}

// isNew reports whether a source is new to a user who has others.
func (a account) isNew(source string) bool {
	return len(a.Known) > 0 && !slices.Contains(a.Known, source)
}
