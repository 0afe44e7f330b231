package scenario

import (
	"log/slog"
	"path/filepath"
	"testing"
)

func TestScenarioFiles(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			scenarios, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			Run(t.Context(), scenarios, Options{Logger: slog.New(slog.DiscardHandler)}, func(r Result) {
				for _, failure := range r.Failures {
					t.Errorf("%s: %v", r.Scenario.Name, failure)
				}
				t.Logf("%s %s", r.Scenario.Name, r.Elapsed)
			})
		})
	}
}
