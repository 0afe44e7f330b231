package session

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
)

// The session's cookie. The prefix makes browsers refuse it without Secure, of
// another path, or from a neighbouring host (RFC 6265bis §4.1.3.2): nobody who
// owns a subdomain can plant one.
const (
	CookieName = "__Host-countersign"
	// plainName is the same over plain HTTP on loopback, for browsers that take
	// no Secure cookie there, as Safari does not. Chromium and Firefox do take
	// one, and are given it.
	plainName = "countersign"
	// probeName tells the two kinds of browser apart, before there is a session.
	probeName = "__Host-countersign-probe"
)

// Probe finds out, on a page before the first form, whether the browser takes
// Secure cookies.
func (s *Sessions) Probe(w http.ResponseWriter, r *http.Request) {
	if s.HTTPS {
		return
	}
	if _, err := r.Cookie(probeName); err == nil {
		return
	}
	http.SetCookie(w, hostCookie(probeName, "1"))
}

// Secure reports whether the browser takes Secure cookies from here. Beyond
// loopback there is no other kind.
func (s *Sessions) Secure(r *http.Request) bool {
	if s.HTTPS || !loopback(r) {
		return true
	}
	for _, name := range []string{probeName, CookieName} {
		if _, err := r.Cookie(name); err == nil {
			return true
		}
	}
	return false
}

func loopback(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// key is the hash of the request's cookie. Where browsers take Secure ones, the
// plain name counts for nothing: it could be planted.
func (s *Sessions) key(r *http.Request) (string, bool) {
	name := CookieName
	if !s.Secure(r) {
		name = plainName
	}
	cookie, err := r.Cookie(name)
	if err != nil {
		return "", false
	}
	if token, err := base64.RawURLEncoding.DecodeString(cookie.Value); err != nil || len(token) != 32 {
		return "", false
	}
	return digest(cookie.Value), true
}

func hostCookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode}
}

func (s *Sessions) cookie(r *http.Request, value string) *http.Cookie {
	c := hostCookie(CookieName, value) //nolint:gosec // it has all three
	if !s.Secure(r) {
		c.Name, c.Secure = plainName, false
	}
	return c
}

func (s *Sessions) setCookie(w http.ResponseWriter, r *http.Request, value string) {
	http.SetCookie(w, s.cookie(r, value))
}

func (s *Sessions) dropCookies(w http.ResponseWriter, r *http.Request) {
	c := s.cookie(r, "") //nolint:gosec // it has what the cookie has that it ends
	c.MaxAge = -1
	http.SetCookie(w, c)
}
