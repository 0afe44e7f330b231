package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

func TestNamesAreComparedWithoutCase(t *testing.T) {
	f := newFixture(t)
	zoe := f.addUser(directory.User{Name: "Zoë"})
	upn := f.addUser(directory.User{Name: "alex@Contoso.example"})
	other := f.addUser(directory.User{Name: "kim@fabrikam.example"})
	for name, want := range map[string]string{
		"zoë": zoe.ID, "ZOË": zoe.ID, "Zoe\u0308": zoe.ID, "ｚoë": zoe.ID,
		"zoë@contoso.example": zoe.ID, "ZOË@CONTOSO.EXAMPLE": zoe.ID,
		"ALEX@contoso.EXAMPLE": upn.ID, "alex": upn.ID,
		"kim@fabrikam.example": other.ID,
	} {
		if got, err := f.find(name); err != nil || got.ID != want {
			t.Errorf("%q finds %q, %v", name, got.Name, err)
		}
	}
	for _, name := range []string{"", "zoe", "kim", "alex@fabrikam.example", "zoë@fabrikam.example", "@", "a@b@c", "alex@", "a b", "a\x00b", "\xff", strings.Repeat("x", 129)} {
		if got, err := f.find(name); !errors.Is(err, directory.ErrUnknownUser) {
			t.Errorf("%q finds %q, %v; want nobody", name, got.Name, err)
		}
	}
}

func TestAnExactNameGoesBeforeItsOtherForm(t *testing.T) {
	f := newFixture(t)
	bare := f.addUser(directory.User{Name: "zoe"})
	upn := f.addUser(directory.User{Name: "zoe@" + domain})
	for name, want := range map[string]string{"ZOE": bare.ID, "zoe@" + domain: upn.ID} {
		if got, err := f.find(name); err != nil || got.ID != want {
			t.Errorf("%q finds %q, %v", name, got.Name, err)
		}
	}
}

func TestUsersAreRefusedWith(t *testing.T) {
	f := newFixture(t)
	f.addUser(directory.User{Name: "zoe"})
	for _, test := range []struct {
		name string
		user directory.User
		want error
	}{
		{"a name that is taken, in another case", directory.User{Name: "ZOE"}, directory.ErrExists},
		{"no name", directory.User{}, directory.ErrInvalid},
		{"a space in the name", directory.User{Name: "zoe b"}, directory.ErrInvalid},
		{"two @ in the name", directory.User{Name: "a@b@c"}, directory.ErrInvalid},
		{"a long name", directory.User{Name: strings.Repeat("x", 129)}, directory.ErrInvalid},
		{"a control character in the display name", directory.User{Name: "a", DisplayName: "a\nb"}, directory.ErrInvalid},
		{"an unknown default method", directory.User{Name: "a", Default: "sms"}, directory.ErrInvalid},
		{"one attribute twice by case", directory.User{Name: "a", Attributes: map[string]string{"x": "1", "X": "2"}}, directory.ErrInvalid},
		{"an attribute without a name", directory.User{Name: "a", Attributes: map[string]string{"": "1"}}, directory.ErrInvalid},
		{"an empty role", directory.User{Name: "a", Roles: []string{""}}, directory.ErrInvalid},
	} {
		f.refused(test.name, test.want, func(tx store.Tx) error { _, err := f.CreateUser(tx, test.user); return err })
	}
}

func TestAUserCanBeRenamed(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	f.addUser(directory.User{Name: "alex"})
	created := u.CreatedAt
	f.clock.move(time.Hour)
	u.Name, u.Default, u.CreatedAt = "Zoe.New", policy.MethodTOTP, time.Time{}
	f.update(func(tx store.Tx) error { return f.PutUser(tx, u) })
	if _, err := f.find("zoe"); !errors.Is(err, directory.ErrUnknownUser) {
		t.Errorf("the old name still finds: %v", err)
	}
	got, err := f.find("zoe.new")
	if err != nil || got.ID != u.ID || got.Default != policy.MethodTOTP || !got.CreatedAt.Equal(created) {
		t.Errorf("the new name finds %+v, %v", got, err)
	}
	u.Name = "ALEX"
	f.refused("another's name", directory.ErrExists, func(tx store.Tx) error { return f.PutUser(tx, u) })
	u.Name = "zoe.NEW"
	f.update(func(tx store.Tx) error { return f.PutUser(tx, u) })
	f.refused("an unknown user", directory.ErrUnknownUser, func(tx store.Tx) error {
		return f.PutUser(tx, directory.User{ID: "nobody", Name: "nobody"})
	})
}

