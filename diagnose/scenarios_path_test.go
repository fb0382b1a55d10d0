package diagnose

import (
	"encoding/json"
	"net/http"

	"osssh/internal/demo"
)

// direct wants no jump host: a login goes through one where that helps.
func direct(breaks func(*stage)) func(*stage) {
	return func(s *stage) {
		s.request.NoJump = true
		breaks(s)
	}
}

func pathScenarios() []scenario {
	set := func(record, field string, value any) func(*stage) {
		return func(s *stage) { s.record(record, map[string]any{field: value}) }
	}
	return []scenario{
		{cause: "P1", name: "behind a floating IP", breaks: set("routers/router", "external_gateway_info", nil), mends: runFix},
		{cause: "P1", name: "behind a port forwarding", breaks: func(s *stage) {
			s.request.Name = "forwarded"
			s.record("routers/router", map[string]any{"external_gateway_info": nil})
		}, mends: runFix},
		{cause: "P2", name: "a floating IP without a router", breaks: direct(set("floatingips/web", "router_id", nil))},
		{cause: "P2", name: "the interface was taken away", breaks: func(s *stage) {
			for _, port := range s.rows("ports", "device_owner=network:router_interface&network_id="+s.idOf("networks", "name=private")) {
				s.record("ports/"+port["id"].(string), map[string]any{"fixed_ips": []any{}, "network_id": ""})
			}
		}},
		{cause: "P3", name: "switched off", breaks: set("routers/router", "admin_state_up", false), mends: runFix},
		{cause: "P3", name: "in error", breaks: set("routers/router", "status", "ERROR")},
		{cause: "P4", name: "down", breaks: direct(set("floatingips/web", "status", "DOWN"))},
		{cause: "P4", name: "in error", breaks: direct(set("floatingips/web", "status", "ERROR"))},
		{cause: "P5", name: "all behind the router are silent", breaks: func(s *stage) {
			for _, name := range []string{"web", "bastion", "volboot", "forwarded"} {
				s.silence(name)
			}
		}},
		{cause: "P5", name: "all behind the router, and one behind another answers", breaks: func(s *stage) {
			s.secondRouter()
			for _, name := range []string{"web", "bastion", "volboot", "forwarded"} {
				s.silence(name)
			}
		}},
		{cause: "P6", name: "switched off", breaks: set("ports/web", "admin_state_up", false), mends: runFix},
		{cause: "P7", name: "down", breaks: set("ports/web", "status", "DOWN")},
		{cause: "P7", name: "still being plugged in", breaks: set("ports/web", "status", "BUILD")},
		{cause: "P7", name: "not bound", breaks: func(s *stage) {
			s.record("ports/web", map[string]any{"binding:vif_type": "binding_failed", "status": "DOWN"})
		}},
		{cause: "P8", name: "switched off", breaks: set("networks/private", "admin_state_up", false), mends: runFix},
		{cause: "P9", name: "behind a floating IP", breaks: set("subnets/private-v4", "gateway_ip", nil)},
		{cause: "P10", name: "and no address on the console", breaks: func(s *stage) {
			s.silence("web")
			s.record("subnets/private-v4", map[string]any{"enable_dhcp": false})
			s.console("web", noLease)
		}},
		{cause: "P11", name: "the floating IP on the second interface", breaks: func(s *stage) { s.asymmetric() }},
		{cause: "P13", name: "set by hand", breaks: func(s *stage) {
			s.silence("web")
			s.console("web", handSet)
		}},
		{cause: "P12", name: "large segments are lost", breaks: func(s *stage) { s.instance("web", demo.SSHBlackHole) }},
		{cause: "P15", name: "silence behind both routers", breaks: func(s *stage) {
			s.secondRouter()
			for _, name := range []string{"web", "bastion", "volboot", "forwarded", "beside"} {
				s.silence(name)
			}
		}},
		{cause: "P14", name: "on the port, without a policy", breaks: func(s *stage) {
			s.silence("web")
			s.firewall(map[string]any{"ports": []any{s.idOf("ports", "device_id="+s.Instance("web").ID())}})
		}},
		{cause: "P14", name: "on the router's port", breaks: func(s *stage) {
			s.silence("web")
			s.firewall(map[string]any{"ports": []any{s.idOf("ports", "device_owner=network:router_interface&network_id="+s.idOf("networks", "name=private"))}})
		}},
	}
}

