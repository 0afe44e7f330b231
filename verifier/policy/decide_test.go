package policy_test

import (
	"bufio"
	"bytes"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/verifier/policy"
)

// row is one line of the table of sign-in rules.
type row struct {
	ID     string         `json:"id"`
	Source string         `json:"source"`
	Why    string         `json:"why"`
	Input  jsontext.Value `json:"input"`
	Expect jsontext.Value `json:"expect"`
}

func readRows(t testing.TB, path string) []row {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%s, row %d: %v", path, len(rows)+1, err)
		}
		rows = append(rows, r)
	}
	return rows
}

// testRow compares the decision as it goes over the wire.
func testRow(t *testing.T, r row) {
	t.Helper()
	in, err := policy.ParseInput(r.Input)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(policy.Decide(in))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Expect.Compact(); err != nil {
		t.Fatal(err)
	}
	if string(got) != string(r.Expect) {
		t.Errorf("%s\n got %s\nwant %s", r.Why, got, r.Expect)
	}
}

func TestExperienceTable(t *testing.T) {
	rows := readRows(t, "testdata/experience.jsonl")
	if len(rows) != 75 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for _, r := range rows {
		t.Run(r.ID, func(t *testing.T) { testRow(t, r) })
	}
}

// TestDecisions holds the answers that the table leaves open: what is absent,
// what is malformed, and which rule goes first where two meet.
func TestDecisions(t *testing.T) {
	for _, r := range readRows(t, "testdata/decisions.jsonl") {
		t.Run(r.ID, func(t *testing.T) { testRow(t, r) })
	}
}
