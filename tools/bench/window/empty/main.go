// Empty is a window with nothing in it: the least that the app's toolkit costs.
package main

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/widget"
)

func main() {
	w := app.NewWithID("org.countersign.empty").NewWindow("Countersign")
	w.SetContent(widget.NewLabel(""))
	w.Resize(fyne.NewSize(1060, 740)) // as the app's
	w.ShowAndRun()
}
