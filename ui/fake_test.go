package ui

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"countersign/app"
	"countersign/assets/translations"
	"countersign/crypto/backup"
	"countersign/crypto/otp"
	"countersign/message"
	"countersign/ui/i18n"
)

// noon is the tests' time: 24 s into a code of 30.
var noon = time.Date(2026, 11, 22, 12, 0, 24, 0, time.UTC)

// fake is a Core of plain fields.
type fake struct {
	t         *testing.T
	now       time.Time
	listener  func(app.Event)
	accounts  []app.Account
	trash     []app.Account
	groups    []string
	codes     map[string]app.Code
	codeErr   map[string]error
	keyErr    map[string]error
	drift     time.Duration
	lock      app.LockState
	inbox     app.Inbox
	activity  []app.Activity
	settings  app.Settings
	input     app.Input
	inputErr  error
	answers   []app.Decision
	answered  []string
	answerErr error
	dismissed []string
	copied    []string
	added     []app.Addition
	read      []string
	confirm   func() (app.Account, error)
	broker    Broker
	unlocked  []string
	unlockErr error
	keys      map[string]otp.Key
	pictures  map[string][]byte
	moved     []string

	devices map[string]app.DeviceList
	asked   []string // whose devices were asked for
	rekeyed []string

	backups    app.BackupState
	backupErr  error
	versions   []backup.Version
	passphrase string
	content    []byte // of every backup
}

func (f *fake) emit(k app.EventKind) {
	if f.listener != nil {
		f.listener(app.Event{Kind: k})
	}
}

func (f *fake) Listen(l func(app.Event)) func() { f.listener = l; return func() {} }
func (f *fake) Wake()                           {}
func (f *fake) Touch()                          {}

func (f *fake) List(filter app.Filter) []app.Account {
	var found []app.Account
	for _, a := range f.accounts {
		all := strings.ToLower(a.Issuer + " " + a.Name)
		if strings.Contains(all, strings.ToLower(filter.Query)) && (filter.Group == "" || slices.Contains(a.Groups, filter.Group)) {
			found = append(found, a)
		}
	}
	return found
}

func (f *fake) Account(id string) (app.Account, error) {
	for _, a := range append(slices.Clone(f.accounts), f.trash...) {
		if a.ID == id {
			return a, nil
		}
	}
	return app.Account{}, app.ErrNoAccount
}

func (f *fake) Trash() []app.Account { return f.trash }
func (f *fake) Groups() []string     { return f.groups }

func (f *fake) Add(_ context.Context, additions ...app.Addition) ([]app.Account, error) {
	f.added = append(f.added, additions...)
	return nil, nil
}

func (f *fake) Edit(_ context.Context, id string, change func(*app.Details)) error {
	for i := range f.accounts {
		if f.accounts[i].ID == id {
			change(&f.accounts[i].Details)
			return nil
		}
	}
	return app.ErrNoAccount
}

func (f *fake) SetPicture(ctx context.Context, id string, picture []byte) error {
	icon := app.OwnPicture
	if picture == nil {
		icon = ""
	}
	f.pictures[id] = picture
	return f.Edit(ctx, id, func(d *app.Details) { d.Icon = icon })
}

func (f *fake) Picture(_ context.Context, id string) ([]byte, error) { return f.pictures[id], nil }

func (f *fake) Move(_ context.Context, id, before string) error {
	f.moved = append(f.moved, id+" before "+before)
	return nil
}

func (f *fake) Delete(_ context.Context, id string) error {
	for i, a := range f.accounts {
		if a.ID == id {
			f.trash = append(f.trash, a)
			f.accounts = slices.Delete(f.accounts, i, i+1)
			f.emit(app.AccountsChanged)
			return nil
		}
	}
	return app.ErrNoAccount
}

func (f *fake) Restore(_ context.Context, id string) error {
	for i, a := range f.trash {
		if a.ID == id {
			f.accounts = append(f.accounts, a)
			f.trash = slices.Delete(f.trash, i, i+1)
			f.emit(app.AccountsChanged)
			return nil
		}
	}
	return app.ErrNoAccount
}

