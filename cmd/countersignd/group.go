package main

import (
	"errors"
	"fmt"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

type groupAddCmd struct {
	Name string `arg:"" help:"Name of the group."`
	dataFlag
	ID          string `name:"id" help:"The group's id, where another directory has given it one." placeholder:"ID"`
	Description string `help:"What the group is for." placeholder:"TEXT"`
	Rule        string `help:"Membership rule, such as 'user.department -eq \"Sales\"'; makes the group dynamic." placeholder:"RULE"`
	OnPremises  bool   `help:"The group is synchronised from an on-premises directory."`
	JSON        bool   `help:"Print JSON."`
}

// Run adds the group.
func (c groupAddCmd) Run(e *env) error {
	var g directory.Group
	err := e.updateNew(c.Data, func(d *data, tx store.Tx) (err error) {
		g, err = d.directory.CreateGroup(tx, directory.Group{
			ID: c.ID, Name: c.Name, Description: c.Description, Rule: c.Rule, OnPremises: c.OnPremises,
		})
		return err
	})
	if err != nil {
		return err
	}
	return e.print(c.JSON, g, "Added group %s with the id %s.", g.Name, g.ID)
}

type groupListCmd struct {
	dataFlag
	JSON bool `help:"Print JSON."`
}

// groupRow is a group as the list shows it, with its named members.
type groupRow struct {
	directory.Group
	Members []directory.Member `json:"members"`
}

// Run lists the groups.
func (c groupListCmd) Run(e *env) error {
	groups := []groupRow{}
	err := e.view(c.Data, func(d *data, tx store.Tx) error {
		found, err := d.directory.ListGroups(tx)
		for _, g := range found {
			members, failed := d.directory.Members(tx, g.ID)
			err = errors.Join(err, failed)
			groups = append(groups, groupRow{g, members})
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return e.print(true, groups, "")
	}
	return e.table("ID\tNAME\tMEMBERS\tRULE", func(line func(...any)) {
		for _, g := range groups {
			line(g.ID, g.Name, len(g.Members), g.Rule)
		}
	})
}

// groupName is the argument that names a group.
type groupName struct {
	Group string `arg:"" help:"The group's name or id."`
}

func (n groupName) find(d *data, tx store.Tx) (directory.Group, error) {
	g, err := d.directory.FindGroup(tx, n.Group)
	if errors.Is(err, directory.ErrUnknownGroup) {
		return g, fmt.Errorf("%w %s", err, n.Group)
	}
	return g, err
}

type groupRemoveCmd struct {
	groupName
	dataFlag
}

// Run removes the group.
func (c groupRemoveCmd) Run(e *env) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		g, err := c.find(d, tx)
		if err != nil {
			return err
		}
		return d.directory.DeleteGroup(tx, g.ID)
	})
}

// groupMember is a command on a group and one of its members.
type groupMember struct {
	groupName
	Member string `arg:"" help:"Name of the user, or with --nested of the group."`
	Nested bool   `help:"The member is a group."`
	dataFlag
}

// each runs f with the group and the member.
func (c groupMember) each(e *env, f func(*data, store.Tx, string, directory.Member) error) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		g, err := c.find(d, tx)
		if err != nil {
			return err
		}
		m := directory.Member{Kind: directory.MemberUser}
		if c.Nested {
			nested, err := groupName{c.Member}.find(d, tx)
			if err != nil {
				return err
			}
			m = directory.Member{Kind: directory.MemberGroup, ID: nested.ID}
		} else {
			u, err := userName{c.Member}.find(d, tx)
			if err != nil {
				return err
			}
			m.ID = u.ID
		}
		return f(d, tx, g.ID, m)
	})
}

type groupAddMemberCmd struct{ groupMember }

// Run adds the member.
func (c groupAddMemberCmd) Run(e *env) error {
	return c.each(e, func(d *data, tx store.Tx, group string, m directory.Member) error {
		return d.directory.AddMember(tx, group, m)
	})
}

type groupRemoveMemberCmd struct{ groupMember }

// Run removes the member.
func (c groupRemoveMemberCmd) Run(e *env) error {
	return c.each(e, func(d *data, tx store.Tx, group string, m directory.Member) error {
		return d.directory.RemoveMember(tx, group, m)
	})
}
