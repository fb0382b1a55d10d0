package diagnose

import (
	"net/netip"
	"strings"
)

func addressScenarios() []scenario {
	named := func(name string) func(*stage) { return func(s *stage) { s.request.Name = name } }
	return []scenario{
		{cause: "A1", name: "no port", breaks: func(s *stage) {
			s.record("ports/web", map[string]any{"device_id": "", "fixed_ips": []any{}})
			s.record("servers/web", map[string]any{"addresses": map[string]any{}})
		}},
		{cause: "A1", name: "a port without an address", breaks: func(s *stage) {
			s.record("floatingips/web", map[string]any{"port_id": nil, "router_id": nil, "status": "DOWN"})
			s.record("ports/web", map[string]any{"fixed_ips": []any{}})
		}},
		{cause: "A2", name: "and no jump host is wanted", breaks: func(s *stage) {
			s.request.Name, s.request.NoJump = "nofip", true
		}},
		{cause: "A2", name: "and all jump hosts are down", breaks: func(s *stage) {
			s.request.Name = "nofip"
			for _, name := range []string{"web", "bastion", "volboot", "twonets"} {
				s.act(name, `{"os-stop":null}`)
			}
		}},
		{cause: "A3", name: "free", breaks: func(s *stage) {
			s.record("floatingips/", map[string]any{"floating_ip_address": "127.0.0.77", "floating_network_id": s.idOf("networks", "name=public")})
			s.request.Name = "127.0.0.77"
		}},
		{cause: "A3", name: "on a port of no server", breaks: func(s *stage) {
			s.record("ports/", map[string]any{"name": "spare", "network_id": s.idOf("networks", "name=private"), "fixed_ips": []any{map[string]any{"ip_address": "10.20.0.99"}}})
			s.record("floatingips/", map[string]any{"floating_ip_address": "127.0.0.77", "floating_network_id": s.idOf("networks", "name=public"),
				"port_id": s.idOf("ports", "name=spare"), "fixed_ip_address": "10.20.0.99"})
			s.request.Name = "127.0.0.77"
		}},
		{cause: "A4", name: "on the port's second address", breaks: func(s *stage) {
			s.silence("web")
			port := s.rows("ports", "device_id="+s.Instance("web").ID())[0]
			second := map[string]any{"subnet_id": s.idOf("subnets", "name=private-v4"), "ip_address": "10.20.0.99"}
			s.record("ports/web", map[string]any{"fixed_ips": append(port["fixed_ips"].([]any), second)})
			s.record("floatingips/web", map[string]any{"fixed_ip_address": "10.20.0.99"})
		}},
		{cause: "A5", name: "in ssh_config", breaks: func(s *stage) { s.options = "HostName=127.0.0.9" }},
		{cause: "A6", name: "dialled by its inner port", breaks: func(s *stage) {
			s.request.Name, s.request.Port = "forwarded", 22
		}},
		{cause: "A6", name: "the outer port typed", breaks: func(s *stage) {
			s.request.Name, s.request.NoJump = "forwarded", true
			for _, ip := range s.rows("floatingips", "") {
				if all := ip["port_forwardings"].([]any); len(all) > 0 {
					s.request.Port = int(all[0].(map[string]any)["external_port"].(float64))
				}
			}
		}, mends: runLogin},
		{cause: "A7", name: "and this machine has none", breaks: func(s *stage) {
			s.request.Name, s.request.NoJump = "nofip", true
			port := s.rows("ports", "device_id="+s.Instance("nofip").ID())[0]
			var six []any
			for _, ip := range port["fixed_ips"].([]any) {
				if strings.Contains(ip.(map[string]any)["ip_address"].(string), ":") {
					six = append(six, ip)
				}
			}
			s.record("ports/nofip", map[string]any{"fixed_ips": six})
			s.adjust = func(c *Config) {
				c.Reach.Local.IPv6 = false
				c.Reach.Local.OnLink = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
		}},
		{cause: "A9", name: "a load balancer", breaks: func(s *stage) {
			s.record("ports/", map[string]any{"name": "octavia-lb-vip", "network_id": s.idOf("networks", "name=private"), "device_owner": "Octavia",
				"device_id": "lb-1", "fixed_ips": []any{map[string]any{"ip_address": "10.20.0.99"}}})
			s.request.Name = "10.20.0.99"
		}},
		{cause: "A9", name: "an allowed address pair", breaks: func(s *stage) {
			s.record("ports/web", map[string]any{"allowed_address_pairs": []any{map[string]any{"ip_address": "10.20.0.99", "mac_address": "fa:16:3e:00:00:01"}}})
			named("10.20.0.99")(s)
		}},
	}
}
