package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/go-json-experiment/json"

	"countersign/message"
)

const (
	activityFile = "activity.json"
	// maxActivity is how many entries are kept; the oldest go first.
	maxActivity = 500
)

// Activity gives what happened, the latest first.
func (a *App) Activity() []Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Clone(a.activity)
	slices.Reverse(out)
	return out
}

// record adds an entry and stores the list. The list is a convenience: where it
// cannot be stored that is logged, and nothing else stops.
func (a *App) record(ctx context.Context, entry Activity) {
	a.diary.Lock()
	defer a.diary.Unlock()
	a.mu.Lock()
	a.activity = append(a.activity, entry)
	if len(a.activity) > maxActivity {
		a.activity = slices.Clone(a.activity[len(a.activity)-maxActivity:])
	}
	list := slices.Clone(a.activity)
	a.mu.Unlock()
	data, err := json.Marshal(list)
	if err == nil {
		err = a.cfg.Store.Write(context.WithoutCancel(ctx), activityFile, data)
	}
	if err != nil {
		a.log.WarnContext(ctx, "activity not stored", slogError(err))
	}
	a.emit(ActivityChanged, entry.Account)
}

// loadActivity reads the list. One that is damaged is begun anew.
func (a *App) loadActivity(ctx context.Context) error {
	data, err := a.cfg.Store.Read(ctx, activityFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the activity: %w", err)
	}
	var list []Activity
	if err := json.Unmarshal(data, &list, json.RejectUnknownMembers(true)); err != nil {
		a.log.WarnContext(ctx, "activity not readable, begun anew", slogError(err))
		return nil
	}
	a.mu.Lock()
	a.activity = list
	a.mu.Unlock()
	return nil
}

// noticed records what a verifier tells about the account.
func (a *App) noticed(ctx context.Context, l *link, m message.Notice) error {
	account, err := a.Account(l.account)
	if err != nil || account.Push == nil {
		return errOutOfPlace
	}
	a.record(ctx, Activity{
		Time: a.now(), Kind: ActivityNotice, Account: account.ID, Organisation: account.Push.Organisation,
		User: account.Push.User, Notice: m.Kind, Detail: m.Detail,
	})
	switch m.Kind {
	case message.NoticeDeviceAdded, message.NoticeDeviceRemoved, message.NoticeDeviceRekeyed:
		a.AskDevices(account.ID)
	}
	if d := a.cfg.Desktop; d != nil && a.Settings().Notify {
		d.Notify(Notification{Kind: NotificationKind(m.Kind), Account: account.ID, Name: account.Push.Organisation, Detail: m.Detail})
	}
	return nil
}

// revoked marks an account whose organisation removed this device. Its codes, if
// it has any, are the user's to keep or delete.
func (a *App) revoked(ctx context.Context, l *link) error {
	account, err := a.Account(l.account)
	if err != nil || account.Push == nil {
		return errOutOfPlace
	}
	if account.Push.Revoked {
		return nil
	}
	err = a.changeEntry(ctx, l.account, func(e *entry) error {
		push := *e.Push
		push.Revoked = true
		e.Push = &push
		return nil
	})
	if err != nil {
		return err
	}
	a.dropPrompts(account.ID)
	a.record(ctx, Activity{Time: a.now(), Kind: ActivityRevoked, Account: account.ID, Organisation: account.Push.Organisation, User: account.Push.User})
	if d := a.cfg.Desktop; d != nil && a.Settings().Notify {
		d.Notify(Notification{Kind: NotifyRevoked, Account: account.ID, Name: account.Push.Organisation})
	}
	return nil
}
