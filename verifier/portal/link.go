package portal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/page"
	"countersign/verifier/session"
	"countersign/verifier/store"
)

// The first administrator comes in by a link that whoever runs the server
// makes: single use, short-lived, stored as its hash. It makes its user an
// administrator. It opens the portal only to somebody who then has a method of
// their own to sign in with, and signs nobody in who has one already: a link
// that leaks from a mailbox must not be worth more than the second factor.

// LinkLifetime is how long a link for an administrator is good.
const LinkLifetime = 15 * time.Minute

// What links refuse, for errors.Is.
var (
	// ErrLink says that a link is unknown, used or expired.
	ErrLink = errors.New("portal: the link is used, expired or unknown")
	// ErrNoServer says that nobody knows yet where the portal is.
	ErrNoServer = errors.New("portal: no server has run on this data yet; start countersignd serve first")
)

type adminLink struct {
	Name    string    `json:"name,omitzero"` // the user's; empty lets its holder give one
	Actor   string    `json:"actor"`
	Expires time.Time `json:"expires"`
}

var (
	links      = store.NewBucket[adminLink]("admin_links") // by the hash of the token
	publicURLs = store.NewBucket[string]("portal_public_url")
)

const keyPublicURL = "url"

// SetPublicURL says where browsers find the portal: written by the server when
// it starts, read by every process that makes links.
func SetPublicURL(tx store.Tx, url string) error { return publicURLs.Put(tx, keyPublicURL, url) }

// AddLink makes a link that makes its user an administrator: the one named, or
// without a name whoever its holder says. A user who does not exist is added
// when the link is used.
func AddLink(tx store.Tx, log *audit.Log, actor, name string, now time.Time) (link string, expires time.Time, err error) {
	base, err := publicURLs.Get(tx, keyPublicURL)
	if errors.Is(err, store.ErrNotFound) {
		return "", expires, ErrNoServer
	}
	if err != nil {
		return "", expires, fmt.Errorf("portal: where it is: %w", err)
	}
	if err := sweepLinks(tx, now); err != nil {
		return "", expires, err
	}
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails: crypto/rand ends the program first
	text := base64.RawURLEncoding.EncodeToString(token)
	key, expires := linkKey(text), now.UTC().Add(LinkLifetime)
	// A part of the hash tells links apart in the audit log, and is no use to
	// whoever reads it.
	record := adminLink{Name: name, Actor: "admin-link/" + key[:8], Expires: expires}
	if err := links.Put(tx, key, record); err != nil {
		return "", expires, fmt.Errorf("portal: adding a link: %w", err)
	}
	err = log.Append(tx, audit.Event{Kind: audit.KindAdminTokenMade, Actor: actor, Detail: map[string]string{"token": record.Actor}})
	return strings.TrimSuffix(base, "/") + "/admin/link/" + text, expires, err
}

func linkKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func sweepLinks(tx store.Tx, now time.Time) error {
	var over []string
	err := links.Scan(tx, store.Range{}, func(key string, l adminLink) error {
		if !now.Before(l.Expires) {
			over = append(over, key)
		}
		return nil
	})
	for _, key := range over {
		err = errors.Join(err, links.Delete(tx, key))
	}
	return err
}

