package keyring

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// A header from outside may claim any cost. One that is out of bounds must be
// refused before a byte of memory is spent on it, even with a fitting checksum.
func TestAHeaderOutOfBoundsIsDamaged(t *testing.T) {
	sealed := make([]byte, len(headerMark)+24+32+16)
	for name, h := range map[string]header{
		"memory for ever":     {V: 1, KDF: "argon2id", Params: KDF{Time: 1, MemoryKiB: 1<<32 - 1, Threads: 1}},
		"time for ever":       {V: 1, KDF: "argon2id", Params: KDF{Time: 1<<32 - 1, MemoryKiB: 8 << 10, Threads: 1}},
		"no memory":           {V: 1, KDF: "argon2id", Params: KDF{Time: 1, MemoryKiB: 8, Threads: 1}},
		"no threads":          {V: 1, KDF: "argon2id", Params: KDF{Time: 1, MemoryKiB: 8 << 10}},
		"another function":    {V: 1, KDF: "argon2i", Params: DefaultKDF()},
		"a version of later":  {V: 2, KDF: "argon2id", Params: DefaultKDF()},
		"a version of before": {KDF: "argon2id", Params: DefaultKDF()},
	} {
		h.Salt, h.Key = make([]byte, saltSize), sealed
		h.Sum = h.sum()
		data, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openHeader(data, []byte("a passphrase")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	good, err := sealHeader(make([]byte, 32), []byte("a passphrase"), KDF{Time: 1, MemoryKiB: minKDFMemoryKiB, Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), `"v": 1`, `"v": 1, "V": 2`, 1)))
	f.Add([]byte(`{"v":1,"kdf":"argon2id","params":{"time":1,"memory_kib":8192,"threads":1},"salt":"","key":"","sum":""}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err != nil {
			return
		}
		if err := h.Params.check(); err != nil {
			t.Errorf("accepted: %v", err)
		}
		if len(h.Salt) != saltSize || string(h.Sum) != string(h.sum()) {
			t.Errorf("accepted a header whose salt or checksum is wrong: %+v", h)
		}
	})
}
