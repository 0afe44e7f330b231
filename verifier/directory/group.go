package directory

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory/membership"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// AllUsers is the id of the group that everybody is in, as the policy API
// names it.
const AllUsers = "all_users"

// Group is a set of users: assigned (its members are named), or dynamic (a rule
// says who they are). An assigned group may have groups as members.
type Group struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	// Rule makes the group dynamic; see package membership.
	Rule string `json:"rule,omitzero"`
	// OnPremises says that the group is synchronised from an on-premises
	// directory; otherwise it is a cloud group.
	OnPremises bool `json:"on_premises,omitzero"`
}

// Dynamic reports whether a rule says who the members are.
func (g Group) Dynamic() bool { return g.Rule != "" }

// MemberKind says what a member of a group is.
type MemberKind string

// The kinds of member.
const (
	MemberUser  MemberKind = "user"
	MemberGroup MemberKind = "group"
)

// Member is a member of an assigned group.
type Member struct {
	Kind MemberKind `json:"kind"`
	ID   string     `json:"id"`
}

func (m Member) key() string { return string(m.Kind) + ":" + m.ID }

// maxNesting is how many groups a user can be in, directly and through others;
// it bounds the walk.
const maxNesting = 1024

func (g Group) check() error {
	if strings.TrimSpace(g.Name) == "" {
		return invalid("refused.group_name")
	}
	if err := cmp.Or(checkText("refused.what_group_name", g.Name), checkText("refused.what_group_description", g.Description)); err != nil {
		return err
	}
	if g.Dynamic() {
		if _, err := membership.Parse(g.Rule); err != nil {
			return badRule(err)
		}
	}
	return nil
}

// badRule refuses a membership rule with the place where it does not read.
func badRule(err error) error {
	var syntax *membership.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	return &words.Error{Text: syntax.Text(), Kind: errors.Join(ErrInvalid, err)}
}

// CreateGroup adds a group. It sets ID where it is empty (a group that was
// synchronised keeps its own), and gives ErrExists where the id or the name is
// taken.
func (d *Directory) CreateGroup(tx store.Tx, g Group) (Group, error) {
	if err := g.check(); err != nil {
		return Group{}, err
	}
	if g.ID == "" {
		g.ID = message.NewID()
	}
	if g.ID == AllUsers || strings.ContainsAny(g.ID, "\x00: /") || len(g.ID) > 64 {
		return Group{}, invalid("refused.group_id", "all", AllUsers)
	}
	taken, err := d.groups.Has(tx, g.ID)
	if err != nil {
		return Group{}, err
	}
	named, err := d.groupNames.Has(tx, strings.ToLower(g.Name))
	if err != nil {
		return Group{}, err
	}
	if taken || named {
		return Group{}, words.Refuse(ErrExists, "refused.group_exists", "name", g.Name)
	}
	if err := d.writeGroup(tx, g); err != nil {
		return Group{}, err
	}
	return g, d.record(tx, audit.Event{Kind: audit.KindGroupAdded, Detail: g.detail()})
}

// PutGroup changes a group's name, description or rule; ErrUnknownGroup where
// there is none. A group that has members cannot become dynamic.
func (d *Directory) PutGroup(tx store.Tx, g Group) error {
	before, err := d.GroupByID(tx, g.ID)
	if err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	owner, err := d.groupNames.Get(tx, strings.ToLower(g.Name))
	if err == nil && owner != g.ID {
		return words.Refuse(ErrExists, "refused.group_exists", "name", g.Name)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if g.Dynamic() {
		members, err := d.members.All(tx, store.Range{Prefix: g.ID + "\x00", Limit: 1})
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return invalid("refused.group_has_members")
		}
	}
	err = errors.Join(d.groupNames.Delete(tx, strings.ToLower(before.Name)), d.writeGroup(tx, g))
	if err != nil {
		return err
	}
	return d.record(tx, audit.Event{Kind: audit.KindGroupChanged, Detail: g.detail()})
}

