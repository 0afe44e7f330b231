package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// passphrase seals the app's secrets where there is no keyring.
const passphrase = "a passphrase of the test"

// unlock types the passphrase, and waits until the app is open.
func (a *app) unlock() {
	a.t.Helper()
	before := a.settle().At(3, 3)
	a.write(passphrase)
	a.keys("Return")
	eventually(a.t, time.Minute, "the passphrase opens the app", func() error {
		if a.corner() == before {
			return fmt.Errorf("the passphrase is still asked for")
		}
		return nil
	})
}

// TestSignInWithoutKeyring: where there is no keyring the app says so, and seals
// its secrets under a passphrase. A killed app asks for it, and has lost nothing.
func TestSignInWithoutKeyring(t *testing.T) {
	s := serve(t, "")
	e := s.enrolment(demoUser)
	h, x := newHome(t, false), newScreen(t)
	a := h.start(x, "--enrol", e.link)
	a.logs("keyring not available")
	a.leads("a passphrase is asked for", "Tab", "Return")
	a.write(passphrase)
	a.keys("Return") // to the second field
	a.unlock()
	enrol(t, e, a)
	a.end(syscall.SIGKILL)

	a = h.start(x)
	a.unlock()
	p := open(t, s.url, look{}).signIn(demoUser, s.password)
	a.answer(p.number())
	p.shows("account")
	if sealed, err := filepath.Glob(filepath.Join(h.data(), "sealed", "*")); err != nil || len(sealed) == 0 {
		t.Errorf("no sealed file: %v", err)
	}
}

// links are accounts as other services give them.
var links = []string{
	"otpauth://totp/GitHub:alex-example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=GitHub",
	"otpauth://totp/Fastmail:alex%40contoso.example?secret=KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU&issuer=Fastmail",
	"otpauth://totp/Hetzner:contoso?secret=ONSWG4TFORZWC3DUONSWG4TFORZWC3DU&issuer=Hetzner&algorithm=SHA256",
	"otpauth://totp/Nextcloud:alex?secret=MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK&issuer=Nextcloud&digits=8",
	"otpauth://totp/Mastodon:alex%40social.example?secret=NNWG23TPOBYXE43UNNWG23TPOBYXE43U&issuer=Mastodon",
	"otpauth://hotp/Town%20library:4711?secret=OVSXO53PMRZXIYLOOVSXO53PMRZXIYLO&issuer=Town%20library&counter=3",
}

// stored counts the accounts that the app has written down whole.
func (h *home) stored() (int, error) {
	text, err := os.ReadFile(filepath.Join(h.data(), "accounts.json"))
	if err != nil {
		return 0, err
	}
	var index struct {
		Accounts []struct {
			Mark string `json:"mark"`
		} `json:"accounts"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return 0, err
	}
	whole := 0
	for _, account := range index.Accounts {
		if account.Mark == "" {
			whole++
		}
	}
	return whole, nil
}

// add confirms the links that the app was started with, by an impatient press
// too many, which must not add them twice.
func (h *home) add(a *app, want int) {
	h.t.Helper()
	eventually(h.t, time.Minute, "the accounts are stored", func() error {
		a.keys("Return", "Return")
		n, err := h.stored()
		if err == nil && n < want {
			err = fmt.Errorf("there are %d", n)
		}
		return err
	})
	a.opened()
	if n, err := h.stored(); err != nil || n != want {
		h.t.Fatalf("%d accounts are stored: %v", n, err)
	}
}

// opened waits until the codes are on the screen: their countdown moves, again
// and again, and nothing else does.
func (a *app) opened() {
	a.t.Helper()
	before, moves := a.look(), 0
	eventually(a.t, time.Minute, "the codes count down", func() error {
		now := a.look()
		share := changed(before, now)
		before = now
		switch {
		case share > still: // another screen
			moves = 0
		case share > 0:
			moves++
		}
		if moves < 3 {
			return fmt.Errorf("it moved %d times", moves)
		}
		return nil
	})
}

// TestCodesOutliveAKill: accounts that were added are there after a crash, and
// their codes are what another program computes.
func TestCodesOutliveAKill(t *testing.T) {
	h, x := newHome(t, true), newScreen(t)
	a := h.start(x, strings.Join(links, "\n"))
	h.add(a, len(links))
	a.unsaid()
	a.picture(picture(t, "codes.png"))
	a.end(syscall.SIGKILL)

	h.env = []string{"FYNE_THEME=dark"}
	a = h.start(x)
	a.opened()
	a.picture(picture(t, "codes-dark.png"))
	a.end(syscall.SIGKILL)

	a = h.start(x, "--layout", "phone")
	a.opened()
	a.picture(picture(t, "codes-phone-dark.png"))
	a.end(syscall.SIGKILL)

	h.env = nil
	a = h.start(x, "--layout", "phone")
	a.opened()
	a.picture(picture(t, "codes-phone.png"))
	a.write("github")
	a.settle()
	a.keys("Return")
	isCode(t, a.clipboard())
}

// isCode is sure that a code is what another program computes of the first
// link's secret, now or one step ago.
func isCode(t *testing.T, code string) {
	t.Helper()
	for _, at := range []string{"now", "30 seconds ago"} {
		if strings.TrimSpace(output(t, "", "oathtool", "--totp", "--base32", "--now", at, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")) == code {
			return
		}
	}
	t.Errorf("the app copied %s, which is not the code", code)
}
