package demo

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// hangs says whether a connection is neither made nor refused.
func hangs(t *testing.T, i *Instance) bool {
	t.Helper()
	conn, err := net.DialTimeout("tcp", i.Address().String(), 100*time.Millisecond)
	if err == nil {
		_ = conn.Close()
	}
	return isTimeout(err)
}

func TestBlockedInstancesDropPackets(t *testing.T) {
	c := start(t, Options{})
	for _, name := range []string{"blocked", "wrongcidr", "nofip", "inner", "island"} {
		for range 2 { // each try must hang, not only the first
			if !hangs(t, c.Instance(name)) {
				t.Errorf("%s answers", name)
			}
		}
	}
	a := signIn(t, c)
	blocked := c.Instance("blocked")
	group := a.list("/networking/v2.0/security-groups?name=ssh-none", "security_groups", "id")[0]
	port := blocked.Address().Port()
	body := fmt.Sprintf(`{"security_group_rule":{"security_group_id":%q,"direction":"ingress","protocol":"tcp","port_range_min":%d,"port_range_max":%d,"remote_ip_prefix":"PREFIX"}}`,
		group, port, port)
	a.must("POST", "/networking/v2.0/security-group-rules", strings.Replace(body, "PREFIX", "192.0.2.0/24", 1))
	if !hangs(t, blocked) {
		t.Error("a rule for others lets this machine in")
	}
	made := a.must("POST", "/networking/v2.0/security-group-rules", strings.Replace(body, "PREFIX", "127.0.0.1/32", 1))
	if !answers(t, blocked) {
		t.Error("a rule for this machine does not let it in")
	}
	a.must("DELETE", "/networking/v2.0/security-group-rules/"+text(made["security_group_rule"].(object)["id"]), "")
	if !hangs(t, blocked) {
		t.Error("without the rule it still answers")
	}
	mode := SSHBacklog
	inject(t, c, Fault{Instance: "web", SSH: &mode})
	if !hangs(t, c.Instance("web")) {
		t.Error("backlog: web answers")
	}
	a.must("POST", "/compute/v2.1/servers/"+c.Instance("direct").ID()+"/action", `{"os-stop":null}`)
	if !hangs(t, c.Instance("direct")) {
		t.Error("a stopped server answers")
	}
}
