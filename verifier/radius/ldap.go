package radius

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"countersign/verifier/policy"
)

// ldapTime bounds one sign-in's business with the LDAP server.
const ldapTime = 10 * time.Second

// ldapServer checks a password by finding the user's entry and binding as it
// (RFC 4513 §5.1.3), always under TLS.
type ldapServer struct {
	url       string
	startTLS  bool
	tls       *tls.Config
	bindDN    string
	password  string // of bindDN
	base      string
	filter    string // with {user} where the escaped name goes
	attribute string // in which the entry has the user's name
}

func (l ldapServer) verify(ctx context.Context, f firstFactor) (grant, error) {
	switch {
	case f.auth != policy.RADIUSPAP:
		return grant{}, errProtocol
	case f.password == "":
		// A bind with a name and no password succeeds and proves nothing (RFC 4513
		// §5.1.2).
		return grant{}, errWrongPassword
	}
	ctx, cancel := context.WithTimeout(ctx, ldapTime)
	defer cancel()
	conn, err := l.dial(ctx)
	if err != nil {
		return grant{}, fmt.Errorf("radius: reaching the LDAP server: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// Closing it is how a request of this library is cancelled.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	dn, name, err := l.find(conn, f.account())
	if err != nil {
		return grant{}, err
	}
	err = conn.Bind(dn, f.password)
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation):
		return grant{}, errWrongPassword
	case err != nil:
		return grant{}, fmt.Errorf("radius: binding to the LDAP server as a user: %w", err)
	}
	return grant{user: name}, nil
}

func (l ldapServer) dial(ctx context.Context) (*ldap.Conn, error) {
	deadline, _ := ctx.Deadline()
	conn, err := ldap.DialURL(l.url, ldap.DialWithTLSConfig(l.tls), ldap.DialWithDialer(&net.Dialer{Deadline: deadline}))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(time.Until(deadline))
	if l.startTLS {
		err = conn.StartTLS(l.tls)
	}
	if err == nil && l.bindDN != "" {
		err = conn.Bind(l.bindDN, l.password)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// find gives the one entry that matches, and its own spelling of the name.
// LDAP compares names loosely: without that spelling "zoe " could pass here as
// zoe and then count as a user of whom nothing is known.
func (l ldapServer) find(conn *ldap.Conn, user string) (dn, name string, err error) {
	result, err := conn.Search(ldap.NewSearchRequest(
		l.base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, int(ldapTime/time.Second), false,
		strings.ReplaceAll(l.filter, userInFilter, ldap.EscapeFilter(user)), []string{l.attribute}, nil,
	))
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return "", "", fmt.Errorf("radius: searching the LDAP server: %w", err)
	}
	// Two entries of one name: binding as either would be a guess.
	if result == nil || len(result.Entries) != 1 {
		return "", "", errWrongPassword
	}
	entry := result.Entries[0]
	if name = entry.GetAttributeValue(l.attribute); name == "" {
		return "", "", fmt.Errorf("radius: the LDAP entry of a user has no attribute %s", l.attribute)
	}
	return entry.DN, name, nil
}

const userInFilter = "{user}"

// newLDAP checks the settings of an LDAP server.
func newLDAP(s LDAP) (primary, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "ldap" && u.Scheme != "ldaps") {
		return nil, fmt.Errorf("ldap.url %q is not a URL such as ldaps://ldap.example", s.URL)
	}
	if (u.Scheme == "ldap") != s.StartTLS {
		return nil, errors.New("ldap: use ldaps:// or, with ldap://, start_tls: true; passwords do not travel in the open")
	}
	l := ldapServer{
		url: s.URL, startTLS: s.StartTLS, bindDN: s.BindDN, base: s.BaseDN,
		filter: s.Filter, attribute: s.NameAttribute,
		tls: &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12},
	}
	if l.attribute == "" {
		l.attribute = "uid"
	}
	if l.filter == "" {
		l.filter = "(" + l.attribute + "=" + userInFilter + ")"
	}
	if _, err := ldap.CompileFilter(strings.ReplaceAll(l.filter, userInFilter, "user")); err != nil || !strings.Contains(l.filter, userInFilter) {
		return nil, fmt.Errorf("ldap.filter %q is not a filter with {user} in it, such as (uid={user})", s.Filter)
	}
	if l.base == "" {
		return nil, errors.New("ldap.base_dn is missing")
	}
	if s.CAFile != "" {
		if l.tls.RootCAs, err = readCertificates(s.CAFile); err != nil {
			return nil, fmt.Errorf("ldap.ca_file: %w", err)
		}
	}
	if s.BindDN != "" {
		if l.password, err = readSecret(s.BindPasswordFile); err != nil {
			return nil, fmt.Errorf("ldap.bind_password_file: %w", err)
		}
	}
	return l, nil
}
