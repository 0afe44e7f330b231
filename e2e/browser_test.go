package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is one Chromium, behind browser/bridge.mjs.
type browser struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	serial  int
	waiting map[int]chan<- reply
	failed  error // the bridge has ended
	checked map[string]bool
}

// first reports whether this is the first look at such a page.
func (b *browser) first(page string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.checked[page]
	b.checked[page] = true
	return !before
}

type reply struct {
	N     int             `json:"n"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

func startBrowser(ctx context.Context) (*browser, error) {
	if _, err := os.Stat("browser/node_modules"); err != nil {
		return nil, errors.New("the browser's driver is missing: npm ci --prefix e2e/browser (make e2e does it)")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	b := &browser{waiting: map[int]chan<- reply{}, checked: map[string]bool{}}
	b.cmd = exec.CommandContext(ctx, "node", "browser/bridge.mjs")
	b.cmd.Env = append(os.Environ(), "CHROMIUM="+chromium)
	b.cmd.Stderr = os.Stderr
	b.cmd.WaitDelay = 10 * time.Second
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the browser: %w", err)
	}
	go b.read(out)
	return b, nil
}

func (b *browser) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintf(os.Stderr, "browser: %s\n", lines.Text())
			continue
		}
		b.mu.Lock()
		to := b.waiting[r.N]
		delete(b.waiting, r.N)
		b.mu.Unlock()
		if to != nil {
			to <- r
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = errors.New("the browser has ended")
	for _, to := range b.waiting {
		to <- reply{Error: b.failed.Error()}
	}
	clear(b.waiting)
}

func (b *browser) stop() error {
	return errors.Join(b.in.Close(), b.cmd.Wait())
}

// call sends a command and gives its answer.
func (b *browser) call(command map[string]any) (json.RawMessage, error) {
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.serial++
	command["n"] = b.serial
	line, err := json.Marshal(command)
	if err == nil {
		err = b.failed
	}
	if err == nil {
		b.waiting[b.serial] = answer
		_, err = b.in.Write(append(line, '\n'))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	r := <-answer
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	return r.Value, nil
}

// look is how a reader sees a page.
type look struct {
	scheme, language string
	width, height    int
	noScript         bool
}

func (l look) filled() look {
	if l.scheme == "" {
		l.scheme = "light"
	}
	if l.language == "" {
		l.language = "en"
	}
	if l.width == 0 {
		l.width, l.height = 1100, 800
	}
	return l
}

// page is a page in a browser session of its own.
type page struct {
	t    *testing.T
	name string
	base string
	look look
	tabs bool // it stands beside another in the same session
}

// open begins a browser session. At the test's end the page must have asked
// nothing of other servers and broken no rule of its own policy.
func open(t *testing.T, base string, l look) *page {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	shared.browser.mu.Lock()
	shared.browser.serial++
	p := &page{t: t, name: fmt.Sprintf("page-%d", shared.browser.serial), base: strings.TrimSuffix(base, "/")}
	shared.browser.mu.Unlock()
	l = l.filled()
	p.look = l
	p.must("open", "origin", u.Scheme+"://"+u.Host, "scheme", l.scheme, "language", l.language, "width", l.width, "height", l.height, "script", !l.noScript)
	t.Cleanup(func() {
		if t.Failed() {
			_, _ = p.do("picture", "path", keep(t, p.name+".png"))
		}
		p.close()
	})
	return p
}

func (p *page) close() {
	p.t.Helper()
	var problems []string
	if err := json.Unmarshal(p.must("problems"), &problems); err != nil || len(problems) > 0 {
		p.t.Errorf("the page did what it must not: %v %q", err, problems)
	}
	p.must("close", "tab", p.tabs)
}

// tab opens a path in another tab of the same session; of a foreign site, by its
// whole address.
func (p *page) tab(address string) *page {
	p.t.Helper()
	shared.browser.mu.Lock()
	shared.browser.serial++
	other := &page{t: p.t, name: fmt.Sprintf("page-%d", shared.browser.serial), base: p.base, look: p.look, tabs: true}
	shared.browser.mu.Unlock()
	origin := p.base
	if !strings.HasPrefix(address, "/") {
		origin, other.base = "", ""
	}
	other.must("tab", "of", p.name, "origin", origin)
	p.t.Cleanup(other.close)
	return other.visit(address)
}

// choose picks an option.
func (p *page) choose(selector, option string) *page {
	p.t.Helper()
	p.must("select", "selector", selector, "text", option)
	return p
}

// value is what stands in a field.
func (p *page) value(selector string) string {
	p.t.Helper()
	return p.string("value", "selector", selector)
}

// refused is sure that the page says why it did nothing, so that everybody can
// read it, and gives its words.
func (p *page) refused(state string) string {
	p.t.Helper()
	p.shows(state).has("#error").accessible()
	return p.text("#error")
}

func (p *page) do(command string, pairs ...any) (json.RawMessage, error) {
	m := map[string]any{"do": command, "page": p.name}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return shared.browser.call(m)
}

// must does a command that has to work. In a clean-up it reports and goes on.
func (p *page) must(command string, pairs ...any) json.RawMessage {
	p.t.Helper()
	value, err := p.do(command, pairs...)
	if err == nil {
		return value
	}
	if p.t.Context().Err() != nil { // the test's function has ended
		p.t.Errorf("%s %v: %v", command, pairs, err)
		return json.RawMessage("null")
	}
	p.t.Fatalf("%s %v: %v", command, pairs, err)
	return nil
}

func (p *page) string(command string, pairs ...any) string {
	p.t.Helper()
	var s string
	if err := json.Unmarshal(p.must(command, pairs...), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *page) visit(path string) *page {
	p.t.Helper()
	p.must("goto", "url", p.base+path)
	return p
}

func (p *page) fill(selector, text string) *page {
	p.t.Helper()
	p.must("fill", "selector", selector, "text", text)
	return p
}

func (p *page) click(selector string) *page {
	p.t.Helper()
	p.must("click", "selector", selector)
	return p
}

// patience is how long a page may take; it is long because the machine is busy.
const patience = 30

// shows waits for a page of that state, and the first time that it is looked at
// in this way sees whether everybody can use it.
func (p *page) shows(state string) *page {
	p.t.Helper()
	return p.showsWithin(state, patience)
}

func (p *page) showsWithin(state string, seconds int) *page {
	p.t.Helper()
	if _, err := p.do("wait", "selector", `[data-state="`+state+`"]`, "seconds", seconds); err != nil {
		there, _ := p.do("attribute", "selector", "[data-state]", "name", "data-state")
		p.t.Fatalf("the page is %s and not %q: %v", there, state, err)
	}
	if shared.browser.first(fmt.Sprint(state, p.look)) {
		p.accessible()
	}
	return p
}

// has waits for an element.
func (p *page) has(selector string) *page {
	p.t.Helper()
	p.must("wait", "selector", selector, "seconds", patience)
	return p
}

// lacks is sure that the page has no such element.
func (p *page) lacks(selector string) *page {
	p.t.Helper()
	if n := string(p.must("count", "selector", selector)); n != "0" {
		p.t.Fatalf("the page has %s of %s", n, selector)
	}
	return p
}

func (p *page) text(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(p.string("text", "selector", selector))
}

func (p *page) attribute(selector, name string) string {
	p.t.Helper()
	return p.string("attribute", "selector", selector, "name", name)
}

// number is the number of a sign-in, as the page shows it.
func (p *page) number() string {
	p.t.Helper()
	return p.shows("number").text("#number")
}

func (p *page) picture(path, selector string) {
	p.t.Helper()
	p.must("picture", "path", path, "selector", selector)
}

// accessible is sure that axe-core finds nothing serious on the page, and that
// it fits its width.
func (p *page) accessible() {
	p.t.Helper()
	var found []string
	if err := json.Unmarshal(p.must("accessible"), &found); err != nil {
		p.t.Fatal(err)
	}
	for _, f := range found {
		p.t.Errorf("%s: %s", p.string("url"), f)
	}
	if string(p.must("wide")) != "false" {
		p.t.Errorf("%s can be scrolled sideways", p.string("url"))
	}
}

// signIn gives name and password.
func (p *page) signIn(user, password string) *page {
	p.t.Helper()
	return p.visit("/").shows("sign-in").fill("#username", user).fill("#password", password).click("#submit")
}

// signOut ends the session.
func (p *page) signOut() *page {
	p.t.Helper()
	return p.click("#signout").shows("sign-in")
}
