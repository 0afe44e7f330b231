package transfer

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/poly1305" //nolint:staticcheck // libsodium's secretstream is no AEAD that x/crypto has; it needs the parts
)

// Sizes of libsodium's crypto_secretstream_xchacha20poly1305.
const (
	streamHeaderSize = 24
	streamTagFinal   = 3
	streamBlockSize  = 64
	streamOverhead   = 1 + poly1305.TagSize
)

// openSecretStream opens a stream of one message, the last, without additional
// data. ok is false if the tag does not fit.
//
// The layout is libsodium's: the key is HChaCha20 of the key and the first 16
// bytes of the header; the nonce is a message counter from 1 and the other 8
// bytes. Block 0 of the key stream keys Poly1305, block 1 hides the message's
// tag byte, and the text begins at block 2.
func openSecretStream(key, header, sealed []byte) (plain []byte, ok bool, err error) {
	if len(header) != streamHeaderSize || len(sealed) < streamOverhead {
		return nil, false, fmt.Errorf("%w: its encrypted part is cut short", ErrDamaged)
	}
	cipher, err := newStreamCipher(key, header)
	if err != nil {
		return nil, false, fmt.Errorf("preparing XChaCha20: %w", err)
	}
	var oneTimeKey [32]byte
	copy(oneTimeKey[:], cipher.block(0))

	body := sealed[1 : len(sealed)-poly1305.TagSize]
	mac := poly1305.New(&oneTimeKey)
	// What is authenticated is the decrypted tag's block, with the byte as sent.
	tagBlock := cipher.block(1)
	tag := tagBlock[0] ^ sealed[0]
	tagBlock[0] = sealed[0]
	_, _ = mac.Write(tagBlock)
	_, _ = mac.Write(body)
	// libsodium pads by the length modulo 16, not to a multiple of 16.
	_, _ = mac.Write(make([]byte, len(body)&0xf))
	lengths := binary.LittleEndian.AppendUint64(nil, 0)
	lengths = binary.LittleEndian.AppendUint64(lengths, uint64(streamBlockSize+len(body)))
	_, _ = mac.Write(lengths)
	if subtle.ConstantTimeCompare(mac.Sum(nil), sealed[len(sealed)-poly1305.TagSize:]) != 1 {
		return nil, false, nil
	}
	if tag != streamTagFinal {
		return nil, false, fmt.Errorf("%w: its encrypted part goes on elsewhere", ErrDamaged)
	}
	plain = make([]byte, len(body))
	cipher.at(2).XORKeyStream(plain, body)
	return plain, true, nil
}

// streamCipher gives the key stream of the first message at any block.
type streamCipher struct{ key, nonce []byte }

func newStreamCipher(key, header []byte) (streamCipher, error) {
	subkey, err := chacha20.HChaCha20(key, header[:16])
	if err != nil {
		return streamCipher{}, err
	}
	nonce := binary.LittleEndian.AppendUint32(nil, 1)
	c := streamCipher{key: subkey, nonce: append(nonce, header[16:]...)}
	_, err = chacha20.NewUnauthenticatedCipher(c.key, c.nonce)
	return c, err
}

// at gives the key stream from the block on. The sizes were checked by
// newStreamCipher.
func (c streamCipher) at(block uint32) *chacha20.Cipher {
	cipher, err := chacha20.NewUnauthenticatedCipher(c.key, c.nonce)
	if err != nil {
		panic("transfer: key and nonce changed their sizes")
	}
	cipher.SetCounter(block)
	return cipher
}

func (c streamCipher) block(n uint32) []byte {
	out := make([]byte, streamBlockSize)
	c.at(n).XORKeyStream(out, out)
	return out
}