func (f *fake) Purge(context.Context, string) error { return nil }

func (f *fake) Key(id string) (otp.Key, error) {
	if err := f.keyErr[id]; err != nil {
		return otp.Key{}, err
	}
	if k, ok := f.keys[id]; ok {
		return k, nil
	}
	return otp.NewTOTP("", ""), nil
}

func (f *fake) Code(id string) (app.Code, error) {
	c, ok := f.codes[id]
	if err := f.codeErr[id]; err != nil && !ok {
		return app.Code{}, err
	}
	if !ok {
		return app.Code{}, app.ErrPressNext
	}
	if c.Period > 0 {
		c.Remaining = c.Period - time.Duration(f.now.Unix()%int64(c.Period.Seconds()))*time.Second
	}
	return c, nil
}

func (f *fake) NextCode(_ context.Context, id string) (app.Code, error) {
	f.codes[id] = app.Code{Text: "755224", Counter: 1}
	return f.codes[id], nil
}

func (f *fake) Copy(_ context.Context, id string) error {
	if _, ok := f.codes[id]; !ok {
		return app.ErrPressNext
	}
	f.copied = append(f.copied, id)
	return nil
}

func (f *fake) SetCodePIN(_ context.Context, id, pin string) error {
	if pin == "" {
		return otp.ErrPINNeeded
	}
	f.codes[id] = app.Code{Text: "a1b2c3", Next: "d4e5f6", Period: 10 * time.Second}
	f.emit(app.AccountsChanged)
	return nil
}

func (f *fake) Drift() (time.Duration, bool) { return f.drift, f.drift != 0 }

func (f *fake) LockState() app.LockState { return f.lock }
func (f *fake) Lock()                    { f.lock.Locked = true; f.emit(app.LockChanged) }

func (f *fake) Unlock(_ context.Context, pin string) error {
	f.unlocked = append(f.unlocked, pin)
	if f.unlockErr != nil {
		return f.unlockErr
	}
	f.lock.Locked = false
	f.emit(app.LockChanged)
	return nil
}

func (f *fake) SetPIN(context.Context, string, string) error { return nil }
func (f *fake) Erase(context.Context) error                  { return nil }
func (f *fake) Inbox() app.Inbox                             { return f.inbox }

func (f *fake) Answer(_ context.Context, prompt string, d app.Decision) (app.Result, error) {
	f.answered = append(f.answered, prompt)
	f.answers = append(f.answers, d)
	return app.Result{}, f.answerErr
}

func (f *fake) Dismiss(prompt string) {
	f.dismissed = append(f.dismissed, prompt)
	f.inbox = app.Inbox{}
}

func (f *fake) Activity() []app.Activity { return f.activity }
func (f *fake) Reader() Reader           { return fakeReader{f} }

type fakeReader struct{ f *fake }

func (r fakeReader) Read(text string) (app.Input, error) {
	r.f.read = append(r.f.read, text)
	return r.f.input, r.f.inputErr
}

func (f *fake) Devices(id string) app.DeviceList { return f.devices[id] }
func (f *fake) AskDevices(id string)             { f.asked = append(f.asked, id) }

func (f *fake) ChangeKeys(_ context.Context, id string) error {
	f.rekeyed = append(f.rekeyed, id)
	for i := range f.accounts {
		if f.accounts[i].ID == id {
			f.accounts[i].Push.ChangingKeys = true
		}
	}
	f.emit(app.AccountsChanged)
	return nil
}

func (f *fake) Confirm(context.Context, *app.Enrolment, string) (app.Account, error) {
	return f.confirm()
}

func (f *fake) SignIn(context.Context, string, string) (Broker, error) {
	if f.broker == nil {
		return nil, app.ErrNotIOS
	}
	return f.broker, nil
}

