package adfs_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/directory"
)

// adapterSource is the adapter for a real server.
const adapterSource = "../../adapters/adfs"

// compile builds the adapter with Mono, against the project's stub of AD FS's
// interface, and the host that stands in for AD FS. A warning is an error.
func compile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, step := range []struct {
		folder string
		args   []string
	}{
		{"stub", []string{"-target:library", "-out:" + dir + "/Microsoft.IdentityServer.Web.dll"}},
		{"src", []string{"-target:library", "-out:" + dir + "/Countersign.Adfs.dll", "-r:" + dir + "/Microsoft.IdentityServer.Web.dll", "-r:System.Runtime.Serialization"}},
		{"host", []string{"-out:" + dir + "/Host.exe", "-r:" + dir + "/Microsoft.IdentityServer.Web.dll", "-r:" + dir + "/Countersign.Adfs.dll"}},
	} {
		files, err := filepath.Glob(filepath.Join(adapterSource, step.folder, "*.cs"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", step.folder, err)
		}
		// C# 5 is what the compiler on every Windows Server reads.
		args := append([]string{"-langversion:5", "-warnaserror"}, append(step.args, files...)...)
		if out, err := exec.CommandContext(t.Context(), "mcs", args...).CombinedOutput(); err != nil {
			t.Fatalf("mcs %s: %v\n%s (make deps installs it)", step.folder, err, out)
		}
	}
	return dir
}

// host starts the stand-in for AD FS, with the adapter in it, and gives its
// address and what it says of itself.
func host(t *testing.T, dir, service, key string) (address, metadata string) {
	t.Helper()
	keyFile, config := filepath.Join(dir, "key"), filepath.Join(dir, "config.json")
	settings, err := json.Marshal(map[string]string{"url": service, "key_file": keyFile})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{keyFile: key + "\r\n", config: string(settings)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("mono", filepath.Join(dir, "Host.exe"), config)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for _, line := range []*string{&metadata, &address} {
		if !lines.Scan() {
			_ = cmd.Wait()
			t.Fatalf("the host ended:\n%s", stderr.String())
		}
		*line = lines.Text()
	}
	return address, metadata
}

// browser is a user at the host's page.
type browser struct {
	*testing.T
	client *http.Client
	at     string
	page   string
}

func (b *browser) read(response *http.Response, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("status %d, %v: %s", response.StatusCode, err, body)
	}
	b.page = html.UnescapeString(string(body))
}

// open begins a sign-in.
func (b *browser) open(user, lcid string) {
	b.Helper()
	b.read(b.client.Get(b.at + "?upn=" + url.QueryEscape(user) + "&lcid=" + lcid + "&wtrealm=urn:payroll"))
}

var (
	hidden  = regexp.MustCompile(`name="(AuthMethod|Context)" value="([^"]*)"`)
	numeral = regexp.MustCompile(`id="countersignNumber"[^>]*>(\d+)<`)
)

// submit posts the form with its hidden fields, and what the user adds.
func (b *browser) submit(name, value string) {
	b.Helper()
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(b.page, -1) {
		form.Set(field[1], field[2])
	}
	if len(form) != 2 {
		b.Fatalf("the form lacks its hidden fields:\n%s", b.page)
	}
	if name != "" {
		form.Set(name, value)
	}
	b.read(b.client.PostForm(b.at, form))
}

func (b *browser) wants(text string) {
	b.Helper()
	if !strings.Contains(b.page, text) {
		b.Fatalf("%q is missing from:\n%s", text, b.page)
	}
}

func (b *browser) number() string {
	b.Helper()
	found := numeral.FindStringSubmatch(b.page)
	if found == nil {
		b.Fatalf("no number stands in:\n%s", b.page)
	}
	return found[1]
}

