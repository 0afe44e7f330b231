//go:build radius

package radius

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"countersign/message"
	"countersign/verifier/verifiertest"
)

// slapd starts a real LDAP server with a few people, and gives the settings to
// ask it: over ldaps, and by StartTLS.
func (r *rig) slapd() (overTLS, startTLS *LDAP) {
	r.Helper()
	dir, files, port := r.TempDir(), r.certificates(), r.freePort("tcp")
	r.write(filepath.Join(dir, "slapd.conf"), `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile `+files.ca+`
TLSCertificateFile `+files.server+`
TLSCertificateKeyFile `+files.key+`
security tls=1
pidfile `+dir+`/pid
database mdb
maxsize 10485760
suffix "dc=contoso,dc=example"
rootdn "cn=search,dc=contoso,dc=example"
rootpw searching
directory `+dir+`
`)
	r.write(filepath.Join(dir, "people.ldif"), `dn: dc=contoso,dc=example
objectClass: dcObject
objectClass: organization
dc: contoso
o: Contoso

dn: uid=zoe,dc=contoso,dc=example
objectClass: inetOrgPerson
uid: zoe
cn: Zoe
sn: Zoe
mail: zoe@contoso.example
userPassword: `+password+`

dn: uid=twin,dc=contoso,dc=example
objectClass: inetOrgPerson
uid: twin
cn: Twin
sn: Twin
userPassword: `+password+`

dn: cn=other,dc=contoso,dc=example
objectClass: inetOrgPerson
uid: twin
cn: other
sn: Twin
userPassword: another password
`)
	if out := r.run("", "slapadd", "-f", filepath.Join(dir, "slapd.conf"), "-l", filepath.Join(dir, "people.ldif")); out != "" {
		r.Log(out)
	}
	url, plain := "ldaps://127.0.0.1:"+port, "ldap://127.0.0.1:"+r.freePort("tcp")
	r.background(exec.Command("slapd", "-f", filepath.Join(dir, "slapd.conf"), "-h", url+" "+plain, "-d", "256"), "slapd starting")
	secret := filepath.Join(dir, "bind")
	r.write(secret, "searching\n")
	overTLS = &LDAP{
		URL: url, CAFile: files.ca, BindDN: "cn=search,dc=contoso,dc=example", BindPasswordFile: secret, BaseDN: "dc=contoso,dc=example",
	}
	upgraded := *overTLS
	upgraded.URL, upgraded.StartTLS = plain, true
	return overTLS, &upgraded
}

func TestLDAPChecksTheFirstFactor(t *testing.T) {
	r := newRig(t, Settings{}, clientAt("127.0.0.2"), clientAt("127.0.0.3"), clientAt("127.0.0.4"), clientAt("127.0.0.5"))
	phone := r.Enrolled(r.User("zoe"))
	r.Enrolled(r.User("twin"))
	kind, no := "ldap", false
	server, upgraded := r.slapd()
	byMail := *server
	byMail.Filter = "(mail={user})"
	untrusted := *server
	untrusted.CAFile = r.certificates().ca
	r.serve(Settings{
		ClientSettings: ClientSettings{Primary: &kind, LDAP: server, RequireUserMatch: &no},
		Clients: map[string]ClientSettings{
			"client at 127.0.0.3": {LDAP: &byMail}, "client at 127.0.0.4": {LDAP: &untrusted}, "client at 127.0.0.5": {LDAP: upgraded},
		},
	})
	c := r.from("127.0.0.2")
	for name, p := range map[string]*radius.Packet{
		"a wrong password":                ask("zoe", "wrong password"),
		"an empty password":               ask("zoe", ""),
		"a name that nobody has":          ask("nobody", password),
		"a name that two have":            ask("twin", password),
		"any name":                        ask("*", password),
		"a filter in the name":            ask("zoe)(|(uid=*", password),
		"a filter that is true in a name": ask("*)(uid=zoe", password),
		"CHAP":                            mschap("zoe", password),
	} {
		t.Run("not "+name, func(t *testing.T) { wantCode(t, c.exchange(p), radius.CodeAccessReject) })
	}
	t.Run("not by a server that no known authority vouches for", func(t *testing.T) {
		wantCode(t, r.from("127.0.0.4").exchange(ask("zoe", password)), radius.CodeAccessReject)
	})
	if _, asked := verifiertest.Last[message.Challenge](phone); asked {
		t.Fatal("the phone was asked")
	}
	signIn := func(c *caller, name string) {
		t.Helper()
		r.Clock.Move(10 * time.Minute) // past the limits on starts
		reply := c.exchange(ask(name, password))
		r.approve(phone, shownNumber(t, reply))
		wantCode(t, c.exchange(pressEnter(name, string(reply.Get(rfc2865.State_Type)))), radius.CodeAccessAccept)
	}
	t.Run("the right one", func(*testing.T) { signIn(c, "zoe") })
	t.Run("the right one, by StartTLS", func(*testing.T) { signIn(r.from("127.0.0.5"), "zoe") })
	// LDAP overlooks the space, and users without a match need no second factor
	// here: the name that counts is the entry's.
	t.Run("a name that LDAP reads loosely is the same person", func(*testing.T) { signIn(c, "zoe ") })
	t.Run("a mail address is the same person", func(*testing.T) { signIn(r.from("127.0.0.3"), "zoe@contoso.example") })
}
