package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"countersign/crypto/otp"
	"countersign/message"
	"countersign/verifier/page"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

// totpView is the data of totp.html.
type totpView struct {
	Secret, Error string
	Link          template.URL
}

// addTOTP is POST /account/totp: a new secret, which counts once a code of it
// has been typed.
func (web *Web) addTOTP(w http.ResponseWriter, r *http.Request) error {
	return web.change(w, r, nextTOTP)
}

func (web *Web) beginTOTP(w http.ResponseWriter, r *http.Request, current session.Session) error {
	sealed, err := web.Vault.Seal(secretLabel(current.User), []byte(otp.NewTOTPSecret()))
	if err != nil {
		return err
	}
	_, err = web.Sessions.Change(r.Context(), current, func(s *session.Session) {
		s.Secret, s.Next, s.Flow, s.Challenge = sealed, "", "", ""
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/account/totp")
}

func secretLabel(user string) string { return "web-totp/" + user }

// registering gives the session that adds a code generator, with its key.
func (web *Web) registering(r *http.Request) (session.Session, otp.Key, error) {
	current, m, err := web.signedIn(r)
	if err != nil {
		return current, otp.Key{}, err
	}
	if len(current.Secret) == 0 || !current.Approved(web.Now(), approvalFresh+message.EnrolmentLifetime) {
		return current, otp.Key{}, errNoSecret
	}
	secret, err := web.Vault.Open(secretLabel(current.User), current.Secret)
	if err != nil {
		return current, otp.Key{}, err
	}
	settings, err := web.settings(r.Context())
	if err != nil {
		return current, otp.Key{}, err
	}
	key := otp.NewTOTP(settings.Name, m.user.Name)
	key.Secret = otp.Secret(secret)
	return current, key, nil
}

// errNoSecret sends the reader of a stale page back to the sign-in's start.
var errNoSecret = fmt.Errorf("web: no code generator is being added: %w", session.ErrNone)

func (web *Web) showTOTP(w http.ResponseWriter, r *http.Request) error {
	_, key, err := web.registering(r)
	if err != nil {
		return redirect(w, r, "/account") // which asks to sign in, if that is it
	}
	return web.drawTOTP(w, r, http.StatusOK, key, "")
}

func (web *Web) drawTOTP(w http.ResponseWriter, r *http.Request, status int, key otp.Key, problem string) error {
	// The scheme is the authenticators' own: html/template does not know it.
	link := template.URL(key.URI()) //nolint:gosec // the verifier made it
	return web.render(w, r, status, "totp", page.View{Title: "totp.title", Data: totpView{
		Secret: groups(key.Secret.Base32()), Error: problem, Link: link,
	}})
}

// groups writes a secret in groups of four, to be typed.
func groups(secret string) string {
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (web *Web) totpQR(w http.ResponseWriter, r *http.Request) error {
	_, key, err := web.registering(r)
	if err != nil {
		return err
	}
	return drawQR(w, key.URI())
}

// confirmTOTP is POST /account/totp/confirm: the code shows that the secret
// arrived. It is used up with that.
func (web *Web) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	current, key, err := web.registering(r)
	if err != nil {
		return err
	}
	code := strings.ReplaceAll(values.Get("code"), " ", "")
	if _, ok := otp.ValidateTOTP(key, code, web.Now(), 1, 0); !ok {
		return web.drawTOTP(w, r, http.StatusUnprocessableEntity, key, "totp.wrong")
	}
	d := web.Directory.As(current.User)
	err = web.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := d.RegisterTOTP(tx, current.User, []byte(key.Secret)); err != nil {
			return err
		}
		_, err := d.CheckTOTP(tx, current.User, code, web.Now())
		return err
	})
	if err != nil {
		return err
	}
	web.Challenges.Notify(r.Context(), current.User, message.NoticeTOTPAdded, "")
	return web.noticed(w, r, current, "account.totp_added")
}

func (web *Web) cancelTOTP(w http.ResponseWriter, r *http.Request) error {
	current, _, err := web.signedIn(r)
	if err != nil {
		return err
	}
	return web.noticed(w, r, current, "")
}

// removeTOTP is POST /account/totp/remove.
func (web *Web) removeTOTP(w http.ResponseWriter, r *http.Request) error {
	return web.change(w, r, nextRemoveTOTP)
}

func (web *Web) doRemoveTOTP(w http.ResponseWriter, r *http.Request, current session.Session) error {
	m, err := web.methods(r.Context(), current.User)
	if err != nil {
		return err
	}
	switch {
	case !m.code:
		return redirect(w, r, "/account")
	case len(m.devices) == 0:
		return web.outcome(w, r, http.StatusConflict, outcomeLastMethod)
	}
	err = web.Store.Update(r.Context(), func(tx store.Tx) error {
		return web.Directory.As(current.User).RemoveTOTP(tx, current.User)
	})
	if err != nil {
		return err
	}
	web.Challenges.Notify(r.Context(), current.User, message.NoticeTOTPRemoved, "")
	return web.noticed(w, r, current, "account.totp_removed")
}
