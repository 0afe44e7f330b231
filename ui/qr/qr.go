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
)

// Limits on a picture, so that a small file cannot ask for much memory.
const (
	maxBytes  = 32 << 20
	maxPixels = 64 << 20
)

// What is refused, for errors.Is.
var (
	ErrNoCode  = errors.New("no QR code in the picture")
	ErrPicture = errors.New("not a picture that can be read (PNG, JPEG or GIF)")
	ErrTooBig  = errors.New("the picture is too big")
)

// Decode reads a picture file and finds its codes.
func Decode(r io.ReadSeeker) ([]string, error) {
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
	return Find(picture)
}

// Find gives the texts of all QR codes in a picture, each once, or ErrNoCode.
func Find(picture image.Image) ([]string, error) {
	var texts []string
	seen := map[string]bool{}
	for _, way := range ways(picture) {
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
	return nil, ErrNoCode
}

// ways are the ways to see a picture, the likeliest first.
func ways(picture image.Image) []*gozxing.BinaryBitmap {
	var bitmaps []*gozxing.BinaryBitmap
	for _, source := range []image.Image{picture, inverted{picture}} {
		luminance := gozxing.NewLuminanceSourceFromImage(source)
		for _, b := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(luminance), gozxing.NewGlobalHistgramBinarizer(luminance)} {
			if bitmap, err := gozxing.NewBinaryBitmap(b); err == nil {
				bitmaps = append(bitmaps, bitmap)
			}
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
