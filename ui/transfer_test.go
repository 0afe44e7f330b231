package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/crypto/backup"
	"countersign/crypto/otp"
	"countersign/ui/kit"
	"countersign/ui/qr"
)

// folderOf gives the fake a backup's content, as package app would write it.
func folderOf(t *testing.T, passphrase string, entries ...transfer.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := transfer.WriteEncrypted(t.Context(), &b, entries, passphrase, noon); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// submitPassword types into the field that has the focus, and Enter.
func (b *bench) submitPassword(t *testing.T, password string) {
	t.Helper()
	field, ok := b.win.Canvas().Focused().(*kit.Entry)
	if !ok {
		t.Fatal("no field has the focus")
	}
	field.SetText("")
	b.typeOn(password, fyne.KeyReturn)
}

func TestABackupIsRestoredThroughThePreview(t *testing.T) {
	b := phone(t)
	b.backedUp()
	k := otp.NewTOTP("Zulip", "alex")
	k.Secret = "twenty octets of this"
	b.core.content = folderOf(t, "correct horse", transfer.Entry{Key: k, Groups: []string{"Arbete"}})
	v := newBackupView(b.UI)
	v.open()
	if len(v.versions) != 3 || len(v.rows()) != 3 {
		t.Fatalf("%d versions, %d rows", len(v.versions), len(v.rows()))
	}
	b.importFrom(importSource{name: v.versions[0].Name, read: func(ctx context.Context) ([]byte, error) { return b.core.ReadBackup(ctx, v.versions[0].Name) }})
	if len(b.pages) != 2 {
		t.Fatalf("%d pages; a password was to be asked", len(b.pages))
	}
	b.submitPassword(t, "wrong horse")
	if len(b.pages) != 2 || len(b.core.added) != 0 {
		t.Fatalf("%d pages, added %v after a wrong password", len(b.pages), b.core.added)
	}
	b.submitPassword(t, "correct horse")
	if len(b.core.added) != 0 {
		t.Fatal("added before the preview was confirmed")
	}
	test.Tap(button(t, b, b.p.N("add.confirm", 1, nil)))
	if len(b.core.added) != 1 || b.core.added[0].Key != k || len(b.core.added[0].Details.Groups) != 1 {
		t.Errorf("added %+v", b.core.added)
	}
}

func TestBackupsBeginOnAWholePathOnly(t *testing.T) {
	b := phone(t)
	v := newBackupView(b.UI)
	v.open()
	var refused error
	b.core.backupErr = backup.ErrWeakPassphrase
	v.begin("/media/stick", "short", func(err error) { refused = err })
	if !errors.Is(refused, backup.ErrWeakPassphrase) || b.core.backups.Folder != "" {
		t.Fatalf("refused with %v, folder %q", refused, b.core.backups.Folder)
	}
	if got := b.explain(refused); got != b.T("error.weak_passphrase") {
		t.Errorf("a weak passphrase reads %q", got)
	}
	b.core.backupErr = nil
	v.begin("/media/stick", "correct horse", func(err error) { t.Error(err) })
	if b.core.backups.Folder != "/media/stick" || b.core.passphrase != "correct horse" {
		t.Errorf("folder %q, passphrase %q", b.core.backups.Folder, b.core.passphrase)
	}
	v.stop()
	if b.core.backups.Folder == "" {
		t.Error("stopped without asking")
	}
}

func TestAFailedBackupIsToldInTheSettings(t *testing.T) {
	b := phone(t)
	b.core.backups = app.BackupState{Possible: true, Folder: "/media/stick", Err: os.ErrPermission}
	if got := b.explain(b.core.backups.Err); got != b.T("error.permission") {
		t.Errorf("reads %q", got)
	}
	newBackupView(b.UI).open()
	if !shows(b, b.F("backup.error", args{"error": b.T("error.permission")})) {
		t.Error("the page does not tell it")
	}
	b.core.backups.Possible = false
	if rows := b.backupRows(); len(rows) != 0 {
		t.Error("backups are offered where there are none")
	}
}

func TestWrongPasswordIsToldFromADamagedFile(t *testing.T) {
	b := phone(t)
	entries := []transfer.Entry{{Key: otp.Key{Type: otp.TOTP, Issuer: "A", Name: "a", Secret: "twenty octets of this", Algorithm: "SHA1", Digits: 6, Period: 30}}}
	whole, err := transfer.MarshalAegisEncrypted(entries, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(whole, []byte(`"db"`)) + 20 // within the sealed part
	damaged := bytes.Clone(whole)
	damaged[at] ^= 1
	for name, c := range map[string]struct {
		content  []byte
		password string
		want     string
	}{
		"wrong password": {whole, "wrong horse", "error.import_password"},
		"damaged":        {damaged, "correct horse", "error.import_damaged"},
	} {
		path := filepath.Join(t.TempDir(), "vault.json")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		var got error
		b.importWith(importSource{name: name, read: func(context.Context) ([]byte, error) { return readBounded(path) }}, c.password, func(err error) { got = err })
		if b.explain(got) != b.T(c.want) || len(b.core.added) > 0 {
			t.Errorf("%s reads %q", name, b.explain(got))
		}
	}
	both := errors.Join(transfer.ErrWrongPassword, transfer.ErrOrDamaged)
	if got := b.explain(both); got != b.T("error.import_password_or_damaged") {
		t.Errorf("what cannot be told apart reads %q", got)
	}
}

func TestALongDerivationCountsAndIsCancelled(t *testing.T) {
	b := phone(t)
	cancelled := false
	v := b.openImportSheet("vault.json", func() { cancelled = true })
	v.stage(transfer.Progress{Stage: transfer.StageDeriving, Memory: 1 << 30})
	b.core.now = b.core.now.Add(7 * time.Second)
	v.tick()
	if text := v.text.Text(); !strings.Contains(text, "1024 MiB") || !strings.Contains(text, "7 s") {
		t.Errorf("reads %q", text)
	}
	test.Tap(button(t, b, b.T("action.cancel")))
	if !cancelled {
		t.Error("Cancel does not cancel")
	}
	// A cancelled import adds nothing and says so.
	b.importWith(importSource{name: "x", read: func(context.Context) ([]byte, error) { return nil, context.Canceled }}, "", nil)
	if b.toasts.text != b.T("import.cancelled") || len(b.core.added) > 0 {
		t.Errorf("said %q", b.toasts.text)
	}
}

func TestExportedCodesHoldEveryAccount(t *testing.T) {
	b := phone(t)
	for i := range 14 { // more than one code holds
		id := fmt.Sprintf("more-%d", i)
		b.core.accounts = append(b.core.accounts, account(id, "Contoso "+id, "alexandra.the.great@contoso.example"))
	}
	for i, a := range b.core.accounts {
		b.core.keys[a.ID] = keyOf(a, i)
	}
	b.exportCodes()
	if len(b.pages) != 1 {
		t.Fatal("no page of codes")
	}
	entries, _, err := b.entries()
	if err != nil {
		t.Fatal(err)
	}
	links, left, err := transfer.MigrationURIs(entries)
	if err != nil || len(links) < 2 {
		t.Fatalf("%d links, %v", len(links), err)
	}
	var batch transfer.Batch
	for i := range links {
		texts, err := qr.Find(b.win.Canvas().Capture())
		if err != nil || len(texts) != 1 {
			t.Fatalf("code %d on the screen: %v, %v", i+1, texts, err)
		}
		if _, err := batch.Add(texts[0]); err != nil {
			t.Fatal(err)
		}
		if i+1 < len(links) {
			test.Tap(button(t, b, b.T("export.google.next")))
		}
	}
	result, err := batch.Result()
	if err != nil || len(result.Entries)+len(left) != len(entries) {
		t.Errorf("%d accounts and %d left out of %d, %v", len(result.Entries), len(left), len(entries), err)
	}
}
