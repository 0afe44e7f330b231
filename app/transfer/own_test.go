package transfer

import "testing"

func TestAnAgeFileSaysWhatItsKeyTakes(t *testing.T) {
	for header, want := range map[string]int64{
		"age-encryption.org/v1\n-> scrypt Z6xdY+2S 18\nbody":     256 << 20,
		"age-encryption.org/v1\n-> scrypt Z6xdY+2S 20\nbody":     1 << 30,
		"age-encryption.org/v1\n-> scrypt Z6xdY+2S 63\nbody":     ownKDFMemory,
		"age-encryption.org/v1\n-> scrypt Z6xdY+2S -1\nbody":     ownKDFMemory,
		"age-encryption.org/v1\n-> X25519 Z6xdY+2S\nbody":        ownKDFMemory,
		"age-encryption.org/v1\n-> scrypt Z6xdY+2S eighteen\nbo": ownKDFMemory,
		"age-encryption.org/v1":                                  ownKDFMemory,
		"":                                                       ownKDFMemory,
	} {
		if got := ageMemory([]byte(header)); got != want {
			t.Errorf("%q takes %d, want %d", header, got, want)
		}
	}
}
