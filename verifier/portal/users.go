package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

const usersAPage = 50

// usersView is the data of admin-users.html.
type usersView struct {
	Query, Next, Error string
	Users              []directory.User
	Name, Display      string
	Manage             bool
}

func (p *Portal) users(w http.ResponseWriter, r *http.Request, who admin) error {
	v := usersView{Query: r.URL.Query().Get("q")}
	return p.showUsers(w, r, who, http.StatusOK, v)
}

func (p *Portal) showUsers(w http.ResponseWriter, r *http.Request, who admin, status int, v usersView) error {
	v.Manage = who.can(ManageUsers)
	scan := store.Range{Prefix: strings.ToLower(v.Query), After: r.URL.Query().Get("after"), Limit: usersAPage}
	err := p.Store.View(r.Context(), func(tx store.Tx) error {
		v.Users = nil
		return p.Directory.ListUsers(tx, scan, func(u directory.User) error {
			v.Users = append(v.Users, u)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if len(v.Users) == usersAPage {
		last := strings.ToLower(v.Users[usersAPage-1].Name)
		v.Next = "/admin/users?" + url.Values{"q": {v.Query}, "after": {last}}.Encode()
	}
	return p.view(w, r, who, status, "users", "admin.users", v)
}

// addUser is POST /admin/users: a user without a password, who comes in by an
// enrolment link and sets one by the reset page.
func (p *Portal) addUser(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	u := directory.User{Name: strings.TrimSpace(value("name")), DisplayName: strings.TrimSpace(value("display"))}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		created, err := p.Directory.As(who.user.ID).CreateUser(tx, u)
		if err == nil {
			u.ID = created.ID
		}
		return err
	})
	if words, ok := mistaken(err, directory.ErrInvalid, directory.ErrExists); ok {
		return p.showUsers(w, r, who, http.StatusUnprocessableEntity, usersView{Error: words, Name: u.Name, Display: u.DisplayName})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+u.ID)
}

// userView is the data of admin-user.html.
type userView struct {
	User                       directory.User
	Self, Manage               bool
	Devices                    []directory.Device
	HasCode                    bool
	PushLocked, CodeLocked     bool
	PasswordLocked, NoPassword bool
	Recent                     []challenge.Challenge
	Link, Error                string
}

// Locked reports whether there is anything to release.
func (v userView) Locked() bool { return v.PushLocked || v.CodeLocked || v.PasswordLocked }

const recentSignIns = 20

func (p *Portal) user(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showUser(w, r, who, http.StatusOK, userView{})
}

func (p *Portal) showUser(w http.ResponseWriter, r *http.Request, who admin, status int, v userView) error {
	id := r.PathValue("id")
	v.Self, v.Manage = id == who.user.ID, who.can(ManageUsers)
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if v.User, err = p.Directory.UserByID(tx, id); err != nil {
			return err
		}
		if v.Devices, err = p.Directory.Devices(tx, id); err != nil {
			return err
		}
		if v.HasCode, err = p.Directory.HasTOTP(tx, id); err != nil {
			return err
		}
		has, err := p.Directory.HasPassword(tx, id)
		if err != nil {
			return err
		}
		v.NoPassword = !has
		v.PasswordLocked, err = p.Directory.PasswordLocked(tx, id)
		return err
	})
	if err != nil {
		return err
	}
	push, code, err := p.Challenges.Locks(r.Context(), id)
	if err != nil {
		return err
	}
	v.PushLocked, v.CodeLocked = !push.IsZero(), !code.IsZero()
	if v.Recent, err = p.Challenges.History(r.Context(), id, recentSignIns); err != nil {
		return err
	}
	return p.view(w, r, who, status, "user", "admin.user", v)
}

