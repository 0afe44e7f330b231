package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/directory/membership"
	"countersign/verifier/store"
)

func (f *fixture) addGroup(g directory.Group) directory.Group {
	f.Helper()
	f.update(func(tx store.Tx) (err error) {
		g, err = f.CreateGroup(tx, g)
		return err
	})
	return g
}

func (f *fixture) join(group string, kind directory.MemberKind, id string) {
	f.Helper()
	f.update(func(tx store.Tx) error { return f.AddMember(tx, group, directory.Member{Kind: kind, ID: id}) })
}

func (f *fixture) groupsOf(u directory.User) []string {
	f.Helper()
	var groups []string
	f.view(func(tx store.Tx) error {
		m, err := f.MemberOf(tx, u)
		groups = slices.Sorted(slices.Values(m.Groups))
		if m.ID != u.ID || !slices.Equal(m.Roles, u.Roles) || !slices.Equal(m.AdministrativeUnits, u.AdministrativeUnits) {
			f.Errorf("MemberOf gives %+v", m)
		}
		return err
	})
	return groups
}

func TestMemberOf(t *testing.T) {
	f := newFixture(t)
	zoe := f.addUser(directory.User{Name: "zoe", Roles: []string{"r"}, AdministrativeUnits: []string{"u"}, Attributes: map[string]string{"Department": "Sales"}})
	alex := f.addUser(directory.User{Name: "alex", OnPremises: true})
	for _, g := range []directory.Group{
		{ID: "assigned", Name: "Assigned"},
		{ID: "outer", Name: "Outer", OnPremises: true},
		{ID: "outermost", Name: "Outermost"},
		{ID: "sales", Name: "Sales", Rule: `user.department -eq "sales"`},
		{ID: "synced", Name: "Synced", Rule: `user.dirSyncEnabled -eq true`},
		{ID: "named", Name: "Named", Rule: `user.userPrincipalName -startsWith "AL" -and user.accountEnabled -eq true`},
	} {
		f.addGroup(g)
	}
	f.join("assigned", directory.MemberUser, zoe.ID)
	f.join("outer", directory.MemberGroup, "assigned")
	f.join("outermost", directory.MemberGroup, "outer")
	f.join("outermost", directory.MemberGroup, "named") // a dynamic group inside an assigned one
	if got, want := f.groupsOf(zoe), []string{"all_users", "assigned", "outer", "outermost", "sales"}; !slices.Equal(got, want) {
		t.Errorf("zoe is in %q, want %q", got, want)
	}
	if got, want := f.groupsOf(alex), []string{"all_users", "named", "outermost", "synced"}; !slices.Equal(got, want) {
		t.Errorf("alex is in %q, want %q", got, want)
	}
	f.update(func(tx store.Tx) error {
		return errors.Join(
			f.RemoveMember(tx, "outermost", directory.Member{Kind: directory.MemberGroup, ID: "outer"}),
			f.DeleteGroup(tx, "sales"))
	})
	if got, want := f.groupsOf(zoe), []string{"all_users", "assigned", "outer"}; !slices.Equal(got, want) {
		t.Errorf("zoe is in %q, want %q", got, want)
	}
}

