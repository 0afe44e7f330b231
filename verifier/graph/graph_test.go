package graph_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/verifier/graph"
	"countersign/verifier/policy"
)

const (
	adminToken = "admin-token"
	path       = "/beta/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/MicrosoftAuthenticator"
	v1Path     = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/MicrosoftAuthenticator"
	typed      = `"@odata.type":"#microsoft.graph.microsoftAuthenticatorAuthenticationMethodConfiguration"`
)

// memory is a Policies that keeps the document in memory.
type memory struct {
	mu       sync.Mutex
	document policy.Document
	actors   []string
	broken   error
}

func (m *memory) Load(context.Context) (policy.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.document, m.broken
}

func (m *memory) Update(_ context.Context, actor string, change func(policy.Document) (policy.Document, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	changed, err := change(m.document)
	if err != nil {
		return fmt.Errorf("updating: %w", err)
	}
	m.document, m.actors = changed, append(m.actors, actor)
	return nil
}

func authorize(_ context.Context, bearer string) (string, graph.Caller, error) {
	switch bearer {
	case adminToken:
		return "zoe", graph.Admin, nil
	case "client-key":
		return "vpn", graph.Client, nil
	case "unlucky":
		return "", graph.Nobody, errors.New("store is down")
	}
	return "", graph.Nobody, nil
}

func newHandler(store *memory, log io.Writer) http.Handler {
	return graph.New(graph.Config{
		Policies: store, Authorize: authorize, PublicURL: "https://verifier.example/",
		Now:    func() time.Time { return time.Date(2026, 5, 8, 9, 10, 11, 0, time.UTC) },
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
}

// call is one request; its zero value asks for the policy as an administrator.
type call struct {
	method, path string
	body         []byte
	header       map[string]string
}

func (c call) do(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
	}
	if c.path == "" {
		c.path = path
	}
	r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, bytes.NewReader(c.body))
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if c.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestEverySpellingOfThePathFindsThePolicy(t *testing.T) {
	h := newHandler(&memory{document: policy.Default()}, io.Discard)
	const configurations = "/authenticationMethodsPolicy/authenticationMethodConfigurations"
	for _, p := range []string{
		"/beta/policies" + configurations + "/MicrosoftAuthenticator",
		"/beta" + configurations + "/MicrosoftAuthenticator",
		"/v1.0/policies" + configurations + "/MicrosoftAuthenticator",
		"/v1.0" + configurations + "/MicrosoftAuthenticator",
		"/beta/policies" + configurations + "/microsoftauthenticator",
		"/beta/policies" + configurations + "/MICROSOFTAUTHENTICATOR/",
		"/beta/policies" + configurations + "('MicrosoftAuthenticator')",
		"/beta/policies" + configurations + "/('microsoftAuthenticator')",
		"/v1.0" + configurations + "(%27MicrosoftAuthenticator%27)",
		"/BETA/Policies/AuthenticationMethodsPolicy/AuthenticationMethodConfigurations/MicrosoftAuthenticator",
	} {
		t.Run(p, func(t *testing.T) {
			w := call{path: p}.do(t, h)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"id":"MicrosoftAuthenticator"`) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			version := "beta"
			if strings.HasPrefix(p, "/v1.0") {
				version = "v1.0"
			}
			if want := `"@odata.context":"https://verifier.example/` + version + `/$metadata#`; !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %s in %s", want, w.Body)
			}
			if got := strings.Contains(w.Body.String(), "numberMatchingRequiredState"); got != (version == "beta") {
				t.Errorf("%s shows %s", version, w.Body)
			}
		})
	}
}

