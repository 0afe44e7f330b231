package directory

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a password hash: argon2id with 19 MiB, two passes, one lane
// (OWASP's first choice, above RFC 9106's minimum). It stands in every hash, so
// that it can be raised and old hashes still verify.
const (
	argonMemory  = 19 * 1024 // KiB
	argonPasses  = 2
	argonThreads = 1
	argonSalt    = 16
	argonSum     = 32

	// What is read from the store is bounded too: a hash that asks for the
	// machine's memory is refused.
	maxArgonMemory = 1 << 20 // KiB
	maxArgonPasses = 16
)

// hashPassword gives the PHC string of a password.
func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program first
	sum := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonThreads, argonSum)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		argonMemory, argonPasses, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// dummyHash costs what a real hash costs and fits no password: it is checked
// where there is none, so that the time does not tell.
func dummyHash() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		argonMemory, argonPasses, argonThreads,
		base64.RawStdEncoding.EncodeToString(make([]byte, argonSalt)),
		base64.RawStdEncoding.EncodeToString(make([]byte, argonSum)))
}

// checkPassword tells whether the password fits the hash, in constant time.
func checkPassword(hash, password string) (bool, error) {
	var version, memory, passes, threads uint32
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &threads); err != nil ||
		version != argon2.Version || memory > maxArgonMemory || passes == 0 || passes > maxArgonPasses || threads == 0 || threads > 255 {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonSum {
		return false, errHash
	}
	sum := argon2.IDKey([]byte(password), salt, passes, memory, uint8(threads), argonSum)
	return subtle.ConstantTimeCompare(sum, want) == 1, nil
}

var errHash = fmt.Errorf("directory: a stored password hash is not readable")
