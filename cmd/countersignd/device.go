package main

import (
	"time"

	"countersign/crypto/identity"
	"countersign/verifier"
	"countersign/verifier/store"
)

type deviceListCmd struct {
	userName
	dataFlag
	JSON bool `help:"Print JSON."`
}

// deviceRow is a device as the list shows it.
type deviceRow struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Platform   string    `json:"platform"`
	FormFactor string    `json:"form_factor"`
	AppVersion string    `json:"app_version"`
	EnrolledAt time.Time `json:"enrolled_at"`
	SeenAt     time.Time `json:"seen_at,omitzero"`
}

// Run lists the devices.
func (c deviceListCmd) Run(e *env) error {
	devices := []deviceRow{}
	err := e.view(c.Data, func(d *data, tx store.Tx) error {
		u, err := c.find(d, tx)
		if err != nil {
			return err
		}
		found, err := d.directory.Devices(tx, u.ID)
		for _, dev := range found {
			devices = append(devices, deviceRow{
				string(dev.ID), dev.Name, string(dev.Platform), string(dev.FormFactor), dev.AppVersion, dev.EnrolledAt, dev.SeenAt,
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return e.print(true, devices, "")
	}
	return e.table("ID\tNAME\tPLATFORM\tFORM\tVERSION", func(line func(...any)) {
		for _, dev := range devices {
			line(dev.ID, dev.Name, dev.Platform, dev.FormFactor, dev.AppVersion)
		}
	})
}

type deviceRemoveCmd struct {
	ID string `arg:"" help:"The device's id, as the list shows it."`
	dataFlag
}

// Run removes the device. It hears of it when it next speaks to the verifier.
func (c deviceRemoveCmd) Run(e *env) error {
	id, err := identity.ParseThumbprint(c.ID)
	if err != nil {
		return usagef("%s is no device's id", c.ID)
	}
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		_, err := verifier.Revoke(tx, d.directory, id, time.Now())
		return err
	})
}
