package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

const (
	chartDays = 14
	logPage   = 100
	exportMax = 100_000 // events
	scanPages = 20      // of 1,000 events each, for the overview
)

// day is a bar of the chart: how many sign-ins ended how.
type day struct {
	Date                    string
	X                       int // of its label in the chart
	Approved, Denied, Other int
}

// bar is a part of a bar, in the chart's own units.
type bar struct {
	X, Y, Height int
	Class        string
}

const (
	chartHeight = 120
	barStep     = 40
)

// overviewView is the data of admin.html.
type overviewView struct {
	Days    []day
	Bars    []bar
	Width   int
	Reports []entry
	Locked  []entry
}

// entry is an event with its user's name.
type entry struct {
	audit.Record
	Name string
}

// At writes the event's time.
func (e entry) At() string { return stamp(e.Time) }

// overview is GET /admin: outcomes by day, reports of "not me", and locks.
func (p *Portal) overview(w http.ResponseWriter, r *http.Request, who admin) error {
	now := p.Now().UTC()
	first := now.AddDate(0, 0, 1-chartDays).Truncate(24 * time.Hour)
	v := overviewView{Days: make([]day, chartDays), Width: chartDays * barStep}
	for i := range v.Days {
		v.Days[i].Date, v.Days[i].X = first.AddDate(0, 0, i).Format("01-02"), i*barStep+barStep/2
	}
	filter := audit.Filter{Kinds: []string{audit.KindChallengeSettled, audit.KindPushLocked, audit.KindCodeLocked, audit.KindPasswordLocked}, From: first}
	err := p.each(r.Context(), filter, scanPages*1000, func(e entry) error {
		if e.Kind != audit.KindChallengeSettled {
			v.Locked = append(v.Locked, e)
			return nil
		}
		if e.Reason == message.ReasonReported {
			v.Reports = append(v.Reports, e)
		}
		if i := int(e.Time.Sub(first) / (24 * time.Hour)); i >= 0 && i < chartDays {
			v.Days[i].count(e.State)
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.draw()
	v.Reports, v.Locked = v.Reports[:min(len(v.Reports), 10)], v.Locked[:min(len(v.Locked), 10)]
	return p.view(w, r, who, http.StatusOK, "overview", "admin.overview", v)
}

func (d *day) count(state string) {
	switch state {
	case message.StateApproved:
		d.Approved++
	case message.StateDenied:
		d.Denied++
	default:
		d.Other++
	}
}

// draw makes the bars, the tallest as high as the chart.
func (v *overviewView) draw() {
	most := 1
	for _, d := range v.Days {
		most = max(most, d.Approved+d.Denied+d.Other)
	}
	for i, d := range v.Days {
		y := chartHeight
		for _, part := range []struct {
			n     int
			class string
		}{{d.Approved, "good"}, {d.Denied, "bad"}, {d.Other, "other"}} {
			if part.n == 0 {
				continue
			}
			height := max(part.n*chartHeight/most, 2)
			y -= height
			v.Bars = append(v.Bars, bar{X: i*barStep + 6, Y: y, Height: height, Class: part.class})
		}
	}
}

// logView is the data of admin-log.html.
type logView struct {
	Entries                          []entry
	User, State, Kind, Client, Error string
	From, Until                      string
	Kinds, States                    []string
	Next, Export                     string
}

// filter reads the log's filter from a query; words say what is wrong with it.
func (p *Portal) filter(r *http.Request, v *logView) (f audit.Filter, words string, err error) {
	q := r.URL.Query()
	v.User, v.State, v.Kind, v.Client = q.Get("user"), q.Get("state"), q.Get("kind"), q.Get("client")
	v.From, v.Until = q.Get("from"), q.Get("until")
	f = audit.Filter{State: v.State, Client: v.Client}
	if v.Kind != "" {
		f.Kinds = []string{v.Kind}
	}
	for _, bound := range []struct {
		text string
		at   *time.Time
		days int
	}{{v.From, &f.From, 0}, {v.Until, &f.Until, 1}} {
		if bound.text == "" {
			continue
		}
		if day, err := time.Parse(time.DateOnly, bound.text); err == nil {
			*bound.at = day.AddDate(0, 0, bound.days)
		} else {
			words = "admin.bad_date"
		}
	}
	if v.User == "" || words != "" {
		return f, words, nil
	}
	err = p.Store.View(r.Context(), func(tx store.Tx) error {
		u, err := p.Directory.FindUser(tx, v.User)
		f.User = u.ID
		return err
	})
	if errors.Is(err, directory.ErrUnknownUser) {
		return f, "admin.no_user", nil
	}
	return f, "", err
}

func (p *Portal) log(w http.ResponseWriter, r *http.Request, who admin) error {
	v := logView{
		States: []string{message.StateApproved, message.StateDenied, message.StateExpired, message.StateCancelled},
		Kinds: []string{
			audit.KindChallengeStarted, audit.KindChallengeSettled, audit.KindPasswordRefused, audit.KindPushLocked, audit.KindDeviceAdded,
			audit.KindDeviceRemoved, audit.KindPasswordChanged, audit.KindSessionStarted, audit.KindPolicyChanged, audit.KindTenantChanged,
		},
	}
	f, words, err := p.filter(r, &v)
	if err != nil {
		return err
	}
	if v.Error = words; words != "" {
		return p.view(w, r, who, http.StatusUnprocessableEntity, "log", "admin.log", v)
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0
	}
	err = p.Store.View(r.Context(), func(tx store.Tx) error {
		result, err := p.Audit.Query(tx, f, audit.Page{Before: before, Limit: logPage})
		if err != nil {
			return err
		}
		v.Entries, v.Next = nil, ""
		if result.Next > 0 {
			v.Next = "/admin/log?" + with(r.URL.Query(), "before", strconv.FormatInt(result.Next, 10))
		}
		v.Entries, err = p.names(tx, result.Records)
		return err
	})
	if err != nil {
		return err
	}
	v.Export = "/admin/log.jsonl?" + with(r.URL.Query(), "before", "")
	return p.view(w, r, who, http.StatusOK, "log", "admin.log", v)
}

func with(q url.Values, name, value string) string {
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	return q.Encode()
}

// names finds the names of the events' users; those of users that are no more
// stay ids.
func (p *Portal) names(tx store.Tx, records []audit.Record) ([]entry, error) {
	known := map[string]string{"": ""}
	entries := make([]entry, len(records))
	for i, record := range records {
		name, ok := known[record.User]
		if !ok {
			u, err := p.Directory.UserByID(tx, record.User)
			switch {
			case errors.Is(err, directory.ErrUnknownUser):
				u.Name = record.User
			case err != nil:
				return nil, err
			}
			name = u.Name
			known[record.User] = name
		}
		entries[i] = entry{Record: record, Name: name}
	}
	return entries, nil
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
	var v logView
	f, words, err := p.filter(r, &v)
	if err != nil {
		return err
	}
	if words != "" {
		p.message(w, r, http.StatusUnprocessableEntity, "outcome.invalid.title", words)
		return nil
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", `attachment; filename="countersign-log.jsonl"`)
	err = p.each(r.Context(), f, exportMax, func(e entry) error {
		line, err := json.Marshal(e.Record, json.Deterministic(true))
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	})
	if err != nil && r.Context().Err() == nil {
		p.Logger.ErrorContext(r.Context(), "exporting the log", "error", err)
		// The answer has begun: cutting it short is the only way left to say so.
		panic(http.ErrAbortHandler)
	}
	return nil
}
