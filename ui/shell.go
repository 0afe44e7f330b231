package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"countersign/ui/design"
	"countersign/ui/kit"
)

// shell is the running app: the topmost page or the section, and the navigation
// around it.
func (u *UI) shell() fyne.CanvasObject {
	if u.phone {
		return u.phoneShell()
	}
	return u.desktopShell()
}

func (u *UI) current() fyne.CanvasObject {
	if p := u.top(); p != nil {
		return u.draw(p)
	}
	switch u.section {
	case sectionActivity:
		return u.activityPage()
	case sectionSettings:
		return u.settingsPage()
	case sectionCodes:
	}
	return u.codesPage()
}

// draw builds a page, or takes a form that is there.
func (u *UI) draw(p *page) fyne.CanvasObject {
	now := looks{u.style, u.p.Language()}
	if p.form && p.drawn.content != nil && p.drawn.looks == now {
		u.scroll.page = p.drawn.scroll
		return p.drawn.content
	}
	content := p.build()
	if p.form {
		p.drawn = drawn{content, u.scroll.page, now}
	}
	return content
}

func (u *UI) phoneShell() fyne.CanvasObject {
	content := u.current()
	if len(u.pages) > 0 {
		return content
	}
	tab := func(s section, icon, key string) fyne.CanvasObject {
		colour, bold := u.style.Muted, false
		ground := color.NRGBA{}
		if u.section == s {
			colour, bold, ground = u.style.Accent, true, u.style.AccentSoft
		}
		pill := kit.NewCard(u.style, container.NewCenter(kit.NewIcon(u.style, icon, colour, 21))).Padded(3).Radius(14).On(ground, color.NRGBA{})
		label := kit.NewLine(u.style, kit.Look{Points: design.Caption, Bold: bold, Colour: colour, Align: fyne.TextAlignCenter}, u.T(key))
		column := kit.NewColumn(1, kit.NewNarrow(58, pill), label)
		return kit.NewPanel(u.style, u.T(key), column, func() { u.goTo(s) }).Inset(design.S1)
	}
	bar := container.NewGridWithColumns(3,
		tab(sectionCodes, "codes", "nav.codes"), tab(sectionActivity, "activity", "nav.activity"), tab(sectionSettings, "settings", "nav.settings"))
	ground := canvas.NewRectangle(u.style.Surface)
	line := canvas.NewRectangle(u.style.Line)
	line.SetMinSize(fyne.NewSize(1, design.Hairline))
	return kit.NewDock(nil, container.NewStack(ground, container.NewBorder(line, nil, nil, nil, bar)), nil, content)
}

func (u *UI) desktopShell() fyne.CanvasObject {
	content := u.current() // first: it knows whether the chosen group is still there
	item := func(s section, icon, key string) fyne.CanvasObject {
		return u.railItem(icon, u.T(key), u.section == s && u.codes.group == "", func() {
			u.codes.group = ""
			u.goTo(s)
		})
	}
	objects := []fyne.CanvasObject{
		kit.NewRow(design.S3, 1, kit.NewAppIcon(u.style, 34), kit.NewLine(u.style, kit.Look{Points: design.Title, Bold: true, Colour: u.style.Ink}, appName)),
		kit.Space(1, design.S3),
		item(sectionCodes, "codes", "nav.codes"), item(sectionActivity, "activity", "nav.activity"), item(sectionSettings, "settings", "nav.settings"),
	}
	if groups := u.core.Groups(); len(groups) > 0 {
		objects = append(objects, kit.Space(1, design.S3), kit.NewLine(u.style, kit.Look{Points: design.Caption, Bold: true, Colour: u.style.Muted}, u.T("nav.groups")))
		for _, g := range groups {
			objects = append(objects, u.railItem("tag", g, u.section == sectionCodes && u.codes.group == g, func() {
				u.codes.group = g
				u.goTo(sectionCodes)
			}))
		}
	}
	top := kit.NewPage(kit.NewColumn(design.S1, objects...).Padded(design.S4))
	var foot []fyne.CanvasObject
	if u.cfg.Simulated {
		foot = append(foot, u.simulatedNote())
	}
	if u.core.LockState().Set {
		foot = append(foot, u.railItem("lock", u.T("lock.now"), false, u.lockNow))
	}
	bottom := kit.NewColumn(design.S2, foot...).Padded(design.S4)
	ground := canvas.NewRectangle(u.style.Surface)
	line := canvas.NewRectangle(u.style.Line)
	line.SetMinSize(fyne.NewSize(design.Hairline, 1))
	width := kit.Space(u.style.Size(232), 1)
	rail := container.NewStack(ground, width, container.NewBorder(nil, nil, nil, line, kit.NewDock(nil, bottom, nil, top)))
	return kit.NewDock(nil, nil, rail, content)
}

func (u *UI) railItem(icon, label string, chosen bool, onTap func()) fyne.CanvasObject {
	colour, ground := u.style.Ink, color.NRGBA{}
	if chosen {
		colour, ground = u.style.Accent, u.style.AccentSoft
	}
	row := kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, colour, 20), kit.NewLine(u.style, kit.Look{Points: design.Body, Bold: chosen, Colour: colour}, label))
	return kit.NewPanel(u.style, label, row, onTap).Inset(10).On(ground, color.NRGBA{})
}

