package portal

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
)

// whatIfView is the data of admin-whatif.html.
type whatIfView struct {
	Asked    func(string) string
	Clients  []directory.Client
	JSON     string // the input of the decision, to be varied
	Decision *policy.Decision
	Event    string
	Error    string
}

// whatIf is GET /admin/what-if: what a sign-in would ask of its user. Nothing is
// stored, so the form is a query that can be kept and sent to others. With a
// user the facts are that user's; else they are the form's.
func (p *Portal) whatIf(w http.ResponseWriter, r *http.Request, who admin) error {
	q := r.URL.Query()
	var input []byte
	var err error
	switch {
	case strings.TrimSpace(q.Get("user")) != "":
		input, err = p.factsOf(r)
	case q.Has("kind"):
		input, err = json.Marshal(whatIfInput(q.Get), json.Deterministic(true))
	default:
		return p.showWhatIf(w, r, who, http.StatusOK, whatIfView{})
	}
	if status, words, ok := p.refusal(r, err); ok {
		return p.showWhatIf(w, r, who, status, whatIfView{Error: words})
	}
	if err != nil {
		return err
	}
	return p.decide(w, r, who, input)
}

// askWhatIf is POST /admin/what-if: the same with the JSON of the input, from
// the page or, as application/json, from a program, which gets JSON again.
func (p *Portal) askWhatIf(w http.ResponseWriter, r *http.Request, who admin) error {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "application/json" {
		return p.decideJSON(w, r)
	}
	value, err := form(r)
	if err != nil {
		return err
	}
	return p.decide(w, r, who, []byte(value("json")))
}

func (p *Portal) decide(w http.ResponseWriter, r *http.Request, who admin, input []byte) error {
	v := whatIfView{JSON: string(input)}
	if pretty := jsontext.Value(input); pretty.Indent(jsontext.WithIndent("  ")) == nil {
		v.JSON = string(pretty)
	}
	decision, err := p.answer(r, input)
	if status, words, ok := p.refusal(r, err); ok {
		v.Error = words
		return p.showWhatIf(w, r, who, status, v)
	}
	if err != nil {
		return err
	}
	if v.Decision = &decision; decision.Event != nil {
		v.Event = *decision.Event
	}
	return p.showWhatIf(w, r, who, http.StatusOK, v)
}

func (p *Portal) decideJSON(w http.ResponseWriter, r *http.Request) error {
	input, err := io.ReadAll(r.Body)
	if err != nil {
		return errors.Join(errForm, err)
	}
	status, answer := http.StatusOK, any(nil)
	answer, err = p.answer(r, input)
	if refused, words, ok := p.refusal(r, err); ok {
		status, answer, err = refused, object{"error": words}, nil
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.MarshalWrite(w, answer, json.Deterministic(true))
}

// answer asks the policy. What the input leaves out is as the organisation has
// it.
func (p *Portal) answer(r *http.Request, input []byte) (policy.Decision, error) {
	var settings tenant.Settings
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		settings, err = p.Tenant.Load(tx)
		return err
	})
	if err != nil {
		return policy.Decision{}, err
	}
	in, err := settings.Tenant().ParseInput(input)
	if err != nil {
		return policy.Decision{}, err
	}
	return policy.Decide(in), nil
}

func (p *Portal) showWhatIf(w http.ResponseWriter, r *http.Request, who admin, status int, v whatIfView) error {
	v.Asked = r.URL.Query().Get
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		v.Clients, err = p.Directory.ListClients(tx)
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, status, "whatif", "admin.what_if", v)
}

// factsOf writes what holds for a user of the directory, and for a client, as
// the input of a decision.
func (p *Portal) factsOf(r *http.Request) ([]byte, error) {
	q := r.URL.Query()
	var in policy.Input
	err := p.Store.View(r.Context(), func(tx store.Tx) error {
		u, err := p.Directory.FindUser(tx, strings.TrimSpace(q.Get("user")))
		if errors.Is(err, directory.ErrUnknownUser) {
			return mistake("refused.no_user", "name", strings.TrimSpace(q.Get("user")))
		}
		if err != nil {
			return err
		}
		facts, err := p.Rules.Of(tx, u)
		if err != nil {
			return err
		}
		in = facts.Input
		in.Client = policy.Client{Kind: policy.KindWeb}
		if id := q.Get("client"); id != "" {
			c, err := p.Directory.ClientByID(tx, id)
			if err != nil {
				return err
			}
			in.Client = c.Policy()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	in.Scenario, in.Method = policy.Scenario(q.Get("user_scenario")), policy.Method(q.Get("user_method"))
	return present(in)
}

// present writes an input without what is empty in it: its enums take no empty
// text.
func present(in policy.Input) ([]byte, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	return json.Marshal(withoutEmpty(o), json.Deterministic(true))
}

func withoutEmpty(o map[string]any) map[string]any {
	for name, value := range o {
		switch v := value.(type) {
		case string:
			if v == "" {
				delete(o, name)
			}
		case map[string]any:
			withoutEmpty(v)
		case []any:
			for _, element := range v {
				if inner, ok := element.(map[string]any); ok {
					withoutEmpty(inner)
				}
			}
		}
	}
	return o
}

// whatIfInput writes the form as the input of POST /api/v1/policy/evaluate, of
// which it is the other door. What is not filled in is absent.
func whatIfInput(value func(string) string) object {
	in, client, device := object{}, object{"kind": value("kind")}, object{}
	put := func(to object, member, field string) {
		if s := value(field); s != "" {
			to[member] = s
		}
	}
	put(in, "scenario", "scenario")
	put(in, "method", "method")
	put(in, "rollout", "rollout")
	put(client, "version", "version")
	put(client, "os_build", "os_build")
	put(client, "override", "override")
	put(client, "radius_auth", "radius_auth")
	put(device, "form_factor", "form_factor")
	device["number_matching"] = value("old_app") != "on"
	user := object{"push": value("push") == "on", "totp": value("totp") == "on", "admin": value("admin") == "on"}
	put(user, "default", "default")
	in["client"], in["device"], in["user"] = client, device, user
	return in
}
