//go:build radius

package radius

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// openvpn starts a real OpenVPN server that asks PAM, and gives its port.
func (r *rig) openvpn(files certificates) string {
	r.Helper()
	dir, port := r.TempDir(), r.freePort("tcp")
	config := filepath.Join(dir, "server.conf")
	r.write(config, r.documented("radius-openvpn.md", "/etc/openvpn/server/server.conf")+strings.Join([]string{
		"local 127.0.0.1", "port " + port, "proto tcp-server", "dev tun", "ifconfig-noexec", "route-noexec", "server 192.168.78.0 255.255.255.0",
		"topology subnet", "ca " + files.ca, "cert " + files.server, "key " + files.key, "dh none", "verify-client-cert none", "verb 3",
	}, "\n")+"\n")
	cmd := exec.Command("openvpn", "--config", config)
	cmd.Env = r.pam("radius-openvpn.md", "openvpn")
	r.background(cmd, "Initialization Sequence Completed")
	return port
}

func TestOpenVPNTakesACodeAfterThePassword(t *testing.T) {
	r := newRig(t, Settings{}, local127(noPrompt))
	r.person("zoe", true)
	files := r.certificates()
	port := r.openvpn(files)
	connect := func(password string, pattern string) {
		t.Helper()
		login := filepath.Join(r.TempDir(), "login")
		r.write(login, "zoe\n"+password+"\n")
		client := r.converse(t.Context(), nil, "openvpn", "--client", "--dev", "null", "--proto", "tcp-client", "--remote", "127.0.0.1", port,
			"--nobind", "--ca", files.ca, "--auth-user-pass", login, "--auth-retry", "none", "--connect-retry-max", "1",
			"--ifconfig-noexec", "--route-noexec", "--verb", "3")
		client.await(regexp.MustCompile(pattern))
		_ = client.cmd.Process.Kill()
		_, _ = client.end()
	}
	connect(password+",000000", "AUTH_FAILED")
	connect(password, "AUTH_FAILED")
	connect(password+","+r.code(), "Initialization Sequence Completed")
}
