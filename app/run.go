package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrRunning says that Run was called twice.
var ErrRunning = errors.New("the app is running already")

// Run keeps the connections, and does what the clock asks for: prompts that
// expire, the idle lock, the clipboard. It returns when ctx has ended and all of
// its goroutines with it.
func (a *App) Run(ctx context.Context) error {
	if !a.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer a.running.Store(false)
	var work sync.WaitGroup
	defer work.Wait()
	defer a.stopLinks()
	a.purgeOld(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-a.poke:
		}
		a.reconcile(ctx, &work)
		a.backupIfDue(ctx, &work)
		if next := a.sweep(a.now()); next.IsZero() {
			timer.Stop()
		} else {
			// A laptop that slept has a timer that is late, so none is long.
			timer.Reset(min(max(0, next.Sub(a.now())), 15*time.Second))
		}
	}
}

// wake makes Run look again. It never blocks.
func (a *App) wake() {
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

// Wake resynchronises after the device slept or the app came to the front.
func (a *App) Wake() {
	a.mu.Lock()
	links := a.allLinks()
	a.mu.Unlock()
	for _, l := range links {
		if l.carrier != nil {
			l.carrier.Wake()
		}
		l.resync()
	}
	a.wake()
}

// allLinks needs mu.
func (a *App) allLinks() []*link {
	return slices.AppendSeq(slices.Collect(maps.Values(a.links)), maps.Values(a.renewals))
}

// sweep does what is due, and gives the time of what is due next (zero: nothing).
func (a *App) sweep(now time.Time) time.Time {
	var next time.Time
	for _, due := range []func(time.Time) time.Time{a.sweepPrompts, a.lockIdle, a.clearClipboard, a.nextBackup} {
		if at := due(now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// reconcile starts the connections that accounts and enrolments want, and stops
// the others.
func (a *App) reconcile(ctx context.Context, connections *sync.WaitGroup) {
	a.mu.Lock()
	for _, e := range a.index.Accounts {
		s := a.secrets[e.ID]
		if e.wantsLink() && s.push != nil && a.links[e.ID] == nil {
			a.links[e.ID] = newLink(a, e.ID, *s.push)
		}
		if e.wantsLink() && s.push != nil && s.push.next != nil && a.renewals[e.ID] == nil {
			a.renewals[e.ID] = newLink(a, e.ID, s.push.renewed())
			a.renewals[e.ID].fresh = true
		}
	}
	var start, stop []*link
	for _, l := range a.allLinks() {
		i := a.index.find(l.account)
		wanted := l.enrolment != nil || i >= 0 && a.index.Accounts[i].wantsLink()
		switch {
		case !wanted:
			delete(a.links, l.account)
			delete(a.renewals, l.account)
			stop = append(stop, l)
		case l.cancel == nil && l.err == nil:
			var lctx context.Context
			lctx, l.cancel = context.WithCancel(ctx)
			l.ctx = lctx
			start = append(start, l)
		}
	}
	a.mu.Unlock()
	for _, l := range stop {
		l.close()
	}
	for _, l := range start {
		connections.Go(l.run)
	}
}

// wantsLink tells whether prompts may come for the entry.
func (e entry) wantsLink() bool {
	return e.Push != nil && !e.Push.Revoked && e.Deleted.IsZero() && (e.Mark == markNone || e.Mark == markEnrolling)
}

func (a *App) stopLinks() {
	a.mu.Lock()
	links := a.allLinks()
	a.links, a.renewals = map[string]*link{}, map[string]*link{}
	a.mu.Unlock()
	for _, l := range links {
		l.close()
	}
}
