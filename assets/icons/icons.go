// Package icons holds the app's own pictures: its icon, and line icons on a grid
// of 24, drawn in black so that the design system can give them its colours.
package icons

import "embed"

//go:embed *.svg
var files embed.FS

//go:embed app.png
var app []byte

// App is the app's icon as a PNG of 256 by 256, for windows and trays: the system
// wants dots, and making them of the drawing takes longer than drawing a window.
func App() []byte { return app }

// SVG is the picture of that name, without ".svg"; ok is false where there is
// none.
func SVG(name string) (content []byte, ok bool) {
	content, err := files.ReadFile(name + ".svg")
	return content, err == nil
}

// Names lists every picture.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil { // an embedded folder is always readable
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(".svg")])
	}
	return names
}