func TestUsersAreListedByName(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"mia", "Alex", "zoe"} {
		f.addUser(directory.User{Name: name})
	}
	var names []string
	f.view(func(tx store.Tx) error {
		return f.ListUsers(tx, store.Range{}, func(u directory.User) error { names = append(names, u.Name); return nil })
	})
	if !slices.Equal(names, []string{"Alex", "mia", "zoe"}) {
		t.Errorf("the list is %q", names)
	}
}

func TestDeletingAUserLeavesNothing(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	dev := newDevice(t, u.ID)
	f.update(func(tx store.Tx) error {
		g, err := f.CreateGroup(tx, directory.Group{ID: "g", Name: "G"})
		return errors.Join(err, f.AddDevice(tx, dev), f.RegisterTOTP(tx, u.ID, make([]byte, 20)),
			f.SetPassword(tx, u.ID, "correct horse"), f.AddMember(tx, g.ID, directory.Member{Kind: directory.MemberUser, ID: u.ID}))
	})
	f.update(func(tx store.Tx) error { return f.DeleteUser(tx, u.ID) })
	f.view(func(tx store.Tx) error {
		if _, err := f.DeviceByID(tx, dev.ID); !errors.Is(err, directory.ErrUnknownDevice) {
			t.Errorf("the device is left: %v", err)
		}
		if has, err := f.HasTOTP(tx, u.ID); has || err != nil {
			t.Errorf("TOTP is left: %v", err)
		}
		if has, err := f.HasPassword(tx, u.ID); has || err != nil {
			t.Errorf("the password is left: %v", err)
		}
		if members, err := f.Members(tx, "g"); len(members) != 0 || err != nil {
			t.Errorf("the membership is left: %v", err)
		}
		return nil
	})
	again := f.addUser(directory.User{Name: "zoe"})
	if again.ID == u.ID {
		t.Error("a new user of the same name has the old one's id")
	}
	f.refused("deleting twice", directory.ErrUnknownUser, func(tx store.Tx) error { return f.DeleteUser(tx, u.ID) })
}

func TestDevices(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	other := f.addUser(directory.User{Name: "alex"})
	var devices []directory.Device
	for range directory.MaxDevices {
		dev := newDevice(t, u.ID)
		devices = append(devices, dev)
		f.update(func(tx store.Tx) error { return f.AddDevice(tx, dev) })
	}
	first := devices[0]
	f.refused("a sixth device", directory.ErrTooManyDevices, func(tx store.Tx) error { return f.AddDevice(tx, newDevice(t, u.ID)) })
	stolen := first
	stolen.User = other.ID
	f.refused("another user's key", directory.ErrExists, func(tx store.Tx) error { return f.AddDevice(tx, stolen) })
	f.refused("moving a device to another user", directory.ErrInvalid, func(tx store.Tx) error { return f.UpdateDevice(tx, stolen) })
	swapped := first
	swapped.Encryption = devices[1].Encryption
	f.refused("another encryption key", directory.ErrInvalid, func(tx store.Tx) error { return f.UpdateDevice(tx, swapped) })
	misnamed := newDevice(t, other.ID)
	misnamed.ID = first.ID
	f.refused("an id that is not the key's", directory.ErrInvalid, func(tx store.Tx) error { return f.AddDevice(tx, misnamed) })
	f.refused("an unknown user's device", directory.ErrUnknownUser, func(tx store.Tx) error { return f.AddDevice(tx, newDevice(t, "nobody")) })
	for _, wearable := range []func(*directory.Device){
		func(d *directory.Device) { d.FormFactor = policy.Watch },
		func(d *directory.Device) { d.Platform = policy.WatchOS },
		func(d *directory.Device) { d.Platform = policy.WearOS },
	} {
		dev := newDevice(t, other.ID)
		wearable(&dev)
		f.refused("a wearable", directory.ErrInvalid, func(tx store.Tx) error { return f.AddDevice(tx, dev) })
	}

	first.AppVersion, first.SeenAt = "0.0.1", f.clock.Now()
	f.update(func(tx store.Tx) error { return f.UpdateDevice(tx, first) })
	f.view(func(tx store.Tx) error {
		got, err := f.DeviceByID(tx, first.ID)
		if got.AppVersion != "0.0.1" || got.Signing.Thumbprint() != first.ID || got.Policy().NumberMatching {
			t.Errorf("the device is %+v", got)
		}
		return err
	})
	f.update(func(tx store.Tx) error { return f.RemoveDevice(tx, first.ID) })
	f.refused("removing twice", directory.ErrUnknownDevice, func(tx store.Tx) error { return f.RemoveDevice(tx, first.ID) })
	f.view(func(tx store.Tx) error {
		left, err := f.Devices(tx, u.ID)
		if len(left) != directory.MaxDevices-1 {
			t.Errorf("%d devices are left", len(left))
		}
		return err
	})
}

