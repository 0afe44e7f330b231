package directory_test

import (
	"errors"
	"net/netip"
	"testing"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

func TestChangingAClientKeepsItsKey(t *testing.T) {
	f := newFixture(t)
	c, key := f.addClient(radiusClient("192.0.2.1"))
	other, _ := f.addClient(radiusClient("192.0.2.2"))
	changed := directory.NewClient{Name: "Gateway", Kind: policy.KindNPS, RADIUS: &directory.RADIUSClient{Address: netip.MustParseAddr("192.0.2.9"), RDGateway: true}}
	f.update(func(tx store.Tx) error { return f.PutClient(tx, c.ID, changed) })
	f.view(func(tx store.Tx) error {
		got, err := f.ClientByKey(tx, key)
		if err != nil || got.Name != "Gateway" || !got.RADIUS.RDGateway || !got.CreatedAt.Equal(c.CreatedAt) {
			t.Errorf("%+v, %v", got, err)
		}
		if secret, err := f.RADIUSSecret(got); err != nil || string(secret) != "a secret of 24 letters.." {
			t.Errorf("the secret that was left out is %q, %v", secret, err)
		}
		if _, err := f.ClientByAddress(tx, netip.MustParseAddr("192.0.2.1")); !errors.Is(err, directory.ErrUnknownClient) {
			t.Errorf("the old address finds %v", err)
		}
		if _, err := f.ClientByName(tx, c.Name); !errors.Is(err, directory.ErrUnknownClient) {
			t.Errorf("the old name finds %v", err)
		}
		_, err = f.ClientByAddress(tx, netip.MustParseAddr("192.0.2.9"))
		return err
	})
	put := func(edit func(*directory.NewClient)) func(store.Tx) error {
		n := changed
		r := *changed.RADIUS
		n.RADIUS = &r
		edit(&n)
		return func(tx store.Tx) error { return f.PutClient(tx, c.ID, n) }
	}
	f.refused("another kind", directory.ErrInvalid, put(func(n *directory.NewClient) { n.Kind = policy.KindRADIUS }))
	f.refused("another's name", directory.ErrExists, put(func(n *directory.NewClient) { n.Name = other.Name }))
	f.refused("another's address", directory.ErrExists, put(func(n *directory.NewClient) { n.RADIUS.Address = other.RADIUS.Address }))
	f.refused("a short secret", directory.ErrInvalid, put(func(n *directory.NewClient) { n.RADIUSSecret = []byte("short") }))
	f.refused("nobody", directory.ErrUnknownClient, func(tx store.Tx) error { return f.PutClient(tx, "nobody", changed) })
}

func TestANewKeyEndsTheOldOne(t *testing.T) {
	f := newFixture(t)
	c, old := f.addClient(directory.NewClient{Name: "Portal", Kind: policy.KindWeb})
	var key string
	f.update(func(tx store.Tx) (err error) {
		key, err = f.NewClientKey(tx, c.ID)
		return err
	})
	f.refused("the old key", directory.ErrUnknownClient, func(tx store.Tx) error { _, err := f.ClientByKey(tx, old); return err })
	f.view(func(tx store.Tx) error {
		got, err := f.ClientByKey(tx, key)
		if got.ID != c.ID {
			t.Errorf("the new key finds %q", got.ID)
		}
		return err
	})
	f.refused("nobody", directory.ErrUnknownClient, func(tx store.Tx) error { _, err := f.NewClientKey(tx, "nobody"); return err })
}
