package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/message"
)

const devicesFile = "devices.json"

// DeviceList is what an organisation last told of the user's devices there. It
// stays when the network is gone: it is what helps to set up a new phone.
type DeviceList struct {
	At      time.Time      `json:"at"` // when it came; zero: it never did
	Devices []ListedDevice `json:"devices"`
}

// ListedDevice is one device of a user.
type ListedDevice struct {
	Name       string    `json:"name"`
	Platform   string    `json:"platform"`    // message's Platform words
	FormFactor string    `json:"form_factor"` // message's Form words
	EnrolledAt time.Time `json:"enrolled_at"`
	SeenAt     time.Time `json:"seen_at,omitzero"` // zero: not since it was enrolled
	This       bool      `json:"this"`             // it is the one that this app runs on
}

// Devices gives the last list of an account's devices, the latest enrolled
// first. AskDevices asks for a newer one.
func (a *App) Devices(id string) DeviceList {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.devices[id]
	list.Devices = slices.Clone(list.Devices)
	return list
}

// AskDevices asks the account's verifier for its list. AccountsChanged tells that
// it came; where the verifier cannot be reached it does not.
func (a *App) AskDevices(id string) {
	a.mu.Lock()
	l := a.links[id]
	if l != nil {
		l.asks = true
	}
	a.mu.Unlock()
	if l != nil {
		l.resync()
	}
}

// listed keeps a verifier's list.
func (a *App) listed(ctx context.Context, l *link, m message.Devices) error {
	account, err := a.Account(l.account)
	if err != nil || account.Push == nil {
		return errOutOfPlace
	}
	list := DeviceList{At: a.now(), Devices: make([]ListedDevice, len(m.List))}
	for i, d := range m.List {
		list.Devices[i] = ListedDevice{Name: d.Name, Platform: d.Platform, FormFactor: d.FormFactor, EnrolledAt: time.Unix(d.EnrolledAt, 0).UTC(), This: d.This}
		if d.SeenAt > 0 {
			list.Devices[i].SeenAt = time.Unix(d.SeenAt, 0).UTC()
		}
	}
	a.keepDevices(ctx, l.account, &list)
	a.emit(AccountsChanged, l.account)
	return nil
}

// keepDevices stores an account's list; nil forgets it. Like the activity it is
// a convenience: where it cannot be stored that is logged, and nothing stops.
func (a *App) keepDevices(ctx context.Context, id string, list *DeviceList) {
	a.diary.Lock()
	defer a.diary.Unlock()
	a.mu.Lock()
	_, known := a.devices[id]
	if list != nil {
		a.devices[id] = *list
	} else {
		delete(a.devices, id)
	}
	data, err := json.Marshal(a.devices, json.Deterministic(true))
	a.mu.Unlock()
	if list == nil && !known {
		return
	}
	if err == nil {
		err = a.cfg.Store.Write(context.WithoutCancel(ctx), devicesFile, data)
	}
	if err != nil {
		a.log.WarnContext(ctx, "list of devices not stored", slogError(err))
	}
}

// loadDevices reads the lists. A file that is damaged costs no more than a
// question to the verifiers.
func (a *App) loadDevices(ctx context.Context) error {
	data, err := a.cfg.Store.Read(ctx, devicesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the lists of devices: %w", err)
	}
	lists := map[string]DeviceList{}
	if err := json.Unmarshal(data, &lists, json.RejectUnknownMembers(true)); err != nil {
		a.log.WarnContext(ctx, "lists of devices not readable, begun anew", slogError(err))
		return nil
	}
	a.mu.Lock()
	a.devices = lists
	a.mu.Unlock()
	return nil
}
