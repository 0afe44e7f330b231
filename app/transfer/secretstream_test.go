package transfer

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// TestSecretStreamsOfLibsodium opens boxes that libsodium sealed, of lengths
// around the sizes of its blocks.
func TestSecretStreamsOfLibsodium(t *testing.T) {
	type stream struct {
		Length         int
		Header, Sealed string
	}
	var file struct {
		Streams  []stream
		NotFinal stream `json:"not_final"`
	}
	data, err := os.ReadFile("testdata/secretstream.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Streams) != 9 {
		t.Fatalf("read %d streams, want 9", len(file.Streams))
	}
	key := make([]byte, keySize)
	for i := range key {
		key[i] = byte(i)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, s := range file.Streams {
		want := make([]byte, s.Length)
		for i := range want {
			want[i] = byte(i*7 + s.Length)
		}
		header, sealed := unhex(s.Header), unhex(s.Sealed)
		plain, ok, err := openSecretStream(key, header, sealed)
		if err != nil || !ok || !bytes.Equal(plain, want) {
			t.Errorf("%d bytes: %x, %v, %v", s.Length, plain, ok, err)
		}
		for i := range sealed {
			flipped := bytes.Clone(sealed)
			flipped[i] ^= 1
			if _, ok, _ := openSecretStream(key, header, flipped); ok {
				t.Errorf("%d bytes: a flip at %d passed", s.Length, i)
			}
		}
		if _, _, err := openSecretStream(key, header, sealed[:streamOverhead-1]); !errors.Is(err, ErrDamaged) {
			t.Errorf("a stub: %v", err)
		}
	}
	if _, ok, err := openSecretStream(key, unhex(file.NotFinal.Header), unhex(file.NotFinal.Sealed)); ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("a message that is not the last: %v, %v", ok, err)
	}
}
