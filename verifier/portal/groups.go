package portal

import (
	"errors"
	"net/http"
	"strings"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// groupForm is a group as it is typed.
type groupForm struct {
	Name, Description, Rule string
	OnPremises              bool
	Version                 string
}

func typedGroup(value func(string) string) groupForm {
	return groupForm{
		Name: strings.TrimSpace(value("name")), Description: strings.TrimSpace(value("description")), Rule: strings.TrimSpace(value("rule")),
		OnPremises: value("on_premises") == "on", Version: value("version"),
	}
}

func (f groupForm) apply(g *directory.Group) {
	g.Name, g.Description, g.Rule, g.OnPremises = f.Name, f.Description, f.Rule, f.OnPremises
}

// previewed is how many members of a dynamic group are shown.
const previewed = 50

// groupsView is the data of admin-groups.html.
type groupsView struct {
	Groups    []directory.Group
	Form      groupForm
	Error     string
	Previewed bool
	Matching  []directory.User // whom the rule makes members
	More      bool             // there are more of them
	Manage    bool
}

func (p *Portal) groups(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showGroups(w, r, who, http.StatusOK, groupsView{})
}

func (p *Portal) showGroups(w http.ResponseWriter, r *http.Request, who admin, status int, v groupsView) error {
	v.Manage = who.can(ManageGroups)
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		v.Groups, err = p.Directory.ListGroups(tx)
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, status, "groups", "admin.groups", v)
}

// matching gives the users whom a rule makes members, as far as they are shown.
func (p *Portal) matching(r *http.Request, rule string) (users []directory.User, more bool, err error) {
	err = p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		users, err = p.Directory.Matching(tx, rule, previewed+1)
		return err
	})
	if len(users) > previewed {
		users, more = users[:previewed], true
	}
	return users, more, err
}

// addGroup is POST /admin/groups; with a rule the group is dynamic. The button
// Preview only shows whom the rule makes members.
func (p *Portal) addGroup(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	v := groupsView{Form: typedGroup(value)}
	if value("do") == "preview" {
		v.Previewed = true
		v.Matching, v.More, err = p.matching(r, v.Form.Rule)
		if status, words, ok := p.refusal(r, err); ok {
			v.Error, v.Previewed = words, false
			return p.showGroups(w, r, who, status, v)
		}
		if err != nil {
			return err
		}
		return p.showGroups(w, r, who, http.StatusOK, v)
	}
	var g directory.Group
	v.Form.apply(&g)
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		created, err := p.Directory.As(who.user.ID).CreateGroup(tx, g)
		if err == nil {
			g.ID = created.ID
		}
		return err
	})
	if status, words, ok := p.refusal(r, err); ok {
		v.Error = words
		return p.showGroups(w, r, who, status, v)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/groups/"+g.ID)
}

// memberView is a member with the name that people know it by.
type memberView struct {
	directory.Member
	Name string
}

// groupView is the data of admin-group.html.
type groupView struct {
	Group         directory.Group
	Form          groupForm
	Members       []memberView
	Matching      []directory.User // of a dynamic group
	More          bool
	Error         string
	Typed         string // the name of a member that was refused
	Manage, Saved bool
}

func (p *Portal) group(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showGroup(w, r, who, http.StatusOK, groupView{Saved: r.URL.Query().Has("saved")})
}

// showGroup draws a group. A form in the view is one that was refused.
func (p *Portal) showGroup(w http.ResponseWriter, r *http.Request, who admin, status int, v groupView) error {
	v.Manage = who.can(ManageGroups)
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if v.Group, err = p.Directory.GroupByID(tx, r.PathValue("id")); err != nil {
			return err
		}
		members, err := p.Directory.Members(tx, v.Group.ID)
		if err != nil {
			return err
		}
		v.Members = make([]memberView, len(members))
		for i, m := range members {
			if v.Members[i], err = p.nameMember(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if v.Group.Dynamic() {
		if v.Matching, v.More, err = p.matching(r, v.Group.Rule); err != nil {
			return err
		}
	}
	if v.Form == (groupForm{}) {
		v.Form = groupForm{Name: v.Group.Name, Description: v.Group.Description, Rule: v.Group.Rule, OnPremises: v.Group.OnPremises}
	}
	if v.Form.Version, err = version(v.Group); err != nil {
		return err
	}
	return p.view(w, r, who, status, "group", "admin.group", v)
}

func (p *Portal) nameMember(tx store.Tx, m directory.Member) (memberView, error) {
	v := memberView{Member: m}
	if m.Kind == directory.MemberGroup {
		g, err := p.Directory.GroupByID(tx, m.ID)
		v.Name = g.Name
		return v, err
	}
	u, err := p.Directory.UserByID(tx, m.ID)
	v.Name = u.Name
	return v, err
}

// saveGroup is POST /admin/groups/{id}.
func (p *Portal) saveGroup(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	typed := typedGroup(value)
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		g, err := p.Directory.GroupByID(tx, r.PathValue("id"))
		if err != nil {
			return err
		}
		if err := unchanged(g, typed.Version); err != nil {
			return err
		}
		typed.apply(&g)
		return p.Directory.As(who.user.ID).PutGroup(tx, g)
	})
	return p.groupSaved(w, r, who, err, groupView{Form: typed})
}

// groupSaved goes back to the group's page, or says what was refused.
func (p *Portal) groupSaved(w http.ResponseWriter, r *http.Request, who admin, err error, typed groupView) error {
	if status, words, ok := p.refusal(r, err); ok {
		typed.Error = words
		return p.showGroup(w, r, who, status, typed)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/groups/"+r.PathValue("id")+"?saved")
}

// addMember is POST /admin/groups/{id}/members: a user by name, or else a group.
func (p *Portal) addMember(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(value("name"))
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		m, err := p.findMember(tx, name)
		if err != nil {
			return err
		}
		return p.Directory.As(who.user.ID).AddMember(tx, r.PathValue("id"), m)
	})
	return p.groupSaved(w, r, who, err, groupView{Typed: name})
}

func (p *Portal) findMember(tx store.Tx, name string) (directory.Member, error) {
	u, err := p.Directory.FindUser(tx, name)
	if err == nil {
		return directory.Member{Kind: directory.MemberUser, ID: u.ID}, nil
	}
	if !errors.Is(err, directory.ErrUnknownUser) {
		return directory.Member{}, err
	}
	g, err := p.Directory.FindGroup(tx, name)
	if errors.Is(err, directory.ErrUnknownGroup) {
		return directory.Member{}, mistake("refused.no_member", "name", name)
	}
	return directory.Member{Kind: directory.MemberGroup, ID: g.ID}, err
}

func (p *Portal) removeMember(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	m := directory.Member{Kind: directory.MemberKind(value("kind")), ID: value("member")}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		return p.Directory.As(who.user.ID).RemoveMember(tx, r.PathValue("id"), m)
	})
	return p.groupSaved(w, r, who, err, groupView{})
}

func (p *Portal) deleteGroup(w http.ResponseWriter, r *http.Request, who admin) error {
	err := p.Store.Update(r.Context(), func(tx store.Tx) error {
		return p.Directory.As(who.user.ID).DeleteGroup(tx, r.PathValue("id"))
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/groups")
}