// saveUser is POST /admin/users/{id}. Nobody takes their own right away: the
// last administrator could lock everybody out.
func (p *Portal) saveUser(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		u, err := p.Directory.UserByID(tx, id)
		if err != nil {
			return err
		}
		u.DisplayName, u.Default = strings.TrimSpace(value("display")), policy.Method(value("default"))
		if id != who.user.ID {
			u.Admin, u.Disabled = value("admin") == "on", value("disabled") == "on"
		}
		if u.Disabled {
			if err := p.Sessions.EndAll(tx, id); err != nil {
				return err
			}
		}
		return p.Directory.As(who.user.ID).PutUser(tx, u)
	})
	if words, ok := mistaken(err, directory.ErrInvalid, directory.ErrExists); ok {
		return p.showUser(w, r, who, http.StatusUnprocessableEntity, userView{Error: words})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+id)
}

// enrolUser is POST /admin/users/{id}/enrol: a link, shown this once, for the
// administrator to hand over.
func (p *Portal) enrolUser(w http.ResponseWriter, r *http.Request, who admin) error {
	link, _, err := p.Enrolments.Begin(r.Context(), enrol.Request{User: r.PathValue("id"), Actor: who.user.ID, TOTP: true})
	if words, ok := mistaken(err, directory.ErrTooManyDevices); ok {
		return p.showUser(w, r, who, http.StatusConflict, userView{Error: words})
	}
	if err != nil {
		return err
	}
	return p.showUser(w, r, who, http.StatusOK, userView{Link: link.String()})
}

// releaseUser is POST /admin/users/{id}/release: every lock, block and limit.
func (p *Portal) releaseUser(w http.ResponseWriter, r *http.Request, who admin) error {
	id := r.PathValue("id")
	err := p.Store.Update(r.Context(), func(tx store.Tx) error {
		if _, err := p.Directory.UserByID(tx, id); err != nil {
			return err
		}
		return p.Directory.As(who.user.ID).UnlockPassword(tx, id)
	})
	if err != nil {
		return err
	}
	if err := p.Challenges.Release(r.Context(), who.user.ID, id); err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+id)
}

// revokeDevice is POST /admin/users/{id}/revoke.
func (p *Portal) revokeDevice(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	id, device := r.PathValue("id"), identity.Thumbprint(value("device"))
	err = p.Store.View(r.Context(), func(tx store.Tx) error {
		d, err := p.Directory.DeviceByID(tx, device)
		if err == nil && d.User != id {
			err = directory.ErrUnknownDevice
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := p.Revoke(r.Context(), who.user.ID, device); err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+id)
}

func (p *Portal) removeTOTP(w http.ResponseWriter, r *http.Request, who admin) error {
	id := r.PathValue("id")
	err := p.Store.Update(r.Context(), func(tx store.Tx) error { return p.Directory.As(who.user.ID).RemoveTOTP(tx, id) })
	if _, ok := mistaken(err, directory.ErrNoTOTP); err != nil && !ok {
		return err
	}
	return redirect(w, r, "/admin/users/"+id)
}

// deleteUser is POST /admin/users/{id}/delete. The user's devices are told that
// they are none any more.
func (p *Portal) deleteUser(w http.ResponseWriter, r *http.Request, who admin) error {
	id := r.PathValue("id")
	if id == who.user.ID {
		p.message(w, r, http.StatusConflict, "admin.self", "admin.self_text")
		return nil
	}
	var devices []directory.Device
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		devices, err = p.Directory.Devices(tx, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range devices {
		if err := p.Revoke(r.Context(), who.user.ID, d.ID); err != nil && !unknown(err) {
			return err
		}
	}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := p.Sessions.EndAll(tx, id); err != nil {
			return err
		}
		return p.Directory.As(who.user.ID).DeleteUser(tx, id)
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/users")
}

// Old tells a device whose app cannot match numbers.
func (userView) Old(d directory.Device) bool {
	return message.VersionBefore(d.AppVersion, message.MinAppVersion)
}

// Time writes a time for the page's template.
func (userView) Time(t time.Time) string { return stamp(t) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
