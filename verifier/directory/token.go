package directory

import (
	"fmt"
	"time"

	"countersign/verifier/audit"
	"countersign/verifier/store"
)

// AdminTokenLifetime is how long an administrator's token is good.
const AdminTokenLifetime = 8 * time.Hour

type adminToken struct {
	Actor   string    `json:"actor"`
	Expires time.Time `json:"expires"`
}

// AddAdminToken makes an administrator's bearer token. It is stored as its hash
// and given out this once.
func (d *Directory) AddAdminToken(tx store.Tx) (token string, expires time.Time, err error) {
	if err := d.sweepAdminTokens(tx); err != nil {
		return "", time.Time{}, err
	}
	token, expires = newToken("csa_"), d.now().UTC().Add(AdminTokenLifetime)
	key := digest(token)
	// A part of the hash tells tokens apart in the audit log, and is no use to
	// whoever reads it.
	record := adminToken{Actor: "admin-token/" + key[:8], Expires: expires}
	if err := d.adminTokens.Put(tx, key, record); err != nil {
		return "", time.Time{}, fmt.Errorf("directory: adding a token: %w", err)
	}
	err = d.record(tx, audit.Event{Kind: audit.KindAdminTokenMade, Detail: map[string]string{"token": record.Actor}})
	return token, expires, err
}

// AdminByToken gives the name under which a token's holder stands in the audit
// log, or ErrUnknownToken for one that is unknown or has expired.
func (d *Directory) AdminByToken(tx store.Tx, token string) (actor string, err error) {
	record, err := d.adminTokens.Get(tx, digest(token))
	if err := unknown(err, ErrUnknownToken, "finding a token"); err != nil {
		return "", err
	}
	if !d.now().Before(record.Expires) {
		return "", ErrUnknownToken
	}
	return record.Actor, nil
}

func (d *Directory) sweepAdminTokens(tx store.Tx) error {
	var expired []string
	err := d.adminTokens.Scan(tx, store.Range{}, func(key string, record adminToken) error {
		if !d.now().Before(record.Expires) {
			expired = append(expired, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range expired {
		if err := d.adminTokens.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}
