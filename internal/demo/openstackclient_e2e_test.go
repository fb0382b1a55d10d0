//go:build e2e

package demo

import (
	"os/exec"
	"strings"
	"testing"
)

// TestOpenStackClient holds the demo to what python-openstackclient expects of a cloud.
func TestOpenStackClient(t *testing.T) {
	c := start(t, Options{})
	for _, test := range []struct{ command, want string }{
		{"server list", "volboot"},
		{"server list --name ^web$ -f value -c Name", "web"},
		{"server show web", "osssh_port="},
		{"server show volboot -c image", "booted from volume"},
		{"port list --server web", "10.20.0.10"},
		{"floating ip list", "127.0.0.1"},
		{"security group list", "ssh-wrong-cidr"},
		{"security group show ssh-wrong-cidr", "192.0.2.0/24"},
		{"security group rule list ssh-open", "0.0.0.0/0"},
		{"security group rule create ssh-none --protocol tcp --dst-port 22 --remote-ip 127.0.0.1/32", "remote_ip_prefix"},
		{"console log show web", "web login:"},
		{"keypair list", "ed25519"},
		{"keypair show rsa", "fingerprint"},
		{"image list", "cirros"},
		{"image show cirros", "os_admin_user='cirros'"},
		{"network list", "isolated"},
		{"subnet list", "10.30.0.0/24"},
		{"router show router", "external_gateway_info"},
		{"volume list", "in-use"},
		{"server stop web", ""},
		{"server event list web -f value -c Action", "stop"},
		{"server start web", ""},
		{"server set --property osssh_user=x web", ""},
		{"server delete island", ""},
	} {
		for _, cloud := range []string{"demo", "demo-appcred"} {
			if cloud == "demo-appcred" && !strings.HasSuffix(test.command, "list") {
				continue
			}
			cmd := exec.Command("/usr/bin/openstack", strings.Fields(test.command)...)
			cmd.Env = append(c.Env(), "PATH=/usr/bin:/bin", "OS_CLOUD="+cloud)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), test.want) {
				t.Errorf("%s: %s: %v\n%s", cloud, test.command, err, out)
			}
		}
	}
}
