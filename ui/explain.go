package ui

import (
	"errors"
	"io/fs"
	"log/slog"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/ui/qr"
)

// reasons are the errors that have words of their own, each with what to do. An
// error that is none of them is shown as it is: it is in English, and names the
// field or the reason.
func reasons() []struct {
	err error
	key string
} {
	return []struct {
		err error
		key string
	}{
		{app.ErrLocked, "error.locked"},
		{app.ErrNoSecret, "error.no_secret"},
		{app.ErrLoading, "error.loading"},
		{app.ErrTooMany, "error.too_many"},
		{app.ErrName, "error.name"},
		{app.ErrNoPrompt, "error.no_prompt"},
		{app.ErrNumber, "error.number"},
		{app.ErrWearable, "error.wearable"},
		{app.ErrUpgrade, "error.upgrade"},
		{app.ErrVerifyUser, "error.verify_user"},
		{app.ErrNoLock, "error.no_lock"},
		{app.ErrWrongPIN, "error.wrong_pin"},
		{app.ErrWait, "error.wait"},
		{app.ErrLockedOut, "error.locked_out"},
		{app.ErrWeakPIN, "error.weak_pin"},
		{app.ErrLinkUsed, "error.link_used"},
		{app.ErrTooManyDevices, "error.too_many_devices"},
		{app.ErrWrongNumber, "error.wrong_number"},
		{app.ErrNotAnswered, "error.not_answered"},
		{app.ErrNoConnection, "error.no_connection"},
		{app.ErrRefused, "error.refused"},
		{app.ErrDeviceName, "error.device_name"},
		{app.ErrUnreadable, "error.unreadable"},
		{app.ErrKeyLost, "error.key_lost"},
		{app.ErrBrokerBusy, "error.broker_busy"},
		{ErrNoKeyring, "error.no_keyring"},
		{ErrPassphrase, "error.passphrase"},
		{ErrWeakPassphrase, "error.weak_passphrase"},
		{backup.ErrWeakPassphrase, "error.weak_passphrase"},
		{app.ErrNoBackupPassphrase, "error.backup_passphrase"},
		{errFolder, "error.backup_folder"},
		{fs.ErrPermission, "error.permission"},
		{fs.ErrNotExist, "error.not_there"},
		{transfer.ErrOrDamaged, "error.import_password_or_damaged"},
		{qr.ErrNoCode, "error.qr_none"},
		{qr.ErrPicture, "error.picture"},
		{qr.ErrTooBig, "error.picture_big"},
		{transfer.ErrUnknownFormat, "error.import_format"},
		{transfer.ErrWrongPassword, "error.import_password"},
		{transfer.ErrPasswordNeeded, "error.import_password_needed"},
		{transfer.ErrDamaged, "error.import_damaged"},
		{transfer.ErrRestricted, "error.import_restricted"},
		{transfer.ErrTooLarge, "error.import_large"},
		{transfer.ErrTooCostly, "error.import_costly"},
		{transfer.ErrIncomplete, "error.import_incomplete"},
		{transfer.ErrEmpty, "error.import_empty"},
	}
}

// explain says an error in the user's language, as far as there are words.
func (u *UI) explain(err error) string {
	for _, r := range reasons() {
		if errors.Is(err, r.err) {
			return u.T(r.key)
		}
	}
	return u.F("error.other", args{"error": err.Error()})
}

// fail tells that something did not work, and why.
func (u *UI) fail(key string, err error) {
	u.log.WarnContext(u.ctx, "action failed", slog.String("action", key), slog.String("error", err.Error()))
	u.alert("warning", u.T(key), u.explain(err))
}
