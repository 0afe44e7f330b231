package portal

import (
	"errors"
	"net/http"
	"time"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/store"
)

const (
	chartDays = 14
	// overviewEvents bounds what the overview reads of the log.
	overviewEvents = 20_000
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

// overviewView is the data of admin-overview.html.
type overviewView struct {
	Days    []day
	Bars    []bar
	Width   int
	Cut     bool // the log has more than the chart counts
	Reports []reportView
	Held    []heldView
	Manage  bool
}

// reportView is a sign-in that its user reported: "No, it's not me".
type reportView struct {
	entry
	Blocked string // until when its source is blocked for the user; empty if it is not
}

// heldView is a user against whom something holds.
type heldView struct {
	challenge.Standing
	ID, Name string
	Password bool // the password is locked
}

// Minutes are until the next start may come, rounded up.
func (v heldView) Minutes() int { return int((v.Wait + time.Minute - 1) / time.Minute) }

// listed is how many reports, and how many held users, the overview lists.
const listed = 20

// overview is GET /admin: outcomes by day, reports of "not me", and locks.
func (p *Portal) overview(w http.ResponseWriter, r *http.Request, who admin) error {
	first := p.Now().UTC().AddDate(0, 0, 1-chartDays).Truncate(24 * time.Hour)
	v := overviewView{Width: chartDays * barStep, Manage: who.can(ManageUsers)}
	v.Days = make([]day, chartDays)
	for i := range v.Days {
		v.Days[i].Date, v.Days[i].X = first.AddDate(0, 0, i).Format("01-02"), i*barStep+barStep/2
	}
	var reports, locked []entry
	filter := audit.Filter{Kinds: []string{audit.KindChallengeSettled, audit.KindPasswordLocked}, From: first}
	seen := 0
	err := p.each(r.Context(), filter, overviewEvents, func(e entry) error {
		if seen++; e.Kind == audit.KindPasswordLocked {
			locked = append(locked, e)
			return nil
		}
		if e.Reason == message.ReasonReported && len(reports) < listed {
			reports = append(reports, e)
		}
		if i := int(e.Time.Sub(first) / (24 * time.Hour)); i >= 0 && i < chartDays {
			v.Days[i].count(e.State)
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.Cut = seen >= overviewEvents
	v.draw()
	err = p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if v.Reports, err = p.blocked(tx, reports); err != nil {
			return err
		}
		v.Held, err = p.held(tx, locked)
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, http.StatusOK, "overview", "admin.overview", v)
}

// blocked says of reports whether their source is blocked still.
func (p *Portal) blocked(tx store.Tx, reports []entry) ([]reportView, error) {
	views := make([]reportView, len(reports))
	for i, e := range reports {
		views[i].entry = e
		standing, err := p.Challenges.Standing(tx, e.User)
		if err != nil {
			return nil, err
		}
		for _, b := range standing.Blocks {
			if b.Source == e.Source {
				views[i].Blocked = stamp(b.Until)
			}
		}
	}
	return views, nil
}

// held lists the users against whom anything holds, those first whose password
// was locked lately and still is.
func (p *Portal) held(tx store.Tx, locked []entry) ([]heldView, error) {
	var views []heldView
	known := map[string]bool{"": true}
	add := func(v heldView) error {
		if known[v.ID] || len(views) == listed {
			return nil
		}
		known[v.ID] = true
		u, err := p.Directory.UserByID(tx, v.ID)
		if errors.Is(err, directory.ErrUnknownUser) {
			return nil // removed with a lock on
		}
		v.Name = u.Name
		views = append(views, v)
		return err
	}
	for _, e := range locked {
		still, err := p.Directory.PasswordLocked(tx, e.User)
		if err != nil {
			return nil, err
		}
		standing, err := p.Challenges.Standing(tx, e.User)
		if err != nil {
			return nil, err
		}
		if still {
			if err := add(heldView{Standing: standing, ID: e.User, Password: true}); err != nil {
				return nil, err
			}
		}
	}
	others, err := p.Challenges.Held(tx, listed)
	if err != nil {
		return nil, err
	}
	for _, standing := range others {
		if err := add(heldView{Standing: standing, ID: standing.User}); err != nil {
			return nil, err
		}
	}
	return views, nil
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
