package rest

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestRetryAfterRoundsUp(t *testing.T) {
	for wait, want := range map[time.Duration]string{time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Hour: "3600"} {
		if got := RetrySeconds(wait); got != want {
			t.Errorf("%s: %s", wait, got)
		}
	}
}

func TestWhatCanBeNoIDIsTheEmptyOne(t *testing.T) {
	for id, want := range map[string]string{
		"abc-_123": "abc-_123", strings.Repeat("a", 64): strings.Repeat("a", 64), "é": "é",
		"": "", "a\x00b": "", "a\nb": "", "\xff": "", strings.Repeat("a", 65): "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.SetPathValue("id", id)
		if got := PathID(r); got != want {
			t.Errorf("%q is looked up as %q", id, got)
		}
	}
}

func TestAnInternalErrorShowsNothing(t *testing.T) {
	h := Serve(slog.New(slog.DiscardHandler), func(http.ResponseWriter, *http.Request) error { return errors.New("the disk of db-7 is full") })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "db-7") || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestExtensionsStandBesideTheMembers(t *testing.T) {
	w := httptest.NewRecorder()
	(&Problem{Status: 422, Code: "wrong_code", Title: "Wrong", Extensions: map[string]any{"state": "pending"}}).Write(w)
	want := `{"code":"wrong_code","state":"pending","status":422,"title":"Wrong","type":"urn:countersign:problem:wrong_code"}`
	if w.Body.String() != want {
		t.Error(w.Body)
	}
}

func TestWaitsAreBounded(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/?wait=24h", nil)
	if wait, err := Wait(r); err != nil || wait != MaxWait {
		t.Errorf("%s %v", wait, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"user":"zoe","ttl":60,"context":{"app":"x"},"list":["a"]}`, `{"User":"zoe"}`, `{"user":"a","user":"b"}`, `[]`, ``, `{"user":1e999}`,
		`{"ttl":1.5}`, `{"context":null}`, "{\"user\":\"\xff\"}", `{"user":"zoe"}x`,
	} {
		f.Add(seed)
	}
	type body struct {
		User    string `json:"user"`
		TTL     *int64 `json:"ttl"`
		Context *struct {
			App string `json:"app"`
		} `json:"context"`
		List []string `json:"list"`
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(text))
		var b body
		err := Decode(httptest.NewRecorder(), r, &b)
		var p *Problem
		if err != nil && (!errors.As(err, &p) || p.Status < 400 || p.Status > 499) {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && strings.Contains(text, `"User"`) && b.User == "" && b.Context == nil && b.List == nil {
			t.Errorf("%q was taken", text)
		}
	})
}

func FuzzWait(f *testing.F) {
	for _, seed := range []string{"25s", "", "-1s", "1h", "1s&wait=2s", "%zz", "9999999h", "0.1s", "+5s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL.RawQuery = "wait=" + text
		if wait, err := Wait(r); err == nil && (wait < 0 || wait > MaxWait) {
			t.Errorf("%q: %s", text, wait)
		}
	})
}

// timed is an answer that remembers its connection's deadline.
type timed struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error { w.read = t; return nil }

func TestABodyThatDoesNotArriveHoldsNoConnection(t *testing.T) {
	for name, c := range map[string]struct {
		body  io.Reader
		stays bool
	}{
		"it arrived":         {strings.NewReader("{}"), false},
		"it stopped halfway": {iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{}"))), true},
		"it is too long":     {strings.NewReader("12345678901"), true},
	} {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		_, err := Body(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", c.body), 10)
		if (err != nil) != c.stays || w.read.IsZero() == c.stays {
			t.Errorf("%s: %v, the deadline is %v", name, err, w.read)
		}
	}
}