func (d *Directory) writeGroup(tx store.Tx, g Group) error {
	rule := d.rules.Delete(tx, g.ID)
	if g.Dynamic() {
		rule = d.rules.Put(tx, g.ID, g.Rule)
	}
	return errors.Join(rule, d.groups.Put(tx, g.ID, g), d.groupNames.Put(tx, strings.ToLower(g.Name), g.ID))
}

// GroupByID gives a group, or ErrUnknownGroup.
func (d *Directory) GroupByID(tx store.Tx, id string) (Group, error) {
	g, err := d.groups.Get(tx, id)
	return g, unknown(err, ErrUnknownGroup, "reading a group")
}

// FindGroup finds a group by its name, without case, or by its id.
func (d *Directory) FindGroup(tx store.Tx, nameOrID string) (Group, error) {
	id, err := d.groupNames.Get(tx, strings.ToLower(nameOrID))
	if errors.Is(err, store.ErrNotFound) {
		return d.GroupByID(tx, nameOrID)
	}
	if err != nil {
		return Group{}, fmt.Errorf("directory: finding a group: %w", err)
	}
	return d.GroupByID(tx, id)
}

// ListGroups gives all groups, in the order of their ids.
func (d *Directory) ListGroups(tx store.Tx) ([]Group, error) {
	return d.groups.All(tx, store.Range{})
}

// DeleteGroup removes a group and its memberships, or gives ErrUnknownGroup.
func (d *Directory) DeleteGroup(tx store.Tx, id string) error {
	g, err := d.GroupByID(tx, id)
	if err != nil {
		return err
	}
	members, err := d.Members(tx, id)
	if err != nil {
		return err
	}
	for _, m := range members {
		err = errors.Join(err, d.unlinkMember(tx, id, m))
	}
	err = errors.Join(err,
		d.leaveGroups(tx, Member{Kind: MemberGroup, ID: id}),
		d.rules.Delete(tx, id),
		d.groupNames.Delete(tx, strings.ToLower(g.Name)),
		d.groups.Delete(tx, id),
	)
	if err != nil {
		return fmt.Errorf("directory: removing a group: %w", err)
	}
	return d.record(tx, audit.Event{Kind: audit.KindGroupRemoved, Detail: g.detail()})
}

// Members gives the members that are named in an assigned group.
func (d *Directory) Members(tx store.Tx, groupID string) ([]Member, error) {
	return d.members.All(tx, store.Range{Prefix: groupID + "\x00"})
}

// AddMember puts a user or a group into an assigned group. A group cannot
// contain itself, directly or through others.
func (d *Directory) AddMember(tx store.Tx, groupID string, m Member) error {
	g, err := d.GroupByID(tx, groupID)
	if err != nil {
		return err
	}
	if g.Dynamic() {
		return invalid("refused.group_dynamic")
	}
	switch m.Kind {
	case MemberUser:
		_, err = d.UserByID(tx, m.ID)
	case MemberGroup:
		_, err = d.GroupByID(tx, m.ID)
		if err == nil {
			err = d.refuseCycle(tx, groupID, m.ID)
		}
	default:
		err = invalid("refused.member_kind")
	}
	if err != nil {
		return err
	}
	err = errors.Join(
		d.members.Put(tx, groupID+"\x00"+m.key(), m),
		d.memberOf.Put(tx, m.key()+"\x00"+groupID, groupID),
	)
	if err != nil {
		return fmt.Errorf("directory: adding a member: %w", err)
	}
	return d.recordMember(tx, audit.KindGroupMemberAdded, g, m)
}

func (d *Directory) refuseCycle(tx store.Tx, groupID, memberID string) error {
	above, err := d.groupsAbove(tx, []string{groupID})
	if err != nil {
		return err
	}
	for _, id := range above {
		if id == memberID {
			return invalid("refused.group_cycle")
		}
	}
	return nil
}

