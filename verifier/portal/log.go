package portal

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

const (
	logPage   = 100
	exportMax = 100_000 // events
)

// entry is an event with the names of its user, of who did it, and of its
// client.
type entry struct {
	audit.Record
	Name, By, ClientName string
}

// At writes the event's time.
func (e entry) At() string { return stamp(e.Time) }

// Details are what else there is to say, in the order of their names.
func (e entry) Details() string {
	parts := make([]string, 0, len(e.Detail))
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		parts = append(parts, name+": "+e.Detail[name])
	}
	return strings.Join(parts, " · ")
}

// logView is the data of admin-log.html, which is the sign-in log and the audit
// log.
type logView struct {
	Path                             string
	Audit                            bool
	Entries                          []entry
	User, State, Kind, Client, Error string
	From, Until                      string
	Kinds, States                    []string
	Clients                          []directory.Client
	Next, Export                     string
	Size                             int64 // of the audit log, and of its last signed head
	Signed                           int64
	Hash, Note                       string
	Manage                           bool
}

// signInKinds are the events of the sign-in log.
func signInKinds() []string {
	return []string{
		audit.KindChallengeSettled, audit.KindChallengeRefused, audit.KindPasswordRefused, audit.KindPasswordLocked,
		audit.KindPushLocked, audit.KindCodeLocked, audit.KindSecondFactorSkipped, audit.KindChallengeRequested,
	}
}

// auditKinds are those that the audit log's filter offers besides.
func auditKinds() []string {
	return append(signInKinds(),
		audit.KindChallengeStarted, audit.KindChallengeAdvanced, audit.KindPasswordVerified, audit.KindSessionStarted, audit.KindSessionEnded,
		audit.KindEnrolmentStarted, audit.KindEnrolmentEnded, audit.KindDeviceAdded, audit.KindDeviceChanged, audit.KindDeviceRemoved,
		audit.KindTOTPRegistered, audit.KindTOTPRemoved, audit.KindPasswordChanged, audit.KindPasswordUnlocked, audit.KindPushUnlocked,
		audit.KindUserAdded, audit.KindUserChanged, audit.KindUserRemoved, audit.KindClientAdded, audit.KindClientChanged, audit.KindClientRemoved,
		audit.KindGroupAdded, audit.KindGroupChanged, audit.KindGroupRemoved, audit.KindGroupMemberAdded, audit.KindGroupMemberRemoved,
		audit.KindTenantChanged, audit.KindPolicyChanged, audit.KindAdminTokenMade,
	)
}

// filter reads the log's filter from a query.
func (p *Portal) filter(r *http.Request, v *logView) (f audit.Filter, err error) {
	q := r.URL.Query()
	v.User, v.State, v.Kind, v.Client = strings.TrimSpace(q.Get("user")), q.Get("state"), q.Get("kind"), q.Get("client")
	v.From, v.Until = q.Get("from"), q.Get("until")
	f = audit.Filter{State: v.State, Client: v.Client}
	switch {
	case v.Kind != "":
		f.Kinds = []string{v.Kind}
	case !v.Audit:
		f.Kinds = signInKinds()
	}
	for _, bound := range []struct {
		text string
		at   *time.Time
		days int
	}{{v.From, &f.From, 0}, {v.Until, &f.Until, 1}} {
		if bound.text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, bound.text)
		if err != nil {
			return f, mistake("refused.date")
		}
		*bound.at = day.AddDate(0, 0, bound.days)
	}
	if v.User == "" {
		return f, nil
	}
	err = p.Store.View(r.Context(), func(tx store.Tx) error {
		u, err := p.Directory.FindUser(tx, v.User)
		f.User = u.ID
		return err
	})
	if errors.Is(err, directory.ErrUnknownUser) {
		return f, mistake("refused.no_user", "name", v.User)
	}
	return f, err
}

const (
	logPath   = "/admin/log"
	auditPath = "/admin/audit"
)

// log is GET /admin/log, the sign-in log.
func (p *Portal) log(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showLog(w, r, who, "admin.log", logView{Path: logPath, Kinds: signInKinds()})
}

// auditLog is GET /admin/audit: every event, and the head of the log's tree.
func (p *Portal) auditLog(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.showLog(w, r, who, "admin.audit", logView{Path: auditPath, Audit: true, Kinds: auditKinds()})
}

func (p *Portal) showLog(w http.ResponseWriter, r *http.Request, who admin, title string, v logView) error {
	v.Manage = who.can(ManagePolicy)
	v.States = []string{message.StateApproved, message.StateDenied, message.StateExpired, message.StateCancelled}
	f, err := p.filter(r, &v)
	status, words, refused := p.refusal(r, err)
	if err != nil && !refused {
		return err
	}
	if v.Error = words; !refused {
		status = http.StatusOK
		v.Export = v.Path + ".jsonl?" + with(r.URL.Query(), "before", "")
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0
	}
	err = p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if v.Clients, err = p.Directory.ListClients(tx); err != nil {
			return err
		}
		if err := p.readHead(tx, &v); err != nil || refused {
			return err
		}
		result, err := p.Audit.Query(tx, f, audit.Page{Before: before, Limit: logPage})
		if err != nil {
			return err
		}
		v.Next = ""
		if result.Next > 0 {
			v.Next = v.Path + "?" + with(r.URL.Query(), "before", strconv.FormatInt(result.Next, 10))
		}
		v.Entries, err = p.names(tx, result.Records)
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, status, "log", title, v)
}

