package directory

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// Client is a configured relying party.
type Client struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Kind      policy.ClientKind `json:"kind"`
	KeyHash   string            `json:"key_hash"` // SHA-256 of the key, base64url
	CreatedAt time.Time         `json:"created_at"`

	// RADIUS is set for the kinds nps and radius.
	RADIUS *RADIUSClient `json:"radius,omitzero"`
	// ADFS is set for kind adfs.
	ADFS *ADFSClient `json:"adfs,omitzero"`
}

// RADIUSClient is what a RADIUS client has of its own.
type RADIUSClient struct {
	// Address is where its packets come from; no other client has it.
	Address netip.Addr `json:"address"`
	// Secret is sealed; RADIUSSecret opens it.
	Secret []byte `json:"secret"`
	// NPSVersion is the version of the NPS extension that kind nps behaves as.
	NPSVersion string `json:"nps_version,omitzero"`
	// Override is OVERRIDE_NUMBER_MATCHING_WITH_OTP.
	Override policy.Override `json:"override,omitzero"`
	// RDGateway: a Remote Desktop Gateway, which can take no code.
	RDGateway bool `json:"rd_gateway,omitzero"`
	// NoPrompt: a client that cannot show the text of an Access-Challenge.
	NoPrompt bool `json:"no_prompt,omitzero"`
	// RequireMessageAuthenticator refuses requests without the attribute
	// (CVE-2024-3596).
	RequireMessageAuthenticator bool `json:"require_message_authenticator"`
}

// ADFSClient is what an AD FS adapter has of its own.
type ADFSClient struct {
	OSBuild         string `json:"os_build,omitzero"` // of the Windows Server under it, such as "20348.350"
	RejectUnpatched bool   `json:"reject_unpatched,omitzero"`
}

// Policy is the client as the rules look at it. How a RADIUS client's user
// authenticates is in the request.
func (c Client) Policy() policy.Client {
	p := policy.Client{Kind: c.Kind}
	if r := c.RADIUS; r != nil {
		p.Version, p.Override, p.RDGateway, p.NoPrompt = r.NPSVersion, r.Override, r.RDGateway, r.NoPrompt
	}
	if a := c.ADFS; a != nil {
		p.OSBuild, p.RejectUnpatched = a.OSBuild, a.RejectUnpatched
	}
	return p
}

// minRADIUSSecret is the shortest shared secret taken, in octets (RFC 2865 §3
// asks for 16): one captured packet is enough to guess a shorter one offline.
const (
	minRADIUSSecret = 16
	maxRADIUSSecret = 256
)

const maxClientName = 64 // octets

// NewClient is what AddClient makes a client of.
type NewClient struct {
	Name         string
	Kind         policy.ClientKind
	RADIUS       *RADIUSClient // for kinds nps and radius; Secret is not looked at
	RADIUSSecret []byte        // the shared secret, in the clear
	ADFS         *ADFSClient
}

func (c NewClient) check() error {
	if strings.TrimSpace(c.Name) == "" || len(c.Name) > maxClientName {
		return invalid("refused.client_name", "most", maxClientName)
	}
	if err := checkText("refused.what_client_name", c.Name); err != nil {
		return err
	}
	overRADIUS := false
	switch c.Kind {
	case policy.KindWeb, policy.KindADFS, policy.KindMFAServer:
	case policy.KindNPS, policy.KindRADIUS:
		overRADIUS = true
	default:
		return invalid("refused.client_kind")
	}
	switch {
	case !overRADIUS && (c.RADIUS != nil || c.RADIUSSecret != nil):
		return invalid("refused.client_not_radius", "kind", c.Kind)
	case c.ADFS != nil && c.Kind != policy.KindADFS:
		return invalid("refused.client_not_adfs", "kind", c.Kind)
	case !overRADIUS:
		return nil
	case c.RADIUS == nil || !c.RADIUS.Address.IsValid():
		return invalid("refused.client_address", "kind", c.Kind)
	case len(c.RADIUSSecret) < minRADIUSSecret || len(c.RADIUSSecret) > maxRADIUSSecret:
		return invalid("refused.radius_secret", "least", minRADIUSSecret, "most", maxRADIUSSecret)
	}
	return c.RADIUS.check(c.Kind)
}

func (r RADIUSClient) check(kind policy.ClientKind) error {
	switch r.Override {
	case policy.OverrideUnset, policy.OverrideTrue, policy.OverrideFalse:
	default:
		return invalid("refused.override", "yes", policy.OverrideTrue, "no", policy.OverrideFalse)
	}
	if kind == policy.KindRADIUS && (r.NPSVersion != "" || r.Override != policy.OverrideUnset) {
		return invalid("refused.client_not_nps", "kind", policy.KindNPS)
	}
	return checkText("refused.what_nps_version", r.NPSVersion)
}

// defaultNPSVersion is the first version of the NPS extension that asks for a
// code by itself (rule 9). Policy takes a client without a version for the oldest.
const defaultNPSVersion = "1.2.2216.1"

