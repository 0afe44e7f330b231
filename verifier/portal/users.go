package portal

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

const usersAPage = 50

// usersView is the data of admin-users.html.
type usersView struct {
	Query, Next, Error string
	Imported           string
	Users              []directory.User
	Name, Display      string
	Admin              bool
	Manage             bool
}

func (p *Portal) users(w http.ResponseWriter, r *http.Request, who admin) error {
	q := r.URL.Query()
	return p.showUsers(w, r, who, http.StatusOK, usersView{Query: strings.TrimSpace(q.Get("q")), Imported: q.Get("imported")})
}

func (p *Portal) showUsers(w http.ResponseWriter, r *http.Request, who admin, status int, v usersView) error {
	v.Manage = who.can(ManageUsers)
	after := r.URL.Query().Get("after")
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		v.Users, after, err = p.Directory.Search(tx, v.Query, after, usersAPage)
		return err
	})
	if err != nil {
		return err
	}
	if after != "" {
		v.Next = "/admin/users?" + url.Values{"q": {v.Query}, "after": {after}}.Encode()
	}
	return p.view(w, r, who, status, "users", "admin.users", v)
}

// addUser is POST /admin/users: a user without a password, who is given one on
// the next page, or sets one with a device on the reset page.
func (p *Portal) addUser(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	u := directory.User{Name: strings.TrimSpace(value("name")), DisplayName: strings.TrimSpace(value("display")), Admin: value("admin") == "on"}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		created, err := p.Directory.As(who.user.ID).CreateUser(tx, u)
		if err == nil {
			u.ID = created.ID
		}
		return err
	})
	if status, words, ok := p.refusal(r, err); ok {
		return p.showUsers(w, r, who, status, usersView{Error: words, Name: u.Name, Display: u.DisplayName, Admin: u.Admin})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+u.ID)
}

// userForm is what can be edited of a user, as it is typed.
type userForm struct {
	Name, Display, Default, Roles, Units, Attributes string
	Admin, Disabled, OnPremises                      bool
	Version                                          string
}

func formOfUser(u directory.User) (userForm, error) {
	f := userForm{
		Name: u.Name, Display: u.DisplayName, Default: string(u.Default),
		Roles: strings.Join(u.Roles, "\n"), Units: strings.Join(u.AdministrativeUnits, "\n"),
		Admin: u.Admin, Disabled: u.Disabled, OnPremises: u.OnPremises,
	}
	for _, name := range slices.Sorted(maps.Keys(u.Attributes)) {
		f.Attributes += fmt.Sprintf("%s = %s\n", name, u.Attributes[name])
	}
	var err error
	f.Version, err = version(u)
	return f, err
}

func typedUser(value func(string) string) userForm {
	return userForm{
		Name: strings.TrimSpace(value("name")), Display: strings.TrimSpace(value("display")), Default: value("default"),
		Roles: value("roles"), Units: value("units"), Attributes: value("attributes"),
		Admin: value("admin") == "on", Disabled: value("disabled") == "on", OnPremises: value("on_premises") == "on",
		Version: value("version"),
	}
}

// apply puts the form over a user. Nobody takes their own right away, nor
// disables themselves: the last administrator could lock everybody out.
func (f userForm) apply(u *directory.User, self bool) (err error) {
	u.Name, u.DisplayName, u.Default, u.OnPremises = f.Name, f.Display, policy.Method(f.Default), f.OnPremises
	u.Roles, u.AdministrativeUnits = split(f.Roles), split(f.Units)
	if !self {
		u.Admin, u.Disabled = f.Admin, f.Disabled
	}
	u.Attributes, err = attributes(f.Attributes)
	return err
}

// userView is the data of admin-user.html.
type userView struct {
	User                       directory.User
	Form                       userForm
	Self, Manage, Saved        bool
	Devices                    []directory.Device
	Groups                     []directory.Group
	HasCode                    bool
	Standing                   challenge.Standing
	PasswordLocked, NoPassword bool
	Recent                     []challenge.Challenge
	Error                      string
}

// Locked reports whether there is anything to release.
func (v userView) Locked() bool { return v.Standing.Held() || v.PasswordLocked }

// Minutes are until the next start may come, rounded up.
func (v userView) Minutes() int { return int((v.Standing.Wait + time.Minute - 1) / time.Minute) }

// Old tells a device whose app cannot match numbers.
func (userView) Old(d directory.Device) bool { return old(d) }

func old(d directory.Device) bool { return message.VersionBefore(d.AppVersion, message.MinAppVersion) }