func TestGroupsAreRefusedWith(t *testing.T) {
	f := newFixture(t)
	zoe := f.addUser(directory.User{Name: "zoe"})
	for _, g := range []directory.Group{{ID: "a", Name: "A"}, {ID: "b", Name: "B"}, {ID: "c", Name: "C"}, {ID: "d", Name: "D", Rule: `user.a -eq "b"`}} {
		f.addGroup(g)
	}
	f.join("a", directory.MemberGroup, "b")
	f.join("b", directory.MemberGroup, "c")
	f.join("c", directory.MemberUser, zoe.ID)
	create := func(g directory.Group) func(store.Tx) error {
		return func(tx store.Tx) error { _, err := f.CreateGroup(tx, g); return err }
	}
	add := func(group string, kind directory.MemberKind, id string) func(store.Tx) error {
		return func(tx store.Tx) error { return f.AddMember(tx, group, directory.Member{Kind: kind, ID: id}) }
	}
	for _, test := range []struct {
		name string
		want error
		do   func(store.Tx) error
	}{
		{"no name", directory.ErrInvalid, create(directory.Group{})},
		{"a name that is taken, in another case", directory.ErrExists, create(directory.Group{Name: "a"})},
		{"an id that is taken", directory.ErrExists, create(directory.Group{ID: "a", Name: "New"})},
		{"the id of everybody", directory.ErrInvalid, create(directory.Group{ID: directory.AllUsers, Name: "New"})},
		{"an id with a zero byte", directory.ErrInvalid, create(directory.Group{ID: "a\x00b", Name: "New"})},
		{"a rule that does not read", directory.ErrInvalid, create(directory.Group{Name: "New", Rule: "user."})},
		{"itself as a member", directory.ErrInvalid, add("a", directory.MemberGroup, "a")},
		{"a circle", directory.ErrInvalid, add("c", directory.MemberGroup, "a")},
		{"an unknown user", directory.ErrUnknownUser, add("a", directory.MemberUser, "nobody")},
		{"an unknown group", directory.ErrUnknownGroup, add("a", directory.MemberGroup, "nothing")},
		{"an unknown kind of member", directory.ErrInvalid, add("a", "device", "x")},
		{"a member of an unknown group", directory.ErrUnknownGroup, add("nothing", directory.MemberUser, zoe.ID)},
		{"a named member of a dynamic group", directory.ErrInvalid, add("d", directory.MemberUser, zoe.ID)},
		{"a rule for a group with members", directory.ErrInvalid, func(tx store.Tx) error {
			return f.PutGroup(tx, directory.Group{ID: "c", Name: "C", Rule: `user.a -eq "b"`})
		}},
		{"another group's name", directory.ErrExists, func(tx store.Tx) error { return f.PutGroup(tx, directory.Group{ID: "c", Name: "A"}) }},
		{"deleting an unknown group", directory.ErrUnknownGroup, func(tx store.Tx) error { return f.DeleteGroup(tx, "nothing") }},
	} {
		f.refused(test.name, test.want, test.do)
	}
	var syntax *membership.SyntaxError
	if err := f.store.Update(t.Context(), create(directory.Group{Name: "New", Rule: "user.a -eq"})); !errors.As(err, &syntax) || syntax.Column != 11 {
		t.Errorf("a bad rule gives %v: no place", err)
	}
}

func TestGroupsCanBeChanged(t *testing.T) {
	f := newFixture(t)
	zoe := f.addUser(directory.User{Name: "zoe", Attributes: map[string]string{"city": "Bangkok"}})
	g := f.addGroup(directory.Group{Name: "Old", Rule: `user.city -eq "Lund"`})
	g.Name, g.Rule = "New", `user.city -eq "Bangkok"`
	f.update(func(tx store.Tx) error { return f.PutGroup(tx, g) })
	if got := f.groupsOf(zoe); !slices.Contains(got, g.ID) {
		t.Errorf("after the rule changed zoe is in %q", got)
	}
	f.view(func(tx store.Tx) error {
		if _, err := f.FindGroup(tx, "old"); !errors.Is(err, directory.ErrUnknownGroup) {
			t.Errorf("the old name gives %v", err)
		}
		for _, name := range []string{"NEW", g.ID} {
			if found, err := f.FindGroup(tx, name); found.ID != g.ID || err != nil {
				t.Errorf("%s finds %+v, %v", name, found, err)
			}
		}
		return nil
	})
	g.Rule = ""
	f.update(func(tx store.Tx) error { return f.PutGroup(tx, g) })
	if got := f.groupsOf(zoe); slices.Contains(got, g.ID) {
		t.Error("without its rule the group keeps its members")
	}
}

func (f *fixture) importUsers(text string) (n int, err error) {
	err = f.store.Update(f.Context(), func(tx store.Tx) (err error) {
		n, err = f.ImportUsers(tx, strings.NewReader(text))
		return err
	})
	return n, err
}