// RemoveMember takes a member out of a group; it is no error if it was not in.
func (d *Directory) RemoveMember(tx store.Tx, groupID string, m Member) error {
	g, err := d.GroupByID(tx, groupID)
	if err != nil {
		return err
	}
	if err := d.unlinkMember(tx, groupID, m); err != nil {
		return fmt.Errorf("directory: removing a member: %w", err)
	}
	return d.recordMember(tx, audit.KindGroupMemberRemoved, g, m)
}

func (d *Directory) recordMember(tx store.Tx, kind string, g Group, m Member) error {
	e := audit.Event{Kind: kind, Detail: map[string]string{"group": g.ID, "name": g.Name}}
	if m.Kind == MemberUser {
		e.User = m.ID
	} else {
		e.Detail["member"] = m.ID
	}
	return d.record(tx, e)
}

func (d *Directory) unlinkMember(tx store.Tx, groupID string, m Member) error {
	return errors.Join(
		d.members.Delete(tx, groupID+"\x00"+m.key()),
		d.memberOf.Delete(tx, m.key()+"\x00"+groupID),
	)
}

// leaveGroups takes a member out of every group that names it.
func (d *Directory) leaveGroups(tx store.Tx, m Member) error {
	groups, err := d.memberOf.All(tx, store.Range{Prefix: m.key() + "\x00"})
	for _, id := range groups {
		err = errors.Join(err, d.unlinkMember(tx, id, m))
	}
	return err
}

// MemberOf gives every group that a user is in: named, by a rule, and through
// groups in groups; and their roles and administrative units.
func (d *Directory) MemberOf(tx store.Tx, u User) (policy.Member, error) {
	direct, err := d.memberOf.All(tx, store.Range{Prefix: Member{Kind: MemberUser, ID: u.ID}.key() + "\x00"})
	if err != nil {
		return policy.Member{}, fmt.Errorf("directory: reading memberships: %w", err)
	}
	err = d.rules.Scan(tx, store.Range{}, func(id, text string) error {
		rule, err := membership.Parse(text)
		if err != nil {
			return fmt.Errorf("group %s: %w", id, err)
		}
		if rule.Match(u.property) {
			direct = append(direct, id)
		}
		return nil
	})
	if err != nil {
		return policy.Member{}, fmt.Errorf("directory: reading memberships: %w", err)
	}
	groups, err := d.groupsAbove(tx, direct)
	if err != nil {
		return policy.Member{}, err
	}
	return policy.Member{
		ID: u.ID, Groups: append(groups, AllUsers),
		Roles: u.Roles, AdministrativeUnits: u.AdministrativeUnits,
	}, nil
}

// groupsAbove gives the groups and all that contain them.
func (d *Directory) groupsAbove(tx store.Tx, groups []string) ([]string, error) {
	seen := make(map[string]bool)
	var above []string
	for len(groups) > 0 {
		id := groups[0]
		groups = groups[1:]
		if seen[id] {
			continue
		}
		if len(above) == maxNesting {
			return nil, invalid("refused.too_many_groups", "most", maxNesting)
		}
		seen[id], above = true, append(above, id)
		parents, err := d.memberOf.All(tx, store.Range{Prefix: Member{Kind: MemberGroup, ID: id}.key() + "\x00"})
		if err != nil {
			return nil, fmt.Errorf("directory: reading memberships: %w", err)
		}
		groups = append(groups, parents...)
	}
	return above, nil
}

// property gives a rule the user's properties by Entra's names: those that the
// directory has of its own, and then the attributes.
func (u User) property(name string) (string, bool) {
	switch name {
	case "userprincipalname":
		return u.Name, true
	case "displayname":
		return u.DisplayName, u.DisplayName != ""
	case "objectid":
		return u.ID, true
	case "accountenabled":
		return fmt.Sprint(!u.Disabled), true
	case "dirsyncenabled":
		return fmt.Sprint(u.OnPremises), true
	}
	for attribute, value := range u.Attributes {
		if strings.EqualFold(attribute, name) {
			return value, true
		}
	}
	return "", false
}

func (g Group) detail() map[string]string {
	detail := map[string]string{"group": g.ID, "name": g.Name}
	if g.Dynamic() {
		detail["rule"] = g.Rule
	}
	return detail
}
