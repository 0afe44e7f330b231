package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"countersign/crypto/identity"
	"countersign/crypto/keyring"
	"countersign/crypto/otp"
)

// What lies in the keyring: one item for the app's key, and one an account,
// sealed under that key. The key itself is sealed under the user's PIN or
// passphrase where there is one, so that a PIN seals every secret, and setting
// or changing it rewrites one item and cannot be cut short half way.
const (
	keyItem       = "app-key"
	accountPrefix = "account-"
	keySize       = chacha20poly1305.KeySize
	itemVersion   = 1
)

// ErrKeyLost says that there are accounts, and the key to them is gone from the
// keyring. Nothing is written over it: the keyring may be another user's, or
// restored later.
var ErrKeyLost = errors.New("the keyring no longer holds the key of these accounts; restore the keyring or a backup")

// errItem says that an item of the keyring is not what this app wrote.
var errItem = fmt.Errorf("the secret in the keyring: %w", keyring.ErrDamaged)

// keyHeader is the item keyItem. Either Key or the sealed parts are there.
type keyHeader struct {
	Version  int         `json:"version"`
	Key      []byte      `json:"key,omitempty"` // no PIN: the keyring alone keeps it
	KDF      keyring.KDF `json:"kdf,omitzero"`
	Salt     []byte      `json:"salt,omitempty"`
	Sealed   []byte      `json:"sealed,omitempty"` // nonce and ciphertext of the key
	Failures int         `json:"failures,omitempty"`
	LastTry  time.Time   `json:"last_try,omitzero"`
}

func (h keyHeader) locks() bool { return h.Sealed != nil }

// check bounds what the header may ask for: a changed one could otherwise make
// the app take all memory, or take a PIN's guess as a program's crash.
func (h keyHeader) check() error {
	switch {
	case h.Version != itemVersion, h.Failures < 0:
		return errItem
	case !h.locks():
		if len(h.Key) != keySize {
			return errItem
		}
	case h.Key != nil || len(h.Salt) < 16 || h.KDF.Time < 1 || h.KDF.Time > 64 || h.KDF.MemoryKiB < 8 || h.KDF.MemoryKiB > 1<<20 || h.KDF.Threads < 1:
		return errItem
	}
	return nil
}

// vault is the header as stored, and the key while it is open.
type vault struct {
	header keyHeader
	key    []byte // nil: locked, or not read yet
}

// loadVault reads the key's item, or makes one where everything is new.
func (a *App) loadVault(ctx context.Context, fresh bool) error {
	data, err := a.cfg.Keyring.Get(ctx, keyItem)
	switch {
	case errors.Is(err, keyring.ErrNotFound) && fresh:
		return a.newVault(ctx)
	case errors.Is(err, keyring.ErrNotFound):
		return ErrKeyLost
	case err != nil:
		return fmt.Errorf("reading the app's key: %w", err)
	}
	var h keyHeader
	if err := json.Unmarshal(data, &h, json.RejectUnknownMembers(true)); err != nil {
		return errItem // the decoder's words could quote the key
	}
	if err := h.check(); err != nil {
		return err
	}
	a.mu.Lock()
	a.vault = vault{header: h, key: bytes.Clone(h.Key)}
	a.mu.Unlock()
	return nil
}

func (a *App) newVault(ctx context.Context) error {
	return a.storeHeader(ctx, keyHeader{Version: itemVersion, Key: randomBytes(keySize)}, true)
}

// storeHeader writes the key's item. open says to take its unsealed key for the
// one in use.
func (a *App) storeHeader(ctx context.Context, h keyHeader, open bool) error {
	data, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("writing the app's key: %w", err)
	}
	if err := a.cfg.Keyring.Set(ctx, keyItem, data); err != nil {
		return fmt.Errorf("storing the app's key: %w", err)
	}
	a.mu.Lock()
	a.vault.header = h
	if open {
		a.vault.key = bytes.Clone(h.Key)
	}
	a.mu.Unlock()
	return nil
}

// sealKey seals the app's key under a PIN.
func sealKey(key []byte, pin string, kdf keyring.KDF) keyHeader {
	h := keyHeader{Version: itemVersion, KDF: kdf, Salt: randomBytes(16)}
	h.Sealed = seal(h.pinKey(pin), key, keyItem)
	return h
}

