package directory_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

func radiusClient(address string) directory.NewClient {
	return directory.NewClient{
		Name: "vpn " + address, Kind: policy.KindNPS, RADIUSSecret: []byte("a secret of 24 letters.."),
		RADIUS: &directory.RADIUSClient{Address: netip.MustParseAddr(address), NPSVersion: "1.2.2216.1", Override: policy.OverrideTrue, RequireMessageAuthenticator: true},
	}
}

func (f *fixture) addClient(n directory.NewClient) (c directory.Client, key string) {
	f.Helper()
	f.update(func(tx store.Tx) (err error) {
		c, key, err = f.AddClient(tx, n)
		return err
	})
	return c, key
}

func TestClientsAreKnownByTheirKey(t *testing.T) {
	f := newFixture(t)
	c, key := f.addClient(directory.NewClient{Name: "Portal", Kind: policy.KindWeb})
	_, otherKey := f.addClient(directory.NewClient{Name: "AD FS", Kind: policy.KindADFS, ADFS: &directory.ADFSClient{OSBuild: "20348.350"}})
	f.view(func(tx store.Tx) error {
		got, err := f.ClientByKey(tx, key)
		if got.ID != c.ID || err != nil {
			t.Errorf("the key finds %q, %v", got.Name, err)
		}
		got, err = f.ClientByKey(tx, otherKey)
		if want := (policy.Client{Kind: policy.KindADFS, OSBuild: "20348.350"}); got.Policy() != want || err != nil {
			t.Errorf("the rules see %+v, %v", got.Policy(), err)
		}
		for _, wrong := range []string{"", "csk_", key[:len(key)-1], key + "A", c.KeyHash, c.ID} {
			if _, err := f.ClientByKey(tx, wrong); !errors.Is(err, directory.ErrUnknownClient) {
				t.Errorf("a wrong key gives %v", err)
			}
		}
		byName, err := f.ClientByName(tx, "PORTAL")
		if byName.ID != c.ID {
			t.Errorf("the name finds %q", byName.Name)
		}
		return err
	})
	f.update(func(tx store.Tx) error { return f.RemoveClient(tx, c.ID) })
	f.refused("a removed client's key", directory.ErrUnknownClient, func(tx store.Tx) error { _, err := f.ClientByKey(tx, key); return err })
	f.refused("removing twice", directory.ErrUnknownClient, func(tx store.Tx) error { return f.RemoveClient(tx, c.ID) })
}

func TestAnNPSClientWithoutAVersionIsACurrentOne(t *testing.T) {
	f := newFixture(t)
	n := radiusClient("192.0.2.1")
	n.RADIUS.NPSVersion = ""
	if c, _ := f.addClient(n); c.Policy().Version != "1.2.2216.1" {
		t.Errorf("the rules see %+v", c.Policy())
	}
	n = radiusClient("192.0.2.2")
	n.Kind, n.RADIUS.NPSVersion, n.RADIUS.Override = policy.KindRADIUS, "", policy.OverrideUnset
	if c, _ := f.addClient(n); c.Policy().Version != "" {
		t.Errorf("a client of our own kind has the version %s", c.Policy().Version)
	}
}

func TestRADIUSClients(t *testing.T) {
	f := newFixture(t)
	n := radiusClient("192.0.2.1")
	c, _ := f.addClient(n)
	f.view(func(tx store.Tx) error {
		got, err := f.ClientByAddress(tx, netip.MustParseAddr("::ffff:192.0.2.1"))
		if got.ID != c.ID || err != nil {
			t.Errorf("the address finds %q, %v", got.Name, err)
		}
		if want := (policy.Client{Kind: policy.KindNPS, Version: "1.2.2216.1", Override: policy.OverrideTrue}); got.Policy() != want {
			t.Errorf("the rules see %+v", got.Policy())
		}
		opened, err := f.RADIUSSecret(got)
		if string(opened) != string(n.RADIUSSecret) {
			t.Errorf("the secret opens to %q", opened)
		}
		moved := got
		moved.ID = "another"
		if _, err := f.RADIUSSecret(moved); err == nil {
			t.Error("a sealed secret opens for another client")
		}
		_, none := f.ClientByAddress(tx, netip.MustParseAddr("192.0.2.2"))
		return errors.Join(err, map[bool]error{true: nil, false: none}[errors.Is(none, directory.ErrUnknownClient)])
	})
	again := radiusClient("::ffff:192.0.2.1")
	f.refused("a second client of an address", directory.ErrExists, func(tx store.Tx) error { _, _, err := f.AddClient(tx, again); return err })
	f.update(func(tx store.Tx) error { return f.RemoveClient(tx, c.ID) })
	f.addClient(again) // the address is free again
}

