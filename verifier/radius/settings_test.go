package radius

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"countersign/verifier/directory"
)

func TestSettingsSayWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"short": "short\n", "long": strings.Repeat("s", 16) + "\n", "lines": "one\ntwo\n", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ yaml, want string }{
		{`{}`, ""},
		{`{primary: none}`, ""},
		{`{primary: magic}`, `primary is local, ldap, radius or none, not "magic"`},
		{`{primary: ldap}`, "needs the member ldap"},
		{`{primary: radius}`, "needs the member upstream"},
		{`{primary: none, require_user_match: false}`, "a name alone would let its bearer in"},
		{`{primary: none, ip_whitelist: 192.0.2.1}`, "a name alone would let its bearer in"},
		{`{ip_whitelist: "192.0.2.1; 2001:db8::1;"}`, ""},
		{`{ip_whitelist: 192.0.2.0/24}`, "ranges are not taken"},
		{`{push_seconds: 5}`, "push_seconds is a number from 10 to 120"},
		{`{push_seconds: 121}`, "push_seconds is a number from 10 to 120"},
		{`{push_seconds: 90}`, ""},
		{`{primary: ldap, ldap: {url: "ldap://ldap.example", base_dn: dc=x}}`, "passwords do not travel in the open"},
		{`{primary: ldap, ldap: {url: "http://ldap.example", base_dn: dc=x}}`, "is not a URL such as ldaps://"},
		{`{primary: ldap, ldap: {url: "ldaps://ldap.example"}}`, "ldap.base_dn is missing"},
		{`{primary: ldap, ldap: {url: "ldaps://ldap.example", base_dn: dc=x, filter: (uid=*)}}`, "with {user} in it"},
		{`{primary: ldap, ldap: {url: "ldaps://ldap.example", base_dn: dc=x, filter: "(uid={user}"}}`, "with {user} in it"},
		{`{primary: ldap, ldap: {url: "ldaps://ldap.example", base_dn: dc=x, bind_dn: cn=x}}`, "ldap.bind_password_file: the name of a file is missing"},
		{`{primary: ldap, ldap: {url: "ldaps://ldap.example", base_dn: dc=x, ca_file: DIR/long}}`, "holds no PEM certificate"},
		{`{primary: ldap, ldap: {url: "ldap://ldap.example", start_tls: true, base_dn: dc=x}}`, ""},
		{`{primary: radius, upstream: {address: "192.0.2.1", secret_file: DIR/long}}`, "is not an address such as"},
		{`{primary: radius, upstream: {address: "192.0.2.1:1812", secret_file: DIR/short}}`, "16 characters or more"},
		{`{primary: radius, upstream: {address: "192.0.2.1:1812", secret_file: DIR/lines}}`, "does not hold one line"},
		{`{primary: radius, upstream: {address: "192.0.2.1:1812", secret_file: DIR/empty}}`, "does not hold one line"},
		{`{primary: radius, upstream: {address: "192.0.2.1:1812", secret_file: DIR/gone}}`, "no such file"},
		{`{primary: radius, upstream: {address: "192.0.2.1:1812", secret_file: DIR/long, timeout_seconds: 31}}`, "from 1 to 30"},
		{`{primary: radius, upstream: {address: "192.0.2.1:1812", secret_file: DIR/long}}`, ""},
		{`{clients: {VPN: {primary: magic}}}`, "clients: VPN: primary is"},
		{`{clients: {VPN: {}, vpn: {}}}`, "stands twice"},
		{`{primry: local}`, "unknown field"},
	} {
		t.Run(tt.yaml, func(t *testing.T) {
			var s Settings
			err := yaml.UnmarshalWithOptions([]byte(strings.ReplaceAll(tt.yaml, "DIR", dir)), &s, yaml.Strict())
			if err == nil {
				err = s.Check()
			}
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestClientsOwnSettingsStandOverTheCommonOnes(t *testing.T) {
	var s Settings
	err := yaml.UnmarshalWithOptions([]byte(`{push_seconds: 90, require_user_match: false, clients: {VPN: {require_user_match: true}}}`), &s, yaml.Strict())
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.plans(nil)
	if err != nil {
		t.Fatal(err)
	}
	vpn, other := all.of(directory.Client{Name: "vpn"}), all.of(directory.Client{Name: "wifi"})
	if !vpn.requireUserMatch || other.requireUserMatch || vpn.ttl != other.ttl || vpn.ttl.Seconds() != 90 {
		t.Fatalf("vpn %+v, other %+v", vpn, other)
	}
}
