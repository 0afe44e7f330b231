package ui

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"countersign/app"
	"countersign/app/transfer"
	"countersign/crypto/otp"
	"countersign/ui/kit"
)

func TestTheDevicesOfAnAccountAreShownWithTheirAge(t *testing.T) {
	b := phone(t)
	b.openDevices("contoso")
	if len(b.core.asked) != 1 || b.core.asked[0] != "contoso" || !shows(b, b.F("devices.asking", args{"organisation": "Contoso"})) {
		t.Fatalf("asked for %q", b.core.asked)
	}
	b.listed()
	b.core.emit(app.AccountsChanged) // the answer came
	for _, text := range []string{"Alex's laptop", "Alex's phone", "Surfplattan hemma", b.T("devices.this")} {
		if !shows(b, text) {
			t.Errorf("%q is not on the screen", text)
		}
	}
	if shows(b, b.F("devices.seen", args{"time": ""})) {
		t.Error("a device that was not seen yet is said to have been")
	}
	b.core.now = b.core.now.Add(24 * time.Hour)
	b.core.accounts[0].Push.Connected = false
	b.core.emit(app.ConnectionChanged)
	if !shows(b, b.F("devices.offline", args{"time": b.when(noon.Add(-time.Minute))})) {
		t.Error("an old list does not say how old it is")
	}
	if len(b.core.asked) != 1 {
		t.Error("drawing the page anew asked again")
	}
	b.openDevices("push")
	if !shows(b, b.F("devices.unknown", args{"organisation": "Fabrikam"})) {
		t.Error("without a list and a connection nothing says what to do")
	}
}

func TestKeysChangeOnlyAfterAQuestion(t *testing.T) {
	b := phone(t)
	b.openDetails("contoso")
	b.askChangeKeys(b.core.accounts[0])
	test.Tap(button(t, b, b.T("action.cancel")))
	if len(b.core.rekeyed) != 0 {
		t.Fatal("changed without a yes")
	}
	b.askChangeKeys(b.core.accounts[0])
	test.Tap(button(t, b, b.T("keys.change")))
	if len(b.core.rekeyed) != 1 || b.core.rekeyed[0] != "contoso" {
		t.Fatalf("changed %q", b.core.rekeyed)
	}
	if !shows(b, b.T("keys.changing")) {
		t.Error("nothing says that it is under way")
	}
	done := b.F("keys.done", args{"organisation": "Contoso"})
	if shows(b, done) {
		t.Error("said to be done before it is")
	}
	b.core.accounts[0].Push.ChangingKeys = false
	b.core.emit(app.AccountsChanged)
	if !shows(b, done) {
		t.Error("nothing says that it is done")
	}
}

func TestAPromptWhileLockedAsksForThePINFirst(t *testing.T) {
	b := phone(t)
	b.core.lock = app.LockState{Set: true, TriesLeft: 10}
	b.core.Lock()
	b.core.show(prompt("p1"), 0)
	v := b.prompt
	if v.number != nil || v.pin == nil || !shows(b, b.T("prompt.locked")) {
		t.Fatal("the number is asked for while the app is locked")
	}
	b.core.unlockErr = app.ErrWrongPIN
	b.typeOn("9999", fyne.KeyReturn)
	if len(b.core.answers) != 0 || len(b.core.unlocked) != 1 || b.prompt != v || v.err == "" {
		t.Fatalf("after a wrong PIN: answers %v, tried %v, said %q", b.core.answers, b.core.unlocked, v.err)
	}
	b.core.unlockErr = nil
	b.typeOn("1234", fyne.KeyReturn)
	if v.number == nil || v.pin != nil || v.err != "" || len(b.core.answers) != 0 {
		t.Fatal("the number is not asked for after the PIN")
	}
	b.typeOn("42", "")
	b.core.Lock() // by itself, while the number is typed
	if v.number != nil || v.pin == nil {
		t.Fatal("the PIN is not asked for again")
	}
	b.typeOn("1234", fyne.KeyReturn)
	if v.number == nil || v.number.Number() != "42" {
		t.Fatal("what was typed is lost")
	}
	b.typeOn("", fyne.KeyReturn)
	if len(b.core.answers) != 1 || b.core.answers[0] != app.Approve("42") || b.core.answered[0] != "p1" {
		t.Errorf("answered %v, %v", b.core.answered, b.core.answers)
	}
}