func TestImportUsers(t *testing.T) {
	f := newFixture(t)
	g := f.addGroup(directory.Group{Name: "Pilot"})
	n, err := f.importUsers("\ufeffname, display_name,admin,default,groups,roles,attribute.department,disabled,on_premises\r\n" +
		"zoe,\"Zoë, Example\",TRUE,totp, pilot ;,a;b,Sales,,1\r\n" +
		"alex,,,,,,,true,\r\n")
	if n != 2 || err != nil {
		t.Fatalf("ImportUsers = %d, %v", n, err)
	}
	zoe, err := f.find("zoe")
	f.must(err)
	if zoe.DisplayName != "Zoë, Example" || !zoe.Admin || zoe.Default != "totp" || !zoe.OnPremises || zoe.Disabled ||
		!slices.Equal(zoe.Roles, []string{"a", "b"}) || zoe.Attributes["department"] != "Sales" {
		t.Errorf("zoe is %+v", zoe)
	}
	if got := f.groupsOf(zoe); !slices.Contains(got, g.ID) {
		t.Errorf("zoe is in %q", got)
	}
	if alex, err := f.find("alex"); err != nil || !alex.Disabled || alex.Admin || len(alex.Attributes) != 0 {
		t.Errorf("alex is %+v, %v", alex, err)
	}
}

func TestABadImportDoesNothingAndNamesItsLines(t *testing.T) {
	f := newFixture(t)
	f.addUser(directory.User{Name: "taken"})
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"The file is empty"}},
		{"no name column", "display_name\nZoe\n", []string{`Line 1: There is no column "name"`}},
		{"an unknown column", "name,password\nzoe,secret\n", []string{`Line 1: The column "password" is unknown`}},
		{"a column twice", "name,name\na,b\n", []string{`Line 1: The column "name" comes twice`}},
		{"bad lines", "name,admin\ngood,\nTAKEN,\nbad name,\n\"a\nb\",\nother,perhaps\ngood,\n", []string{
			"Line 3: There is a user TAKEN already.", "Line 4: The name has a character", "Line 5: The name has a character",
			"Line 7: admin is true or false", "Line 8: There is a user good already.",
		}},
		{"too few fields", "name,admin\na\n", []string{"Line 2: The line has another number of fields"}},
		{"a quote without end", "name\n\"a\nb\n", []string{"Line 3: A quotation mark is missing"}},
		{"an unknown group", "name,groups\na,Nobodies\n", []string{"Line 2: There is no group Nobodies."}},
		{"an unknown method", "name,default\na,sms\n", []string{"Line 2: The default method"}},
	} {
		n, err := f.importUsers(test.text)
		if n != 0 || err == nil {
			t.Errorf("%s: %d users, %v", test.name, n, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(test.want) {
			t.Errorf("%s: got %q", test.name, lines)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: got %q, want %q", test.name, lines[i], want)
			}
		}
	}
	for _, name := range []string{"good", "a", "zoe"} {
		if _, err := f.find(name); !errors.Is(err, directory.ErrUnknownUser) {
			t.Errorf("%s was added: %v", name, err)
		}
	}
	f.view(func(tx store.Tx) error {
		result, err := f.audit.Query(tx, audit.Filter{Kinds: []string{audit.KindUserAdded}}, audit.Page{})
		if len(result.Records) != 1 {
			t.Errorf("the audit log has %d additions", len(result.Records))
		}
		return err
	})
	var many strings.Builder
	many.WriteString("name\n")
	for range 200 {
		fmt.Fprintln(&many, "bad name")
	}
	if _, err := f.importUsers(many.String()); strings.Count(err.Error(), "\n") != 49 {
		t.Errorf("200 bad lines give %d errors, want 50", strings.Count(err.Error(), "\n")+1)
	}
}

func FuzzImportUsers(f *testing.F) {
	f.Add("name,admin\nzoe,true\n")
	f.Add("\ufeffname,attribute.x,groups\n\"a,b\",c,d;e\n")
	f.Add("name\n\"")
	f.Add("name,roles\nzoe,\x00\n")
	fx := newFixture(f)
	undo := errors.New("undo")
	f.Fuzz(func(t *testing.T, text string) {
		n, users := 0, 0
		var imported error
		err := fx.store.Update(t.Context(), func(tx store.Tx) error {
			if n, imported = fx.ImportUsers(tx, strings.NewReader(text)); imported != nil {
				return undo
			}
			err := fx.ListUsers(tx, store.Range{}, func(u directory.User) error {
				users++
				_, err := fx.FindUser(tx, u.Name)
				return err
			})
			return errors.Join(err, undo)
		})
		if !errors.Is(err, undo) || users != n {
			t.Fatalf("%d users after ImportUsers = %d, %v; %v", users, n, imported, err)
		}
	})
}
