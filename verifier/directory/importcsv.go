package directory

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// Limits of an import.
const (
	maxImport       = 8 << 20 // octets
	maxImportUsers  = 20_000
	maxImportErrors = 50 // told, beyond which it stops
)

// LineError is an error in one line of an import.
type LineError struct {
	Line int          // from 1, the heading
	Err  *words.Error // what is wrong in it
}

func (e *LineError) Error() string {
	return words.Of("refused.at_line", "line", e.Line, "problem", e.Err.Text).String()
}

func (e *LineError) Unwrap() error { return e.Err }

// ImportUsers adds the users of a CSV file (RFC 4180, UTF-8) and gives their
// number. The first line names the columns: name, and as needed display_name,
// admin, default, roles, administrative_units, groups (lists separated by
// semicolons; groups by name), on_premises, disabled, and attribute.NAME for
// anything that a dynamic group looks at. Passwords are not taken from files.
//
// The errors come together, a *LineError each; as long as there is one, the
// caller's transaction must not be kept, and nothing is half done.
func (d *Directory) ImportUsers(tx store.Tx, file io.Reader) (int, error) {
	reader := csv.NewReader(io.LimitReader(file, maxImport))
	columns, err := reader.Read()
	if err != nil {
		return 0, csvError(err)
	}
	columns, wrong := checkColumns(columns)
	if wrong != nil {
		return 0, &LineError{Line: 1, Err: wrong}
	}
	var errs []error
	count := 0
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			// Where a quote is missing, every later line would seem wrong.
			errs = append(errs, csvError(err))
			break
		}
		line, _ := reader.FieldPos(0)
		var wrong *words.Error
		switch err := d.importUser(tx, columns, fields); {
		case errors.As(err, &wrong):
			errs = append(errs, &LineError{Line: line, Err: wrong})
		case err != nil:
			return 0, fmt.Errorf("directory: importing line %d: %w", line, err)
		}
		if count++; count > maxImportUsers {
			errs = append(errs, &LineError{Line: line, Err: refusal("refused.csv_users", "most", maxImportUsers)})
		}
		if len(errs) >= maxImportErrors || count > maxImportUsers {
			break
		}
	}
	if reader.InputOffset() >= maxImport {
		errs = append(errs, invalid("refused.csv_long", "most", maxImport))
	}
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	return count, nil
}

func csvError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &LineError{Line: parse.Line, Err: refusal(csvProblem(parse.Err))}
	}
	if errors.Is(err, io.EOF) {
		return invalid("refused.csv_empty")
	}
	return fmt.Errorf("directory: reading the file: %w", err)
}

// csvProblem is the key of the words for what package csv found.
func csvProblem(err error) string {
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return "refused.csv_fields"
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		return "refused.csv_quote"
	}
	return "refused.csv_line"
}

// refusal is invalid for a line's error.
func refusal(key string, args ...any) *words.Error {
	return &words.Error{Text: words.Of(key, args...), Kind: ErrInvalid}
}

const attributeColumn = "attribute."

func checkColumns(columns []string) ([]string, *words.Error) {
	known := []string{"name", "display_name", "admin", "default", "roles", "administrative_units", "groups", "on_premises", "disabled"}
	columns[0] = strings.TrimPrefix(columns[0], "\ufeff") // as Excel begins its files
	for i, column := range columns {
		column = strings.TrimSpace(column)
		columns[i] = column
		attribute, found := strings.CutPrefix(column, attributeColumn)
		if !slices.Contains(known, column) && (!found || attribute == "") {
			return nil, refusal("refused.csv_column", "column", strconv.Quote(column), "known", strings.Join(known, ", ")+", "+attributeColumn+"NAME")
		}
		if slices.Contains(columns[:i], column) {
			return nil, refusal("refused.csv_column_twice", "column", strconv.Quote(column))
		}
	}
	if !slices.Contains(columns, "name") {
		return nil, refusal("refused.csv_no_name", "column", strconv.Quote("name"))
	}
	return columns, nil
}

func (d *Directory) importUser(tx store.Tx, columns, fields []string) error {
	var u User
	var groups []string
	for i, column := range columns {
		value := strings.TrimSpace(fields[i])
		var err error
		switch column {
		case "name":
			u.Name = value
		case "display_name":
			u.DisplayName = value
		case "default":
			u.Default = policy.Method(value)
		case "roles":
			u.Roles = list(value)
		case "administrative_units":
			u.AdministrativeUnits = list(value)
		case "groups":
			groups = list(value)
		case "admin":
			u.Admin, err = yesNo(column, value)
		case "on_premises":
			u.OnPremises, err = yesNo(column, value)
		case "disabled":
			u.Disabled, err = yesNo(column, value)
		default:
			if u.Attributes == nil {
				u.Attributes = make(map[string]string)
			}
			if value != "" {
				u.Attributes[strings.TrimPrefix(column, attributeColumn)] = value
			}
		}
		if err != nil {
			return err
		}
	}
	u, err := d.CreateUser(tx, u)
	if err != nil {
		return err
	}
	for _, name := range groups {
		g, err := d.FindGroup(tx, name)
		if errors.Is(err, ErrUnknownGroup) {
			return words.Refuse(ErrUnknownGroup, "refused.no_group", "name", name)
		}
		if err == nil {
			err = d.AddMember(tx, g.ID, Member{Kind: MemberUser, ID: u.ID})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list splits at semicolons; empty parts are none.
func list(value string) []string {
	var parts []string
	for part := range strings.SplitSeq(value, ";") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func yesNo(column, value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	yes, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		return false, invalid("refused.yes_no", "column", column, "value", strconv.Quote(value))
	}
	return yes, nil
}