// To refuse needs no PIN: doubt denies.
func TestAPromptCanBeRefusedWhileLocked(t *testing.T) {
	for key, want := range map[string]app.Decision{"prompt.report": app.Report(), "prompt.deny": app.Deny()} {
		b := phone(t)
		b.core.lock = app.LockState{Set: true, TriesLeft: 10}
		b.core.Lock()
		b.core.show(prompt("p1"), 0)
		test.Tap(button(t, b, b.T(key)))
		if len(b.core.answers) != 1 || b.core.answers[0] != want || len(b.core.unlocked) != 0 {
			t.Errorf("%s: answered %v", key, b.core.answers)
		}
	}
}

func TestTheWaitBetweenTriesHoldsForPromptsToo(t *testing.T) {
	b := phone(t)
	b.core.lock = app.LockState{Set: true, TriesLeft: 5, Until: b.core.now.Add(10 * time.Second)}
	b.core.Lock()
	b.core.show(prompt("p1"), 0)
	if v := b.prompt; v.pin != nil || v.approve != nil || !shows(b, b.p.N("lock.wait", 10, nil)) {
		t.Fatal("a PIN is asked for during the wait")
	}
	b.forward(4 * time.Second)
	if !shows(b, b.p.N("lock.wait", 6, nil)) {
		t.Error("the wait is not counted down")
	}
	b.forward(6 * time.Second)
	if b.prompt.pin == nil {
		t.Error("after the wait no PIN is asked for")
	}
}

func TestTheLockScreenAsksAgainAfterTheWait(t *testing.T) {
	b := phone(t)
	b.core.lock = app.LockState{Set: true, TriesLeft: 7, Until: b.core.now.Add(5 * time.Second)}
	b.core.Lock()
	if !shows(b, b.p.N("lock.wait", 5, nil)) || shows(b, b.T("lock.open")) {
		t.Fatal("a PIN is asked for during the wait")
	}
	if b.forward(4 * time.Second); !shows(b, b.p.N("lock.wait", 1, nil)) || !b.ticking.running {
		t.Error("the wait is not counted down")
	}
	b.core.lock.Until = time.Time{} // as the core tells it once the wait is over
	if b.forward(time.Second); !shows(b, b.T("lock.open")) {
		t.Error("after the wait no PIN is asked for")
	}
	if b.ticking.running {
		t.Error("ticks though nothing waits")
	}
}

func TestTheLockScreenSaysThatNoRequestsCome(t *testing.T) {
	for _, silent := range []bool{false, true} {
		b := phone(t)
		b.core.lock = app.LockState{Set: true, TriesLeft: 10, Silent: silent}
		b.core.Lock()
		if shows(b, b.T("lock.silent")) != silent {
			t.Errorf("silent %v, and the screen says otherwise", silent)
		}
	}
}

// thousands is an import of n accounts, of which some cannot be used.
func thousands(n int) transfer.Result {
	result := transfer.Result{Format: transfer.FormatAegis}
	for i := range n {
		k := otp.NewTOTP("Service "+strconv.Itoa(i), "alex")
		result.Entries = append(result.Entries, transfer.Entry{Key: k})
	}
	for range n / 10 {
		result.Unsupported = append(result.Unsupported, transfer.Unsupported{Name: "Old VPN", Field: "algorithm"})
	}
	return result
}

// TestThePreviewOfThousandsDrawsWhatIsInView counts the cells, scrolls through by
// keyboard, and adds all of them.
func TestThePreviewOfThousandsDrawsWhatIsInView(t *testing.T) {
	for _, o := range []options{{language: "en", phone: true}, {language: "th"}} {
		b := newBench(t, populated(t), o)
		b.previewImport(thousands(5000))
		var deck *kit.Deck
		for _, o := range test.LaidOutObjects(b.win.Content()) {
			if found, ok := o.(*kit.Deck); ok {
				deck = found
			}
		}
		if deck == nil {
			t.Fatal("no list")
		}
		cells := 0
		count := func() { deck.Each(func(kit.Cell) { cells++ }) }
		count()
		if cells == 0 || cells > 20 {
			t.Errorf("%d cells at the top", cells)
		}
		for _, at := range []int{0, 2500, 5499} {
			deck.FocusItem(at)
			c, ok := deck.Cell(at)
			if !ok {
				t.Fatalf("row %d is not in view", at)
			}
			row := c.(*previewCell)
			if at < 5000 && row.name.Text() != "Service "+strconv.Itoa(at) || at >= 5000 && row.detail.Text() != kit.Plain(b.T("field.algorithm")) {
				t.Errorf("row %d reads %q, %q", at, row.name.Text(), row.detail.Text())
			}
			cells = 0
			count()
			if cells > 20 {
				t.Errorf("%d cells at row %d", cells, at)
			}
		}
		test.Tap(button(t, b, b.p.N("add.confirm", 5000, nil)))
		if len(b.core.added) != 5000 {
			t.Errorf("added %d", len(b.core.added))
		}
	}
}

