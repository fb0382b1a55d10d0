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
	fip := c.network.forwardings[0].fip
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
		{"router show router", "10.40.0.1"},
		{"port list --device-owner network:router_interface", "10.40.0.1"},
		{"server add security group web ssh-none", ""},
		{"server show web -c security_groups", "ssh-none"},
		{"server remove security group web ssh-none", ""},
		{"floating ip port forwarding list FORWARDED", "10.20.0.18"},
		{"server create --image debian-12 --flavor tiny --network private --key-name ed25519 --property demo_task=1s --wait built", "ACTIVE"},
		{"server reboot --hard --wait built", "Complete"},
		{"server pause built", ""},
		{"server unpause built", ""},
		{"server shelve built", ""},
		{"server unshelve --wait built", ""},
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
			words := strings.Fields(strings.ReplaceAll(test.command, "FORWARDED", fip))
			cmd := exec.Command("/usr/bin/openstack", words...)
			cmd.Env = append(c.Env(), "PATH=/usr/bin:/bin", "OS_CLOUD="+cloud)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), test.want) {
				t.Errorf("%s: %s: %v\n%s", cloud, test.command, err, out)
			}
		}
	}
}