// Time writes a time for the page's template.
func (userView) Time(t time.Time) string { return stamp(t) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

const recentSignIns = 20

func (p *Portal) user(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showUser(w, r, who, http.StatusOK, userView{Saved: r.URL.Query().Has("saved")})
}

// showUser draws a user. A form in the view is one that was refused: it keeps
// what was typed, with the version that now is.
func (p *Portal) showUser(w http.ResponseWriter, r *http.Request, who admin, status int, v userView) error {
	id := r.PathValue("id")
	v.Self, v.Manage = id == who.user.ID, who.can(ManageUsers)
	err := p.Store.View(r.Context(), func(tx store.Tx) error { return p.readUser(tx, id, &v) })
	if err != nil {
		return err
	}
	stored, err := formOfUser(v.User)
	if err != nil {
		return err
	}
	if v.Form == (userForm{}) {
		v.Form = stored
	}
	v.Form.Version = stored.Version
	if v.Recent, err = p.Challenges.History(r.Context(), id, recentSignIns); err != nil {
		return err
	}
	return p.view(w, r, who, status, "user", "admin.user", v)
}

func (p *Portal) readUser(tx store.Tx, id string, v *userView) (err error) {
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
	if v.PasswordLocked, err = p.Directory.PasswordLocked(tx, id); err != nil {
		return err
	}
	if v.Standing, err = p.Challenges.Standing(tx, id); err != nil {
		return err
	}
	member, err := p.Directory.MemberOf(tx, v.User)
	if err != nil {
		return err
	}
	v.Groups = nil
	for _, id := range member.Groups {
		if id == directory.AllUsers {
			continue
		}
		g, err := p.Directory.GroupByID(tx, id)
		if err != nil {
			return err
		}
		v.Groups = append(v.Groups, g)
	}
	return nil
}

// saveUser is POST /admin/users/{id}.
func (p *Portal) saveUser(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	id, typed := r.PathValue("id"), typedUser(value)
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		u, err := p.Directory.UserByID(tx, id)
		if err != nil {
			return err
		}
		if err := unchanged(u, typed.Version); err != nil {
			return err
		}
		if err := typed.apply(&u, id == who.user.ID); err != nil {
			return err
		}
		if u.Disabled {
			if err := p.Sessions.EndAll(tx, id); err != nil {
				return err
			}
		}
		return p.Directory.As(who.user.ID).PutUser(tx, u)
	})
	if status, words, ok := p.refusal(r, err); ok {
		return p.showUser(w, r, who, status, userView{Error: words, Form: typed})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+id+"?saved")
}

// setPassword is POST /admin/users/{id}/password. Whoever is signed in with the
// password of before is signed out, and what links they made are void; an
// administrator's own session goes on under another id.
func (p *Portal) setPassword(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	hash, err := p.Directory.HashPassword(value("password"))
	var tell func(context.Context) error
	renew := func(http.ResponseWriter, *http.Request) {}
	if err == nil {
		err = p.Store.Update(r.Context(), func(tx store.Tx) (err error) {
			if err := p.Directory.As(who.user.ID).SetPasswordHash(tx, id, hash); err != nil {
				return err
			}
			if tell, err = p.Enrolments.CancelOwn(tx, id); err != nil {
				return err
			}
			if id == who.user.ID {
				renew, err = p.Sessions.Renew(tx, who.session)
				return err
			}
			return p.Sessions.EndAll(tx, id)
		})
	}
	if status, words, ok := p.refusal(r, err); ok {
		return p.showUser(w, r, who, status, userView{Error: words})
	}
	if err != nil {
		return err
	}
	renew(w, r)
	p.Challenges.Notify(r.Context(), id, message.NoticePasswordChanged, "")
	if err := tell(r.Context()); err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+id+"?saved")
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
	return redirect(w, r, "/admin/users/"+id+"?saved")
}

// revokeDevice is POST /admin/users/{id}/revoke. From the end of the call no
// answer of the device counts, whatever it is connected to.
func (p *Portal) revokeDevice(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	id, device := r.PathValue("id"), identity.Thumbprint(value("device"))
	if device == "" {
		return directory.ErrUnknownDevice
	}
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
	return redirect(w, r, "/admin/users/"+id+"?saved")
}

func (p *Portal) removeTOTP(w http.ResponseWriter, r *http.Request, who admin) error {
	id := r.PathValue("id")
	err := p.Store.Update(r.Context(), func(tx store.Tx) error { return p.Directory.As(who.user.ID).RemoveTOTP(tx, id) })
	if err != nil {
		return err
	}
	p.Challenges.Notify(r.Context(), id, message.NoticeTOTPRemoved, "")
	return redirect(w, r, "/admin/users/"+id+"?saved")
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