func (u *UI) simulatedNote() fyne.CanvasObject {
	text := kit.NewText(u.style, kit.Look{Points: design.Caption, Colour: u.style.Amber}, u.F("platform.simulated", args{"platform": u.cfg.Platform}))
	return kit.NewCard(u.style, text).Padded(design.S2).Radius(design.RadiusS).On(u.style.AmberSoft, color.NRGBA{})
}

// pageHead is the title of a page, with a way back.
func (u *UI) pageHead(title string) fyne.CanvasObject {
	look, inset := kit.Look{Points: design.Heading, Bold: true, Colour: u.style.Ink}, float32(design.S4)
	var bar []fyne.CanvasObject
	if len(u.pages) > 0 {
		look.Points, inset = design.Title+1, design.S2
		bar = append(bar, kit.NewIconButton(u.style, "back", u.T("action.back"), func() { u.back() }))
	}
	stretch := len(bar)
	bar = append(bar, kit.NewLine(u.style, look, title))
	return kit.NewNarrow(design.ReadingWidth+2*design.S4, kit.NewMargin(inset, design.S3, kit.NewRow(design.S2, stretch, bar...)))
}

// framed is a page with a title and a way back, whose content scrolls.
func (u *UI) framed(title string, content ...fyne.CanvasObject) fyne.CanvasObject {
	column := kit.NewColumn(design.S4, content...).Padded(design.S4)
	u.scroll.page = kit.NewPage(kit.NewNarrow(design.ReadingWidth+2*design.S4, column))
	return kit.NewDock(u.pageHead(title), nil, nil, u.scroll.page)
}

// note is a card that tells something: kind is info, warn or danger.
func (u *UI) note(kind, icon, text string) fyne.CanvasObject {
	ground, ink := u.style.AccentSoft, u.style.Accent
	switch kind {
	case "warn":
		ground, ink = u.style.AmberSoft, u.style.Amber
	case "danger":
		ground, ink = u.style.DangerSoft, u.style.Danger
	}
	row := kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, ink, 22), kit.NewText(u.style, kit.Look{Points: design.Body - 1, Colour: u.style.Ink}, text))
	return kit.NewCard(u.style, row).Padded(design.S3).Radius(design.RadiusM).On(ground, color.NRGBA{})
}

// body and muted are the two voices of a page.
func (u *UI) body(text string) *kit.Text {
	return kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Ink}, text)
}

func (u *UI) muted(text string) *kit.Text {
	return kit.NewText(u.style, kit.Look{Points: design.Body - 1, Colour: u.style.Muted}, text)
}

// label is the title over a group of rows.
func (u *UI) label(text string) fyne.CanvasObject {
	return kit.NewText(u.style, kit.Look{Points: design.Caption + 0.5, Bold: true, Colour: u.style.Muted}, text)
}

// group is a card of rows with hairlines between them.
func (u *UI) group(rows ...fyne.CanvasObject) fyne.CanvasObject {
	var objects []fyne.CanvasObject
	for i, r := range rows {
		if i > 0 {
			line := canvas.NewRectangle(u.style.Line)
			line.SetMinSize(fyne.NewSize(1, design.Hairline))
			objects = append(objects, line)
		}
		objects = append(objects, r)
	}
	return kit.NewCard(u.style, kit.NewColumn(0, objects...)).Padded(design.S1)
}

// item is a row of a group that leads somewhere, or with a nil onTap tells
// something.
func (u *UI) item(icon, title, detail string, onTap func()) fyne.CanvasObject {
	texts := []fyne.CanvasObject{kit.NewText(u.style, kit.Look{Points: design.Body, Colour: u.style.Ink}, title)}
	if detail != "" {
		texts = append(texts, kit.NewText(u.style, kit.Look{Points: design.Caption + 0.5, Colour: u.style.Muted}, detail))
	}
	objects := []fyne.CanvasObject{kit.NewColumn(1, texts...)}
	stretch := 0
	if icon != "" {
		objects = append([]fyne.CanvasObject{kit.NewIcon(u.style, icon, u.style.Accent, 21)}, objects...)
		stretch = 1
	}
	if onTap != nil {
		objects = append(objects, kit.NewIcon(u.style, "next", u.style.Muted, 17))
	}
	row := kit.NewRow(design.S3, stretch, objects...)
	if onTap == nil {
		return kit.NewColumn(0, row).Padded(design.S3)
	}
	return kit.NewPanel(u.style, title, row, onTap)
}

// fact is a row of a group with a name and a value.
func (u *UI) fact(icon, name, value string) fyne.CanvasObject {
	column := kit.NewColumn(0,
		kit.NewText(u.style, kit.Look{Points: design.Caption, Colour: u.style.Muted}, name),
		kit.NewText(u.style, kit.Look{Points: design.Body, Bold: true, Colour: u.style.Ink}, value))
	return kit.NewColumn(0, kit.NewRow(design.S3, 1, kit.NewIcon(u.style, icon, u.style.Muted, 19), column)).Padded(design.S2 + 1)
}
