package otp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// A Yandex.Key secret is 16 bytes from a QR code, or 26 as typed by hand: the
// same 16, the user's number, the PIN's length and a 12-bit checksum.
const (
	yandexKeyBytes  = 16
	yandexFullBytes = 26
	yandexCheckBits = 12
	yandexCheckPoly = 0b1_1000_1111_0011
)

// yandexCode is TOTP with the key SHA-256(PIN | secret), a 63-bit truncation,
// and the letters a to z as digits.
func (k Key) yandexCode(step uint64) (string, error) {
	if k.PIN == "" {
		return "", ErrPINNeeded
	}
	key := sha256.Sum256(append([]byte(k.PIN), k.Secret[:yandexKeyBytes]...))
	material := key[:]
	if material[0] == 0 { // Yandex's own app loses one leading zero byte
		material = material[1:]
	}
	mac := hmac.New(sha256.New, material)
	mac.Write(binary.BigEndian.AppendUint64(nil, step))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	value := binary.BigEndian.Uint64(sum[offset:]) &^ (1 << 63)

	const letters = 26
	code := make([]byte, k.Digits)
	for i := len(code) - 1; i >= 0; i-- {
		code[i] = byte('a' + value%letters)
		value /= letters
	}
	return string(code), nil
}

// validateYandexSecret checks length and, where there is one, the checksum,
// which catches a mistyped secret that would give wrong codes for ever.
func validateYandexSecret(secret []byte) error {
	switch len(secret) {
	case yandexKeyBytes:
		return nil
	case yandexFullBytes:
		want := binary.BigEndian.Uint16(secret[yandexFullBytes-2:]) & (1<<yandexCheckBits - 1)
		if yandexChecksum(secret) != want {
			return fieldError("secret", "its checksum is wrong; type it again")
		}
		return nil
	default:
		return fieldError("secret", "has %d bytes; a Yandex secret has %d or %d", len(secret), yandexKeyBytes, yandexFullBytes)
	}
}

// yandexChecksum divides all bits before the checksum by the polynomial, most
// significant bit first, and gives the remainder.
func yandexChecksum(secret []byte) uint16 {
	var remainder uint16
	for i := range len(secret)*8 - yandexCheckBits {
		bit := secret[i/8] >> (7 - i%8) & 1
		remainder = remainder<<1 | uint16(bit)
		if bits.Len16(remainder) > yandexCheckBits {
			remainder ^= yandexCheckPoly
		}
	}
	return remainder
}
