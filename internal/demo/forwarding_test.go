package demo

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const fips = "/networking/v2.0/floatingips"

// greets says whether SSH answers at a port of this machine.
func greets(port int) bool { return greetsWithin(port, time.Second) }

func greetsWithin(port int, patience time.Duration) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", itoa(port)), patience)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience)) // where nothing drops SYNs, a shut door is silent
	banner := make([]byte, 4)
	n, _ := conn.Read(banner)
	return string(banner[:n]) == "SSH-"
}

// portOf gives the id and the IPv4 address of an instance's first port.
func (a *client) portOf(name string) (id, address string) {
	a.t.Helper()
	port := a.get("/networking/v2.0/ports?device_id=" + a.cloud.Instance(name).ID())["ports"].([]any)[0].(object)
	for _, ip := range port["fixed_ips"].([]any) {
		if v := text(ip.(object)["ip_address"]); !strings.Contains(v, ":") {
			address = v
		}
	}
	return text(port["id"]), address
}

// setGroup makes the only group of a port one that admits anyone to dport.
func (a *client) setGroup(port string, dport int) {
	a.t.Helper()
	group := text(a.must("POST", "/networking/v2.0/security-groups", `{"security_group":{"name":"mine"}}`)["security_group"].(object)["id"])
	a.must("POST", "/networking/v2.0/security-group-rules", fmt.Sprintf(`{"security_group_rule":{"security_group_id":%q,`+
		`"direction":"ingress","protocol":"tcp","port_range_min":%[2]d,"port_range_max":%[2]d}}`, group, dport))
	a.must("PUT", "/networking/v2.0/ports/"+port, `{"port":{"security_groups":["`+group+`"]}}`)
}

func TestForwardedInstance(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	i := c.Instance("forwarded")
	port, address := a.portOf("forwarded")
	all := a.get(fips + "?router_id=" + a.list("/networking/v2.0/routers", "routers", "id")[0])["floatingips"].([]any)
	at := slices.IndexFunc(all, func(f any) bool { return len(f.(object)["port_forwardings"].([]any)) > 0 })
	fip := all[at].(object)
	if fip["port_id"] != nil || fip["fixed_ip_address"] != nil || fip["status"] != "ACTIVE" || fip["port_details"] != nil {
		t.Errorf("floating IP %v", fip)
	}
	shown := fip["port_forwardings"].([]any)[0].(object)
	internal, external := int(i.Address().Port()), int(shown["external_port"].(float64))
	if len(shown) != 6 || shown["internal_port"] != float64(internal) || shown["internal_port_id"] != port ||
		shown["internal_ip_address"] != address || shown["protocol"] != "tcp" || external == internal {
		t.Errorf("embedded %v", shown)
	}
	if !greets(external) || greets(internal) {
		t.Errorf("external port answers: %v, internal one: %v", greets(external), greets(internal))
	}
	a.setGroup(port, external)
	if greets(external) {
		t.Error("a rule for the external port lets one in")
	}
	a.must("DELETE", "/networking/v2.0/security-groups/"+a.freeGroup(port), "")
	a.setGroup(port, internal)
	if !greets(external) {
		t.Error("a rule for the internal port does not let one in")
	}
	inject(t, c, Fault{Service: "neutron", Without: "floating-ip-port-forwarding-detail"})
	shown = a.get(fips + "/" + text(fip["id"]))["floatingip"].(object)["port_forwardings"].([]any)[0].(object)
	if _, has := shown["id"]; len(shown) != 4 || has {
		t.Errorf("without the detail extension: %v", shown)
	}
	inject(t, c, Fault{Service: "neutron", Without: "expose-port-forwarding-in-fip"})
	if _, has := a.get(fips + "/" + text(fip["id"]))["floatingip"].(object)["port_forwardings"]; has {
		t.Error("forwardings are shown without the extension")
	}
	a.must("DELETE", "/compute/v2.1/servers/"+i.ID(), "")
	if list := a.list(fips+"/"+text(fip["id"])+"/port_forwardings", "port_forwardings", "id"); len(list) != 0 {
		t.Errorf("a deleted server's forwardings: %v", list)
	}
}

// freeGroup takes all groups from a port and gives the id of the first.
func (a *client) freeGroup(port string) string {
	a.t.Helper()
	group := a.get("/networking/v2.0/ports/" + port)["port"].(object)["security_groups"].([]any)[0]
	a.must("PUT", "/networking/v2.0/ports/"+port, `{"port":{"security_groups":[]}}`)
	return text(group)
}