func TestALinkOfAnAccountThatIsHereAddsNothing(t *testing.T) {
	b := phone(t)
	known := keyOf(b.core.accounts[1], 1)
	b.core.keys["github"] = known
	renewed := keyOf(b.core.accounts[1], 2)
	b.core.input = app.Input{Keys: []otp.Key{known, renewed}}
	b.take("otpauth://")
	if !shows(b, joined(known.Name, b.T("import.duplicate"))) {
		t.Error("the one that is here is not marked")
	}
	test.Tap(button(t, b, b.p.N("add.confirm", 1, nil)))
	if len(b.core.added) != 1 || b.core.added[0].Key != renewed {
		t.Errorf("added %v", b.core.added)
	}
}

func TestErrorsOfTheDisksHaveWords(t *testing.T) {
	b := phone(t)
	if got := b.explain(errors.Join(errFake, app.ErrLinkVersion)); got != b.T("error.link_version") {
		t.Errorf("reads %q", got)
	}
}

func TestACodeThatNeedsItsPINAsksForIt(t *testing.T) {
	b := phone(t)
	motp := account("motp", "Old VPN", "zoe")
	motp.Code = &app.CodeInfo{Type: otp.MOTP, Algorithm: otp.MD5, Digits: 6, Period: 10}
	b.core.accounts = append([]app.Account{motp}, b.core.accounts...)
	b.core.codeErr = map[string]error{"motp": otp.ErrPINNeeded}
	b.core.emit(app.AccountsChanged)
	if !shows(b, b.T("code.pin")) {
		t.Error("the list does not say what is missing")
	}
	b.openDetails("motp")
	b.openCodePIN("motp")
	b.typeOn("1234", fyne.KeyReturn)
	if _, err := b.core.Code("motp"); err != nil || len(b.pages) != 1 {
		t.Errorf("%v, %d pages", err, len(b.pages))
	}
	b.openDetails("github")
	if shows(b, b.T("code.pin")) {
		t.Error("a code without a PIN asks for one")
	}
}

// One PIN is enough where the organisation asks for it anyway.
func TestALockedPromptThatWantsThePINAsksForItOnce(t *testing.T) {
	b := phone(t)
	b.core.lock = app.LockState{Set: true, TriesLeft: 10}
	b.core.Lock()
	p := prompt("p1")
	p.Challenge.UserVerification = true
	b.core.show(p, 0)
	if b.prompt.number == nil || b.prompt.pin == nil || shows(b, b.T("prompt.locked")) {
		t.Fatal("two PINs are asked for")
	}
	b.typeOn("42", "")
	b.prompt.pin.Entry.SetText("246810")
	b.prompt.submit()
	if len(b.core.answers) != 1 || b.core.answers[0].PIN != "246810" || len(b.core.unlocked) != 0 {
		t.Errorf("answered %v, unlocked %v", b.core.answers, b.core.unlocked)
	}
}

// One account that the keyring lost keeps nobody from importing; an export that
// would leave it out fails, and says so.
func TestAnUnreadableAccountStopsExportsAndNotImports(t *testing.T) {
	for err, imports := range map[error]bool{app.ErrNoSecret: true, app.ErrLoading: false} {
		b := phone(t)
		b.core.keyErr = map[string]error{"github": err}
		b.previewImport(thousands(20))
		if (len(b.pages) == 1) != imports {
			t.Errorf("%v: %d pages", err, len(b.pages))
		}
		if _, _, got := b.entries(); !errors.Is(got, err) {
			t.Errorf("an export says %v", got)
		}
	}
}
