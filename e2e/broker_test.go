package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"
	"time"
)

// front stands between an app and its server, and overhears the same-device
// sign-ins, whose numbers the app alone is told.
type front struct {
	url      string
	server   chan *url.URL
	sessions chan brokered
}

// brokered is a same-device sign-in.
type brokered struct {
	ID     string `json:"id"`
	Number string `json:"number"`
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{server: make(chan *url.URL, 1), sessions: make(chan brokered, 8)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to := <-f.server
			f.server <- to
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: f.overhear,
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	f.url = s.URL
	return f
}

func (f *front) overhear(r *http.Response) error {
	if r.Request.Method != http.MethodPost || r.Request.URL.Path != "/broker/v1/sessions" {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var session brokered
	if err := json.Unmarshal(body, &session); err != nil {
		return fmt.Errorf("a session: %w", err)
	}
	f.sessions <- session
	return nil
}

// TestSignInOnThisDevice: the request covers the number after two seconds, "Show
// me the number again" uncovers it for two, and what is typed on the way stays.
func TestSignInOnThisDevice(t *testing.T) {
	f := newFront(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	f.server <- &url.URL{Scheme: "http", Host: address}
	s := serve(t, "", "--public-url", f.url, "--listen", address)
	e := s.enrolment(demoUser)
	a := newHome(t, true).start(newScreen(t), "--platform", "ios", "--layout", "desktop", e.link)
	enrol(t, e, a)
	a.unsaid()
	a.write("contoso")
	a.settle()
	a.leads("the account", "Return")
	a.leads("the password's page", append(slices.Repeat([]string{"Tab"}, 6), "Return")...)
	a.write(s.password)
	a.keys("Return")
	var session brokered
	select {
	case session = <-f.sessions:
	case <-time.After(time.Minute):
		t.Fatal("no sign-in was started")
	}
	began := time.Now()
	a.prompted()
	if after := time.Since(began); after < 1900*time.Millisecond {
		t.Errorf("the request came after %s", after)
	}
	a.keys(session.Number[:1])
	a.settle()
	uncovered := time.Now()
	a.keys("Tab", "space") // to show the number again
	a.unprompted()
	a.prompted()
	if shown := time.Since(uncovered); shown < 1900*time.Millisecond {
		t.Errorf("the number was shown again for %s", shown)
	}
	a.settle()
	a.keys(session.Number[1:], "Return")
	a.unprompted()
	eventually(t, time.Minute, "the server has the outcome", func() error {
		reply, err := http.Get(f.url + "/broker/v1/sessions/" + session.ID)
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		body, err := io.ReadAll(reply.Body)
		if err == nil && member(t, string(body), "state") != "approved" {
			err = fmt.Errorf("it says %s", body)
		}
		return err
	})
}
