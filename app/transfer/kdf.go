package transfer

import (
	"crypto/pbkdf2"
	"fmt"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/scrypt"
)

// keySize is AES-256's and XChaCha20's, which all of the formats use.
const keySize = 32

// derive runs a key derivation where it can be cancelled: the function goes on
// in the background, holding the importer's one slot, and nobody waits for it.
func (r *run) derive(memory int64, f func() ([]byte, error)) ([]byte, error) {
	select {
	case r.im.kdf <- struct{}{}:
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	r.progress(Progress{Stage: StageDeriving, Memory: memory})
	type outcome struct {
		key []byte
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-r.im.kdf }()
		key, err := f()
		done <- outcome{key, err}
	}()
	select {
	case o := <-done:
		r.progress(Progress{Stage: StageReading})
		return o.key, o.err
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
}

// argon2id are the parameters of Argon2id (RFC 9106).
type argon2id struct {
	passes  int64
	memory  int64 // bytes
	threads int64
}

func (p argon2id) check() error {
	switch {
	case p.passes < 1 || p.threads < 1 || p.memory < 8<<10:
		return fmt.Errorf("%w: Argon2 parameters that cannot be", ErrDamaged)
	case p.memory > MaxKDFMemory || p.passes > MaxArgon2Passes || p.threads > MaxArgon2Threads:
		return fmt.Errorf("%w: Argon2 with %d MiB and %d passes", ErrTooCostly, p.memory>>20, p.passes)
	}
	return nil
}

// key derives; check must have passed.
func (r *run) argon2id(p argon2id, password string, salt []byte) ([]byte, error) {
	return r.derive(p.memory, func() ([]byte, error) {
		return argon2.IDKey([]byte(password), salt, uint32(p.passes), uint32(p.memory>>10), uint8(p.threads), keySize), nil
	})
}

// scryptParams are the parameters of scrypt (RFC 7914).
type scryptParams struct{ n, r, p int64 }

// memory is what scrypt takes, in bytes.
func (p scryptParams) memory() int64 { return 128 * p.n * p.r }

func (p scryptParams) check() error {
	switch {
	case p.n < 2 || p.n&(p.n-1) != 0 || p.r < 1 || p.p < 1:
		return fmt.Errorf("%w: scrypt parameters that cannot be", ErrDamaged)
	// Each factor alone first, so that the product cannot overflow.
	case p.n > MaxKDFMemory/128 || p.r > MaxKDFMemory/128 || p.p > MaxScryptParallel || p.memory() > MaxKDFMemory:
		return fmt.Errorf("%w: scrypt with N %d, r %d, p %d", ErrTooCostly, p.n, p.r, p.p)
	}
	return nil
}

func (r *run) scrypt(p scryptParams, password string, salt []byte) ([]byte, error) {
	return r.derive(p.memory(), func() ([]byte, error) {
		return scrypt.Key([]byte(password), salt, int(p.n), int(p.r), int(p.p), keySize)
	})
}

// checkIterations bounds PBKDF2 (RFC 8018).
func checkIterations(n int64) error {
	switch {
	case n < 1:
		return fmt.Errorf("%w: PBKDF2 with %d iterations", ErrDamaged, n)
	case n > MaxPBKDF2Iterations:
		return fmt.Errorf("%w: PBKDF2 with %d iterations", ErrTooCostly, n)
	}
	return nil
}

func (r *run) pbkdf2(h func() hash.Hash, password string, salt []byte, iterations int64) ([]byte, error) {
	return r.derive(0, func() ([]byte, error) {
		return pbkdf2.Key(h, password, salt, int(iterations), keySize)
	})
}
