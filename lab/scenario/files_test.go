package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	scenarioFolder = "../scenarios"
	page           = "../../docs/lab.md"
)

func projectFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(scenarioFolder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	return files
}

func mustLoad(t testing.TB, files ...string) []*Scenario {
	t.Helper()
	var all []*Scenario
	for _, file := range files {
		scenarios, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, scenarios...)
	}
	return all
}

func mustPass(t *testing.T, scenarios []*Scenario) {
	t.Helper()
	Run(t.Context(), scenarios, Options{}, func(r Result) {
		for _, failure := range r.Failures {
			t.Errorf("%s: %v", r.Scenario.Name, failure)
		}
		if !r.Passed() && len(r.Failures) == 0 {
			t.Errorf("%s was not run: %v", r.Scenario.Name, r.NotRun)
		}
	})
}

func TestTheProjectsScenariosHold(t *testing.T) { mustPass(t, mustLoad(t, projectFiles(t)...)) }

// TestEachRuleHasItsFile: rule-NN-….yaml, and in it a scenario that says so.
func TestEachRuleHasItsFile(t *testing.T) {
	for n := 1; n <= lastRule; n++ {
		files, err := filepath.Glob(filepath.Join(scenarioFolder, fmt.Sprintf("rule-%02d-*.yaml", n)))
		if err != nil || len(files) != 1 {
			t.Errorf("rule %d has the files %v", n, files)
			continue
		}
		for _, s := range mustLoad(t, files[0]) {
			if !slices.Contains(s.RuleNumbers(), n) {
				t.Errorf("%s:%d: the scenario is not of rule %d", s.Path, s.Line, n)
			}
		}
	}
}

var runnable = regexp.MustCompile("(?s)```yaml run\n(.*?)```")

// TestThePagesExamplesRun holds docs/lab.md: its examples pass, and fail as it
// says.
func TestThePagesExamplesRun(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	examples := runnable.FindAllSubmatch(text, -1)
	if len(examples) < 3 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	for _, example := range examples {
		scenarios, err := Parse("first.yaml", example[1])
		if err != nil {
			t.Fatal(err)
		}
		mustPass(t, scenarios)
	}
	first := string(examples[0][1])
	failing, err := Parse("first.yaml", []byte(strings.Replace(first, "right_number", "wrong_number", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Run(t.Context(), failing, Options{}, func(Result) {}) {
		if len(r.Failures) != 1 || !strings.Contains(string(text), "    "+r.Failures[0].Error()+"\n") {
			t.Errorf("the page does not show how its first example fails: %v", r.Failures)
		}
	}
	_, err = Parse("first.yaml", []byte(strings.Replace(first, "platform", "os", 1)))
	if err == nil || !strings.Contains(string(text), "\n"+err.Error()+"\n") {
		t.Errorf("the page does not show how a misspelt key is told: %v", err)
	}
}

// TestThePageNamesEveryWord keeps the reference complete.
func TestThePageNamesEveryWord(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, v := range verbs() {
		if !strings.Contains(text, "`"+v.word+": ") && !strings.Contains(text, "`"+v.word+"`") {
			t.Errorf("the page does not tell of the step %s", v.word)
		}
		mustName(t, text, v.make())
	}
	for _, v := range subjects() {
		mustName(t, text, v.make())
	}
	mustName(t, text, givenUser{}, givenDevice{}, givenClient{}, givenGroup{}, givenLimits{}, tenantChange{}, given{}, claims{}, signInContext{})
}