// freePort is one that nothing on this machine uses.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestPortForwardings(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	public := a.list("/networking/v2.0/networks?name=public", "networks", "id")[0]
	fip := text(a.must("POST", fips, `{"floatingip":{"floating_network_id":"`+public+`"}}`)["floatingip"].(object)["id"])
	bound := a.list(fips+"?port_id="+a.list("/networking/v2.0/ports?device_id="+c.Instance("web").ID(), "ports", "id")[0], "floatingips", "id")[0]
	port, address := a.portOf("nofip")
	web, _ := a.portOf("web")
	island, islands := a.portOf("island")
	internal, external := int(c.Instance("nofip").Address().Port()), freePort(t)
	body := func(port, address string, internal, external int, more string) string {
		return fmt.Sprintf(`{"port_forwarding":{"protocol":"tcp","internal_port_id":%q,"internal_ip_address":%q,"internal_port":%d,"external_port":%d%s}}`,
			port, address, internal, external, more)
	}
	path := fips + "/" + fip + "/port_forwardings"
	made := a.must("POST", path, body(port, address, internal, external, ""))["port_forwarding"].(object)
	one := path + "/" + text(made["id"])
	if made["internal_port_range"] != fmt.Sprintf("%d:%d", internal, internal) || made["external_port"] != float64(external) || len(made) != 9 {
		t.Errorf("made %v", made)
	}
	if !greets(external) {
		t.Error("nofip does not answer at the external port")
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", path, body(port, address, internal, external+1, ""), 400, "collision with the internal_port_range"},
		{"POST", path, body(port, address, internal+1, external, ""), 400, "collision with the external_port_range"},
		{"POST", path, body(web, "10.20.0.10", internal, 1, ""), 409, "PortHasBindingFloatingIP"},
		{"POST", fips + "/" + bound + "/port_forwardings", body(port, address, 99, 98, ""), 409, "FloatingIPPortAlreadyAssociated"},
		{"POST", path, body(port, "10.20.0.99", 99, 98, ""), 400, "is not suitable for internal neutron port"},
		{"POST", path, body(island, islands, 99, 98, ""), 404, "ExternalGatewayForFloatingIPNotFound"},
		{"POST", path, body("x", address, 99, 98, ""), 404, "PortNotFound"},
		{"POST", path, body(port, address, 70000, 98, ""), 400, "internal_port"},
		{"POST", path, body(port, address, 99, 98, `,"external_port_range":"5:4"`), 400, "external_port_range"},
		{"POST", path, `{"port_forwarding":{"protocol":"tcp"}}`, 400, "Required attribute 'internal_port_id' not specified"},
		{"POST", path, `{"port_forwarding":{"protocol":"tcp","internal_port_id":"x","internal_ip_address":7}}`, 400, "internal_ip_address"},
		{"POST", path, `[`, 400, "Unable to find"},
		{"POST", fips + "/x/port_forwardings", "", 404, "FloatingIPNotFound"},
		{"GET", path + "/x", "", 404, "Port Forwarding x could not be found."},
		{"GET", fips + "/" + bound + "/port_forwardings/" + text(made["id"]), "", 404, "PortForwardingNotFound"},
		{"GET", path + "?protocol=udp", "", 200, `{"port_forwardings":[]}`},
		{"GET", path + "?external_port=" + itoa(external) + "&fields=id", "", 200, `{"port_forwardings":[{"id":`},
		{"GET", one, "", 200, `"internal_ip_address":"` + address + `"`},
		{"PUT", one, `{"port_forwarding":{"description":"x","external_port":0}}`, 400, "external_port"},
		{"PUT", one, `{"port_forwarding":{"internal_ip_address":"10.20.0.99"}}`, 400, "not suitable"},
		{"PUT", one, `{"port_forwarding":{"description":"x"}}`, 200, `"description":"x"`},
		{"DELETE", fips + "/" + fip, "", 409, "FipInUseByPortForwarding"},
		{"PUT", fips + "/" + fip, `{"floatingip":{"port_id":"` + port + `"}}`, 409, "FipInUseByPortForwarding"},
		{"POST", fips, `{"floatingip":{"floating_network_id":"` + public + `","port_id":"` + port + `"}}`, 400, "PortHasPortForwarding"},
	} {
		if status, _, body := a.do(test.method, test.path, test.body); status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, status, body)
		}
	}
	moved := freePort(t)
	a.must("PUT", one, `{"port_forwarding":{"external_port":`+itoa(moved)+`}}`)
	if greets(external) || !greets(moved) {
		t.Error("the forwarding did not move")
	}
	ranged := a.must("POST", path, fmt.Sprintf(`{"port_forwarding":{"protocol":"tcp","internal_port_id":%q,"internal_ip_address":%q,`+
		`"internal_port_range":"30:31","external_port_range":"3030:3031"}}`, port, address))["port_forwarding"].(object)
	if _, has := ranged["external_port"]; has || ranged["external_port_range"] != "3030:3031" {
		t.Errorf("a range shows as %v", ranged)
	}
	a.must("DELETE", path+"/"+text(ranged["id"]), "")
	a.must("DELETE", one, "")
	if o := a.get(fips + "/" + fip)["floatingip"].(object); o["router_id"] != nil || o["status"] != "DOWN" || greets(moved) {
		t.Errorf("after the last forwarding: %v", o)
	}
	a.must("DELETE", fips+"/"+fip, "")
	inject(t, c, Fault{Service: "neutron", Without: "floating-ip-port-forwarding"})
	if status, _, _ := a.do("GET", fips+"/"+bound+"/port_forwardings", ""); status != 404 {
		t.Errorf("without the extension: %d", status)
	}
	inject(t, c, Fault{Service: "neutron", Without: "security-group"})
	if status, _, _ := a.do("GET", "/networking/v2.0/security-groups", ""); status != 404 {
		t.Errorf("security groups without the extension: %d", status)
	}
}