func (p *Portal) readHead(tx store.Tx, v *logView) error {
	if !v.Audit {
		return nil
	}
	size, hash, signed, err := p.Audit.Tree(tx)
	v.Size, v.Hash, v.Signed, v.Note = size, hash.String(), signed.Size, string(signed.Note)
	return err
}

// signHead is POST /admin/audit/head: the head as it now stands, signed, to be
// kept elsewhere.
func (p *Portal) signHead(w http.ResponseWriter, r *http.Request, _ admin) error {
	if _, err := p.Audit.SignHead(r.Context()); err != nil {
		return err
	}
	return redirect(w, r, auditPath)
}

func with(q url.Values, name, value string) string {
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	return q.Encode()
}

// Linked tells whether the event's user has a page: who is no more, and the dash
// of a name that nobody has, have none.
func (e entry) Linked() bool { return e.Name != e.User }

// names finds the names of the events' people and clients; those that are no
// more stay ids.
func (p *Portal) names(tx store.Tx, records []audit.Record) ([]entry, error) {
	users, clients := map[string]string{}, map[string]string{}
	user := func(id string) (string, error) {
		return lookUp(users, id, directory.ErrUnknownUser, func() (string, error) {
			u, err := p.Directory.UserByID(tx, id)
			return u.Name, err
		})
	}
	entries := make([]entry, len(records))
	for i, record := range records {
		e := entry{Record: record}
		var err error
		if e.Name, err = user(record.User); err != nil {
			return nil, err
		}
		if e.By, err = user(record.Actor); err != nil {
			return nil, err
		}
		e.ClientName, err = lookUp(clients, record.Client, directory.ErrUnknownClient, func() (string, error) {
			c, err := p.Directory.ClientByID(tx, record.Client)
			return c.Name, err
		})
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return entries, nil
}

// lookUp finds a name once; what is unknown keeps its id.
func lookUp(known map[string]string, id string, unknown error, find func() (string, error)) (string, error) {
	if name, ok := known[id]; ok || id == "" {
		return name, nil
	}
	name, err := find()
	if errors.Is(err, unknown) {
		name, err = id, nil
	}
	known[id] = name
	return name, err
}

// each calls f with at most so many events, newest first, a transaction a page:
// a long read would keep the store from tidying up.
func (p *Portal) each(ctx context.Context, f audit.Filter, most int, do func(entry) error) error {
	before := int64(0)
	for most > 0 {
		var entries []entry
		err := p.Store.View(ctx, func(tx store.Tx) error {
			result, err := p.Audit.Query(tx, f, audit.Page{Before: before})
			if err != nil {
				return err
			}
			before = result.Next
			entries, err = p.names(tx, result.Records)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range entries[:min(len(entries), most)] {
			if err := do(e); err != nil {
				return err
			}
		}
		if most -= max(len(entries), 1); before == 0 {
			return nil
		}
	}
	return nil
}

// export is GET /admin/log.jsonl: the events that match, newest first, as JSON
// Lines.
func (p *Portal) export(w http.ResponseWriter, r *http.Request, _ admin) error {
	return p.exportLog(w, r, logView{})
}

func (p *Portal) exportAudit(w http.ResponseWriter, r *http.Request, _ admin) error {
	return p.exportLog(w, r, logView{Audit: true})
}

// line is an event as it is exported: as the log has it, with names.
type line struct {
	audit.Record
	UserName   string `json:"user_name,omitzero"`
	ClientName string `json:"client_name,omitzero"`
}

func (p *Portal) exportLog(w http.ResponseWriter, r *http.Request, v logView) error {
	f, err := p.filter(r, &v)
	if status, _, ok := p.refusal(r, err); ok {
		p.message(w, r, status, "outcome.invalid.title", "admin.bad_filter")
		return nil
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", `attachment; filename="countersign-log.jsonl"`)
	err = p.each(r.Context(), f, exportMax, func(e entry) error {
		text, err := json.Marshal(line{e.Record, e.Name, e.ClientName}, json.Deterministic(true))
		if err != nil {
			return err
		}
		_, err = w.Write(append(text, '\n'))
		return err
	})
	if err != nil && r.Context().Err() == nil {
		p.Logger.ErrorContext(r.Context(), "exporting the log", "error", err)
	}
	if err != nil {
		// The answer has begun: cutting it short is the only way left to say so.
		panic(http.ErrAbortHandler)
	}
	return nil
}
