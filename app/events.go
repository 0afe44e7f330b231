package app

import "sync"

// EventKind says what changed.
type EventKind string

// The kinds of event. They carry no content: a listener looks again.
const (
	AccountsChanged   EventKind = "accounts"   // the list, a name, an order, a secret that came or went
	InboxChanged      EventKind = "inbox"      // the current prompt, its state, or how many wait
	ActivityChanged   EventKind = "activity"   // an entry was added
	ConnectionChanged EventKind = "connection" // an account's relay came or went
	LockChanged       EventKind = "lock"       // locked, unlocked, set or removed
	SettingsChanged   EventKind = "settings"
	ClockChanged      EventKind = "clock" // the drift warning came or went
)

// Event tells a listener to look again.
type Event struct {
	Kind    EventKind
	Account string // its id, where the event is about one
}

// listeners hands events out. Its zero value works.
type listeners struct {
	mu   sync.Mutex
	next int
	all  map[int]func(Event)
}

// Listen calls f at every change until stop is called. f is called from the
// app's goroutines with no lock held; it must not block.
func (a *App) Listen(f func(Event)) (stop func()) {
	l := &a.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[int]func(Event){}
	}
	id := l.next
	l.next++
	l.all[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, id)
	}
}

func (a *App) emit(kind EventKind, account string) {
	l := &a.listeners
	l.mu.Lock()
	all := make([]func(Event), 0, len(l.all))
	for _, f := range l.all {
		all = append(all, f)
	}
	l.mu.Unlock()
	for _, f := range all {
		f(Event{Kind: kind, Account: account})
	}
}
