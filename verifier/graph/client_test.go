package graph_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/verifier/policy"
)

// installClient puts Microsoft's client, at the versions that testdata/client
// locks, below the project's build folder, and returns the script's path there.
func installClient(t *testing.T) (node, script string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test drives Microsoft's Graph client with Node.js 18 or later; `make deps` installs it: %v", err)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatalf("this test installs Microsoft's Graph client with npm; `make deps` installs it: %v", err)
	}
	folder, err := filepath.Abs(filepath.Join("..", "..", "build", "graph-client"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json", "client.mjs"} {
		want, err := os.ReadFile(filepath.Join("testdata", "client", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(folder, name)); err == nil && bytes.Equal(got, want) {
			continue
		}
		fresh = fresh && name == "client.mjs"
		if err := os.WriteFile(filepath.Join(folder, name), want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// npm writes this file last, so it tells a whole installation from a broken one.
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err != nil || !fresh {
		install := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = folder
		if output, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci in %s: %v\n%s", folder, err, output)
		}
	}
	return node, filepath.Join(folder, "client.mjs")
}

// TestMicrosoftsOwnClient speaks to the handler over TLS with the client that
// Microsoft publishes for Graph.
func TestMicrosoftsOwnClient(t *testing.T) {
	node, script := installClient(t)
	store := &memory{document: policy.Default()}
	server := httptest.NewTLSServer(newHandler(store, io.Discard))
	defer server.Close()
	certificate := filepath.Join(t.TempDir(), "server.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}

	client := exec.CommandContext(t.Context(), node, script, server.URL)
	client.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+certificate)
	client.Stdin = strings.NewReader(adminToken)
	client.WaitDelay = 10 * time.Second
	var problems bytes.Buffer
	client.Stderr = &problems
	output, err := client.Output()
	if err != nil {
		t.Fatalf("the client failed: %v\n%s", err, problems.Bytes())
	}
	checkClientSaw(t, output)
	if got := strings.Join(store.actors, " "); got != "zoe zoe zoe zoe" {
		t.Errorf("changed by %s", got)
	}
}

func checkClientSaw(t *testing.T, output []byte) {
	t.Helper()
	//nolint:misspell // the misspelling is the interface
	multiple := "Persistance of policy failed with error: You cannot enable multiple targets for feature 'Require Number Matching'. " +
		"Choose only one of the following includeTargets to enable: first,second."
	const number = "/featureSettings/numberMatchingRequiredState"
	for pointer, want := range map[string]string{
		"/initial/id":                           `"MicrosoftAuthenticator"`,
		"/initial" + number + "/state":          `"default"`,
		"/patched":                              `null`,
		"/afterLegacyPatch" + number + "/state": `"enabled"`,
		"/afterLegacyPatch/includeTargets/0/numberMatchingRequiredState":           `"enabled"`,
		"/afterRoundTrip/isSoftwareOathEnabled":                                    `false`,
		"/afterRoundTrip" + number + "/state":                                      `"enabled"`,
		"/afterRoundTrip/featureSettings/displayAppInformationRequiredState/state": `"disabled"`,
		"/afterRoundTrip/includeTargets/0/displayAppInformationRequiredState":      `"disabled"`,

		"/v1/includeTargets/0":               `{"targetType":"group","id":"all_users","isRegistrationRequired":false,"authenticationMode":"any"}`,
		"/v1" + number:                       ``,
		"/selected/state":                    `"enabled"`,
		"/selected/includeTargets":           ``,
		"/twoTargets/statusCode":             `400`,
		"/twoTargets/code":                   `"badRequest"`,
		"/twoTargets/message":                `"` + multiple + `"`,
		"/untyped/statusCode":                `400`,
		"/stranger/statusCode":               `401`,
		"/stranger/code":                     `"InvalidAuthenticationToken"`,
		"/deleted":                           `null`,
		"/afterDelete" + number + "/state":   `"default"`,
		"/afterDelete/isSoftwareOathEnabled": `true`,
	} {
		if got := find(t, output, pointer); got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
	if id := find(t, output, "/twoTargets/requestId"); len(id) != len(`"3fa85f64-5717-4562-b3fc-2c963f66afa6"`) {
		t.Errorf("the client found request id %s", id)
	}
}

// find returns the compact JSON at a pointer, empty where there is none.
func find(t *testing.T, document []byte, pointer string) string {
	t.Helper()
	value := jsontext.Value(document)
	for token := range jsontext.Pointer(pointer).Tokens() {
		var object map[string]jsontext.Value
		var list []jsontext.Value
		if index, err := strconv.Atoi(token); err == nil {
			if err := json.Unmarshal(value, &list); err != nil || index >= len(list) {
				t.Fatalf("%s: %v in %s", pointer, err, value)
			}
			value = list[index]
			continue
		}
		if err := json.Unmarshal(value, &object); err != nil {
			t.Fatalf("%s: %v in %s", pointer, err, value)
		}
		value = object[token]
	}
	return string(value)
}