func (f *fake) SetBackup(_ context.Context, folder, passphrase string) error {
	if f.backupErr != nil {
		return f.backupErr
	}
	f.backups.Folder, f.passphrase = folder, passphrase
	f.emit(app.SettingsChanged)
	return nil
}

func (f *fake) BackupState() app.BackupState    { return f.backups }
func (f *fake) BackupNow(context.Context) error { return f.backupErr }

func (f *fake) BackupVersions(context.Context) ([]backup.Version, error) {
	return f.versions, f.backupErr
}

func (f *fake) ReadBackup(_ context.Context, name string) ([]byte, error) {
	f.read = append(f.read, name)
	return f.content, nil
}

func (f *fake) Settings() app.Settings { return f.settings }

func (f *fake) UpdateSettings(_ context.Context, change func(*app.Settings)) error {
	change(&f.settings)
	f.emit(app.SettingsChanged)
	return nil
}

// show puts a prompt in the inbox.
func (f *fake) show(p app.Prompt, waiting int) {
	f.inbox = app.Inbox{Current: &p, Waiting: waiting}
	f.emit(app.InboxChanged)
}

// fakeBoot starts a fake.
type fakeBoot struct {
	core       *fake
	err        error
	sealed     bool
	passphrase string
}

func (b *fakeBoot) Start(context.Context) (Core, error) { return b.core, b.err }
func (b *fakeBoot) Sealed() bool                        { return b.sealed }

func (b *fakeBoot) StartSealed(_ context.Context, passphrase string) (Core, error) {
	if passphrase != b.passphrase {
		return nil, ErrPassphrase
	}
	return b.core, nil
}

// prompt is a sign-in request as the tests use it.
func prompt(id string) app.Prompt {
	return app.Prompt{
		ID: id, Account: "contoso", Organisation: "Contoso", User: "alex@contoso.example",
		Challenge: message.Challenge{
			Claims: message.Claims{IssuedAt: noon.Unix(), Expires: noon.Add(time.Minute).Unix()}, Scenario: message.ScenarioMFA, Mode: message.ModeNumber, Digits: 2,
			App: "Contoso Portal", Origin: "https://portal.contoso.example", IP: "203.0.113.7", Location: "Uppsala, Sweden",
		},
		Received: noon, Expires: noon.Add(time.Minute), State: app.PromptOpen,
	}
}

// account makes an account with codes.
func account(id, issuer, name string) app.Account {
	return app.Account{ID: id, Details: app.Details{Issuer: issuer, Name: name}, Code: &app.CodeInfo{Type: otp.TOTP, Algorithm: "SHA1", Digits: 6, Period: 30}, Added: noon.Add(-time.Hour)}
}

