package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign/verifier/internal/fronttest"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sessions(s *fronttest.Service) *session.Sessions {
	return session.New(session.Config{Store: s.Store, Audit: s.Audit, Now: s.Clock.Now, HTTPS: true})
}

// request is one with the cookies of an answer.
func request(t *testing.T, w *httptest.ResponseRecorder) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "https://sign-in.contoso.example/", nil)
	if w != nil {
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
	}
	return r
}

func begin(t *testing.T, s *session.Sessions, next session.Session) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := s.Begin(w, request(t, nil), next); err != nil {
		t.Fatal(err)
	}
	return request(t, w)
}

func TestASessionSurvivesARestart(t *testing.T) {
	f := fronttest.New(t)
	r := begin(t, sessions(f), session.Session{User: "u", Stage: session.SignedIn})
	got, err := sessions(f).Current(r)
	if err != nil || got.User != "u" || got.Stage != session.SignedIn {
		t.Errorf("%+v %v", got, err)
	}
}

func TestOneProofIsTakenUpOnce(t *testing.T) {
	f := fronttest.New(t)
	s := sessions(f)
	r := begin(t, s, session.Session{User: "u", Stage: session.Password})
	from, err := s.Current(r)
	f.Check(err)
	const tries = 16
	results := make([]error, tries)
	var all sync.WaitGroup
	for i := range tries {
		all.Go(func() {
			_, results[i] = s.Advance(httptest.NewRecorder(), r, from, session.Session{User: "u", Stage: session.SignedIn})
		})
	}
	all.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, session.ErrNone):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d sessions of one proof", won)
	}
}

func TestAllOfAUsersSessionsEnd(t *testing.T) {
	f := fronttest.New(t)
	s := sessions(f)
	one, two := begin(t, s, session.Session{User: "u", Stage: session.SignedIn}), begin(t, s, session.Session{User: "u", Stage: session.Password})
	// "u" is how "uv" begins, and no other than it.
	other := begin(t, s, session.Session{User: "uv", Stage: session.SignedIn})
	f.Update(func(tx store.Tx) error { return s.EndAll(tx, "u") })
	for _, r := range []*http.Request{one, two} {
		if _, err := s.Current(r); !errors.Is(err, session.ErrNone) {
			t.Errorf("still there: %v", err)
		}
	}
	if _, err := s.Current(other); err != nil {
		t.Error(err)
	}
}

func TestAnEndedSessionCannotBeChanged(t *testing.T) {
	f := fronttest.New(t)
	s := sessions(f)
	r := begin(t, s, session.Session{User: "u", Stage: session.SignedIn})
	current, err := s.Current(r)
	f.Check(err)
	f.Check(s.End(httptest.NewRecorder(), r))
	if _, err := s.Change(t.Context(), current, func(*session.Session) {}); !errors.Is(err, session.ErrNone) {
		t.Errorf("%v", err)
	}
}

func TestOldSessionsAreForgotten(t *testing.T) {
	f := fronttest.New(t)
	s := sessions(f)
	for range 20 {
		begin(t, s, session.Session{Stage: session.Named})
	}
	f.Clock.Move(session.Lifetime)
	for range 60 {
		begin(t, s, session.Session{Stage: session.Named})
	}
	left := 0
	f.Check(f.Store.View(t.Context(), func(tx store.Tx) error {
		return store.NewBucket[session.Session]("web_session").Scan(tx, store.Range{}, func(_ string, old session.Session) error {
			if f.Clock.Now().Sub(old.SeenAt) > session.Idle {
				left++
			}
			return nil
		})
	}))
	if left > 5 {
		t.Errorf("%d old sessions are still there", left)
	}
}

func TestCookiesThatAreNoneAreNoError(t *testing.T) {
	f := fronttest.New(t)
	s := sessions(f)
	for _, value := range []string{"", "short", "not base64 !", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		r := request(t, nil)
		r.AddCookie(&http.Cookie{Name: session.CookieName, Value: value})
		if _, err := s.Current(r); !errors.Is(err, session.ErrNone) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestThePlainCookieIsForLoopbackAlone(t *testing.T) {
	f := fronttest.New(t)
	s := session.New(session.Config{Store: f.Store, Audit: f.Audit, Now: f.Clock.Now})
	for host, plain := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "[::1]:8080": true, "contoso.example": false, "10.0.0.1": false, "localhost.evil.example": false,
	} {
		r := request(t, nil)
		r.Host = host
		w := httptest.NewRecorder()
		if _, err := s.Begin(w, r, session.Session{Stage: session.Named}); err != nil {
			t.Fatal(err)
		}
		if c := w.Result().Cookies()[0]; c.Secure == plain || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s: %v", host, c)
		}
	}
	// A browser that has shown to take Secure cookies is given no other.
	r := request(t, nil)
	r.Host = "127.0.0.1:8080"
	w := httptest.NewRecorder()
	s.Probe(w, r)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	if _, err := s.Begin(w, r, session.Session{Stage: session.Named}); err != nil {
		t.Fatal(err)
	}
	if c := w.Result().Cookies()[0]; c.Name != session.CookieName || !c.Secure {
		t.Errorf("%v", c)
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	if (session.Session{}).Approved(now, time.Hour) {
		t.Error("who never approved has approved")
	}
	if s := (session.Session{ApprovedAt: now.Add(-time.Hour)}); !s.Approved(now, time.Hour) || s.Approved(now, time.Hour-1) {
		t.Error("the bound is off")
	}
	if s := (session.Session{ApprovedAt: now.Add(24 * time.Hour)}); s.Approved(now, time.Hour) {
		t.Error("an approval of tomorrow counts, after the clock was set back")
	}
}

func TestASessionIsSpentOnce(t *testing.T) {
	s := fronttest.New(t)
	all := sessions(s)
	current, err := all.Current(begin(t, all, session.Session{User: "zoe", Stage: session.Reset}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, session.ErrNone} {
		err := s.Store.Update(t.Context(), func(tx store.Tx) error { return all.Spend(tx, current) })
		if !errors.Is(err, want) {
			t.Errorf("time %d: %v, want %v", i+1, err, want)
		}
	}
}

func TestARenewedSessionIsTheOnlyOneAndAnother(t *testing.T) {
	f := fronttest.New(t)
	s := sessions(f)
	mine, thiefs := begin(t, s, session.Session{User: "u", Name: "zoe", Stage: session.SignedIn}), begin(t, s, session.Session{User: "u", Stage: session.SignedIn})
	current, err := s.Current(mine)
	f.Check(err)
	w := httptest.NewRecorder()
	f.Update(func(tx store.Tx) error {
		send, err := s.Renew(tx, current)
		if err == nil {
			send(w, mine)
		}
		return err
	})
	for _, r := range []*http.Request{mine, thiefs} {
		if _, err := s.Current(r); !errors.Is(err, session.ErrNone) {
			t.Errorf("still there: %v", err)
		}
	}
	renewed, err := s.Current(request(t, w))
	if err != nil || renewed.Name != "zoe" || renewed.Stage != session.SignedIn || !renewed.CreatedAt.Equal(current.CreatedAt) {
		t.Errorf("%+v %v", renewed, err)
	}
	// One that was ended meanwhile renews nothing.
	err = f.Store.Update(t.Context(), func(tx store.Tx) error {
		_, err := s.Renew(tx, current)
		return err
	})
	if !errors.Is(err, session.ErrNone) {
		t.Errorf("%v", err)
	}
}
