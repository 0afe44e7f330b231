package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/store"
)

type auditVerifyCmd struct {
	dataFlag
	Head []string `help:"File with a head that was kept elsewhere, which the log must fit; may be repeated." type:"existingfile" placeholder:"FILE"`
	JSON bool     `help:"Print JSON."`
}

// Run verifies the log: exit status 1 where it is not as it was written.
func (c auditVerifyCmd) Run(e *env) error {
	var kept [][]byte
	for _, path := range c.Head {
		head, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		kept = append(kept, head)
	}
	return e.with(c.Data, func(d *data) error {
		report, err := d.audit.Verify(e.ctx, kept...)
		if err != nil {
			return err
		}
		return e.print(c.JSON, struct {
			Events int64  `json:"events"`
			Signed int64  `json:"signed"`
			Heads  int    `json:"heads"`
			Hash   string `json:"hash"`
		}{report.Size, report.Signed, report.Heads, report.Hash.String()},
			"The audit log is as it was written: %d events, %d of them under %d signed heads.", report.Size, report.Signed, report.Heads)
	})
}

type auditHeadCmd struct {
	dataFlag
}

// Run prints the signed head as text, for a file outside this machine.
func (c auditHeadCmd) Run(e *env) error {
	return e.with(c.Data, func(d *data) error {
		head, err := d.audit.SignHead(e.ctx)
		if err != nil {
			return err
		}
		if head.Size == 0 {
			return errors.New("the audit log is empty: there is nothing to sign")
		}
		_, err = fmt.Fprintf(e.stdout, "%s", head.Note)
		return err
	})
}

type auditExportCmd struct {
	dataFlag
	User  string    `help:"Only events about this user." placeholder:"NAME"`
	Kind  []string  `help:"Only events of this kind; may be repeated." placeholder:"KIND"`
	Since time.Time `help:"Only events from then on (RFC 3339)." placeholder:"TIME"`
	Until time.Time `help:"Only events before then (RFC 3339)." placeholder:"TIME"`
}

// Run prints the events, a line of JSON each. Each page is a transaction of its
// own, so that a long export holds nothing up.
func (c auditExportCmd) Run(e *env) error {
	filter := audit.Filter{Kinds: c.Kind, From: c.Since, Until: c.Until}
	if c.User != "" {
		err := e.view(c.Data, func(d *data, tx store.Tx) error {
			u, err := userName{c.User}.find(d, tx)
			filter.User = u.ID
			return err
		})
		if err != nil {
			return err
		}
	}
	page := audit.Page{}
	for {
		var result audit.Result
		err := e.view(c.Data, func(d *data, tx store.Tx) (err error) {
			result, err = d.audit.Query(tx, filter, page)
			return err
		})
		if err != nil {
			return err
		}
		for _, record := range result.Records {
			if err := e.print(true, record, ""); err != nil {
				return err
			}
		}
		if page.Before = result.Next; page.Before == 0 {
			return nil
		}
	}
}
