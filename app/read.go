package app

import (
	"errors"
	"fmt"
	"strings"

	"countersign/app/transfer"
	"countersign/crypto/otp"
)

// ErrUnreadable says that a text is no link that this app takes.
var ErrUnreadable = errors.New("not a link that this app knows; it begins with countersign://, otpauth://, otpauth-migration://, motp:// or steam://")

// ErrTooManyLinks says that a text holds more links than are taken at once.
var ErrTooManyLinks = errors.New("too many links at once; put them into a file and import it")

// LineError tells in which line of a text the error is.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives the error.
func (e *LineError) Unwrap() error { return e.Err }

const (
	maxInput = 1 << 20 // octets of a pasted text
	maxLinks = 1000    // links in it
)

// Input is what links, QR codes or pasted text hold. Nothing has been done with
// it yet.
type Input struct {
	Enrolment   *Enrolment             // an organisation's invitation: ask, then Confirm
	Keys        []otp.Key              // accounts to Add
	Unsupported []transfer.Unsupported // what a migration holds and this app cannot compute
	Missing     []int                  // migration codes still to be read, counted from 1; then there are no Keys yet
	Parts       int                    // of how many such codes
}

// Reader reads links. It remembers the parts of a migration that comes in
// several QR codes, so keep one for as long as the user is adding.
type Reader struct {
	app   *App
	batch transfer.Batch
}

// Reader makes a Reader.
func (a *App) Reader() *Reader { return &Reader{app: a} }

// Read takes a text that stands alone: a link as pasted, scanned or opened.
func (a *App) Read(text string) (Input, error) { return a.Reader().Read(text) }

// Read takes a link, or several one a line. One that is wrong refuses all, with
// an error that names the field (*otp.FieldError) or says what to do.
func (r *Reader) Read(text string) (Input, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxInput {
		return Input{}, ErrUnreadable
	}
	if hasScheme(text, "countersign") {
		e, err := r.app.Begin(text)
		return Input{Enrolment: e}, err
	}
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	if len(lines) > maxLinks {
		return Input{}, ErrTooManyLinks
	}
	var in Input
	migration := false
	for i, line := range lines {
		line = strings.TrimSpace(line)
		var err error
		switch {
		case line == "":
		case hasScheme(line, "otpauth-migration"):
			migration = true
			_, err = r.batch.Add(line)
		case hasScheme(line, "otpauth"), hasScheme(line, "motp"), hasScheme(line, "steam"):
			var k otp.Key
			if k, err = otp.ParseURI(line); err == nil {
				in.Keys = append(in.Keys, k)
			}
		default:
			err = ErrUnreadable
		}
		if err != nil && len(lines) > 1 {
			err = &LineError{Line: i + 1, Err: err}
		}
		if err != nil {
			return Input{}, err
		}
	}
	if !migration {
		return in, nil
	}
	return r.migrate(in)
}

// migrate gives the accounts of a migration once all of its codes are there.
func (r *Reader) migrate(in Input) (Input, error) {
	in.Parts = r.batch.Size()
	if in.Missing = r.batch.Missing(); len(in.Missing) > 0 {
		return in, nil
	}
	result, err := r.batch.Result()
	if err != nil {
		return Input{}, err
	}
	r.batch = transfer.Batch{}
	for _, e := range result.Entries {
		in.Keys = append(in.Keys, e.Key)
	}
	in.Unsupported = result.Unsupported
	return in, nil
}

func hasScheme(link, scheme string) bool {
	return len(link) > len(scheme) && strings.EqualFold(link[:len(scheme)], scheme) && link[len(scheme)] == ':'
}