// AddClient makes a client and its key, which is given out this once.
func (d *Directory) AddClient(tx store.Tx, n NewClient) (c Client, key string, err error) {
	if err := n.check(); err != nil {
		return Client{}, "", err
	}
	if taken, err := d.clientNames.Has(tx, strings.ToLower(n.Name)); err != nil {
		return Client{}, "", err
	} else if taken {
		return Client{}, "", words.Refuse(ErrExists, "refused.client_exists", "name", n.Name)
	}
	key = newToken("csk_")
	c = Client{
		ID: message.NewID(), Name: n.Name, Kind: n.Kind,
		KeyHash: digest(key), CreatedAt: d.now().UTC(), ADFS: n.ADFS,
	}
	if n.RADIUS != nil {
		if c.RADIUS, err = d.sealRADIUS(tx, c.ID, *n.RADIUS, n.RADIUSSecret); err != nil {
			return Client{}, "", err
		}
		if c.Kind == policy.KindNPS && c.RADIUS.NPSVersion == "" {
			c.RADIUS.NPSVersion = defaultNPSVersion
		}
	}
	if err := d.writeClient(tx, c); err != nil {
		return Client{}, "", fmt.Errorf("directory: adding a client: %w", err)
	}
	return c, key, d.record(tx, audit.Event{
		Kind: audit.KindClientAdded, Client: c.ID,
		Detail: map[string]string{"name": c.Name, "kind": string(c.Kind)},
	})
}

// writeClient writes a client with what it is found by.
func (d *Directory) writeClient(tx store.Tx, c Client) error {
	err := errors.Join(
		d.clients.Put(tx, c.ID, c),
		d.clientNames.Put(tx, strings.ToLower(c.Name), c.ID),
		d.clientKeys.Put(tx, c.KeyHash, c.ID),
	)
	if c.RADIUS != nil {
		err = errors.Join(err, d.clientAddrs.Put(tx, c.RADIUS.Address.String(), c.ID))
	}
	return err
}

// unlinkClient removes what a client is found by.
func (d *Directory) unlinkClient(tx store.Tx, c Client) error {
	err := errors.Join(d.clientNames.Delete(tx, strings.ToLower(c.Name)), d.clientKeys.Delete(tx, c.KeyHash))
	if c.RADIUS != nil {
		err = errors.Join(err, d.clientAddrs.Delete(tx, c.RADIUS.Address.String()))
	}
	return err
}

func (d *Directory) sealRADIUS(tx store.Tx, id string, r RADIUSClient, secret []byte) (*RADIUSClient, error) {
	r.Address = r.Address.Unmap()
	other, err := d.ClientByAddress(tx, r.Address)
	switch {
	case err == nil:
		return nil, words.Refuse(ErrExists, "refused.address_taken", "name", other.Name, "address", r.Address)
	case !errors.Is(err, ErrUnknownClient):
		return nil, err
	}
	r.Secret, err = d.vault.Seal(radiusLabel(id), secret)
	return &r, err
}

func radiusLabel(clientID string) string { return "radius-secret/" + clientID }

// RADIUSSecret opens a RADIUS client's shared secret.
func (d *Directory) RADIUSSecret(c Client) ([]byte, error) {
	if c.RADIUS == nil {
		return nil, invalid("refused.client_not_radius", "kind", c.Kind)
	}
	secret, err := d.vault.Open(radiusLabel(c.ID), c.RADIUS.Secret)
	if err != nil {
		return nil, fmt.Errorf("directory: opening a RADIUS secret: %w", err)
	}
	return secret, nil
}

// ClientByKey gives the client whose key it is, or ErrUnknownClient. The key is
// looked up by its hash, so the time taken tells nothing of other keys.
func (d *Directory) ClientByKey(tx store.Tx, key string) (Client, error) {
	id, err := d.clientKeys.Get(tx, digest(key))
	if err := unknown(err, ErrUnknownClient, "finding a client"); err != nil {
		return Client{}, err
	}
	return d.ClientByID(tx, id)
}

// ClientByID gives a client, or ErrUnknownClient.
func (d *Directory) ClientByID(tx store.Tx, id string) (Client, error) {
	c, err := d.clients.Get(tx, id)
	return c, unknown(err, ErrUnknownClient, "reading a client")
}

// ClientByName gives a client by its name, without case, or ErrUnknownClient.
func (d *Directory) ClientByName(tx store.Tx, name string) (Client, error) {
	id, err := d.clientNames.Get(tx, strings.ToLower(name))
	if err := unknown(err, ErrUnknownClient, "finding a client"); err != nil {
		return Client{}, err
	}
	return d.ClientByID(tx, id)
}

// ClientByAddress gives the RADIUS client of an address, or ErrUnknownClient.
func (d *Directory) ClientByAddress(tx store.Tx, address netip.Addr) (Client, error) {
	id, err := d.clientAddrs.Get(tx, address.Unmap().String())
	if err := unknown(err, ErrUnknownClient, "finding a client"); err != nil {
		return Client{}, err
	}
	return d.ClientByID(tx, id)
}

// ListClients gives all clients, in the order of their ids.
func (d *Directory) ListClients(tx store.Tx) ([]Client, error) {
	return d.clients.All(tx, store.Range{})
}

// RemoveClient removes a client, or gives ErrUnknownClient; its key is then
// nobody's.
func (d *Directory) RemoveClient(tx store.Tx, id string) error {
	c, err := d.ClientByID(tx, id)
	if err != nil {
		return err
	}
	if err := errors.Join(d.clients.Delete(tx, id), d.unlinkClient(tx, c)); err != nil {
		return fmt.Errorf("directory: removing a client: %w", err)
	}
	return d.record(tx, audit.Event{Kind: audit.KindClientRemoved, Client: id, Detail: map[string]string{"name": c.Name}})
}

// newToken makes a bearer token of 256 random bits. The prefix lets people and
// secret scanners tell what they found.
func newToken(prefix string) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
