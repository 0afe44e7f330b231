package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// The activity's filters.
const (
	filterAll      = ""
	filterApproved = "approved"
	filterRefused  = "refused"
	filterNotices  = "notices"
)

// activityShown is how many entries are drawn at most; the list keeps more.
const activityShown = 100

// activityPage lists what happened: sign-ins and what the organisations told.
func (u *UI) activityPage() fyne.CanvasObject {
	options := []kit.Option{
		{Value: filterAll, Label: u.T("activity.all")},
		{Value: filterApproved, Label: u.T("activity.approved")},
		{Value: filterRefused, Label: u.T("activity.refused")},
		{Value: filterNotices, Label: u.T("activity.notices")},
	}
	choice := kit.NewChoice(u.style, options, u.filter, func(v string) {
		u.filter = v
		u.rebuild()
	})
	var rows []fyne.CanvasObject
	for _, a := range u.core.Activity() {
		if u.wanted(a) && len(rows) < activityShown {
			rows = append(rows, u.activityRow(a))
		}
	}
	if len(rows) == 0 {
		return u.framed(u.T("nav.activity"), choice, u.empty("activity", "activity.empty"))
	}
	return u.framed(u.T("nav.activity"), choice, u.group(rows...))
}

func (u *UI) wanted(a app.Activity) bool {
	switch u.filter {
	case filterApproved:
		return a.Kind == app.ActivityPrompt && a.State == stateApproved
	case filterRefused:
		return a.Kind == app.ActivityPrompt && a.State != stateApproved
	case filterNotices:
		return a.Kind != app.ActivityPrompt
	}
	return true
}

func (u *UI) activityRow(a app.Activity) fyne.CanvasObject {
	icon, ink, text := u.activityWords(a)
	name := a.App
	if name == a.Organisation {
		name = ""
	}
	place := strings.Join(present(name, a.Location, a.IP, a.Detail), " · ")
	who := strings.Join(present(a.Organisation, a.User), " · ")
	texts := []fyne.CanvasObject{kit.NewText(u.style, kit.Look{Points: design.Body, Bold: true, Colour: u.style.Ink}, text)}
	for _, t := range present(who, place, u.when(a.Time)) {
		texts = append(texts, kit.NewText(u.style, kit.Look{Points: design.Caption + 0.5, Colour: u.style.Muted}, t))
	}
	return kit.NewColumn(0, kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, ink, 26), kit.NewColumn(1, texts...))).Padded(design.S3)
}

func (u *UI) activityWords(a app.Activity) (icon string, ink color.NRGBA, text string) {
	words := func(keys ...string) string {
		for _, k := range keys {
			if u.cfg.Catalogue.Has(k) {
				return u.F(k, args{"organisation": a.Organisation})
			}
		}
		return u.T("activity.other")
	}
	switch a.Kind {
	case app.ActivityEnrolled:
		return "shield", u.style.Accent, words("activity.enrolled")
	case app.ActivityRevoked:
		return "shield-alert", u.style.Danger, words("activity.revoked")
	case app.ActivityNotice:
		return "info", u.style.Amber, words("activity.notice." + a.Notice)
	case app.ActivityPrompt:
	}
	switch a.State {
	case stateApproved:
		return "check-circle", u.style.Accent, words("activity.state.approved")
	case "denied":
		return "cross-circle", u.style.Danger, words("activity.reason."+a.Reason, "activity.state.denied")
	}
	return "clock", u.style.Amber, words("activity.state." + a.State)
}

func present(texts ...string) []string {
	var found []string
	for _, t := range texts {
		if t != "" {
			found = append(found, t)
		}
	}
	return found
}
