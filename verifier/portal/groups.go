package portal

import (
	"errors"
	"net/http"
	"strings"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// groupsView is the data of admin-groups.html.
type groupsView struct {
	Groups                         []directory.Group
	Error, Name, Description, Rule string
	Manage                         bool
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

// addGroup is POST /admin/groups; with a rule the group is dynamic.
func (p *Portal) addGroup(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	g := directory.Group{Name: strings.TrimSpace(value("name")), Description: value("description"), Rule: strings.TrimSpace(value("rule"))}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		created, err := p.Directory.As(who.user.ID).CreateGroup(tx, g)
		if err == nil {
			g.ID = created.ID
		}
		return err
	})
	if words, ok := mistaken(err, directory.ErrInvalid, directory.ErrExists); ok {
		return p.showGroups(w, r, who, http.StatusUnprocessableEntity, groupsView{Error: words, Name: g.Name, Description: g.Description, Rule: g.Rule})
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
	Group   directory.Group
	Members []memberView
	Error   string
	Manage  bool
}

func (p *Portal) group(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showGroup(w, r, who, http.StatusOK, "")
}

func (p *Portal) showGroup(w http.ResponseWriter, r *http.Request, who admin, status int, problem string) error {
	v := groupView{Error: problem, Manage: who.can(ManageGroups)}
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

// addMember is POST /admin/groups/{id}/members: a user by name, or else a group.
func (p *Portal) addMember(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		m, err := p.findMember(tx, strings.TrimSpace(value("name")))
		if err != nil {
			return err
		}
		return p.Directory.As(who.user.ID).AddMember(tx, r.PathValue("id"), m)
	})
	if words, ok := mistaken(err, errNoMember, directory.ErrInvalid, directory.ErrExists); ok {
		return p.showGroup(w, r, who, http.StatusUnprocessableEntity, words)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/groups/"+r.PathValue("id"))
}

var errNoMember = errors.New("there is no user and no group of this name")

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
		return directory.Member{}, errNoMember
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
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/groups/"+r.PathValue("id"))
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
