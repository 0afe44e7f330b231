package otp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// ErrPINNeeded says that the key's codes need a PIN that it does not hold.
var ErrPINNeeded = errors.New("enter the PIN of this account")

// ErrBeforeEpoch says that the clock stands before 1970, where no time step is
// defined.
var ErrBeforeEpoch = errors.New("the clock is before 1970; set it right")

// ErrCounterBased says that a code was asked by time from a key that counts.
var ErrCounterBased = errors.New("this account counts its codes; ask by counter")

// Step is the number of whole periods since 1970 at the given time: T of
// RFC 6238 §4.2 with T0 = 0.
func (k Key) Step(at time.Time) (uint64, error) {
	switch seconds := at.Unix(); {
	case !k.Type.TimeBased():
		return 0, ErrCounterBased
	case k.Period < 1:
		return 0, k.Validate()
	case seconds < 0:
		return 0, ErrBeforeEpoch
	default:
		return uint64(seconds) / uint64(k.Period), nil
	}
}

// Code is the code that a time-based key shows at the given time.
func (k Key) Code(at time.Time) (string, error) {
	step, err := k.Step(at)
	if err != nil {
		return "", err
	}
	return k.CodeAt(step)
}

// Next is the code that follows the one shown at the given time.
func (k Key) Next(at time.Time) (string, error) {
	step, err := k.Step(at)
	if err != nil {
		return "", err
	}
	return k.CodeAt(step + 1)
}

// Remaining is how long the code of the given time still stands: more than
// zero, at most one period; zero for a counter-based key.
func (k Key) Remaining(at time.Time) time.Duration {
	if !k.Type.TimeBased() || k.Period < 1 {
		return 0
	}
	period := time.Duration(k.Period) * time.Second
	into := time.Duration(at.Unix()%int64(k.Period))*time.Second + time.Duration(at.Nanosecond())
	if into < 0 { // before 1970
		into += period
	}
	return period - into
}

// CodeAt is the code for one moving factor: the counter of an HOTP key, the
// time step of the others. For HOTP store the counter that follows before the
// code is shown (RFC 4226 §7.2), or a crash shows the same code twice.
func (k Key) CodeAt(factor uint64) (string, error) {
	if err := k.Validate(); err != nil {
		return "", err
	}
	switch k.Type {
	case Yandex:
		return k.yandexCode(factor)
	case MOTP:
		return k.motpCode(factor)
	default:
		return k.oathCode(factor)
	}
}

func (k Key) oathCode(factor uint64) (string, error) {
	opts := hotp.ValidateOpts{Digits: otp.Digits(k.Digits)}
	switch k.Algorithm {
	case SHA256:
		opts.Algorithm = otp.AlgorithmSHA256
	case SHA512:
		opts.Algorithm = otp.AlgorithmSHA512
	default: // Validate lets no other hash through
		opts.Algorithm = otp.AlgorithmSHA1
	}
	if k.Type == Steam {
		opts.Encoder = otp.EncoderSteam
	}
	code, err := hotp.GenerateCodeCustom(k.Secret.Base32(), factor, opts)
	if err != nil {
		return "", fmt.Errorf("computing a code: %w", err)
	}
	return code, nil
}

// ValidateTOTP tells whether the code is right at the given time, or up to
// window steps before or after it (RFC 6238 §5.2 recommends one, for network
// delay and drift). It gives the step that the code belongs to.
//
// A code counts once (RFC 6238 §5.2): a step that is not after lastStep is
// refused, so that a code read over the shoulder cannot be used again. Keep
// the step as the new lastStep in the same transaction that grants the
// sign-in. lastStep 0 means that no code was used yet.
func ValidateTOTP(k Key, code string, at time.Time, window uint, lastStep uint64) (step uint64, ok bool) {
	now, err := k.Step(at)
	if err != nil {
		return 0, false
	}
	given := []byte(stripSeparators(code))
	reach := min(uint64(window), now)
	for candidate := now - reach; candidate <= now+uint64(window); candidate++ {
		want, err := k.CodeAt(candidate)
		if err != nil {
			return 0, false
		}
		// No early exit: the time taken must not tell which step fits, or how
		// much of a guess was right.
		equal := subtle.ConstantTimeCompare([]byte(want), given) == 1
		if equal && candidate > lastStep && !ok {
			step, ok = candidate, true
		}
	}
	return step, ok
}
