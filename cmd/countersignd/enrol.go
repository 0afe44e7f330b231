package main

import (
	"errors"
	"time"

	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/store"
)

// enrolCmd makes an enrolment link, and with --wait follows what becomes of it.
type enrolCmd struct {
	User string `arg:"" help:"User name."`
	dataFlag
	JSON bool `help:"Print JSON."`
	Wait bool `help:"Wait until the device is enrolled; exit status 0 only then."`
	TOTP bool `name:"totp" help:"The same link also gives the app a TOTP secret, where the user has none."`
}

// errNotEnrolled ends enrol --wait with exit status 1.
var errNotEnrolled = errors.New("no device was enrolled")

type enrolLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

type enrolDevice struct {
	Device string `json:"device"`
	Number string `json:"number"`
}

type enrolNotice struct {
	Notice string `json:"notice"`
}

type enrolState struct {
	State  enrol.State `json:"state"`
	Reason string      `json:"reason,omitempty"`
}

// Run makes the link and follows it.
func (c enrolCmd) Run(e *env) error {
	return e.with(c.Data, func(d *data) error {
		s := d.enrolments(e.logger)
		var user directory.User
		err := d.store.View(e.ctx, func(tx store.Tx) (err error) {
			user, err = d.directory.FindUser(tx, c.User)
			return err
		})
		if err != nil {
			return err
		}
		link, enrolment, err := s.Begin(e.ctx, enrol.Request{User: user.ID, Actor: actorCLI, TOTP: c.TOTP})
		if err != nil {
			return err
		}
		if err := e.print(c.JSON, enrolLink{link.String(), enrolment.ExpiresAt}, "%s", link.String()); err != nil || !c.Wait {
			return err
		}
		return c.follow(e, s, enrolment)
	})
}

// enrolWait is how long one look at the enrolment waits for a change.
const enrolWait = 30 * time.Second

// follow prints what happens to the enrolment until it is final.
func (c enrolCmd) follow(e *env, s *enrol.Service, seen enrol.Enrolment) error {
	for !seen.Final() {
		next, err := s.Get(e.ctx, seen.ID, seen, enrolWait)
		if err = errors.Join(err, e.ctx.Err()); err != nil {
			return err
		}
		if next.Notice != "" && next.Notice != seen.Notice {
			err = e.print(c.JSON, enrolNotice{next.Notice}, "A device was turned away: %s", next.Notice)
		}
		if next.State == enrol.Asked && seen.State != enrol.Asked {
			err = errors.Join(err, e.print(c.JSON, enrolDevice{next.Device, next.Number}, "Type %s on %s.", next.Number, next.Device))
		}
		if err != nil {
			return err
		}
		seen = next
	}
	if err := e.print(c.JSON, enrolState{seen.State, seen.Reason}, "The enrolment is %s. %s", seen.State, seen.Reason); err != nil {
		return err
	}
	if seen.State != enrol.Enrolled {
		return errNotEnrolled
	}
	return nil
}
