package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/app"
)

// What the verbs about an account refuse, for errors.Is.
var (
	ErrNoList    = errors.New("the organisation did not tell the devices")
	ErrNoNewKeys = errors.New("the organisation did not take the new keys yet; the device goes on offering them when it runs")
)

// Devices asks the account's organisation for the user's devices, and waits for
// its list for at most wait.
func (d *Device) Devices(ctx context.Context, account string, wait time.Duration) (app.DeviceList, error) {
	before := d.App.Devices(account).At
	var list app.DeviceList
	asked := false
	err := d.until(ctx, wait, func() bool {
		if a, err := d.App.Account(account); !asked && err == nil && a.Push.Connected {
			asked = true
			d.App.AskDevices(account)
		}
		list = d.App.Devices(account)
		return list.At.After(before)
	})
	if err != nil {
		return list, fmt.Errorf("%w within %s: %w", ErrNoList, wait, errors.Join(err, d.disconnected()))
	}
	return list, nil
}

// ChangeKeys changes the account's keys, and waits until the organisation speaks
// under the new ones, for at most wait.
func (d *Device) ChangeKeys(ctx context.Context, account string, wait time.Duration) error {
	if err := d.App.ChangeKeys(ctx, account); err != nil {
		return err
	}
	err := d.until(ctx, wait, func() bool {
		a, err := d.App.Account(account)
		return err == nil && !a.Push.ChangingKeys
	})
	if err != nil {
		return fmt.Errorf("%w (%s): %w", ErrNoNewKeys, wait, errors.Join(err, d.disconnected()))
	}
	return nil
}

// until waits for what done sees after a change, for at most wait.
func (d *Device) until(ctx context.Context, wait time.Duration, done func() bool) error {
	changed, stop := d.watch()
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
	return nil
}
