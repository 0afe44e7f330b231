package portal

import (
	"net/http"
	"net/netip"
	"strings"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// clientForm is a client as it is typed. The shared secret is never shown again.
type clientForm struct {
	ID, Name, Kind                         string
	Address, NPSVersion, Override, OSBuild string
	RDGateway, NoPrompt, Lax               bool
	RejectUnpatched                        bool
	Version                                string
}

func formOfClient(c directory.Client) (f clientForm, err error) {
	f = clientForm{ID: c.ID, Name: c.Name, Kind: string(c.Kind)}
	if c.RADIUS != nil {
		f.Address, f.NPSVersion, f.Override = c.RADIUS.Address.String(), c.RADIUS.NPSVersion, string(c.RADIUS.Override)
		f.RDGateway, f.NoPrompt, f.Lax = c.RADIUS.RDGateway, c.RADIUS.NoPrompt, !c.RADIUS.RequireMessageAuthenticator
	}
	if c.ADFS != nil {
		f.OSBuild, f.RejectUnpatched = c.ADFS.OSBuild, c.ADFS.RejectUnpatched
	}
	f.Version, err = version(c)
	return f, err
}

func typedClient(value func(string) string) clientForm {
	return clientForm{
		Name: strings.TrimSpace(value("name")), Kind: value("kind"), Address: strings.TrimSpace(value("address")),
		NPSVersion: strings.TrimSpace(value("nps_version")), Override: value("override"), OSBuild: strings.TrimSpace(value("os_build")),
		RDGateway: value("rd_gateway") == "on", NoPrompt: value("no_prompt") == "on", Lax: value("lax") == "on",
		RejectUnpatched: value("reject_unpatched") == "on", Version: value("version"),
	}
}

// client is the form's meaning. The fields of other kinds are not looked at.
func (f clientForm) client(secret string) (directory.NewClient, error) {
	n := directory.NewClient{Name: f.Name, Kind: policy.ClientKind(f.Kind)}
	switch n.Kind {
	case policy.KindADFS:
		n.ADFS = &directory.ADFSClient{OSBuild: f.OSBuild, RejectUnpatched: f.RejectUnpatched}
	case policy.KindRADIUS, policy.KindNPS:
		address, err := netip.ParseAddr(f.Address)
		if err != nil {
			return n, mistake("refused.client_ip")
		}
		n.RADIUS = &directory.RADIUSClient{Address: address.Unmap(), NoPrompt: f.NoPrompt, RequireMessageAuthenticator: !f.Lax}
		if secret != "" {
			n.RADIUSSecret = []byte(secret)
		}
		if n.Kind == policy.KindNPS {
			n.RADIUS.NPSVersion, n.RADIUS.Override = f.NPSVersion, policy.Override(f.Override)
			n.RADIUS.RDGateway, n.RADIUS.NoPrompt = f.RDGateway, false
		}
	case policy.KindWeb, policy.KindMFAServer:
	}
	return n, nil
}

// clientsView is the data of admin-clients.html and of admin-client.html.
type clientsView struct {
	Clients       []directory.Client
	Form          clientForm
	Error         string
	Key, Owner    string // of a client that was just added: shown this once
	Manage, Saved bool
	Kinds         []policy.ClientKind
}

func (p *Portal) clients(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showClients(w, r, who, http.StatusOK, clientsView{Form: clientForm{Kind: string(policy.KindWeb)}})
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

// addClient is POST /admin/clients.
func (p *Portal) addClient(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	typed := typedClient(value)
	n, err := typed.client(value("secret"))
	var key string
	if err == nil {
		err = p.Store.Update(r.Context(), func(tx store.Tx) (err error) {
			_, key, err = p.Directory.As(who.user.ID).AddClient(tx, n)
			return err
		})
	}
	if status, words, ok := p.refusal(r, err); ok {
		return p.showClients(w, r, who, status, clientsView{Error: words, Form: typed})
	}
	if err != nil {
		return err
	}
	return p.showClients(w, r, who, http.StatusOK, clientsView{Key: key, Owner: n.Name, Form: clientForm{Kind: string(policy.KindWeb)}})
}

func (p *Portal) client(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showClient(w, r, who, http.StatusOK, clientsView{Saved: r.URL.Query().Has("saved")})
}

// showClient draws one client. A form in the view is one that was refused.
func (p *Portal) showClient(w http.ResponseWriter, r *http.Request, who admin, status int, v clientsView) error {
	v.Manage = who.can(ManageClients)
	var stored clientForm
	err := p.Store.View(r.Context(), func(tx store.Tx) error {
		c, err := p.Directory.ClientByID(tx, r.PathValue("id"))
		if err != nil {
			return err
		}
		stored, err = formOfClient(c)
		return err
	})
	if err != nil {
		return err
	}
	if v.Form == (clientForm{}) {
		v.Form = stored
	}
	v.Form.ID, v.Form.Kind, v.Form.Version = stored.ID, stored.Kind, stored.Version
	return p.view(w, r, who, status, "client", "admin.client_title", v)
}

// saveClient is POST /admin/clients/{id}.
func (p *Portal) saveClient(w http.ResponseWriter, r *http.Request, who admin) error {
	value, err := form(r)
	if err != nil {
		return err
	}
	typed, id := typedClient(value), r.PathValue("id")
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		c, err := p.Directory.ClientByID(tx, id)
		if err != nil {
			return err
		}
		if err := unchanged(c, typed.Version); err != nil {
			return err
		}
		typed := typed
		typed.Kind = string(c.Kind)
		n, err := typed.client(value("secret"))
		if err != nil {
			return err
		}
		return p.Directory.As(who.user.ID).PutClient(tx, id, n)
	})
	if status, words, ok := p.refusal(r, err); ok {
		return p.showClient(w, r, who, status, clientsView{Error: words, Form: typed})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/clients/"+id+"?saved")
}

// newClientKey is POST /admin/clients/{id}/key: another key, shown this once.
func (p *Portal) newClientKey(w http.ResponseWriter, r *http.Request, who admin) error {
	var v clientsView
	err := p.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		v.Key, err = p.Directory.As(who.user.ID).NewClientKey(tx, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	return p.showClient(w, r, who, http.StatusOK, v)
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
