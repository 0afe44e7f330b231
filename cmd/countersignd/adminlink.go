package main

import (
	"time"

	"countersign/verifier/portal"
	"countersign/verifier/store"
)

type adminLinkCmd struct {
	User string `arg:"" optional:"" help:"User who becomes an administrator, added if need be; without it whoever opens the link gives a name."`
	dataFlag
	JSON bool `help:"Print JSON."`
}

// Run makes the link.
func (c adminLinkCmd) Run(e *env) error {
	var link string
	var expires time.Time
	err := e.updateNew(c.Data, func(d *data, tx store.Tx) (err error) {
		link, expires, err = portal.AddLink(tx, d.audit, actorCLI, c.User, time.Now())
		return err
	})
	if err != nil {
		return err
	}
	return e.print(c.JSON, struct {
		Link      string    `json:"link"`
		ExpiresAt time.Time `json:"expires_at"`
	}{link, expires.Truncate(time.Second)}, "%s", link)
}
