package scenario

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ruleWords are a scenario's rules as people read them.
func (s *Scenario) ruleWords() string {
	if len(s.Rules) == 0 {
		return "no rule"
	}
	numbers := make([]string, len(s.Rules))
	for i, r := range s.Rules {
		numbers[i] = strconv.Itoa(int(r))
	}
	word := "rule "
	if len(numbers) > 1 {
		word = "rules "
	}
	return word + strings.Join(numbers, ", ")
}

// WriteText tells people how a scenario went: a line, and one for each
// expectation that was not met.
func (r Result) WriteText(w io.Writer) error {
	mark, lines := "✓", []string(nil)
	switch {
	case r.NotRun != nil:
		mark, lines = "–", []string{"not run here: " + r.NotRun.Error()}
	case len(r.Failures) > 0:
		mark = "✗"
		for _, f := range r.Failures {
			lines = append(lines, f.Error())
		}
	}
	_, err := fmt.Fprintf(w, "%s %s (%s, %d ms)\n", mark, r.Scenario.Name, r.Scenario.ruleWords(), r.Elapsed.Milliseconds())
	for _, line := range lines {
		if err == nil {
			_, err = fmt.Fprintf(w, "    %s\n", line)
		}
	}
	return err
}

// Summary is the last line for people; took is how long all of it lasted.
func Summary(results []Result, took time.Duration) string {
	passed, failed, skipped, _ := count(results)
	text := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if skipped > 0 {
		text += fmt.Sprintf(", %d not run here", skipped)
	}
	return fmt.Sprintf("%s (%.1f s)", text, took.Seconds())
}

// count counts results; spent is the time of all of them together.
func count(results []Result) (passed, failed, skipped int, spent time.Duration) {
	for _, r := range results {
		spent += r.Elapsed
		switch {
		case r.NotRun != nil:
			skipped++
		case len(r.Failures) > 0:
			failed++
		default:
			passed++
		}
	}
	return passed, failed, skipped, spent
}

// The elements of JUnit's XML, as the common CI systems read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"` // seconds
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the results as JUnit XML, a suite for each file.
func WriteJUnit(w io.Writer, results []Result) error {
	_, failed, skipped, took := count(results)
	doc := junitSuites{Name: "countersign scenarios", Tests: len(results), Failures: failed, Skipped: skipped, Time: seconds(took)}
	var paths []string
	byFile := map[string][]Result{}
	for _, r := range results {
		if !slices.Contains(paths, r.Scenario.Path) {
			paths = append(paths, r.Scenario.Path)
		}
		byFile[r.Scenario.Path] = append(byFile[r.Scenario.Path], r)
	}
	for _, path := range paths {
		_, failed, skipped, took := count(byFile[path])
		suite := junitSuite{Name: path, Tests: len(byFile[path]), Failures: failed, Skipped: skipped, Time: seconds(took)}
		for _, r := range byFile[path] {
			suite.Cases = append(suite.Cases, r.junit())
		}
		doc.Suites = append(doc.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r Result) junit() junitCase {
	c := junitCase{
		Name: r.Scenario.Name, Class: r.Scenario.ruleWords(), File: r.Scenario.Path, Line: int(r.Scenario.Line), Time: seconds(r.Elapsed),
	}
	if r.NotRun != nil {
		c.Skipped = &junitMessage{Message: r.NotRun.Error()}
	}
	if len(r.Failures) > 0 {
		var all []string
		for _, f := range r.Failures {
			all = append(all, f.Error())
		}
		c.Failure = &junitMessage{Message: all[0], Text: strings.Join(all, "\n")}
	}
	return c
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
