package portal

import (
	"net/http"
	"net/netip"
	"strings"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// clientsView is the data of admin-clients.html.
type clientsView struct {
	Clients    []directory.Client
	Error      string
	Key, Owner string // of a client that was just added: shown this once
	Manage     bool
	Kinds      []policy.ClientKind
}

func (p *Portal) clients(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showClients(w, r, who, http.StatusOK, clientsView{})
}

func (p *Portal) showClients(w http.ResponseWriter, r *http.Request, who admin, status int, v clientsView) error {
	v.Manage = who.can(ManageClients)
	v.Kinds = []policy.ClientKind{policy.KindWeb, policy.KindRADIUS, policy.KindNPS, policy.KindADFS, policy.KindMFAServer}
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		v.Clients, err = p.Directory.ListClients(tx)
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, status, "clients", "admin.clients", v)
}

// addClient is POST /admin/clients. The fields of other kinds are not looked at.
func (p *Portal) addClient(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	n := directory.NewClient{Name: strings.TrimSpace(value("name")), Kind: policy.ClientKind(value("kind"))}
	switch n.Kind {
	case policy.KindADFS:
		n.ADFS = &directory.ADFSClient{OSBuild: value("os_build"), RejectUnpatched: value("reject_unpatched") == "on"}
	case policy.KindRADIUS, policy.KindNPS:
		// An address that is none stays the zero one, which AddClient refuses.
		address, _ := netip.ParseAddr(strings.TrimSpace(value("address")))
		n.RADIUSSecret = []byte(value("secret"))
		n.RADIUS = &directory.RADIUSClient{Address: address.Unmap(), RequireMessageAuthenticator: value("lax") != "on"}
		if n.Kind == policy.KindNPS {
			n.RADIUS.NPSVersion, n.RADIUS.Override = value("nps_version"), policy.Override(value("override"))
			n.RADIUS.RDGateway = value("rd_gateway") == "on"
		} else {
			n.RADIUS.NoPrompt = value("no_prompt") == "on"
		}
	case policy.KindWeb, policy.KindMFAServer:
	}
	var key string
	err = p.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		_, key, err = p.Directory.As(who.user.ID).AddClient(tx, n)
		return err
	})
	if words, ok := mistaken(err, directory.ErrInvalid, directory.ErrExists); ok {
		return p.showClients(w, r, who, http.StatusUnprocessableEntity, clientsView{Error: words})
	}
	if err != nil {
		return err
	}
	return p.showClients(w, r, who, http.StatusOK, clientsView{Key: key, Owner: n.Name})
}

func (p *Portal) deleteClient(w http.ResponseWriter, r *http.Request, who admin) error {
	err := p.Store.Update(r.Context(), func(tx store.Tx) error {
		return p.Directory.As(who.user.ID).RemoveClient(tx, r.PathValue("id"))
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/clients")
}
