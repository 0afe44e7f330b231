// Package events writes the event log of the RADIUS front end: JSON lines under
// the channel names of Microsoft's NPS extension, so that what an operator
// looks for there is found here.
//
// It is for reading by people and log collectors, and bounded: at MaxSize the
// file becomes FILE.1, over the one before. What must never be lost stands in
// the audit log, too.
package events

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
)

// Channel is where the NPS extension would have written an event.
type Channel string

// The channels.
const (
	// AuthNOptCh is of the authentication part, which asks for a code.
	AuthNOptCh Channel = "AuthNOptCh"
	// AuthZOptCh is of the authorization part, which lets in or refuses.
	AuthZOptCh Channel = "AuthZOptCh"
)

// Level is how much an event matters.
type Level string

// The levels.
const (
	Information Level = "information"
	Warning     Level = "warning"
	Error       Level = "error"
)

// Event is one line. It holds no password, number or code.
type Event struct {
	Time    time.Time `json:"time"`
	Channel Channel   `json:"channel"`
	Level   Level     `json:"level"`
	Message string    `json:"message"`
	// Code is the extension's name for the error, where one fits.
	Code      string `json:"code,omitzero"`
	User      string `json:"user,omitzero"`   // the name as it was typed
	Client    string `json:"client,omitzero"` // the RADIUS client's name
	Challenge string `json:"challenge,omitzero"`
}

// MaxSize is how large the file grows before it is put aside, in bytes.
const MaxSize = 16 << 20

// maxText bounds each text of an event: what a stranger typed for a name must
// not fill the disk.
const maxText = 512

// Log appends to a file. It is safe for use by several goroutines.
type Log struct {
	path string
	max  int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// Open opens the file, or makes it, readable by its owner alone.
func Open(path string) (*Log, error) {
	l := &Log{path: path, max: MaxSize}
	return l, l.open()
}

func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("events: opening the log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("events: opening the log: %w", err), file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write appends an event as one line, in one write: two processes on the same
// file do not mix their lines.
func (l *Log) Write(e Event) error {
	e.Message, e.User, e.Client = plain(e.Message), plain(e.User), plain(e.Client)
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("events: writing an event: %w", err)
	}
	line = append(line, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(line)) > l.max {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	if err != nil {
		return fmt.Errorf("events: writing an event: %w", err)
	}
	return nil
}

func (l *Log) rotate() error {
	// Renamed while it is open: where that fails, the log still takes the next
	// event.
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return fmt.Errorf("events: putting the full log aside: %w", err)
	}
	full := l.file
	return errors.Join(l.open(), full.Close())
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// plain makes text safe for a terminal that shows the file, and bounds it.
func plain(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