func (h keyHeader) pinKey(pin string) []byte {
	return argon2.IDKey([]byte(pin), h.Salt, h.KDF.Time, h.KDF.MemoryKiB, h.KDF.Threads, keySize)
}

// openKey gives the key if the PIN is right.
func (h keyHeader) openKey(pin string) ([]byte, error) {
	key, err := open(h.pinKey(pin), h.Sealed, keyItem)
	if err != nil || len(key) != keySize {
		return nil, ErrWrongPIN
	}
	return key, nil
}

// seal encrypts with XChaCha20-Poly1305. The name is authenticated: an item put
// in another's place in the keyring does not open.
func seal(key, plain []byte, name string) []byte {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic("app: a key of the wrong size") // keySize alone gets here
	}
	nonce := randomBytes(aead.NonceSize())
	return aead.Seal(nonce, nonce, plain, []byte(name))
}

func open(key, sealed []byte, name string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil || len(sealed) < aead.NonceSize() {
		return nil, errItem
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(name))
	if err != nil {
		return nil, errItem
	}
	return plain, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return b
}

// newAccountID makes an id that can name an item of a keyring and a file of a
// system that does not tell cases apart.
func newAccountID() string { return hex.EncodeToString(randomBytes(16)) }

// secret is what an account's item holds.
type secret struct {
	code *otp.Key    // with Issuer and Name empty: the index has them
	push *pushSecret // nil: no prompts
}

// pushSecret is what speaks for a device to one verifier. The verifier's pins
// stand beside the keys, not in the index: whoever could change them could
// answer in the verifier's place.
type pushSecret struct {
	keyPair
	next     *keyPair // while the keys change: what the verifier may know already
	relay    string
	pin      []byte
	verifier identity.Thumbprint
	sealTo   identity.PublicKey
}

// secretItem is a secret as written.
type secretItem struct {
	Version int       `json:"v"`
	Code    *codeItem `json:"code,omitempty"`
	Push    *pushItem `json:"push,omitempty"`
}

type codeItem struct {
	Type      otp.Type      `json:"type"`
	Secret    []byte        `json:"secret"`
	Algorithm otp.Algorithm `json:"algorithm"`
	Digits    int           `json:"digits"`
	Period    int           `json:"period,omitempty"`
	Counter   uint64        `json:"counter,omitempty"`
	PIN       string        `json:"pin,omitempty"`
}

type pushItem struct {
	pairItem
	Next     *pairItem           `json:"next,omitempty"`
	Relay    string              `json:"relay"`
	Pin      []byte              `json:"pin,omitempty"`
	Verifier identity.Thumbprint `json:"verifier"`
	SealTo   string              `json:"seal_to"`
}

type pairItem struct {
	Signing    []byte `json:"signing"`    // PKCS #8
	Encryption []byte `json:"encryption"` // PKCS #8
}

func (s secret) encode() ([]byte, error) {
	item := secretItem{Version: itemVersion}
	if k := s.code; k != nil {
		item.Code = &codeItem{k.Type, []byte(k.Secret), k.Algorithm, k.Digits, k.Period, k.Counter, string(k.PIN)}
	}
	if p := s.push; p != nil {
		item.Push = &pushItem{Relay: p.relay, Pin: p.pin, Verifier: p.verifier, SealTo: p.sealTo.Text()}
		var err error
		if item.Push.pairItem, err = p.encode(); err != nil {
			return nil, err
		}
		if p.next != nil {
			next, err := p.next.encode()
			if err != nil {
				return nil, err
			}
			item.Push.Next = &next
		}
	}
	return json.Marshal(item)
}

func (k keyPair) encode() (pairItem, error) {
	signing, err := k.signing.Marshal()
	if err != nil {
		return pairItem{}, fmt.Errorf("writing the signing key: %w", err)
	}
	encryption, err := k.encryption.Marshal()
	if err != nil {
		return pairItem{}, fmt.Errorf("writing the encryption key: %w", err)
	}
	return pairItem{signing, encryption}, nil
}

