package radius

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"
)

// session is a sign-in between its Access-Challenge and the next request.
type session struct {
	client    string // the client's id
	user      string // User-Name, octet for octet
	challenge string // its id
	asksCode  bool   // else it waits for the phone
	grant     grant  // what the first factor's server gave, for the Access-Accept
	expires   time.Time
}

// sessions are found by their State. They live in memory: after a restart their
// State is unknown, and the sign-in is refused.
type sessions struct {
	now func() time.Time
	max int

	mu      sync.Mutex
	byState map[string]session
}

func newSessions(now func() time.Time, most int) *sessions {
	return &sessions{now: now, max: most, byState: map[string]session{}}
}

// add keeps a session and gives its State: 192 random bits as text, since some
// clients take State for a C string. It is empty where there is no room.
func (s *sessions) add(one session) string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
	state := base64.RawURLEncoding.EncodeToString(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byState) >= s.max {
		s.forget()
		if len(s.byState) >= s.max {
			return ""
		}
	}
	s.byState[state] = one
	return state
}

// take gives the session of a State to its client and user, once. A State that
// another user sends is used up as well: somebody tries to sign in as one
// person with another's first factor.
func (s *sessions) take(state, client, user string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byState[state]
	if !ok || one.client != client {
		return session{}, false
	}
	delete(s.byState, state)
	return one, one.user == user && s.now().Before(one.expires)
}

func (s *sessions) forget() {
	for state, one := range s.byState {
		if !s.now().Before(one.expires) {
			delete(s.byState, state)
		}
	}
}
