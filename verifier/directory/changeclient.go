package directory

import (
	"errors"
	"fmt"
	"strings"

	"countersign/verifier/audit"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// PutClient changes a client's name and the settings of its kind; the kind, the
// key and the time of its making stay. A RADIUS secret that is nil stays, too.
// It gives ErrUnknownClient where there is none, ErrExists where another has
// the name or the address.
func (d *Directory) PutClient(tx store.Tx, id string, n NewClient) error {
	before, err := d.ClientByID(tx, id)
	if err != nil {
		return err
	}
	if n.Kind != before.Kind {
		return invalid("refused.client_keeps_kind")
	}
	if n.RADIUS != nil && n.RADIUSSecret == nil {
		if n.RADIUSSecret, err = d.RADIUSSecret(before); err != nil {
			return err
		}
	}
	if err := n.check(); err != nil {
		return err
	}
	owner, err := d.clientNames.Get(tx, strings.ToLower(n.Name))
	if err == nil && owner != id {
		return words.Refuse(ErrExists, "refused.client_exists", "name", n.Name)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := d.unlinkClient(tx, before); err != nil {
		return err
	}
	after := before
	after.Name, after.ADFS, after.RADIUS = n.Name, n.ADFS, nil
	if n.RADIUS != nil {
		if after.RADIUS, err = d.sealRADIUS(tx, id, *n.RADIUS, n.RADIUSSecret); err != nil {
			return err
		}
	}
	return d.putClient(tx, after, "settings")
}

// NewClientKey gives a client another key, shown this once; the one before is
// nobody's from the end of the transaction on.
func (d *Directory) NewClientKey(tx store.Tx, id string) (key string, err error) {
	c, err := d.ClientByID(tx, id)
	if err != nil {
		return "", err
	}
	if err := d.unlinkClient(tx, c); err != nil {
		return "", err
	}
	key = newToken("csk_")
	c.KeyHash = digest(key)
	return key, d.putClient(tx, c, "key")
}

func (d *Directory) putClient(tx store.Tx, c Client, changed string) error {
	if err := d.writeClient(tx, c); err != nil {
		return fmt.Errorf("directory: changing a client: %w", err)
	}
	return d.record(tx, audit.Event{
		Kind: audit.KindClientChanged, Client: c.ID,
		Detail: map[string]string{"name": c.Name, "changed": changed},
	})
}
