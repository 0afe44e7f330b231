package qr

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/skip2/go-qrcode"
)

const (
	link  = "otpauth://totp/GitHub:alex?secret=JBSWY3DPEHPK3PXP&issuer=GitHub"
	other = "otpauth://totp/ร้าน:zoë?secret=GEZDGNBVGY3TQOJQ&issuer=%E0%B8%A3"
)

func code(t *testing.T, text string, side int) image.Image {
	t.Helper()
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	return q.Image(side)
}

// screen is a picture of a desktop with codes on it.
func screen(ground color.Color, codes ...image.Image) *image.NRGBA {
	s := image.NewNRGBA(image.Rect(0, 0, 1600, 900))
	draw.Draw(s, s.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	for i, c := range codes {
		at := image.Pt(120+i*760, 200+i*90)
		draw.Draw(s, c.Bounds().Add(at), c, image.Point{}, draw.Src)
	}
	return s
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		rule    string
		picture image.Image
		want    []string
	}{
		{"a code alone", code(t, link, 300), []string{link}},
		{"a small code", code(t, link, 120), []string{link}},
		{"letters beyond ASCII", code(t, other, 400), []string{other}},
		{"light on dark", inverted{code(t, link, 300)}, []string{link}},
		{"on a desktop", screen(color.NRGBA{R: 40, G: 60, B: 90, A: 255}, code(t, link, 260)), []string{link}},
		{"two at once", screen(color.White, code(t, link, 300), code(t, other, 340)), []string{link, other}},
		{"the same twice is one", screen(color.White, code(t, link, 300), code(t, link, 300)), []string{link}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := Find(c.picture)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	if _, err := Find(screen(color.White)); !errors.Is(err, ErrNoCode) {
		t.Errorf("error %v, want ErrNoCode", err)
	}
}

func TestDecode(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, code(t, link, 300)); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(bytes.NewReader(file.Bytes()))
	if err != nil || !slices.Equal(got, []string{link}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Decode(bytes.NewReader(file.Bytes()[:file.Len()/2])); !errors.Is(err, ErrPicture) {
		t.Errorf("a file cut short: %v, want ErrPicture", err)
	}
	if _, err := Decode(strings.NewReader("not a picture")); !errors.Is(err, ErrPicture) {
		t.Errorf("text: %v, want ErrPicture", err)
	}
	// A header that claims 60,000 by 60,000 pixels must cost nothing.
	bomb := slices.Clone(file.Bytes())
	copy(bomb[16:24], []byte{0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60})
	if _, err := Decode(bytes.NewReader(bomb)); err == nil {
		t.Error("a picture of 3.6 thousand million pixels was taken")
	}
}

func FuzzDecode(f *testing.F) {
	var file bytes.Buffer
	q, err := qrcode.New(link, qrcode.Low)
	if err != nil {
		f.Fatal(err)
	}
	if err := png.Encode(&file, q.Image(80)); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte("GIF89a"))
	f.Add([]byte{0xFF, 0xD8, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		if texts, err := Decode(bytes.NewReader(data)); err == nil && len(texts) == 0 {
			t.Error("no text and no error")
		}
	})
}
