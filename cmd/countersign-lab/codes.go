package main

import (
	"errors"
	"time"

	"countersign/lab/codes"
)

type importCmd struct {
	File     string `arg:"" optional:"" help:"An export of another authenticator, or of this one."`
	Password string `help:"Of an encrypted export."`
	URI      string `name:"uri" help:"One otpauth://, otpauth-migration://, motp:// or steam:// link instead of a file."`
	JSON     bool   `name:"json" help:"Print JSON, which it always does."`
}

// Validate checks what kong cannot.
func (c *importCmd) Validate() error {
	if (c.File == "") == (c.URI == "") {
		return errors.New("give a file or --uri")
	}
	return nil
}

// Run lists the accounts.
func (c importCmd) Run(e *env) error {
	if c.URI != "" {
		return codes.ImportURI(e.ctx, e.stdout, e.stderr, c.URI)
	}
	return codes.ImportFile(e.ctx, e.stdout, e.stderr, c.File, c.Password)
}

type codeCmd struct {
	URI string `name:"uri" required:"" help:"An otpauth://, motp:// or steam:// link."`
	At  *int64 `placeholder:"UNIX" help:"The time in seconds since 1970; now by default."`
}

// Run prints the code.
func (c codeCmd) Run(e *env) error {
	at := time.Now()
	if c.At != nil {
		at = time.Unix(*c.At, 0)
	}
	return codes.Code(e.stdout, c.URI, at)
}
