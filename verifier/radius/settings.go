package radius

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strings"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
)

// Settings are the member "radius" of the configuration file. What stands at
// the top holds for every client, what stands under a client's name for that
// one instead.
type Settings struct {
	ClientSettings `yaml:",inline"`
	// Clients are settings by the clients' names, in any case.
	Clients map[string]ClientSettings `yaml:"clients"`
}

// ClientSettings are what can be set for each client.
type ClientSettings struct {
	// Primary is who checks the first factor: local (the default), ldap, radius,
	// or none for a gateway that has checked it and sends no password.
	Primary  *string   `yaml:"primary"`
	LDAP     *LDAP     `yaml:"ldap"`
	Upstream *Upstream `yaml:"upstream"`
	// RequireUserMatch is REQUIRE_USER_MATCH of the NPS extension: false lets in
	// users without any method by the first factor alone. The default is true.
	RequireUserMatch *bool `yaml:"require_user_match"`
	// IPWhitelist is IP_WHITELIST of the NPS extension: addresses with semicolons
	// between, and no ranges. Requests whose NAS-IP-Address is in it need no
	// second factor.
	IPWhitelist *string `yaml:"ip_whitelist"`
	// PushSeconds is how long a user has to answer, 60 if not set, 120 at most.
	PushSeconds *int `yaml:"push_seconds"`
}

// LDAP is a server that checks passwords.
type LDAP struct {
	URL              string `yaml:"url"`       // ldaps://…, or ldap://… with StartTLS
	StartTLS         bool   `yaml:"start_tls"` // RFC 4513 §3
	CAFile           string `yaml:"ca_file"`   // PEM; the system's authorities if empty
	BindDN           string `yaml:"bind_dn"`   // for the search; anonymous if empty
	BindPasswordFile string `yaml:"bind_password_file"`
	BaseDN           string `yaml:"base_dn"`
	Filter           string `yaml:"filter"`         // with {user}; (NAME_ATTRIBUTE={user}) if empty
	NameAttribute    string `yaml:"name_attribute"` // the user's name in Countersign; uid if empty
}

// Upstream is another RADIUS server that checks first factors.
type Upstream struct {
	Address        string `yaml:"address"`
	SecretFile     string `yaml:"secret_file"`
	TimeoutSeconds int    `yaml:"timeout_seconds"` // for one of three tries; 5 if not set
	// AllowUnsignedReplies takes replies without Message-Authenticator, which
	// whoever sits on the way can forge (CVE-2024-3596).
	AllowUnsignedReplies bool `yaml:"allow_unsigned_replies"`
}

// plan is what holds for a client, ready to be used.
type plan struct {
	primary          primary
	requireUserMatch bool
	whitelist        []netip.Addr
	// ownList says that the whitelist was given for this client, which may then
	// speak for the addresses in it; else it speaks for its own alone.
	ownList bool
	ttl     time.Duration
}

// trusting says that nobody here checks the first factor.
func (p plan) trusting() bool {
	_, trusting := p.primary.(none)
	return trusting
}

type plans struct {
	common plan
	byName map[string]plan
}

func (p plans) of(c directory.Client) plan {
	if own, ok := p.byName[strings.ToLower(c.Name)]; ok {
		return own
	}
	return p.common
}

// Check reports what is wrong with the settings, reading the files they name.
func (s Settings) Check() error {
	_, err := s.plans(nil)
	return err
}

func (s Settings) plans(d Directory) (plans, error) {
	all := plans{byName: map[string]plan{}}
	var err error
	if all.common, err = s.plan(d); err != nil {
		return all, fmt.Errorf("radius: %w", err)
	}
	for name, own := range maps.All(s.Clients) {
		folded := strings.ToLower(name)
		if _, twice := all.byName[folded]; twice {
			return all, fmt.Errorf("radius: clients: %s stands twice", name)
		}
		p, err := own.over(s.ClientSettings).plan(d)
		if err != nil {
			return all, fmt.Errorf("radius: clients: %s: %w", name, err)
		}
		p.ownList = own.IPWhitelist != nil
		all.byName[folded] = p
	}
	return all, nil
}

// over fills in what a client does not set.
func (c ClientSettings) over(common ClientSettings) ClientSettings {
	if c.Primary == nil {
		c.Primary = common.Primary
	}
	if c.LDAP == nil {
		c.LDAP = common.LDAP
	}
	if c.Upstream == nil {
		c.Upstream = common.Upstream
	}
	if c.RequireUserMatch == nil {
		c.RequireUserMatch = common.RequireUserMatch
	}
	if c.IPWhitelist == nil {
		c.IPWhitelist = common.IPWhitelist
	}
	if c.PushSeconds == nil {
		c.PushSeconds = common.PushSeconds
	}
	return c
}

func (c ClientSettings) plan(d Directory) (plan, error) {
	p := plan{requireUserMatch: c.RequireUserMatch == nil || *c.RequireUserMatch, ttl: challenge.DefaultTTL}
	var err error
	if p.primary, err = c.primary(d); err != nil {
		return p, err
	}
	if c.IPWhitelist != nil {
		if p.whitelist, err = parseWhitelist(*c.IPWhitelist); err != nil {
			return p, err
		}
	}
	if p.trusting() && (!p.requireUserMatch || len(p.whitelist) > 0) {
		return p, errors.New("primary: none goes with neither require_user_match: false nor ip_whitelist, or a name alone would let its bearer in")
	}
	if c.PushSeconds != nil {
		p.ttl = time.Duration(*c.PushSeconds) * time.Second
		if p.ttl < 10*time.Second || p.ttl > message.Lifetime {
			return p, fmt.Errorf("push_seconds is a number from 10 to %d", message.Lifetime/time.Second)
		}
	}
	return p, nil
}

func (c ClientSettings) primary(d Directory) (primary, error) {
	kind := "local"
	if c.Primary != nil {
		kind = *c.Primary
	}
	switch kind {
	case "local":
		return local{directory: d}, nil
	case "ldap":
		if c.LDAP == nil {
			return nil, errors.New("primary: ldap needs the member ldap")
		}
		return newLDAP(*c.LDAP)
	case "radius":
		if c.Upstream == nil {
			return nil, errors.New("primary: radius needs the member upstream")
		}
		return newUpstream(*c.Upstream)
	case "none":
		return none{}, nil
	default:
		return nil, fmt.Errorf("primary is local, ldap, radius or none, not %q", kind)
	}
}

func parseWhitelist(list string) ([]netip.Addr, error) {
	var all []netip.Addr
	for one := range strings.SplitSeq(list, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		address, err := netip.ParseAddr(one)
		if err != nil || address.Zone() != "" {
			return nil, fmt.Errorf("ip_whitelist: %q is no address; addresses have semicolons between, and ranges are not taken", one)
		}
		all = append(all, address.Unmap())
	}
	return all, nil
}

// readSecret reads a file of one line.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", errors.New("the name of a file is missing")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s does not hold one line of text", path)
	}
	return secret, nil
}

func readCertificates(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no PEM certificate", path)
	}
	return pool, nil
}