func TestAdapterSignsIn(t *testing.T) {
	s := newService(t)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	dir := compile(t)
	at, metadata := host(t, dir, server.URL, s.key)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if want := "Countersign http://schemas.microsoft.com/ws/2012/12/authmethod/phoneconfirmation http://schemas.microsoft.com/ws/2012/12/authmethod/otp"; metadata != want {
		t.Fatalf("the metadata is %q", metadata)
	}
	open := func(t *testing.T, user, lcid string) *browser {
		t.Helper()
		b := &browser{T: t, client: client, at: at}
		b.open(user, lcid)
		return b
	}
	add := func(name string) directory.Device { return s.Device(s.User(directory.User{Name: name})) }
	const claim = "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod="

	t.Run("by the number on the page", func(t *testing.T) {
		phone := add("zoe@contoso.example")
		b := open(t, "zoe@contoso.example", "1053")
		b.wants("Ange det här numret i din autentiseringsapp:")
		asked, _ := s.Asked(phone.ID)
		if asked.App != "urn:payroll" || asked.IP != "127.0.0.1" {
			t.Fatalf("the device was asked %+v", asked)
		}
		s.Approve(phone, b.number())
		form := b.page
		b.submit("", "")
		b.wants("authenticated " + claim + "http://schemas.microsoft.com/ws/2012/12/authmethod/phoneconfirmation")
		// The same form again: what it was good for is used up.
		b.page = form
		b.submit("", "")
		b.wants("Inloggningen kunde inte slutföras. Börja om.")
	})
	t.Run("not by another number", func(t *testing.T) {
		phone := add("kim")
		b := open(t, "kim", "1054")
		wrong := "10"
		if b.number() == wrong {
			wrong = "11"
		}
		s.Approve(phone, wrong)
		b.submit("", "")
		b.wants("หมายเลขไม่ถูกต้อง โปรดลงชื่อเข้าใช้อีกครั้ง")
		b.submit("", "")
		b.wants("โปรดเริ่มใหม่")
	})
	t.Run("by a code", func(t *testing.T) {
		secret := "12345678901234567890"
		s.TOTP(s.User(directory.User{Name: "lee"}), secret)
		key := otp.NewTOTP("", "")
		key.Secret = otp.Secret(secret)
		right, err := key.Code(s.Clock.Now())
		s.Check(err)
		b := open(t, "lee", "1033")
		b.wants("Enter the code that your authenticator app shows:")
		b.submit("CountersignCode", "")
		b.wants("Enter the code that your authenticator app shows:")
		b.submit("CountersignCode", "12")
		b.wants("The code is wrong. Enter the next one that your app shows.")
		b.submit("CountersignCode", right)
		b.wants("authenticated " + claim + "http://schemas.microsoft.com/ws/2012/12/authmethod/otp")
	})
	t.Run("by a code in the push's place", func(t *testing.T) {
		phone := add("ben")
		if b := open(t, "ben", "1033"); strings.Contains(b.page, "CountersignUseCode") {
			t.Error("a code is offered to a user without one")
		} else {
			b.submit("CountersignCancel", "1")
		}
		secret := "09876543210987654321"
		s.TOTP(directory.User{ID: phone.User}, secret)
		key := otp.NewTOTP("", "")
		key.Secret = otp.Secret(secret)
		right, err := key.Code(s.Clock.Now())
		s.Check(err)
		b := open(t, "ben", "1053")
		b.wants("Använd en kod i stället")
		number := b.number()
		b.submit("CountersignUseCode", "1")
		b.wants("Ange koden som din autentiseringsapp visar:")
		// The phone is out of it: its prompt was taken back.
		s.Answer(phone, func(a *message.Answer) { a.Number = number })
		b.submit("CountersignCode", right)
		b.wants("authenticated " + claim + "http://schemas.microsoft.com/ws/2012/12/authmethod/otp")
	})
	t.Run("by the number, if the phone was faster", func(t *testing.T) {
		phone := add("eva")
		s.TOTP(directory.User{ID: phone.User}, "11111111111111111111")
		b := open(t, "eva", "1033")
		s.Approve(phone, b.number())
		b.submit("CountersignUseCode", "1")
		b.wants("authenticated " + claim + "http://schemas.microsoft.com/ws/2012/12/authmethod/phoneconfirmation")
	})
	t.Run("not once it was cancelled", func(t *testing.T) {
		phone := add("max")
		b := open(t, "max", "1033")
		form := b.page
		b.submit("CountersignCancel", "1")
		b.wants("The sign-in could not be finished. Start again.")
		number := numeral.FindStringSubmatch(form)[1]
		s.Answer(phone, func(a *message.Answer) { a.Number = number }) // too late
		b.page = form
		b.submit("", "")
		b.wants("The sign-in could not be finished. Start again.")
	})
	t.Run("not without a method", func(t *testing.T) {
		b := open(t, "nobody", "1033")
		b.wants("No authenticator is registered for you. Register one first.")
		b.submit("", "")
		b.wants("The sign-in could not be finished. Start again.")
	})
	t.Run("not without a name", func(t *testing.T) {
		open(t, "", "1033").wants("The sign-in could not be finished. Start again.")
	})
	t.Run("not when Countersign is down", func(t *testing.T) {
		server.Close()
		open(t, "zoe@contoso.example", "1033").wants("The sign-in could not be finished. Start again.")
	})
}
