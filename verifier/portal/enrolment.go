package portal

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"

	"countersign/verifier/enrol"
	"countersign/verifier/page"
	"countersign/verifier/store"
)

// enrolling is a link that an administrator made, kept sealed for as long as it
// is good, so that its page can be drawn again: first the QR code, and when the
// device has come, the number to type there.
type enrolling struct {
	User    string    `json:"user"`
	Actor   string    `json:"actor"` // who made it, and alone sees it
	Link    []byte    `json:"link"`
	Expires time.Time `json:"expires"`
}

var enrollings = store.NewBucket[enrolling]("portal_enrolments")

func enrollingLabel(id string) string { return "portal-link/" + id }

// enrolUser is POST /admin/users/{id}/enrol.
func (p *Portal) enrolUser(w http.ResponseWriter, r *http.Request, who admin) error {
	user := r.PathValue("id")
	link, e, err := p.Enrolments.Begin(r.Context(), enrol.Request{User: user, Actor: who.user.ID, TOTP: true})
	if status, words, ok := p.refusal(r, err); ok {
		return p.showUser(w, r, who, status, userView{Error: words})
	}
	if err != nil {
		return err
	}
	sealed, err := p.Vault.Seal(enrollingLabel(e.ID), []byte(link.String()))
	if err != nil {
		return err
	}
	err = p.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := p.sweepEnrollings(tx); err != nil {
			return err
		}
		return enrollings.Put(tx, e.ID, enrolling{User: user, Actor: who.user.ID, Link: sealed, Expires: e.ExpiresAt})
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/enrolments/"+e.ID)
}

func (p *Portal) sweepEnrollings(tx store.Tx) error {
	var over []string
	err := enrollings.Scan(tx, store.Range{}, func(id string, e enrolling) error {
		if !p.Now().Before(e.Expires) {
			over = append(over, id)
		}
		return nil
	})
	for _, id := range over {
		err = errors.Join(err, enrollings.Delete(tx, id))
	}
	return err
}

// enrolmentOf gives an administrator's own enrolment, or enrol.ErrUnknown.
func (p *Portal) enrolmentOf(r *http.Request, who admin) (enrolling, error) {
	var kept enrolling
	err := p.Store.View(r.Context(), func(tx store.Tx) (err error) {
		kept, err = enrollings.Get(tx, r.PathValue("id"))
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && kept.Actor != who.user.ID {
		return enrolling{}, enrol.ErrUnknown
	}
	return kept, err
}

// enrolmentView is the data of admin-enrolment.html.
type enrolmentView struct {
	enrol.Enrolment
	Owner    string // the user's name
	Events   string
	Link     template.URL
	LinkText string
	QR       qr
	Spoken   string // the number, digit by digit
	Left     int    // seconds
	Clock    string
	// NoticeText is the key of why a device was turned away.
	NoticeText string
}

// enrolment is GET /admin/enrolments/{id}.
func (p *Portal) enrolment(w http.ResponseWriter, r *http.Request, who admin) error {
	kept, err := p.enrolmentOf(r, who)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	e, err := p.Enrolments.Get(r.Context(), id, enrol.Enrolment{}, 0)
	if err != nil {
		return err
	}
	link, err := p.Vault.Open(enrollingLabel(id), kept.Link)
	if err != nil {
		return err
	}
	left := max(e.ExpiresAt.Sub(p.Now()), 0)
	v := enrolmentView{
		Enrolment: e, NoticeText: page.TurnedAway(e.Notice), LinkText: string(link), Spoken: strings.Join(strings.Split(e.Number, ""), " "),
		Events: "/admin/enrolments/" + id + "/events?" + url.Values{"state": {string(e.State)}, "notice": {e.Notice}}.Encode(),
		Left:   int(left / time.Second), Clock: fmt.Sprintf("%d:%02d", int(left/time.Minute), int(left/time.Second)%60),
	}
	// The scheme is the app's own: html/template would not know it for safe.
	v.Link = template.URL(link) //nolint:gosec // the verifier made it
	if v.QR, err = drawQR(v.LinkText); err != nil {
		return err
	}
	err = p.Store.View(r.Context(), func(tx store.Tx) error {
		u, err := p.Directory.UserByID(tx, kept.User)
		v.Owner = u.Name
		return err
	})
	if err != nil {
		return err
	}
	return p.view(w, r, who, http.StatusOK, "enrolment", "admin.link", v)
}

// eventsWait is how long one request for events waits: browsers ask again.
const eventsWait = 20 * time.Second

// enrolmentEvents is GET /admin/enrolments/{id}/events: one event when the
// enrolment is not as the page shows it any more (server-sent events, HTML
// Living Standard §9.2).
func (p *Portal) enrolmentEvents(w http.ResponseWriter, r *http.Request, who admin) error {
	if _, err := p.enrolmentOf(r, who); err != nil {
		return err
	}
	query := r.URL.Query()
	seen := enrol.Enrolment{State: enrol.State(query.Get("state")), Notice: query.Get("notice")}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = w.Write([]byte("retry: 1000\n\n"))
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	e, err := p.Enrolments.Get(r.Context(), r.PathValue("id"), seen, eventsWait)
	if err == nil && (e.State != seen.State || e.Notice != seen.Notice) {
		_, err = w.Write([]byte("event: change\ndata:\n\n"))
	}
	if err != nil && r.Context().Err() == nil {
		p.Logger.ErrorContext(r.Context(), "waiting for an enrolment", "error", err)
	}
	return nil // the answer has begun: an error has no page any more
}

// cancelEnrolment is POST /admin/enrolments/{id}/cancel.
func (p *Portal) cancelEnrolment(w http.ResponseWriter, r *http.Request, who admin) error {
	kept, err := p.enrolmentOf(r, who)
	if err != nil {
		return err
	}
	if err := p.Enrolments.Cancel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return redirect(w, r, "/admin/users/"+kept.User)
}

// qr is a QR code as an SVG path, which needs no file of its own.
type qr struct {
	Size int // of a side, in modules, margin included
	Path string
}

func drawQR(text string) (qr, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return qr{}, fmt.Errorf("portal: drawing a QR code: %w", err)
	}
	rows := code.Bitmap()
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			width := 0
			for x+width < len(row) && row[x+width] {
				width++
			}
			if width > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, width, width)
				x += width
			}
		}
	}
	return qr{Size: len(rows), Path: path.String()}, nil
}
