package api

import (
	"errors"
	"net/http"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/rest"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// evaluate is POST /policy/evaluate, the what-if tool: it asks policy about a
// sign-in that the body describes, of an organisation with this one's settings
// where the body is silent. Nothing is looked up of users, and nothing stored.
func (a *API) evaluate(w http.ResponseWriter, r *http.Request, _ directory.Client) error {
	body, err := rest.Body(w, r, rest.MaxBody)
	if err != nil {
		return err
	}
	var settings tenant.Settings
	err = a.Store.View(r.Context(), func(tx store.Tx) (err error) {
		settings, err = a.Tenant.Load(tx)
		return err
	})
	if err != nil {
		return err
	}
	in, err := settings.Tenant().ParseInput(body)
	if errors.Is(err, policy.ErrInput) {
		return rest.Invalid("%s", err)
	}
	if err != nil {
		return err
	}
	return rest.JSON(w, http.StatusOK, policy.Decide(in))
}
