package transfer

import (
	"errors"
	"fmt"
	"strings"

	"countersign/crypto/otp"
)

// isLink tells whether a line is a link that carries keys, in any case.
func isLink(line string) bool {
	line = strings.ToLower(strings.TrimSpace(line))
	for _, prefix := range []string{"otpauth://", migrationPrefix, "motp:", "steam://"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

func isMigration(line string) bool {
	return strings.HasPrefix(strings.ToLower(line), migrationPrefix)
}

// linkFormat names the app that wrote a list of links.
func linkFormat(text []byte) Format {
	lower := strings.ToLower(string(text))
	switch {
	case strings.Contains(lower, migrationPrefix):
		return FormatGoogle
	case strings.Contains(lower, "codedisplay="):
		return FormatEnte
	default:
		return FormatURIs
	}
}

// lineEnds makes one of the three ways to end a line.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// isComment tells a line that people write between links.
func isComment(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//")
}

// readLinks reads a line each: otpauth and its relatives, and the parts of
// Google Authenticator's exports. A line that is no link is listed by its
// number, since what it holds may be a secret.
func readLinks(r *run, text []byte) error {
	var exports []*Batch
	number := 0
	for line := range strings.Lines(lineEnds.Replace(string(text))) {
		number++
		line = strings.TrimSpace(line)
		var err error
		switch {
		case line == "" || isComment(line):
		case isMigration(line):
			exports, err = addPart(exports, line)
		default:
			err = readLink(r, line, number)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	for _, export := range exports {
		if err := export.addTo(r); err != nil {
			return err
		}
	}
	return nil
}

// addPart adds a link to the export that it is a part of. A file may hold
// several exports, one after the other.
func addPart(exports []*Batch, link string) ([]*Batch, error) {
	for _, export := range exports {
		if _, err := export.Add(link); !errors.Is(err, ErrIncomplete) {
			return exports, err
		}
	}
	export := new(Batch)
	_, err := export.Add(link)
	return append(exports, export), err
}

func readLink(r *run, line string, number int) error {
	key, err := otp.ParseURI(line)
	if err != nil {
		if err := r.leaveOut(fmt.Sprintf("line %d", number), err); err != nil {
			return err
		}
		r.result.Unsupported[len(r.result.Unsupported)-1].Line = number
		return nil
	}
	entry := enteEntry(line)
	entry.Key = key
	return r.add(entry)
}