func (p pairItem) decode() (k keyPair, err error) {
	if k.signing, err = identity.ParsePrivateKey(p.Signing); err != nil {
		return k, err
	}
	k.encryption, err = identity.ParsePrivateKey(p.Encryption)
	return k, err
}

func decodeSecret(plain []byte) (secret, error) {
	var item secretItem
	if err := json.Unmarshal(plain, &item, json.RejectUnknownMembers(true)); err != nil || item.Version != itemVersion {
		return secret{}, errItem
	}
	var s secret
	if c := item.Code; c != nil {
		s.code = &otp.Key{Type: c.Type, Secret: otp.Secret(c.Secret), Algorithm: c.Algorithm, Digits: c.Digits, Period: c.Period, Counter: c.Counter, PIN: otp.PIN(c.PIN)}
		if err := s.code.Validate(); err != nil {
			return secret{}, errItem
		}
	}
	if p := item.Push; p != nil {
		push, err := p.decode()
		if err != nil {
			return secret{}, errItem
		}
		s.push = push
	}
	return s, nil
}

func (p pushItem) decode() (*pushSecret, error) {
	out := &pushSecret{relay: p.Relay, pin: p.Pin}
	var err error
	if out.keyPair, err = p.pairItem.decode(); err != nil {
		return nil, err
	}
	if p.Next != nil {
		next, err := p.Next.decode()
		if err != nil {
			return nil, err
		}
		out.next = &next
	}
	if out.verifier, err = identity.ParseThumbprint(string(p.Verifier)); err != nil {
		return nil, err
	}
	out.sealTo, err = identity.ParsePublicKey(p.SealTo)
	return out, err
}

// getter reads an item of the keyring.
type getter func(name string) ([]byte, error)

// several is from how many items on it pays to ask the keyring for all at once.
const several = 4

// getter reads the items of the keyring one by one, or has read so many in one go
// where the keyring can do that. What was not given then is asked for again:
// only Get knows that an item is not there.
func (a *App) getter(ctx context.Context, count int) getter {
	get := func(name string) ([]byte, error) { return a.cfg.Keyring.Get(ctx, name) }
	bulk, ok := a.cfg.Keyring.(keyring.Bulk)
	if !ok || count < several {
		return get
	}
	all, err := bulk.GetAll(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "secrets not read in one go", slogError(err))
		return get
	}
	return func(name string) ([]byte, error) {
		if value, ok := all[name]; ok {
			return value, nil
		}
		return get(name)
	}
}

// readSecret opens an account's secret, which get reads.
func readSecret(get getter, key []byte, id string) (secret, error) {
	sealed, err := get(accountPrefix + id)
	if errors.Is(err, keyring.ErrNotFound) {
		return secret{}, ErrNoSecret
	}
	if err != nil {
		return secret{}, fmt.Errorf("reading the account's secret: %w", err)
	}
	plain, err := open(key, sealed, accountPrefix+id)
	if err != nil {
		return secret{}, err
	}
	return decodeSecret(plain)
}

// changeSecret stores an account's secret, and goes on with it.
func (a *App) changeSecret(ctx context.Context, key []byte, id string, s secret) error {
	if err := a.storeSecret(ctx, key, id, s); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.vault.key != nil { // not locked meanwhile
		a.secrets[id] = s
	}
	return nil
}

// storeSecret writes an account's secret to the keyring.
func (a *App) storeSecret(ctx context.Context, key []byte, id string, s secret) error {
	plain, err := s.encode()
	if err != nil {
		return err
	}
	if err := a.cfg.Keyring.Set(ctx, accountPrefix+id, seal(key, plain, accountPrefix+id)); err != nil {
		return fmt.Errorf("storing the account's secret: %w", err)
	}
	return nil
}

// vaultKey gives a copy of the app's key, or says why there is none now. A copy,
// because Lock clears the one in memory at any moment, and a secret sealed under
// a key of zeros would be lost.
func (a *App) vaultKey() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.opened:
		return nil, ErrNotOpen
	case a.vault.key == nil:
		return nil, ErrLocked
	}
	return bytes.Clone(a.vault.key), nil
}
