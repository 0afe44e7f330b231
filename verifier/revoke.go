package verifier

import (
	"context"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// revocation is what is remembered of a removed device, to tell it, when it
// comes back, that it is one no longer.
type revocation struct {
	Encryption identity.PublicKey `json:"encryption"`
	At         time.Time          `json:"at"`
}

var revoked = store.NewBucket[revocation]("device_revoked")

const (
	// keepRevoked is how long a removed device may be away and still be told.
	// Afterwards its messages are refused as any stranger's are.
	keepRevoked = 365 * 24 * time.Hour
	forgetEvery = 10 * time.Minute
	forgetBatch = 100 // records a step
	forgetSteps = 20  // steps at a time
)

// Revoke removes a device in a transaction of the caller's. From its end on
// every answer of the device is refused; the device itself is told by
// RevokeDevice, or when it next comes back.
func Revoke(tx store.Tx, d *directory.Directory, id identity.Thumbprint, now time.Time) (directory.Device, error) {
	device, err := d.DeviceByID(tx, id)
	if err != nil {
		return device, err
	}
	if err := d.RemoveDevice(tx, id); err != nil {
		return device, err
	}
	return device, revoked.Put(tx, string(id), revocation{Encryption: device.Encryption, At: now})
}

// RevokeDevice removes a device and tells it, and the user's other devices.
func (v *Verifier) RevokeDevice(ctx context.Context, actor string, id identity.Thumbprint) error {
	var device directory.Device
	err := v.Store.Update(ctx, func(tx store.Tx) (err error) {
		device, err = Revoke(tx, v.Directory.As(actor), id, v.now())
		return err
	})
	if err != nil {
		return err
	}
	v.tellRevoked(id, device.Encryption)
	v.Challenges.Notify(ctx, device.User, message.NoticeDeviceRemoved, device.Name)
	return nil
}

func (v *Verifier) tellRevoked(id identity.Thumbprint, encryption identity.PublicKey) {
	v.Post.Post(encryption, id, message.Revoked{
		Claims: message.NewClaims(v.keys.Signing.Thumbprint(), id, v.now(), message.EnrolmentLifetime),
	})
}

// forgetRevoked forgets devices that were removed long ago, until ctx is done.
func (v *Verifier) forgetRevoked(ctx context.Context) error {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	sweep := sweepRevoked(v.now)
	for {
		if err := sweep.Run(ctx, v.Store, forgetSteps); err != nil && ctx.Err() == nil {
			v.logger.ErrorContext(ctx, "forgetting removed devices", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func sweepRevoked(now func() time.Time) *store.Sweep[revocation] {
	return &store.Sweep[revocation]{
		Bucket: revoked, Batch: forgetBatch,
		Stale: func(_ store.Tx, _ string, r revocation) (bool, error) { return now().Sub(r.At) > keepRevoked, nil },
		Drop:  func(tx store.Tx, id string, _ revocation) error { return revoked.Delete(tx, id) },
	}
}