func TestPatchStoresAndDeleteReverts(t *testing.T) {
	store := &memory{document: policy.Default()}
	h := newHandler(store, io.Discard)
	for _, c := range []call{
		{body: []byte(`{` + typed + `,"state":"disabled"}`)},
		{body: gzipped(t, []byte(`{`+typed+`,"isSoftwareOathEnabled":false}`)), header: map[string]string{"Content-Encoding": "gzip"}},
		{
			path:   v1Path,
			body:   []byte(`{` + typed + `,"excludeTargets":[{"targetType":"group","id":"sales"}]}`),
			header: map[string]string{"Content-Type": "application/json; charset=utf-8", "ConsistencyLevel": "eventual"},
		},
	} {
		c.method = http.MethodPatch
		if w := c.do(t, h); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	want := policy.Default()
	want.State, want.SoftwareOATH = policy.Disabled, false
	want.ExcludeTargets = []policy.Target{{Type: policy.TargetGroup, ID: "sales"}}
	if !reflect.DeepEqual(store.document, want) {
		t.Errorf("stored %+v\nwant %+v", store.document, want)
	}
	if w := (call{method: http.MethodDelete}).do(t, h); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if !reflect.DeepEqual(store.document, policy.Default()) {
		t.Errorf("after DELETE %+v", store.document)
	}
	if got := strings.Join(store.actors, " "); got != "zoe zoe zoe zoe" {
		t.Errorf("changed by %s", got)
	}
}

func TestSelect(t *testing.T) {
	h := newHandler(&memory{document: policy.Default()}, io.Discard)
	for query, want := range map[string]string{
		"?$select=state":                 `"state":"enabled"}`,
		"?%24select=id,%20state":         `"id":"MicrosoftAuthenticator","state":"enabled"}`,
		"?$select=*&custom=1":            `"includeTargets":[`,
		"?$select=id&$select=state":      `"id":"MicrosoftAuthenticator","state":"enabled"}`,
		"?$select=isSoftwareOathEnabled": `"isSoftwareOathEnabled":true}`,
	} {
		if w := (call{path: path + query}).do(t, h); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// errorAnswer is the body of every refusal.
type errorAnswer struct {
	Error struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		InnerError struct {
			Date            string `json:"date"`
			RequestID       string `json:"request-id"`
			ClientRequestID string `json:"client-request-id"`
		} `json:"innerError"`
	} `json:"error"`
}

func TestRefusals(t *testing.T) {
	bomb := gzipped(t, append([]byte(`{`+typed+`,"id":"`), bytes.Repeat([]byte("x"), 50<<20)...))
	two := `"includeTargets":[{"targetType":"group","id":"aede0efe-c1b4-40dc-8ae7-2c402f23e312","%[1]s":"enabled"},` +
		`{"targetType":"group","id":"aede0efe-c1b4-40dc-8ae7-2c402f23e317","%[1]s":"enabled"}]}`
	//nolint:misspell // the misspelling is the interface
	multiple := "Persistance of policy failed with error: You cannot enable multiple targets for feature '%s'. " +
		"Choose only one of the following includeTargets to enable: aede0efe-c1b4-40dc-8ae7-2c402f23e312,aede0efe-c1b4-40dc-8ae7-2c402f23e317."
	for name, test := range map[string]struct {
		call
		status        int
		code, message string
	}{
		"no bearer":          {call{header: map[string]string{"Authorization": ""}}, 401, "InvalidAuthenticationToken", "Access token is empty."},
		"another scheme":     {call{header: map[string]string{"Authorization": "Basic " + adminToken}}, 401, "InvalidAuthenticationToken", "Access token is empty."},
		"an unknown bearer":  {call{header: map[string]string{"Authorization": "Bearer x"}}, 401, "InvalidAuthenticationToken", "invalid or has expired"},
		"no bearer, no path": {call{path: "/beta/me", header: map[string]string{"Authorization": ""}}, 401, "InvalidAuthenticationToken", "Access token is empty."},
		"a client's key":     {call{header: map[string]string{"Authorization": "Bearer client-key"}}, 403, "Authorization_RequestDenied", "Insufficient privileges"},
		"a client's PATCH": {
			call{method: "PATCH", body: []byte(`{` + typed + `,"state":"disabled"}`), header: map[string]string{"Authorization": "Bearer client-key"}},
			403, "Authorization_RequestDenied", "Insufficient privileges",
		},
		"the authoriser fails":     {call{header: map[string]string{"Authorization": "Bearer unlucky"}}, 500, "generalException", "failed on the server"},
		"another resource":         {call{path: "/beta/me"}, 404, "ResourceNotFound", "Resource not found"},
		"another method's policy":  {call{path: strings.Replace(path, "MicrosoftAuthenticator", "Fido2", 1)}, 404, "ResourceNotFound", "'Fido2' does not exist"},
		"another version":          {call{path: strings.Replace(path, "beta", "v2.0", 1)}, 404, "ResourceNotFound", "Resource not found"},
		"another HTTP method":      {call{method: "PUT", body: []byte(`{}`)}, 405, "methodNotAllowed", "PUT"},
		"an unknown query option":  {call{path: path + "?$filter=x"}, 400, "badRequest", "'$filter' is not supported"},
		"an unknown $select":       {call{path: path + "?$select=password"}, 400, "badRequest", "property named 'password'"},
		"an empty $select":         {call{path: path + "?$select="}, 400, "badRequest", "property named ''"},
		"v1.0: a beta $select":     {call{path: v1Path + "?$select=numberMatching"}, 400, "badRequest", "'numberMatching'"},
		"a malformed query":        {call{path: path + "?%zz"}, 400, "badRequest", "query string is malformed"},
		"bytes that are no text":   {call{path: path + "?$%ff=1"}, 400, "badRequest", "is not supported"},
		"no body":                  {call{method: "PATCH"}, 400, "badRequest", "must be a JSON object"},
		"another content type":     {call{method: "PATCH", body: []byte(`state=disabled`), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, "unsupportedMediaType", "send application/json"},
		"another content encoding": {call{method: "PATCH", body: []byte(`{}`), header: map[string]string{"Content-Encoding": "br"}}, 415, "unsupportedMediaType", "send gzip or none"},
		"no gzip":                  {call{method: "PATCH", body: []byte(`{}`), header: map[string]string{"Content-Encoding": "gzip"}}, 400, "badRequest", "could not be read"},
		"half a gzip": {
			call{method: "PATCH", body: gzipped(t, []byte(`{`+typed+`}`))[:20], header: map[string]string{"Content-Encoding": "gzip"}},
			400, "badRequest", "could not be read",
		},
		"a gzip bomb":       {call{method: "PATCH", body: bomb, header: map[string]string{"Content-Encoding": "gzip"}}, 413, "requestEntityTooLarge", "longer than 65536 bytes"},
		"a huge body":       {call{method: "PATCH", body: bytes.Repeat([]byte(" "), policy.MaxDocumentBytes+1)}, 413, "requestEntityTooLarge", "longer than 65536 bytes"},
		"no @odata.type":    {call{method: "PATCH", body: []byte(`{"state":"disabled"}`)}, 400, "badRequest", "'@odata.type' is required"},
		"an unknown member": {call{method: "PATCH", body: []byte(`{` + typed + `,"state":"disabled","numberMatching":false}`)}, 400, "badRequest", `"numberMatching"`},
		"an unknown state":  {call{method: "PATCH", body: []byte(`{` + typed + `,"isSoftwareOathEnabled":false,"state":"off"}`)}, 400, "badRequest", `"state"`},
		"a wrong type":      {call{method: "PATCH", body: []byte(`{` + typed + `,"state":"disabled","isSoftwareOathEnabled":1}`)}, 400, "badRequest", `"isSoftwareOathEnabled"`},
		"v1.0: number matching": {
			call{method: "PATCH", path: v1Path, body: []byte(`{` + typed + `,"featureSettings":{"numberMatchingRequiredState":{"state":"disabled"}}}`)},
			400, "badRequest", "'featureSettings.numberMatchingRequiredState'",
		},
		"exactly: two targets for number matching": {
			call{method: "PATCH", body: []byte(`{` + typed + `,"state":"disabled",` + fmt.Sprintf(two, "numberMatchingRequiredState"))},
			400, "badRequest", fmt.Sprintf(multiple, "Require Number Matching"),
		},
		"exactly: two targets for the app's name": {
			call{method: "PATCH", body: []byte(`{` + typed + `,"state":"disabled",` + fmt.Sprintf(two, "displayAppInformationRequiredState"))},
			400, "badRequest", fmt.Sprintf(multiple, "Require Display App Information"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &memory{document: policy.Default()}
			w := test.do(t, newHandler(store, io.Discard))
			var answer errorAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &answer, json.RejectUnknownMembers(true)); err != nil {
				t.Fatalf("%d %s: %v", w.Code, w.Body, err)
			}
			if w.Code != test.status || answer.Error.Code != test.code || !strings.Contains(answer.Error.Message, test.message) {
				t.Errorf("got %d %s\nwant %d %s %q", w.Code, w.Body, test.status, test.code, test.message)
			}
			if strings.HasPrefix(name, "exactly: ") && answer.Error.Message != test.message {
				t.Errorf("got exactly %q\nwant %q", answer.Error.Message, test.message)
			}
			if inner := answer.Error.InnerError; inner.Date != "2026-05-08T09:10:11" ||
				inner.RequestID != w.Header().Get("request-id") || inner.ClientRequestID != inner.RequestID {
				t.Errorf("innerError %+v under request-id %q", inner, w.Header().Get("request-id"))
			}
			if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") || (w.Code == 405) != (w.Header().Get("Allow") != "") {
				t.Errorf("headers %v", w.Header())
			}
			if !reflect.DeepEqual(store.document, policy.Default()) {
				t.Errorf("stored %+v", store.document)
			}
		})
	}
}

func TestEveryAnswerBearsItsRequestIDs(t *testing.T) {
	h := newHandler(&memory{document: policy.Default()}, io.Discard)
	guid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for name, c := range map[string]call{
		"GET":    {},
		"PATCH":  {method: "PATCH", body: []byte(`{` + typed + `}`)},
		"DELETE": {method: "DELETE"},
		"error":  {path: "/beta/me"},
	} {
		for sent, want := range map[string]string{
			"": "", "3fa85f64-5717-4562-b3fc-2c963f66afa6": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
			"two words": "", strings.Repeat("x", 129): "",
		} {
			c.header = map[string]string{"client-request-id": sent}
			w := c.do(t, h)
			id := w.Header().Get("request-id")
			if !guid.MatchString(id) || seen[id] || w.Header().Get("client-request-id") != want {
				t.Errorf("%s with %q: headers %v", name, sent, w.Header())
			}
			if name == "error" && want != "" && !strings.Contains(w.Body.String(), `"client-request-id":"`+want+`"`) {
				t.Errorf("not in the error: %s", w.Body)
			}
			seen[id] = true
		}
	}
}

// What fails inside is told to the log, not to the caller.
func TestInnerFailuresStayInside(t *testing.T) {
	for _, c := range []call{{}, {method: "PATCH", body: []byte(`{` + typed + `}`)}, {method: "DELETE"}} {
		var log bytes.Buffer
		w := c.do(t, newHandler(&memory{broken: errors.New("disk is full at /secret")}, &log))
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s: %d %s", c.method, w.Code, w.Body)
		}
		if !strings.Contains(log.String(), "disk is full") || !strings.Contains(log.String(), w.Header().Get("request-id")) {
			t.Errorf("%s: logged %s", c.method, log.String())
		}
	}
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{`+typed+`,"state":"disabled"}`), false)
	f.Add([]byte(`{`+typed+`,"includeTargets":[{"targetType":"group","id":"all_users","numberMatchingRequiredState":"enabled"}]}`), false)
	f.Add(gzipped(f, []byte(`{`+typed+`,"featureSettings":{"displayAppInformationRequiredState":{"state":"disabled"}}}`)), true)
	f.Fuzz(func(t *testing.T, body []byte, zip bool) {
		store := &memory{document: policy.Default()}
		c := call{method: http.MethodPatch, body: body, header: map[string]string{"Content-Type": "application/json"}}
		if zip {
			c.header["Content-Encoding"] = "gzip"
		}
		w := c.do(t, newHandler(store, io.Discard))
		switch {
		case w.Code == http.StatusNoContent && w.Body.Len() == 0:
		case w.Code == http.StatusBadRequest || w.Code == http.StatusRequestEntityTooLarge:
			if !reflect.DeepEqual(store.document, policy.Default()) {
				t.Errorf("refused, and stored %+v", store.document)
			}
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
