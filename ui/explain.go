package ui

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/crypto/keyring"
	"countersign/crypto/otp"
	"countersign/ui/qr"
)

// reasons are the errors that have words of their own, each with what to do. An
// error that is none of them is a fault rather than something to act on: its own
// words, in English, are shown in brackets for whoever helps.
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
		{app.ErrNotServed, "error.not_served"},
		{app.ErrOtherRelay, "error.other_relay"},
		{app.ErrRefused, "error.refused"},
		{app.ErrDeviceName, "error.device_name"},
		{app.ErrUnreadable, "error.unreadable"},
		{app.ErrKeyLost, "error.key_lost"},
		{app.ErrBrokerBusy, "error.broker_busy"},
		{app.ErrSignIn, "error.sign_in"},
		{app.ErrLinkVersion, "error.link_version"},
		{app.ErrLink, "error.link"},
		{app.ErrTooManyLinks, "error.many_links"},
		{app.ErrPicture, "error.picture_big"},
		{app.ErrList, "error.list"},
		{app.ErrNoPush, "error.no_push"},
		{app.ErrNoAccount, "error.no_account"},
		{app.ErrPressNext, "error.press_next"},
		{otp.ErrPINNeeded, "error.code_pin"},
		{keyring.ErrUnavailable, "error.keyring"},
		{keyring.ErrDamaged, "error.keyring_damaged"},
		{syscall.ENOSPC, "error.disk_full"},
		{context.DeadlineExceeded, "error.timeout"},
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
	var line *app.LineError
	if errors.As(err, &line) {
		return u.F("error.line", args{"n": line.Line, "error": u.explain(line.Err)})
	}
	for _, r := range reasons() {
		if errors.Is(err, r.err) {
			return u.T(r.key)
		}
	}
	var field *otp.FieldError
	if errors.As(err, &field) {
		return u.fieldText("field.", field.Field)
	}
	return u.F("error.other", args{"error": err.Error()})
}

// fieldText says what is wrong with a field of a key, a link or an import.
func (u *UI) fieldText(prefix, field string) string {
	switch field {
	case "timer": // as Raivo calls it
		field = "period"
	case "otpGenerator": // Duo's push accounts have none
		field = "push"
	}
	for _, p := range []string{prefix, "field."} {
		if u.cfg.Catalogue.Has(p + field) {
			return u.T(p + field)
		}
	}
	return u.F("field.other", args{"field": field})
}

// unsupported says which entry cannot be used, and why.
func (u *UI) unsupported(prefix string, n transfer.Unsupported) (name, reason string) {
	name = n.Name
	if n.Line > 0 {
		name = u.F("import.line", args{"n": n.Line})
	}
	return name, u.fieldText(prefix, n.Field)
}

// formatName is what an export is called: the app's name, which is the same in
// every language.
func (u *UI) formatName(f transfer.Format) string {
	if f == transfer.FormatURIs {
		return u.T("import.format.links")
	}
	name, _, _ := strings.Cut(string(f), " (")
	return name
}

// fail tells that something did not work, and why.
func (u *UI) fail(key string, err error) {
	u.log.WarnContext(u.ctx, "action failed", slog.String("action", key), slog.String("error", err.Error()))
	u.alert("warning", u.T(key), u.explain(err))
}
