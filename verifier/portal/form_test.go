package portal

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"countersign/verifier/words"
)

func FuzzAttributes(f *testing.F) {
	for _, seed := range []string{"", "department = Sales\r\ncity=Ystad", "a=1\na=2", "=", "a", "a = b = c", " \n\t\n", "å = ä\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		all, err := attributes(field)
		if err != nil {
			var said *words.Error
			if !errors.As(err, &said) {
				t.Errorf("without words: %v", err)
			}
			return
		}
		var again strings.Builder
		for name, value := range all {
			if name == "" || value == "" || name != strings.TrimSpace(name) || strings.ContainsAny(name, "=\n") {
				t.Fatalf("%q gives %q = %q", field, name, value)
			}
			fmt.Fprintf(&again, "%s = %s\n", name, value)
		}
		// What the page writes of them reads the same.
		same, err := attributes(again.String())
		if err != nil || fmt.Sprint(same) != fmt.Sprint(all) {
			t.Errorf("%q: %v and %v, %v", field, all, same, err)
		}
	})
}

func TestTheDrawnCodeReadsAsTheLink(t *testing.T) {
	const link = "countersign://enrol?v=1&r=wss%3A%2F%2Frelay.example%2Frelay&k=0123456789abcdef&i=x&s=secret"
	code, err := drawQR(link)
	if err != nil {
		t.Fatal(err)
	}
	const module = 4
	picture := image.NewGray(image.Rect(0, 0, code.Size*module, code.Size*module))
	for i := range picture.Pix {
		picture.Pix[i] = 0xff
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	if rest := runs.ReplaceAllString(code.Path, ""); rest != "" {
		t.Fatalf("the path has %q", rest)
	}
	for _, run := range runs.FindAllStringSubmatch(code.Path, -1) {
		for x := number(run[1]) * module; x < (number(run[1])+number(run[3]))*module; x++ {
			for y := number(run[2]) * module; y < (number(run[2])+1)*module; y++ {
				picture.SetGray(x, y, color.Gray{})
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil || read.GetText() != link {
		t.Errorf("read %v, %v", read, err)
	}
}
