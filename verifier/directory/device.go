package directory

import (
	"errors"
	"fmt"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// Device is an enrolled authenticator, named by its signing key.
type Device struct {
	ID         identity.Thumbprint `json:"id"`   // of Signing
	User       string              `json:"user"` // the user's id
	Name       string              `json:"name"`
	Signing    identity.PublicKey  `json:"signing"`
	Encryption identity.PublicKey  `json:"encryption"`
	Platform   policy.Platform     `json:"platform"`
	FormFactor policy.FormFactor   `json:"form_factor"`
	AppVersion string              `json:"app_version"`
	EnrolledAt time.Time           `json:"enrolled_at"`
	SeenAt     time.Time           `json:"seen_at"`
}

// Policy is the device as the rules look at it.
func (dev Device) Policy() policy.Device {
	return policy.Device{
		Platform: dev.Platform, FormFactor: dev.FormFactor,
		NumberMatching: !message.VersionBefore(dev.AppVersion, message.MinAppVersion),
	}
}

func (dev Device) check() error {
	switch {
	case dev.Signing.IsZero() || dev.Encryption.IsZero() || dev.ID != dev.Signing.Thumbprint():
		return invalid("refused.device_keys")
	case dev.Name == "":
		return invalid("refused.device_name")
	}
	return checkText("refused.what_device_name", dev.Name)
}

// Devices gives a user's devices, in the order of their ids.
func (d *Directory) Devices(tx store.Tx, userID string) ([]Device, error) {
	ids, err := d.userDevices.All(tx, store.Range{Prefix: userID + "\x00"})
	if err != nil {
		return nil, fmt.Errorf("directory: listing devices: %w", err)
	}
	devices := make([]Device, len(ids))
	for i, id := range ids {
		if devices[i], err = d.DeviceByID(tx, identity.Thumbprint(id)); err != nil {
			return nil, err
		}
	}
	return devices, nil
}

// DeviceByID gives a device, or ErrUnknownDevice.
func (d *Directory) DeviceByID(tx store.Tx, id identity.Thumbprint) (Device, error) {
	dev, err := d.devices.Get(tx, string(id))
	return dev, unknown(err, ErrUnknownDevice, "reading a device")
}

// owner is what OwnerOf reads of a Device: its keys cost as much to decode as a
// signature, nearly, and every message from a device asks whose it is.
type owner struct {
	User string `json:"user"`
}

// OwnerOf gives the id of a device's user, or ErrUnknownDevice.
func (d *Directory) OwnerOf(tx store.Tx, id identity.Thumbprint) (string, error) {
	dev, err := d.owners.Get(tx, string(id))
	return dev.User, unknown(err, ErrUnknownDevice, "reading a device")
}

// AddDevice enrols a device. It gives ErrTooManyDevices beyond MaxDevices, and
// ErrExists for a key that is enrolled already: one key is one device of one
// user.
func (d *Directory) AddDevice(tx store.Tx, dev Device) error {
	if err := dev.check(); err != nil {
		return err
	}
	// A wearable never approves; what is not enrolled cannot. (One that was a
	// phone when it came and now says it is a watch is updated, and the policy
	// no longer asks it.)
	if dev.FormFactor == policy.Watch || dev.Platform == policy.WatchOS || dev.Platform == policy.WearOS {
		return invalid("refused.wearable")
	}
	if _, err := d.UserByID(tx, dev.User); err != nil {
		return err
	}
	switch taken, err := d.devices.Has(tx, string(dev.ID)); {
	case err != nil:
		return err
	case taken:
		return words.Refuse(ErrExists, "refused.device_exists")
	}
	devices, err := d.Devices(tx, dev.User)
	if err != nil {
		return err
	}
	if len(devices) >= MaxDevices {
		return ErrTooManyDevices
	}
	if dev.EnrolledAt.IsZero() {
		dev.EnrolledAt = d.now().UTC()
	}
	err = errors.Join(
		d.devices.Put(tx, string(dev.ID), dev),
		d.userDevices.Put(tx, deviceKey(dev), string(dev.ID)),
	)
	if err != nil {
		return fmt.Errorf("directory: adding a device: %w", err)
	}
	return d.record(tx, audit.Event{
		Kind: audit.KindDeviceAdded, User: dev.User, Device: string(dev.ID),
		Detail: map[string]string{
			"name": dev.Name, "platform": string(dev.Platform),
			"form_factor": string(dev.FormFactor), "app_version": dev.AppVersion,
		},
	})
}

// UpdateDevice stores what changed in a device: its name, its app's version,
// when it was seen. Its keys and its user stay; a Rekey removes and adds.
func (d *Directory) UpdateDevice(tx store.Tx, dev Device) error {
	before, err := d.DeviceByID(tx, dev.ID)
	if err != nil {
		return err
	}
	if err := dev.check(); err != nil {
		return err
	}
	if dev.User != before.User || dev.Encryption.Thumbprint() != before.Encryption.Thumbprint() {
		return invalid("refused.device_keeps")
	}
	dev.EnrolledAt = before.EnrolledAt
	if err := d.devices.Put(tx, string(dev.ID), dev); err != nil {
		return err
	}
	if dev.Name == before.Name && dev.AppVersion == before.AppVersion && dev.Policy() == before.Policy() {
		return nil // seen again: nothing to tell
	}
	return d.record(tx, audit.Event{
		Kind: audit.KindDeviceChanged, User: dev.User, Device: string(dev.ID),
		Detail: map[string]string{"name": dev.Name, "app_version": dev.AppVersion},
	})
}

// RemoveDevice removes a device, or gives ErrUnknownDevice.
func (d *Directory) RemoveDevice(tx store.Tx, id identity.Thumbprint) error {
	dev, err := d.DeviceByID(tx, id)
	if err != nil {
		return err
	}
	err = errors.Join(
		d.devices.Delete(tx, string(id)),
		d.userDevices.Delete(tx, deviceKey(dev)),
	)
	if err != nil {
		return fmt.Errorf("directory: removing a device: %w", err)
	}
	return d.record(tx, audit.Event{
		Kind: audit.KindDeviceRemoved, User: dev.User, Device: string(id),
		Detail: map[string]string{"name": dev.Name},
	})
}

func deviceKey(dev Device) string { return dev.User + "\x00" + string(dev.ID) }
