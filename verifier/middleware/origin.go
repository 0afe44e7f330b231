package middleware

import (
	"fmt"
	"net/http"
	"net/url"
)

// SameOrigin refuses requests that change something and come from a page of
// another origin (cross-site request forgery), by what the browser itself says:
// Sec-Fetch-Site, else Origin. publicURL is the origin that browsers know the
// server by; behind a proxy, Host alone may not tell. Refused requests go to
// deny.
func SameOrigin(publicURL string, deny http.Handler) (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	if publicURL != "" {
		u, err := url.Parse(publicURL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("middleware: %q is no public URL", publicURL)
		}
		if err := protection.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("middleware: the public URL: %w", err)
		}
	}
	protection.SetDenyHandler(deny)
	return protection.Handler, nil
}
