// Package qr finds the QR codes in a picture: of a screen, a file or the
// clipboard. It tries several ways, because a screenshot in dark colours, a
// photograph and a small code among others each need another one.
package qr

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // pictures that people have
	_ "image/jpeg"
	_ "image/png"
	"io"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/multi/qrcode"
	single "github.com/makiuchi-d/gozxing/qrcode"
	"golang.org/x/image/draw"
)

// Limits on a picture, so that a small file cannot ask for much memory.
const (
	maxBytes  = 32 << 20
	maxPixels = 64 << 20
	// maxEnlarged is up to how many pixels a picture is enlarged: a screen's.
	maxEnlarged = 10 << 20
)

// What is refused, for errors.Is.
var (
	ErrNoCode  = errors.New("no QR code in the picture")
	ErrPicture = errors.New("not a picture that can be read (PNG, JPEG or GIF)")
	ErrTooBig  = errors.New("the picture is too big")
)

// Decode reads a picture file and finds its codes.
func Decode(r io.ReadSeeker) ([]string, error) {
	picture, err := Picture(r)
	if err != nil {
		return nil, err
	}
	return Find(picture)
}

// Picture reads a picture file, whose size is looked at before its pixels are.
func Picture(r io.ReadSeeker) (image.Image, error) {
	config, _, err := image.DecodeConfig(io.LimitReader(r, maxBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	if config.Width*config.Height > maxPixels {
		return nil, ErrTooBig
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the picture: %w", err)
	}
	picture, _, err := image.Decode(io.LimitReader(r, maxBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	return picture, nil
}

// Find gives the texts of all QR codes in a picture, each once, or ErrNoCode.
func Find(picture image.Image) ([]string, error) {
	var texts []string
	seen := map[string]bool{}
	for _, view := range views(picture) {
		for _, way := range ways(view()) {
			for _, t := range read(way) {
				if !seen[t] {
					seen[t] = true
					texts = append(texts, t)
				}
			}
			if len(texts) > 0 {
				return texts, nil
			}
		}
	}
	return nil, ErrNoCode
}

// views are a picture and what may be easier to read, the likeliest first. A
// dense code on a screen has modules of few pixels, whose width the reader
// misjudges: it gets its number of modules right when the picture is enlarged.
func views(picture image.Image) []func() image.Image {
	list := []func() image.Image{func() image.Image { return picture }, func() image.Image { return inverted{picture} }}
	if size := picture.Bounds().Size(); size.X*size.Y <= maxEnlarged {
		list = append(list, func() image.Image { return enlarged(picture) }, func() image.Image { return inverted{enlarged(picture)} })
	}
	return list
}

func enlarged(picture image.Image) image.Image {
	size := picture.Bounds().Size()
	larger := image.NewRGBA(image.Rect(0, 0, size.X*3/2, size.Y*3/2))
	draw.BiLinear.Scale(larger, larger.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	return larger
}

// ways are the ways to tell a picture's light from its dark.
func ways(picture image.Image) []*gozxing.BinaryBitmap {
	var bitmaps []*gozxing.BinaryBitmap
	luminance := gozxing.NewLuminanceSourceFromImage(picture)
	for _, b := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(luminance), gozxing.NewGlobalHistgramBinarizer(luminance)} {
		if bitmap, err := gozxing.NewBinaryBitmap(b); err == nil {
			bitmaps = append(bitmaps, bitmap)
		}
	}
	return bitmaps
}

func read(bitmap *gozxing.BinaryBitmap) []string {
	hints := map[gozxing.DecodeHintType]interface{}{gozxing.DecodeHintType_TRY_HARDER: true}
	var texts []string
	if results, err := qrcode.NewQRCodeMultiReader().DecodeMultiple(bitmap, hints); err == nil {
		for _, r := range results {
			texts = append(texts, r.GetText())
		}
	}
	if len(texts) == 0 {
		if r, err := single.NewQRCodeReader().Decode(bitmap, hints); err == nil {
			texts = append(texts, r.GetText())
		}
	}
	return texts
}

// inverted is a picture with light and dark exchanged, for codes on dark pages.
type inverted struct{ image.Image }

func (i inverted) At(x, y int) color.Color {
	r, g, b, a := i.Image.At(x, y).RGBA()
	return color.RGBA64{R: uint16(a - r), G: uint16(a - g), B: uint16(a - b), A: uint16(a)}
}
