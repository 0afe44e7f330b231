package crash_test

import (
	"bufio"
	"errors"
	"io"
	"testing"

	"github.com/go-json-experiment/json"
)

// lines reads one JSON object a line.
type lines struct{ scanner *bufio.Scanner }

func newLines(r io.Reader) lines { return lines{bufio.NewScanner(r)} }

func (l lines) next(t *testing.T, into any) {
	t.Helper()
	if !l.scanner.Scan() {
		t.Fatalf("no further line: %v", l.scanner.Err())
	}
	if err := json.Unmarshal(l.scanner.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", l.scanner.Text(), err)
	}
}

// nextUnless is next, given up when the process that brings the line about has
// ended.
func (l lines) nextUnless(ended <-chan error, into any) error {
	line := make(chan error, 1)
	go func() {
		if !l.scanner.Scan() {
			line <- errors.Join(errors.New("no further line"), l.scanner.Err())
			return
		}
		line <- json.Unmarshal(l.scanner.Bytes(), into)
	}()
	select {
	case err := <-line:
		return err
	case err := <-ended:
		return errors.Join(errors.New("the device's process has ended"), err)
	}
}
