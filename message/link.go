package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"countersign/crypto/identity"
	"countersign/crypto/relayurl"
)

// ErrLink is wrapped by every error about an enrolment link, and
// ErrLinkVersion as well where the link may be of a newer version than this code.
var (
	ErrLink        = errors.New("enrolment link")
	ErrLinkVersion = errors.New("update the app or ask for a new link")
)

// Link is an enrolment link: countersign://enrol?v=1&r=…&k=…&e=…&i=…&s=…
// It holds a secret: it is drawn as a QR code or shown to its user, never logged.
type Link struct {
	Relay      string              // r: the relay's URL, wss, or ws to loopback
	Verifier   identity.Thumbprint // k: the verifier's signing key
	Encryption identity.PublicKey  // e: the verifier's encryption key
	ID         string              // i: the enrolment
	Secret     []byte              // s: 256 bits
	Pin        []byte              // p, optional: SHA-256 of the relay's SPKI (RFC 7469 §2.4)
	// Organisation is o, optional: a name to show before anything is known. It
	// is as trustworthy as the link itself; the signed challenge repeats it.
	Organisation string
}

const secretSize, pinSize = 32, 32

// String writes the link.
func (l Link) String() string {
	enc := base64.RawURLEncoding
	parts := []string{
		"v=1", "r=" + url.QueryEscape(l.Relay), "k=" + string(l.Verifier), "e=" + l.Encryption.Text(),
		"i=" + l.ID, "s=" + enc.EncodeToString(l.Secret),
	}
	if len(l.Pin) > 0 {
		parts = append(parts, "p="+enc.EncodeToString(l.Pin))
	}
	if l.Organisation != "" {
		parts = append(parts, "o="+url.QueryEscape(l.Organisation))
	}
	return "countersign://enrol?" + strings.Join(parts, "&")
}

// LogValue keeps the secret out of logs.
func (l Link) LogValue() slog.Value { return slog.StringValue("enrolment link " + l.ID) }

// ParseLink reads an enrolment link strictly: every parameter once, none
// unknown. Its errors say which part is wrong and never quote the secret.
func ParseLink(s string) (Link, error) {
	refuse := func(why string) (Link, error) { return Link{}, fmt.Errorf("%w: %s", ErrLink, why) }
	s = strings.TrimSpace(s)
	if len(s) > maxLink {
		return refuse("too long")
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "countersign" || u.Host != "enrol" || (u.Path != "" && u.Path != "/") {
		return refuse("does not begin with countersign://enrol?")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" || u.User != nil {
		return refuse("damaged; copy the whole of it")
	}
	for name, values := range query {
		if len(values) != 1 || len(name) != 1 || !strings.Contains("vrkeispo", name) {
			return Link{}, fmt.Errorf("%w: a parameter is unknown or stands twice; %w", ErrLink, ErrLinkVersion)
		}
	}
	if query.Get("v") != "1" {
		return Link{}, fmt.Errorf("%w: of a version that this app does not know; %w", ErrLink, ErrLinkVersion)
	}
	link := Link{Relay: query.Get("r"), ID: query.Get("i"), Organisation: query.Get("o")}
	if err := CheckRelayURL(link.Relay); err != nil {
		return Link{}, fmt.Errorf("%w: %w", ErrLink, err)
	}
	if link.Verifier, err = identity.ParseThumbprint(query.Get("k")); err != nil {
		return refuse("k is not a verifier's thumbprint; copy the whole link")
	}
	if link.Encryption, err = identity.ParsePublicKey(query.Get("e")); err != nil {
		return refuse("e is not a verifier's key; copy the whole link")
	}
	if !validID(link.ID) {
		return refuse("i is not an enrolment's id; copy the whole link")
	}
	if link.Secret, err = base64.RawURLEncoding.Strict().DecodeString(query.Get("s")); err != nil || len(link.Secret) != secretSize {
		return refuse("s is not a secret of 256 bits; copy the whole link")
	}
	if p := query.Get("p"); query.Has("p") {
		if link.Pin, err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil || len(link.Pin) != pinSize {
			return refuse("p is not a SHA-256 of a TLS key")
		}
	}
	if !text(link.Organisation, maxApp) {
		return refuse("o is not a name that can be shown")
	}
	return link, nil
}

// CheckRelayURL refuses a relay URL that is not wss, or ws to loopback
// (relayurl.Check).
func CheckRelayURL(s string) error { return relayurl.Check(s) }
