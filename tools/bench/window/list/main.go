// List is a thousand plain labels with a field to search them: the least that the
// app's toolkit costs to scroll and to search.
package main

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

func main() {
	w := app.NewWithID("org.countersign.list").NewWindow("Countersign")
	var all []string
	for i := range 1000 { // as many as the app has accounts, and their names
		all = append(all, fmt.Sprintf("Service%d", i))
	}
	found := all
	list := widget.NewList(func() int { return len(found) },
		func() fyne.CanvasObject { return widget.NewLabel("") },
		func(i widget.ListItemID, o fyne.CanvasObject) { o.(*widget.Label).SetText(found[i]) })
	search := widget.NewEntry()
	search.OnChanged = func(text string) {
		found = nil
		for _, name := range all {
			if strings.Contains(strings.ToLower(name), strings.ToLower(text)) {
				found = append(found, name)
			}
		}
		list.Refresh()
	}
	w.SetContent(container.NewBorder(search, nil, nil, nil, list))
	w.Resize(fyne.NewSize(1060, 740)) // as the app's
	w.Canvas().Focus(search)
	w.ShowAndRun()
}