// populated is a fake with accounts of every kind.
func populated(t *testing.T) *fake {
	code := func(text, next string, period time.Duration) app.Code {
		return app.Code{Text: text, Next: next, Period: period}
	}
	f := &fake{
		t: t, now: noon, settings: app.DefaultSettings(), keys: map[string]otp.Key{}, pictures: map[string][]byte{}, backups: app.BackupState{Possible: true}, groups: []string{"Arbete", "บ้าน"},
		codes: map[string]app.Code{
			"github": code("492039", "118204", 30*time.Second), "contoso": code("730114", "551928", 30*time.Second),
			"bank": code("05518834", "99120017", 60*time.Second), "steam": code("R7K2P", "M4XQ9", 30*time.Second), "shop": code("204771", "830022", 30*time.Second),
		},
	}
	contoso := account("contoso", "Contoso", "alex@contoso.example")
	contoso.Pinned, contoso.Groups = true, []string{"Arbete"}
	contoso.Push = &app.PushInfo{Organisation: "Contoso", User: "alex@contoso.example", RelayHost: "relay.contoso.example", Verifier: "q4Jx…9TzA", Connected: true}
	bank := account("bank", "Sparbanken", "Alex Åkesson")
	bank.Code.Digits, bank.Code.Period = 8, 60
	steam := account("steam", "Steam", "alexandra_the_great")
	steam.Code = &app.CodeInfo{Type: otp.Steam, Algorithm: "SHA1", Digits: 5, Period: 30}
	counter := account("counter", "VPN", "zoe")
	counter.Code = &app.CodeInfo{Type: otp.HOTP, Algorithm: "SHA1", Digits: 6}
	push := app.Account{ID: "push", Details: app.Details{Issuer: "Fabrikam", Name: "alex@fabrikam.example"}, Push: &app.PushInfo{Organisation: "Fabrikam", User: "alex@fabrikam.example", RelayHost: "relay.fabrikam.example", Verifier: "B2mm…1Wqc"}}
	f.accounts = []app.Account{contoso, account("github", "GitHub", "alex-the-developer-with-a-long-name@users.example"), bank, steam, counter, push, account("shop", "ร้านกาแฟเชียงใหม่", "ลูกค้าประจำ")}
	f.activity = []app.Activity{
		{Time: noon.Add(-time.Minute), Kind: app.ActivityPrompt, Organisation: "Contoso", User: "alex@contoso.example", App: "Contoso Portal", IP: "203.0.113.7", Location: "Uppsala, Sweden", State: "approved"},
		{Time: noon.Add(-26 * time.Hour), Kind: app.ActivityPrompt, Organisation: "Contoso", User: "alex@contoso.example", App: "VPN", IP: "198.51.100.20", State: "denied", Reason: "reported"},
		{Time: noon.Add(-50 * time.Hour), Kind: app.ActivityNotice, Organisation: "Contoso", Notice: "device_added", Detail: "Alex's phone"},
		{Time: noon.Add(-60 * time.Hour), Kind: app.ActivityEnrolled, Organisation: "Contoso", User: "alex@contoso.example"},
		{Time: noon.Add(-80 * time.Hour), Kind: app.ActivityPrompt, Organisation: "Contoso", User: "alex@contoso.example", App: "Contoso Portal", State: "expired"},
	}
	return f
}

// bench is a UI over a fake. Background work runs in place, so that a test sees
// its end at once.
type bench struct {
	*UI
	core *fake
	boot *fakeBoot
}

// options are how a bench's UI looks.
type options struct {
	language string
	dark     bool
	phone    bool
	platform string
	links    []string
}

func newBench(t *testing.T, core *fake, o options) *bench {
	t.Helper()
	return newBenchOver(t, &fakeBoot{core: core}, o)
}

func newBenchOver(t *testing.T, boot *fakeBoot, o options) *bench {
	t.Helper()
	catalogue, err := i18n.Load(translations.Files())
	if err != nil {
		t.Fatal(err)
	}
	core := boot.core
	core.settings.Language = o.language
	core.settings.Theme = app.ThemeLight
	if o.dark {
		core.settings.Theme = app.ThemeDark
	}
	layout, size := app.LayoutDesktop, fyne.NewSize(1060, 740)
	if o.phone {
		layout, size = app.LayoutPhone, fyne.NewSize(400, 800)
	}
	fyneApp := test.NewTempApp(t)
	u := New(t.Context(), Config{
		App: fyneApp, Catalogue: catalogue, Boot: boot, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return core.now }, Locale: o.language, Layout: layout,
		Platform: o.platform, Simulated: o.platform != "", DeviceName: "Alex's laptop", Links: o.links,
		Spawn: func(f func()) { f() }, Do: func(f func()) { f() },
		After: func(time.Duration, func()) func() { return func() {} }, // forward moves the clock
	})
	t.Cleanup(u.win.Close)
	u.win.Resize(size)
	u.Start()
	return &bench{UI: u, core: core, boot: boot}
}

// forward moves the clock, and lets the screens see it.
func (b *bench) forward(d time.Duration) {
	b.core.now = b.core.now.Add(d)
	b.tick()
}

var errFake = errors.New("the fake refuses")
