package web

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// passwordFresh is how long a verified password allows further tries at the
	// second factor; afterwards it is asked again.
	passwordFresh = 10 * time.Minute
	// approvalFresh is how recent an approval must be for a change of methods,
	// and how soon an approval must be taken up.
	approvalFresh = 5 * time.Minute

	// What one address may start by name alone: the challenges' own budgets
	// bound what a user sees, this bounds what is stored for names that nobody
	// has.
	namesEach    = 3 * time.Second
	namesBurst   = 20
	maxAddresses = 10_000
)

// addresses bounds requests by address.
type addresses struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]*rate.Limiter
}

func newAddresses(now func() time.Time) *addresses {
	return &addresses{now: now, by: map[string]*rate.Limiter{}}
}

// allow reports whether the address may go on, and else how long it must wait.
func (a *addresses) allow(address string) (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.by[address]
	if limiter == nil {
		a.forget()
		limiter = rate.NewLimiter(rate.Every(namesEach), namesBurst)
		a.by[address] = limiter
	}
	if limiter.AllowN(a.now(), 1) {
		return 0, true
	}
	return namesEach, false
}

// forget makes room: addresses that have their whole allowance back need no
// memory, and if too many are busy, some get theirs back early. It makes much
// room at once: looking at all of them for every new one would be the flood's
// own work done for it.
func (a *addresses) forget() {
	if len(a.by) < maxAddresses {
		return
	}
	now := a.now()
	for address, limiter := range a.by {
		if limiter.TokensAt(now) >= namesBurst {
			delete(a.by, address)
		}
	}
	for address := range a.by {
		if len(a.by) <= maxAddresses/2 {
			return
		}
		delete(a.by, address)
	}
}