func TestClientsAreRefusedWith(t *testing.T) {
	f := newFixture(t)
	f.addClient(directory.NewClient{Name: "Portal", Kind: policy.KindWeb})
	short, noAddress, forRADIUS, override := radiusClient("192.0.2.1"), radiusClient("192.0.2.1"), radiusClient("192.0.2.1"), radiusClient("192.0.2.1")
	short.RADIUSSecret = []byte("fifteen letters")
	noAddress.RADIUS = &directory.RADIUSClient{}
	forRADIUS.Kind = policy.KindRADIUS
	override.RADIUS.Override = "MAYBE"
	for _, test := range []struct {
		name   string
		client directory.NewClient
		want   error
	}{
		{"a name that is taken, in another case", directory.NewClient{Name: "portal", Kind: policy.KindWeb}, directory.ErrExists},
		{"no name", directory.NewClient{Kind: policy.KindWeb}, directory.ErrInvalid},
		{"no kind", directory.NewClient{Name: "a"}, directory.ErrInvalid},
		{"an unknown kind", directory.NewClient{Name: "a", Kind: "saml"}, directory.ErrInvalid},
		{"a control character", directory.NewClient{Name: "a\nb", Kind: policy.KindWeb}, directory.ErrInvalid},
		{"RADIUS settings for the web", directory.NewClient{Name: "a", Kind: policy.KindWeb, RADIUSSecret: []byte("x")}, directory.ErrInvalid},
		{"an OS build for the web", directory.NewClient{Name: "a", Kind: policy.KindWeb, ADFS: &directory.ADFSClient{}}, directory.ErrInvalid},
		{"no RADIUS settings", directory.NewClient{Name: "a", Kind: policy.KindRADIUS}, directory.ErrInvalid},
		{"no address", noAddress, directory.ErrInvalid},
		{"a secret of fewer than 16 characters", short, directory.ErrInvalid},
		{"an NPS version for our own RADIUS", forRADIUS, directory.ErrInvalid},
		{"an override that is none", override, directory.ErrInvalid},
	} {
		f.refused(test.name, test.want, func(tx store.Tx) error { _, _, err := f.AddClient(tx, test.client); return err })
	}
}

func TestAdminTokensLastEightHours(t *testing.T) {
	f := newFixture(t)
	var token string
	var expires time.Time
	make := func(tx store.Tx) (err error) {
		token, expires, err = f.AddAdminToken(tx)
		return err
	}
	f.update(make)
	if want := f.clock.Now().Add(8 * time.Hour); !expires.Equal(want) {
		t.Errorf("it expires at %s, want %s", expires, want)
	}
	first := token
	f.clock.move(8*time.Hour - time.Nanosecond)
	f.view(func(tx store.Tx) error {
		actor, err := f.AdminByToken(tx, first)
		if len(actor) != len("admin-token/")+8 {
			t.Errorf("the actor is %q", actor)
		}
		return err
	})
	f.clock.move(time.Nanosecond)
	for name, wrong := range map[string]string{"an expired token": first, "no token": "", "half a token": first[:20]} {
		f.refused(name, directory.ErrUnknownToken, func(tx store.Tx) error { _, err := f.AdminByToken(tx, wrong); return err })
	}
	f.update(make)
	n := 0
	f.view(func(tx store.Tx) error {
		return tx.Scan("admin_tokens", store.Range{}, func(string, []byte) error { n++; return nil })
	})
	if n != 1 {
		t.Errorf("%d tokens are kept; the expired one must go", n)
	}
	// A client's key is no administrator's token, and the other way round.
	_, key := f.addClient(directory.NewClient{Name: "Portal", Kind: policy.KindWeb})
	f.refused("a client's key as a token", directory.ErrUnknownToken, func(tx store.Tx) error { _, err := f.AdminByToken(tx, key); return err })
	f.refused("a token as a client's key", directory.ErrUnknownClient, func(tx store.Tx) error { _, err := f.ClientByKey(tx, token); return err })
}
