package transfer

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// errBoxClosed is the error of a box that does not open, for formats that have
// no way to tell a wrong password from a changed file.
func errBoxClosed() error {
	return fmt.Errorf("%w: type it again; %w", ErrWrongPassword, ErrOrDamaged)
}

// openGCM opens AES-256-GCM. ok is false if the tag does not fit; an error
// means that the pieces cannot be a box at all.
func openGCM(key, nonce, sealed, additional []byte) (plain []byte, ok bool, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false, fmt.Errorf("%w: a key of %d bytes", ErrDamaged, len(key))
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return nil, false, fmt.Errorf("preparing AES-GCM: %w", err)
	}
	if len(nonce) != box.NonceSize() || len(sealed) < box.Overhead() {
		return nil, false, fmt.Errorf("%w: its encrypted part is cut short", ErrDamaged)
	}
	plain, err = box.Open(nil, nonce, sealed, additional)
	return plain, err == nil, nil
}

// openCBC decrypts AES-CBC and takes off the PKCS #7 padding (RFC 5652 §6.3).
// ok is false if the padding is wrong. Whoever can must authenticate first.
func openCBC(key, iv, sealed []byte) (plain []byte, ok bool, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false, fmt.Errorf("%w: a key of %d bytes", ErrDamaged, len(key))
	}
	if len(iv) != aes.BlockSize || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, false, fmt.Errorf("%w: its encrypted part is cut short", ErrDamaged)
	}
	plain = make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, sealed)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, false, nil
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, false, nil
		}
	}
	return plain[:len(plain)-pad], true, nil
}

// fromBase64 and fromHex decode a field, and name it where they cannot. Some
// versions of the apps leave base64's padding out.
func fromBase64(field, text string) ([]byte, error) {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, fmt.Errorf("%w: its field %s is not base64", ErrDamaged, field)
	}
	return raw, nil
}

func fromHex(field, text string) ([]byte, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: its field %s is not hexadecimal", ErrDamaged, field)
	}
	return raw, nil
}
