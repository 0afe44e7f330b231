package otp

import (
	"crypto/md5" //nolint:gosec // Mobile-OTP is defined with MD5
	"encoding/hex"
	"strconv"
)

// motpCode is the Mobile-OTP algorithm (motp.sourceforge.net): the first
// characters of MD5 over the time step in decimal, the secret in lower-case
// hexadecimal, and the PIN.
func (k Key) motpCode(step uint64) (string, error) {
	if k.PIN == "" {
		return "", ErrPINNeeded
	}
	text := strconv.FormatUint(step, 10) + k.Secret.Hex() + string(k.PIN)
	sum := md5.Sum([]byte(text)) //nolint:gosec // Mobile-OTP is defined with MD5
	return hex.EncodeToString(sum[:])[:k.Digits], nil
}