func TestPolicyUser(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe", Default: policy.MethodTOTP, Roles: []string{"helpdesk"}})
	check := func(want policy.User, devices int) {
		t.Helper()
		f.view(func(tx store.Tx) error {
			enrolled, err := f.Devices(tx, u.ID)
			if err != nil {
				return err
			}
			got, err := f.PolicyUser(tx, u, enrolled)
			if got != want || len(enrolled) != devices {
				t.Errorf("got %+v with %d devices, want %+v with %d", got, len(enrolled), want, devices)
			}
			for _, dev := range enrolled {
				if owner, err := f.OwnerOf(tx, dev.ID); err != nil || owner != u.ID {
					t.Errorf("the device is %s's (%v), not %s's", owner, err, u.ID)
				}
			}
			if _, err := f.OwnerOf(tx, "nobody's"); !errors.Is(err, directory.ErrUnknownDevice) {
				t.Errorf("a device that is not enrolled: %v", err)
			}
			return err
		})
	}
	check(policy.User{Default: policy.MethodTOTP, Admin: true}, 0)
	f.update(func(tx store.Tx) error {
		return errors.Join(f.AddDevice(tx, newDevice(t, u.ID)), f.RegisterTOTP(tx, u.ID, make([]byte, 20)))
	})
	check(policy.User{Push: true, TOTP: true, Default: policy.MethodTOTP, Admin: true}, 1)
}

func TestChangesStandInTheAuditLog(t *testing.T) {
	f := newFixture(t)
	u := f.addUser(directory.User{Name: "zoe"})
	dev := newDevice(t, u.ID)
	f.update(func(tx store.Tx) error {
		by := f.As("cli")
		return errors.Join(by.AddDevice(tx, dev), by.RegisterTOTP(tx, u.ID, make([]byte, 20)), by.SetPassword(tx, u.ID, "correct horse"),
			by.RemoveTOTP(tx, u.ID), by.RemoveDevice(tx, dev.ID), by.PutUser(tx, u), by.DeleteUser(tx, u.ID))
	})
	want := []string{
		audit.KindUserAdded, audit.KindDeviceAdded, audit.KindTOTPRegistered, audit.KindPasswordChanged,
		audit.KindTOTPRemoved, audit.KindDeviceRemoved, audit.KindUserChanged, audit.KindUserRemoved,
	}
	if got := f.kinds(u.ID); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	f.view(func(tx store.Tx) error {
		result, err := f.audit.Query(tx, audit.Filter{User: u.ID}, audit.Page{Limit: 1})
		if result.Records[0].Actor != "cli" {
			t.Errorf("the actor is %q", result.Records[0].Actor)
		}
		return err
	})
}
