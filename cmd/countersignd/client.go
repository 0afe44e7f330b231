package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

type clientAddCmd struct {
	Name string `arg:"" help:"Name of the client, as users see it."`
	dataFlag
	Kind string `required:"" enum:"web,radius,nps,adfs,mfa_server" help:"web, radius, nps, adfs or mfa_server." placeholder:"KIND"`
	JSON bool   `help:"Print JSON."`

	Address                       string `group:"RADIUS (kinds radius and nps)" help:"Address that its packets come from." placeholder:"IP"`
	RadiusSecretStdin             bool   `group:"RADIUS (kinds radius and nps)" help:"Read the shared secret (16 characters or more) from standard input."`
	NPSVersion                    string `group:"RADIUS (kinds radius and nps)" name:"nps-version" help:"Version of the NPS extension to behave as (kind nps; default 1.2.2216.1)." placeholder:"V"`
	Override                      string `group:"RADIUS (kinds radius and nps)" help:"OVERRIDE_NUMBER_MATCHING_WITH_OTP." placeholder:"TRUE|FALSE"`
	RDGateway                     bool   `group:"RADIUS (kinds radius and nps)" name:"rd-gateway" help:"A Remote Desktop Gateway, which can take no code."`
	NoPrompt                      bool   `group:"RADIUS (kinds radius and nps)" help:"The client cannot show a prompt."`
	NoRequireMessageAuthenticator bool   `group:"RADIUS (kinds radius and nps)" help:"Take requests without Message-Authenticator (open to CVE-2024-3596)."`

	OSBuild         string `group:"AD FS (kind adfs)" name:"os-build" help:"Build of the Windows Server under the adapter, such as 20348.350." placeholder:"B"`
	RejectUnpatched bool   `group:"AD FS (kind adfs)" help:"Refuse a server without the update for number matching."`
}

// Run adds the client and prints its key, this once.
func (c clientAddCmd) Run(e *env) error {
	n, err := c.client(e)
	if err != nil {
		return err
	}
	var added directory.Client
	var key string
	err = e.updateNew(c.Data, func(d *data, tx store.Tx) (err error) {
		added, key, err = d.directory.AddClient(tx, n)
		return err
	})
	if err != nil {
		return err
	}
	if c.NoRequireMessageAuthenticator {
		_, _ = fmt.Fprintln(e.stderr, "countersignd: warning: without Message-Authenticator, answers to this client can be forged (CVE-2024-3596)")
	}
	return e.print(c.JSON, struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}{added.ID, key}, "id   %s\nkey  %s", added.ID, key)
}

// client makes of the command line what it describes.
func (c clientAddCmd) client(e *env) (directory.NewClient, error) {
	n := directory.NewClient{Name: c.Name, Kind: policy.ClientKind(c.Kind)}
	overRADIUS := n.Kind == policy.KindRADIUS || n.Kind == policy.KindNPS
	radiusFlags := c.Address != "" || c.RadiusSecretStdin || c.NPSVersion != "" || c.Override != "" || c.RDGateway || c.NoPrompt || c.NoRequireMessageAuthenticator
	switch {
	case radiusFlags && !overRADIUS:
		return n, usagef("the RADIUS flags are for the kinds radius and nps")
	case overRADIUS && (c.Address == "" || !c.RadiusSecretStdin):
		return n, usagef("the kinds radius and nps need --address and --radius-secret-stdin")
	case (c.OSBuild != "" || c.RejectUnpatched) && n.Kind != policy.KindADFS:
		return n, usagef("--os-build and --reject-unpatched are for the kind adfs")
	case n.Kind == policy.KindADFS:
		n.ADFS = &directory.ADFSClient{OSBuild: c.OSBuild, RejectUnpatched: c.RejectUnpatched}
	}
	if !overRADIUS {
		return n, nil
	}
	n.RADIUS = &directory.RADIUSClient{
		NPSVersion: c.NPSVersion, RDGateway: c.RDGateway, NoPrompt: c.NoPrompt,
		RequireMessageAuthenticator: !c.NoRequireMessageAuthenticator,
	}
	var err error
	if n.RADIUS.Address, err = netip.ParseAddr(c.Address); err != nil {
		return n, usagef("--address %s is no IP address", c.Address)
	}
	if err := n.RADIUS.Override.UnmarshalText([]byte(c.Override)); err != nil {
		return n, usagef("--override: %w", err)
	}
	secret, err := e.secret("RADIUS secret")
	n.RADIUSSecret = []byte(secret)
	return n, err
}

type clientListCmd struct {
	dataFlag
	JSON bool `help:"Print JSON."`
}

// clientRow is a client as the list shows it: without the key's hash.
type clientRow struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Kind      policy.ClientKind `json:"kind"`
	Address   string            `json:"address,omitzero"`
	Policy    policy.Client     `json:"policy"`
	CreatedAt time.Time         `json:"created_at"`
}

// Run lists the clients.
func (c clientListCmd) Run(e *env) error {
	clients := []clientRow{}
	err := e.view(c.Data, func(d *data, tx store.Tx) error {
		found, err := d.directory.ListClients(tx)
		for _, client := range found {
			row := clientRow{ID: client.ID, Name: client.Name, Kind: client.Kind, Policy: client.Policy(), CreatedAt: client.CreatedAt}
			if client.RADIUS != nil {
				row.Address = client.RADIUS.Address.String()
			}
			clients = append(clients, row)
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return e.print(true, clients, "")
	}
	return e.table("ID\tNAME\tKIND\tADDRESS", func(line func(...any)) {
		for _, client := range clients {
			line(client.ID, client.Name, client.Kind, client.Address)
		}
	})
}

type clientRemoveCmd struct {
	Client string `arg:"" help:"The client's id or name."`
	dataFlag
}

// Run removes the client.
func (c clientRemoveCmd) Run(e *env) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		client, err := d.directory.ClientByID(tx, c.Client)
		if errors.Is(err, directory.ErrUnknownClient) {
			client, err = d.directory.ClientByName(tx, c.Client)
		}
		if err != nil {
			return fmt.Errorf("%w %s", err, c.Client)
		}
		return d.directory.RemoveClient(tx, client.ID)
	})
}
