package portal

import (
	"net/http"
	"net/url"
	"strings"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

// devicesView is the data of admin-devices.html.
type devicesView struct {
	Query, Next string
	Rows        []deviceRow
	Manage      bool
}

type deviceRow struct {
	directory.Device
	Owner string // the user's name
	Old   bool   // its app cannot match numbers
	Seen  string
}

// devices is GET /admin/devices: the devices of the users that the query finds.
func (p *Portal) devices(w http.ResponseWriter, r *http.Request, who admin) error {
	q := r.URL.Query()
	v := devicesView{Query: strings.TrimSpace(q.Get("q")), Manage: who.can(ManageUsers)}
	next := q.Get("after")
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		var users []directory.User
		if users, next, err = p.Directory.Search(tx, v.Query, next, usersAPage); err != nil {
			return err
		}
		v.Rows = nil
		for _, u := range users {
			devices, err := p.Directory.Devices(tx, u.ID)
			if err != nil {
				return err
			}
			for _, d := range devices {
				v.Rows = append(v.Rows, deviceRow{Device: d, Owner: u.Name, Old: old(d), Seen: stamp(d.SeenAt)})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if next != "" {
		v.Next = "/admin/devices?" + url.Values{"q": {v.Query}, "after": {next}}.Encode()
	}
	return p.view(w, r, who, http.StatusOK, "devices", "admin.devices", v)
}