// noLease is a console of a guest that waited in vain for DHCP.
const noLease = "[    0.000000] Linux version 6.1.0-37-cloud-amd64\r\n" +
	"[    3.141592] cloud-init[301]: Cloud-init v. 22.4.2 running 'init-local' at Mon, 01 Jan 2024 00:00:00 +0000. Up 3.14 seconds.\r\n" +
	"No DHCPOFFERS received.\r\nNo working leases in persistent database - sleeping.\r\n" +
	"ci-info: ++++++++++++++++++++++++Net device info+++++++++++++++++++++++\r\n" +
	"ci-info: +--------+-------+-----------+-----------+-------+-------------------+\r\n" +
	"ci-info: | Device |   Up  |  Address  |    Mask   | Scope |     Hw-Address    |\r\n" +
	"ci-info: +--------+-------+-----------+-----------+-------+-------------------+\r\n" +
	"ci-info: |  eth0  | False |     .     |     .     |   .   | fa:16:3e:00:00:01 |\r\n" +
	"ci-info: |   lo   |  True | 127.0.0.1 | 255.0.0.0 |  host |         .         |\r\n" +
	"ci-info: +--------+-------+-----------+-----------+-------+-------------------+\r\n" +
	"\r\nDebian GNU/Linux 12 web ttyS0\r\n\r\nweb login: "

// handSet is a console of a guest whose address was set by hand.
const handSet = "[    0.000000] Linux version 6.1.0-37-cloud-amd64\r\n" +
	"[    3.141592] cloud-init[301]: Cloud-init v. 22.4.2 running 'init-local' at Mon, 01 Jan 2024 00:00:00 +0000. Up 3.14 seconds.\r\n" +
	"ci-info: ++++++++++++++++++++++++Net device info+++++++++++++++++++++++++++\r\n" +
	"ci-info: +--------+------+--------------+---------------+-------+-------------------+\r\n" +
	"ci-info: | Device |  Up  |   Address    |      Mask     | Scope |     Hw-Address    |\r\n" +
	"ci-info: +--------+------+--------------+---------------+-------+-------------------+\r\n" +
	"ci-info: |  eth0  | True | 192.168.1.50 | 255.255.255.0 | global | fa:16:3e:00:00:01 |\r\n" +
	"ci-info: |   lo   | True |  127.0.0.1   |   255.0.0.0   |  host |         .         |\r\n" +
	"ci-info: +--------+------+--------------+---------------+-------+-------------------+\r\n" +
	"\r\nDebian GNU/Linux 12 web ttyS0\r\n\r\nweb login: "

// firewall lets neutron have one firewall group, which drops everything.
func (s *stage) firewall(group map[string]any) {
	s.t.Helper()
	group["id"], group["name"], group["admin_state_up"], group["status"] = "11111111-2222-3333-4444-555555555555", "perimeter", true, "ACTIVE"
	body, err := json.Marshal(map[string]any{"firewall_groups": []any{group}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.inject(demo.Fault{Service: "neutron", Path: "/v2.0/fwaas/firewall_groups", Status: http.StatusOK, Body: string(body)})
}

// asymmetric gives web a second interface, and its floating IP to that.
func (s *stage) asymmetric() {
	s.silence("web")
	network := s.idOf("networks", "name=neighbour")
	s.record("ports/", map[string]any{"name": "second", "network_id": network, "device_id": s.Instance("web").ID(), "device_owner": "compute:nova",
		"mac_address": "fa:16:3e:00:00:02", "security_groups": []any{s.idOf("security-groups", "name=ssh-open")},
		"fixed_ips": []any{map[string]any{"subnet_id": s.idOf("subnets", "name=neighbour-v4"), "ip_address": "10.40.0.99"}}})
	s.record("floatingips/web", map[string]any{"port_id": s.idOf("ports", "name=second"), "fixed_ip_address": "10.40.0.99"})
}

// secondRouter puts another router before the network of beside, and a floating
// IP on that server.
func (s *stage) secondRouter() {
	network, subnet, public := s.idOf("networks", "name=neighbour"), s.idOf("subnets", "name=neighbour-v4"), s.idOf("networks", "name=public")
	s.record("routers/", map[string]any{"name": "second", "external_gateway_info": map[string]any{"network_id": public}})
	router := s.idOf("routers", "name=second")
	old := s.idOf("ports", "device_owner=network:router_interface&network_id="+network)
	s.record("ports/"+old, map[string]any{"fixed_ips": []any{}, "network_id": ""})
	s.record("ports/", map[string]any{"device_id": router, "device_owner": "network:router_interface", "network_id": network,
		"fixed_ips": []any{map[string]any{"subnet_id": subnet, "ip_address": "10.40.0.1"}}})
	port := s.rows("ports", "device_id="+s.Instance("beside").ID())[0]
	s.record("floatingips/", map[string]any{"floating_ip_address": loopbackAddress.String(), "floating_network_id": public, "router_id": router,
		"port_id": port["id"], "fixed_ip_address": port["fixed_ips"].([]any)[0].(map[string]any)["ip_address"], "status": "ACTIVE"})
}
