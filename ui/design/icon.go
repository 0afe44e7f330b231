package design

import (
	"bytes"
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"

	"countersign/assets/icons"
)

// Icon is a line icon in one of the palette's colours; nil where there is no
// icon of that name, which a test of every name in use makes impossible.
func Icon(name string, c color.NRGBA) fyne.Resource {
	svg, ok := icons.SVG(name)
	if !ok {
		return nil
	}
	hex := fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
	// Named by its colour too: Fyne caches rasters by the resource's name.
	return fyne.NewStaticResource(name+hex+".svg", bytes.ReplaceAll(svg, []byte(`"#000"`), []byte(`"`+hex+`"`)))
}

// WindowIcon is the app's own icon for the system to show.
func WindowIcon() fyne.Resource { return fyne.NewStaticResource("Countersign.png", icons.App()) }

// AppIcon is the app's own icon, in its own colours.
func AppIcon() fyne.Resource {
	svg, _ := icons.SVG("app") // embedded
	return fyne.NewStaticResource("countersign.svg", svg)
}
