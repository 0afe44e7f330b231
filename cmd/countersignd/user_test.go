package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"countersign/crypto/identity"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

// signedIn makes a user zoe with a device and a session, and gives the request
// of the browser that has it.
func signedIn(t *testing.T, e *env, folder string) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://sign-in.contoso.example/", nil)
	err := e.withNew(folder, func(d *data) error {
		var user directory.User
		err := d.store.Update(t.Context(), func(tx store.Tx) (err error) {
			if user, err = d.directory.CreateUser(tx, directory.User{Name: "zoe"}); err != nil {
				return err
			}
			key, err := identity.Generate()
			if err != nil {
				return err
			}
			return d.directory.AddDevice(tx, directory.Device{
				ID: key.Thumbprint(), User: user.ID, Name: "phone", Signing: key.Public(), Encryption: key.Public(),
				Platform: policy.Android, FormFactor: policy.Phone, AppVersion: "1.0.0",
			})
		})
		if err != nil {
			return err
		}
		_, err = d.sessions().Begin(w, r, session.Session{User: user.ID, Stage: session.SignedIn})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return r
}

func TestCommandsEndWhatTheyMakeVoid(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*env, dataFlag) error
	}{
		{"a new password", func(e *env, folder dataFlag) error {
			return userPasswordCmd{userName: userName{"zoe"}, dataFlag: folder, PasswordStdin: true}.Run(e)
		}},
		{"a removal", func(e *env, folder dataFlag) error {
			return userRemoveCmd{userName: userName{"zoe"}, dataFlag: folder}.Run(e)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			e := &env{
				ctx: t.Context(), stdin: strings.NewReader("another-password\n"), stdout: io.Discard, stderr: io.Discard,
				getenv: func(string) string { return "" }, logger: slog.New(slog.DiscardHandler),
			}
			browser := signedIn(t, e, folder)
			if err := test.run(e, dataFlag{Data: folder}); err != nil {
				t.Fatal(err)
			}
			err := e.with(folder, func(d *data) error {
				_, err := d.sessions().Current(browser)
				return err
			})
			if !errors.Is(err, session.ErrNone) {
				t.Errorf("the session of before: %v, want it ended", err)
			}
		})
	}
}