// linkOf finds a link that is still good, or gives ErrLink.
func (p *Portal) linkOf(tx store.Tx, token string) (adminLink, error) {
	l, err := links.Get(tx, linkKey(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.Now().Before(l.Expires) {
		return adminLink{}, ErrLink
	}
	return l, err
}

// linkView is the data of admin-link.html.
type linkView struct {
	Name     string
	Fixed    bool // the link names its user
	Password bool // the user has none yet, and chooses one
	Error    string
	Words    string // of the directory
}

// showLink is GET /admin/link/{token}. It changes nothing: programs that look at
// links in mails use none up.
func (p *Portal) showLink(w http.ResponseWriter, r *http.Request, _ admin) error {
	p.Sessions.Probe(w, r)
	return p.drawLink(w, r, http.StatusOK, linkView{})
}

func (p *Portal) drawLink(w http.ResponseWriter, r *http.Request, status int, v linkView) error {
	err := p.Store.View(r.Context(), func(tx store.Tx) error {
		l, err := p.linkOf(tx, r.PathValue("token"))
		if err != nil {
			return err
		}
		if v.Fixed = l.Name != ""; v.Fixed {
			v.Name = l.Name
		}
		v.Password, err = p.needsPassword(tx, v.Name)
		return err
	})
	if err != nil {
		return err
	}
	p.Pages.Render(w, r, status, "admin-link", page.View{Title: "admin.link_title", Org: "Countersign", Data: v})
	return nil
}

func (p *Portal) needsPassword(tx store.Tx, name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	u, err := p.Directory.FindUser(tx, name)
	if errors.Is(err, directory.ErrUnknownUser) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	has, err := p.Directory.HasPassword(tx, u.ID)
	return !has, err
}

// takeLink is POST /admin/link/{token}.
func (p *Portal) takeLink(w http.ResponseWriter, r *http.Request, _ admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	v := linkView{Name: strings.TrimSpace(value("name"))}
	password, hash := value("password"), ""
	if password != value("again") {
		v.Error = "admin.link_differ"
		return p.drawLink(w, r, http.StatusUnprocessableEntity, v)
	}
	if password != "" {
		if hash, err = p.Directory.HashPassword(password); err != nil {
			return p.linkRefused(w, r, v, err)
		}
	}
	var u directory.User
	var ready bool
	err = p.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		u, ready, err = p.useLink(tx, r.PathValue("token"), v.Name, hash)
		return err
	})
	if err != nil {
		return p.linkRefused(w, r, v, err)
	}
	if ready {
		p.message(w, r, http.StatusOK, "admin.link_done", "admin.link_done_text")
		return nil
	}
	now := p.Now()
	_, err = p.Sessions.Begin(w, r, session.Session{
		User: u.ID, Name: u.Name, Stage: session.SignedIn, PasswordAt: now, ApprovedAt: now,
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin")
}

func (p *Portal) linkRefused(w http.ResponseWriter, r *http.Request, v linkView, err error) error {
	switch {
	case errors.Is(err, errNoPassword):
		v.Error = "admin.link_password"
	case errors.Is(err, errDisabled):
		v.Error = "admin.link_disabled"
	default:
		_, words, ok := p.refusal(r, err)
		if !ok {
			return err
		}
		v.Words = words
	}
	return p.drawLink(w, r, http.StatusUnprocessableEntity, v)
}

var (
	errNoPassword = errors.New("portal: the new administrator has no password")
	errDisabled   = errors.New("portal: the user is disabled")
)

// useLink uses a link up and makes its user an administrator. ready says that
// they have all that they need to sign in.
func (p *Portal) useLink(tx store.Tx, token, name, hash string) (u directory.User, ready bool, err error) {
	l, err := p.linkOf(tx, token)
	if err != nil {
		return u, false, err
	}
	if l.Name != "" {
		name = l.Name
	}
	if err := links.Delete(tx, linkKey(token)); err != nil {
		return u, false, err
	}
	d := p.Directory.As(l.Actor)
	u, err = d.FindUser(tx, name)
	switch {
	case errors.Is(err, directory.ErrUnknownUser):
		u, err = d.CreateUser(tx, directory.User{Name: name, Admin: true})
	case err == nil && u.Disabled:
		err = errDisabled
	case err == nil && !u.Admin:
		u.Admin = true
		err = d.PutUser(tx, u)
	}
	if err != nil {
		return u, false, err
	}
	has, err := d.HasPassword(tx, u.ID)
	switch {
	case err != nil:
		return u, false, err
	case !has && hash == "":
		return u, false, errNoPassword
	case !has:
		if err := d.SetPasswordHash(tx, u.ID, hash); err != nil {
			return u, false, err
		}
	}
	ready, err = p.hasMethod(tx, u.ID)
	return u, ready, err
}

// hasMethod tells whether a user has anything to approve a sign-in with.
func (p *Portal) hasMethod(tx store.Tx, user string) (bool, error) {
	devices, err := p.Directory.Devices(tx, user)
	if err != nil || len(devices) > 0 {
		return len(devices) > 0, err
	}
	return p.Directory.HasTOTP(tx, user)
}
