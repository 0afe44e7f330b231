// Package codes is the lab's way to imports and one-time codes: what
// countersign-lab import and countersign-lab code print.
//
// It shows secrets, because scripts compare them: it is for testing, and the
// app itself never does so.
package codes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/app/transfer"
	"countersign/crypto/otp"
)

// account is one line of the list, in the shape that scripts rely on.
type account struct {
	Type      otp.Type      `json:"type"`
	Issuer    string        `json:"issuer"`
	Account   string        `json:"account"`
	Secret    string        `json:"secret"` // base32; hexadecimal for motp
	Algorithm otp.Algorithm `json:"algorithm"`
	Digits    int           `json:"digits"`
	Period    *int          `json:"period,omitzero"`  // seconds; all kinds but hotp
	Counter   *uint64       `json:"counter,omitzero"` // hotp
}

// ImportFile reads an export of another app, or of this one, and prints its
// accounts as a JSON list. Entries that the app cannot use go to notes, a line
// each; with none that it can, the first reason is the error. The password may
// be empty. Every error is one line.
func ImportFile(ctx context.Context, out, notes io.Writer, path, password string) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	return importData(ctx, out, notes, data, path, password)
}

// ImportURI prints the account of one link, or those of one
// otpauth-migration:// link, as a JSON list.
func ImportURI(ctx context.Context, out, notes io.Writer, uri string) error {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(uri)), "otpauth-migration:") {
		return importData(ctx, out, notes, []byte(uri), "", "")
	}
	key, err := otp.ParseURI(uri)
	if err != nil {
		return err
	}
	return list(out, []transfer.Entry{{Key: key}})
}

// Code prints the code of a link's key: at the given time, or at the link's
// counter.
func Code(out io.Writer, uri string, at time.Time) error {
	key, err := otp.ParseURI(uri)
	if err != nil {
		return err
	}
	var code string
	if key.Type.TimeBased() {
		code, err = key.Code(at)
	} else {
		code, err = key.CodeAt(key.Counter)
	}
	if errors.Is(err, otp.ErrPINNeeded) {
		return &otp.FieldError{Field: "pin", Reason: "is missing; add &pin=… to the link"}
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, code); err != nil {
		return fmt.Errorf("printing the code: %w", err)
	}
	return nil
}

// readFile reads no more than an import may be long.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the export: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading: nothing is lost
	data, err := io.ReadAll(io.LimitReader(file, transfer.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	return data, nil
}

func importData(ctx context.Context, out, notes io.Writer, data []byte, path, password string) error {
	importer := transfer.NewImporter()
	defer importer.Wait()
	result, err := importer.Read(ctx, data, path, transfer.Options{
		Password: func(context.Context, transfer.Challenge) (string, error) { return password, nil },
	})
	if err != nil {
		return err
	}
	if len(result.Entries) == 0 {
		first := result.Unsupported[0]
		return fmt.Errorf("%s: no account can be used; %s: %s", result.Format, first.Name, first.Reason)
	}
	for _, left := range result.Unsupported {
		if _, err := fmt.Fprintf(notes, "left out: %s: %s\n", left.Name, left.Reason); err != nil {
			return fmt.Errorf("printing what was left out: %w", err)
		}
	}
	return list(out, result.Entries)
}

func list(out io.Writer, entries []transfer.Entry) error {
	accounts := make([]account, 0, len(entries))
	for _, e := range entries {
		k := e.Key
		a := account{Type: k.Type, Issuer: k.Issuer, Account: k.Name, Secret: k.Secret.Base32(), Algorithm: k.Algorithm, Digits: k.Digits}
		if k.Type == otp.MOTP {
			a.Secret = k.Secret.Hex()
		}
		if k.Type.TimeBased() {
			a.Period = &k.Period
		} else {
			a.Counter = &k.Counter
		}
		accounts = append(accounts, a)
	}
	if err := json.MarshalWrite(out, accounts, jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("printing the accounts: %w", err)
	}
	if _, err := io.WriteString(out, "\n"); err != nil {
		return fmt.Errorf("printing the accounts: %w", err)
	}
	return nil
}
